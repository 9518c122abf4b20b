//! Raw page memory: the only unsafe code of the engine. Its soundness needs nothing from callers:
//!
//! 1. a [`Reserve`] owns one zeroed range and gives every part of it out at most once at a time, as
//!    a [`Block`], which is cut into [`Page`]s of 64 KiB; neither can be copied, and the range
//!    lives until the last of them is gone;
//! 2. an [`ItemId`] decodes to a page number, checked against the arena's table, which names where
//!    its pages lie and no others, and an offset that is a multiple of 8; whoever reads behind it
//!    checks that the read ends inside the page;
//! 3. every bit pattern is a valid [`ItemHeader`] (integers, `Option` of a non-zero integer);
//! 4. body bytes are ordinary bounds-checked slices;
//! 5. `&self` gives `&`, `&mut self` gives `&mut`; no interior mutability.
//!
//! So a stale or wrong id is a logic bug, found by `check.rs`, never a memory bug.

#![allow(unsafe_code)]

use std::io;
use std::ptr::NonNull;
use std::slice;
use std::sync::Arc;

use super::geometry::{HEADER_SIZE, ITEM_ALIGN, PAGE_SIZE};
use super::item::{ItemHeader, ItemId, ItemView};
use crate::sys::memory::{Backing, HUGE_PAGE, PARTS_MAX, Part, Region};

/// Address space for pages, given out a block at a time, from either end.
#[derive(Debug)]
pub(super) struct Reserve {
    region: Arc<Region>,
    /// From here on, in the region, it is left,
    at: usize,
    /// up to here.
    end: usize,
}

impl Reserve {
    /// Room for `pages` pages.
    pub(super) fn new(pages: usize, backing: Backing) -> io::Result<Reserve> {
        let len = pages.saturating_mul(PAGE_SIZE); // of which there is too much to be had
        let region = Arc::new(Region::reserve(len, backing)?);
        Ok(Reserve { at: 0, end: region.len(), region })
    }
    /// A block that was never given before: the first of what is left.
    pub(super) fn first(&mut self) -> Option<Block> {
        let at = self.at;
        self.at = self.end.min(at + HUGE_PAGE);
        self.cut(at, self.at)
    }
    /// Or the last.
    pub(super) fn last(&mut self) -> Option<Block> {
        let end = self.end;
        self.end = self.at.max(end.next_multiple_of(HUGE_PAGE).saturating_sub(HUGE_PAGE));
        self.cut(self.end, end)
    }
    fn cut(&self, at: usize, end: usize) -> Option<Block> {
        (at < end).then(|| Block { region: Arc::clone(&self.region), at, end })
    }
}

/// A huge page's worth of zeroed memory, of which pages are cut. It owns what is left of it.
#[derive(Debug)]
pub(super) struct Block {
    region: Arc<Region>,
    /// From here on, in the region, it is left,
    at: usize,
    /// up to here.
    end: usize,
}

impl Block {
    /// Pages left.
    pub(super) fn pages(&self) -> usize {
        (self.end - self.at) / PAGE_SIZE
    }
    /// The next of them, zeroed.
    pub(super) fn page(&mut self) -> Option<Page> {
        if self.pages() == 0 {
            return None;
        }
        // SAFETY: inside the region: a block is, and there is a page between `at` and its end.
        let base = Base(unsafe { self.region.base().add(self.at) });
        self.at += PAGE_SIZE;
        Some(Page { base, region: Arc::clone(&self.region) })
    }
    /// The memory of `pages` of the pages left, behind the first `skipped`: to be there before it
    /// is used. Whoever sees to that has no access to it, so that they may be cut meanwhile.
    pub(super) fn part(&self, skipped: usize, pages: usize) -> Part {
        let from = self.behind(skipped);
        Part::new(&self.region, from, self.behind(skipped.saturating_add(pages)) - from)
    }
    /// Give what is left behind so many pages back to the system: nobody needs it soon. It stays
    /// ours, and zeroed.
    pub(super) fn clear(&mut self, pages: usize) {
        let at = self.behind(pages);
        // SAFETY: `at` is in what is left of the block, to which nobody else has access.
        unsafe { self.region.release(at, self.end - at) };
    }
    /// Where in the region those behind so many of the pages left begin, or the block ends.
    fn behind(&self, pages: usize) -> usize {
        self.at + pages.min(self.pages()) * PAGE_SIZE
    }
}

