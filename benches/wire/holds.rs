//! How long slabd holds a shard's lock, and how long the turns of its loops take, by its own
//! histograms, while it has most to do beside requests: its table grows, pages move between
//! classes, a million items expire, and all of that at once. With one worker and with two, with
//! huge pages and without: the first touch of one is the longest thing there is.
//!
//! A histogram counts by the clock on the wall: what a hold was kept waiting by others is in it,
//! and a thread that loses its core may get it back a tick of the scheduler later, after 4 ms. So
//! those who hold locks, workers and maintainer, run in real time where that is allowed, and beside
//! each run stand the times that one of them lost its core against its will, the pages that the
//! system had to give them, and the processor time that the host took from the machine. Behind each
//! event, for as long as a run of it took, stands the control: what the machine alone does to a
//! thread that only reads (control.rs).

use std::fs;
use std::io::{self, BufRead, BufReader, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::control;
use crate::options::Options;
use crate::progress;
use crate::rounds::alternated;
use crate::server::{Kind, Room, Server};
use crate::table::Table;
use crate::workloads::{self, FILLED};

/// Connections that store, each a batch at a time.
const CONNECTIONS: usize = 4;
/// Bytes of values in a batch, and requests in it at most.
const BATCH_BYTES: usize = 50_000;
const BATCH_REQUESTS: usize = 400;

/// What is looked at: the name of it in `stats`.
const HISTOGRAMS: [&str; 3] = ["lock_hold", "upkeep_hold", "loop_turn"];
/// What counts of each.
const PARTS: [&str; 2] = ["p999_us", "max_us"];

/// Something that gives the server work of its own.
struct Event {
    name: &'static str,
    memory_mb: u32,
    run: fn(&mut Load) -> io::Result<()>,
}

const EVENTS: [Event; 4] = [
    Event { name: "growth to 3 M items", memory_mb: 1024, run: grow },
    Event { name: "moves of pages", memory_mb: 64, run: shift },
    Event { name: "expiry of a million", memory_mb: 1024, run: expire },
    Event { name: "all of it", memory_mb: 64, run: all },
];
const VARIANTS: [(Kind, &[&str]); 4] = [
    (Kind::Slabd, &["-t", "1"]),
    (Kind::Slabd, &["-t", "2"]),
    (Kind::NoHuge, &["-t", "1"]),
    (Kind::NoHuge, &["-t", "2"]),
];

/// Every event in all variants, in alternated rounds.
pub fn measure(options: &Options) -> io::Result<Table> {
    let mut head = vec!["event", "server", "workers", "round", "items"];
    let names: Vec<String> = HISTOGRAMS
        .iter()
        .flat_map(|histogram| PARTS.map(|part| format!("{histogram}_{part}").replace('_', " ")))
        .collect();
    head.extend(names.iter().map(String::as_str));
    head.extend(["switches", "faults", "stolen ms", "in real time"]);
    let mut table = Table::new(&head);
    for event in &EVENTS {
        let begun = Instant::now();
        for (round, index) in alternated(options.rounds, VARIANTS.len()) {
            let (kind, workers) = VARIANTS[index];
            let (name, round) = (kind.name(), (round + 1).to_string());
            progress::show(&format!("{} round {round} {name} -t {}", event.name, workers[1]));
            let found = event.play(kind, workers, options)?;
            let mut row = [event.name, name, workers[1], &round].map(String::from).to_vec();
            row.extend(found.iter().map(u64::to_string));
            progress::note(&row.join("  "));
            table.rows.push(row);
        }
        let length = begun.elapsed() / (options.rounds * VARIANTS.len()) as u32;
        for round in 1..=options.rounds {
            progress::show(&format!("{} control", event.name));
            let (p999, max, in_real_time) = control::measure(length)?;
            let round = round.to_string();
            let mut row = [event.name, "(reads only)", "", &round, ""].map(String::from).to_vec();
            row.extend([p999.to_string(), max.to_string()]);
            row.resize(table.head.len() - 1, String::new());
            row.push(u64::from(in_real_time).to_string());
            table.rows.push(row);
        }
    }
    Ok(table)
}

impl Event {
    /// The numbers of one run, in the order of the table.
    fn play(
        &self,
        kind: Kind,
        workers: &'static [&'static str],
        options: &Options,
    ) -> io::Result<Vec<u64>> {
        let room = Room { options: workers, ..Room::new(self.memory_mb, CONNECTIONS) };
        let server = Server::start_under(&[], kind, &options.programs, &room)?;
        let in_real_time = run_in_real_time(&server)?;
        let before = Disturbance::of(&server)?;
        let mut load = Load::connect(&server, if options.quick { 50 } else { 1 })?;
        (self.run)(&mut load)?;
        let after = Disturbance::of(&server)?;
        let stats = server.stats("stats")?;
        let number = |name: &str| {
            let missing = || io::Error::other(format!("slabd has no number {name}"));
            stats.get(name).copied().ok_or_else(missing)
        };
        let mut found = vec![number("curr_items")?];
        for histogram in HISTOGRAMS {
            for part in PARTS {
                found.push(number(&format!("{histogram}_{part}"))?);
            }
        }
        found.extend(after.since(&before));
        found.push(in_real_time.into());
        Ok(found)
    }
}

fn grow(load: &mut Load) -> io::Result<()> {
    load.store(3_000_000, 32, 0)
}

