//! What may be known of a shard without its lock, so that the memory of those who come next is on
//! its way before it is their turn: where keys and pages are, as of late.
//!
//! Invariant: nothing but prefetches depends on any of it. It is read while others change it, so an
//! id may be another key's, and its page another's by now.

use std::io;
use std::sync::atomic::Ordering::Relaxed;

use super::geometry::{ITEM_ALIGN, PAGE_SIZE};
use super::hash::KeyHash;
use super::index::{Index, IndexShape, likely, prefetch_bucket};
use super::item::ItemId;
use crate::sync::AtomicU64;
use crate::sys::cpu::{prefetch, prefetch_far};
use crate::sys::lazy::LazyLines;

/// Of lookups that are known beforehand, how many ahead an index bucket is prefetched at most.
pub const BUCKETS_AHEAD: usize = 16;
/// And the likely item, for which the bucket has come by then. Four to eight keys, at some 80 ns
/// each, take longer than its cache lines do, and eight misses in flight are what one core keeps
/// going.
pub const ITEMS_AHEAD: usize = BUCKETS_AHEAD / 2;

/// Keys that are looked ahead for together, every so many keys. No instruction behind a prefetch
/// retires before its page walk is over, where the TLB does not know the page, and a core holds
/// fewer instructions in flight than a key takes. Walks that begin close together are waited for
/// once, which saves a twentieth to a tenth of the processor time; twice as many keys together
/// come too late, and save nothing.
pub const TOGETHER: usize = 4;
const _: () = assert!(ITEMS_AHEAD >= 2 * TOGETHER, "the next are on their way before their turn");

/// Bytes of a chunk that are always prefetched.
pub const PREFETCHED: usize = 256;

/// Bytes of a chunk that are prefetched at most: eight of these together take a part of the
/// smallest caches they are meant for. Of a longer value the rest is left to the hardware, which
/// has seen a stream begin by then.
const AHEAD_MAX: usize = 4608;

/// Where a shard's pages lie, and how long their chunks are. Clones are the same table.
#[derive(Debug, Clone)]
pub(super) struct PageTable {
    /// A word a page: its address, shifted to make room for the size of its chunks; 0: no page.
    words: LazyLines,
}

/// Of a word, what is the size of chunks. What is above it is enough for an address on processors
/// that have 48 bits of it, as all have unless they are asked for more.
const SIZE_BITS: u32 = 16;
const _: () = assert!(PAGE_SIZE / 2 < 1 << SIZE_BITS);

impl PageTable {
    /// For so many pages, none of which is there, of the shard of this number.
    ///
    /// # Errors
    /// The kernel's, when it will not reserve address space.
    pub(super) fn new(pages: usize, number: usize) -> io::Result<PageTable> {
        Ok(PageTable { words: LazyLines::new(pages / 8 + 1, number)? })
    }
    /// A page is at `address`, in chunks of this size.
    pub(super) fn put(&self, page: usize, address: usize, chunk_size: u32) {
        let word = (address as u64) << SIZE_BITS | u64::from(chunk_size);
        self.set(page, word);
    }
    /// A page is gone.
    pub(super) fn take(&self, page: usize) {
        self.set(page, 0);
    }
    /// One beyond the table is left out, and costs whoever looks for it some waiting.
    fn set(&self, page: usize, to: u64) {
        if let Some(line) = self.words.get(page / 8) {
            line[page % 8].store(to, Relaxed);
        }
    }

