//! What a second worker costs: processor time a request with `-t 2` against `-t 1`.
//!
//! The server may use both cores. With the load on one of them, one worker has a core of its own
//! while of two, one shares its core with the load; so the ratio holds what sharing costs, which
//! no server can help. Two controls tell that apart: the echo server with one thread and two, which
//! shares nothing but the machine, and the same with the load on both cores, half of it on each,
//! where one worker shares its core as two do. Requests a second say nothing here.

use std::io;
use std::thread;
use std::time::{Duration, Instant};

use crate::client::Client;
use crate::figures::Figures;
use crate::load::{self, Load};
use crate::options::Options;
use crate::progress;
use crate::rounds::alternated;
use crate::script::Script;
use crate::server::{self, Kind, Room, Server};
use crate::syscalls;
use crate::workloads::{self, KeySet, Workload};

/// What is played: lone and pipelined gets and sets, the sets of one size class.
pub const WORKLOADS: [&str; 4] = ["get-10k", "set-10k", "get-p32-10k", "set-p32-10k"];

/// Runs before the clock starts where the load is on both cores, connecting among it.
const WARM_UP: Duration = Duration::from_millis(200);

const THREADS: [(usize, &[&str]); 2] = [(1, &["-t", "1"]), (2, &["-t", "2"])];

/// Where the load is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoadOn {
    OneCore,
    BothCores,
}

/// The name under which the processor time of a workload stands.
pub fn name(workload: &str, threads: usize, on: LoadOn) -> String {
    let on = if on == LoadOn::OneCore { "one core" } else { "both cores" };
    format!("{workload} with -t {threads}, load on {on}: CPU µs")
}

struct Running {
    threads: usize,
    server: Server,
}

/// Every cache, and the echo server, with one worker and with two, under one workload.
pub fn measure(name: &str, options: &Options, figures: &mut Figures) -> io::Result<()> {
    if !options.only.is_empty() && !options.only.iter().any(|only| only == name) {
        return Ok(());
    }
    let workload = workloads::by_name(name).expect("a workload of that name");
    let mut running = Vec::new();
    for &kind in options.servers.iter().filter(|kind| kind.is_cache()) {
        for (threads, arguments) in THREADS {
            let server = start(kind, workload.key_set, arguments, options)?;
            running.push(Running { threads, server });
        }
    }
    if options.servers.contains(&Kind::Echo) {
        for (threads, _) in THREADS {
            let server = Server::start_echo_under(&ANYWHERE, Kind::Echo, name, threads)?;
            running.push(Running { threads, server });
        }
    }
    play(workload, &running, options, figures)
}

const ANYWHERE: [&str; 3] = ["taskset", "-c", "0,1"];

fn start(
    kind: Kind,
    set: &KeySet,
    arguments: &'static [&str],
    options: &Options,
) -> io::Result<Server> {
    let room = Room { options: arguments, ..set.room(options.connections) };
    let server = Server::start_under(&ANYWHERE, kind, &options.programs, &room)?;
    Client::connect(server.address)?.fill(set, |_, _| {})?;
    Ok(server)
}

fn play(
    workload: &Workload,
    all: &[Running],
    options: &Options,
    figures: &mut Figures,
) -> io::Result<()> {
    let script = Script::build(workload, options.seed, options.quick);
    let connections = options.connections;
    for (round, index) in alternated(options.rounds, all.len()) {
        let Running { threads, server } = &all[index];
        let (of, whose) = (workload.name, server.kind.name());
        progress::show(&format!("{of} -t {threads} round {} {whose}", round + 1));
        let sample = load::run(server, &script, connections, options.duration)?;
        figures.add(&name(of, *threads, LoadOn::OneCore), server.kind, sample.cpu_us);
        let cpu_us = on_both_cores(server, &script, connections, options.duration)?;
        figures.add(&name(of, *threads, LoadOn::BothCores), server.kind, cpu_us);
    }
    if options.syscalls {
        for Running { threads, server } in all {
            let count = syscalls::count(server, &script, connections)?;
            let name = format!("{} with -t {threads}: system calls", workload.name);
            figures.add(&name, server.kind, count);
        }
    }
    Ok(())
}

/// Processor time a request where each core has half of the load.
fn on_both_cores(
    server: &Server,
    script: &Script,
    connections: usize,
    duration: Duration,
) -> io::Result<f64> {
    let begin = Instant::now() + WARM_UP;
    let half = |connections| -> io::Result<Load> {
        let mut load = Load::connect(server.address, script, connections)?;
        load.run_until(begin)?;
        load.requests = 0;
        Ok(load)
    };
    thread::scope(|scope| {
        let other = scope.spawn(|| -> io::Result<u64> {
            server::pin_load_beside_server()?;
            let mut load = half(connections / 2)?;
            load.run_until(begin + duration)?;
            Ok(load.requests)
        });
        let mut load = half(connections - connections / 2)?;
        let before = server.cpu_time()?;
        load.run_until(begin + duration)?;
        let used = server.cpu_time()?.total_ns.saturating_sub(before.total_ns);
        let others = other.join().expect("it returns its errors")?;
        Ok(used as f64 / 1e3 / (load.requests + others).max(1) as f64)
    })
}
