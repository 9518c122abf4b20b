//! The command line of the bench.

use std::path::PathBuf;
use std::time::Duration;

use crate::server::{Kind, Programs};
use crate::workloads::{self, WORKLOADS, Workload};

pub const HELP: &str = "\
Compares slabd with memcached and with an echo server that only frames and answers.

usage: cargo bench --bench wire -- [OPTIONS] [MODE]

  speed        requests a second, server CPU a request, latencies (the default)
  memory       bytes of process memory an item
  idle         bytes of process memory a connection
  connections  many that ask once a second, many that are idle beside busy ones, connect-get-close,
               and the time from a server's start to its first reply
  pauses       the worst that a request waits while the table grows, pages move, a million items
               expire
  scaling      server CPU a request with two workers and with one, beside the echo server's
  all          all of these
  flame        none of these: flame graphs of slabd under lone and under pipelined gets, by perf,
               kept in --out (or here); see scripts/flame.sh
  holds        neither: how long slabd holds a lock, and its loops' turns take, by its histograms,
               while the table grows, pages move, a million items expire, and all at once

  A run ends with the goals it has figures for, and whether they hold.

  --only NAME[,NAME]     workloads with these names, or of these key sets (--list shows them)
  --servers A[,B]        of slabd, memcached, tuned (memcached -R 1000 -o no_lru_maintainer), echo,
                         and for gets of large values copy and scatter, which answer from as much
                         memory as a cache (all these); no-huge (slabd refused huge pages) and
                         no-prefetch (PATH-no-prefetch, see --slabd) where named
  --rounds N             alternated rounds, A B C D then D C B A (4)
  --seconds S            each server's time in each round (2)
  --connections N        connections that send (50)
  --seed N               of the keys drawn (1)
  --big                  also the key set of more than 4 GiB, on no-huge and no-prefetch too; one
                         server at a time unless there is memory for all that are named
  --quick                a smoke run of half a minute; its figures mean little
  --items N              for memory (2000000)
  --idle N               connections for idle and connections (10000)
  --half                 also latencies at half of what the slowest cache can answer, counted from
                         when a request was due
  --syscalls             also count system calls a request, with perf
  --instructions         also count instructions a request in user space, with callgrind, on key
                         sets of 10 000 keys or fewer and values to 100 KiB
  --slabd PATH           the program (the one cargo built)
  --memcached PATH       the program (memcached)
  --markdown             print tables in Markdown
  --out DIR              also keep the results in DIR, by date and commit, as they come
  --name WORD            keep them by date, commit and WORD: of another run of the same day
  --list                 name the workloads";

/// What to do.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Mode {
    Speed,
    Memory,
    Idle,
    Connections,
    Pauses,
    Scaling,
    All,
    Flame,
    Holds,
    /// Not for people: be the echo server for one workload, with so many threads.
    EchoServer(&'static Workload, usize),
    List,
    Help,
}

/// The settings of one run.
#[derive(Debug)]
pub struct Options {
    pub mode: Mode,
    pub only: Vec<String>,
    pub servers: Vec<Kind>,
    /// Variants of slabd that run where there is one server at a time.
    pub parts: Vec<Kind>,
    pub rounds: usize,
    pub duration: Duration,
    pub connections: usize,
    pub seed: u64,
    pub big: bool,
    pub quick: bool,
    pub items: u32,
    pub idle: usize,
    pub half: bool,
    pub syscalls: bool,
    pub instructions: bool,
    pub programs: Programs,
    pub markdown: bool,
    pub out: Option<PathBuf>,
    pub name: Option<String>,
}

