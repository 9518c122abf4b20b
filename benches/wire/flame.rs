//! Where slabd's time goes: stacks that perf sampled under a load, folded, and drawn.
//!
//! Wants a slabd with frame pointers (`scripts/flame.sh` builds one). perf's clock of the processor
//! works in virtual machines, too, where there are no counters of cycles.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::flame_svg::{self, Folded};
use crate::load::Load;
use crate::machine::Machine;
use crate::options::Options;
use crate::progress;
use crate::script::Script;
use crate::server::{Kind, Server};
use crate::speed;
use crate::syscalls;
use crate::workloads;

const WORKLOADS: [&str; 2] = ["get", "get-p32"];
/// Samples a second: not a divisor of anything's period, and several a stage. At a fifth of it,
/// samples fell in step with the stages of pipelined gets, and nearly all on their sends.
const FREQUENCY: &str = "9973";
const WARM_UP: Duration = Duration::from_millis(300);

/// Draws one graph a workload, as DATE-COMMIT-flame-WORKLOAD.svg.
pub fn draw(options: &Options) -> io::Result<()> {
    let here = PathBuf::from(".");
    let directory = options.out.as_ref().unwrap_or(&here);
    fs::create_dir_all(directory)?;
    let machine = Machine::new();
    let mut server: Option<Server> = None;
    for name in WORKLOADS {
        let workload = workloads::by_name(name).expect("a workload of that name");
        let server = match &mut server {
            Some(server) => server,
            none => none.insert(speed::start_filled(Kind::Slabd, workload.key_set, options)?),
        };
        progress::show(&format!("{name}: sampling"));
        let script = Script::build(workload, options.seed, options.quick);
        let mut load = Load::connect(server.address, &script, options.connections)?;
        load.run_until(Instant::now() + WARM_UP)?;
        let folded = sample(server, &mut load, options.duration)?;
        let total: u64 = folded.values().sum();
        let title = format!("slabd, {name}, {total} samples; {}", machine.line);
        let path = directory.join(format!("{}-flame-{name}.svg", machine.name));
        fs::write(&path, flame_svg::draw(&title, &folded))?;
        progress::note(&format!("kept {}", path.display()));
    }
    Ok(())
}

/// The stacks of the server while the load runs.
fn sample(server: &Server, load: &mut Load, duration: Duration) -> io::Result<Folded> {
    let file = format!("slabd-flame-{}.perf", std::process::id());
    let file = std::env::temp_dir().join(file);
    let mut perf = Command::new("perf")
        .args(["record", "-q", "-e", "cpu-clock", "-F", FREQUENCY, "-g", "-p"])
        .arg(server.pid().to_string())
        .arg("-o")
        .arg(&file)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    let outcome = syscalls::watch(&mut perf, load, duration);
    perf.wait()?;
    let folded = outcome.and_then(|()| fold(&file));
    // Also perf's own copy of it, if there is one.
    let _ = fs::remove_file(&file);
    folded
}

/// perf's listing: a line with the thread's name, a line a frame, innermost first, an empty line.
fn fold(file: &Path) -> io::Result<Folded> {
    let output = Command::new("perf")
        .args(["script", "-F", "comm,ip,sym", "-i"])
        .arg(file)
        .stderr(Stdio::null())
        .output()?;
    let mut folded = Folded::new();
    let mut stack: Vec<String> = Vec::new();
    let text = String::from_utf8_lossy(&output.stdout);
    for line in text.lines().chain([""]) {
        if !line.is_empty() {
            stack.push(frame(line));
        } else if let Some((thread, frames)) = stack.split_first() {
            let stack = std::iter::once(thread).chain(frames.iter().rev()).cloned().collect();
            *folded.entry(stack).or_default() += 1;
        }
        if line.is_empty() {
            stack.clear();
        }
    }
    match folded.is_empty() {
        true => Err(io::Error::other("perf took no samples")),
        false => Ok(folded),
    }
}

/// The thread's name, or the function without its address and its hash.
fn frame(line: &str) -> String {
    let Some(line) = line.strip_prefix(['\t', ' ']) else { return line.trim().to_string() };
    let name = line.trim().split_once(' ').map_or("unknown", |(_, name)| name);
    let name = name.trim_end_matches(" (inlined)");
    match name.rsplit_once("::h") {
        Some((name, hash)) if hash.len() == 16 => name.to_string(),
        _ => name.to_string(),
    }
}
