//! What only few requests ask of an item: to be stale, to be won by one asker, to stand under a
//! CAS that a client chose, to die at some time after all.
//!
//! Invariants: a mark belongs to a value; whoever stores a new one clears STALE and WON, except
//! where a verb here says otherwise. An item's own CAS, once it has one, is what its clients see:
//! whatever stamps the item writes it too.

use super::geometry::{DEADLINE_SIZE, HEADER_SIZE};
use super::hash::KeyHash;
use super::item::{Chain, ItemHeader, ItemId, OWN_CAS_SIZE, mark, state};
use super::lru::Lru;
use super::shard::Shard;
use super::{Deadline, Deleted, FetchArgs, Keep, Seconds, SetArgs, SetMode, SetRare, Stored};

impl<'a> SetArgs<'a> {
    /// Append or prepend.
    #[inline]
    pub(super) fn joins(&self) -> bool {
        matches!(self.mode, SetMode::Append | SetMode::Prepend)
    }
    /// Those of an append for the item that its miss creates: it brings a deadline for that.
    pub(super) fn created(&self) -> SetArgs<'a> {
        SetArgs { deadline: self.rare.vivify.unwrap_or(self.deadline), ..*self }
    }
}

impl SetRare {
    /// The new item has no marks, and no CAS of its own.
    #[inline]
    pub(super) fn marks_nothing(&self) -> bool {
        !self.binary_key && self.new_cas.is_none()
    }
}

impl Shard {
    /// The CAS that a client chose for this item, which has one; 0 under -C.
    #[cold]
    pub(super) fn own_cas(&self, id: ItemId) -> u64 {
        let at = self.header(id).own_cas_offset();
        let bytes = self.slabs.arena.bytes(id, at, OWN_CAS_SIZE);
        let cas = u64::from_ne_bytes(bytes.try_into().expect("eight bytes of CAS"));
        if self.settings.use_cas { cas } else { 0 }
    }
    fn set_own_cas(&mut self, id: ItemId, cas: u64) {
        let at = self.header(id).own_cas_offset();
        self.slabs.arena.bytes_mut(id, at, OWN_CAS_SIZE).copy_from_slice(&cas.to_ne_bytes());
    }
    /// The item has changed where it stands: a new CAS for it, a chosen one only if it has the
    /// place for that.
    pub(super) fn stamp(&mut self, id: ItemId, chosen: Option<u64>) {
        let count = self.next_cas();
        let header = self.header_mut(id);
        header.set_cas(count);
        if header.has_own_cas() {
            self.set_own_cas(id, chosen.unwrap_or(self.cas_number(count)));
        }
    }
    /// The marks of a new item, before its key is written.
    #[cold]
    pub(super) fn write_rare(&mut self, id: ItemId, rare: &SetRare) {
        let header = self.header_mut(id);
        if rare.binary_key {
            header.add_marks(mark::BINARY_KEY);
        }
        if let Some(cas) = rare.new_cas {
            header.add_own_cas();
            self.set_own_cas(id, cas);
        }
    }

    /// Whether a store that was given a CAS may replace this item.
    pub(super) fn matches(&self, id: ItemId, wanted: u64, args: &SetArgs<'_>) -> bool {
        let cas = self.cas(id);
        let outdated = args.rare.invalidate && !args.joins() && wanted < cas;
        self.settings.use_cas && (cas == wanted || outdated)
    }
    /// What an outdated value takes over from the item it replaces: its deadline, and whether
    /// somebody was told to renew it.
    pub(super) fn inherit(&mut self, args: &SetArgs<'_>, old: ItemId, new: ItemId) {
        let outdated = args.compare.is_some_and(|cas| cas < self.cas(old));
        if args.rare.invalidate && outdated {
            let (deadline, won) = (self.header(old).deadline(), self.header(old).marks(mark::WON));
            let header = self.header_mut(new);
            header.set_deadline(deadline);
            header.add_marks(mark::STALE | won);
        }
    }
    /// `put` for a store whose CAS may be outdated.
    pub(super) fn put_compared(
        &mut self,
        args: &SetArgs<'_>,
        value: &[u8],
        old: ItemId,
        now: Seconds,
    ) -> Stored {
        if args.compare.is_none_or(|cas| cas >= self.cas(old)) {
            return self.put(args, value, Some(old), now);
        }
        let header = self.header(old);
        let marks = mark::STALE | header.marks(mark::WON);
        let args = SetArgs { deadline: header.deadline(), ..*args };
        let stored = self.put(&args, value, Some(old), now);
        if let (Stored::Stored(_), Some(id)) = (stored, self.find(args.key, args.hash)) {
            self.header_mut(id).add_marks(marks);
        }
        stored
    }
    /// Length of the value under a key; 0 if there is none.
    pub(super) fn len_under(&self, key: &[u8], hash: KeyHash) -> usize {
        self.find(key, hash).map_or(0, |id| self.value_len(id))
    }

