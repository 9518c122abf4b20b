//! What all threads share besides the store: the clock's current second, run-time switches, every
//! worker's counters, the prefix table.
//!
//! Invariants: `now >= 1`, and it never falls but by `debugtime`; counters have one writer each
//! (`stats reset` takes a baseline); no method holds two of the locks at once.

use super::config::Config;
use super::counters::{Totals, WorkerCounters};
use super::prefix::PrefixTable;
use super::watch::Watch;
use crate::store::times::Times;
use crate::sync::{AtomicBool, AtomicU32, AtomicU64, Mutex, MutexGuard, Ordering::Relaxed};

/// The store's clock at start. Above 60, so that `uptime` (the clock less 60) reads 2 as
/// memcached's does; above 1, so that a deadline of 1 is always the past.
pub const CLOCK_START: u32 = 62;

/// `uptime` is the clock less this.
pub const UPTIME_OFFSET: u32 = 60;

/// Ticks of a millisecond until they are measured, a tenth of a second after the start.
const TICKS_PER_MS: u64 = 2_000_000;

/// Shared, read-mostly.
pub struct Shared {
    /// Seconds on the store's clock; written by [`Shared::tick`] (and `debugtime`) only.
    pub now: AtomicU32,
    /// Unix time at which `now` was 0.
    pub epoch_unix: u64,
    /// `stats detail on`.
    pub detail: AtomicBool,
    /// The verbosity level, 0 to 3.
    pub verbosity: AtomicU32,
    /// The second up to which the latest flush_all reaches (`oldest` in `stats settings`); 0:
    /// there was none.
    pub oldest_live: AtomicU32,
    /// One a worker.
    pub workers: Vec<WorkerCounters>,
    /// Counts of the accepting thread.
    pub listener: ListenerCounters,
    /// Who watches.
    pub watch: Watch,
    /// What a millisecond is in ticks, by which turns and locks are timed.
    pub ticks_per_ms: AtomicU64,
    clock: Mutex<Clock>,
    prefixes: Mutex<PrefixTable>,
    baseline: Mutex<Totals>,
    turns_before: Mutex<Times>,
}

/// Written by the accepting thread only; apart from the clock and the switches beside it, which
/// every request reads.
#[derive(Default)]
#[repr(align(128))]
pub struct ListenerCounters {
    /// Clients' connections opened since start; listening sockets are added by the statistics.
    pub total_connections: AtomicU64,
    /// Refused at the limit.
    pub rejected_connections: AtomicU64,
    /// Times the listener was switched off.
    pub listen_disabled: AtomicU64,
    /// Microseconds it was off.
    pub time_in_listen_disabled_us: AtomicU64,
    /// It is on.
    pub accepting: AtomicBool,
    /// Listening sockets.
    pub listeners: AtomicU64,
}

/// How `now` follows from the seconds elapsed: `now = CLOCK_START + elapsed + offset`, at least 1.
#[derive(Debug, Default)]
struct Clock {
    /// The most seconds a tick has reported.
    elapsed: u64,
    /// Seconds that `debugtime` added, less those it stood still.
    offset: i64,
    /// `debugtime p`
    paused: bool,
}

impl Shared {
    /// As at start: the clock at [`CLOCK_START`] when unix time is `unix_now`, one set of
    /// counters for each of `config.threads` workers.
    pub fn new(config: &Config, unix_now: u64) -> Self {
        Shared {
            now: AtomicU32::new(CLOCK_START),
            epoch_unix: unix_now.saturating_sub(u64::from(CLOCK_START)),
            detail: AtomicBool::new(config.detail_enabled),
            verbosity: AtomicU32::new(config.verbosity.min(3)),
            oldest_live: AtomicU32::new(0),
            workers: (0..config.threads).map(|_| WorkerCounters::default()).collect(),
            listener: ListenerCounters::default(),
            watch: Watch::new(config.watcher_logbuf),
            ticks_per_ms: AtomicU64::new(TICKS_PER_MS),
            clock: Mutex::new(Clock::default()),
            prefixes: Mutex::new(PrefixTable::new(config.prefix_delimiter)),
            baseline: Mutex::new(Totals::default()),
            turns_before: Mutex::new(Times::default()),
        }
    }

    /// Move the clock: `elapsed_s` whole seconds have passed since start, by a monotonic clock.
    /// Called by the maintainer thread. A smaller number than before changes nothing.
    pub fn tick(&self, elapsed_s: u64) {
        let mut clock = lock(&self.clock);
        let passed = elapsed_s.saturating_sub(clock.elapsed);
        clock.elapsed += passed;
        if clock.paused {
            clock.offset = clock.offset.saturating_sub_unsigned(passed);
        }
        self.now.store(clock.now(), Relaxed);
    }

    /// Unix time by the store's clock.
    pub fn unix_now(&self) -> u64 {
        self.epoch_unix + u64::from(self.now.load(Relaxed))
    }

    /// `debugtime <delta>`: move the clock at once and for good, paused or not. Both directions;
    /// it stops at 1.
    #[cfg(feature = "debug-commands")]
    pub fn debug_add(&self, delta_s: i64) {
        let mut clock = lock(&self.clock);
        clock.offset = clock.offset.saturating_add(delta_s);
        self.now.store(clock.now(), Relaxed);
    }

    /// `debugtime p` and `r`: stop the clock, or let it go on from where it stands.
    #[cfg(feature = "debug-commands")]
    pub fn debug_pause(&self, paused: bool) {
        lock(&self.clock).paused = paused;
    }

