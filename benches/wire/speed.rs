//! Rounds of load, each server in turn, workload by workload.

use std::io;

use crate::client::Client;
use crate::instructions;
use crate::load::{self, Sample};
use crate::options::Options;
use crate::progress;
use crate::server::{Kind, Server};
use crate::syscalls;
use crate::workloads::{KeySet, Script, Workload};

/// What one server did under one workload.
pub struct Cell {
    pub kind: Kind,
    /// One a round.
    pub samples: Vec<Sample>,
    /// System calls a request, if counted.
    pub syscalls: Option<f64>,
    /// Instructions a request in user space, if counted.
    pub instructions: Option<f64>,
}

/// One workload, all servers.
pub struct Row {
    pub workload: &'static Workload,
    pub cells: Vec<Cell>,
}

/// Runs the chosen workloads. Servers live as long as workloads share a key set.
pub fn measure(options: &Options) -> io::Result<Vec<Row>> {
    let mut rows = Vec::new();
    for group in options.workloads().chunk_by(|a, b| a.key_set == b.key_set) {
        let mut servers = Vec::new();
        for &kind in options.servers.iter().filter(|&&kind| kind != Kind::Echo) {
            servers.push(start_filled(kind, group[0].key_set, options)?);
        }
        let first = rows.len();
        for workload in group {
            if options.servers.contains(&Kind::Echo) {
                servers.push(Server::start_echo(workload.name)?);
            }
            rows.push(measure_one(workload, &servers, options)?);
            servers.retain(|server| server.kind != Kind::Echo);
        }
        drop(servers);
        if options.instructions {
            instructions::add_to(&mut rows[first..], group[0].key_set, options)?;
        }
    }
    Ok(rows)
}

fn start_filled(kind: Kind, set: &KeySet, options: &Options) -> io::Result<Server> {
    let server = Server::start(kind, &options.programs, set.memory_mb, options.connections)?;
    progress::note(&format!("{} pid {}: {}", kind.name(), server.pid(), set.name));
    Client::connect(server.address)?.fill(set, |step, key| {
        if key.is_multiple_of(1 << 14) {
            progress::show(&format!("{} {step} {key} of {}", kind.name(), set.keys));
        }
    })?;
    Ok(server)
}

fn measure_one(
    workload: &'static Workload,
    servers: &[Server],
    options: &Options,
) -> io::Result<Row> {
    let script = Script::build(workload, options.seed, options.quick);
    let mut cells = Vec::new();
    for server in servers {
        if server.kind != Kind::Echo {
            Client::connect(server.address)?
                .check(workload, options.seed)
                .map_err(|error| explain(workload, server, &error))?;
        }
        cells.push(Cell {
            kind: server.kind,
            samples: Vec::new(),
            syscalls: None,
            instructions: None,
        });
    }
    for round in 0..options.rounds {
        let mut order: Vec<usize> = (0..servers.len()).collect();
        if round % 2 == 1 {
            order.reverse();
        }
        for index in order {
            let server = &servers[index];
            let text = format!("{} round {} {}", workload.name, round + 1, server.kind.name());
            progress::show(&text);
            let sample = load::run(server, &script, options.connections, options.duration)
                .map_err(|error| explain(workload, server, &error))?;
            cells[index].samples.push(sample);
        }
    }
    if options.syscalls {
        for (server, cell) in servers.iter().zip(&mut cells) {
            progress::show(&format!("{} system calls {}", workload.name, server.kind.name()));
            cell.syscalls = Some(syscalls::count(server, &script, options.connections)?);
        }
    }
    progress::note(&format!("{} done", workload.name));
    Ok(Row { workload, cells })
}

fn explain(workload: &Workload, server: &Server, error: &io::Error) -> io::Error {
    io::Error::other(format!("{} on {}: {error}", workload.name, server.kind.name()))
}
