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
use crate::rounds::alternated;
use crate::script::Script;
use crate::server::{Kind, Room, Server};
use crate::workloads::{self, Workload};

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
    let mut bench = Bench { options, workload, script: &script, figures };
    let caches = options.servers.iter().filter(|kind| kind.is_cache());
    let servers = caches.map(|&kind| bench.start_filled(kind)).collect::<io::Result<Vec<_>>>()?;
    bench.active(&servers)?;
    servers.iter().try_for_each(|server| bench.among_idle(server))
}

/// What all of it is done with.
struct Bench<'a> {
    options: &'a Options,
    workload: &'a Workload,
    script: &'a Script,
    figures: &'a mut Figures,
}

impl Bench<'_> {
    fn start_filled(&self, kind: Kind) -> io::Result<Server> {
        let Options { programs, idle, connections, .. } = self.options;
        let set = self.workload.key_set;
        let room = Room::new(set.memory_mb, idle + connections);
        let server = Server::start_under(&[], kind, programs, &room)?;
        Client::connect(server.address)?.fill(set, |_, _| {})?;
        Ok(server)
    }

    /// One request a second over each connection, the servers in alternated rounds. No more than
    /// one of them has its connections at a time: the generator may open 20 000 files, no more.
    fn active(&mut self, servers: &[Server]) -> io::Result<()> {
        let Options { idle, rounds, duration, .. } = *self.options;
        let base: Vec<u64> =
            servers.iter().map(Server::resident_bytes).collect::<io::Result<_>>()?;
        // Each connection takes its turn at least once before the memory is looked at.
        let duration = duration.max(Duration::from_millis(1100));
        for (round, index) in alternated(rounds, servers.len()) {
            let server = &servers[index];
            let kind = server.kind;
            progress::show(&format!("{}: {idle} active, round {}", kind.name(), round + 1));
            let before = server.stat("curr_connections")?;
            let mut load = Load::connect(server.address, self.script, idle)?;
            let sample = paced::measure(server, &mut load, idle as f64, duration)?;
            self.figures.add(ACTIVE_CPU, kind, sample.core_share() * 100.0);
            self.figures.add(ACTIVE_P99, kind, sample.p99_us);
            let grown = server.resident_bytes()?.saturating_sub(base[index]);
            self.figures.add(ACTIVE_BYTES, kind, grown as f64 / idle as f64);
            drop(load);
            wait_until_closed(server, before)?;
        }
        Ok(())
    }

    /// Busy connections, with and without idle ones, in the order A B B A.
    fn among_idle(&mut self, server: &Server) -> io::Result<()> {
        let Options { idle, connections, rounds, duration, .. } = *self.options;
        let kind = server.kind;
        for round in 0..rounds {
            progress::show(&format!("{}: busy among idle, round {}", kind.name(), round + 1));
            for among in [round % 2 == 1, round % 2 == 0] {
                let before = server.stat("curr_connections")?;
                let idle = if among { footprint::open(server, idle)? } else { Vec::new() };
                let sample = load::run(server, self.script, connections, duration)?;
                let names = if among { (AMONG_CPU, AMONG_RATE) } else { (ALONE_CPU, ALONE_RATE) };
                self.figures.add(names.0, kind, sample.cpu_us);
                self.figures.add(names.1, kind, sample.per_second() / 1e3);
                drop(idle);
                wait_until_closed(server, before)?;
            }
        }
        Ok(())
    }
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
