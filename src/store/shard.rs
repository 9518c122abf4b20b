//! One partition: a single-threaded program behind one lock. The verbs stand here; where memory
//! comes from is `alloc.rs`, how an item is written `put.rs`, values longer than a chunk
//! `chunked.rs`, background work `maintain.rs`, recounting `check.rs`. What a shard is made of
//! stands in files that know nothing of it.
//!
//! Invariants: a LINKED item is in the index and in one list of its line; its line is its chunk's
//! class, or the last class if it is chained; `counts.items` and `counts.bytes` are the sums over
//! linked items; `held` is never evicted or moved.

use super::Stored;
use super::counts::{Counts, Hits, Sets};
use super::evacuation::Clearing;
use super::events::Journal;
use super::foresight::PageTable;
use super::ghosts::Ghosts;
use super::hash::{KeyHash, KeyHasher};
use super::index::Index;
use super::item::{Accessed, Chain, ItemHeader, ItemId, ItemView, Queue, state};
use super::lru::Lru;
use super::pages::PagePool;
use super::pin::Pin;
use super::slab::{ClassId, Slabs};
use super::table::Table;
use super::turnover::Claims;
use super::upload::Upload;
use super::{Budget, Deadline, DeleteArgs, Deleted, Seconds, SetArgs, SetMode, Settings};
use crate::sys::memory::HUGE_PAGE;

/// Items that may be stored, removed or moved under one lock, give or take a page's step: at some
/// 350 ns each 11 microseconds, and several times as much where the system has memory to give.
/// Beyond it a visit lets go of the lock for a moment, and pages wait.
pub(super) const TOIL: u16 = 32;

/// What a new shard is given.
pub(super) struct Parts {
    pub(super) settings: Settings,
    pub(super) hasher: KeyHasher,
    pub(super) pool: PagePool,
    /// Bytes of unfinished uploads, of all shards.
    pub(super) in_flight: Budget,
    /// Bytes of unlinked values that only pins keep, of all shards.
    pub(super) pinned_dead: Budget,
    pub(super) index: Index,
    pub(super) table: PageTable,
    pub(super) ghosts: Ghosts,
    /// Its number, and how many bits number the shards.
    pub(super) number: (u64, u32),
}

/// One partition of the store. In this order, so that what every verb needs of it is in four cache
/// lines: the first two, and those in which slabs and index begin; and what it writes of that is in
/// the first, with the lock.
#[derive(Debug)]
#[repr(C)]
pub struct Shard {
    /// Parts of `counts`.
    pub(super) hits: Hits,
    pub(super) sets: Sets,
    /// Gets in a row that changed nothing, and no other verb.
    pub(super) quiet: u16,
    /// Items stored, removed or moved since the lock was taken, as far as one visit is concerned.
    /// Where there is more than one shard: since memory was last looked for.
    pub(super) toil: u16,
    /// Stores so far; an item keeps the count of its own.
    pub(super) cas_count: u64,
    pub(super) flush: Flush,
    /// Its own, and how many bits number the shards.
    pub(super) number: (u64, u32),
    /// An item that is being worked on: no allocation may evict or move it.
    pub(super) held: Option<ItemId>,
    /// Verbs that find no page at once are run again (`clearing.rs`).
    pub(super) patient: bool,
    /// The verb being run is observed: it writes to the journal.
    pub(super) observed: bool,
    pub(super) settings: Settings,
    pub(super) pool: PagePool,
    pub(super) slabs: Slabs,
    /// Bytes of unlinked values that only pins keep, of all shards.
    pub(super) dead_pins: Budget,
    /// Bytes of unfinished uploads, of all shards.
    pub(super) in_flight: Budget,
    pub(super) lru: Vec<Lru>,
    pub(super) index: Index,
    pub(super) hasher: KeyHasher,
    pub(super) counts: Counts,
    pub(super) pins: Table<Pin>,
    pub(super) uploads: Table<Upload>,
    /// Items that `debugitem` holds.
    #[cfg(feature = "debug-commands")]
    pub(super) holds: Vec<super::pin::Hold>,
    /// First chunks of long chains that are to be freed a few at a time.
    pub(super) doomed: Vec<ItemId>,
    /// A crawl that was asked for.
    pub(super) crawl: Option<Crawl>,
    /// The page that is being emptied for a move, if one is.
    pub(super) moving: Option<usize>,
    /// The class that last evicted, where each eviction asks for a page (slab_automove=2).
    pub(super) page_wanted: Option<ClassId>,
    pub(super) claims: Claims,
    /// The page that is being cleared for whoever needs one.
    pub(super) clearing: Option<Clearing>,
    /// The class that last needed one.
    pub(super) needy: Option<ClassId>,
    /// The most that `toil` ever was when the lock was let go.
    #[cfg(test)]
    pub(super) toil_max: u16,
    pub(super) ghosts: Ghosts,
    /// Pages' worth of tables that the pool was told of.
    pub(super) tables: usize,
    /// This shard's part of `dead_pins`.
    pub(super) pinned_dead: u64,
    /// The next page whose access times are rewritten.
    pub(super) refresh_cursor: usize,
    /// What happened, for those who asked to be told.
    pub(super) journal: Journal,
}