fn shift(load: &mut Load) -> io::Result<()> {
    load.store(500_000, 100, 0)?;
    for (items, value_len) in [(9_000, 10_240), (500_000, 100), (25_000, 3000), (500_000, 100)] {
        load.store(items, value_len, 0)?;
    }
    Ok(())
}

/// All die within the second after the last was stored.
fn expire(load: &mut Load) -> io::Result<()> {
    load.store(1_000_000, 32, 3)?;
    for _ in 0..40 {
        load.store(10_000, 32, 0)?;
        std::thread::sleep(Duration::from_millis(100));
    }
    Ok(())
}

/// The table grows beside what is stored for two seconds, and what dies makes room for other sizes.
fn all(load: &mut Load) -> io::Result<()> {
    load.store(1_000_000, 32, 2)?;
    for value_len in [20, 1000, 100, 5000, 20, 3000, 100, 1000, 50, 10_240] {
        load.store((16 << 20) / (value_len as u32 + 60), value_len, 2)?;
        load.store((4 << 20) / (value_len as u32 + 60), value_len, 0)?;
    }
    Ok(())
}

/// Connections that store ever new keys.
struct Load {
    streams: Vec<BufReader<TcpStream>>,
    next: u32,
    /// Of what is asked, one part in so many is stored: a smoke run.
    part: u32,
}

impl Load {
    fn connect(server: &Server, part: u32) -> io::Result<Load> {
        let connect = |_| {
            let stream = TcpStream::connect(server.address)?;
            stream.set_nodelay(true)?;
            Ok(BufReader::new(stream))
        };
        let streams = (0..CONNECTIONS).map(connect).collect::<io::Result<_>>()?;
        Ok(Load { streams, next: 0, part })
    }

    /// Store so many items that live for so many seconds (0: for ever). Every connection has a
    /// batch under way, and a no-op behind it, whose answer says that it is through.
    fn store(&mut self, items: u32, value_len: usize, life_s: u32) -> io::Result<()> {
        let end = self.next + items / self.part;
        let at_once = (BATCH_BYTES / value_len).clamp(1, BATCH_REQUESTS) as u32;
        let mut request = Vec::new();
        while self.next < end {
            let mut busy = 0;
            for stream in &mut self.streams {
                let last = end.min(self.next + at_once);
                request.clear();
                for index in self.next..last {
                    request.extend_from_slice(b"set ");
                    workloads::push_key(index, workloads::Kind::Set, &mut request);
                    write!(request, " 0 {life_s} {value_len} noreply\r\n")?;
                    workloads::push_value(index, FILLED, value_len, &mut request);
                    request.extend_from_slice(b"\r\n");
                }
                request.extend_from_slice(b"mn\r\n");
                stream.get_mut().write_all(&request)?;
                (self.next, busy) = (last, busy + 1);
            }
            for stream in &mut self.streams[..busy] {
                let mut line = String::new();
                stream.read_line(&mut line)?;
                if line != "MN\r\n" {
                    return Err(io::Error::other(format!("a set was answered {line:?}")));
                }
            }
        }
        Ok(())
    }
}

/// Let nothing take a core from who holds locks, if we may; whether that is so.
fn run_in_real_time(server: &Server) -> io::Result<bool> {
    let mut all = true;
    for task in lock_holders(server)? {
        all &= task.file_name().is_some_and(control::set_real_time);
    }
    Ok(all)
}

/// Where the kernel tells of the threads that hold locks.
fn lock_holders(server: &Server) -> io::Result<Vec<PathBuf>> {
    let tasks = fs::read_dir(format!("/proc/{}/task", server.pid()))?;
    let paths = tasks.map(|task| Ok(task?.path())).collect::<io::Result<Vec<_>>>()?;
    let name = |path: &PathBuf| fs::read_to_string(path.join("comm")).unwrap_or_default();
    let holds = |name: String| name.starts_with("worker") || name.starts_with("maintain");
    Ok(paths.into_iter().filter(|path| holds(name(path))).collect())
}

/// What came between them and their work.
struct Disturbance {
    /// Times they lost their core against their will.
    switches: u64,
    /// Pages they were given.
    faults: u64,
    /// What the host took from all cores.
    stolen_ms: u64,
}

impl Disturbance {
    fn of(server: &Server) -> io::Result<Disturbance> {
        let (mut switches, mut faults) = (0, 0);
        for path in lock_holders(server)? {
            let read = |name: &str| fs::read_to_string(path.join(name)).unwrap_or_default();
            switches += number_behind(&read("status"), "nonvoluntary_ctxt_switches:");
            // The tenth field; the second, in brackets, may hold anything.
            let stat = read("stat");
            let fields = stat.rsplit(") ").next().unwrap_or_default();
            faults += fields.split(' ').nth(7).and_then(|text| text.parse().ok()).unwrap_or(0);
        }
        let stat = fs::read_to_string(Path::new("/proc/stat"))?;
        let all = stat.lines().next().unwrap_or_default();
        // In hundredths of a second.
        let stolen = all.split_whitespace().nth(8).and_then(|text| text.parse::<u64>().ok());
        Ok(Disturbance { switches, faults, stolen_ms: stolen.unwrap_or(0) * 10 })
    }

    fn since(&self, before: &Disturbance) -> [u64; 3] {
        [
            self.switches - before.switches,
            self.faults - before.faults,
            self.stolen_ms - before.stolen_ms,
        ]
    }
}

fn number_behind(text: &str, name: &str) -> u64 {
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    line.and_then(|line| line.trim().parse().ok()).unwrap_or(0)
}
