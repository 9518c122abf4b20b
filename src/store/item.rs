//! What an item is: its id, its header, its size, the queue it stands in, when it was last used.
//!
//! An item in its chunk: header (20) · deadline (4) · client flags (4, only when not 0) · own CAS
//! (8, only when a client chose it) · key · value. The deadline's place is left out where an item
//! that has none fits a smaller chunk so. An item too long for one chunk is *chained*: the value's
//! place holds a [`Chain`], and the bytes stand in chunks of their own, each behind a header whose
//! key length is 0; it has a place for a deadline always.

use std::array;
use std::mem::offset_of;
use std::num::NonZeroU32;

use super::geometry::{CHUNK_SIZE_MAX, DEADLINE_SIZE, HEADER_SIZE, UNIT_BITS};
use super::{Deadline, Seconds, SetArgs};

/// Names a chunk: page number (from 1) and offset in 8-byte units. Only this type knows how.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(transparent)]
pub(super) struct ItemId(NonZeroU32);

impl ItemId {
    /// The chunk at `unit` of page `page` (counted from 0).
    pub(super) fn new(page: usize, unit: u32) -> ItemId {
        debug_assert!(unit < 1 << UNIT_BITS, "unit inside the page");
        let bits = (page as u32 + 1) << UNIT_BITS | unit;
        ItemId(NonZeroU32::new(bits).expect("page numbers begin at 1"))
    }
    /// From the index's word; 0 is no item.
    #[inline]
    pub(super) fn from_bits(bits: u32) -> Option<ItemId> {
        NonZeroU32::new(bits).map(ItemId)
    }
    /// As a word.
    #[inline]
    pub(super) fn bits(self) -> u32 {
        self.0.get()
    }
    /// The page, counted from 0. An id that was not made by `new` may name any page.
    #[inline]
    pub(super) fn page(self) -> usize {
        ((self.0.get() >> UNIT_BITS) as usize).wrapping_sub(1)
    }
    /// The offset in 8-byte units, always less than a page.
    #[inline]
    pub(super) fn unit(self) -> u32 {
        self.0.get() & ((1 << UNIT_BITS) - 1)
    }
}

/// The four queues of a class.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Queue {
    /// Just stored.
    Hot = 0,
    /// Proved its worth.
    Warm = 1,
    /// On its way out; evictions begin at its tail. The only queue in flat mode.
    Cold = 2,
    /// Lives so briefly that it is not worth a place in line.
    Temp = 3,
}

impl Queue {
    pub(super) const ALL: [Queue; 4] = [Queue::Hot, Queue::Warm, Queue::Cold, Queue::Temp];

    /// As it is shown.
    pub(super) fn name(self) -> &'static str {
        match self {
            Queue::Hot => "hot",
            Queue::Warm => "warm",
            Queue::Cold => "cold",
            Queue::Temp => "temp",
        }
    }
}

/// State bits of a header. With key length 0: no bits is a free chunk, or one that is going to be
/// linked to a chain; `CHAINED` a chunk of a chain.
pub(super) mod state {
    /// The queue's number.
    pub(crate) const QUEUE: u8 = 0b11;
    /// In index and queue. An item without it is being built, received, or read to its end.
    pub(crate) const LINKED: u8 = 1 << 2;
    /// Was fetched.
    pub(crate) const FETCHED: u8 = 1 << 3;
    /// Was fetched again (or rewritten) since it last moved; promoted when it reaches a tail.
    pub(crate) const ACTIVE: u8 = 1 << 4;
    /// Four bytes of client flags stand before the key.
    pub(crate) const FLAGS: u8 = 1 << 5;
    /// The value is in a chain of chunks.
    pub(crate) const CHAINED: u8 = 1 << 6;
    /// Some reader has it pinned (the shard's pin table knows who).
    pub(crate) const PINNED: u8 = 1 << 7;
}

/// Marks of a header, for which `state` has no bits left: they stand above the store count.
pub(super) mod mark {
    /// Its value is out of date, and is handed out as such.
    pub(crate) const STALE: u16 = 1 << 15;
    /// Somebody was told to renew it.
    pub(crate) const WON: u16 = 1 << 14;
    /// Its key came in base64, and is shown so.
    pub(crate) const BINARY_KEY: u16 = 1 << 13;
    /// All of them.
    pub(crate) const ALL: u16 = STALE | WON | BINARY_KEY;
}

/// Below the marks: a deadline has its place behind the header.
const TIMED: u16 = 1 << 12;
/// What of these 16 bits is part of the store count.
const COUNT_HIGH: u16 = TIMED - 1;
/// Store counts are less than this.
pub(super) const COUNT_END: u64 = 1 << 44;
const _: () = assert!(COUNT_END == (COUNT_HIGH as u64 + 1) << 32);

