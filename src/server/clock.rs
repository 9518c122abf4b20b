//! The only reader of clocks: seconds since start by the monotonic clock, ticks, and short waits at
//! a stop. Whoever serves requests reads `Shared::now` instead, which is an atomic.

use crate::sys::cpu;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Whole seconds since it was made.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clock {
    start: Instant,
    /// Ticks at the start.
    ticks: u64,
}

impl Clock {
    /// Starts at 0.
    pub(super) fn start() -> Self {
        Clock { start: Instant::now(), ticks: ticks() }
    }

    /// Whole seconds since the start.
    pub(super) fn elapsed_s(&self) -> u64 {
        self.start.elapsed().as_secs()
    }

    /// Ticks of a millisecond, on the average since the start.
    pub(super) fn ticks_per_ms(&self) -> u64 {
        let passed = ticks().saturating_sub(self.ticks);
        (u128::from(passed) * 1000 / u128::from(self.elapsed_us().max(1))) as u64
    }

    /// Microseconds since the start.
    pub(super) fn elapsed_us(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_micros()).unwrap_or(u64::MAX)
    }
}

/// A count that rises evenly and costs next to nothing to read: what turns and locks are timed by.
#[inline]
pub(super) fn ticks() -> u64 {
    cpu::ticks()
}

/// A moment in the future, for the stop only.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limit(Instant);

impl Limit {
    /// So many milliseconds from now.
    pub(super) fn after_ms(ms: u64) -> Self {
        Limit(Instant::now() + Duration::from_millis(ms))
    }

    /// What is left of it; zero when it has passed.
    pub(super) fn left(&self) -> Duration {
        self.0.saturating_duration_since(Instant::now())
    }

    /// It has passed.
    pub(super) fn passed(&self) -> bool {
        self.left().is_zero()
    }
}

/// Unix time: seconds, and microseconds of the second. For what is shown, never for decisions.
pub(super) fn unix_moment() -> (u64, u32) {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    (since.as_secs(), since.subsec_micros())
}

/// Unix time, in seconds; 0 on a host whose clock stands before 1970.
pub(super) fn unix_now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
