//! The soak: mixed load at full memory for as long as wanted, from clients that behave and clients
//! that do not. Nothing wrong is ever answered, memory stays within its limit and does not creep,
//! every invariant holds at any time, the counters add up, and the end is orderly.
//!
//! `soak_short` is part of every test run; `soak_long` takes its seconds from
//! `SLABD_SOAK_SECONDS` (scripts/soak.sh).

#[path = "../common/mod.rs"]
mod common;

mod load;
mod sizes;
mod talk;
mod value;
mod vandals;
mod watch;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, OnceLock};
use std::time::{Duration, Instant};

use common::{Rng, Server, foreign_server};
use value::HEAD;

/// Limit on item memory, in MiB.
const LIMIT_MIB: u64 = 64;
/// Until it is reached, beyond the time of a soak.
const FILL_MAX: Duration = Duration::from_secs(180);
/// Clients that behave, and clients that do not.
const CLIENTS: u64 = 6;
const VANDALS: u64 = 3;

#[test]
fn soak_short() {
    soak(Duration::from_secs(20));
}

#[test]
#[ignore = "minutes long: scripts/soak.sh"]
fn soak_long() {
    let seconds = std::env::var("SLABD_SOAK_SECONDS").ok();
    let seconds = seconds.map_or(600, |text| text.parse().expect("a number of seconds"));
    soak(Duration::from_secs(seconds));
}

/// What all threads of a soak share.
#[derive(Default)]
pub struct Shared {
    /// Set at the end, and when one fails.
    stop: AtomicBool,
    /// When the load began.
    began: OnceLock<Instant>,
    requests: AtomicU64,
    lookups: AtomicU64,
    hits: AtomicU64,
    /// Connections of vandals so far.
    vandals: AtomicU64,
    /// Values that were received in pieces and found no room.
    refused_uploads: AtomicU64,
    /// When the last flush that has been answered was sent.
    flushed_at: Mutex<Option<Instant>>,
}

impl Shared {
    fn flushed(&self) -> Option<Instant> {
        *self.flushed_at.lock().expect("not poisoned")
    }

    /// What is to be stored now.
    fn phase(&self) -> Phase {
        let age = self.began.get_or_init(Instant::now).elapsed();
        Phase::ALL[age.div_duration_f64(PHASE) as usize % Phase::ALL.len()]
    }

    /// Something well-formed was refused. There is always something to evict, so only a value
    /// received in pieces may be: when unfinished ones of others hold all the memory they may.
    fn refusal(&self, answer: &str, request_len: usize) {
        let known = answer.starts_with("SERVER_ERROR out of memory");
        assert!(known && request_len > 32 << 10, "{request_len} bytes: {answer}");
        self.refused_uploads.fetch_add(1, Relaxed);
    }
}

/// Stops everybody when its thread fails.
struct StopIfPanicking<'a>(&'a Shared);

impl Drop for StopIfPanicking<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.stop.store(true, Relaxed);
        }
    }
}

/// How long the load keeps to one kind of values before it shifts to the next.
const PHASE: Duration = Duration::from_secs(12);

/// What is stored at present: the load shifts between kinds, as classes and timers are to follow.
#[derive(Debug, Clone, Copy)]
enum Phase {
    /// Most are small, some are received and sent in pieces; a quarter lives for seconds.
    Mixed,
    /// Counters and flags, few of which end soon.
    Small,
    /// Pages and fragments, half of which last a second or two.
    Fleeting,
    /// Documents and pictures, which end between a minute and a month from now.
    Large,
}

impl Phase {
    const ALL: [Phase; 4] = [Phase::Mixed, Phase::Small, Phase::Fleeting, Phase::Large];

    /// The length of a value.
    fn size(self, rng: &mut Rng) -> usize {
        HEAD + match (self, rng.below(1000)) {
            (Phase::Mixed, 0..5) => (64 << 10) + rng.below(834_000),
            (Phase::Mixed, 5..50) => (4 << 10) + rng.below(60 << 10),
            (Phase::Mixed, 50..300) => 500 + rng.below(3500),
            (Phase::Mixed, _) => rng.below(500),
            (Phase::Small, _) => rng.below(80),
            (Phase::Fleeting, _) => 1000 + rng.below(11_000),
            (Phase::Large, 0..20) => (64 << 10) + rng.below(834_000),
            (Phase::Large, _) => (12 << 10) + rng.below(50 << 10),
        }
    }

