//! Items larger than a chunk: a chain of chunks behind a head, received and read in slices.
//!
//! The head is an ordinary item with a [`Chain`] in its value's place. Chunks are linked by
//! `next`; `prev` names the head. A value being received (*upload*) is an unlinked item; a value
//! being read (*pin*) is marked PINNED, and if it is replaced or deleted meanwhile it stays,
//! unlinked, until its last reader is done.
//!
//! Invariants: the chunks' value lengths add up to `chain.len`; all but the last are full; the head
//! names the first eight (`item::STRIDE`) and the one so far behind the last, and each chunk the
//! one so far ahead (if there is none, a name there is out of date); `pinned_dead` is the size of
//! all unlinked pinned items.

use super::geometry::HEADER_SIZE;
use super::item::{Chain, ItemHeader, ItemId, mark, state};
use super::pin::Pin;
use super::shard::Shard;
use super::upload::{Upload, UploadArgs};
use super::{Seconds, SetArgs, SetMode, SetRare, Stored};

/// So many chunks of a chain are freed at once, 16 MiB of the largest: some 50 microseconds, or 160
/// if none is where it was foreseen. The rest follow a few at a time.
const FREED_AT_ONCE: usize = 512;

/// A chunk added by an append holds at least this much.
const APPEND_CHUNK: usize = 4 << 10;

impl Shard {
    pub(super) fn chain(&self, head: ItemId) -> Chain {
        let at = self.header(head).value_offset();
        Chain::from_bytes(self.slabs.arena.bytes(head, at, Chain::SIZE))
    }
    pub(super) fn set_chain(&mut self, head: ItemId, chain: Chain) {
        let at = self.header(head).value_offset();
        self.slabs.arena.bytes_mut(head, at, Chain::SIZE).copy_from_slice(&chain.to_bytes());
    }

    /// Append bytes to a chain. `coming`: how many will be appended in all, these included, so
    /// that the last chunk is no larger than needed. `false`: no memory; the chain holds a part.
    fn extend(&mut self, head: ItemId, mut bytes: &[u8], mut coming: usize, now: Seconds) -> bool {
        while !bytes.is_empty() {
            let chain = self.chain(head);
            let (last, room) = match chain.last {
                Some(last) => {
                    let size = self.slabs.chunk_size(self.slabs.class_of(last));
                    (last, size - HEADER_SIZE - self.header(last).value_len())
                }
                None => (head, 0),
            };
            if room == 0 {
                let Some(id) = self.new_chunk(coming, now) else { return false };
                let mut chain = self.chain(head);
                self.link_chunk(head, &mut chain, id);
                self.set_chain(head, chain);
                continue;
            }
            let n = room.min(bytes.len());
            let (now_copied, rest) = bytes.split_at(n);
            let header = self.header_mut(last);
            let at = HEADER_SIZE + header.value_len();
            header.set_value_len(header.value_len() + n);
            self.slabs.arena.bytes_mut(last, at, n).copy_from_slice(now_copied);
            self.set_chain(head, Chain { len: chain.len + n as u32, ..chain });
            bytes = rest;
            coming -= n;
        }
        true
    }

    /// A chunk for the next of `coming` bytes, empty. It looks free until it is linked.
    pub(super) fn new_chunk(&mut self, coming: usize, now: Seconds) -> Option<ItemId> {
        let largest = self.slabs.last_class();
        let class = self.slabs.class_for(HEADER_SIZE + coming).unwrap_or(largest);
        let id = self.take_chunk(class, now)?;
        self.header_mut(id).renew(0);
        Some(id)
    }
    /// Link a new chunk behind the last of a chain.
    pub(super) fn link_chunk(&mut self, head: ItemId, chain: &mut Chain, id: ItemId) {
        let header = self.header_mut(id);
        header.key_len = 0;
        header.state = state::CHAINED;
        header.next = None;
        header.prev = Some(head);
        if let Some(last) = chain.last.replace(id) {
            self.header_mut(last).next = Some(id);
        }
        if let Some(place) = chain.front.iter_mut().find(|place| place.is_none()) {
            *place = Some(id);
            return;
        }
        chain.behind = match chain.behind {
            Some(behind) => self.header(behind).next,
            None => chain.first(),
        };
        let behind = chain.behind.expect("the last chunk is so many behind the first");
        self.header_mut(behind).set_ahead(id);
    }

