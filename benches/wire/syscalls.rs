//! System calls a request, counted by strace in a run of its own: it slows the server many times.

use std::fs;
use std::io::{self, BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::load::Load;
use crate::server::Server;
use crate::workloads::Script;

const COUNTED: Duration = Duration::from_secs(1);
const ATTACH_DEADLINE: Duration = Duration::from_secs(5);

/// System calls of all the server's threads for each request of the script.
pub fn count(server: &Server, script: &Script, connections: usize) -> io::Result<f64> {
    let mut load = Load::connect(server.address, script, connections)?;
    load.run_until(Instant::now() + COUNTED / 4)?;
    let before = load.requests;
    let mut strace = Command::new("strace")
        .args(["-c", "-f", "-p", &server.pid().to_string()])
        .stderr(Stdio::piped())
        .spawn()?;
    // Both are ended whatever happens in between.
    let outcome = wait_until_attached(server, &mut strace)
        .and_then(|()| load.run_until(Instant::now() + COUNTED));
    Command::new("kill").args(["-INT", &strace.id().to_string()]).status()?;
    let mut summary = String::new();
    let output = strace.stderr.take().expect("stderr is piped");
    BufReader::new(output).read_to_string(&mut summary)?;
    strace.wait()?;
    outcome?;
    let total = summary.lines().rfind(|line| line.ends_with(" total"));
    let calls = total.and_then(|line| line.split_whitespace().nth(3));
    let calls: f64 = calls
        .and_then(|text| text.parse().ok())
        .ok_or_else(|| io::Error::other(format!("strace says {summary}")))?;
    Ok(calls / (load.requests - before).max(1) as f64)
}

fn wait_until_attached(server: &Server, strace: &mut Child) -> io::Result<()> {
    let begun = Instant::now();
    loop {
        let status = fs::File::open(format!("/proc/{}/status", server.pid()))?;
        for line in BufReader::new(status).lines() {
            if line?.strip_prefix("TracerPid:").is_some_and(|pid| pid.trim() != "0") {
                return Ok(());
            }
        }
        if begun.elapsed() > ATTACH_DEADLINE || strace.try_wait()?.is_some() {
            return Err(io::Error::other("strace cannot attach"));
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}