impl Options {
    /// Reads the arguments, the program's name not among them.
    pub fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Options, String> {
        let mut options = Options {
            mode: Mode::Speed,
            only: Vec::new(),
            servers: Kind::USUAL.to_vec(),
            parts: Vec::new(),
            rounds: 4,
            duration: Duration::from_secs(2),
            connections: 50,
            seed: 1,
            big: false,
            quick: false,
            items: 2_000_000,
            idle: 10_000,
            half: false,
            syscalls: false,
            instructions: false,
            programs: Programs {
                slabd: env!("CARGO_BIN_EXE_slabd").into(),
                memcached: "memcached".into(),
            },
            markdown: false,
            out: None,
            name: None,
        };
        // `cargo test` runs benches without `--bench`, to see that they work.
        let mut benching = false;
        while let Some(argument) = arguments.next() {
            benching = true;
            let mut value = || arguments.next().ok_or(format!("{argument} needs a value"));
            match argument.as_str() {
                "--bench" => {}
                "--only" => options.only.extend(value()?.split(',').map(str::to_string)),
                "--servers" => options.servers = servers(&value()?)?,
                "--rounds" => options.rounds = number(&argument, &value()?)?,
                "--seconds" => {
                    let seconds = number(&argument, &value()?)?;
                    options.duration = Duration::try_from_secs_f64(seconds)
                        .map_err(|error| format!("--seconds {seconds}: {error}"))?;
                }
                "--connections" => options.connections = number(&argument, &value()?)?,
                "--seed" => options.seed = number(&argument, &value()?)?,
                "--items" => options.items = number(&argument, &value()?)?,
                "--idle" => options.idle = number(&argument, &value()?)?,
                "--big" => options.big = true,
                "--quick" => options.quick = true,
                "--half" => options.half = true,
                "--syscalls" => options.syscalls = true,
                "--instructions" => options.instructions = true,
                "--markdown" => options.markdown = true,
                "--slabd" => options.programs.slabd = value()?.into(),
                "--memcached" => options.programs.memcached = value()?.into(),
                "--out" => options.out = Some(value()?.into()),
                "--name" => options.name = Some(value()?),
                "--echo-server" => {
                    let name = value()?;
                    let workload = workloads::by_name(&name).ok_or(format!("no {name}"))?;
                    options.mode = Mode::EchoServer(workload, number(&argument, &value()?)?);
                }
                "--list" => options.mode = Mode::List,
                "--help" | "-h" => options.mode = Mode::Help,
                mode => options.mode = parse_mode(mode)?,
            }
        }
        options.finish(benching)
    }

    fn finish(mut self, benching: bool) -> Result<Options, String> {
        self.quick |= !benching;
        if self.quick {
            self.rounds = 1;
            self.duration = self.duration.min(Duration::from_millis(100));
            self.items = self.items.min(100_000);
            self.idle = self.idle.min(500);
        }
        if self.servers == Kind::USUAL {
            self.parts = Kind::PARTS.to_vec();
        }
        if self.servers.is_empty() {
            return Err("no servers".to_string());
        }
        if self.rounds == 0 || self.connections == 0 || self.duration.is_zero() {
            return Err("rounds, connections and seconds must be above 0".to_string());
        }
        if let Some(name) = self.only.iter().find(|name| !WORKLOADS.iter().any(|w| named(w, name)))
        {
            return Err(format!("no workload or key set is called {name}; see --list"));
        }
        Ok(self)
    }

    /// The workloads to run, in the order of the table.
    pub fn workloads(&self) -> Vec<&'static Workload> {
        let wanted = |workload: &&Workload| {
            let named = self.only.iter().any(|name| named(workload, name));
            let usual = self.only.is_empty()
                && (self.big || !workload.key_set.big)
                && (!self.quick || workload.quick);
            named || usual
        };
        WORKLOADS.iter().filter(wanted).collect()
    }
}

fn named(workload: &Workload, name: &str) -> bool {
    workload.name == name || workload.key_set.name == name
}

fn number<T: std::str::FromStr>(option: &str, text: &str) -> Result<T, String> {
    text.parse().map_err(|_| format!("{option} takes a number, not {text}"))
}

fn servers(text: &str) -> Result<Vec<Kind>, String> {
    let kind = |name| Kind::ALL.into_iter().find(|kind| kind.name() == name);
    text.split(',').map(|name| kind(name).ok_or(format!("no server {name}"))).collect()
}

fn parse_mode(text: &str) -> Result<Mode, String> {
    match text {
        "speed" => Ok(Mode::Speed),
        "memory" => Ok(Mode::Memory),
        "idle" => Ok(Mode::Idle),
        "connections" => Ok(Mode::Connections),
        "pauses" => Ok(Mode::Pauses),
        "scaling" => Ok(Mode::Scaling),
        "flame" => Ok(Mode::Flame),
        "holds" => Ok(Mode::Holds),
        "all" => Ok(Mode::All),
        _ => Err(format!("what is {text}? see --help")),
    }
}