    /// Look one key up, or create it; whether it was created. A miss is counted, but not that
    /// there is no memory to create it.
    #[inline]
    pub(super) fn fetch(
        &mut self,
        key: &[u8],
        hash: KeyHash,
        args: &FetchArgs,
        now: Seconds,
    ) -> Option<(ItemId, bool)> {
        let found = self.find_live(key, hash, now);
        let (id, created) = match found {
            Some(id) => (id, false),
            None => {
                let Some(deadline) = args.vivify else {
                    self.counts.misses.get += 1;
                    return None;
                };
                if !self.create(key, hash, (args, deadline), now) {
                    return None;
                }
                (self.find(key, hash)?, true)
            }
        };
        let (line, queue) = (self.line(id), self.header(id).queue());
        if args.touch.is_some() {
            self.counts.classes[line].touch_hits += 1;
        } else {
            self.count_hit(line, queue);
        }
        Some((id, created))
    }
    /// An empty item; `false` without memory.
    #[cold]
    fn create(
        &mut self,
        key: &[u8],
        hash: KeyHash,
        (args, deadline): (&FetchArgs, Deadline),
        now: Seconds,
    ) -> bool {
        let (new_cas, binary_key) = (args.new_cas, args.binary_key);
        let rare = SetRare { new_cas, binary_key, ..SetRare::default() };
        let (mode, compare) = (SetMode::Set, None);
        let args = SetArgs { key, hash, flags: 0, deadline, mode, compare, rare };
        matches!(self.put(&args, b"", None, now), Stored::Stored(_))
    }
    /// A fetch is over.
    #[inline]
    pub(super) fn bump(&mut self, id: ItemId, now: Seconds) {
        if Lru::fetched(&mut self.slabs.arena, id, self.settings.flat, now) {
            self.promote(id);
        }
    }

    /// A delete that keeps the item.
    #[cold]
    pub(super) fn keep(
        &mut self,
        mut id: ItemId,
        hash: KeyHash,
        keep: &Keep,
        now: Seconds,
    ) -> Deleted {
        if let Some(flags) = keep.empty {
            // Read before it is replaced: what is told is what goes.
            let gone = (!keep.invalidate && self.observed).then(|| self.deletion(id));
            let Some(emptied) = self.empty_item(id, hash, flags, keep, now) else {
                return Deleted::OutOfMemory;
            };
            id = emptied;
            if !keep.invalidate {
                let line = self.line(id);
                self.counts.classes[line].delete_hits += 1;
                gone.into_iter().for_each(|event| self.journal.push(event));
                return Deleted::Deleted;
            }
        } else if keep.new_cas.is_some() {
            let Some(moved) = self.make_room_for_cas(id, hash, now) else {
                return Deleted::OutOfMemory;
            };
            id = moved;
        }
        self.stamp(id, keep.new_cas);
        let header = self.header_mut(id);
        header.add_marks(mark::STALE);
        header.clear_marks(mark::WON);
        if let Some(deadline) = keep.deadline {
            self.set_deadline(id, deadline, now);
        }
        Deleted::Deleted
    }
    /// Replace an item by an empty one under the CAS asked for, or its old one.
    fn empty_item(
        &mut self,
        id: ItemId,
        hash: KeyHash,
        flags: u32,
        keep: &Keep,
        now: Seconds,
    ) -> Option<ItemId> {
        let key = self.key(id).to_vec();
        let header = self.header(id);
        let binary_key = header.has(mark::BINARY_KEY);
        let new_cas = Some(keep.new_cas.unwrap_or(self.cas(id)));
        let rare = SetRare { new_cas, binary_key, ..SetRare::default() };
        let (deadline, mode, compare) = (keep.deadline.unwrap_or(0), SetMode::Set, None);
        let args = SetArgs { key: &key, hash, flags, deadline, mode, compare, rare };
        match self.put(&args, b"", Some(id), now) {
            Stored::Stored(_) => self.find(&key, hash),
            _ => None,
        }
    }