/// Above the value length, which needs 15 bits: a CAS of eight bytes stands before the key.
const OWN_CAS: u16 = 1 << 15;
/// Bytes of client flags.
pub(super) const FLAGS_SIZE: usize = 4;
/// Bytes of a CAS that a client chose.
pub(super) const OWN_CAS_SIZE: usize = 8;
const _: () = assert!(CHUNK_SIZE_MAX < OWN_CAS as u32 + HEADER_SIZE as u32);

/// What stands at the front of every chunk, and where a deadline does. Every bit pattern is a
/// valid value.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub(super) struct ItemHeader {
    /// Lower 32 bits of the store count; of a chunk in a chain, see `ahead`.
    cas_low: u32,
    /// Upper 12 bits of the count; above them `TIMED`, and the marks.
    cas_high: u16,
    /// Value bytes in this chunk: of a plain item, or of one chunk of a chain. Above them,
    /// `OWN_CAS`.
    len_bits: u16,
    /// Towards the tail of the queue; of a free chunk, the next free one of its page; of a chunk
    /// in a chain, the next chunk.
    pub(super) next: Option<ItemId>,
    /// Towards the head of the queue; of a chunk in a chain, the item it belongs to.
    pub(super) prev: Option<ItemId>,
    /// When it was last used.
    pub(super) accessed: Accessed,
    /// 1 to 250; 0: not an item.
    pub(super) key_len: u8,
    /// See [`state`].
    pub(super) state: u8,
    /// When the item dies, if it is `TIMED`; otherwise what follows the header is here.
    deadline: Deadline,
}

/// A chunk is never smaller, so that this can be read of any.
const _: () = assert!(size_of::<ItemHeader>() == HEADER_SIZE + DEADLINE_SIZE);
const _: () = assert!(offset_of!(ItemHeader, deadline) == HEADER_SIZE);

