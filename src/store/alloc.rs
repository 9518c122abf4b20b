//! Where a chunk comes from when its class has none free, cheapest first: long chains being
//! freed, a page from the pool, what is dead, an empty page of another class, the tail of this
//! class, a page of another class.
//!
//! Every step is bounded, and nothing alive goes while something dead or free would do.

use super::Seconds;
use super::item::{ItemId, Queue, state};
use super::reap::Reaper;
use super::shard::Shard;
use super::slab::ClassId;
use crate::sys::cpu::prefetch;

/// Tails looked at in one eviction: active ones are promoted, so a whole queue of them must not
/// be walked.
const TAIL_LOOKS: usize = 8;
/// Evictions an allocation may make: a chained item's eviction need not free a chunk of the class
/// that is asked for.
const EVICTIONS: usize = 16;
/// Pages looked at for one that can be emptied: pins and uploads may hold many in a row. A page
/// in use mostly shows it in its first chunk, so this is some 100 µs, and rare.
const STEAL_LOOKS: usize = 1024;
/// Chunks freed of long chains in one allocation.
pub(super) const DOOMED_STEP: usize = 64;
/// A class's claim to another page is weighed once in at least this many evictions.
const CLAIM_EVERY: u32 = 16;

/// Which items of a page that is to be emptied are worth another place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Keep {
    /// Those that proved it: COLD ones go.
    Used,
    /// All that live; others are evicted for them.
    All,
}

impl Shard {
    /// A chunk of a class; its header is free, the rest arbitrary.
    #[inline]
    pub(super) fn take_chunk(&mut self, class: ClassId, now: Seconds) -> Option<ItemId> {
        match self.slabs.pop(class) {
            Some(id) => Some(id),
            None => self.find_chunk(class, now),
        }
    }

    #[inline(never)]
    fn find_chunk(&mut self, class: ClassId, now: Seconds) -> Option<ItemId> {
        if self.number.1 == 0 {
            return self.search_chunk(class, now); // there is one shard: the whole visit is timed
        }
        let began = (self.settings.ticks)();
        let found = self.search_chunk(class, now);
        self.counts.holds.record((self.settings.ticks)().saturating_sub(began));
        found
    }

    fn search_chunk(&mut self, class: ClassId, now: Seconds) -> Option<ItemId> {
        if !self.doomed.is_empty() {
            self.free_doomed(DOOMED_STEP);
            if let Some(id) = self.slabs.pop(class) {
                return Some(id);
            }
        }
        if self.pool.may_have()
            && let Some(page) = self.pool.take()
        {
            match self.slabs.add_page(class, page) {
                Ok(()) => return self.slabs.pop(class),
                Err(page) => self.pool.give(page),
            }
        }
        self.reap_for(class, now);
        if let Some(id) = self.slabs.pop(class) {
            return Some(id);
        }
        if let Some(page) = self.slabs.empty_page() {
            self.page_moved(self.slabs.page_class(page), Some(class));
            self.slabs.reassign(page, class);
            return self.slabs.pop(class);
        }
        if !self.settings.evict {
            return None;
        }
        self.evict_for(class, now)
    }

    fn evict_for(&mut self, class: ClassId, now: Seconds) -> Option<ItemId> {
        self.pressure[class] += 1;
        if self.settings.background.automove == 2 {
            self.page_wanted = Some(class);
        }
        if self.pressure[class] >= CLAIM_EVERY.max(self.slabs.per_page(class) as u32 / 8) {
            self.pressure[class] = 0;
            if self.claims_a_page(class, now) && self.steal_page(class, now) {
                return self.slabs.pop(class);
            }
        }
        // A full class is where the queues' shares matter: keep them as evictions go.
        self.balance(class, 2, now);
        for _ in 0..EVICTIONS {
            // Tails that are being read were passed over: there may be others behind them.
            if !self.evict_one(class, now) && self.tail(class).is_none() {
                break;
            }
            self.counts.classes[class].direct_reclaims += 1;
            if let Some(id) = self.slabs.pop(class) {
                return Some(id);
            }
        }
        while !self.steal_page(class, now) {
            if !self.revoke_slowest(now) {
                return None;
            }
        }
        self.slabs.pop(class)
    }