/// 64 KiB of memory, owned like a box.
#[derive(Debug)]
pub(super) struct Page {
    base: Base,
    region: Arc<Region>,
}

/// Where a page lies. To have it is no right to what is there.
#[derive(Debug, Clone, Copy)]
struct Base(NonNull<u8>);

// SAFETY: an address; and nothing about the bytes there is tied to a thread.
unsafe impl Send for Base {}
// SAFETY: `&Base` gives no access to the bytes; the arena's `&self` gives `&`.
unsafe impl Sync for Base {}

impl Base {
    fn address(self) -> usize {
        self.0.as_ptr() as usize
    }
}

impl Page {
    /// Where it lies.
    pub(super) fn address(&self) -> usize {
        self.base.address()
    }
    /// Zero it by hand: for a page that is about to be used again.
    pub(super) fn wiped(self) -> Page {
        // SAFETY: a page owns its 64 KiB.
        unsafe { self.base.0.as_ptr().write_bytes(0, PAGE_SIZE) };
        self
    }
    /// Zero it, by giving its memory back to the system.
    pub(super) fn cleared(self) -> Page {
        let offset = self.address() - self.region.base().as_ptr() as usize;
        // SAFETY: a page has the only access to its part of the region.
        unsafe { self.region.release(offset, PAGE_SIZE) };
        self
    }
}

/// `len` bytes at `offset` behind an id.
#[derive(Debug, Clone, Copy)]
pub(super) struct Span {
    pub(super) id: ItemId,
    pub(super) offset: usize,
    pub(super) len: usize,
}

/// Where bytes lie that the system may read while nobody holds their shard's lock. It is no
/// reference to them, only keeps their memory mapped: that they stay what they were is for the
/// store to see to.
#[derive(Debug)]
pub struct Lease {
    region: Arc<Region>,
    /// Offset and length.
    parts: [(usize, usize); PARTS_MAX],
    /// The chunk of each.
    ids: [Option<ItemId>; PARTS_MAX],
    count: usize,
    len: usize,
}

impl Lease {
    /// What they lie in.
    pub fn region(&self) -> &Region {
        &self.region
    }
    /// Offset and length of each part, in order.
    pub fn parts(&self) -> &[(usize, usize)] {
        &self.parts[..self.count]
    }
    /// Bytes of all parts together.
    #[expect(clippy::len_without_is_empty, reason = "there is always something")]
    pub fn len(&self) -> usize {
        self.len
    }
    /// The part in which its first `taken` bytes end: how many are before it, and its chunk.
    pub(super) fn end_of(&self, taken: usize) -> (usize, ItemId) {
        let (mut before, mut last) = (0, 0);
        for (n, &(_, len)) in self.parts().iter().enumerate() {
            last = n;
            if taken <= before + len {
                break;
            }
            before += len;
        }
        (before, self.ids[last].expect("each part is of a chunk"))
    }
}

/// One shard's pages, by number. A place in the table may be empty. In this order, for every verb
/// needs what stands first.
#[derive(Debug, Default)]
#[repr(C)]
pub(super) struct Arena {
    /// Where they lie, and nothing else: of many pages, what every lookup needs of them should fit
    /// as near a cache as can be. There is one exactly where there is a page, which is there.
    bases: Vec<Option<Base>>,
    pages: Vec<Option<Page>>,
}

const _: () = assert!(size_of::<Option<Base>>() == size_of::<usize>());

impl Arena {
    /// Put a page at `number`; places up to it are made as needed.
    pub(super) fn put(&mut self, number: usize, page: Page) {
        if number >= self.pages.len() {
            self.pages.resize_with(number + 1, || None);
            self.bases.resize(number + 1, None);
        }
        assert!(self.pages[number].is_none(), "page number is free");
        self.bases[number] = Some(page.base);
        self.pages[number] = Some(page);
    }
    /// Take the page at `number` out.
    pub(super) fn take(&mut self, number: usize) -> Option<Page> {
        *self.bases.get_mut(number)? = None;
        self.pages[number].take()
    }

