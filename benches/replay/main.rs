//! The replay: what is missed at a given size of memory, on traces and on workloads made from a
//! seed. `--help` says what it can do.

#[path = "../common/canvas.rs"]
#[allow(dead_code, reason = "shared with the wire bench")]
mod canvas;
mod capacity;
mod client;
mod clock;
mod ideal;
mod in_process;
#[path = "../common/machine.rs"]
mod machine;
mod options;
mod plot;
#[path = "../common/progress.rs"]
mod progress;
mod report;
#[path = "../../tests/common/rng.rs"]
#[allow(dead_code, reason = "tests draw in more ways")]
mod rng;
mod rows;
mod score;
#[path = "../common/server.rs"]
#[allow(dead_code, reason = "shared with the wire bench")]
mod server;
mod shift_test;
#[path = "../common/table.rs"]
mod table;
mod windows;
mod wire;
mod workloads;

use std::fs;
use std::io;
use std::process::ExitCode;

use clock::Pace;
use machine::Machine;
use options::{Mode, Options};
use report::Report;
use rows::Row;
use slabd::store::ClassStats;
use table::Table;
use workloads::{Requests, Workload};

fn main() -> ExitCode {
    let options = match Options::parse(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(complaint) => {
            eprintln!("replay: {complaint}");
            return ExitCode::from(2);
        }
    };
    match run(options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("replay: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(mut options: Options) -> io::Result<()> {
    if matches!(options.mode, Mode::Wire | Mode::ShiftTest | Mode::Capacity) {
        server::leave_out_what_is_missing(&mut options.servers, &options.programs);
    }
    match options.mode {
        Mode::Help => println!("{}", options::HELP),
        Mode::List => {
            for workload in &options.workloads {
                println!("{:10} {}", workload.name, workload.about);
            }
        }
        Mode::Wire => {
            let report = Report::new(options.seed, over_the_wire(&options)?);
            print!("{}", report.text(options.markdown));
            if let Some(directory) = &options.out {
                report.keep(directory)?;
            }
        }
        Mode::ShiftTest => {
            let memory_mb = options.memory.first().copied().unwrap_or(64);
            let table = shift_test::run(&options, memory_mb)?;
            let title = format!("Shift test at -m {memory_mb}, {} s each", options.seconds);
            tell("shift", &title, &[table], &options)?;
        }
        Mode::Capacity => {
            let memory_mb = options.memory.first().copied().unwrap_or(1024);
            let tables = [capacity::roomy(&options)?, capacity::full(&options, memory_mb)?];
            let title = format!("Bytes of process memory an item; items held at -m {memory_mb}");
            tell("capacity", &title, &tables, &options)?;
        }
        Mode::InProcess => print!("{}", in_process(&options)?.render(options.markdown)),
    }
    Ok(())
}

/// Prints tables under a title, and keeps them if asked to.
fn tell(name: &str, title: &str, tables: &[Table], options: &Options) -> io::Result<()> {
    let machine = Machine::new();
    let text = |markdown| {
        let tables: Vec<String> = tables.iter().map(|table| table.render(markdown)).collect();
        format!("{}\n{title}\n\n{}", machine.line, tables.join("\n"))
    };
    print!("{}", text(options.markdown));
    let Some(directory) = &options.out else { return Ok(()) };
    fs::create_dir_all(directory)?;
    fs::write(directory.join(format!("{}-{name}.md", machine.name)), text(true))
}

/// Every server on every workload at every size, one server at a time.
fn over_the_wire(options: &Options) -> io::Result<Vec<Row>> {
    let mut rows = Vec::new();
    for workload in &options.workloads {
        for &memory_mb in &workload.sizes_mb {
            let name = &workload.name;
            progress::show(&format!("{name} at {memory_mb} MB: ideal"));
            let pace = Pace::new(workload.divisor, options.rate);
            let limit = u64::from(memory_mb) << 20;
            let ideal = ideal::play(requests(workload, options)?, pace, limit);
            let (divisor, mut runs) = (workload.divisor, Vec::new());
            for &kind in &options.servers {
                let title = format!("{name} at {memory_mb} MB: {}", kind.name());
                let server = options.start(kind, memory_mb)?;
                let requests = requests(workload, options)?;
                let run = wire::play(&server, requests, pace, |count, score| {
                    progress::show(&format!("{title}: {count}, {:.4}", score.miss_ratio()));
                })?;
                progress::note(&format!(
                    "{title} missed {:.4} (LRU +60 {:.4}), {:.1} MiB resident, {:.0} s",
                    run.score.miss_ratio(),
                    ideal.miss_ratio(),
                    run.resident as f64 / f64::from(1 << 20),
                    run.seconds
                ));
                runs.push(run);
            }
            rows.push(Row { workload: name.clone(), memory_mb, divisor, ideal, runs });
        }
    }
    Ok(rows)
}

/// The store itself, beside an ideal LRU.
fn in_process(options: &Options) -> io::Result<Table> {
    let mut table = Table::new(&[
        "workload",
        "-m",
        "missed",
        "LRU +60",
        "÷",
        "bytes missed",
        "LRU +60",
        "evicted",
        "refused",
        "pages moved",
        "items",
        "item bytes",
        "expired 2 s ago, % of -m",
    ]);
    for workload in &options.workloads {
        for &memory_mb in &workload.sizes_mb {
            progress::show(&format!("{} at {memory_mb} MB", workload.name));
            let pace = Pace::new(workload.divisor, options.rate);
            let config = in_process::store_config(memory_mb, &options.slabd_options)?;
            let requests = || requests(workload, options);
            let found = in_process::play(requests()?, pace, config)?;
            let ideal = ideal::play(requests()?, pace, u64::from(memory_mb) << 20);
            let (score, stats) = (found.score, found.stats);
            let evicted = |class: &ClassStats| class.evicted;
            table.rows.push(vec![
                workload.name.clone(),
                memory_mb.to_string(),
                format!("{:.4}", score.miss_ratio()),
                format!("{:.4}", ideal.miss_ratio()),
                format!("{:.3}", score.miss_ratio() / ideal.miss_ratio()),
                format!("{:.4}", score.byte_miss_ratio()),
                format!("{:.4}", ideal.byte_miss_ratio()),
                stats.classes.iter().map(evicted).sum::<u64>().to_string(),
                score.set_failures.to_string(),
                stats.slabs_moved.to_string(),
                stats.items.to_string(),
                stats.bytes.to_string(),
                format!("{:.3}", found.expired_bytes as f64 / f64::from(memory_mb << 20) * 100.0),
            ]);
        }
    }
    progress::show("");
    Ok(table)
}

/// The requests of a workload, as many as are asked for.
fn requests(workload: &Workload, options: &Options) -> io::Result<Requests> {
    Ok(Box::new(workload.requests(options.seed)?.take(options.requests)))
}
