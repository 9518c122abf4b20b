//! Rounds of load, each server in turn, workload by workload.

use std::io;

use crate::client::Client;
use crate::instructions;
use crate::load::{self, Sample};
use crate::options::Options;
use crate::paced;
use crate::progress;
use crate::results::Results;
use crate::rounds::alternated;
use crate::rows::{Cell, Row};
use crate::script::Script;
use crate::server::{self, Kind, Server};
use crate::syscalls;
use crate::tables;
use crate::turns;
use crate::workloads::{KeySet, Verb, Workload};

/// Runs the chosen workloads, adds a row for each, and says so when it is done. Servers live as
/// long as workloads share a key set.
pub fn measure(
    options: &Options,
    results: &mut Results,
    added: &dyn Fn(&Results),
) -> io::Result<()> {
    for group in options.workloads().chunk_by(|a, b| a.key_set == b.key_set) {
        let set = group[0].key_set;
        let first = results.rows.len();
        for kinds in together(set, options) {
            let caches = kinds.iter().filter(|kind| kind.is_cache());
            let caches = caches.map(|&kind| start_filled(kind, set, options));
            let mut servers = caches.collect::<io::Result<Vec<_>>>()?;
            for &workload in group {
                for &kind in kinds.iter().filter(|&&kind| answers(kind, workload)) {
                    servers.push(Server::start_echo(kind, workload.name)?);
                }
                if !servers.is_empty() {
                    let row = results.add(measure_one(workload, &servers, options)?);
                    progress::note(&tables::line(row));
                    added(results);
                }
                servers.retain(|server| server.kind.is_cache());
            }
            let told = results.figures.len();
            turns::measure(group, &servers, options, &mut results.figures)?;
            results.figures.lines(told).for_each(|line| progress::note(&line));
            added(results);
        }
        if options.instructions {
            // As with system calls: the rest is worth having without.
            if let Err(error) = instructions::add_to(&mut results.rows[first..], set, options) {
                progress::note(&format!("{}: instructions are not counted: {error}", set.name));
            }
        }
    }
    Ok(())
}

/// Who runs at the same time: all, or one after the other where memory would not do for all. Of a
/// big set it also counts what prefetches and huge pages bring.
fn together(set: &KeySet, options: &Options) -> Vec<Vec<Kind>> {
    if !set.big {
        return vec![options.servers.clone()];
    }
    let kinds = [&options.servers[..], &options.parts].concat();
    let caches = kinds.iter().filter(|kind| kind.is_cache()).count() as u64;
    match caches * (u64::from(set.memory_mb) << 20) <= server::available_bytes() {
        true => vec![kinds],
        false => kinds.into_iter().map(|kind| vec![kind]).collect(),
    }
}

/// Is there an echo server of this kind for the workload?
fn answers(kind: Kind, workload: &Workload) -> bool {
    match kind {
        Kind::Echo => true,
        Kind::Copy | Kind::Scatter => workload.is_of_large_values() && workload.verb == Verb::Get,
        _ => false,
    }
}

/// A cache that holds a key set.
pub fn start_filled(kind: Kind, set: &KeySet, options: &Options) -> io::Result<Server> {
    let room = set.room(turns::DIALECTS_MAX * options.connections);
    let server = Server::start_under(&[], kind, &options.programs, &room)?;
    progress::note(&format!("{} pid {}: {}", kind.name(), server.pid(), set.name));
    Client::connect(server.address)?.fill(set, |step, key| {
        if key.is_multiple_of(1 << 14) {
            progress::show(&format!("{} {step} {key} of {}", kind.name(), set.keys));
        }
    })?;
    if set.big {
        let [all, huge] = [server.resident_bytes()?, server.huge_bytes()?].map(|len| len >> 20);
        progress::note(&format!("{}: {all} MiB, {huge} of it in huge pages", kind.name()));
    }
    Ok(server)
}

fn measure_one(
    workload: &'static Workload,
    servers: &[Server],
    options: &Options,
) -> io::Result<Row> {
    let script = Script::build(workload, options.seed, options.quick);
    let connections = workload.connections(options.connections);
    let mut cells = Vec::new();
    for server in servers {
        if server.kind.is_cache() {
            Client::connect(server.address)?
                .check(workload, options.seed)
                .map_err(|error| explain(workload, server, &error))?;
        }
        cells.push(Cell::new(server.kind));
    }
    for (round, index) in alternated(options.rounds, servers.len()) {
        let server = &servers[index];
        progress::show(&format!("{} round {} {}", workload.name, round + 1, server.kind.name()));
        let sample = load::run(server, &script, connections, options.duration)
            .map_err(|error| explain(workload, server, &error))?;
        cells[index].samples.push(sample);
    }
    // Where servers run one after the other, the slowest is not known before the end.
    let half_rate = half_of_the_slowest(&cells).filter(|_| options.half && servers.len() > 1);
    if let Some(rate) = half_rate {
        for (round, index) in alternated(options.rounds, servers.len()) {
            let server = &servers[index];
            let name = server.kind.name();
            progress::show(&format!("{} half load {} {name}", workload.name, round + 1));
            let samples = paced::run(server, &script, connections, rate, options.duration)
                .map_err(|error| explain(workload, server, &error))?;
            cells[index].half.extend(samples);
        }
    }
    if options.syscalls {
        for (server, cell) in servers.iter().zip(&mut cells) {
            progress::show(&format!("{} system calls {}", workload.name, server.kind.name()));
            match syscalls::count(server, &script, connections) {
                Ok(count) => cell.syscalls = Some(count),
                // The rest of the run is worth having without them.
                Err(error) => progress::note(&format!("system calls are not counted: {error}")),
            }
        }
    }
    Ok(Row { workload, cells, half_rate })
}

/// Half of the requests a second of the slowest cache.
fn half_of_the_slowest(cells: &[Cell]) -> Option<f64> {
    let caches = cells.iter().filter(|cell| cell.kind.is_cache());
    caches.map(|cell| cell.median(Sample::per_second) / 2.0).min_by(f64::total_cmp)
}

fn explain(workload: &Workload, server: &Server, error: &io::Error) -> io::Error {
    io::Error::other(format!("{} on {}: {error}", workload.name, server.kind.name()))
}
