//! The part of the twin that concerns memory: what the store reports as gone, whether it might go,
//! and whether memory could run out.

use slabd::store::Event;

use crate::store_transfers::Pin;
use crate::store_twin::{PAGE, World};

/// Up to so many pages the search for dead items before an eviction misses none: it looks a
/// thousand times, at a page each for what expires, and at eight chunks for what is in it or was
/// flushed,
const EXACT_PAGES: usize = 16;
/// unless it has reclaimed so many items.
const REAPED_MAX: usize = 64;

impl World {
    /// Take the store's reports. `own`: the key that is being worked on, which must not go.
    pub(crate) fn absorb(&mut self, own: Option<&[u8]>) {
        let (mut evicted, mut reaped) = (false, 0);
        for event in self.store.take_events().0 {
            match event {
                Event::Reclaimed { key } => {
                    let gone = self.twin.remove(&key[..]).expect("only what is there is reclaimed");
                    assert!(self.is_dead(&gone), "only the dead are reclaimed");
                    self.tally.reclaimed += 1;
                    reaped += 1;
                }
                Event::Evicted { key, .. } if self.touched.as_deref() == Some(&key[..]) => {
                    assert!(self.is_crowded(None, PAGE), "evicted for a deadline of its own");
                    assert!(!self.lost && self.twin.contains_key(&key[..]), "evicted twice");
                    (self.lost, self.tally.lost) = (true, self.tally.lost + 1);
                }
                Event::Evicted { key, .. } => {
                    assert_ne!(own, Some(&key[..]), "the item being worked on was evicted");
                    self.judge_evicted(&key);
                    let gave_up = reaped >= REAPED_MAX;
                    let exact = self.shards == 1 && self.pages() <= EXACT_PAGES && !gave_up;
                    assert!(!exact || !self.any_dead(), "evicted while a dead item could go");
                    evicted = true;
                }
                _ => {}
            }
        }
        if evicted && !self.failing_pages {
            let free = self.store.stats(self.now).pages_free;
            assert_eq!(free, 0, "evicted while the pool had a page");
        }
    }
    fn judge_evicted(&mut self, key: &[u8]) {
        assert!(self.config.evict, "evicted under -M");
        let gone = self.twin.remove(key).expect("only what is there is evicted");
        assert!(!self.is_dead(&gone), "a dead item is reclaimed, not evicted");
        let pinned = |pin: &Pin| pin.key == key && pin.version == gone.version;
        if self.pins.iter().any(pinned) {
            // The last resort.
            let largest = self.config.item_size_max as usize;
            assert!(
                self.failing_pages || self.is_crowded(None, largest),
                "a pinned item was evicted"
            );
        }
        self.tally.evicted += 1;
    }
    /// Whether something dead is left.
    fn any_dead(&mut self) -> bool {
        if self.soonest > self.now && !self.flushed_left {
            return false;
        }
        let dead = self.twin.values().any(|entry| self.is_dead(entry));
        if !dead {
            let deadlines = self.twin.values().map(|entry| entry.deadline);
            self.soonest = deadlines.filter(|&d| d != 0).min().unwrap_or(u32::MAX);
            self.flushed_left = false;
        }
        dead
    }
    pub(crate) fn expect_death(&mut self, deadline: u32) {
        if deadline != 0 {
            self.soonest = self.soonest.min(deadline);
        }
    }

    fn pages(&self) -> usize {
        self.config.limit_bytes as usize / PAGE
    }

    /// Fails unless what is in use, and what was asked for, explain that memory ran out.
    pub(crate) fn allow_no_memory(&mut self, len: usize) {
        self.allow_no_memory_beside(None, len);
    }
    /// The same, while a value of `held` bytes was kept: what is joined stays until the whole is
    /// there. 33 kB of four pages are a head, a largest chunk and a last one, in a page each; a
    /// whole of 45 kB takes the fourth for its own largest chunk, and has no place for the rest.
    pub(crate) fn allow_no_memory_beside(&mut self, held: Option<usize>, len: usize) {
        self.tally.no_memory += 1;
        if self.failing_pages {
            return;
        }
        let free = self.store.stats(self.now).pages_free;
        if !self.config.evict {
            return assert_eq!(free, 0, "no memory, and a free page");
        }
        assert!(self.is_crowded(held, len), "no memory for {len} bytes");
    }
    /// Whether what is in use, and `len` bytes more, may well fill all pages.
    fn is_crowded(&self, held: Option<usize>, len: usize) -> bool {
        let uploads = self.uploads.iter().map(|upload| upload.sent);
        let pins = self.pins.iter().map(|pin| pin.value.len());
        let (values, in_use) =
            uploads.chain(pins).chain(held).fold((0, 0), |(n, sum), len| (n + 1, sum + len));
        // Each of them may keep a page for its head and one for its last chunk.
        2 * ((in_use + len) / PAGE + 2 * values + 2) > self.pages()
    }
}
