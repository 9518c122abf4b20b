//! How trace time becomes the clock of a replay.

use crate::workloads::{REQUESTS_PER_MS, Request};

/// The pace of a replay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// As fast as it goes; where there is no clock, so many requests a millisecond as
    /// [`REQUESTS_PER_MS`] says. TTLs stay as they are.
    Free,
    /// So many requests a second, whatever the trace's time. TTLs stay as they are.
    Rate(u64),
    /// Trace time and TTLs divided by this.
    Divided(u32),
}

impl Pace {
    /// A workload with time of its own keeps to it, others to a rate that was asked for.
    pub fn new(divisor: Option<u32>, rate: Option<u64>) -> Pace {
        let of_rate = rate.map_or(Pace::Free, |rate| Pace::Rate(rate.max(1)));
        divisor.map_or(of_rate, |divisor| Pace::Divided(divisor.max(1)))
    }

    /// When the request, the one of this number, is due: milliseconds since the first.
    pub fn clock_ms(self, request: &Request, number: u64) -> u64 {
        match self {
            Pace::Free => number / REQUESTS_PER_MS,
            Pace::Rate(rate) => number * 1_000 / rate,
            Pace::Divided(divisor) => request.time_ms / u64::from(divisor),
        }
    }

    /// Seconds that its value is to live, rounded up; 0: for ever.
    pub fn ttl_s(self, request: &Request) -> u32 {
        match self {
            Pace::Free | Pace::Rate(_) => request.ttl_s,
            Pace::Divided(divisor) => request.ttl_s.div_ceil(divisor),
        }
    }
}
