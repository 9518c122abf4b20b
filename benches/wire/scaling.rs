//! What a second worker costs: processor time a request with `-t 2` against `-t 1`.
//!
//! Servers may use both cores, and the load has one of them: with two workers, one shares its core
//! with the load. Requests a second therefore say nothing here; processor time a request does.

use std::io;

use crate::client::Client;
use crate::figures::Figures;
use crate::load;
use crate::options::Options;
use crate::progress;
use crate::server::{Room, Server};
use crate::speed;
use crate::workloads::{self, Script};

/// What is played: lone and pipelined gets and sets, the sets of one size class.
pub const WORKLOADS: [&str; 4] = ["get-10k", "set-10k", "get-p32-10k", "set-p32-10k"];

const THREADS: [(&str, &[&str]); 2] = [("1", &["-t", "1"]), ("2", &["-t", "2"])];

/// The name under which the processor time of a workload stands.
pub fn name(workload: &str, threads: &str) -> String {
    format!("{workload} with -t {threads} on two cores: CPU µs")
}

/// Every cache with one worker and with two.
pub fn measure(options: &Options, figures: &mut Figures) -> io::Result<()> {
    let set = workloads::by_name(WORKLOADS[0]).expect("a workload of that name").key_set;
    let mut servers = Vec::new();
    for &kind in options.servers.iter().filter(|kind| kind.is_cache()) {
        for (threads, arguments) in THREADS {
            let room = Room { options: arguments, ..set.room(options.connections) };
            let wrapper = ["taskset", "-c", "0,1"];
            let server = Server::start_under(&wrapper, kind, &options.programs, &room)?;
            Client::connect(server.address)?.fill(set, |_, _| {})?;
            servers.push((threads, server));
        }
    }
    for workload in WORKLOADS {
        let script = workloads::by_name(workload).expect("a workload of that name");
        let script = Script::build(script, options.seed, options.quick);
        for (round, index) in speed::alternated(options.rounds, servers.len()) {
            let (threads, server) = &servers[index];
            let kind = server.kind;
            progress::show(&format!("{workload} -t {threads} round {} {}", round + 1, kind.name()));
            let sample = load::run(server, &script, options.connections, options.duration)?;
            figures.add(&name(workload, threads), kind, sample.cpu_us);
        }
    }
    Ok(())
}