impl ItemHeader {
    /// The 44-bit store count under which the item was written.
    #[inline]
    pub(super) fn cas(&self) -> u64 {
        u64::from(self.cas_high & COUNT_HIGH) << 32 | u64::from(self.cas_low)
    }
    /// 44 bits last five years at a hundred thousand stores a second and shard; then see
    /// `Shard::renumber`.
    #[inline]
    pub(super) fn set_cas(&mut self, cas: u64) {
        debug_assert!(cas < COUNT_END, "store counts are renumbered before they end");
        self.cas_low = cas as u32;
        self.cas_high = self.cas_high & !COUNT_HIGH | (cas >> 32) as u16;
    }
    /// The header of another item from here on: no marks, no deadline and no place for it, no own
    /// CAS, no value.
    #[inline]
    pub(super) fn renew(&mut self, cas: u64) {
        self.cas_low = cas as u32;
        self.cas_high = (cas >> 32) as u16;
        self.len_bits = 0;
    }
    /// Of a chunk in a chain: the chunk [`STRIDE`] ahead, if there is one. It may be one that the
    /// chain had to give back: for prefetches only.
    #[inline]
    pub(super) fn ahead(&self) -> Option<ItemId> {
        ItemId::from_bits(self.cas_low)
    }
    pub(super) fn set_ahead(&mut self, id: ItemId) {
        self.cas_low = id.bits();
    }
    /// There is a place for a deadline.
    #[inline]
    pub(super) fn is_timed(&self) -> bool {
        self.cas_high & TIMED != 0
    }
    /// There is a place for a deadline from here on, before the key is written (or moved).
    #[inline]
    pub(super) fn add_deadline(&mut self, deadline: Deadline) {
        self.cas_high |= TIMED;
        self.deadline = deadline;
    }
    /// When the item dies; 0: never.
    #[inline]
    pub(super) fn deadline(&self) -> Deadline {
        if self.is_timed() { self.deadline } else { 0 }
    }
    /// Another deadline, where there is a place for it.
    #[inline]
    pub(super) fn set_deadline(&mut self, deadline: Deadline) {
        debug_assert!(self.is_timed(), "an item's deadline has a place");
        self.deadline = deadline;
    }
    #[inline]
    pub(super) fn has(&self, marks: u16) -> bool {
        self.cas_high & marks != 0
    }
    /// Those of `marks` that it has.
    pub(super) fn marks(&self, marks: u16) -> u16 {
        self.cas_high & mark::ALL & marks
    }
    pub(super) fn add_marks(&mut self, marks: u16) {
        self.cas_high |= marks & mark::ALL;
    }
    pub(super) fn clear_marks(&mut self, marks: u16) {
        self.cas_high &= !(marks & mark::ALL);
    }
    /// A CAS that a client chose stands before the key.
    #[inline]
    pub(super) fn has_own_cas(&self) -> bool {
        self.len_bits & OWN_CAS != 0
    }
    pub(super) fn add_own_cas(&mut self) {
        self.len_bits |= OWN_CAS;
    }
    /// Where client flags stand.
    #[inline]
    pub(super) fn flags_offset(&self) -> usize {
        HEADER_SIZE + if self.is_timed() { DEADLINE_SIZE } else { 0 }
    }
    /// Where that CAS stands.
    #[inline]
    pub(super) fn own_cas_offset(&self) -> usize {
        self.flags_offset() + if self.is(state::FLAGS) { FLAGS_SIZE } else { 0 }
    }
    /// Value bytes in this chunk.
    #[inline]
    pub(super) fn value_len(&self) -> usize {
        usize::from(self.len_bits & !OWN_CAS)
    }
    #[inline]
    pub(super) fn set_value_len(&mut self, len: usize) {
        debug_assert!(len < usize::from(OWN_CAS), "no value in a chunk is as long as a chunk");
        self.len_bits = self.len_bits & OWN_CAS | len as u16;
    }
    #[inline]
    pub(super) fn is(&self, bits: u8) -> bool {
        self.state & bits != 0
    }
    #[inline]
    pub(super) fn is_all(&self, bits: u8) -> bool {
        self.state & bits == bits
    }
    /// Its value is in one piece, and it has no marks.
    #[inline]
    pub(super) fn is_plain(&self) -> bool {
        !self.is(state::CHAINED) && !self.has(mark::ALL)
    }
    #[inline]
    pub(super) fn queue(&self) -> Queue {
        Queue::ALL[(self.state & state::QUEUE) as usize]
    }
    pub(super) fn set_queue(&mut self, queue: Queue) {
        self.state = self.state & !state::QUEUE | queue as u8;
    }
    /// An item, linked or not; otherwise free or a chunk of a chain.
    #[inline]
    pub(super) fn is_item(&self) -> bool {
        self.key_len != 0
    }
    /// A chunk of some item's chain.
    pub(super) fn is_chain_chunk(&self) -> bool {
        self.key_len == 0 && self.is(state::CHAINED)
    }
    /// Where the key begins in the chunk.
    #[inline]
    pub(super) fn key_offset(&self) -> usize {
        self.own_cas_offset() + if self.has_own_cas() { OWN_CAS_SIZE } else { 0 }
    }
    /// Where the value (or the chain's description) begins.
    #[inline]
    pub(super) fn value_offset(&self) -> usize {
        self.key_offset() + self.key_len as usize
    }
    #[inline]
    pub(super) fn is_expired(&self, now: Seconds) -> bool {
        self.deadline().wrapping_sub(1) < now // that of 0 is after all
    }
}

impl SetArgs<'_> {
    /// Bytes of key, flags and a value of `len` bytes.
    #[inline]
    pub(super) fn payload(&self, len: usize) -> usize {
        self.key.len() + len + if self.flags == 0 { 0 } else { FLAGS_SIZE }
    }
    /// Bytes of an item that is not chained, without a place for a deadline.
    #[inline]
    pub(super) fn plain_size(&self, len: usize) -> usize {
        let own_cas = if self.rare.new_cas.is_some() { OWN_CAS_SIZE } else { 0 };
        HEADER_SIZE + self.payload(len) + own_cas
    }
}

/// Where a header stands among others, and what is known of its item besides.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Place {
    pub(super) next: Option<ItemId>,
    pub(super) prev: Option<ItemId>,
    pub(super) state: u8,
    /// There is a place for a deadline.
    pub(super) timed: bool,
    /// Value bytes in this chunk, if they are known.
    pub(super) value_len: usize,
}

/// An item where it lies.
#[derive(Clone, Copy)]
pub(super) struct ItemView<'a> {
    pub(super) header: &'a ItemHeader,
    /// Deadline, flags, key and value, and whatever else is in the page.
    pub(super) behind: &'a [u8],
}

