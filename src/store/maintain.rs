//! Background work, in bounded steps under the same lock as everyone else: reaping what is dead,
//! keeping HOT and WARM to their shares, freeing long chains, growing and folding the index,
//! refreshing access times.

use super::Seconds;
use super::alloc::DOOMED_STEP;
use super::item::{Accessed, COUNT_END, Queue, state};
use super::shard::{Shard, TOIL};
use super::slab::ClassId;
use crate::sys::cpu::prefetch;

/// Queue moves in one step, of all classes: at some 100 ns each 25 microseconds.
const MOVES: usize = 256;
/// The same of one class.
const MOVES_OF_ONE: usize = 64;
/// Stores that there are counts left for when they begin anew: more than can be made in the tenth
/// of a second until somebody looks again.
const COUNTS_LEFT: u64 = 1 << 32;
/// Buckets split in one step.
const SPLITS: usize = 16;
/// Buckets folded in one step, each four items at most on average: some 20 microseconds.
const FOLDS: usize = 64;

impl Shard {
    /// What is due about ten times a second. `true`: `clean` has more to do.
    pub(super) fn maintain(&mut self, now: Seconds) -> bool {
        let more = self.clean(now);
        self.renumber();
        self.pursue_claim(now);
        if self.toil < TOIL {
            self.clear_some(now); // whoever needed the page may not need it any more
        }
        for _ in 0..SPLITS {
            if self.index.wants_growth() {
                self.grow_index();
            }
        }
        self.count_tables();
        self.balance_some(now);
        self.refresh_page(now);
        more
    }

    /// Store counts are about to end: begin anew. What lives has the count 2 then, what was flushed
    /// (and is still there) 1; to those who compare it has changed. All at once, for counts of two
    /// ages cannot be told apart: a second in five years, for ten million items.
    fn renumber(&mut self) {
        if self.cas_count < COUNT_END - COUNTS_LEFT {
            return;
        }
        for page in 0..self.slabs.page_limit() {
            for id in self.slabs.chunks(page) {
                let flushed = self.header(id).cas() <= self.flush.before;
                if self.header(id).is_item() {
                    self.header_mut(id).set_cas(if flushed { 1 } else { 2 });
                }
            }
        }
        (self.flush.before, self.cas_count) = (1, 2);
        for class in 0..self.slabs.len() {
            self.claims.born(class, self.cas_count);
        }
    }

    /// Free some of what is dead or doomed. `true`: there is more to do.
    pub(super) fn clean(&mut self, now: Seconds) -> bool {
        self.tick(now);
        self.free_doomed(DOOMED_STEP);
        let mut more = !self.doomed.is_empty();
        if self.settings.crawler {
            more |= self.crawl(now);
        }
        if self.toil < TOIL {
            more |= self.crawl_on(now);
        }
        more | self.crawl.is_some()
    }

    /// Fold some of an index that has become too large, but in no one's walk through it. `true`:
    /// there is more to do.
    pub(super) fn fold_index(&mut self) -> bool {
        for _ in 0..FOLDS {
            if !self.index.wants_folding() || !self.index.fold() {
                return false;
            }
        }
        true
    }

    /// Balance all classes, or as many as a step has moves for; another one comes first each time.
    fn balance_some(&mut self, now: Seconds) {
        let (classes, before) = (self.slabs.len(), self.counts.juggles);
        let first = self.refresh_cursor % classes;
        for class in (first..classes).chain(0..first) {
            let done = (self.counts.juggles - before) as usize;
            self.balance(class, MOVES.saturating_sub(done).min(MOVES_OF_ONE), now);
        }
    }

    /// Let HOT's and WARM's tails drift on while they hold more than their share, or have been
    /// idle for too long compared with COLD's.
    pub(super) fn balance(&mut self, class: ClassId, moves: usize, now: Seconds) {
        let shares = self.settings.shares;
        if self.settings.flat {
            return self.drain(class, moves);
        }
        if self.settings.probation {
            return; // Evictions take from HOT while it is too large.
        }
        for _ in 0..moves {
            let hot = self.drift(class, Queue::Hot, shares.hot_pct, shares.hot_age, now);
            let warm = self.drift(class, Queue::Warm, shares.warm_pct, shares.warm_age, now);
            if !hot && !warm {
                return;
            }
        }
    }

    /// There is one queue from now on: what still stands in the others goes there.
    fn drain(&mut self, class: ClassId, moves: usize) {
        for _ in 0..moves {
            let lru = &self.lru[class];
            let queues = [Queue::Warm, Queue::Hot];
            let Some(tail) = queues.iter().find_map(|&queue| lru.list(queue).tail) else { return };
            let size = self.size(tail);
            self.lru[class].shift(&mut self.slabs.arena, tail, Queue::Cold, size);
            self.counts.classes[class].moves_to_cold += 1;
            self.counts.juggles += 1;
        }
    }

    /// Move one queue's tail on, if it should.
    #[inline]
    fn drift(&mut self, class: ClassId, queue: Queue, pct: u32, age: f64, now: Seconds) -> bool {
        let lru = &self.lru[class];
        let list = lru.list(queue);
        let Some(tail) = list.tail else { return false };
        let too_many = list.bytes * 100 > lru.ranked_bytes() * u64::from(pct);
        if !too_many {
            let cold = lru.tail_age(&self.slabs.arena, Queue::Cold, now);
            let idle = lru.tail_age(&self.slabs.arena, queue, now);
            if cold == 0 || f64::from(idle) <= f64::from(cold) * age {
                return false;
            }
        }
        let size = self.size(tail);
        if let Some(next) = self.header(tail).prev {
            prefetch(self.slabs.arena.address(next));
        }
        let active = self.header(tail).is(state::ACTIVE);
        let counts = &mut self.counts.classes[class];
        let to = match (active, queue) {
            (true, Queue::Warm) => {
                counts.moves_within_lru += 1;
                Queue::Warm
            }
            (true, _) => {
                counts.moves_to_warm += 1;
                Queue::Warm
            }
            (false, _) => {
                counts.moves_to_cold += 1;
                Queue::Cold
            }
        };
        self.lru[class].shift(&mut self.slabs.arena, tail, to, size);
        self.counts.juggles += 1;
        true
    }

    /// Rewrite the access times of one page, so that every item's stays readable: the cursor
    /// goes round well within [`Accessed::REFRESH`] seconds (ten steps a second).
    fn refresh_page(&mut self, now: Seconds) {
        let pages = self.slabs.page_limit();
        let steps = pages / Accessed::REFRESH as usize + 1;
        for _ in 0..steps.min(pages) {
            self.refresh_cursor =
                if self.refresh_cursor + 1 < pages { self.refresh_cursor + 1 } else { 0 };
            for id in self.slabs.chunks(self.refresh_cursor) {
                let header = self.header(id);
                let fresh = header.accessed.refreshed(now);
                if header.is_item() && fresh != header.accessed {
                    self.header_mut(id).accessed = fresh;
                }
            }
        }
    }
}
