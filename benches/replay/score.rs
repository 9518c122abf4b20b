//! What a replay counts, whoever plays it.

/// Reads and what came of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Score {
    /// Reads.
    pub reads: u64,
    /// Reads that found nothing.
    pub misses: u64,
    /// Bytes of keys and values asked for.
    pub read_bytes: u64,
    /// Of those, what was not there.
    pub missed_bytes: u64,
    /// Sets, after misses and by themselves.
    pub sets: u64,
    /// Sets that were refused.
    pub set_failures: u64,
}

impl Score {
    /// Counts a read of so many bytes.
    pub fn read(&mut self, bytes: u64, hit: bool) {
        self.reads += 1;
        self.read_bytes += bytes;
        if !hit {
            self.misses += 1;
            self.missed_bytes += bytes;
        }
    }

    /// Counts a set.
    pub fn set(&mut self, stored: bool) {
        self.sets += 1;
        self.set_failures += u64::from(!stored);
    }

    /// Misses in reads, 0 to 1.
    pub fn miss_ratio(&self) -> f64 {
        self.misses as f64 / self.reads.max(1) as f64
    }

    /// The same in bytes.
    pub fn byte_miss_ratio(&self) -> f64 {
        self.missed_bytes as f64 / self.read_bytes.max(1) as f64
    }
}