    /// Whether a plain item may have a CAS of its own, and stay one.
    pub(super) fn has_room_for_cas(&self, id: ItemId) -> bool {
        let with_cas = self.size(id) + OWN_CAS_SIZE + DEADLINE_SIZE;
        self.header(id).has_own_cas()
            || !self.settings.use_cas
            || self.slabs.class_for(with_cas).is_some()
    }
    /// Move an item to where a CAS of its own fits before its key; where it is now. `None`
    /// without memory: it stays.
    pub(super) fn make_room_for_cas(
        &mut self,
        id: ItemId,
        hash: KeyHash,
        now: Seconds,
    ) -> Option<ItemId> {
        let old = *self.header(id);
        if old.has_own_cas() || !self.settings.use_cas {
            return Some(id);
        }
        let used = self.used_of_chunk(id);
        // A deadline's place must be to be had later.
        if self.slabs.class_for(used + OWN_CAS_SIZE + DEADLINE_SIZE).is_none() {
            return self.chain_with_cas(id, hash, now);
        }
        let gap = (old.own_cas_offset(), OWN_CAS_SIZE);
        let new = self.widen(id, hash, gap, ItemHeader::add_own_cas, now)?;
        self.slabs.expires(new, old.deadline());
        Some(new)
    }
    /// Move an item, which is not chained, to where a deadline has its place. `false`: there is no
    /// memory for that. It stays, to be tried again; at once ([`Shard::at_once`]), it is evicted.
    #[cold]
    pub(super) fn make_room_for_deadline(
        &mut self,
        id: ItemId,
        deadline: Deadline,
        now: Seconds,
    ) -> bool {
        let (hash, gap) = (self.hash_of(id), (HEADER_SIZE, DEADLINE_SIZE));
        let add = |header: &mut ItemHeader| header.add_deadline(deadline);
        match self.widen(id, hash, gap, add, now) {
            Some(new) => {
                self.slabs.expires(new, deadline);
                // Not while it was held. As others are given deadlines, their class gets pages.
                self.pursue_claim(now);
                true
            }
            None if self.patient => false,
            None => {
                self.evict(id, now);
                true
            }
        }
    }
    /// Move an item to a chunk where there is a gap, (at, bytes), in its front, which `add` notes
    /// in its header. `None` without memory: it stays.
    fn widen(
        &mut self,
        id: ItemId,
        hash: KeyHash,
        (at, gap): (usize, usize),
        add: impl FnOnce(&mut ItemHeader),
        now: Seconds,
    ) -> Option<ItemId> {
        let (size, used) = (self.size(id), self.used_of_chunk(id));
        let class = self.slabs.class_for(used + gap)?;
        self.held = Some(id);
        let taken = self.take_chunk(class, now);
        self.held = None;
        let new = taken?;
        let (line, old) = (self.line(id), *self.header(id)); // it may have changed queues
        let chained = old.is(state::CHAINED);
        self.lru[line].unlink(&mut self.slabs.arena, id, size);
        // In this order: behind a header without a deadline the first bytes of the item were read.
        *self.header_mut(new) = old;
        self.slabs.arena.copy((id, HEADER_SIZE), (new, HEADER_SIZE), at - HEADER_SIZE);
        self.slabs.arena.copy((id, at), (new, at + gap), used - at);
        add(self.header_mut(new));
        self.index.replace(hash, id, new);
        if chained {
            self.adopt_chunks(new);
        }
        if old.is(state::PINNED) {
            self.rename_pins(id, new);
        }
        self.header_mut(id).state &= !(state::LINKED | state::PINNED | state::CHAINED);
        self.slabs.push(id);
        let (line, size_now) = (self.line(new), self.size(new));
        self.lru[line].link(&mut self.slabs.arena, new, old.queue(), size_now);
        self.counts.resize(size, size_now, chained, self.settings.track_sizes);
        self.toil = self.toil.saturating_add(1);
        Some(new)
    }
    /// The bytes of an item that are in its own chunk: a chained one has its value elsewhere.
    fn used_of_chunk(&self, id: ItemId) -> usize {
        let header = self.header(id);
        let chained = header.is(state::CHAINED);
        header.value_offset() + if chained { Chain::SIZE } else { header.value_len() }
    }
    /// Room for a CAS of its own in an item that fills the largest chunk: its value moves to a
    /// chain.
    #[cold]
    fn chain_with_cas(&mut self, id: ItemId, hash: KeyHash, now: Seconds) -> Option<ItemId> {
        let (key, mut value) = (self.key(id).to_vec(), Vec::new());
        self.copy_value(id, &mut value);
        let (old, flags) = (*self.header(id), self.flags(id));
        let binary_key = old.has(mark::BINARY_KEY);
        let rare = SetRare { new_cas: Some(0), binary_key, ..SetRare::default() };
        let (deadline, mode, compare) = (old.deadline(), SetMode::Set, None);
        let args = SetArgs { key: &key, hash, flags, deadline, mode, compare, rare };
        let Stored::Stored(_) = self.put(&args, &value, Some(id), now) else { return None };
        let new = self.find(&key, hash)?;
        let header = self.header_mut(new);
        header.add_marks(old.marks(mark::ALL));
        header.state |= old.state & (state::FETCHED | state::ACTIVE);
        header.accessed = old.accessed;
        Some(new)
    }
}
