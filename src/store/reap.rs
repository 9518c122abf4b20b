//! Freeing what is dead, in bounded steps: by a store that needs memory, by background work, by a
//! crawl that somebody asked for.
//!
//! What has expired is found by `expiry.rs`, what was flushed by going once through all pages.
//! Chunks are handled a block at a time: first the headers of all of a block are fetched, then
//! what removing each will touch, then they are removed; so their cache misses overlap.

use super::Seconds;
use super::expiry::Due;
use super::hash::KeyHash;
use super::item::{ItemId, state};
use super::shard::{Crawl, Shard};
use super::slab::ClassId;
use crate::sys::cpu::prefetch;

/// Chunks of a block: one bit each in [`Due::chunks`].
const BLOCK: usize = u32::BITS as usize;

/// How much may still be done under one lock.
#[derive(Debug, Clone, Copy)]
struct Effort {
    /// Dead items to free, some 200 ns each; a block more at most.
    reaps: usize,
    /// Looks, some 100 ns each: at a page in which something may have expired, or at so many
    /// [`HEADERS`], which come from memory, whatever they say.
    looks: usize,
}

/// Headers that are as good as a look.
const HEADERS: u32 = 8;

/// Of a store that needs memory, besides what else it does: some 15 µs if all is dead. Looks are
/// more, since each is one for an item stored (or its wheel slot) and is made once.
const STORE_EFFORT: Effort = Effort { reaps: 64, looks: 1024 };
/// Of a step of background work: some 50 µs.
const UPKEEP_EFFORT: Effort = Effort { reaps: 128, looks: 256 };

/// Who found a dead item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reaper {
    /// A store that needed memory.
    Store,
    /// Background work.
    Crawler,
}

impl Effort {
    fn is_spent(&self) -> bool {
        self.reaps == 0 || self.looks == 0
    }
}

impl Shard {
    /// Free what is dead until the class has a chunk, some page is empty, or nothing dead is left
    /// (within a bound).
    pub(super) fn reap_for(&mut self, class: ClassId, now: Seconds) {
        let found =
            |shard: &Shard| shard.slabs.free(class) > 0 || shard.slabs.empty_page().is_some();
        self.reap(STORE_EFFORT, Reaper::Store, now, found);
    }

    /// Free some of what is dead. `true`: there may be more.
    pub(super) fn crawl(&mut self, now: Seconds) -> bool {
        let checked = self.counts.crawled;
        let more = self.reap(UPKEEP_EFFORT, Reaper::Crawler, now, |_| false);
        if self.counts.crawled != checked && !self.counts.crawler_running {
            self.counts.crawler_starts += 1;
        }
        self.counts.crawler_running = more;
        if !more && self.crawl.is_none() {
            self.note_crawl_end(now);
        }
        more
    }

    /// Free what is dead until there is `enough`. `true`: it was, or no effort is left.
    fn reap(
        &mut self,
        mut effort: Effort,
        reaper: Reaper,
        now: Seconds,
        enough: impl Fn(&Shard) -> bool,
    ) -> bool {
        while self.flush.cursor.0 < self.slabs.page_limit() {
            self.flush.cursor = self.sweep(self.flush.cursor, &mut effort, reaper, now);
            if effort.is_spent() || enough(self) {
                return true;
            }
        }
        loop {
            let Some(due) = self.slabs.expiry.next(now, &mut effort.looks) else {
                return effort.looks == 0;
            };
            for bit in bits(self.free_dead(due, &mut effort, reaper, now)) {
                if let Some(id) = self.slabs.chunk(due.page, due.first + bit as usize) {
                    self.slabs.expires(id, self.header(id).deadline());
                }
            }
            if effort.is_spent() || enough(self) {
                return true;
            }
        }
    }

    /// Free the dead items of a block of chunks; where the next block begins.
    fn sweep(
        &mut self,
        (page, first): (usize, usize),
        effort: &mut Effort,
        reaper: Reaper,
        now: Seconds,
    ) -> (usize, usize) {
        self.free_dead(Due { page, first, chunks: u32::MAX }, effort, reaper, now);
        let next = first + BLOCK;
        if self.slabs.chunk(page, next).is_some() { (page, next) } else { (page + 1, 0) }
    }

