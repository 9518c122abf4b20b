//! The wire bench: slabd, memcached and an echo server side by side, over sockets.
//!
//! One core serves and the other loads, one server at a time, in alternated rounds; what counts
//! are the ratios of server processor time per request within one round, which stay put (5 to 8 %)
//! where requests per second do not. Nothing here asserts a time. `--help` says what it can do,
//! `benches/results/README` what is kept.

#[path = "../common/canvas.rs"]
#[allow(dead_code, reason = "shared with the replay bench")]
mod canvas;
mod churn;
mod client;
mod connections;
mod dialects;
mod echo;
mod figures;
mod flame;
mod flame_svg;
mod footprint;
mod goals;
mod histogram;
mod instructions;
mod load;
#[path = "../common/machine.rs"]
mod machine;
mod options;
mod paced;
mod pauses;
mod plot;
#[path = "../common/progress.rs"]
mod progress;
mod report;
mod scaling;
#[path = "../common/server.rs"]
#[allow(dead_code, reason = "shared with the replay bench")]
mod server;
mod speed;
mod syscalls;
#[path = "../common/table.rs"]
mod table;
mod tables;
mod values;
mod workloads;

use std::io;
use std::process::ExitCode;

use options::{Mode, Options};
use report::Report;

fn main() -> ExitCode {
    let options = match Options::parse(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(complaint) => {
            eprintln!("wire: {complaint}");
            return ExitCode::from(2);
        }
    };
    match run(options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("wire: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(mut options: Options) -> io::Result<()> {
    match options.mode {
        Mode::Help => println!("{}", options::HELP),
        Mode::List => {
            for workload in &workloads::WORKLOADS {
                println!("{:14} {}", workload.name, workload.key_set.name);
            }
        }
        Mode::EchoServer(workload) => echo::serve(workload, options.servers[0])?,
        Mode::Flame => {
            server::pin_load();
            flame::draw(&options)?;
        }
        mode => {
            leave_out_what_is_missing(&mut options);
            let report = measure(mode, &options)?;
            report.print(&options);
            if let Some(directory) = &options.out {
                report.keep(directory)?;
            }
        }
    }
    Ok(())
}

fn measure(mode: Mode, options: &Options) -> io::Result<Report> {
    let wanted = |one: Mode| mode == Mode::All || mode == one;
    let mut report = Report::new(options);
    if wanted(Mode::Speed) {
        report.add_speed(speed::measure(options)?);
    }
    if wanted(Mode::Memory) {
        report.add_memory(footprint::memory(options)?);
    }
    if wanted(Mode::Idle) {
        report.add_idle(footprint::idle(options)?);
    }
    if wanted(Mode::Connections) {
        connections::measure(options, &mut report.figures)?;
        churn::measure(options, &mut report.figures)?;
        churn::measure_start(options, &mut report.figures)?;
    }
    if wanted(Mode::Pauses) {
        pauses::measure(options, &mut report.figures)?;
    }
    if wanted(Mode::Scaling) {
        scaling::measure(options, &mut report.figures)?;
    }
    Ok(report)
}

fn leave_out_what_is_missing(options: &mut Options) {
    if !server::pin_load() {
        eprintln!("fewer than two cores of our own: nothing is pinned, ratios will be poor");
    }
    server::leave_out_what_is_missing(&mut options.servers, &options.programs);
    if options.workloads().iter().any(|workload| workload.key_set.big) {
        server::leave_out_what_is_missing(&mut options.parts, &options.programs);
    }
    if options.instructions && !instructions::available() {
        eprintln!("valgrind not found: instructions are not counted");
        options.instructions = false;
    }
}
