//! What servers missed: a row for each workload and size of memory, a run for each server.

use crate::score::Score;
use crate::server::Kind;
use crate::wire::Run;

/// One workload at one size of memory.
pub struct Row {
    pub workload: String,
    pub memory_mb: u32,
    /// What its time and TTLs were divided by, if it was paced.
    pub divisor: Option<u32>,
    pub ideal: Score,
    /// One a server.
    pub runs: Vec<Run>,
}

impl Row {
    pub fn run(&self, kind: Kind) -> Option<&Run> {
        self.runs.iter().find(|run| run.kind == kind)
    }

    /// slabd's misses in memcached's, and its resident memory in that one's.
    pub fn ratios(&self) -> Option<(f64, f64)> {
        let (ours, theirs) = (self.run(Kind::Slabd)?, self.run(Kind::Memcached)?);
        let missed = ours.score.miss_ratio() / theirs.score.miss_ratio();
        Some((missed, ours.resident as f64 / theirs.resident as f64))
    }
}
