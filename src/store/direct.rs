//! Long values between a socket and their chunks, with no copy in between: the caller reads into
//! the chunks of an upload, or writes from those of a pinned value.
//!
//! To be sent, bytes are *lent*: the shard is not locked meanwhile, and the caller has no
//! reference to them, only their place ([`Lease`]), for the system to read from. They stay what
//! they were: a pinned chain is neither moved (`is_in_use`) nor freed by whoever unlinks its item
//! (`release`), an append writes behind what is pinned, and who needs memory revokes no pin that
//! is lent (`slowest_pin`).
//!
//! To be received, the shard is locked. A system call under a lock is an exception: the socket
//! does not block, and what the kernel does meanwhile is the copy that would otherwise be ours,
//! under the same lock. So the lock is held about as long, and the value is touched once less.
//! Without the lock, another connection that needs memory might give the same chunks away while
//! the kernel writes to them.
//!
//! Invariants: between calls a chain holds no empty chunk; what was taken for bytes that did not
//! come is free again. A pin is lent only while `Store::send_pin` runs.

use super::arena::{Lease, Span};
use super::geometry::HEADER_SIZE;
use super::item::ItemId;
use super::pin::Pin;
use super::shard::Shard;
use super::{ATTEMPTS, PinId, Received, Seconds, Store, UploadId, inside};

/// Chunks that are filled at once: half a megabyte of chunks of 32 KiB, and a part of one
/// at either end.
pub const SLICES_MAX: usize = 18;

/// Others are dropped to make way for at most this much before it is known how much came: what an
/// upload appends at once. For the rest they are once it is there.
const HEADROOM: usize = 64 << 10;

/// Room for an upload, in order: behind the bytes of its last chunk, if there is one, and in new
/// chunks, which are linked once there are bytes in them.
type Room = [Option<Span>; SLICES_MAX];

/// Answer of `Store::read_pin` and `Store::send_pin`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PinRead {
    /// More follows.
    More,
    /// That was the last byte.
    Done,
    /// The store needed the memory back; the reader must be closed.
    Revoked,
}

impl Store {
    /// The next bytes of an upload, written by `fill` to where they belong: at most
    /// [`SLICES_MAX`] slices, of at most `max` bytes together, and no more than were announced.
    /// `fill` says how many of these it has written, from the front, and must not wait for
    /// anything: the shard is locked. It is not called if the upload is dropped.
    pub fn fill_upload(
        &self,
        id: &UploadId,
        max: usize,
        now: Seconds,
        fill: impl FnOnce(&mut [&mut [u8]]) -> usize,
    ) -> Received {
        let (slot, number) = inside(id.0);
        self.make_way(slot, number, max.min(HEADROOM), now);
        for _ in 0..ATTEMPTS {
            let mut shard = self.slots[slot].lock();
            match shard.upload_room(number, max, now) {
                None => return Received::Dropped,
                Some(room) if room[0].is_some() => {
                    shard.fill_upload(number, room, now, fill);
                    drop(shard);
                    self.make_way(slot, number, 0, now);
                    return Received::Taken;
                }
                Some(_) => drop(shard),
            }
            if !self.find_page(slot, now) {
                break;
            }
        }
        self.slots[slot].lock().upload_failed(number, now);
        Received::Dropped
    }

    /// Append the next at most `max` bytes of a pinned value to `out`.
    pub fn read_pin(&self, pin: &PinId, max: usize, out: &mut Vec<u8>) -> PinRead {
        let (slot, number) = inside(pin.0);
        self.slots[slot].lock().read_pin(number, max, out)
    }
    /// The next at most `max` bytes of a pinned value: `send` is told whether those are the last
    /// and says how many of them it took. The shard is not locked meanwhile, but the value stays
    /// where it is: `send` must not wait for anything. It is not called if the value is revoked.
    pub fn send_pin(
        &self,
        pin: &PinId,
        max: usize,
        send: impl FnOnce(&Lease, bool) -> usize,
    ) -> PinRead {
        let (slot, number) = inside(pin.0);
        let lent = self.slots[slot].lock().lend_pin(number, max);
        let Some((lease, last)) = lent else { return PinRead::Revoked };
        let sent = send(&lease, last);
        self.slots[slot].lock().end_lending(number, &lease, sent)
    }
}