    /// A chained, unlinked item without a value.
    fn new_chained(&mut self, args: &SetArgs<'_>, now: Seconds) -> Option<ItemId> {
        let fit = self.fit_chained(args)?;
        let id = self.new_item(fit, args, now)?;
        self.header_mut(id).state |= state::CHAINED;
        self.set_chain(id, Chain::EMPTY);
        Some(id)
    }

    /// Store a value that is at hand but too long for a chunk.
    pub(super) fn put_chained(
        &mut self,
        args: &SetArgs<'_>,
        value: &[u8],
        old: Option<ItemId>,
        now: Seconds,
    ) -> Stored {
        self.held = old;
        let built = self.new_chained(args, now).and_then(|id| {
            if self.extend(id, value, value.len(), now) {
                return Some(id);
            }
            self.release(id);
            None
        });
        self.held = None;
        match built {
            Some(id) => self.link(id, args.hash, old, now),
            None => Stored::OutOfMemory,
        }
    }

    /// Append or prepend a value at hand to the item `old`.
    pub(super) fn join(
        &mut self,
        old: ItemId,
        args: &SetArgs<'_>,
        value: &[u8],
        now: Seconds,
    ) -> Stored {
        let len = self.value_len(old) + value.len();
        // The key is as binary as it was.
        let binary_key = self.header(old).has(mark::BINARY_KEY);
        let rare = SetRare { new_cas: args.rare.new_cas, binary_key, ..SetRare::default() };
        let (flags, deadline) = (self.flags(old), self.header(old).deadline());
        let args = SetArgs { flags, deadline, rare, ..*args };
        if self.too_large(&args, len) {
            return Stored::NotStored;
        }
        let append = args.mode == SetMode::Append;
        let chosen = rare.new_cas.is_some() && !self.header(old).has_own_cas();
        if append && self.header(old).is(state::CHAINED) && !chosen {
            return self.extend_linked(old, value, rare.new_cas, now);
        }
        let mut whole = Vec::with_capacity(len);
        if append {
            self.copy_value(old, &mut whole);
            whole.extend_from_slice(value);
        } else {
            whole.extend_from_slice(value);
            self.copy_value(old, &mut whole);
        }
        self.put(&args, &whole, Some(old), now)
    }

    /// Append to a linked chain where it stands. Readers are not disturbed: they read as many
    /// bytes as there were when they began. It leaves its queue meanwhile: allocations move what
    /// stands in queues by its size, which is changing.
    fn extend_linked(
        &mut self,
        id: ItemId,
        value: &[u8],
        new_cas: Option<u64>,
        now: Seconds,
    ) -> Stored {
        let before = self.chain(id);
        let (line, size) = (self.line(id), self.size(id));
        self.lru[line].unlink(&mut self.slabs.arena, id, size);
        self.held = Some(id);
        // Many short appends should not become as many chunks.
        let done = self.extend(id, value, value.len().max(APPEND_CHUNK), now);
        self.held = None;
        let mut queue = self.header(id).queue();
        if done {
            self.stamp(id, new_cas);
            let header = self.header_mut(id);
            header.clear_marks(mark::STALE | mark::WON);
            header.state &= !state::FETCHED;
            header.accessed = super::item::Accessed::at(now);
            queue = self.settings.first_queue(self.header(id).deadline(), now);
            self.counts.total_items += 1;
        } else {
            self.truncate(id, before);
        }
        let size_now = self.size(id);
        self.lru[line].link(&mut self.slabs.arena, id, queue, size_now);
        self.counts.resize(size, size_now, true, self.settings.track_sizes);
        if done { Stored::Stored(self.cas(id)) } else { Stored::OutOfMemory }
    }
    /// Cut a chain back to what it was.
    fn truncate(&mut self, id: ItemId, before: Chain) {
        let last = before.last.expect("a linked chain is not empty");
        let extra = self.header_mut(last).next.take();
        let added = (self.chain(id).len - before.len) as usize - self.free_from(extra);
        let header = self.header_mut(last);
        header.set_value_len(header.value_len() - added);
        self.set_chain(id, before);
    }
    /// Free a chunk and those linked behind it; how many bytes of the value they held.
    fn free_from(&mut self, mut at: Option<ItemId>) -> usize {
        let mut held = 0;
        while let Some(chunk) = at {
            let header = self.header(chunk);
            at = header.next;
            held += header.value_len();
            self.slabs.push(chunk);
        }
        held
    }

