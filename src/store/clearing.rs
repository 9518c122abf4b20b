//! Clearing pages of other classes for whoever cannot do without one: a class that owns no page
//! when all are taken, or another shard.
//!
//! A page of small items holds 1638 of them, and none of their neighbours should wait for all to
//! go. So a page is cleared in steps, and the lock is let go between them: a store that needs a
//! page fails at first, clears one step by step (`Store::find_pages`), and is run again. Meanwhile
//! the page is closed: what it still holds can be read and replaced, and nothing new comes in.
//! One page at a time; whoever needs one goes on with it, and once it is empty it is anybody's.
//! Only what is rare and hard to run again clears a page in one go ([`Shard::at_once`]): a delete
//! that keeps the item, the commit of an upload that is appended, an append to a long value, a
//! number that is given its first deadline by the verb that counts.
//!
//! Invariant: the page being cleared is closed, or somebody else has seen to it.

use super::evacuation::{Cleared, Clearing, Keep};
use super::hash::KeyHash;
use super::item::{ItemId, state};
use super::shard::Shard;
use super::slab::ClassId;
use super::{Seconds, Store};

/// Chunks cleared in one step: at some 200 ns to evict an item, fetched ahead, 13 microseconds.
/// Where others are evicted instead (there are at most [`BEST_MAX`] in the page) it is 45.
const CHUNKS: usize = 64;
/// A chunk of a chain counts as so many: its item goes with all its chunks, up to 64 of them.
const CHAIN: usize = 16;
/// Chunks whose removal is prepared together, so that their cache misses overlap.
const AHEAD: usize = 16;
/// Chunks freed of long chains in a step: they must be gone before others are looked at.
const DOOMED: usize = 512;
/// Items of a page for which others are evicted: of a page with more of them only those stay for
/// which there is room.
const BEST_MAX: usize = 128;
/// Pages looked at for one that can be cleared: pins and uploads may hold many in a row. A page
/// in use mostly shows it in its first chunk, so this is some 100 µs, and rare.
const PAGES: usize = 1024;

/// Steps in which one page is cleared, at most. It takes 26 of the smallest items; more if what it
/// holds comes into use meanwhile and another page must be chosen, or if long values go with it.
const CLEARING_STEPS: usize = 1024;

impl Store {
    /// A class of a shard is out of memory and has nothing to evict: have a page of another class
    /// cleared, or have another shard give one up. Step by step, one lock at a time. `false`:
    /// neither can be.
    pub(super) fn find_page(&self, needy: usize, now: Seconds) -> bool {
        self.find_pages(needy, |shard| shard.find_pages(1, now), now)
    }
    /// The same, with `clear` for a step in the shard itself.
    pub(super) fn find_pages(
        &self,
        needy: usize,
        clear: impl Fn(&mut Shard) -> Cleared,
        now: Seconds,
    ) -> bool {
        self.clear(needy, clear) || self.find_page_elsewhere(needy, now)
    }
    /// Have another shard give up a page.
    pub(super) fn find_page_elsewhere(&self, needy: usize, now: Seconds) -> bool {
        let count = self.slots.len();
        (1..count).any(|n| self.clear((needy + n) % count, |shard| shard.give_page(now)))
    }
    /// Clear pages in a shard; `false`: it cannot be done.
    fn clear(&self, slot: usize, step: impl Fn(&mut Shard) -> Cleared) -> bool {
        for _ in 0..CLEARING_STEPS {
            match self.work_on(&self.slots[slot], &step) {
                Cleared::More => {}
                ended => return ended == Cleared::Ready,
            }
        }
        false
    }
}

impl Shard {
    /// Run a verb that cannot be run again: memory is found for it under the same lock.
    pub(super) fn at_once<R>(&mut self, verb: impl FnOnce(&mut Shard) -> R) -> R {
        let patient = std::mem::replace(&mut self.patient, false);
        let result = verb(self);
        self.patient = patient;
        result
    }

    /// A step towards so many empty pages, of classes other than `class`: of the one that keeps
    /// its pages longest if that works, of any other if not.
    fn clear_pages(&mut self, pages: usize, class: Option<ClassId>, now: Seconds) -> Cleared {
        self.free_doomed(DOOMED);
        if self.slabs.empty_pages() >= pages {
            return Cleared::Ready;
        }
        if !self.settings.evict {
            return Cleared::Impossible;
        }
        if !self.doomed.is_empty() {
            return Cleared::More;
        }
        if !self.is_clearing() {
            let Some(page) = self.page_to_clear(class) else { return Cleared::Impossible };
            let few = self.slabs.used_in(page) <= BEST_MAX;
            self.slabs.close(page);
            self.clearing = Some(Clearing { page, next: 0, few });
        }
        self.clear_some(now);
        Cleared::More
    }

    /// A page is being cleared, and nobody else has seen to it.
    fn is_clearing(&self) -> bool {
        self.clearing.is_some_and(|clearing| self.slabs.is_closed(clearing.page))
    }