impl Shard {
    /// Take chunks for the next at most `max` bytes of an upload. No room at all: there is no
    /// memory. `None`: there is no such upload.
    fn upload_room(&mut self, number: u64, max: usize, now: Seconds) -> Option<Room> {
        // Whoever cannot wait has pages cleared at once, which chunks not linked yet would bar.
        debug_assert!(self.patient, "an upload asks again");
        self.tick(now);
        let upload = self.uploads.get(number)?;
        let (head, coming) = (upload.head, (upload.len - upload.received) as usize);
        let last = self.chain(head).last;
        let (mut room, mut found, wanted) = ([None; SLICES_MAX], 0, max.min(coming));
        self.slabs.foresee_chunks(self.slabs.last_class(), SLICES_MAX);
        let mut partly = last.map(|id| self.span_behind(id, wanted));
        for place in &mut room {
            if found == wanted {
                break;
            }
            let span = match partly.take().filter(|span| span.len > 0) {
                Some(span) => span,
                None => match self.new_chunk(coming - found, now) {
                    Some(id) => self.span_behind(id, wanted - found),
                    None => break,
                },
            };
            found += span.len;
            *place = Some(span);
        }
        Some(room)
    }
    /// Behind the bytes a chunk holds: at most `max`.
    fn span_behind(&self, id: ItemId, max: usize) -> Span {
        let offset = HEADER_SIZE + self.header(id).value_len();
        Span { id, offset, len: max.min(self.slabs.chunk_size(self.slabs.class_of(id)) - offset) }
    }

    /// Have the room filled, and free what of it was not.
    fn fill_upload(
        &mut self,
        number: u64,
        room: Room,
        now: Seconds,
        fill: impl FnOnce(&mut [&mut [u8]]) -> usize,
    ) {
        let count = room.iter().flatten().count();
        let filled = fill(&mut self.slabs.arena.several_mut(room)[..count]);
        let upload = self.uploads.get_mut(number).expect("it has room");
        let head = upload.head;
        upload.received += filled as u32;
        if filled > 0 {
            upload.active = now;
        }
        self.in_flight.add(filled);
        let mut chain = self.chain(head);
        chain.len += filled as u32;
        let (mut left, before) = (filled, chain.last);
        for Span { id, offset, len } in room.into_iter().flatten() {
            let part = len.min(left);
            left -= part;
            let new = Some(id) != before;
            if part > 0 {
                self.header_mut(id).set_value_len(offset - HEADER_SIZE + part);
                if new {
                    self.link_chunk(head, &mut chain, id);
                }
            } else if new {
                self.slabs.push(id);
            }
        }
        assert_eq!(left, 0, "no more is filled than there is room for");
        self.set_chain(head, chain);
    }

    /// Append the next at most `max` bytes of a pinned value.
    fn read_pin(&mut self, number: u64, max: usize, out: &mut Vec<u8>) -> PinRead {
        let Some(Pin { item: Some(_), at, left, .. }) = self.pins.get(number) else {
            return PinRead::Revoked;
        };
        let begin = out.len();
        for Span { id, offset, len } in self.spans(*at, max.min(*left)) {
            out.extend_from_slice(self.slabs.arena.bytes(id, offset, len));
        }
        self.advance_pin(number, out.len() - begin)
    }

    /// The next at most `max` bytes of a pinned value, which stays where it is until the lending
    /// ends; and whether those are the last.
    fn lend_pin(&mut self, number: u64, max: usize) -> Option<(Lease, bool)> {
        let &Pin { item: Some(_), at, left, .. } = self.pins.get(number)? else { return None };
        let lease = self.slabs.arena.lease(self.spans(at, max.min(left)))?;
        self.pins.get_mut(number)?.lent = true;
        let last = lease.len() == left;
        Some((lease, last))
    }
    fn end_lending(&mut self, number: u64, lease: &Lease, sent: usize) -> PinRead {
        let pin = self.pins.get_mut(number).expect("what is lent is not unpinned");
        assert!(pin.lent && pin.item.is_some(), "what is lent is not revoked");
        pin.lent = false;
        // Headers of chunks that were sent whole have left the cache, and are not needed.
        let (before, id) = lease.end_of(sent);
        if before > 0 {
            pin.at = Some((id, 0));
            pin.left -= before;
        }
        self.advance_pin(number, sent - before)
    }

    /// Where the next `len` bytes are, from a place in a chain.
    fn spans(&self, mut at: Option<(ItemId, usize)>, mut len: usize) -> impl Iterator<Item = Span> {
        std::iter::from_fn(move || {
            if len == 0 {
                return None;
            }
            let (id, offset) = at.expect("a chain is as long as it says");
            let header = self.header(id);
            let part = len.min(header.value_len() - offset);
            len -= part;
            at = self.next_chunk(id).map(|next| (next, 0));
            Some(Span { id, offset: HEADER_SIZE + offset, len: part })
        })
    }

    /// So many bytes more are read.
    fn advance_pin(&mut self, number: u64, mut read: usize) -> PinRead {
        let arena = &self.slabs.arena;
        let pin = self.pins.get_mut(number).expect("it was read from just now");
        assert!(read <= pin.left, "no more is read than there is");
        pin.left -= read;
        while read > 0 {
            let (chunk, offset) = pin.at.expect("a chain is as long as it says");
            let header = arena.header(chunk);
            let part = read.min(header.value_len() - offset);
            read -= part;
            let spent = offset + part == header.value_len();
            // Stay at the end of the last chunk: an append may lengthen it behind us.
            pin.at = match header.next {
                Some(next) if spent => Some((next, 0)),
                _ => Some((chunk, offset + part)),
            };
        }
        if pin.left == 0 { PinRead::Done } else { PinRead::More }
    }
}