    /// Append the whole value to `out`.
    pub(super) fn copy_value(&self, id: ItemId, out: &mut Vec<u8>) {
        let header = self.header(id);
        if !header.is(state::CHAINED) {
            let (at, len) = (header.value_offset(), header.value_len());
            out.extend_from_slice(self.slabs.arena.bytes(id, at, len));
            return;
        }
        let mut at = self.first_chunk(&self.chain(id));
        while let Some(chunk) = at {
            let len = self.header(chunk).value_len();
            out.extend_from_slice(self.slabs.arena.bytes(chunk, HEADER_SIZE, len));
            at = self.next_chunk(chunk);
        }
    }

    /// Free an unlinked item, now or when its last reader is done.
    pub(super) fn release(&mut self, id: ItemId) {
        if self.header(id).is(state::PINNED) {
            self.count_dead_pin(id, true);
            self.revoke_beyond_cap();
            return;
        }
        if self.header(id).is(state::CHAINED)
            && let Some(first) = self.first_chunk(&self.chain(id))
        {
            self.doomed.push(first);
            self.free_chunks(FREED_AT_ONCE);
        }
        self.slabs.push(id);
    }
    /// The chunk a walk along a chain begins with: those that follow are fetched ahead of it.
    pub(super) fn first_chunk(&self, chain: &Chain) -> Option<ItemId> {
        chain.front.iter().flatten().for_each(|&id| self.slabs.foresee(id));
        chain.first()
    }
    /// The one behind another.
    #[inline]
    pub(super) fn next_chunk(&self, chunk: ItemId) -> Option<ItemId> {
        let header = self.header(chunk);
        if let Some(ahead) = header.ahead() {
            self.slabs.foresee(ahead);
        }
        header.next
    }
    /// Free the chain on top of `doomed`, at most `max` chunks of it; how many.
    fn free_chunks(&mut self, max: usize) -> usize {
        let Some(mut at) = self.doomed.pop().map(Some) else { return 0 };
        let mut freed = 0;
        while let Some(chunk) = at {
            if freed == max {
                self.doomed.push(chunk);
                break;
            }
            at = self.next_chunk(chunk);
            self.slabs.push(chunk);
            freed += 1;
        }
        freed
    }
    /// Free up to `max` chunks of chains whose item is gone.
    pub(super) fn free_doomed(&mut self, mut max: usize) {
        while max > 0 && !self.doomed.is_empty() {
            max -= self.free_chunks(max).min(max);
        }
    }

