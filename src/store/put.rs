//! Writing an item: its header, flags, key and value, into a new chunk or over what was there.
//!
//! Invariant: a chunk is written from its header on, so that the header says at any time where
//! everything else belongs.

use super::geometry::HEADER_SIZE;
use super::item::{Accessed, ItemId, Place, Queue, plain_size, state};
use super::shard::Shard;
use super::slab::ClassId;
use super::{Seconds, SetArgs, Stored};

impl Shard {
    /// Write a whole value under a key, in place of `old` if there is one.
    #[inline]
    pub(super) fn put(
        &mut self,
        args: &SetArgs<'_>,
        value: &[u8],
        old: Option<ItemId>,
        now: Seconds,
    ) -> Stored {
        let size = plain_size(args, value.len());
        let Some(class) = self.slabs.class_for(size) else {
            return self.put_chained(args, value, old, now);
        };
        if let Some(old) = old
            && !self.header(old).is(state::CHAINED | state::PINNED)
            && self.slabs.class_of(old) == class
        {
            return self.overwrite(old, args, (value, size), now);
        }
        self.held = old;
        let new = self.new_item(class, args, now);
        self.held = None;
        let Some(id) = new else { return Stored::OutOfMemory };
        self.fill(id, value);
        self.link(id, args.hash, old, now)
    }

    /// An unlinked item of a class, without its value.
    #[inline]
    pub(super) fn new_item(
        &mut self,
        class: ClassId,
        args: &SetArgs<'_>,
        now: Seconds,
    ) -> Option<ItemId> {
        let id = self.take_chunk(class, now)?;
        self.write_front(id, args, now, Place::default());
        Some(id)
    }

    /// Header, flags and key of an item without a value.
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
    /// Header and flags: all of the front where key and flags already have their places.
    #[inline]
    fn write_header(&mut self, id: ItemId, args: &SetArgs<'_>, now: Seconds, place: Place) {
        let cas = self.next_cas();
        let header = self.slabs.arena.header_mut(id);
        header.renew(cas);
        (header.next, header.prev) = (place.next, place.prev);
        header.deadline = args.deadline;
        header.accessed = Accessed::at(now);
        header.key_len = args.key.len() as u8;
        header.state = place.state;
        if args.flags != 0 {
            header.state |= state::FLAGS;
            let flags = args.flags.to_ne_bytes();
            self.slabs.arena.bytes_mut(id, HEADER_SIZE, flags.len()).copy_from_slice(&flags);
        }
    }
    /// The value of a plain item.
    #[inline]
    pub(super) fn fill(&mut self, id: ItemId, value: &[u8]) {
        let header = self.slabs.arena.header_mut(id);
        header.set_value_len(value.len());
        let at = header.value_offset();
        self.slabs.arena.bytes_mut(id, at, value.len()).copy_from_slice(value);
    }

    /// Key and class stay: write over the old item, where it stands. It was just written, so it
    /// counts as active: it will not be evicted before it has had another turn.
    #[inline]
    fn overwrite(
        &mut self,
        id: ItemId,
        args: &SetArgs<'_>,
        (value, size): (&[u8], usize),
        now: Seconds,
    ) -> Stored {
        let header = self.header(id);
        let before = header.value_offset() + header.value_len();
        let queue = header.queue();
        let flat = self.settings.flat;
        let active = if flat { 0 } else { state::ACTIVE };
        let state = header.state & (state::QUEUE | state::LINKED) | active;
        let place = Place { next: header.next, prev: header.prev, state };
        let stays = !header.has_own_cas() && header.is(state::FLAGS) == (args.flags != 0);
        if stays && args.rare.marks_nothing() {
            self.write_header(id, args, now, place);
        } else {
            self.write_front(id, args, now, place);
        }
        self.fill(id, value);
        self.slabs.expires(id, args.deadline);
        if size != before {
            self.resized(id, queue, before);
        }
        self.counts.total_items += 1;
        let first = self.settings.first_queue(args.deadline, now);
        // TEMP is for short lives only, and an item in it goes nowhere by itself.
        if flat || (queue == Queue::Temp) != (first == Queue::Temp) {
            self.shift(id, first);
        }
        Stored::Stored(self.cas(id))
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
