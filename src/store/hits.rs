//! Hits and stores of late, counted where the shard's lock is.
//!
//! Two workers that use a shard in turn pass its lock from core to core, and after it whatever line
//! a verb writes: 50 ns each (measured; more between sockets), and the unlocking waits for it. The
//! counts of a class are such a line, the only one besides the lock that every get writes; a set
//! that writes over an item would write two of them. So a few small counts stand beside the lock,
//! with whatever else every verb writes, and go to the class's when one is full or its place is
//! wanted for another.
//!
//! Invariant: what stands here is not in the classes' counts yet; [`Shard::settle`] brings it
//! there, before those are read or zeroed.

use super::counts::{Hits, Sets};
use super::item::Queue;
use super::shard::Shard;
use super::slab::ClassId;

impl Shard {
    /// A get found an item of this class and queue.
    #[inline(always)]
    pub(super) fn count_hit(&mut self, class: ClassId, queue: Queue) {
        let name = (class * 4 + queue as usize) as u8;
        let place = usize::from(name) % Hits::PLACES;
        if self.hits.names[place] != name || self.hits.counts[place] == u16::MAX {
            self.settle_place(place);
            self.hits.names[place] = name;
        }
        self.hits.counts[place] += 1;
    }
    #[cold]
    fn settle_place(&mut self, place: usize) {
        let name = usize::from(self.hits.names[place]);
        let count = std::mem::take(&mut self.hits.counts[place]);
        // A place that was never used has the name of class 0, of which there is one.
        self.counts.classes[name / 4].hits[name % 4] += u64::from(count);
    }
    /// A storage command, under the class its item has, or would have.
    #[inline]
    pub(super) fn count_set(&mut self, class: ClassId) {
        let (name, place) = (class as u8, class % Sets::PLACES);
        if self.sets.names[place] != name || self.sets.counts[place] == u16::MAX {
            self.settle_sets(place);
            self.sets.names[place] = name;
        }
        self.sets.counts[place] += 1;
    }
    /// An item was written over.
    #[inline]
    pub(super) fn count_rewrite(&mut self) {
        if self.sets.rewrites == u16::MAX {
            self.settle_rewrites();
        }
        self.sets.rewrites += 1;
    }
    #[cold]
    fn settle_sets(&mut self, place: usize) {
        let count = std::mem::take(&mut self.sets.counts[place]);
        self.counts.classes[usize::from(self.sets.names[place])].cmd_set += u64::from(count);
    }
    #[cold]
    fn settle_rewrites(&mut self) {
        self.counts.total_items += u64::from(std::mem::take(&mut self.sets.rewrites));
    }
    /// Bring all that stands here to the classes' counts.
    pub(super) fn settle(&mut self) {
        (0..Hits::PLACES).for_each(|place| self.settle_place(place));
        (0..Sets::PLACES).for_each(|place| self.settle_sets(place));
        self.settle_rewrites();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Store;
    use crate::store::tests::config;

    fn store() -> Store {
        Store::new(config(1 << 20)).unwrap()
    }

    #[test]
    fn they_share_the_cache_line_of_the_lock() {
        let store = store();
        let slot = &store.slots[0];
        let begin = &raw const slot.shard as usize;
        let shard = slot.lock();
        let end = &raw const shard.cas_count as usize + size_of::<u64>();
        assert!(
            begin.is_multiple_of(64) && end <= begin + 64,
            "lock at {begin}, the last to {end}"
        );
    }

    /// What a lookup reads of a shard begins in four lines: there may be many shards, and a line
    /// that is not in the first cache is waited for.
    #[test]
    fn what_every_verb_needs_is_in_few_cache_lines() {
        let store = store();
        let shard = store.slots[0].lock();
        let begin = &raw const store.slots[0].shard as usize;
        let line = |address: usize| (address - begin) / 64;
        assert_eq!(line(&raw const shard.flush as usize), 1);
        let flags = [&raw const shard.observed as usize, &raw const shard.settings.flat as usize];
        assert_eq!(flags.map(line), [1, 1]);
        for begins in [&raw const shard.slabs as usize, &raw const shard.index as usize] {
            assert!(begins.is_multiple_of(64), "{begins:#x}");
        }
        // Where pages lie is what stands first of the arena.
        let bases = &raw const shard.slabs.arena as usize;
        let end = bases + size_of::<Vec<usize>>() - 1;
        assert_eq!(line(end), line(&raw const shard.slabs as usize));
    }

    #[test]
    fn all_hits_are_counted_whatever_their_order() {
        let store = store();
        let classes = store.stats(1).classes.len();
        let mut expected = vec![[0; 4]; classes];
        let queues = [Queue::Hot, Queue::Warm, Queue::Cold, Queue::Temp];
        let mut hit = |class: usize, queue: Queue, times: u64| {
            expected[class][queue as usize] += times;
            let mut shard = store.slots[0].lock();
            (0..times).for_each(|_| shard.count_hit(class, queue));
        };
        for times in [1, 3] {
            (0..classes).for_each(|class| queues.iter().for_each(|&q| hit(class, q, times)));
        }
        hit(1, Queue::Hot, 70_000);
        // Twice: what was told is not counted again.
        for _ in 0..2 {
            let found: Vec<_> = store.stats(1).classes.iter().map(|class| class.hits).collect();
            assert_eq!(found, expected);
        }
        store.slots[0].lock().count_hit(1, Queue::Hot);
        store.reset_stats();
        assert!(store.stats(1).classes.iter().all(|class| class.hits == [0; 4]));
    }

    #[test]
    fn all_stores_are_counted_whatever_their_order() {
        let store = store();
        let classes = store.stats(1).classes.len();
        let mut expected = vec![0; classes];
        let mut set = |class: usize, times: u64| {
            expected[class] += times;
            let mut shard = store.slots[0].lock();
            (0..times).for_each(|_| shard.count_set(class));
        };
        for times in [1, 3] {
            (0..classes).for_each(|class| set(class, times));
        }
        set(2, 70_000);
        let mut shard = store.slots[0].lock();
        (0..70_001).for_each(|_| shard.count_rewrite());
        drop(shard);
        for _ in 0..2 {
            let stats = store.stats(1);
            let found: Vec<_> = stats.classes.iter().map(|class| class.cmd_set).collect();
            assert_eq!((found, stats.total_items), (expected.clone(), 70_001));
        }
        store.slots[0].lock().count_set(1);
        store.slots[0].lock().count_rewrite();
        store.reset_stats();
        let stats = store.stats(1);
        assert!(stats.classes.iter().all(|class| class.cmd_set == 0) && stats.total_items == 0);
    }
}