    /// Keep a value as it is, to be read in slices.
    pub(super) fn pin(&mut self, id: ItemId) -> u64 {
        assert!(self.header(id).is(state::CHAINED), "only chained values are pinned");
        let chain = self.chain(id);
        self.header_mut(id).state |= state::PINNED;
        let at = self.first_chunk(&chain).map(|first| (first, 0));
        self.pins.insert(Pin { item: Some(id), at, left: chain.len as usize, lent: false })
    }
    /// Keep an item, chained or not, that nobody will read through the pin.
    #[cfg(feature = "debug-commands")]
    pub(super) fn keep_in_place(&mut self, id: ItemId) -> u64 {
        self.header_mut(id).state |= state::PINNED;
        self.pins.insert(Pin { item: Some(id), at: None, left: 0, lent: false })
    }
    /// The reader is done, or gone.
    pub(super) fn unpin(&mut self, pin: u64) {
        let Some(Pin { item: Some(id), .. }) = self.pins.remove(pin) else { return };
        if self.pins.iter().any(|(_, other)| other.item == Some(id)) {
            return;
        }
        self.header_mut(id).state &= !state::PINNED;
        if !self.header(id).is(state::LINKED) {
            self.count_dead_pin(id, false);
            self.release(id);
        }
    }
    fn count_dead_pin(&mut self, id: ItemId, more: bool) {
        let size = self.size(id);
        if more {
            self.dead_pins.add(size);
            self.pinned_dead += size as u64;
        } else {
            self.dead_pins.sub(size);
            self.pinned_dead -= size as u64;
        }
    }
    /// Unlinked pinned values take too much memory: whoever has most left to read loses his.
    fn revoke_beyond_cap(&mut self) {
        while self.dead_pins.exceeds(0) {
            let Some(id) = self.slowest_pin(|header| !header.is(state::LINKED)) else { return };
            self.revoke(id);
            self.count_dead_pin(id, false);
            self.release(id);
        }
    }
    /// Nothing is left that is not in use: whoever has most left to read loses his value, and
    /// the value goes. `false`: nobody reads.
    pub(super) fn revoke_slowest(&mut self, now: Seconds) -> bool {
        let held = self.held;
        let Some(id) = self.slowest_pin(|_| true).filter(|&id| Some(id) != held) else {
            return false;
        };
        self.revoke(id);
        if self.header(id).is(state::LINKED) {
            self.evict(id, now);
        } else {
            self.count_dead_pin(id, false);
            self.release(id);
        }
        true
    }
    /// The pinned item, of those that qualify, with the most left to read. What is being sent is
    /// let alone: that takes no longer than a system call.
    fn slowest_pin(&self, qualifies: impl Fn(&ItemHeader) -> bool) -> Option<ItemId> {
        // One a worker at most.
        let lent: Vec<_> = self.pins.iter().filter(|(_, pin)| pin.lent).collect();
        let lent = |id| lent.iter().any(|(_, pin)| pin.item == Some(id));
        let pins = self.pins.iter().filter_map(|(_, pin)| Some((pin.left, pin.item?)));
        let pins = pins.filter(|&(_, id)| qualifies(self.header(id)) && !lent(id));
        pins.max_by_key(|&(left, _)| left).map(|(_, id)| id)
    }
    /// Take an item from all its readers.
    fn revoke(&mut self, id: ItemId) {
        for pin in self.pins.iter_mut().filter(|pin| pin.item == Some(id)) {
            pin.item = None;
        }
        self.header_mut(id).state &= !state::PINNED;
    }

    /// Move a chunk of a chain to another chunk of its class. `false`: there is none free.
    pub(super) fn relocate_chunk(&mut self, owner: ItemId, id: ItemId) -> bool {
        let class = self.slabs.class_of(id);
        let Some(new) = self.slabs.pop(class) else { return false };
        let len = self.slabs.chunk_size(class);
        self.slabs.arena.copy((id, 0), (new, 0), len);
        let mut chain = self.chain(owner);
        let mut at = self.first_chunk(&chain).expect("a chunk's owner has chunks");
        while at != id {
            let next = self.next_chunk(at).expect("a chunk is in its owner's chain");
            let header = self.header_mut(at);
            if header.ahead() == Some(id) {
                header.set_ahead(new);
            }
            if next == id {
                header.next = Some(new);
            }
            at = next;
        }
        chain.rename(id, new);
        self.set_chain(owner, chain);
        self.slabs.push(id);
        self.counts.reassign_chunk_rescues += 1;
        self.toil = self.toil.saturating_add(1);
        true
    }
    /// A head has moved: its chunks must name it.
    pub(super) fn adopt_chunks(&mut self, head: ItemId) {
        let mut at = self.first_chunk(&self.chain(head));
        while let Some(chunk) = at {
            self.header_mut(chunk).prev = Some(head);
            at = self.next_chunk(chunk);
        }
    }

    /// Begin to receive a value. Only its head is allocated now.
    pub(super) fn begin_upload(
        &mut self,
        args: &SetArgs<'_>,
        len: u32,
        order: u64,
        now: Seconds,
    ) -> Result<u64, Stored> {
        self.tick(now);
        if self.too_large(args, len as usize) {
            return Err(Stored::TooLarge);
        }
        let Some(head) = self.new_chained(args, now) else { return Err(Stored::OutOfMemory) };
        let (mode, compare, rare) = (args.mode, args.compare, args.rare);
        let key = args.key.into();
        let (received, active, begun) = (0, now, order);
        let upload = Upload { head, key, mode, compare, rare, len, received, active, begun };
        Ok(self.uploads.insert(upload))
    }

