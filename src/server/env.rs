//! What the parts of a stage share: what they may use, and what they ask of the worker.

use super::clock;
use super::deadlines::Entry;
use crate::ops::watch::{Log, Streams};
use crate::ops::{config::Config, counters::WorkerCounters, shared::Shared};
use crate::store::{Reader, Store};

/// What a stage may use, and the moment it runs at.
pub(super) struct Env<'a> {
    pub(super) store: &'a Store,
    /// The worker's, if it has one.
    pub(super) reader: Option<&'a Reader>,
    pub(super) config: &'a Config,
    pub(super) shared: &'a Shared,
    pub(super) counters: &'a WorkerCounters,
    /// Seconds on the store's clock.
    pub(super) now: u32,
    /// Requests a connection may run in one turn.
    pub(super) turn_requests: usize,
    /// Bytes of replies a connection may owe.
    pub(super) output_mark: usize,
    /// Bytes that all connections of the worker may own before large requests wait.
    pub(super) buffers_max: u64,
    /// Requests are to be logged.
    pub(super) log: bool,
    /// What anybody watches.
    pub(super) watched: Streams,
    /// Connections end with this turn.
    pub(super) stopping: bool,
}

impl Env<'_> {
    /// The moment, to the microsecond, if there is somebody to show it to.
    #[inline]
    pub(super) fn moment(&self) -> Option<(u64, u32)> {
        (self.watched != Streams::NONE).then(clock::unix_moment)
    }
}

/// What a stage asks of the worker, by the connections' places in the table.
#[derive(Debug, Default)]
pub(super) struct Effects {
    /// To be closed.
    pub(super) doomed: Vec<usize>,
    /// Our side is to be shut.
    pub(super) half_close: Vec<usize>,
    /// `blocked` differs from `watched`.
    pub(super) interest: Vec<usize>,
    /// To be looked at later.
    pub(super) timers: Vec<Entry>,
    /// To be tried again when buffers are less short.
    pub(super) deferred: Vec<usize>,
    /// In the midst of a dump, the next part of which has time.
    pub(super) dumping: Vec<usize>,
    /// Just parked: others are to be asked.
    pub(super) errands: Vec<usize>,
    /// The daemon is to stop; gracefully?
    pub(super) shutdown: Option<bool>,
    /// New watchers.
    pub(super) watchers: Vec<usize>,
    /// Lines for watchers, to be published.
    pub(super) log: Log,
}