    /// Remove one item of a line to make room. `false`: none can go.
    pub(super) fn evict_one(&mut self, line: ClassId, now: Seconds) -> bool {
        for look in 0..TAIL_LOOKS {
            let Some(id) = self.tail(line) else { return false };
            let header = self.header(id);
            let size = self.size(id);
            if self.held == Some(id) || header.is(state::PINNED) {
                self.lru[line].shift(&mut self.slabs.arena, id, Queue::Cold, size);
            } else if self.is_dead(header, now) {
                self.reap_item(id, now, Reaper::Store);
                return true;
            } else if header.is(state::ACTIVE) && look + 1 < TAIL_LOOKS {
                let to = if self.settings.flat { Queue::Cold } else { Queue::Warm };
                self.lru[line].shift(&mut self.slabs.arena, id, to, size);
                self.counts.classes[line].moves_to_warm += 1;
            } else {
                self.evict(id, now);
                return true;
            }
        }
        false
    }

    /// The item that is next in line to go.
    pub(super) fn tail(&self, line: ClassId) -> Option<ItemId> {
        let lists = [Queue::Cold, Queue::Hot, Queue::Warm, Queue::Temp];
        lists.iter().find_map(|&queue| self.lru[line].list(queue).tail)
    }

    pub(super) fn evict(&mut self, id: ItemId, now: Seconds) {
        let line = self.line(id);
        let header = *self.header(id);
        let counts = &mut self.counts.classes[line];
        counts.evicted += 1;
        counts.evicted_nonzero += u64::from(header.deadline != 0);
        counts.evicted_time = header.accessed.age(now);
        counts.evicted_unfetched += u64::from(!header.is(state::FETCHED));
        counts.evicted_active += u64::from(header.is(state::ACTIVE));
        self.note_eviction(id, now);
        self.remove(id, self.hash_of(id));
        self.foresee(line);
    }

    /// Fetch what the next eviction will read: the bucket of the item now next in line (its
    /// header was fetched last time), and the header of the one before it.
    #[inline]
    fn foresee(&self, line: ClassId) {
        if let Some(next) = self.tail(line) {
            self.index.prefetch(self.hash_of(next));
            if let Some(then) = self.header(next).prev {
                prefetch(self.slabs.arena.address(then));
            }
        }
    }

    /// Whether another class keeps items that have been idle for clearly longer than those this
    /// class is evicting: then a page is worth more here.
    fn claims_a_page(&self, class: ClassId, now: Seconds) -> bool {
        let background = &self.settings.background;
        if background.automove == 0 {
            return false;
        }
        let mine = self.lru[class].tail_age(&self.slabs.arena, Queue::Cold, now);
        let younger = |age: u32| f64::from(mine + 1) < f64::from(age) * background.automove_ratio;
        self.donor(class, now).is_some_and(|(_, age)| younger(age))
    }

    /// The class whose tail has been idle longest, of those with a page to spare.
    pub(super) fn donor(&self, class: ClassId, now: Seconds) -> Option<(ClassId, u32)> {
        let age = |c: ClassId| {
            let tail = self.tail(c)?;
            Some((c, self.header(tail).accessed.age(now)))
        };
        let others = (0..self.slabs.len()).filter(|&c| c != class && self.slabs.pages_of(c) > 0);
        others.filter_map(age).max_by_key(|&(c, age)| (age, self.slabs.pages_of(c)))
    }

    /// Take a page from another class, emptying it. `false`: none can be emptied.
    pub(super) fn steal_page(&mut self, class: ClassId, now: Seconds) -> bool {
        let Some(page) = self.emptied_page(Some(class), now) else { return false };
        self.page_moved(self.slabs.page_class(page), Some(class));
        self.slabs.reassign(page, class);
        true
    }

    /// Empty a page of some class other than `class`: of the one idle longest if that works, of
    /// any other if not.
    pub(super) fn emptied_page(&mut self, class: Option<ClassId>, now: Seconds) -> Option<usize> {
        self.free_doomed(usize::MAX);
        if let Some(page) = self.slabs.empty_page() {
            return Some(page);
        }
        let donor = self.donor(class.unwrap_or(usize::MAX), now).map(|(donor, _)| donor);
        if let Some(donor) = donor {
            let oldest = self.tail(donor).map(|id| self.page_to_empty(id));
            if let Some(page) = oldest.filter(|&p| self.slabs.page_class(p) == Some(donor))
                && self.empty(page, now)
            {
                return Some(page);
            }
        }
        let pages: Vec<usize> = (0..self.slabs.page_limit())
            .filter(|&p| self.slabs.page_class(p).is_some_and(|c| Some(c) != class))
            .collect();
        let preferred = |&p: &usize| self.slabs.page_class(p) == donor;
        let (first, rest): (Vec<_>, Vec<_>) = pages.into_iter().partition(preferred);
        first.into_iter().chain(rest).take(STEAL_LOOKS).find(|&page| self.empty(page, now))
    }

