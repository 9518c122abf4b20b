//! Per-worker counts: one writer each, summed when asked. What concerns items is counted by the
//! store, under the lock it holds anyway.

use std::sync::atomic::AtomicU64 as Cell;

use super::watch::WatchTotals;
use crate::store::times::{self, Times};
use crate::sync::{AtomicU64, Ordering::Relaxed};

/// Workers write their counts at every request, so no two of them may share what a processor
/// fetches at a time: two lines.
const _: () = assert!(align_of::<WorkerCounters>() == 128);

/// A count with one writer: a plain load and store, no locked instruction.
#[derive(Debug, Default)]
pub struct Count(AtomicU64);

impl Count {
    /// Only from the owning thread.
    #[inline]
    pub fn add(&self, n: u64) {
        self.0.store(self.0.load(Relaxed).wrapping_add(n), Relaxed);
    }
    /// Only from the owning thread.
    #[inline]
    pub fn sub(&self, n: u64) {
        self.0.store(self.0.load(Relaxed).wrapping_sub(n), Relaxed);
    }
    /// From anywhere.
    #[inline]
    pub fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// What one worker counts. Aligned so that no two workers share a cache line.
#[derive(Debug, Default)]
#[repr(align(128))]
pub struct WorkerCounters {
    /// Bytes read from sockets.
    pub bytes_read: Count,
    /// Bytes written to sockets.
    pub bytes_written: Count,
    /// flush_all, refused ones included.
    pub cmd_flush: Count,
    /// `me`.
    pub cmd_meta: Count,
    /// Turns cut short so that others get theirs.
    pub conn_yields: Count,
    /// Closed for idleness.
    pub idle_kicks: Count,
    /// Closed because a request, a body or a reader took too long.
    pub deadline_kicks: Count,
    /// Attempts to authenticate that came to a verdict.
    pub auth_cmds: Count,
    /// Those of them that failed.
    pub auth_errors: Count,
    /// Open connections of this worker.
    pub curr_connections: Count,
    /// Connections this worker was ever given at once, at most.
    pub connection_structures: Count,
    /// Datagrams that were no requests.
    pub udp_malformed: Count,
    /// Requests in datagrams left unanswered, for their senders had got enough.
    pub udp_limited: Count,
    /// Bytes of buffers that connections own at present.
    pub buffer_bytes: Count,
    /// How long the turns of its loop took.
    pub turns: TurnTimes,
}

/// Times with one writer.
#[derive(Debug)]
pub struct TurnTimes(Box<[Cell]>);

impl Default for TurnTimes {
    fn default() -> Self {
        TurnTimes((0..times::PLACES).map(|_| Cell::new(0)).collect())
    }
}

impl TurnTimes {
    /// Only from the owning thread.
    #[inline]
    pub fn record(&self, ticks: u64) {
        let count = &self.0[times::place(ticks)];
        count.store(count.load(Relaxed).wrapping_add(1), Relaxed);
    }
    /// From anywhere.
    pub fn times(&self) -> Times {
        Times::of(self.0.iter().map(|count| count.load(Relaxed)))
    }
}

/// What workers and the accepting thread counted, summed: plain numbers, taken at one moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    /// See [`WorkerCounters::bytes_read`].
    pub bytes_read: u64,
    /// See [`WorkerCounters::bytes_written`].
    pub bytes_written: u64,
    /// See [`WorkerCounters::cmd_flush`].
    pub cmd_flush: u64,
    /// See [`WorkerCounters::cmd_meta`].
    pub cmd_meta: u64,
    /// See [`WorkerCounters::conn_yields`].
    pub conn_yields: u64,
    /// See [`WorkerCounters::idle_kicks`].
    pub idle_kicks: u64,
    /// See [`WorkerCounters::deadline_kicks`].
    pub deadline_kicks: u64,
    /// See [`WorkerCounters::auth_cmds`].
    pub auth_cmds: u64,
    /// See [`WorkerCounters::auth_errors`].
    pub auth_errors: u64,
    /// Connections opened since start, listening sockets included.
    pub total_connections: u64,
    /// See `ListenerCounters::rejected_connections`.
    pub rejected_connections: u64,
    /// See `ListenerCounters::listen_disabled`.
    pub listen_disabled: u64,
    /// See `ListenerCounters::time_in_listen_disabled_us`.
    pub time_in_listen_disabled_us: u64,
    /// Lines for watchers.
    pub watch: WatchTotals,
}

impl Totals {
    /// Add one worker's counts.
    pub fn add_worker(&mut self, worker: &WorkerCounters) {
        self.bytes_read += worker.bytes_read.get();
        self.bytes_written += worker.bytes_written.get();
        self.cmd_flush += worker.cmd_flush.get();
        self.cmd_meta += worker.cmd_meta.get();
        self.conn_yields += worker.conn_yields.get();
        self.idle_kicks += worker.idle_kicks.get();
        self.deadline_kicks += worker.deadline_kicks.get();
        self.auth_cmds += worker.auth_cmds.get();
        self.auth_errors += worker.auth_errors.get();
    }

    /// What was counted since `baseline`: `stats reset` takes a baseline instead of writing
    /// counters that have another writer.
    pub fn since(&self, baseline: &Totals) -> Totals {
        let less = |now: u64, then: u64| now.saturating_sub(then);
        Totals {
            bytes_read: less(self.bytes_read, baseline.bytes_read),
            bytes_written: less(self.bytes_written, baseline.bytes_written),
            cmd_flush: less(self.cmd_flush, baseline.cmd_flush),
            cmd_meta: less(self.cmd_meta, baseline.cmd_meta),
            conn_yields: less(self.conn_yields, baseline.conn_yields),
            idle_kicks: less(self.idle_kicks, baseline.idle_kicks),
            deadline_kicks: less(self.deadline_kicks, baseline.deadline_kicks),
            auth_cmds: less(self.auth_cmds, baseline.auth_cmds),
            auth_errors: less(self.auth_errors, baseline.auth_errors),
            total_connections: less(self.total_connections, baseline.total_connections),
            rejected_connections: less(self.rejected_connections, baseline.rejected_connections),
            listen_disabled: less(self.listen_disabled, baseline.listen_disabled),
            time_in_listen_disabled_us: less(
                self.time_in_listen_disabled_us,
                baseline.time_in_listen_disabled_us,
            ),
            watch: self.watch.since(&baseline.watch),
        }
    }
}

#[cfg(all(test, loom))]
mod loom_tests {
    use super::*;
    use crate::sync::Arc;

    #[test]
    fn no_reader_sees_a_count_fall_or_lead() {
        loom::model(|| {
            let counters = Arc::new(WorkerCounters::default());
            let worker = Arc::clone(&counters);
            let writer = loom::thread::spawn(move || {
                worker.bytes_read.add(1);
                worker.bytes_read.add(2);
            });
            let reads = [counters.bytes_read.get(), counters.bytes_read.get()];
            assert!(reads[0] <= reads[1] && [0, 1, 3].contains(&reads[1]), "{reads:?}");
            writer.join().unwrap();
            assert_eq!(counters.bytes_read.get(), 3);
        });
    }
}