impl<'a> ItemView<'a> {
    #[inline]
    fn bytes(&self, offset: usize, len: usize) -> &'a [u8] {
        &self.behind[offset - HEADER_SIZE..][..len]
    }
    #[inline]
    pub(super) fn key(&self) -> &'a [u8] {
        self.bytes(self.header.key_offset(), self.header.key_len.into())
    }
    /// Is this its key?
    #[inline]
    pub(super) fn has_key(&self, key: &[u8]) -> bool {
        usize::from(self.header.key_len) == key.len() && is_same(self.key(), key)
    }
    /// Client flags.
    #[inline]
    pub(super) fn flags(&self) -> u32 {
        if !self.header.is(state::FLAGS) {
            return 0;
        }
        let flags = self.bytes(self.header.flags_offset(), FLAGS_SIZE);
        u32::from_ne_bytes(flags.try_into().expect("four bytes of flags"))
    }
    /// The value of an item that is not chained.
    #[inline]
    pub(super) fn value(&self) -> &'a [u8] {
        self.bytes(self.header.value_offset(), self.header.value_len())
    }
}

/// Whether two keys of one length are equal: inline, eight bytes at a time, where a call of the
/// library's comparison costs as much as the comparison.
#[inline(always)]
fn is_same(a: &[u8], b: &[u8]) -> bool {
    let (Some(a_last), Some(b_last)) = (a.last_chunk::<8>(), b.last_chunk::<8>()) else {
        return a.iter().zip(b).all(|(a, b)| a == b);
    };
    // The last eight bytes first: keys of one kind begin alike.
    let same = |a: &[u8; 8], b: &[u8; 8]| u64::from_ne_bytes(*a) == u64::from_ne_bytes(*b);
    let (a_words, b_words) = (a[..a.len() - 1].as_chunks().0, b[..b.len() - 1].as_chunks().0);
    same(a_last, b_last) && a_words.iter().zip(b_words).all(|(a, b)| same(a, b))
}

/// Stands in place of a chained item's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Chain {
    /// Value bytes in all chunks.
    pub(super) len: u32,
    /// Last chunk; `None` while nothing was received.
    pub(super) last: Option<ItemId>,
    /// The chunk [`STRIDE`] before the last, if there are so many.
    pub(super) behind: Option<ItemId>,
    /// The chunks it begins with.
    pub(super) front: [Option<ItemId>; STRIDE],
}

/// Chunks that the head of a chain names, and how far ahead each chunk names another. Who goes
/// along a chain has so many on their way to the cache, where `next` alone would make him wait for
/// one after the other (jump pointers: Luk and Mowry, ASPLOS 1996). Eight cache misses at a time
/// are what one core keeps going.
pub(super) const STRIDE: usize = 8;

impl Chain {
    /// Without a chunk.
    pub(super) const EMPTY: Chain =
        Chain { len: 0, last: None, behind: None, front: [None; STRIDE] };
    const WORDS: usize = 3 + STRIDE;
    /// Bytes it takes up.
    pub(super) const SIZE: usize = 4 * Chain::WORDS;

    /// First chunk; `None` while nothing was received.
    #[inline]
    pub(super) fn first(&self) -> Option<ItemId> {
        self.front[0]
    }
    /// A chunk has moved.
    pub(super) fn rename(&mut self, old: ItemId, new: ItemId) {
        let named = self.front.iter_mut().chain([&mut self.last, &mut self.behind]);
        named.filter(|name| **name == Some(old)).for_each(|name| *name = Some(new));
    }
    pub(super) fn to_bytes(self) -> [u8; Self::SIZE] {
        let mut words = [self.len; Chain::WORDS];
        let ids = [self.last, self.behind].into_iter().chain(self.front);
        for (word, id) in words[1..].iter_mut().zip(ids) {
            *word = id.map_or(0, ItemId::bits);
        }
        let mut bytes = [0; Self::SIZE];
        for (to, word) in bytes.as_chunks_mut().0.iter_mut().zip(words) {
            *to = word.to_ne_bytes();
        }
        bytes
    }
    pub(super) fn from_bytes(bytes: &[u8]) -> Chain {
        let words = bytes.as_chunks().0;
        let word = |at: usize| u32::from_ne_bytes(words[at]);
        let id = |at| ItemId::from_bits(word(at));
        Chain { len: word(0), last: id(1), behind: id(2), front: array::from_fn(|n| id(3 + n)) }
    }
}

/// When an item was last used, in 16 bits: to the second for nine hours, then (the crawler
/// rewrites it) to 64 seconds, for three weeks. Older than that reads as three weeks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(transparent)]
pub(super) struct Accessed(u16);

impl Accessed {
    const COARSE: u16 = 1 << 15;
    const RANGE: u32 = 1 << 15;
    const UNIT: u32 = 64;
    /// Ages beyond this are rewritten in coarse units, well before the fine ones wrap.
    const FINE_MAX: u32 = Self::RANGE / 2;
    /// Ages beyond this are held here.
    const AGE_MAX: u32 = (Self::RANGE - Self::RANGE / 8) * Self::UNIT;
    /// The crawler must visit every item this often, in seconds.
    pub(super) const REFRESH: u32 = Self::RANGE / 4;