    /// The page that goes when the item does: of a chained one, that of its first chunk.
    pub(super) fn page_to_empty(&self, id: ItemId) -> usize {
        let first = if self.header(id).is(state::CHAINED) { self.chain(id).first } else { None };
        first.unwrap_or(id).page()
    }

    /// Move or evict everything in a page. `false`: something in it is in use; nothing changed.
    fn empty(&mut self, page: usize, now: Seconds) -> bool {
        if self.slabs.chunks(page).any(|id| self.is_in_use(id)) {
            return false;
        }
        self.slabs.close(page);
        for id in self.slabs.chunks(page) {
            self.vacate(id, Keep::Used, now);
            self.free_doomed(usize::MAX);
        }
        true
    }

    /// Free one chunk, which is not in use, of a closed page: what is worth it finds another
    /// place in its class, the rest goes. `false`: under -M there is no other place.
    pub(super) fn vacate(&mut self, id: ItemId, keep: Keep, now: Seconds) -> bool {
        let header = *self.header(id);
        let item = if header.is_chain_chunk() {
            header.prev.expect("a chunk of a chain has an owner")
        } else if header.is_item() {
            id
        } else {
            return true;
        };
        let dead = self.is_dead(self.header(item), now);
        let used = item != id || header.is(state::ACTIVE) || header.queue() != Queue::Cold;
        let worthy = !dead && (used || keep == Keep::All);
        if worthy && (self.replace_chunk(item, id) || self.make_room(item, id, keep, now)) {
            return true;
        }
        if !dead && !self.settings.evict {
            return false;
        }
        self.evict_for_page(item, now);
        true
    }

    /// Evict others of the class until the chunk finds another place.
    fn make_room(&mut self, item: ItemId, id: ItemId, keep: Keep, now: Seconds) -> bool {
        if keep != Keep::All || !self.settings.evict {
            return false;
        }
        let class = self.slabs.class_of(id);
        let held = self.held.replace(item);
        let mut done = false;
        for _ in 0..EVICTIONS {
            if done || !self.evict_one(class, now) {
                break;
            }
            self.free_doomed(DOOMED_STEP);
            done = self.replace_chunk(item, id);
        }
        self.held = held;
        done
    }

    /// Move a chunk, of a chain or an item of its own, to another place in its class.
    fn replace_chunk(&mut self, item: ItemId, id: ItemId) -> bool {
        if item == id { self.relocate(id) } else { self.relocate_chunk(item, id) }
    }

    fn evict_for_page(&mut self, id: ItemId, now: Seconds) {
        if self.is_dead(self.header(id), now) {
            self.counts.reassign_reclaimed += 1;
            self.reap_item(id, now, Reaper::Store);
        } else {
            self.counts.reassign_evictions += 1;
            self.evict(id, now);
        }
    }

    /// A chunk that cannot be moved or freed now: of an item being built, received, read or held.
    pub(super) fn is_in_use(&self, id: ItemId) -> bool {
        let header = self.header(id);
        let item = if header.is_item() {
            id
        } else if header.is_chain_chunk() {
            match header.prev {
                Some(owner) => owner,
                None => return true,
            }
        } else {
            return false;
        };
        let header = self.header(item);
        !header.is(state::LINKED) || header.is(state::PINNED) || self.held == Some(item)
    }

    /// Move an item to another chunk of its class. `false`: there is none free.
    fn relocate(&mut self, id: ItemId) -> bool {
        let class = self.slabs.class_of(id);
        let Some(new) = self.slabs.pop(class) else { return false };
        let (line, hash) = (self.line(id), self.hash_of(id));
        let len = self.slabs.chunk_size(class);
        self.slabs.arena.copy((id, 0), (new, 0), len);
        self.index.replace(hash, id, new);
        self.lru[line].moved(&mut self.slabs.arena, id, new);
        if self.header(new).is(state::CHAINED) {
            self.adopt_chunks(new);
        }
        self.slabs.expires(new, self.header(new).deadline);
        self.slabs.push(id);
        self.counts.reassign_rescues += 1;
        true
    }
}
