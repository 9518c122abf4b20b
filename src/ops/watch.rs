//! Who watches what: the log lines of `watch`, on their way from workers to watchers.
//!
//! ```text
//! a worker's Log ──publish──▶ each Watcher's lines ──take──▶ its connection
//! ```
//!
//! A worker writes lines into a log of its own and publishes them batch by batch; publishing copies
//! them to the watchers that asked for their stream. What a watcher has not taken is bounded;
//! lines beyond are counted, and the watcher is told `skipped=N` when there is room again. Nobody
//! ever waits for a watcher.
//!
//! Invariants: `streams` is the union of what the watchers want; a line is copied whole or
//! skipped; a watcher's lines never hold more than `max` bytes.

mod lines;

pub use lines::{Asker, Peer};

use std::io::Write as _;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard};

/// What can be watched: a set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Streams(pub u32);

impl Streams {
    /// No stream.
    pub const NONE: Streams = Streams(0);
    /// Items removed to make room.
    pub const EVICTIONS: Streams = Streams(1);
    /// Lookups.
    pub const FETCHERS: Streams = Streams(1 << 1);
    /// Storage commands.
    pub const MUTATIONS: Streams = Streams(1 << 2);
    /// Background work.
    pub const SYSEVENTS: Streams = Streams(1 << 3);
    /// Connections that come and go.
    pub const CONNEVENTS: Streams = Streams(1 << 4);
    /// Items that clients removed.
    pub const DELETIONS: Streams = Streams(1 << 5);
    /// What the store knows by itself.
    pub const MEMORY: Streams = Streams(Self::EVICTIONS.0 | Self::SYSEVENTS.0);

    /// Both have one.
    #[inline]
    pub fn meets(self, other: Streams) -> bool {
        self.0 & other.0 != 0
    }
}

/// Watchers at the same time (memcached's limit).
pub const WATCHERS_MAX: usize = 20;

/// All watchers, and what was counted of them.
#[derive(Debug)]
pub struct Watch {
    /// What anybody watches.
    streams: AtomicU32,
    /// Numbers the lines of all workers.
    serial: AtomicU64,
    watchers: Mutex<Vec<Arc<Watcher>>>,
    /// Bytes a watcher may leave untaken.
    watcher_bytes: usize,
    counts: WatchCounts,
}

/// Written by whoever loses, writes or sends a line; only while somebody watches.
#[derive(Debug, Default)]
struct WatchCounts {
    dropped: AtomicU64,
    written: AtomicU64,
    skipped: AtomicU64,
    sent: AtomicU64,
}

/// Lines since start, as `stats` shows them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct WatchTotals {
    /// Lost before they were lines: `log_worker_dropped`.
    pub dropped: u64,
    /// Written by workers: `log_worker_written`.
    pub written: u64,
    /// For which a watcher had no room: `log_watcher_skipped`.
    pub skipped: u64,
    /// Copied to watchers: `log_watcher_sent`.
    pub sent: u64,
}

impl WatchTotals {
    /// What was counted since `baseline`.
    pub fn since(&self, baseline: &WatchTotals) -> WatchTotals {
        WatchTotals {
            dropped: self.dropped.saturating_sub(baseline.dropped),
            written: self.written.saturating_sub(baseline.written),
            skipped: self.skipped.saturating_sub(baseline.skipped),
            sent: self.sent.saturating_sub(baseline.sent),
        }
    }
}

/// One watcher.
#[derive(Debug)]
pub struct Watcher {
    streams: Streams,
    pending: Mutex<Pending>,
}

/// Lines a watcher has not taken.
#[derive(Debug, Default)]
struct Pending {
    lines: Vec<u8>,
    /// Lines lost since the last one.
    skipped: u64,
}

impl Watch {
    /// Nobody watches; each watcher may leave `watcher_bytes` untaken.
    pub fn new(watcher_bytes: usize) -> Self {
        Watch {
            streams: AtomicU32::new(0),
            serial: AtomicU64::new(0),
            watchers: Mutex::new(Vec::new()),
            watcher_bytes,
            counts: WatchCounts::default(),
        }
    }

    /// What anybody watches: one relaxed load, to be made once a batch.
    #[inline]
    pub fn streams(&self) -> Streams {
        Streams(self.streams.load(Relaxed))
    }

