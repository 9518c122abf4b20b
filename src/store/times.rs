//! How long things took: counts by size, fine enough for a quantile, cheap enough to keep always.
//!
//! Times are differences of **ticks**, a count that rises evenly and costs nothing to read; what a
//! tick is worth is known where times are shown. Eight places an octave, so a time is known to an
//! eighth. Below 256 ticks (some 100 ns where they are processor cycles) all are one.

/// Bits of a time behind its first that choose its place.
const FINE: u32 = 3;
/// Times below `2^LOW` share the first place.
const LOW: u32 = 8;
/// Times from `2^HIGH` (some 20 s) on share the last.
const HIGH: u32 = 36;
/// Places there are.
pub const PLACES: usize = ((HIGH - LOW) << FINE) as usize + 2;

/// The place of a time.
#[inline]
pub fn place(ticks: u64) -> usize {
    let ticks = ticks.clamp((1 << LOW) - 1, 1 << HIGH);
    if ticks < 1 << LOW {
        return 0;
    }
    let octave = ticks.ilog2();
    let fine = (ticks >> (octave - FINE)) as usize & ((1 << FINE) - 1);
    1 + ((octave - LOW) as usize) * (1 << FINE) + fine
}

/// The shortest time that is longer than any of a place.
fn end(place: usize) -> u64 {
    let fine = (place as u64) & ((1 << FINE) - 1);
    let octave = LOW + (place >> FINE) as u32;
    ((1 << FINE) + fine) << (octave - FINE)
}

/// Counts by place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Times {
    counts: Box<[u64]>,
}

impl Default for Times {
    fn default() -> Self {
        Times { counts: vec![0; PLACES].into_boxed_slice() }
    }
}

impl Times {
    /// As counted elsewhere, by place.
    pub fn of(counts: impl Iterator<Item = u64>) -> Times {
        let mut times = Times::default();
        times.counts.iter_mut().zip(counts).for_each(|(count, n)| *count = n);
        times
    }
    /// Something took so long.
    #[inline]
    pub fn record(&mut self, ticks: u64) {
        self.counts[place(ticks)] += 1;
    }
    /// All of another's.
    pub fn add(&mut self, other: &Times) {
        self.counts.iter_mut().zip(&other.counts).for_each(|(count, n)| *count += n);
    }
    /// Without what there was before.
    pub fn since(&self, before: &Times) -> Times {
        Times::of(self.counts.iter().zip(&before.counts).map(|(n, then)| n.saturating_sub(*then)))
    }
    /// Nothing was counted any more.
    pub fn clear(&mut self) {
        self.counts.fill(0);
    }
    /// How many were counted.
    pub fn len(&self) -> u64 {
        self.counts.iter().sum()
    }
    /// None were.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// What all but one in `one_in` stayed below, in ticks; 0 of none. With `u64::MAX`, what all
    /// stayed below.
    pub fn below(&self, one_in: u64) -> u64 {
        let mut left = self.len() / one_in;
        for (place, &count) in self.counts.iter().enumerate().rev() {
            if count > left {
                return end(place);
            }
            left -= count;
        }
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_follow_each_other_and_end_where_the_next_begins() {
        assert_eq!((place(0), place(255), place(256)), (0, 0, 1));
        assert_eq!((place(u64::MAX), place(1 << HIGH)), (PLACES - 1, PLACES - 1));
        for at in 0..PLACES - 1 {
            assert_eq!(place(end(at) - 1), at);
            assert_eq!(place(end(at)), at + 1);
        }
    }

    #[test]
    fn a_time_is_known_to_an_eighth() {
        let mut times = Times::default();
        assert_eq!((times.below(100), times.is_empty()), (0, true));
        for time in 1000..2000 {
            times.record(time);
        }
        times.record(1_000_000);
        assert_eq!(times.len(), 1001);
        assert!((1890..=2048).contains(&times.below(20)), "{}", times.below(20));
        assert!((1980..=2048).contains(&times.below(1000)), "{}", times.below(1000));
        assert!((1_000_000..=1_125_000).contains(&times.below(u64::MAX)));
        let before = times.clone();
        times.record(5000);
        assert_eq!(times.since(&before).len(), 1);
        let mut twice = before.clone();
        twice.add(&before);
        assert_eq!(twice.len(), 2002);
        assert_eq!(twice.below(1000), before.below(1000));
        twice.clear();
        assert_eq!(twice, Times::default());
    }
}