    /// Seconds it lives; 0: for ever.
    fn ttl(self, rng: &mut Rng) -> usize {
        let (ending, shortest, longest) = match self {
            Phase::Mixed => (25, 1, 5),
            Phase::Small => (5, 1, 30),
            Phase::Fleeting => (50, 1, 2),
            Phase::Large => (60, 60, 30 * 86_400),
        };
        let ends = rng.below(100) < ending;
        if ends { shortest + rng.below(longest - shortest + 1) } else { 0 }
    }
}

fn soak(duration: Duration) {
    if foreign_server() {
        eprintln!("skipped: the server under test has no debugcheck");
        return;
    }
    let deadlines = "request_timeout=5,body_timeout=5,write_timeout=5";
    let limit = LIMIT_MIB.to_string();
    let mut server = Server::with(&["-m", &limit, "-c", "4096", "-o", deadlines]);
    let shared = Shared::default();
    let address = server.address();
    let (mut clients, watched) = std::thread::scope(|scope| {
        let shared = &shared;
        let clients: Vec<_> = (1..=CLIENTS)
            .map(|owner| {
                scope.spawn(move || {
                    let _guard = StopIfPanicking(shared);
                    load::Client::new(owner, address, shared).run()
                })
            })
            .collect();
        for seed in 1..=VANDALS {
            scope.spawn(move || {
                let _guard = StopIfPanicking(shared);
                vandals::run(seed, address, shared);
            });
        }
        let _guard = StopIfPanicking(shared);
        let watched = watch::watch(&server, shared, duration);
        // A machine that is slow just now fills it later, under the same load.
        let is_full = |server: &Server| server.stat("evictions") > 0;
        server.eventually_within(FILL_MAX, "memory was full", is_full);
        shared.stop.store(true, Relaxed);
        let join = |client: std::thread::ScopedJoinHandle<'_, _>| client.join();
        let clients: Result<Vec<_>, _> = clients.into_iter().map(join).collect();
        (clients.expect("no client fails"), watched)
    });
    let held: usize = clients.iter_mut().map(load::Client::count_lasting).sum();
    drop(clients);
    report(&shared, &watched, duration);
    watched.assert_within(LIMIT_MIB << 20, duration);
    assert_counters(&server, held as u64);
    assert_orderly_end(&mut server);
}

fn report(shared: &Shared, watched: &watch::Watched, duration: Duration) {
    let count = |counter: &AtomicU64| counter.load(Relaxed);
    eprintln!(
        "soak of {} s: {} requests, {} lookups ({} hits), {} bad clients, {} uploads refused",
        duration.as_secs(),
        count(&shared.requests),
        count(&shared.lookups),
        count(&shared.hits),
        count(&shared.vandals),
        count(&shared.refused_uploads),
    );
    eprintln!("{watched}");
}

/// What the statistics say agrees with itself and with what the clients found at the end.
fn assert_counters(server: &Server, held: u64) {
    server.eventually("all are gone", |server| server.stat("curr_connections") == 1);
    let mut talk = server.client();
    talk.send("debugcheck\r\n").expect("OK\r\n");
    let stats = talk.stats("");
    let stat = |name: &str| stats[name].parse::<u64>().expect("a number");
    assert_eq!(stat("cmd_get"), stat("get_hits") + stat("get_misses"));
    assert_eq!(stat("cmd_touch"), stat("touch_hits") + stat("touch_misses"));
    assert!(stat("bytes") <= stat("limit_maxbytes"));
    assert!(stat("total_items") <= stat("cmd_set") + stat("incr_hits") + stat("decr_hits"));
    assert!(held <= stat("curr_items"), "{held} were found, of {}", stat("curr_items"));
    assert!(stat("curr_items") + stat("evictions") <= stat("total_items"));
    for name in ["uploads", "upload_bytes", "pins", "pinned_dead_bytes"] {
        assert_eq!(stat(name), 0, "{name}");
    }
    // Items expire between two answers, but not for ever.
    server.eventually("the classes' items add up to all", |server| {
        let items = server.client().stats("items");
        let numbers = items.iter().filter(|(name, _)| name.ends_with(":number"));
        let sum: u64 = numbers.map(|(_, number)| number.parse::<u64>().expect("a number")).sum();
        sum == server.stat("curr_items")
    });
}

fn assert_orderly_end(server: &mut Server) {
    server.signal("TERM");
    let status = server.wait_exit(Duration::from_secs(10));
    assert_eq!(status.code(), Some(0), "{}", server.log());
    let log = server.log();
    assert!(!log.contains("panicked"), "{log}");
}