    /// Free the dead items among these chunks; which of them hold items that live.
    fn free_dead(&mut self, due: Due, effort: &mut Effort, reaper: Reaper, now: Seconds) -> u32 {
        let chunk = |shard: &Shard, bit: u32| shard.slabs.chunk(due.page, due.first + bit as usize);
        for bit in bits(due.chunks) {
            if let Some(id) = chunk(self, bit) {
                prefetch(self.slabs.arena.address(id));
            }
        }
        let (mut alive, mut dead, mut hashes) = (0, 0, [KeyHash(0); BLOCK]);
        for bit in bits(due.chunks) {
            let Some(id) = chunk(self, bit) else { break };
            let header = *self.header(id);
            if !header.is_item() || !header.is(state::LINKED) {
                continue;
            }
            let reaps = self.is_dead(&header, now) && self.held != Some(id);
            if reaper == Reaper::Crawler {
                let line = self.line(id);
                self.counts.classes[line].crawler_items_checked += 1;
                self.counts.crawled += 1;
                self.note_crawled(id, reaps, now);
            }
            if reaps {
                hashes[bit as usize] = self.foresee_removal(id);
                dead |= 1 << bit;
            } else {
                alive |= 1 << bit;
            }
        }
        for bit in bits(dead) {
            let id = chunk(self, bit).expect("it has just been looked at");
            self.reap_hashed(id, hashes[bit as usize], reaper, now);
        }
        let looks = due.chunks.count_ones().div_ceil(HEADERS) as usize;
        effort.looks = effort.looks.saturating_sub(looks);
        effort.reaps = effort.reaps.saturating_sub(dead.count_ones() as usize);
        alive
    }

    /// Fetch what removing an item will touch: its bucket, its neighbours in line.
    pub(super) fn foresee_removal(&self, id: ItemId) -> KeyHash {
        let (header, hash) = (self.header(id), self.hash_of(id));
        self.index.prefetch(hash);
        for neighbour in [header.next, header.prev].into_iter().flatten() {
            prefetch(self.slabs.arena.address(neighbour));
        }
        hash
    }

    /// Free a dead item.
    pub(super) fn reap_item(&mut self, id: ItemId, now: Seconds, reaper: Reaper) {
        self.reap_hashed(id, self.hash_of(id), reaper, now);
    }
    fn reap_hashed(&mut self, id: ItemId, hash: KeyHash, reaper: Reaper, now: Seconds) {
        let line = self.line(id);
        let header = self.header(id);
        let (expired, fetched) = (header.is_expired(now), header.is(state::FETCHED));
        let counts = &mut self.counts.classes[line];
        match reaper {
            Reaper::Store => counts.reclaimed += 1,
            Reaper::Crawler => counts.crawler_reclaimed += 1,
        }
        if !fetched && (expired || reaper == Reaper::Store) {
            counts.expired_unfetched += 1;
        }
        self.note_reclaim(id);
        self.remove(id, hash);
    }

    /// Go on with the crawl that was asked for. `false`: there is none.
    pub(super) fn crawl_on(&mut self, now: Seconds) -> bool {
        let mut effort = UPKEEP_EFFORT;
        while let Some(Crawl { classes, at, left }) = self.crawl {
            if at.0 >= self.slabs.page_limit() || left == 0 {
                self.crawl = None;
                self.note_crawl_end(now);
                return false;
            }
            if effort.is_spent() {
                return true;
            }
            let class = self.slabs.page_class(at.0);
            self.crawl = if class.is_some_and(|class| classes & 2 << class != 0) {
                let used = self.slabs.used_in(at.0) as u64;
                let next = self.sweep(at, &mut effort, Reaper::Crawler, now);
                let looked = if next.0 > at.0 { used } else { 0 };
                Some(Crawl { classes, at: next, left: left.saturating_sub(looked) })
            } else {
                effort.looks -= 1;
                Some(Crawl { classes, at: (at.0 + 1, 0), left })
            };
        }
        false
    }
}

/// The numbers of the bits that are set, rising.
fn bits(mut word: u32) -> impl Iterator<Item = u32> {
    std::iter::from_fn(move || {
        let bit = (word != 0).then(|| word.trailing_zeros())?;
        word &= word - 1;
        Some(bit)
    })
}
