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
        Mode::EchoServer(workload, threads) => echo::serve(workload, options.servers[0], threads)?,
        Mode::Flame => {
            server::pin_load();
            flame::draw(&options)?;
        }
        mode => {
            leave_out_what_is_missing(&mut options);
            let mut report = Report::new(&options);
            let outcome = measure(mode, &options, &mut report);
            report.print(&options);
            if let Some(directory) = &options.out {
                report.keep(directory)?;
            }
            outcome?;
        }
    }
    Ok(())
}

/// Measures what is wanted. What fails does not keep the rest from being measured; the last failure
/// is returned.
fn measure(mode: Mode, options: &Options, report: &mut Report) -> io::Result<()> {
    let mut outcome = Ok(());
    let mut part = |of: Mode, measure: &mut dyn FnMut() -> io::Result<()>| {
        let wanted = mode == Mode::All || mode == of;
        if let Err(error) = if wanted { measure() } else { Ok(()) } {
            progress::note(&format!("wire: {of:?}: {error}"));
            outcome = Err(error);
        }
    };
    let mut rows = Vec::new();
    part(Mode::Speed, &mut || speed::measure(options, &mut rows));
    report.add_speed(rows);
    part(Mode::Memory, &mut || footprint::memory(options).map(|found| report.add_memory(found)));
    part(Mode::Idle, &mut || footprint::idle(options).map(|found| report.add_idle(found)));
    let figures = &mut report.figures;
    part(Mode::Connections, &mut || connections::measure(options, figures));
    part(Mode::Connections, &mut || churn::measure(options, figures));
    part(Mode::Connections, &mut || churn::measure_start(options, figures));
    part(Mode::Pauses, &mut || pauses::measure(options, figures));
    part(Mode::Scaling, &mut || scaling::measure(options, figures));
    outcome
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