    /// The address of `len` bytes at `offset` behind `id`, which end inside its page.
    #[inline]
    fn locate(&self, id: ItemId, offset: usize, len: usize) -> NonNull<u8> {
        let Some(&Some(base)) = self.bases.get(id.page()) else { no_such_page(id) };
        let at = id.unit() as usize * ITEM_ALIGN;
        if offset > PAGE_SIZE || len > PAGE_SIZE || at + offset + len > PAGE_SIZE {
            outside_page(id, offset, len);
        }
        // SAFETY: `at + offset <= PAGE_SIZE` was checked, so this stays in (or just behind) the
        // page, which is one allocation.
        unsafe { base.0.add(at + offset) }
    }

    /// The header at `id`.
    #[inline]
    pub(super) fn header(&self, id: ItemId) -> &ItemHeader {
        let at = self.locate(id, 0, size_of::<ItemHeader>());
        // SAFETY: in bounds (locate), 8-aligned (pages are, units are), which is enough, all bits
        // valid (3); no `&mut` can be alive beside `&self` (5).
        unsafe { at.cast::<ItemHeader>().as_ref() }
    }
    /// The header at `id`, to be changed.
    #[inline]
    pub(super) fn header_mut(&mut self, id: ItemId) -> &mut ItemHeader {
        let at = self.locate(id, 0, size_of::<ItemHeader>());
        // SAFETY: as in `header`, and `&mut self` makes it the only reference.
        unsafe { at.cast::<ItemHeader>().as_mut() }
    }
    /// The item at `id`: its header, and what stands behind that in its page (a deadline is seen
    /// as part of both).
    #[inline]
    pub(super) fn item(&self, id: ItemId) -> ItemView<'_> {
        let at = self.locate(id, 0, size_of::<ItemHeader>());
        let len = PAGE_SIZE - id.unit() as usize * ITEM_ALIGN - HEADER_SIZE;
        // SAFETY: as in `header` and `bytes`: `locate` found room for a header, and the rest of the
        // page, which is `len` long, begins behind it. Both are shared, so they may overlap.
        unsafe {
            let behind = slice::from_raw_parts(at.add(HEADER_SIZE).as_ptr(), len);
            ItemView { header: at.cast().as_ref(), behind }
        }
    }
    /// `len` bytes at `offset` behind `id`.
    #[inline]
    pub(super) fn bytes(&self, id: ItemId, offset: usize, len: usize) -> &[u8] {
        let at = self.locate(id, offset, len);
        // SAFETY: in bounds (locate), initialised (zeroed at birth), shared (5).
        unsafe { slice::from_raw_parts(at.as_ptr(), len) }
    }
    /// As `bytes`, to be changed. Writing through it may change headers: they are only bytes (3).
    #[inline]
    pub(super) fn bytes_mut(&mut self, id: ItemId, offset: usize, len: usize) -> &mut [u8] {
        let at = self.locate(id, offset, len);
        // SAFETY: as in `bytes`, and `&mut self` makes it the only reference.
        unsafe { slice::from_raw_parts_mut(at.as_ptr(), len) }
    }
    /// As `bytes_mut`, several places at once; an empty slice where there is none. No two may
    /// overlap.
    pub(super) fn several_mut<const N: usize>(
        &mut self,
        places: [Option<Span>; N],
    ) -> [&mut [u8]; N] {
        let spans = places.map(|place| match place {
            Some(Span { id, offset, len }) => (self.locate(id, offset, len), len),
            None => (NonNull::dangling(), 0),
        });
        for (n, &(at, len)) in spans.iter().enumerate() {
            let (from, to) = (at.as_ptr() as usize, at.as_ptr() as usize + len);
            for &(other, other_len) in &spans[..n] {
                let other = other.as_ptr() as usize;
                assert!(to <= other || other + other_len <= from, "arena: places overlap");
            }
        }
        // SAFETY: as in `bytes_mut`, and no two overlap (just checked), so that each is the only
        // reference to its bytes; of length 0, a dangling pointer will do.
        spans.map(|(at, len)| unsafe { slice::from_raw_parts_mut(at.as_ptr(), len) })
    }
    /// The first of these places, as many as one call takes; `None`: there is none.
    pub(super) fn lease(&self, mut places: impl Iterator<Item = Span>) -> Option<Lease> {
        let first = places.next()?;
        let region = Arc::clone(&self.page(first.id).region);
        let (parts, ids) = ([(0, 0); PARTS_MAX], [None; PARTS_MAX]);
        let mut lease = Lease { region, parts, ids, count: 0, len: 0 };
        for Span { id, offset, len } in std::iter::once(first).chain(places) {
            // Memory that a raised limit brought is another region.
            if lease.count == PARTS_MAX || !Arc::ptr_eq(&lease.region, &self.page(id).region) {
                break;
            }
            let at = self.locate(id, offset, len).as_ptr() as usize;
            lease.parts[lease.count] = (at - lease.region.base().as_ptr() as usize, len);
            lease.ids[lease.count] = Some(id);
            lease.count += 1;
            lease.len += len;
        }
        Some(lease)
    }
    fn page(&self, id: ItemId) -> &Page {
        let Some(Some(page)) = self.pages.get(id.page()) else { no_such_page(id) };
        page
    }
    /// Copy `len` bytes from one chunk to another. The two may overlap.
    pub(super) fn copy(&mut self, from: (ItemId, usize), to: (ItemId, usize), len: usize) {
        let from = self.locate(from.0, from.1, len);
        let to = self.locate(to.0, to.1, len);
        // SAFETY: both in bounds (locate); `copy_from` allows overlap; `&mut self` excludes
        // references into either.
        unsafe { to.copy_from(from, len) };
    }
    /// Where `id` lies, for a prefetch; 0 if its page is gone.
    #[inline]
    pub(super) fn address(&self, id: ItemId) -> usize {
        match self.bases.get(id.page()) {
            Some(Some(base)) => base.address() + id.unit() as usize * ITEM_ALIGN,
            _ => 0,
        }
    }
}