    #[inline]
    pub(super) fn at(now: Seconds) -> Accessed {
        Accessed((now % Self::RANGE) as u16)
    }
    /// Seconds since then.
    #[inline]
    pub(super) fn age(self, now: Seconds) -> u32 {
        if self.0 & Self::COARSE == 0 {
            now.wrapping_sub(u32::from(self.0)) % Self::RANGE
        } else {
            let then = u32::from(self.0 & !Self::COARSE);
            (now / Self::UNIT).wrapping_sub(then) % Self::RANGE * Self::UNIT
        }
    }
    /// What to store so that the age stays readable until the crawler's next visit.
    pub(super) fn refreshed(self, now: Seconds) -> Accessed {
        let age = self.age(now);
        if age <= Self::FINE_MAX {
            return self;
        }
        let then = (now / Self::UNIT).wrapping_sub(age.min(Self::AGE_MAX) / Self::UNIT);
        Accessed(Self::COARSE | (then % Self::RANGE) as u16)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_keeps_page_and_unit() {
        for (page, unit) in [(0, 0), (0, 8191), (5, 17), (524_286, 8191)] {
            let id = ItemId::new(page, unit);
            assert_eq!((id.page(), id.unit()), (page, unit));
            assert_eq!(ItemId::from_bits(id.bits()), Some(id));
        }
        assert_eq!(ItemId::from_bits(0), None);
    }

    #[test]
    fn ages_are_exact_for_nine_hours_and_coarse_for_three_weeks() {
        for start in [62, 32_767, 32_768, 1_000_000] {
            for age in [0, 1, 59, 3600, 16_384] {
                assert_eq!(Accessed::at(start).age(start + age), age);
                assert_eq!(Accessed::at(start).refreshed(start + age), Accessed::at(start));
            }
            let mut accessed = Accessed::at(start);
            let mut now = start;
            while now < start + 30 * 86_400 {
                now += Accessed::REFRESH;
                accessed = accessed.refreshed(now);
                let want = (now - start).min(Accessed::AGE_MAX);
                let error = i64::from(accessed.age(now)) - i64::from(want);
                assert!(error.abs() <= 128 + i64::from(Accessed::REFRESH / 64), "{error}");
            }
        }
    }

    #[test]
    fn a_chain_survives_its_bytes() {
        let id = |unit| Some(ItemId::new(1, unit));
        let mut chain = Chain { len: 77, last: id(3), ..Chain::EMPTY };
        (chain.front[0], chain.front[STRIDE - 1]) = (id(1), id(2));
        assert_eq!(Chain::from_bytes(&chain.to_bytes()), chain);
        assert_eq!(Chain::from_bytes(&Chain::EMPTY.to_bytes()), Chain::EMPTY);
    }

    #[test]
    fn the_store_count_and_the_value_length_leave_room_for_marks() {
        // The impossible header: all zero.
        let mut h = ItemHeader {
            cas_low: 0,
            cas_high: 0,
            len_bits: 0,
            next: None,
            prev: None,
            accessed: Accessed::at(0),
            key_len: 0,
            state: 0,
            deadline: 7,
        };
        assert_eq!((h.deadline(), h.is_expired(8), h.key_offset()), (0, false, HEADER_SIZE));
        h.add_marks(mark::STALE | mark::BINARY_KEY);
        h.add_own_cas();
        h.add_deadline(9);
        h.set_cas(COUNT_END - 2);
        h.set_value_len(CHUNK_SIZE_MAX as usize - HEADER_SIZE);
        assert_eq!((h.cas(), h.deadline()), (COUNT_END - 2, 9));
        assert_eq!((h.is_expired(8), h.is_expired(9)), (false, true));
        assert_eq!(h.value_len(), CHUNK_SIZE_MAX as usize - HEADER_SIZE);
        assert!(h.has_own_cas() && h.has(mark::STALE) && !h.has(mark::WON));
        h.clear_marks(mark::STALE | mark::WON);
        assert_eq!(h.marks(mark::ALL), mark::BINARY_KEY);
        assert_eq!((h.cas(), h.deadline()), (COUNT_END - 2, 9));
        assert_eq!((h.is_expired(8), h.is_expired(9)), (false, true));
        h.renew(7);
        assert_eq!((h.cas(), h.marks(mark::ALL), h.has_own_cas()), (7, 0, false));
        assert_eq!((h.deadline(), h.key_offset()), (0, HEADER_SIZE));
        assert!(!h.is_item() && !h.is_chain_chunk());
    }
}
