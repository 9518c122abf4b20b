//! How fast the classes of a shard turn their items over, and so for how long each keeps a page;
//! what is done about it stands in `claims.rs`.
//!
//! T = items × time ÷ evictions, over a window of at most about one turn, and the time since then:
//! a class that is used no more, or has plenty, ages until it gives pages away. None is older than
//! its first page.
//!
//! A class keeps a page for T × chunk size; but whole sizes would trade too many misses of large
//! items for a few of small ones while a workload shifts. [`SIZE_POWER`] tempers them, and won on
//! the traces. Misses there, and bytes missed, beside those at ⅔, of 44 rows of the replay in
//! process: two traces and ten made workloads, at four sizes most (with 1.0, of sixteen of them):
//!
//! | power | misses, mean | worst row | bytes, mean | worst row |
//! |---|---|---|---|---|
//! | 0.5 | 1.004 | 1.07 (loop) | 0.996 | 1.06 (loop); best 0.93 (shift) |
//! | 0.8 | 1.001 | 1.07 (shift) | 1.012 | 1.21 (shift) |
//! | 1.0 | 1.021 | 1.21 (shift) | 1.093 | 1.70 (shift) |
//!
//! Invariant: `born ≤ since ≤ last ≤` the shard's count of stores.

use super::slab::ClassId;

/// What of a chunk's size weighs: T × size to this power is equal in all classes that claim.
const SIZE_POWER: f64 = 0.66;
/// Evictions, at least, before a window is halved.
const WINDOW_MIN: u64 = 32;

/// How fast a class turns its items over.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Turnover {
    /// The window's beginning, in stores of the shard.
    pub(super) since: u64,
    /// When the class last evicted, which is its end.
    pub(super) last: u64,
    /// Evictions in it.
    evictions: u64,
    /// When the class got its first page.
    pub(super) born: u64,
    /// Evictions since its claim to another page was last weighed.
    pub(super) pressure: u32,
    /// It was far below another's then.
    pub(super) pressing: bool,
}

/// A page on its way from one class to another.
#[derive(Debug, Clone, Copy)]
pub(super) struct Claim {
    pub(super) page: usize,
    pub(super) from: ClassId,
    pub(super) to: ClassId,
    /// The next chunk to look at.
    pub(super) next: usize,
}

/// What a shard knows of its classes' claims to its pages.
#[derive(Debug)]
pub(super) struct Claims {
    pub(super) turnovers: Vec<Turnover>,
    /// Chunk sizes, to the power that counts.
    pub(super) weights: Vec<f64>,
    pub(super) current: Option<Claim>,
    /// Where the search for a page goes on.
    pub(super) hand: usize,
}

impl Claims {
    pub(super) fn new(chunk_sizes: &[u32]) -> Claims {
        let weight = |&size: &u32| f64::from(size).powf(SIZE_POWER);
        Claims {
            turnovers: vec![Turnover::default(); chunk_sizes.len()],
            weights: chunk_sizes.iter().map(weight).collect(),
            current: None,
            hand: 0,
        }
    }
    /// The class gets its first page, or had best be taken to.
    pub(super) fn born(&mut self, class: ClassId, clock: u64) {
        let (since, last, born) = (clock, clock, clock);
        self.turnovers[class] = Turnover { since, last, born, ..Turnover::default() };
    }
}

impl Turnover {
    pub(super) fn evicts(&mut self, items: u64, clock: u64) {
        self.evictions += 1;
        self.last = clock;
        if self.evictions >= items.max(WINDOW_MIN) {
            self.since += (clock - self.since) / 2;
            self.evictions /= 2;
        }
    }
    pub(super) fn time(&self, items: u64, clock: u64) -> f64 {
        let turn = (self.last - self.since) as f64 * items as f64 / self.evictions.max(1) as f64;
        let idle = (clock - self.last) as f64;
        (turn + idle).min((clock - self.born) as f64) + 1.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_is_as_old_as_its_items_last_and_older_while_it_rests() {
        let mut turnover = Turnover::default();
        // A hundred items, an eviction with every tenth store: they last a thousand stores.
        (1..=1000).for_each(|n| turnover.evicts(100, n * 10));
        let busy = turnover.time(100, 10_000);
        assert!((900.0..1200.0).contains(&busy), "{busy}");
        let resting = turnover.time(100, 20_000);
        assert!(resting > 10.0 * busy, "{resting}");
        // Pages taken from it make those that stay no younger than its rest.
        assert!(turnover.time(10, 20_000) > 10_000.0);
        // With half the items, at the same pace, they last half as long.
        assert!(turnover.time(50, 10_000) < 0.6 * busy);
    }

    #[test]
    fn a_class_is_no_older_than_its_first_page() {
        let mut claims = Claims::new(&[40, 32_768]);
        claims.born(1, 500);
        assert_eq!(claims.turnovers[1].time(1000, 500), 1.0);
        assert_eq!(claims.turnovers[1].time(1000, 600), 101.0);
        assert!(claims.weights[1] > 10.0 * claims.weights[0]);
    }
}
