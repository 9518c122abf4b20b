//! Pauses that a request feels while the server works in the background: lone requests are due at a
//! steady rate, a latency counts from when one was due, and the worst during the event is compared
//! with the 99.9th percentile of the same requests without it.
//!
//! One thread sends both the probes and what brings the event about, so neither waits for the
//! other's turn on the core of the load.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::figures::Figures;
use crate::load::{self, Load, Sample};
use crate::options::Options;
use crate::paced::Pace;
use crate::progress;
use crate::rounds::alternated;
use crate::script::Script;
use crate::server::{Kind, Room, Server};
use crate::workloads::{self, Dialect, FILLED, KeySet, Verb, Workload};

/// No request may wait for longer than this beyond what it would without the event.
pub const MOST_MS: f64 = 2.0;

const PROBES_PER_SECOND: f64 = 2000.0;
const PROBE_CONNECTIONS: usize = 4;
/// A worst case is repeated this often at most; the median counts.
const ROUNDS_MAX: usize = 3;

/// Something that happens in the background.
pub struct Event {
    pub name: &'static str,
    run: fn(&Event, Kind, &Options, &mut Figures) -> io::Result<()>,
    memory_mb: u32,
    /// What is stored all the time, and what is stored during the event.
    usual: &'static Workload,
    news: &'static Workload,
}

const fn keys(keys: u32, value_len: usize) -> KeySet {
    KeySet { name: "pauses", keys, value_len, memory_mb: 0, big: false }
}

static FEW: KeySet = keys(10_000, 32);
static MANY: KeySet = keys(2_000_000, 32);
static SMALL: KeySet = keys(1_000_000, 100);
static LARGE: KeySet = keys(100_000, 1000);

const fn sets(key_set: &'static KeySet) -> Workload {
    let (dialect, verb) = (Dialect::Text, Verb::Set);
    Workload { name: "sets", key_set, dialect, verb, depth: 8, over: None, quick: false }
}

static SETS_OF_FEW: Workload = sets(&FEW);
static SETS_OF_MANY: Workload = sets(&MANY);
static SETS_OF_SMALL: Workload = sets(&SMALL);
static SETS_OF_LARGE: Workload = sets(&LARGE);
/// Misses: their answer does not depend on what is stored.
static PROBE: Workload = Workload { verb: Verb::Miss, depth: 1, ..sets(&FEW) };

/// What is tried.
pub const EVENTS: [Event; 3] = [
    Event {
        name: "growth of the table",
        run: while_storing,
        memory_mb: 1024,
        usual: &SETS_OF_FEW,
        news: &SETS_OF_MANY,
    },
    Event {
        name: "moves of pages",
        run: while_storing,
        memory_mb: 64,
        usual: &SETS_OF_SMALL,
        news: &SETS_OF_LARGE,
    },
    Event {
        name: "expiry of a million items",
        run: while_expiring,
        memory_mb: 1024,
        usual: &SETS_OF_FEW,
        news: &SETS_OF_FEW,
    },
];

/// The name of the figure that counts.
pub fn beyond(event: &str) -> String {
    format!("{event}: worst pause beyond the p99.9 without, ms")
}

/// One event on every cache.
pub fn measure(event: &Event, options: &Options, figures: &mut Figures) -> io::Result<()> {
    let kinds: Vec<Kind> = options.servers.iter().copied().filter(|kind| kind.is_cache()).collect();
    for (round, index) in alternated(options.rounds.min(ROUNDS_MAX), kinds.len()) {
        let kind = kinds[index];
        progress::show(&format!("{} round {} {}", event.name, round + 1, kind.name()));
        (event.run)(event, kind, options, figures)?;
    }
    Ok(())
}

impl Event {
    fn start(&self, kind: Kind, options: &Options) -> io::Result<Server> {
        let room = Room::new(self.memory_mb, PROBE_CONNECTIONS);
        Server::start_under(&[], kind, &options.programs, &room)
    }

