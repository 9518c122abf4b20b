//! Many connections: all of them at work now and then, or idle beside a few busy ones.

use std::io;
use std::time::{Duration, Instant};

use crate::client::Client;
use crate::figures::Figures;
use crate::footprint;
use crate::load::{self, Load};
use crate::options::Options;
use crate::paced;
use crate::progress;
use crate::server::{Kind, Room, Server};
use crate::workloads::{self, Script, Workload};

/// The names of what is measured.
pub const ACTIVE_CPU: &str = "every connection one get a second: % of a core";
pub const ACTIVE_BYTES: &str = "every connection one get a second: bytes a connection";
pub const ACTIVE_P99: &str = "every connection one get a second: p99 µs";
pub const ALONE_CPU: &str = "busy connections alone: CPU µs a get";
pub const AMONG_CPU: &str = "busy connections among idle ones: CPU µs a get";
pub const ALONE_RATE: &str = "busy connections alone: k gets/s";
pub const AMONG_RATE: &str = "busy connections among idle ones: k gets/s";

/// How long a server may take to notice that connections were closed.
const CLOSE_DEADLINE: Duration = Duration::from_secs(30);

/// Runs both on every cache.
pub fn measure(options: &Options, figures: &mut Figures) -> io::Result<()> {
    let workload = workloads::by_name("get-10k").expect("a workload of that name");
    let script = Script::build(workload, options.seed, options.quick);
    let caches = || options.servers.iter().copied().filter(|kind| kind.is_cache());
    for kind in caches() {
        active(kind, workload, &script, options, figures)?;
    }
    for kind in caches() {
        among_idle(kind, workload, &script, options, figures)?;
    }
    Ok(())
}

fn start_filled(kind: Kind, workload: &Workload, options: &Options) -> io::Result<Server> {
    let set = workload.key_set;
    let room = Room::new(set.memory_mb, options.idle + options.connections);
    let server = Server::start_under(&[], kind, &options.programs, &room)?;
    Client::connect(server.address)?.fill(set, |_, _| {})?;
    Ok(server)
}

/// One request a second over each connection.
fn active(
    kind: Kind,
    workload: &Workload,
    script: &Script,
    options: &Options,
    figures: &mut Figures,
) -> io::Result<()> {
    progress::note(&format!("{}: {} active connections", kind.name(), options.idle));
    let server = start_filled(kind, workload, options)?;
    let base = server.resident_bytes()?;
    let mut load = Load::connect(server.address, script, options.idle)?;
    for _ in 0..options.rounds {
        // Each connection takes its turn at least once before the memory is looked at.
        let duration = options.duration.max(Duration::from_millis(1100));
        let sample = paced::measure(&server, &mut load, options.idle as f64, duration)?;
        figures.add(ACTIVE_CPU, kind, sample.core_share() * 100.0);
        figures.add(ACTIVE_P99, kind, sample.p99_us);
        let grown = server.resident_bytes()?.saturating_sub(base);
        figures.add(ACTIVE_BYTES, kind, grown as f64 / options.idle as f64);
    }
    Ok(())
}

/// Busy connections, with and without idle ones, in the order A B B A.
fn among_idle(
    kind: Kind,
    workload: &Workload,
    script: &Script,
    options: &Options,
    figures: &mut Figures,
) -> io::Result<()> {
    let server = start_filled(kind, workload, options)?;
    for round in 0..options.rounds {
        progress::show(&format!("{}: busy among idle, round {}", kind.name(), round + 1));
        for among in [round % 2 == 1, round % 2 == 0] {
            let before = server.stat("curr_connections")?;
            let idle = if among { footprint::open(&server, options.idle)? } else { Vec::new() };
            let sample = load::run(&server, script, options.connections, options.duration)?;
            let names = if among { (AMONG_CPU, AMONG_RATE) } else { (ALONE_CPU, ALONE_RATE) };
            figures.add(names.0, kind, sample.cpu_us);
            figures.add(names.1, kind, sample.per_second() / 1e3);
            drop(idle);
            wait_until_closed(&server, before)?;
        }
    }
    Ok(())
}

fn wait_until_closed(server: &Server, connected: u64) -> io::Result<()> {
    let begun = Instant::now();
    while server.stat("curr_connections")? > connected {
        if begun.elapsed() > CLOSE_DEADLINE {
            return Err(io::Error::other(format!("{} keeps connections", server.kind.name())));
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    Ok(())
}
