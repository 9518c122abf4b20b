//! What the same multi-get costs in each dialect: on one server, by turns of a tenth of a second.
//!
//! Rows of the table lie minutes apart, and within minutes a machine changes by more than dialects
//! differ. Here a ratio is of turns that follow each other; every turn awaits its last answer, so
//! none pays for another's.

use std::io;
use std::time::{Duration, Instant};

use crate::figures::Figures;
use crate::load::Load;
use crate::options::Options;
use crate::progress;
use crate::rounds::alternated;
use crate::script::Script;
use crate::server::Server;
use crate::workloads::{Verb, Workload};

const TURN: Duration = Duration::from_millis(100);
/// Fewer, and the median of their ratios moves by more than a hundredth.
const TURNS_MIN: usize = 20;

/// Dialects at most: a server must have room for the connections of each, since all stay open.
pub const DIALECTS_MAX: usize = 4;

/// The name under which the processor time of a workload stands.
pub fn name(workload: &str) -> String {
    format!("{workload}, dialects in turns: CPU µs")
}

/// The multi-gets among workloads of one key set, if they are of several dialects, on slabd and its
/// variants: memcached's dialects differ by more than a machine changes.
pub fn measure(
    group: &[&Workload],
    servers: &[Server],
    options: &Options,
    figures: &mut Figures,
) -> io::Result<()> {
    let mut asked: Vec<&Workload> = group.to_vec();
    asked.retain(|workload| matches!(workload.verb, Verb::MultiGet { .. }));
    asked.truncate(DIALECTS_MAX);
    let mut servers: Vec<&Server> = servers.iter().collect();
    servers.retain(|server| server.kind.is_cache() && !server.kind.is_memcached());
    if asked.len() < 2 || servers.is_empty() {
        return Ok(());
    }
    let build = |workload: &&Workload| Script::build(workload, options.seed, options.quick);
    let scripts: Vec<Script> = asked.iter().map(build).collect();
    let whole = options.duration.as_secs_f64() * options.rounds as f64;
    let least = if options.quick { 1 } else { TURNS_MIN };
    let turns = ((whole / TURN.as_secs_f64()) as usize).max(least);
    for server in servers {
        let connect = |script| Load::connect(server.address, script, options.connections);
        let mut loads = scripts.iter().map(connect).collect::<io::Result<Vec<_>>>()?;
        // One turn more: the first is to warm up.
        for (turn, index) in alternated(turns + 1, loads.len()) {
            let name = asked[index].name;
            progress::show(&format!("{name} in turns {turn} {}", server.kind.name()));
            let cpu_us = play(server, &mut loads[index])?;
            if turn > 0 {
                figures.add(&self::name(name), server.kind, cpu_us);
            }
        }
    }
    Ok(())
}

/// One turn: processor time of the server a request.
fn play(server: &Server, load: &mut Load) -> io::Result<f64> {
    let (answered, before) = (load.requests, server.cpu_time()?);
    load.run_until(Instant::now() + TURN)?;
    load.settle()?;
    let used = server.cpu_time()?.total_ns.saturating_sub(before.total_ns);
    Ok(used as f64 / 1e3 / (load.requests - answered).max(1) as f64)
}
