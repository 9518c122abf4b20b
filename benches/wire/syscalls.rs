//! System calls a request, in a run of its own.
//!
//! `perf stat` counts them at the kernel's tracepoint. strace would count too, but it slows a
//! server so much that requests queue up and are served many at a time, which is what one wants
//! to know. Needs perf and the right to use tracepoints.

use std::fs;
use std::io::{self, Read};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::load::Load;
use crate::script::Script;
use crate::server::Server;

const COUNTED: Duration = Duration::from_millis(500);
const ATTACH_DEADLINE: Duration = Duration::from_secs(5);

/// System calls of all the server's threads for each request of the script.
pub fn count(server: &Server, script: &Script, connections: usize) -> io::Result<f64> {
    let mut load = Load::connect(server.address, script, connections)?;
    load.run_until(Instant::now() + COUNTED / 4)?;
    let before = load.requests;
    let mut perf = Command::new("perf")
        .args(["stat", "-x,", "-e", "raw_syscalls:sys_enter", "-p", &server.pid().to_string()])
        .stderr(Stdio::piped())
        .spawn()?;
    let outcome = watch(&mut perf, &mut load, COUNTED);
    let mut output = String::new();
    perf.stderr.take().expect("stderr is piped").read_to_string(&mut output)?;
    perf.wait()?;
    outcome?;
    let calls = output.split(',').next().and_then(|text| text.trim().parse::<f64>().ok());
    let calls = calls.ok_or_else(|| io::Error::other(format!("perf says {output}")))?;
    Ok(calls / (load.requests - before).max(1) as f64)
}

/// Runs the load for a while once perf is there, and then interrupts perf, whatever happened.
pub fn watch(perf: &mut Child, load: &mut Load, duration: Duration) -> io::Result<()> {
    let outcome =
        wait_until_attached(perf).and_then(|()| load.run_until(Instant::now() + duration));
    Command::new("kill").args(["-INT", &perf.id().to_string()]).status()?;
    outcome
}

/// perf counts from the moment it holds its events.
fn wait_until_attached(perf: &mut Child) -> io::Result<()> {
    let begun = Instant::now();
    loop {
        for file in fs::read_dir(format!("/proc/{}/fd", perf.id()))? {
            let target = fs::read_link(file?.path()).unwrap_or_default();
            if target.to_string_lossy().contains("perf_event") {
                std::thread::sleep(Duration::from_millis(20));
                return Ok(());
            }
        }
        if begun.elapsed() > ATTACH_DEADLINE || perf.try_wait()?.is_some() {
            return Err(io::Error::other("perf cannot attach"));
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}
