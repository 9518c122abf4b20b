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
mod control;
mod dialects;
mod echo;
mod figures;
mod flame;
mod flame_svg;
mod footprint;
mod goals;
mod histogram;
mod holds;
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
mod results;
mod rounds;
mod rows;
mod scaling;
mod script;
#[path = "../common/server.rs"]
#[allow(dead_code, reason = "shared with the replay bench")]
mod server;
mod speed;
mod syscalls;
#[path = "../common/table.rs"]
mod table;
mod tables;
mod turns;
mod values;
mod workloads;

use std::io;
use std::process::ExitCode;

use options::{Mode, Options};
use report::Report;
use results::Results;

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
        Mode::Holds => {
            server::pin_load();
            if let Some(directory) = &options.out {
                std::fs::create_dir_all(directory)?;
            }
            let (machine, table) = (machine::Machine::new(), holds::measure(&options)?);
            let text = format!("{}\n\n{}", machine.line, table.render(options.markdown));
            print!("{text}");
            if let Some(directory) = &options.out {
                let word = options.name.as_deref().map(|word| format!("-{word}"));
                let name = format!("{}{}-holds.md", machine.name, word.unwrap_or_default());
                std::fs::write(directory.join(name), text)?;
            }
        }
        mode => {
            leave_out_what_is_missing(&mut options);
            let report = Report::new(&options)?;
            let mut results = Results::default();
            let outcome = measure(mode, &options, &report, &mut results);
            report.print(&results, &options);
            report.keep(&results, outcome.is_ok())?;
            outcome?;
        }
    }
    Ok(())
}

/// Measures what is wanted, and tells and keeps it as it comes. What fails does not keep the rest
/// from being measured; the last failure is returned.
fn measure(
    mode: Mode,
    options: &Options,
    report: &Report,
    results: &mut Results,
) -> io::Result<()> {
    let mut outcome = Ok(());
    let mut part = |of: Mode, measure: &dyn Fn(&mut Results) -> io::Result<()>| {
        if mode != Mode::All && mode != of {
            return;
        }
        let told = results.figures.len();
        if let Err(error) = measure(results) {
            progress::note(&format!("wire: {of:?}: {error}"));
            outcome = Err(error);
        }
        results.figures.lines(told).for_each(|line| progress::note(&line));
        report.keep_so_far(results);
    };
    let added = |results: &Results| report.keep_so_far(results);
    part(Mode::Speed, &|results| speed::measure(options, results, &added));
    part(Mode::Memory, &|results| footprint::memory(options, &mut results.items));
    part(Mode::Idle, &|results| footprint::idle(options, &mut results.connections));
    part(Mode::Connections, &|results| connections::measure(options, &mut results.figures));
    part(Mode::Connections, &|results| churn::measure(options, &mut results.figures));
    part(Mode::Connections, &|results| churn::measure_start(options, &mut results.figures));
    for event in &pauses::EVENTS {
        part(Mode::Pauses, &|results| pauses::measure(event, options, &mut results.figures));
    }
    for workload in scaling::WORKLOADS {
        part(Mode::Scaling, &|results| scaling::measure(workload, options, &mut results.figures));
    }
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
