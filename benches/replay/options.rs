//! The command line of the replay.

use std::io;
use std::path::PathBuf;

use crate::server::{Kind, Programs, Server};
use crate::workloads::{self, Workload};

pub const HELP: &str = "\
Replays workloads as a look-aside cache meets them: a get, and after a miss a set. Plays them over
the wire on slabd and on memcached, one after the other, at the same -m.

usage: cargo bench --bench replay -- [OPTIONS]

  --in-process           play on the store itself, without sockets: quick, the same every time
  --shift-test           instead: fill with 100 B values, then 10 KiB only, then 100 B again, and
                         after what time each server hits as often as a fresh one
  --capacity             instead: items held when full, by size of value, and bytes an item
  --trace PATH[:MB,MB]   a trace instead of the made workloads, and -m to play it at: *.bin
                         (oracleGeneral), *.csv (Twitter's open format), or a folder with pop.json,
                         sizes.json and config.json (CacheLib's cachebench); may be repeated
  --made                 the made workloads as well
  --only NAME[,NAME]     workloads with these names (--list shows them)
  --memory MB[,MB]       -m to play at, instead of the workload's own; 64 for --shift-test, 1024
                         for --capacity
  --divide N             divide trace time and TTLs by N; 0: as fast as it goes
  --seconds N            for --shift-test: of traffic after each change (60)
  --rate N               requests a second of workloads that are not paced otherwise (as fast as
                         it goes; the clock of --in-process then counts 100000 a second)
  --requests N           only the first N requests
  --seed N               of what is drawn (1)
  --servers A[,B]        of slabd, memcached
  --slabd PATH           the program (the one cargo built)
  --memcached PATH       the program (memcached)
  --option WORD          a further option of slabd's, as `--option=-f --option=1.1`
  --markdown             print tables in Markdown
  --out DIR              also keep the results in DIR, by date and commit
  --list                 name the workloads";

/// Memory sizes for a trace that is not told any.
const TRACE_SIZES_MB: [u32; 4] = [32, 64, 128, 256];

/// What to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    Wire,
    InProcess,
    ShiftTest,
    Capacity,
    List,
    Help,
}

/// The settings of one run.
pub struct Options {
    pub mode: Mode,
    pub workloads: Vec<Workload>,
    /// `-m` that was asked for.
    pub memory: Vec<u32>,
    pub rate: Option<u64>,
    pub requests: usize,
    pub seconds: u64,
    pub seed: u64,
    pub servers: Vec<Kind>,
    pub programs: Programs,
    pub slabd_options: Vec<String>,
    pub markdown: bool,
    pub out: Option<PathBuf>,
}

impl Options {
    /// Reads the arguments, the program's name not among them.
    pub fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Options, String> {
        let mut options = Options::usual();
        let (mut traces, mut only) = (Vec::new(), Vec::new());
        let (mut divisor, mut with_made) = (None, false);
        // `cargo test` runs benches without `--bench`, to see that they work.
        let mut benching = false;
        while let Some(argument) = arguments.next() {
            benching = true;
            let (name, inline) = match argument.split_once('=') {
                Some((name, value)) => (name.to_string(), Some(value.to_string())),
                None => (argument, None),
            };
            let mut value = || {
                inline.clone().or_else(|| arguments.next()).ok_or(format!("{name} needs a value"))
            };
            match name.as_str() {
                "--bench" => {}
                "--in-process" => options.mode = Mode::InProcess,
                "--shift-test" => options.mode = Mode::ShiftTest,
                "--capacity" => options.mode = Mode::Capacity,
                "--seconds" => options.seconds = number(&name, &value()?)?,
                "--trace" => traces.push(trace(&value()?)?),
                "--made" => with_made = true,
                "--only" => only.extend(value()?.split(',').map(str::to_string)),
                "--memory" => options.memory = numbers(&name, &value()?)?,
                "--divide" => divisor = Some(number(&name, &value()?)?),
                "--rate" => options.rate = Some(number(&name, &value()?)?),
                "--requests" => options.requests = number(&name, &value()?)?,
                "--seed" => options.seed = number(&name, &value()?)?,
                "--option" => options.slabd_options.push(value()?),
                "--servers" => options.servers = servers(&value()?)?,
                "--slabd" => options.programs.slabd = value()?.into(),
                "--memcached" => options.programs.memcached = value()?.into(),
                "--out" => options.out = Some(value()?.into()),
                "--markdown" => options.markdown = true,
                "--list" => options.mode = Mode::List,
                "--help" | "-h" => options.mode = Mode::Help,
                _ => return Err(format!("what is {name}? see --help")),
            }
        }
        if !traces.is_empty() && !with_made {
            options.workloads.clear();
        }
        options.workloads.splice(..0, traces);
        if !benching {
            only = vec!["scan".to_string()];
            (options.memory, options.requests) = (vec![8], 50_000);
        }
        options.choose(&only)?;
        for workload in &mut options.workloads {
            if !options.memory.is_empty() {
                workload.sizes_mb.clone_from(&options.memory);
            }
            if let Some(divisor) = divisor {
                workload.divisor = Some(divisor).filter(|&divisor| divisor > 0);
            }
        }
        Ok(options)
    }

    /// What an empty command line means.
    fn usual() -> Options {
        Options {
            mode: Mode::Wire,
            workloads: workloads::made(),
            memory: Vec::new(),
            rate: None,
            requests: usize::MAX,
            seconds: 60,
            seed: 1,
            servers: vec![Kind::Slabd, Kind::Memcached],
            programs: Programs {
                slabd: env!("CARGO_BIN_EXE_slabd").into(),
                memcached: "memcached".into(),
            },
            slabd_options: Vec::new(),
            markdown: false,
            out: None,
        }
    }

    /// A server as this bench wants it.
    pub fn start(&self, kind: Kind, memory_mb: u32) -> io::Result<Server> {
        let further: &[String] = if kind == Kind::Slabd { &self.slabd_options } else { &[] };
        Server::start_anywhere(kind, &self.programs, memory_mb, further)
    }

    fn choose(&mut self, only: &[String]) -> Result<(), String> {
        let known = |name: &&String| self.workloads.iter().any(|one| one.name == **name);
        if let Some(name) = only.iter().find(|name| !known(name)) {
            return Err(format!("no workload is called {name}; see --list"));
        }
        if !only.is_empty() {
            self.workloads.retain(|workload| only.contains(&workload.name));
        }
        Ok(())
    }
}

fn number<T: std::str::FromStr>(option: &str, text: &str) -> Result<T, String> {
    text.parse().map_err(|_| format!("{option} takes a number, not {text}"))
}

fn numbers(option: &str, text: &str) -> Result<Vec<u32>, String> {
    text.split(',').map(|text| number(option, text)).collect()
}

/// `PATH` or `PATH:MB,MB`; a path may hold colons.
fn trace(text: &str) -> Result<Workload, String> {
    let sized = text.rsplit_once(':').filter(|(_, sizes)| !sizes.contains('/'));
    let (path, sizes_mb) = match sized {
        Some((path, sizes)) => (path, numbers("--trace", sizes)?),
        None => (text, TRACE_SIZES_MB.to_vec()),
    };
    Ok(workloads::from_file(&PathBuf::from(path), sizes_mb, None))
}

fn servers(text: &str) -> Result<Vec<Kind>, String> {
    let known = [Kind::Slabd, Kind::Memcached];
    let kind = |name| known.into_iter().find(|kind| kind.name() == name);
    text.split(',').map(|name| kind(name).ok_or(format!("no server {name}"))).collect()
}