    /// A page that can be cleared.
    fn page_to_clear(&mut self, class: Option<ClassId>) -> Option<usize> {
        let donor = self.donor(class.unwrap_or(usize::MAX)).map(|(donor, _)| donor);
        let likely = donor.and_then(|donor| self.page_to_claim(donor));
        if let Some(page) = likely.filter(|&page| self.can_clear(page)) {
            return Some(page);
        }
        let others = |&page: &usize| self.slabs.page_class(page).is_some_and(|c| Some(c) != class);
        let mut pages = self.pages_ahead(self.slabs.page_limit()).filter(others).take(PAGES);
        pages.find(|&page| self.can_clear(page))
    }
    fn can_clear(&self, page: usize) -> bool {
        let in_use = |id: ItemId| self.is_in_use(id);
        self.slabs.used_in(page) > 0 && !self.slabs.chunks(page).any(in_use)
    }

    /// Go on with the page that is being cleared, if one is.
    pub(super) fn clear_some(&mut self, now: Seconds) {
        let Some(Clearing { page, mut next, few }) = self.clearing.filter(|_| self.is_clearing())
        else {
            self.clearing = None;
            return;
        };
        // Only one item at a time can be kept from eviction.
        let keep = if few && self.held.is_none() { Keep::Best } else { Keep::Used };
        let mut effort = CHUNKS;
        while effort > 0 && self.doomed.is_empty() {
            if next.is_multiple_of(AHEAD) {
                self.foresee_clearing(page, next);
            }
            let Some(id) = self.slabs.chunk(page, next) else { return self.end_clearing(page) };
            next += 1;
            effort = effort.saturating_sub(self.effort_of(id));
            if !self.is_in_use(id) {
                self.vacate(id, keep, now);
            }
        }
        self.clearing = Some(Clearing { page, next, few });
    }

    fn effort_of(&self, id: ItemId) -> usize {
        let header = self.header(id);
        if header.is(state::CHAINED) || header.is_chain_chunk() { CHAIN } else { 1 }
    }
    fn foresee_clearing(&self, page: usize, next: usize) {
        for id in (next..next + AHEAD).map_while(|n| self.slabs.chunk(page, n)) {
            if self.header(id).is_item() && self.header(id).is(state::LINKED) {
                self.foresee_removal(id);
            }
        }
    }

    /// All chunks were looked at. An empty page stays closed until somebody takes it; what is left
    /// in another was in use.
    fn end_clearing(&mut self, page: usize) {
        self.clearing = None;
        if self.slabs.used_in(page) > 0 {
            self.slabs.reopen(page);
        }
    }

    /// The page changes hands: whoever gets it is not to find it still being cleared.
    pub(super) fn forget_clearing(&mut self, page: usize) {
        self.clearing = self.clearing.filter(|clearing| clearing.page != page);
    }

    /// A step towards a page for another shard, which goes to the pool once it is empty.
    pub(super) fn give_page(&mut self, now: Seconds) -> Cleared {
        self.tick(now);
        let cleared = self.clear_pages(1, None, now);
        if cleared == Cleared::Ready
            && let Some(number) = self.slabs.empty_page()
        {
            self.forget_clearing(number);
            let page = self.slabs.remove_page(number);
            self.pool.give(page);
        }
        cleared
    }

    /// A step towards so many pages for a store that found no memory, in a class that has no page,
    /// or none that is not in use: if need be, of what is being read.
    pub(super) fn find_pages(&mut self, pages: usize, now: Seconds) -> Cleared {
        self.tick(now);
        if let Some(class) = self.needy.filter(|&class| self.is_leaving(class))
            && let Some(found) = self.evict_beside(class, now)
        {
            return found;
        }
        match self.clear_pages(pages, self.needy, now) {
            Cleared::Impossible if self.settings.evict && self.revoke_slowest(now) => Cleared::More,
            cleared => cleared,
        }
    }
    /// The same, but for what is under this key: the store is to find it still there.
    pub(super) fn find_pages_for(
        &mut self,
        pages: usize,
        key: &[u8],
        hash: KeyHash,
        now: Seconds,
    ) -> Cleared {
        self.held = self.find(key, hash);
        let cleared = self.find_pages(pages, now);
        self.held = None;
        cleared
    }

    /// A page of the class is on its way elsewhere.
    fn is_leaving(&self, class: ClassId) -> bool {
        let page = self.moving.filter(|&page| self.slabs.is_closed(page));
        page.is_some_and(|page| self.slabs.page_class(page) == Some(class))
    }
    /// What is last in line mostly stands in that page, and is no help to the class when it goes: a
    /// step towards what stands elsewhere. `None`: there is nothing.
    fn evict_beside(&mut self, class: ClassId, now: Seconds) -> Option<Cleared> {
        for _ in 0..CHUNKS {
            if self.slabs.has_chunk(class) {
                return Some(Cleared::Ready);
            }
            if !self.settings.evict || !self.evict_one(class, now) {
                return None;
            }
            self.free_doomed(CHAIN);
        }
        Some(Cleared::More)
    }
}