/// What was flushed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Flush {
    /// Items stored under this count or an earlier one are dead.
    pub(super) before: u64,
    /// When the next flush is due.
    pub(super) at: Option<Seconds>,
    /// Pages, and chunks, from here on have not been searched since the last flush.
    pub(super) cursor: (usize, usize),
}

/// A crawl that somebody asked for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Crawl {
    /// A bit for each class (from 1) that is looked at.
    pub(super) classes: u64,
    /// The next page, and chunk in it.
    pub(super) at: (usize, usize),
    /// Items that may still be looked at.
    pub(super) left: u64,
}

impl Shard {
    pub(super) fn new(parts: Parts) -> Shard {
        let slabs = Slabs::new(&parts.settings.chunk_sizes, parts.table);
        let claims = Claims::new(&parts.settings.chunk_sizes);
        let classes = slabs.len();
        Shard {
            hits: Hits::default(),
            sets: Sets::default(),
            quiet: 0,
            settings: parts.settings,
            hasher: parts.hasher,
            pool: parts.pool,
            in_flight: parts.in_flight,
            dead_pins: parts.pinned_dead,
            index: parts.index,
            slabs,
            lru: vec![Lru::default(); classes],
            counts: Counts::new(classes),
            number: parts.number,
            cas_count: 0,
            flush: Flush { before: 0, at: None, cursor: (usize::MAX, 0) },
            held: None,
            pins: Table::default(),
            uploads: Table::default(),
            #[cfg(feature = "debug-commands")]
            holds: Vec::new(),
            doomed: Vec::new(),
            crawl: None,
            moving: None,
            page_wanted: None,
            claims,
            clearing: None,
            needy: None,
            toil: 0,
            #[cfg(test)]
            toil_max: 0,
            patient: true,
            observed: false,
            ghosts: parts.ghosts,
            tables: 0,
            pinned_dead: 0,
            refresh_cursor: 0,
            journal: Journal::default(),
        }
    }