    fn note(&self, kind: Kind, without: Sample, with: Sample, figures: &mut Figures) {
        let past = |sample: Sample| (sample.max_us - without.p999_us) / 1e3;
        figures.add(&beyond(self.name), kind, past(with).max(0.0));
        let name = format!("{}: the worst without, beyond the p99.9, ms", self.name);
        figures.add(&name, kind, past(without));
    }
}

/// Probes while something is stored that makes the server work.
fn while_storing(
    event: &Event,
    kind: Kind,
    options: &Options,
    figures: &mut Figures,
) -> io::Result<()> {
    let server = event.start(kind, options)?;
    let [probe, usual, news] = [&PROBE, event.usual, event.news]
        .map(|workload| Script::build(workload, options.seed, options.quick));
    let mut usual = Load::connect(server.address, &usual, 1)?;
    // Until it has taken the memory that it will have.
    usual.run_until(Instant::now() + options.duration)?;
    let without = probe_beside(&server, &probe, Some(&mut usual), options.duration)?;
    let mut news = Load::connect(server.address, &news, 1)?;
    let with = probe_beside(&server, &probe, Some(&mut news), options.duration)?;
    event.note(kind, without, with, figures);
    Ok(())
}

/// Probes while a million items, or a few for a smoke run, become dead in the same second.
fn while_expiring(
    event: &Event,
    kind: Kind,
    options: &Options,
    figures: &mut Figures,
) -> io::Result<()> {
    let (items, life_s) = if options.quick { (50_000, 3) } else { (1_000_000, 12) };
    let server = event.start(kind, options)?;
    let probe = Script::build(&PROBE, options.seed, options.quick);
    let unix_time = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let expiry = Duration::from_secs(unix_time().as_secs() + life_s);
    store_until(&server, items, expiry.as_secs())?;
    let margin = Duration::from_millis(700);
    let quiet = expiry.saturating_sub(unix_time() + margin);
    if quiet < Duration::from_millis(200) {
        return Err(io::Error::other("storing took as long as the items were to live"));
    }
    let without = probe_beside(&server, &probe, None, quiet)?;
    let with = probe_beside(&server, &probe, None, margin + Duration::from_secs(life_s / 3))?;
    event.note(kind, without, with, figures);
    Ok(())
}

/// Lone requests at a steady rate, while `other` is kept busy.
fn probe_beside(
    server: &Server,
    probe: &Script,
    mut other: Option<&mut Load>,
    duration: Duration,
) -> io::Result<Sample> {
    let mut probes = Load::connect(server.address, probe, PROBE_CONNECTIONS)?;
    let mut pace = Pace::new(&probes, PROBES_PER_SECOND);
    load::measure(server, &mut probes, (load::WARM_UP, duration), |probes, end| {
        while Instant::now() < end {
            pace.step(probes, Instant::now())?;
            let Some(other) = &mut other else { continue };
            if other.is_idle(0) {
                other.begin_batch(0, Instant::now())?;
            }
            other.turn(Duration::ZERO, &mut |_, _, _| Ok(()))?;
        }
        Ok(())
    })
}

/// Stores so many items that die at that second of Unix time.
fn store_until(server: &Server, items: u32, expiry: u64) -> io::Result<()> {
    const AT_ONCE: u32 = 100;
    let stored = b"STORED\r\n".repeat(AT_ONCE as usize);
    let mut stream = TcpStream::connect(server.address)?;
    stream.set_nodelay(true)?;
    let (mut request, mut reply) = (Vec::new(), vec![0; stored.len()]);
    for index in 0..items {
        request.extend_from_slice(b"set ");
        workloads::push_key(index, workloads::Kind::Set, &mut request);
        request.extend_from_slice(format!(" 0 {expiry} 32\r\n").as_bytes());
        workloads::push_value(index, FILLED, 32, &mut request);
        request.extend_from_slice(b"\r\n");
        if (index + 1).is_multiple_of(AT_ONCE) {
            stream.write_all(&request)?;
            stream.read_exact(&mut reply)?;
            request.clear();
            if reply != stored {
                let text = format!("{} does not store all", server.kind.name());
                return Err(io::Error::other(text));
            }
        }
    }
    Ok(())
}
