//! Per-worker counts: one writer each, summed when asked. What concerns items is counted by the
//! store, under the lock it holds anyway.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

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
    /// Turns cut short so that others get theirs.
    pub conn_yields: Count,
    /// Closed for idleness.
    pub idle_kicks: Count,
    /// Closed because a request, a body or a reader took too long.
    pub deadline_kicks: Count,
    /// Open connections of this worker.
    pub curr_connections: Count,
    /// Connections this worker was ever given at once, at most.
    pub connection_structures: Count,
    /// Bytes of buffers that connections own at present.
    pub buffer_bytes: Count,
}
