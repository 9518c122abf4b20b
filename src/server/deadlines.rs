//! When to look at a connection again: a wheel of seconds, validated lazily.
//!
//! An entry says "look at this connection at that second", nothing more: the connection computes
//! its true deadline when it is looked at, so that progress costs no wheel operation. Entries of
//! connections that are gone, or that were re-armed, are told apart by their second.

/// Seconds the wheel spans; what is due later is looked at once a turn of the wheel.
const SLOTS: u32 = 64;

/// Entries by the second they are due.
#[derive(Debug)]
pub(super) struct Wheel {
    slots: Vec<Vec<Entry>>,
    /// All slots up to this second were visited.
    visited: u32,
    len: usize,
}

/// A connection, and the second it is to be looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Entry {
    /// Its place in the table of connections.
    pub(super) token: usize,
    /// Seconds on the store's clock.
    pub(super) at: u32,
}

impl Wheel {
    /// Empty, at `now`.
    pub(super) fn new(now: u32) -> Self {
        Wheel { slots: vec![Vec::new(); SLOTS as usize], visited: now, len: 0 }
    }

    /// No entries: nothing to wake up for.
    pub(super) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The second up to which entries were handed out.
    #[inline]
    pub(super) fn visited(&self) -> u32 {
        self.visited
    }

    /// Look at `token` at second `at`, or at the next one if that has passed.
    pub(super) fn insert(&mut self, entry: Entry) {
        let earliest = self.visited.saturating_add(1);
        let at = entry.at.clamp(earliest, self.visited.saturating_add(SLOTS - 1));
        self.slots[(at % SLOTS) as usize].push(entry);
        self.len += 1;
    }

    /// Move to `now` and append all entries that are due to `due`.
    pub(super) fn advance(&mut self, now: u32, due: &mut Vec<Entry>) {
        let behind = now.saturating_sub(self.visited).min(SLOTS);
        self.visited = now;
        for back in 0..behind {
            let slot = (now.wrapping_sub(back) % SLOTS) as usize;
            let mut entries = std::mem::take(&mut self.slots[slot]);
            self.len -= entries.len();
            for entry in entries.drain(..) {
                if entry.at <= now {
                    due.push(entry);
                } else {
                    self.insert(entry);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn due(wheel: &mut Wheel, now: u32) -> Vec<u32> {
        let mut due = Vec::new();
        wheel.advance(now, &mut due);
        due.iter().map(|entry| entry.at).collect()
    }

    #[test]
    fn an_entry_comes_out_at_its_second_and_once() {
        let mut wheel = Wheel::new(62);
        for at in [63, 65, 200, 62 + SLOTS, 1000] {
            wheel.insert(Entry { token: 1, at });
        }
        let mut seen = Vec::new();
        for now in 62..1100 {
            for at in due(&mut wheel, now) {
                assert_eq!(at, now);
                seen.push(at);
            }
        }
        assert_eq!(seen, [63, 65, 62 + SLOTS, 200, 1000]);
        assert!(wheel.is_empty());
    }

    #[test]
    fn a_second_that_has_passed_is_due_at_the_next() {
        let mut wheel = Wheel::new(62);
        wheel.insert(Entry { token: 1, at: 5 });
        assert!(due(&mut wheel, 62).is_empty());
        assert_eq!(due(&mut wheel, 63), [5]);
    }

    #[test]
    fn a_clock_that_jumps_loses_nothing() {
        let mut wheel = Wheel::new(62);
        for at in [70, 500, 100_000] {
            wheel.insert(Entry { token: 1, at });
        }
        assert_eq!(due(&mut wheel, 90_000).len(), 2);
        assert!(due(&mut wheel, 10).is_empty());
        assert!(!wheel.is_empty());
        let late: Vec<u32> = (11..200).flat_map(|now| due(&mut wheel, now)).collect();
        assert!(late.is_empty());
        assert_eq!(due(&mut wheel, 100_000), [100_000]);
    }

    #[test]
    fn the_end_of_the_clock_is_no_panic() {
        let mut wheel = Wheel::new(u32::MAX - 1);
        wheel.insert(Entry { token: 1, at: u32::MAX });
        assert_eq!(due(&mut wheel, u32::MAX), [u32::MAX]);
        wheel.insert(Entry { token: 1, at: 3 });
        assert_eq!(due(&mut wheel, u32::MAX), []);
    }
}
