//! Where a chunk comes from when its class has none free, cheapest first: long chains being
//! freed, a page from the pool, what is dead, an empty page of another class, the tail of this
//! class; and for a class without any, a page of another one (`clearing.rs`).
//!
//! Every step is bounded, and nothing alive goes while something dead or free would do.

use super::evacuation::{Cleared, Keep};
use super::geometry::PAGE_SIZE;
use super::hash::KeyHash;
use super::item::{ItemHeader, ItemId, Queue, state};
use super::reap::Reaper;
use super::shard::Shard;
use super::slab::ClassId;
use super::{Deadline, Seconds};
use crate::sys::cpu::prefetch;

/// Tails looked at in one eviction: active ones are promoted, so a whole queue of them must not
/// be walked.
const TAIL_LOOKS: usize = 8;
/// Evictions an allocation may make: a chained item's eviction need not free a chunk of the class
/// that is asked for.
const EVICTIONS: usize = 16;
/// Chunks freed of long chains in one allocation.
pub(super) const DOOMED_STEP: usize = 64;
/// HOT's share of a class, as one part in so many, beyond which it is evicted from, where it is a
/// probation: S3-FIFO's tenth.
const PROBATION: u64 = 10;

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
        self.rest();
        let began = (self.settings.ticks)();
        let found = self.search_chunk(class, now);
        self.counts.holds.record((self.settings.ticks)().saturating_sub(began));
        found
    }

    fn search_chunk(&mut self, class: ClassId, now: Seconds) -> Option<ItemId> {
        if self.slabs.pages_of(class) == 0 {
            self.claims.born(class, self.cas_count);
        }
        if !self.doomed.is_empty() {
            self.free_doomed(DOOMED_STEP);
            if let Some(id) = self.slabs.pop(class) {
                return Some(id);
            }
        }
        if self.pool.may_have() {
            self.count_tables();
            if let Some(page) = self.pool.take() {
                match self.slabs.add_page(class, page) {
                    Ok(()) => return self.slabs.pop(class),
                    Err(page) => self.pool.give(page),
                }
            }
        }
        self.reap_for(class, now);
        if let Some(id) = self.slabs.pop(class) {
            return Some(id);
        }
        if let Some(id) = self.take_empty_page(class) {
            return Some(id);
        }
        if !self.settings.evict {
            self.needy = Some(class);
            return None;
        }
        self.evict_for(class, now)
    }

    /// Tell the pool how large the tables have become, in whole pages.
    pub(super) fn count_tables(&mut self) {
        let bytes = self.index.bytes() + self.slabs.expiry.bytes() + self.ghosts.bytes() as usize;
        let pages = bytes / PAGE_SIZE;
        if pages != self.tables {
            self.pool.count_tables(self.tables, pages);
            self.tables = pages;
        }
    }

    fn evict_for(&mut self, class: ClassId, now: Seconds) -> Option<ItemId> {
        if self.settings.background.automove == 2 {
            self.page_wanted = Some(class);
        }
        self.press_claim(class, now);
        if let Some(id) = self.slabs.pop(class) {
            return Some(id);
        }
        // A full class is where the queues' shares matter: keep them as evictions go.
        self.balance(class, 2, now);
        for _ in 0..EVICTIONS {
            self.count_turnover(class);
            // Tails that are being read were passed over: there may be others behind them.
            if !self.evict_one(class, now) && self.tail(class).is_none() {
                break;
            }
            self.counts.classes[class].direct_reclaims += 1;
            // Of a very long value the chunks come free a few at a time.
            self.free_doomed(DOOMED_STEP);
            if let Some(id) = self.slabs.pop(class) {
                return Some(id);
            }
        }
        self.needy = Some(class);
        if self.patient {
            return None; // Another page is cleared for it in steps, and the verb run again.
        }
        while self.find_pages(1, now) == Cleared::More {}
        self.slabs.pop(class).or_else(|| self.take_empty_page(class))
    }

    /// Somebody's empty page.
    fn take_empty_page(&mut self, class: ClassId) -> Option<ItemId> {
        let page = self.slabs.empty_page()?;
        self.forget_clearing(page);
        self.page_moved(self.slabs.page_class(page), Some(class));
        self.slabs.reassign(page, class);
        self.slabs.pop(class)
    }

    /// Remove one item of a line to make room. `false`: none can go.
    pub(super) fn evict_one(&mut self, line: ClassId, now: Seconds) -> bool {
        for look in 0..TAIL_LOOKS {
            let Some(id) = self.tail(line) else { return false };
            let header = *self.header(id);
            let size = self.size(id);
            if self.held == Some(id) || header.is(state::PINNED) {
                let to = if self.settings.probation { Queue::Warm } else { Queue::Cold };
                self.lru[line].shift(&mut self.slabs.arena, id, to, size);
            } else if self.is_dead(&header, now) {
                self.reap_item(id, now, Reaper::Store);
                return true;
            } else if self.proved(&header) && look + 1 < TAIL_LOOKS {
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
        let lru = &self.lru[line];
        let hot_first =
            !self.settings.probation || lru.list(Queue::Hot).bytes * PROBATION > lru.ranked_bytes();
        let lists = match hot_first {
            true => [Queue::Cold, Queue::Hot, Queue::Warm, Queue::Temp],
            false => [Queue::Cold, Queue::Warm, Queue::Hot, Queue::Temp],
        };
        lists.iter().find_map(|&queue| lru.list(queue).tail)
    }
    /// An item at a tail was used since it came into its queue. On probation one use will do.
    pub(super) fn proved(&self, header: &ItemHeader) -> bool {
        let probation = self.settings.probation && header.queue() == Queue::Hot;
        header.is(if probation { state::ACTIVE | state::FETCHED } else { state::ACTIVE })
    }
    /// The queue in which a new item begins. Who was here of late is on probation no more.
    pub(super) fn first_queue(
        &mut self,
        hash: KeyHash,
        old: Option<ItemId>,
        deadline: Deadline,
        now: Seconds,
    ) -> Queue {
        let queue = self.settings.first_queue(deadline, now);
        if !self.settings.probation || queue != Queue::Hot {
            return queue;
        }
        let known = match old {
            Some(old) => self.header(old).queue() == Queue::Warm,
            None => self.ghosts.take(hash),
        };
        if known { Queue::Warm } else { Queue::Hot }
    }

    pub(super) fn evict(&mut self, id: ItemId, now: Seconds) {
        let line = self.line(id);
        let header = *self.header(id);
        let counts = &mut self.counts.classes[line];
        counts.evicted += 1;
        counts.evicted_nonzero += u64::from(header.deadline() != 0);
        counts.evicted_time = header.accessed.age(now);
        counts.evicted_unfetched += u64::from(!header.is(state::FETCHED));
        counts.evicted_active += u64::from(header.is(state::ACTIVE));
        self.note_eviction(id, now);
        let hash = self.hash_of(id);
        if self.settings.probation && header.queue() == Queue::Hot {
            self.ghosts.insert(hash, self.index.len());
        }
        self.remove(id, hash);
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

    /// The page that goes when the item does: of a chained one, that of its first chunk.
    pub(super) fn page_to_empty(&self, id: ItemId) -> usize {
        let first = if self.header(id).is(state::CHAINED) { self.chain(id).first() } else { None };
        first.unwrap_or(id).page()
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
        let waits = match header.queue() {
            Queue::Cold => true,
            Queue::Hot => self.settings.probation,
            Queue::Warm | Queue::Temp => false,
        };
        let used = item != id || !waits || self.proved(&header);
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
        if keep == Keep::Used || !self.settings.evict {
            return false;
        }
        let class = self.slabs.class_of(id);
        let held = self.held.replace(item);
        assert!(held.is_none(), "what is held already would be evicted");
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
        self.slabs.expires(new, self.header(new).deadline());
        self.slabs.push(id);
        self.counts.reassign_rescues += 1;
        self.toil = self.toil.saturating_add(1);
        true
    }
}
