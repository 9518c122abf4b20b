//! The onlooker of a soak: takes the daemon's memory, has its invariants recounted, flushes now
//! and then, and measures what a quiet client has to wait.

use std::fmt;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use super::Shared;
use super::talk::Talk;
use crate::common::Server;

/// Between two looks.
const INTERVAL: Duration = Duration::from_millis(50);
/// Looks between two recounts (every shard stands still meanwhile), and between two flushes.
const CHECK_EVERY: usize = 100;
const FLUSH_EVERY: usize = 250;
/// Runs shorter than this say little about a slope.
const SLOPE_MIN: Duration = Duration::from_secs(120);
/// Most that the mean of the last quarter may be above that of the second one, in bytes.
const CREEP_MAX: f64 = (2 << 20) as f64;

/// What was seen.
pub struct Watched {
    /// Resident bytes, at each look.
    resident: Vec<u64>,
    /// Waits for an answer, sorted.
    waits: Vec<Duration>,
    /// Longest recount.
    check_max: Duration,
    interval: Duration,
}

pub fn watch(server: &Server, shared: &Shared, duration: Duration) -> Watched {
    let mut talk = Talk::to(server.address());
    let start = Instant::now();
    let mut resident = Vec::new();
    let mut waits = Vec::new();
    let mut check_max = Duration::ZERO;
    while start.elapsed() < duration && !shared.stop.load(Relaxed) {
        std::thread::sleep(INTERVAL);
        resident.push(server.resident());
        let asked = Instant::now();
        assert_eq!(talk.ask("get nothing\r\n"), "END");
        waits.push(asked.elapsed());
        let look = resident.len();
        if look.is_multiple_of(CHECK_EVERY) {
            let asked = Instant::now();
            assert_eq!(talk.ask("debugcheck\r\n"), "OK");
            check_max = check_max.max(asked.elapsed());
        }
        if look.is_multiple_of(FLUSH_EVERY) {
            let sent = Instant::now();
            assert_eq!(talk.ask("flush_all\r\n"), "OK");
            *shared.flushed_at.lock().expect("not poisoned") = Some(sent);
        }
    }
    waits.sort();
    let interval = start.elapsed() / resident.len().max(1) as u32;
    Watched { resident, waits, check_max, interval }
}

impl Watched {
    /// Memory was within its budget at every look, and did not creep.
    pub fn assert_within(&self, limit: u64, duration: Duration) {
        let peak = self.resident.iter().copied().max().expect("it was looked at");
        let budget = limit + limit / 4 + (16 << 20);
        assert!(peak <= budget, "{peak} bytes resident, {budget} allowed");
        if duration >= SLOPE_MIN {
            let creep = self.quarter(3) - self.quarter(1);
            assert!(creep <= CREEP_MAX, "memory crept up by {creep} bytes");
        }
    }

    /// The mean of one quarter of the looks.
    fn quarter(&self, n: usize) -> f64 {
        let len = self.resident.len() / 4;
        let part = &self.resident[n * len..(n + 1) * len];
        part.iter().sum::<u64>() as f64 / part.len().max(1) as f64
    }

    fn wait(&self, share: f64) -> Duration {
        self.waits[((self.waits.len() - 1) as f64 * share) as usize]
    }
}

impl fmt::Display for Watched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const MIB: f64 = (1 << 20) as f64;
        let peak = self.resident.iter().copied().max().unwrap_or(0) as f64 / MIB;
        let quarters = [1, 2, 3].map(|n| format!("{:.1}", self.quarter(n) / MIB)).join(", ");
        // From the middle of the second quarter to that of the last there is half of the time.
        let half = self.interval.as_secs_f64() * self.resident.len() as f64 / 2.0;
        let slope = (self.quarter(3) - self.quarter(1)) / MIB / half * 3600.0;
        writeln!(f, "resident: peak {peak:.1} MiB; quarters 2 to 4: {quarters} MiB")?;
        writeln!(f, "slope: {slope:.2} MiB/h; longest recount: {:?}", self.check_max)?;
        let (median, p99, max) = (self.wait(0.5), self.wait(0.99), self.wait(1.0));
        write!(f, "a quiet client waits: p50 {median:?}, p99 {p99:?}, longest {max:?}")
    }
}
