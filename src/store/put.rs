//! Writing an item: its header, flags, key and value, into a new chunk or over what was there.
//!
//! Invariant: a chunk is written from its header on, so that the header says at any time where
//! everything else belongs.

use super::item::{Accessed, Chain, FLAGS_SIZE, ItemId, Place, Queue, state};
use super::shard::Shard;
use super::slab::{ClassId, Fit};
use super::{Seconds, SetArgs, Stored};

impl Shard {
    /// Where an item with a value of `len` bytes belongs; `None`: it is too long for any chunk.
    /// One without a deadline has no place for it if that lets it fit a smaller chunk, and if there
    /// will be memory should it get one later.
    #[inline]
    pub(super) fn fit(&self, args: &SetArgs<'_>, len: usize) -> Option<Fit> {
        let timed = args.deadline != 0 || !self.settings.evict;
        self.slabs.fit(args.plain_size(len), timed)
    }
    /// Where the head of a chained item belongs; it always has a place for a deadline.
    pub(super) fn fit_chained(&self, args: &SetArgs<'_>) -> Option<Fit> {
        self.slabs.fit(args.plain_size(Chain::SIZE), true)
    }
    /// The class that a stored value is counted under.
    #[inline]
    pub(super) fn class_of_set(&self, args: &SetArgs<'_>, len: usize) -> ClassId {
        self.counted_class(self.fit(args, len))
    }
    #[inline]
    pub(super) fn counted_class(&self, fit: Option<Fit>) -> ClassId {
        fit.map_or(self.slabs.last_class(), Fit::class)
    }

    /// Write a whole value under a key, in place of `old` if there is one.
    pub(super) fn put(
        &mut self,
        args: &SetArgs<'_>,
        value: &[u8],
        old: Option<ItemId>,
        now: Seconds,
    ) -> Stored {
        self.put_where(self.fit(args, value.len()), args, value, old, now)
    }
    /// The same, to where it belongs.
    #[inline(always)]
    pub(super) fn put_where(
        &mut self,
        fit: Option<Fit>,
        args: &SetArgs<'_>,
        value: &[u8],
        old: Option<ItemId>,
        now: Seconds,
    ) -> Stored {
        let Some(fit) = fit else {
            return self.put_chained(args, value, old, now);
        };
        if let Some(old) = old
            && !self.header(old).is(state::CHAINED | state::PINNED)
            && self.slabs.class_of(old) == fit.class()
        {
            return self.overwrite(old, args, (value, fit), now);
        }
        self.put_new(fit, args, value, old, now)
    }
    /// The same, to a chunk that it has to find. A call, and so is `overwrite`: which of the two
    /// it is to be is found out where the item was looked up.
    #[inline(never)]
    fn put_new(
        &mut self,
        fit: Fit,
        args: &SetArgs<'_>,
        value: &[u8],
        old: Option<ItemId>,
        now: Seconds,
    ) -> Stored {
        self.held = old;
        let new = self.new_item(fit, args, now);
        self.held = None;
        let Some(id) = new else { return Stored::OutOfMemory };
        self.fill(id, value);
        self.link(id, args.hash, old, now)
    }

    /// An unlinked item, without its value.
    #[inline]
    pub(super) fn new_item(
        &mut self,
        fit: Fit,
        args: &SetArgs<'_>,
        now: Seconds,
    ) -> Option<ItemId> {
        let id = self.take_chunk(fit.class(), now)?;
        self.write_front(id, args, now, Place { timed: fit.timed(), ..Place::default() });
        Some(id)
    }

    /// Header, deadline, flags and key of an item without a value.
    #[inline]
    pub(super) fn write_front(
        &mut self,
        id: ItemId,
        args: &SetArgs<'_>,
        now: Seconds,
        place: Place,
    ) {
        self.write_header(id, args, now, place);
        if !args.rare.marks_nothing() {
            self.write_rare(id, &args.rare);
        }
        let at = self.header(id).key_offset();
        self.slabs.arena.bytes_mut(id, at, args.key.len()).copy_from_slice(args.key);
    }
    /// All of the front but the key, which may have its place already. What it is stored under.
    #[inline(always)]
    fn write_header(&mut self, id: ItemId, args: &SetArgs<'_>, now: Seconds, place: Place) -> u64 {
        let count = self.next_cas();
        let header = self.slabs.arena.header_mut(id);
        header.renew(count);
        header.set_value_len(place.value_len);
        (header.next, header.prev) = (place.next, place.prev);
        header.accessed = Accessed::at(now);
        header.key_len = args.key.len() as u8;
        header.state = place.state;
        if place.timed {
            header.add_deadline(args.deadline);
        }
        if args.flags != 0 {
            header.state |= state::FLAGS;
            let at = header.flags_offset();
            let flags = args.flags.to_ne_bytes();
            self.slabs.arena.bytes_mut(id, at, FLAGS_SIZE).copy_from_slice(&flags);
        }
        count
    }
    /// The value of a plain item; its size with that.
    #[inline]
    pub(super) fn fill(&mut self, id: ItemId, value: &[u8]) -> usize {
        let header = self.slabs.arena.header_mut(id);
        header.set_value_len(value.len());
        let at = header.value_offset();
        self.slabs.arena.bytes_mut(id, at, value.len()).copy_from_slice(value);
        at + value.len()
    }

    /// Key and class stay: write over the old item, where it stands. It was just written, so it
    /// counts as active: it will not be evicted before it has had another turn.
    #[inline(never)]
    fn overwrite(
        &mut self,
        id: ItemId,
        args: &SetArgs<'_>,
        (value, fit): (&[u8], Fit),
        now: Seconds,
    ) -> Stored {
        let header = self.header(id);
        let (at, queue) = (header.value_offset(), header.queue());
        let before = at + header.value_len();
        let flat = self.settings.flat;
        let active = if flat { 0 } else { state::ACTIVE };
        let place = Place {
            next: header.next,
            prev: header.prev,
            state: header.state & (state::QUEUE | state::LINKED) | active,
            timed: fit.timed(),
            value_len: value.len(),
        };
        let flags_stay = header.is(state::FLAGS) == (args.flags != 0);
        let stays = !header.has_own_cas() && flags_stay && header.is_timed() == fit.timed();
        let (size, cas) = if stays && args.rare.marks_nothing() {
            let count = self.write_header(id, args, now, place);
            self.slabs.arena.bytes_mut(id, at, value.len()).copy_from_slice(value);
            (at + value.len(), self.cas_number(count))
        } else {
            self.write_front(id, args, now, place);
            (self.fill(id, value), self.cas(id))
        };
        self.slabs.expires(id, args.deadline);
        if size != before {
            self.resized(id, queue, before);
        }
        self.count_rewrite();
        let first = self.settings.first_queue(args.deadline, now);
        // TEMP is for short lives only, and an item in it goes nowhere by itself.
        if flat || (queue == Queue::Temp) != (first == Queue::Temp) {
            self.shift(id, first);
        }
        Stored::Stored(cas)
    }

    /// A linked item's size was `before`.
    pub(super) fn resized(&mut self, id: ItemId, queue: Queue, before: usize) {
        let (line, size) = (self.line(id), self.size(id));
        if size != before {
            self.lru[line].resize(queue, before, size);
            let chained = self.header(id).is(state::CHAINED);
            self.counts.resize(before, size, chained, self.settings.track_sizes);
        }
    }
}