    #[inline]
    pub(super) fn header(&self, id: ItemId) -> &ItemHeader {
        self.slabs.arena.header(id)
    }
    #[inline]
    pub(super) fn header_mut(&mut self, id: ItemId) -> &mut ItemHeader {
        self.slabs.arena.header_mut(id)
    }
    #[inline]
    pub(super) fn item(&self, id: ItemId) -> ItemView<'_> {
        self.slabs.arena.item(id)
    }
    pub(super) fn key(&self, id: ItemId) -> &[u8] {
        self.item(id).key()
    }
    pub(super) fn hash_of(&self, id: ItemId) -> KeyHash {
        self.hasher.hash(self.key(id))
    }
    /// The class in whose queues the item stands, and under which it is counted.
    #[inline]
    pub(super) fn line(&self, id: ItemId) -> ClassId {
        if self.header(id).is(state::CHAINED) {
            self.slabs.last_class()
        } else {
            self.slabs.class_of(id)
        }
    }
    /// Bytes of an item as counted: header, flags, key, value.
    #[inline]
    pub(super) fn size(&self, id: ItemId) -> usize {
        let header = self.header(id);
        let front = header.value_offset();
        if header.is(state::CHAINED) {
            front + Chain::SIZE + self.chain(id).len as usize
        } else {
            front + header.value_len()
        }
    }
    /// Client flags.
    #[inline]
    pub(super) fn flags(&self, id: ItemId) -> u32 {
        self.item(id).flags()
    }
    /// The CAS a client sees: rising per key, unique over shards, unless a client chose it; 0
    /// under -C.
    #[inline]
    pub(super) fn cas(&self, id: ItemId) -> u64 {
        let header = self.header(id);
        if header.has_own_cas() {
            return self.own_cas(id);
        }
        self.cas_number(header.cas())
    }
    #[inline]
    pub(super) fn cas_number(&self, count: u64) -> u64 {
        if self.settings.use_cas { count << self.number.1 | self.number.0 } else { 0 }
    }
    /// The next store count.
    #[inline]
    pub(super) fn next_cas(&mut self) -> u64 {
        self.cas_count += 1;
        self.cas_count
    }
    /// Value length.
    #[inline]
    pub(super) fn value_len(&self, id: ItemId) -> usize {
        let header = self.header(id);
        if header.is(state::CHAINED) { self.chain(id).len as usize } else { header.value_len() }
    }

    /// A flush that was announced for now takes effect.
    #[inline]
    pub(super) fn tick(&mut self, now: Seconds) {
        if self.flush.at.is_some_and(|at| at <= now) {
            self.flush = Flush { before: self.cas_count, at: None, cursor: (0, 0) };
        }
    }
    /// Everything stored before `at` dies at `at`. A later call replaces one still pending.
    pub(super) fn flush(&mut self, at: Seconds, now: Seconds) {
        self.tick(now);
        self.flush.at = Some(at);
        self.tick(now);
    }
    #[inline]
    pub(super) fn is_dead(&self, header: &ItemHeader, now: Seconds) -> bool {
        header.is_expired(now) || header.cas() <= self.flush.before
    }

    /// The key's item, dead or alive.
    #[inline(always)]
    pub(super) fn find(&self, key: &[u8], hash: KeyHash) -> Option<ItemId> {
        #[expect(clippy::manual_find, reason = "a closure would be shared, and so called")]
        for id in self.index.candidates(hash) {
            if self.item(id).has_key(key) {
                return Some(id);
            }
        }
        None
    }
    /// The key's item; a dead one is removed on the spot.
    #[inline(always)]
    pub(super) fn find_live(&mut self, key: &[u8], hash: KeyHash, now: Seconds) -> Option<ItemId> {
        self.tick(now);
        let found = self.find(key, hash);
        if self.observed {
            self.note_lookup(key, found, now);
        }
        let id = found?;
        let header = self.header(id);
        if self.is_dead(header, now) {
            self.bury(id, hash, now);
            return None;
        }
        Some(id)
    }
    #[cold]
    fn bury(&mut self, id: ItemId, hash: KeyHash, now: Seconds) {
        if self.header(id).is_expired(now) {
            self.counts.get_expired += 1;
        } else {
            self.counts.get_flushed += 1;
        }
        self.note_reclaim(id);
        self.remove(id, hash);
    }

    /// A use other than a fetch: the item counts as used now.
    pub(super) fn used_now(&mut self, id: ItemId, now: Seconds) {
        self.header_mut(id).accessed = Accessed::at(now);
        if self.settings.flat {
            self.promote(id);
        }
    }
    pub(super) fn promote(&mut self, id: ItemId) {
        self.shift(id, self.header(id).queue());
    }
    pub(super) fn shift(&mut self, id: ItemId, queue: Queue) {
        let (line, size) = (self.line(id), self.size(id));
        self.lru[line].shift(&mut self.slabs.arena, id, queue, size);
    }

    /// A lookup (to touch it) found nothing.
    #[inline]
    pub(super) fn missed(&mut self, touch: bool) {
        match touch {
            false => self.counts.misses.get += 1,
            true => self.counts.misses.touch += 1,
        }
    }
    /// An item was looked up, to be used, and perhaps to live until another time: as
    /// `try_deadline`.
    #[inline(always)]
    pub(super) fn fetched(
        &mut self,
        id: ItemId,
        touch: Option<Deadline>,
        now: Seconds,
    ) -> Option<u64> {
        let (line, queue) = (self.line(id), self.header(id).queue());
        if Lru::fetched(&mut self.slabs.arena, id, self.settings.flat, now) {
            self.promote(id);
        }
        let Some(deadline) = touch else {
            self.count_hit(line, queue);
            return None;
        };
        self.counts.classes[line].touch_hits += 1;
        self.try_deadline(id, deadline, now)
    }

    /// As `set_deadline`; what the item was stored under if there was no memory.
    pub(super) fn try_deadline(
        &mut self,
        id: ItemId,
        deadline: Deadline,
        now: Seconds,
    ) -> Option<u64> {
        let count = self.header(id).cas();
        (!self.set_deadline(id, deadline, now)).then_some(count)
    }
    /// Give an item another deadline. One that has no place for it moves to where there is one,
    /// so that the caller does not know it any more. `false`: there is no memory for that yet.
    pub(super) fn set_deadline(&mut self, id: ItemId, deadline: Deadline, now: Seconds) -> bool {
        if !self.header(id).is_timed() {
            return deadline == 0 || self.make_room_for_deadline(id, deadline, now);
        }
        self.header_mut(id).set_deadline(deadline);
        self.slabs.expires(id, deadline);
        true
    }

    /// Remove a key.
    pub(super) fn delete(&mut self, args: &DeleteArgs<'_>, now: Seconds) -> Deleted {
        let hash = args.hash;
        let Some(id) = self.find_live(args.key, hash, now) else {
            self.counts.misses.delete += 1;
            return Deleted::NotFound;
        };
        if args.compare.is_some_and(|cas| cas != self.cas(id)) {
            self.counts.misses.delete += 1;
            return Deleted::Exists;
        }
        if let Some(keep) = args.keep {
            return self.keep(id, hash, &keep, now);
        }
        let line = self.line(id);
        self.counts.classes[line].delete_hits += 1;
        if self.observed {
            let gone = self.deletion(id);
            self.journal.push(gone);
        }
        self.remove(id, hash);
        Deleted::Deleted
    }

    /// Whether memcached would refuse the item for its size: the same values fit here as there.
    #[inline]
    pub(super) fn too_large(&self, args: &SetArgs<'_>, len: usize) -> bool {
        args.payload(len) as u64 > self.settings.payload_max
    }

    /// Whether the store may go ahead, given what is there (`old`); counts cas refusals.
    #[inline(always)]
    pub(super) fn permit(&mut self, args: &SetArgs<'_>, old: Option<ItemId>) -> Option<Stored> {
        match (args.mode, args.compare) {
            (SetMode::Set, None) => None,
            _ => self.permit_conditional(args, old),
        }
    }
    fn permit_conditional(&mut self, args: &SetArgs<'_>, old: Option<ItemId>) -> Option<Stored> {
        let joins = args.joins();
        if let Some(wanted) = args.compare {
            match old {
                Some(id) if self.matches(id, wanted, args) => return None,
                Some(_) if joins => return Some(Stored::Exists),
                Some(id) => {
                    let line = self.line(id);
                    self.counts.classes[line].cas_badval += 1;
                    return Some(Stored::Exists);
                }
                None if joins => {} // misses like any append
                None => {
                    self.counts.misses.cas += 1;
                    return Some(Stored::NotFound);
                }
            }
        }
        match (args.mode, old) {
            (SetMode::Add, Some(_)) | (SetMode::Replace, None) => Some(Stored::NotStored),
            _ if joins && old.is_none() && args.rare.vivify.is_none() => Some(Stored::NotStored),
            _ => None,
        }
    }

    /// Count a cas that went through, under the class of the item it replaced. Not by `permit`:
    /// out of memory, a store is tried twice.
    #[inline]
    pub(super) fn count_cas(&mut self, args: &SetArgs<'_>, line: Option<ClassId>) {
        if let (Some(_), Some(line)) = (args.compare, line)
            && !args.joins()
        {
            self.counts.classes[line].cas_hits += 1;
        }
    }

    /// Store a value that is at hand. `OutOfMemory` is not counted yet, and leaves the old item.
    pub(super) fn set(&mut self, args: &SetArgs<'_>, value: &[u8], now: Seconds) -> Stored {
        let old = self.find_live(args.key, args.hash, now);
        if self.too_large(args, value.len()) {
            return Stored::TooLarge;
        }
        let fit = self.fit(args, value.len());
        if let Some(refusal) = self.permit(args, old) {
            self.count_set(self.counted_class(fit));
            if let (SetMode::Add, Some(id)) = (args.mode, old) {
                self.used_now(id, now);
            }
            return refusal;
        }
        let line = args.compare.and(old).map(|old| self.line(old));
        let stored = match old {
            Some(old) if args.joins() => self.join(old, args, value, now),
            Some(old) if args.rare.invalidate => self.put_compared(args, value, old, now),
            None if args.joins() => self.put(&args.created(), value, None, now),
            _ => self.put_where(fit, args, value, old, now),
        };
        if stored != Stored::OutOfMemory {
            self.count_set(self.counted_class(fit));
            self.count_cas(args, line);
        }
        stored
    }

    /// Make a finished item the key's item, in place of `old` if there is one.
    pub(super) fn link(
        &mut self,
        id: ItemId,
        hash: KeyHash,
        old: Option<ItemId>,
        now: Seconds,
    ) -> Stored {
        let deadline = self.header(id).deadline();
        let queue = self.first_queue(hash, old, deadline, now);
        match old {
            Some(old) => {
                self.index.replace(hash, old, id);
                self.unlink(old);
                self.release(old);
            }
            None => {
                if !self.insert(hash, id, now) {
                    self.release(id);
                    return Stored::OutOfMemory;
                }
            }
        }
        let (line, size) = (self.line(id), self.size(id));
        let header = self.slabs.arena.header_mut(id);
        header.state |= state::LINKED;
        let chained = header.is(state::CHAINED);
        self.lru[line].link(&mut self.slabs.arena, id, queue, size);
        self.slabs.expires(id, deadline);
        self.counts.linked(size, chained, self.settings.track_sizes);
        Stored::Stored(self.cas(id))
    }

    /// Into the index, which grows by a bucket or two when it should. When the index itself is
    /// out of memory something is evicted for the newcomer.
    fn insert(&mut self, hash: KeyHash, id: ItemId, now: Seconds) -> bool {
        for _ in 0..2 {
            if self.index.wants_growth() {
                self.grow_index();
            }
        }
        if self.index.insert(hash, id) {
            return true;
        }
        let line = self.line(id);
        self.settings.evict && self.evict_one(line, now) && self.index.insert(hash, id)
    }

    /// Split one bucket of the index, if its memory is there.
    pub(super) fn grow_index(&mut self) {
        if self.index.waits_for_memory() {
            return;
        }
        if self.index.nears_huge_page() {
            // As pages fill, the index grows in proportion: by half a huge page, at least?
            let more = self.index.bytes() * (self.pool.free() >> self.number.1);
            if more >= HUGE_PAGE / 2 * self.slabs.page_count() {
                self.pool.prepare(self.index.huge_page_ahead());
            }
        }
        let (arena, hasher) = (&self.slabs.arena, &self.hasher);
        self.index.grow(|id| hasher.hash(arena.item(id).key()), |id| arena.address(id));
    }

    /// Take an item out of its queue (the index is the caller's).
    pub(super) fn unlink(&mut self, id: ItemId) {
        let (line, size) = (self.line(id), self.size(id));
        self.lru[line].unlink(&mut self.slabs.arena, id, size);
        let header = self.header_mut(id);
        header.state &= !state::LINKED;
        let chained = header.is(state::CHAINED);
        self.counts.unlinked(size, chained, self.settings.track_sizes);
    }
    /// The lock is about to be let go, or was just taken.
    #[inline]
    pub(super) fn rest(&mut self) {
        #[cfg(test)]
        {
            self.toil_max = self.toil_max.max(self.toil);
        }
        self.toil = 0;
    }
    /// Take an item out of everything, and free it (once nobody reads it).
    pub(super) fn remove(&mut self, id: ItemId, hash: KeyHash) {
        self.toil = self.toil.saturating_add(1);
        self.index.remove(hash, id);
        self.unlink(id);
        self.release(id);
    }
}