    /// Where a chunk is, if its page is there, and how far behind that its last byte.
    #[inline]
    fn find(&self, id: ItemId) -> Option<(usize, usize)> {
        let word = self.words.get(id.page() / 8)?[id.page() % 8].load(Relaxed);
        let last = usize::from(word as u16).checked_sub(1)?;
        Some(((word >> SIZE_BITS) as usize + id.unit() as usize * ITEM_ALIGN, last))
    }
    /// Bring a chunk's header into the cache.
    #[inline]
    pub(super) fn prefetch_header(&self, id: ItemId) {
        if let Some((address, _)) = self.find(id) {
            prefetch(address);
        }
    }
    /// Bring the front of a chunk into the cache: its header, key and the value's first lines; with
    /// `values`, what follows as well.
    #[inline]
    pub(super) fn prefetch(&self, id: ItemId, values: bool) {
        let Some((address, last)) = self.find(id) else { return };
        // To ask for a line twice is cheaper than to find out whether it is another one.
        for offset in [0, 64, 128, PREFETCHED - 64] {
            prefetch(address + last.min(offset));
        }
        if values && last > PREFETCHED {
            prefetch_values(address, last);
        }
    }
}

/// What stands behind the front of a chunk of `last + 1` bytes. A call, so that those whose values
/// are short have it not in their way.
#[inline(never)]
fn prefetch_values(address: usize, last: usize) {
    for offset in (PREFETCHED..last.min(AHEAD_MAX)).step_by(64) {
        prefetch_far(address + offset);
    }
}

/// See the file's head. A cache line pair of its own: nothing that is written often is beside it.
#[derive(Debug)]
#[repr(align(128))]
pub(super) struct Foresight {
    buckets: LazyLines,
    /// The index's shape, mask and split, when last changed.
    shape: AtomicU64,
    pages: PageTable,
}

impl Foresight {
    /// Of the shard that has this index and these pages.
    pub(super) fn new(index: &Index, pages: PageTable) -> Foresight {
        let shape = AtomicU64::new(index.shape().to_bits());
        Foresight { buckets: index.buckets().clone(), shape, pages }
    }
    /// The index has this shape now.
    #[inline]
    pub(super) fn publish(&self, shape: IndexShape) {
        // Mostly it is no other one: it is left in everybody's cache.
        if self.shape.load(Relaxed) != shape.to_bits() {
            self.shape.store(shape.to_bits(), Relaxed);
        }
    }
    /// Bring a key's index bucket into the cache.
    #[inline]
    pub(super) fn prefetch_bucket(&self, hash: KeyHash) {
        prefetch_bucket(&self.buckets, self.shape(), hash);
    }
    /// Bring the front of the likely item into the cache, by a peek at the bucket; with `values`,
    /// more of it, which pays if it is going to be read.
    #[inline]
    pub(super) fn prefetch_item(&self, hash: KeyHash, values: bool) {
        if let Some(id) = likely(&self.buckets, self.shape(), hash) {
            self.pages.prefetch(id, values);
        }
    }
    #[inline]
    fn shape(&self) -> IndexShape {
        IndexShape::from_bits(self.shape.load(Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::hash::KeyHasher;

    #[test]
    fn it_follows_an_index_that_grows_and_pages_that_come_and_go() {
        let hasher = KeyHasher::new(Some(7));
        let hash = |n: u64| hasher.hash(&n.to_le_bytes());
        let items = if cfg!(miri) { 50 } else { 1000 };
        let mut index = Index::new(items as usize, 1, 0).unwrap();
        let pages = PageTable::new(9, 0).unwrap();
        let foresight = Foresight::new(&index, pages.clone());
        for n in 0..items {
            assert!(index.insert(hash(n), ItemId::new(8, n as u32)));
            while index.wants_growth() {
                index.grow(|id| hash(id.unit().into()), |_| 0);
            }
            foresight.publish(index.shape());
        }
        let found = |n| likely(&foresight.buckets, foresight.shape(), hash(n));
        let right = (0..items).filter(|&n| found(n) == Some(ItemId::new(8, n as u32))).count();
        assert!(right as u64 * 10 > items * 9, "{right} of {items} were foreseen");
        assert!((5000..5000 + items).filter(|&n| found(n).is_some()).count() as u64 * 10 < items);
        // Pages that are there, are gone, never were, and cannot be: none of it matters to a hint.
        pages.put(8, 1 << 40, 32 << 10);
        foresight.prefetch_item(hash(1), true);
        pages.take(8);
        foresight.prefetch_item(hash(1), true);
        pages.prefetch(ItemId::new(700, 0), true);
    }
}