    /// The next bytes of an upload; on `false` the upload is kept, so that the caller may find
    /// memory elsewhere and try again with the rest: `taken` says how many bytes were used.
    pub(super) fn append_upload(
        &mut self,
        number: u64,
        bytes: &[u8],
        now: Seconds,
    ) -> Option<(bool, usize)> {
        self.tick(now);
        let upload = self.uploads.get(number)?;
        let (head, before) = (upload.head, upload.received);
        let coming = (upload.len - before) as usize;
        assert!(bytes.len() <= coming, "an upload gets no more than was announced");
        let done = self.extend(head, bytes, coming, now);
        let taken = self.chain(head).len - before;
        self.in_flight.add(taken as usize);
        if let Some(upload) = self.uploads.get_mut(number) {
            upload.received += taken;
            upload.active = now;
        }
        Some((done, taken as usize))
    }
    /// The upload, other than `but`, that made the least progress of late: when its last bytes
    /// came, when it began (of those active in one second the oldest is the slowest), its number.
    pub(super) fn stalest_upload(&self, but: Option<u64>) -> Option<(Seconds, u64, u64)> {
        let others = self.uploads.iter().filter(|&(number, _)| Some(number) != but);
        let holders = others.filter(|(_, upload)| upload.received > 0);
        holders.map(|(number, upload)| (upload.active, upload.begun, number)).min()
    }

    /// All bytes are there: store the value. How long is what stands under the key now?
    pub(super) fn commit_upload(&mut self, number: u64, now: Seconds) -> Option<(Stored, usize)> {
        let owned = self.upload_args(number)?;
        let Upload { head, mode, len, received, .. } = self.uploads.remove(number)?;
        assert_eq!(len, received, "an upload is committed whole");
        self.in_flight.sub(received as usize);
        let (args, hash) = (owned.args(), owned.hash);
        let old = self.find_live(args.key, hash, now);
        self.count_set(self.class_of_set(&args, len as usize));
        if let Some(refusal) = self.permit(&args, old) {
            self.release(head);
            if let (SetMode::Add, Some(old)) = (mode, old) {
                self.used_now(old, now);
            }
            if self.observed {
                self.note_store(&args, len as usize, refusal, now);
            }
            return Some((refusal, len as usize));
        }
        self.count_cas(&args, old.map(|old| self.line(old)));
        let stored = match old {
            Some(old) if args.joins() => {
                let mut value = Vec::with_capacity(len as usize);
                self.copy_value(head, &mut value);
                self.release(head);
                self.join(old, &args, &value, now)
            }
            _ => {
                // The CAS counts stores, and this is the moment of this one.
                self.stamp(head, args.rare.new_cas);
                self.header_mut(head).accessed = super::item::Accessed::at(now);
                match (old, args.rare.vivify) {
                    (Some(old), _) => self.inherit(&args, old, head),
                    (None, Some(deadline)) if args.joins() => {
                        self.header_mut(head).set_deadline(deadline);
                    }
                    _ => {}
                }
                self.link(head, hash, old, now)
            }
        };
        let stored = self.refused(&args, len as usize, stored, now);
        Some((stored, self.len_under(args.key, hash)))
    }

    /// Forget an upload.
    pub(super) fn drop_upload(&mut self, number: u64) {
        if let Some(upload) = self.uploads.remove(number) {
            self.in_flight.sub(upload.received as usize);
            self.release(upload.head);
        }
    }
    /// What an upload is to become, in memory of its own: the shard may change meanwhile.
    pub(super) fn upload_args(&self, number: u64) -> Option<UploadArgs> {
        let upload = self.uploads.get(number)?;
        Some(UploadArgs {
            hash: self.hasher.hash(&upload.key),
            key: upload.key.clone(),
            flags: self.flags(upload.head),
            deadline: self.header(upload.head).deadline(),
            mode: upload.mode,
            compare: upload.compare,
            rare: upload.rare,
            len: upload.len,
        })
    }
    /// The heads of unfinished uploads, for `check.rs`.
    pub(super) fn upload_heads(&self) -> impl Iterator<Item = (ItemId, u32)> {
        self.uploads.iter().map(|(_, upload)| (upload.head, upload.received))
    }
    /// An item has moved: its readers must name it.
    pub(super) fn rename_pins(&mut self, old: ItemId, new: ItemId) {
        for pin in self.pins.iter_mut().filter(|pin| pin.item == Some(old)) {
            pin.item = Some(new);
        }
    }
    /// The items that pins name, for `check.rs`.
    pub(super) fn pinned_items(&self) -> impl Iterator<Item = ItemId> {
        self.pins.iter().filter_map(|(_, pin)| pin.item)
    }
}