#[cold]
#[inline(never)]
fn no_such_page(id: ItemId) -> ! {
    panic!("arena: {id:?} names no page of this shard")
}

#[cold]
#[inline(never)]
fn outside_page(id: ItemId, offset: usize, len: usize) -> ! {
    panic!("arena: {len} bytes at {offset} behind {id:?} leave its page")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::panic::{AssertUnwindSafe, catch_unwind};

    /// A small generator of our own, so that a failure names its seed.
    fn next(seed: &mut u64) -> u64 {
        *seed ^= *seed << 13;
        *seed ^= *seed >> 7;
        *seed ^= *seed << 17;
        *seed
    }

    fn page() -> Page {
        Reserve::new(1, Backing::Lazy).unwrap().first().unwrap().page().unwrap()
    }

    #[test]
    fn any_id_is_memory_safe() {
        let mut block = Reserve::new(3, Backing::Lazy).unwrap().first().unwrap();
        let mut arena = Arena::default();
        arena.put(0, block.page().unwrap());
        arena.put(2, block.page().unwrap());
        let hook = std::panic::take_hook();
        std::panic::set_hook(Box::new(|_| {}));
        let mut seed = 0x5eed;
        let (mut refused, mut served) = (0, 0);
        for _ in 0..if cfg!(miri) { 300 } else { 100_000 } {
            // Mostly ids near the pages there are, so that both outcomes are common.
            let bits =
                (next(&mut seed) as u32) & if next(&mut seed) & 3 == 0 { !0 } else { 0x7fff };
            let Some(id) = ItemId::from_bits(bits) else { continue };
            let (offset, len) = match next(&mut seed) % 8 {
                0 => (usize::MAX, 1),
                1 => (0, usize::MAX),
                _ => (next(&mut seed) as usize % 70_000, next(&mut seed) as usize % 70_000),
            };
            let done = catch_unwind(AssertUnwindSafe(|| match next(&mut seed) % 6 {
                0 => arena.header(id).cas() as usize,
                1 => {
                    arena.header_mut(id).set_cas(u64::from(bits));
                    arena.header(id).cas() as usize
                }
                2 => arena.bytes(id, offset, len).iter().map(|&b| b as usize).sum(),
                3 => {
                    arena.bytes_mut(id, offset, len).fill(0xee);
                    len
                }
                4 => {
                    let other = ItemId::from_bits(bits ^ 0x15).unwrap_or(id);
                    let place = |id| Some(Span { id, offset: offset % 300, len: len % 300 });
                    let slices = arena.several_mut([place(id), None, place(other)]);
                    slices.into_iter().map(|slice| (slice.fill(0xdd), slice.len()).1).sum()
                }
                _ => {
                    let other = ItemId::from_bits(bits ^ 0x155).unwrap_or(id);
                    arena.copy((id, offset % 9), (other, offset % 5), len % 300);
                    arena.address(id)
                }
            }));
            if done.is_ok() { served += 1 } else { refused += 1 }
        }
        std::panic::set_hook(hook);
        assert!(served > 10 && refused > 10, "{served} served, {refused} refused");
    }

    #[test]
    fn places_taken_together_are_written_apart_and_never_overlap() {
        let mut arena = Arena::default();
        arena.put(0, page());
        let place = |offset, len| Some(Span { id: ItemId::new(0, 1), offset, len });
        let [a, none, b] = arena.several_mut([place(4, 4), None, place(0, 4)]);
        a.fill(1);
        b.fill(2);
        assert!(none.is_empty());
        assert_eq!(arena.bytes(ItemId::new(0, 1), 0, 8), [2, 2, 2, 2, 1, 1, 1, 1]);
        let same =
            catch_unwind(AssertUnwindSafe(|| arena.several_mut([place(0, 5), place(4, 1)]).len()));
        assert!(same.is_err(), "the byte at 4 was given twice");
    }

    #[test]
    fn a_reserve_gives_each_page_once_and_then_no_more() {
        let pages_wanted = 2 * (HUGE_PAGE / PAGE_SIZE) + 1;
        let mut reserve = Reserve::new(pages_wanted, Backing::Lazy).unwrap();
        let mut blocks: Vec<Block> = reserve.last().into_iter().collect();
        blocks.extend(std::iter::from_fn(|| reserve.first()));
        assert_eq!((blocks.len(), reserve.last().is_some()), (3, false));
        let pages = blocks.iter_mut().flat_map(|block| std::iter::from_fn(|| block.page()));
        let pages: Vec<Page> = pages.collect();
        assert!(pages.len() >= pages_wanted);
        let mut bases: Vec<usize> = pages.iter().map(Page::address).collect();
        bases.sort_unstable();
        bases.dedup();
        assert_eq!(bases.len(), pages.len());
    }

    #[test]
    fn a_block_is_zero_whether_populated_or_cleared() {
        let mut block = Reserve::new(4, Backing::Huge).unwrap().first().unwrap();
        let mut arena = Arena::default();
        arena.put(0, block.page().unwrap());
        arena.bytes_mut(ItemId::new(0, 1), 0, 8).fill(1);
        block.part(0, 1).populate();
        arena.put(1, block.page().unwrap());
        block.clear(0);
        arena.put(2, block.page().unwrap());
        assert_eq!(arena.bytes(ItemId::new(0, 1), 0, 8), [1; 8]);
        for page in 1..3 {
            assert_eq!(arena.bytes(ItemId::new(page, 0), 0, PAGE_SIZE), [0; PAGE_SIZE]);
        }
    }

    #[test]
    fn a_cleared_page_reads_zero() {
        let mut arena = Arena::default();
        arena.put(0, page());
        let id = ItemId::new(0, 1);
        arena.bytes_mut(id, 0, 8).fill(1);
        let page = arena.take(0).unwrap().cleared();
        arena.put(0, page);
        assert_eq!(arena.bytes(id, 0, 8), [0; 8]);
    }
}
