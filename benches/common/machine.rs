//! When and where something was measured, and of which source: for whoever reads it later.

use std::fs;
use std::process::Command;

use slabd::sys::cpu;

/// The circumstances.
pub struct Machine {
    /// UTC date and commit: the name under which results are kept.
    pub name: String,
    /// The same, and the machine, for people.
    pub line: String,
}

impl Machine {
    /// This one, now. A commit with changes that are not committed ends in -modified.
    pub fn new() -> Machine {
        let date = output_of("date", &["-u", "+%F"]);
        let mut commit = output_of("git", &["rev-parse", "--short", "HEAD"]);
        if commit.is_empty() {
            commit = "unknown".to_string();
        } else if !output_of("git", &["status", "--porcelain", "-uno"]).is_empty() {
            commit.push_str("-modified");
        }
        let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let model = cpuinfo.lines().find_map(|line| line.strip_prefix("model name"));
        let model = model.map_or("unknown processor", |text| text.trim_matches([' ', '\t', ':']));
        let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        let (kernel, cores) = (kernel.trim(), cpu::core_count());
        Machine {
            line: format!("{date}, commit {commit}; {model}, {cores} cores; Linux {kernel}"),
            name: format!("{date}-{commit}"),
        }
    }
}

/// What a command prints, or nothing if it fails.
fn output_of(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    let text = output.ok().filter(|output| output.status.success()).map(|output| output.stdout);
    String::from_utf8_lossy(&text.unwrap_or_default()).trim().to_string()
}