    /// One more watcher; `None`: there are too many.
    pub fn add(&self, streams: Streams) -> Option<Arc<Watcher>> {
        let mut watchers = lock(&self.watchers);
        if watchers.len() >= WATCHERS_MAX {
            return None;
        }
        let watcher = Arc::new(Watcher { streams, pending: Mutex::default() });
        watchers.push(Arc::clone(&watcher));
        self.streams.store(union(&watchers), Relaxed);
        Some(watcher)
    }
    /// A watcher has gone.
    pub fn remove(&self, watcher: &Arc<Watcher>) {
        let mut watchers = lock(&self.watchers);
        watchers.retain(|present| !Arc::ptr_eq(present, watcher));
        self.streams.store(union(&watchers), Relaxed);
    }
    /// How many there are: `log_watchers`.
    pub fn len(&self) -> usize {
        lock(&self.watchers).len()
    }
    /// There is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What was counted since start.
    pub fn totals(&self) -> WatchTotals {
        let WatchCounts { dropped, written, skipped, sent } = &self.counts;
        WatchTotals {
            dropped: dropped.load(Relaxed),
            written: written.load(Relaxed),
            skipped: skipped.load(Relaxed),
            sent: sent.load(Relaxed),
        }
    }
}

fn union(watchers: &[Arc<Watcher>]) -> u32 {
    watchers.iter().fold(0, |streams, watcher| streams | watcher.streams.0)
}

impl Watcher {
    /// Exchange what it was sent for `empty`, whose room is used from now on.
    pub fn take(&self, empty: &mut Vec<u8>) {
        empty.clear();
        std::mem::swap(&mut lock(&self.pending).lines, empty);
    }

    /// Copy those of the lines that it wants and has room for; how many were (copied, skipped).
    fn offer(&self, log: &Log, max: usize) -> (u64, u64) {
        let (mut copied, mut skipped) = (0, 0);
        let mut begin = 0;
        let mut pending = lock(&self.pending);
        for &(stream, end) in &log.ends {
            let line = &log.lines[std::mem::replace(&mut begin, end)..end];
            if !self.streams.meets(stream) {
                continue;
            }
            if pending.push(line, max) {
                copied += 1;
            } else {
                skipped += 1;
            }
        }
        (copied, skipped)
    }
}

impl Pending {
    /// Append a line, behind the number of those that were lost, if there is room for both.
    fn push(&mut self, line: &[u8], max: usize) -> bool {
        let before = self.lines.len();
        if self.skipped > 0 {
            let _ = writeln!(self.lines, "skipped={}", self.skipped); // a Vec takes all
        }
        if self.lines.len() + line.len() > max {
            self.lines.truncate(before);
            self.skipped += 1;
            return false;
        }
        self.lines.extend_from_slice(line);
        self.skipped = 0;
        true
    }
}

/// One thread's lines, before they are published.
#[derive(Debug, Default)]
pub struct Log {
    lines: Vec<u8>,
    /// The stream of each line, and where it ends.
    ends: Vec<(Streams, usize)>,
    /// Bytes it may hold.
    max: usize,
    /// The moment shown in lines: unix seconds, and microseconds of the second.
    moment: (u64, u32),
}

impl Log {
    /// Empty; holds up to `max` bytes.
    pub fn new(max: usize) -> Self {
        Log { lines: Vec::new(), ends: Vec::new(), max, moment: (0, 0) }
    }
    /// The moment of the lines to come: unix seconds, and microseconds of the second.
    pub fn set_moment(&mut self, moment: (u64, u32)) {
        self.moment = moment;
    }
    /// Nothing is to be published.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }
    /// It should be published before more is written.
    pub fn is_full(&self) -> bool {
        self.lines.len() >= self.max / 2
    }

    /// Write one line of `stream`: `body` writes what stands behind the serial number. A line
    /// that does not fit is lost, and counted.
    pub fn write(&mut self, watch: &Watch, stream: Streams, body: impl FnOnce(&mut Vec<u8>)) {
        let begin = self.lines.len();
        let serial = watch.serial.fetch_add(1, Relaxed) + 1;
        let (seconds, micros) = self.moment;
        let _ = write!(self.lines, "ts={seconds}.{micros} gid={serial} "); // a Vec takes all
        body(&mut self.lines);
        self.lines.push(b'\n');
        if self.lines.len() > self.max {
            self.lines.truncate(begin);
            self.lose(watch, 1);
            return;
        }
        watch.counts.written.fetch_add(1, Relaxed);
        self.ends.push((stream, self.lines.len()));
    }
    /// So many events never became lines.
    pub fn lose(&self, watch: &Watch, n: u64) {
        watch.counts.dropped.fetch_add(n, Relaxed);
    }

