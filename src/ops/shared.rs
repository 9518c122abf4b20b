//! What all threads share besides the store: the clock's current second, run-time switches, every
//! worker's counters.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64};

use super::counters::WorkerCounters;

/// Shared, read-mostly.
pub struct Shared {
    /// Seconds on the store's clock; ticked by the maintainer thread. 62 at start, so that
    /// `uptime` (this less 60) reads 2 and a deadline of 1 is the past.
    pub now: AtomicU32,
    /// Unix time at which `now` was 0.
    pub epoch_unix: u64,
    /// Feature `debug-commands`: seconds added to the clock by `debugtime`.
    pub clock_offset: std::sync::atomic::AtomicI64,
    /// Feature `debug-commands`: the clock stands still.
    pub clock_paused: AtomicBool,
    /// `stats detail on`.
    pub detail: AtomicBool,
    /// The verbosity level, 0 to 3.
    pub verbosity: AtomicU32,
    /// One a worker.
    pub workers: Vec<WorkerCounters>,
    /// Counts of the accepting thread.
    pub listener: ListenerCounters,
}

/// Written by the accepting thread only.
#[derive(Default)]
pub struct ListenerCounters {
    /// Connections opened since start.
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