    /// The prefix table. Only to be touched when `detail` says so, or to dump or clear it.
    pub fn prefixes(&self) -> MutexGuard<'_, PrefixTable> {
        lock(&self.prefixes)
    }

    /// What workers and the accepting thread counted since start or the last
    /// [`Shared::reset_totals`].
    pub fn totals(&self) -> Totals {
        self.raw_totals().since(&lock(&self.baseline))
    }

    /// `stats reset`, for the counts outside the store.
    pub fn reset_totals(&self) {
        let raw = self.raw_totals();
        *lock(&self.baseline) = raw;
        let turns = self.raw_turns();
        *lock(&self.turns_before) = turns;
    }

    /// How long the turns of workers' loops took since start or the last [`Shared::reset_totals`].
    pub fn turns(&self) -> Times {
        self.raw_turns().since(&lock(&self.turns_before))
    }
    fn raw_turns(&self) -> Times {
        let mut turns = Times::default();
        self.workers.iter().for_each(|worker| turns.add(&worker.turns.times()));
        turns
    }

    fn raw_totals(&self) -> Totals {
        let listener = &self.listener;
        let mut totals = Totals {
            total_connections: listener.total_connections.load(Relaxed)
                + listener.listeners.load(Relaxed),
            rejected_connections: listener.rejected_connections.load(Relaxed),
            listen_disabled: listener.listen_disabled.load(Relaxed),
            time_in_listen_disabled_us: listener.time_in_listen_disabled_us.load(Relaxed),
            watch: self.watch.totals(),
            ..Totals::default()
        };
        self.workers.iter().for_each(|worker| totals.add_worker(worker));
        totals
    }
}

impl Clock {
    fn now(&self) -> u32 {
        let since_start = self.elapsed.saturating_add_signed(self.offset.max(0));
        let behind = self.offset.min(0).unsigned_abs();
        let now = since_start.saturating_add(u64::from(CLOCK_START)).saturating_sub(behind);
        u32::try_from(now).unwrap_or(u32::MAX).max(1)
    }
}

/// A panic while one of these locks is held ends the process (`panic = "abort"`); under test,
/// where it does not, the data are plain numbers and stay usable.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::store::StoreConfig;

    /// Settings as memcached's defaults have them, but two workers, for tests of this crate.
    pub(crate) fn config() -> Config {
        let base = Config::default();
        let store = StoreConfig { threads: 2, seed: Some(1), ..base.store };
        Config { store, threads: 2, other_settings: Vec::new(), ..base }
    }

    #[test]
    fn the_clock_starts_at_62_and_never_falls() {
        let shared = Shared::new(&config(), 1_000_000);
        assert_eq!(shared.now.load(Relaxed), 62);
        assert_eq!(shared.unix_now(), 1_000_000);
        shared.tick(5);
        assert_eq!(shared.now.load(Relaxed), 67);
        shared.tick(3);
        assert_eq!(shared.now.load(Relaxed), 67);
        assert_eq!(shared.unix_now(), 1_000_005);
        shared.tick(u64::MAX);
        assert_eq!(shared.now.load(Relaxed), u32::MAX);
    }

    #[cfg(feature = "debug-commands")]
    #[test]
    fn debugtime_pauses_resumes_and_moves_the_clock() {
        let shared = Shared::new(&config(), 1_000_000);
        let now = || shared.now.load(Relaxed);
        shared.tick(10);
        shared.debug_pause(true);
        shared.tick(20);
        assert_eq!(now(), 72);
        shared.debug_add(100);
        assert_eq!(now(), 172);
        shared.debug_pause(false);
        shared.tick(21);
        assert_eq!(now(), 173);
        shared.debug_add(-1000);
        assert_eq!(now(), 1);
        shared.debug_add(i64::MAX);
        shared.tick(22);
        assert_eq!(now(), u32::MAX);
    }

    #[test]
    fn a_reset_is_a_baseline_and_writes_no_counter() {
        let shared = Shared::new(&config(), 1_000_000);
        shared.listener.listeners.store(2, Relaxed);
        shared.listener.total_connections.store(7, Relaxed);
        shared.workers[0].bytes_read.add(10);
        shared.workers[1].bytes_read.add(5);
        shared.workers[1].cmd_flush.add(1);
        assert_eq!(shared.totals().total_connections, 9);
        assert_eq!(shared.totals().bytes_read, 15);
        shared.reset_totals();
        assert_eq!(shared.totals(), Totals::default());
        assert_eq!(shared.workers[0].bytes_read.get(), 10);
        shared.workers[0].bytes_read.add(1);
        assert_eq!(shared.totals().bytes_read, 1);
    }
}

#[cfg(all(test, loom))]
mod loom_tests {
    use super::*;
    use crate::sync::Arc;

    #[test]
    fn whoever_ticks_first_the_clock_never_falls() {
        loom::model(|| {
            let shared = Arc::new(Shared::new(&tests::config(), 1_000_000));
            let other = Arc::clone(&shared);
            let ticker = loom::thread::spawn(move || other.tick(2));
            shared.tick(1);
            let seen = shared.now.load(Relaxed);
            assert!((CLOCK_START + 1..=CLOCK_START + 2).contains(&seen));
            ticker.join().unwrap();
            assert_eq!(shared.now.load(Relaxed), CLOCK_START + 2);
        });
    }
}