    /// Give every watcher its lines, and begin anew. The caller holds no lock.
    pub fn publish(&mut self, watch: &Watch) {
        // Cloned, so that one lock is held at a time.
        let watchers = lock(&watch.watchers).clone();
        for watcher in watchers {
            let (copied, skipped) = watcher.offer(self, watch.watcher_bytes);
            watch.counts.sent.fetch_add(copied, Relaxed);
            watch.counts.skipped.fetch_add(skipped, Relaxed);
        }
        self.lines.clear();
        self.ends.clear();
        if watch.streams() == Streams::NONE {
            (self.lines, self.ends) = (Vec::new(), Vec::new());
        }
    }
}

/// Write a key so that it stays one word of one line: letters, digits and `-._~` as they are, any
/// other byte as `%XX`.
pub fn url_encode(key: &[u8], to: &mut Vec<u8>) {
    for &byte in key {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            to.push(byte);
        } else {
            let _ = write!(to, "%{byte:02X}"); // a Vec takes all
        }
    }
}

/// A panic while one of these locks is held ends the process; under test, where it does not, the
/// data are lines and stay usable.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(watcher: &Watcher) -> String {
        let mut lines = Vec::new();
        watcher.take(&mut lines);
        String::from_utf8(lines).unwrap()
    }

    #[test]
    fn a_watcher_gets_its_streams_and_no_others() {
        let watch = Watch::new(1000);
        let gets = watch.add(Streams::FETCHERS).unwrap();
        let both = watch.add(Streams(Streams::FETCHERS.0 | Streams::DELETIONS.0)).unwrap();
        assert_eq!(watch.streams(), Streams(Streams::FETCHERS.0 | Streams::DELETIONS.0));
        let mut log = Log::new(1000);
        log.set_moment((7, 80));
        log.write(&watch, Streams::FETCHERS, |line| line.extend_from_slice(b"a"));
        log.write(&watch, Streams::DELETIONS, |line| line.extend_from_slice(b"b"));
        log.publish(&watch);
        assert!(log.is_empty());
        assert_eq!(taken(&gets), "ts=7.80 gid=1 a\n");
        assert_eq!(taken(&both), "ts=7.80 gid=1 a\nts=7.80 gid=2 b\n");
        watch.remove(&both);
        assert_eq!((watch.streams(), watch.len()), (Streams::FETCHERS, 1));
        let totals = WatchTotals { dropped: 0, written: 2, skipped: 0, sent: 3 };
        assert_eq!(watch.totals(), totals);
    }

    #[test]
    fn a_slow_watcher_is_told_how_many_lines_it_lost() {
        let watch = Watch::new(40);
        let watcher = watch.add(Streams::FETCHERS).unwrap();
        let mut log = Log::new(1000);
        for _ in 0..7 {
            log.write(&watch, Streams::FETCHERS, |line| line.extend_from_slice(b"x"));
            log.publish(&watch);
        }
        assert_eq!(taken(&watcher), "ts=0.0 gid=1 x\nts=0.0 gid=2 x\n");
        log.write(&watch, Streams::FETCHERS, |line| line.extend_from_slice(b"x"));
        log.publish(&watch);
        assert_eq!(taken(&watcher), "skipped=5\nts=0.0 gid=8 x\n");
        assert_eq!((watch.totals().sent, watch.totals().skipped), (3, 5));
    }

    #[test]
    fn a_worker_loses_what_does_not_fit_its_log() {
        let watch = Watch::new(1000);
        let watcher = watch.add(Streams::FETCHERS).unwrap();
        let mut log = Log::new(20);
        for _ in 0..3 {
            log.write(&watch, Streams::FETCHERS, |line| line.extend_from_slice(b"x"));
        }
        assert!(log.is_full());
        log.publish(&watch);
        assert_eq!(taken(&watcher), "ts=0.0 gid=1 x\n");
        assert_eq!((watch.totals().written, watch.totals().dropped), (1, 2));
    }

    #[test]
    fn there_are_twenty_watchers_at_most() {
        let watch = Watch::new(10);
        let watchers: Vec<_> = (0..WATCHERS_MAX).map(|_| watch.add(Streams::NONE)).collect();
        assert!(watchers.iter().all(Option::is_some));
        assert!(watch.add(Streams::NONE).is_none());
        watch.remove(watchers[3].as_ref().unwrap());
        assert!(watch.add(Streams::NONE).is_some());
    }

    #[test]
    fn keys_are_one_printable_word() {
        let mut text = Vec::new();
        url_encode(b"aZ9-._~/ #%\n\x00\xff", &mut text);
        assert_eq!(text, b"aZ9-._~%2F%20%23%25%0A%00%FF");
    }
}
