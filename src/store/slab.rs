//! Slabs: chunks of fixed sizes, the pages they stand in, and which of them are free.
//!
//! A page belongs to one class at a time. Its chunks are given out first in order (`fresh`), then
//! from its own free list, so that a page can leave its class without a walk through that class.
//!
//! Invariants, for every page: `used + free == fresh ≤ chunks per page`; a page with a chunk to
//! give is in its class's `partial` list once (which may also name pages of the class that have
//! none); `used == 0` exactly for the pages in `empty`.

use std::collections::BTreeSet;

use super::Deadline;
use super::arena::{Arena, Page};
use super::expiry::Expiry;
use super::foresight::PageTable;
use super::geometry::{DEADLINE_SIZE, ITEM_ALIGN, PAGE_SIZE, PAGES_MAX};
use super::item::ItemId;
use crate::sys::cpu::prefetch;

/// A slab class, counted from 0 (`stats` counts from 1).
pub(super) type ClassId = usize;

/// Where an item belongs: its class, and above that whether it has a place for a deadline there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fit(u8);

impl Fit {
    const TIMED: u8 = 1 << 7;

    #[inline]
    pub(super) fn class(self) -> ClassId {
        usize::from(self.0 & !Fit::TIMED)
    }
    #[inline]
    pub(super) fn timed(self) -> bool {
        self.0 & Fit::TIMED != 0
    }
}

/// All chunks of one size.
#[derive(Debug)]
struct SlabClass {
    chunk_size: u32,
    per_page: u16,
    /// 2³² over the chunk's size in units, rounded up: what a unit times it has in the upper half
    /// is the number of its chunk, and no division.
    reciprocal: u32,
    partial: Vec<u32>,
    pages: usize,
    used: usize,
}

/// Stands for a class where a number names no page.
const NO_CLASS: u8 = u8::MAX;

/// What is known about a page, besides its class.
#[derive(Debug, Clone, Copy)]
struct PageInfo {
    /// Listed in its class's `partial`.
    listed: bool,
    /// Being emptied: it takes chunks back and gives none out.
    closed: bool,
    /// Chunks in use.
    used: u16,
    /// Chunks that were ever in use; those behind are untouched.
    fresh: u16,
    /// First of the free ones among `fresh`.
    free: Option<ItemId>,
}

const NO_PAGE: PageInfo = PageInfo { listed: false, closed: false, used: 0, fresh: 0, free: None };

/// All classes and pages of a shard. In this order, for every verb needs what stands first.
#[derive(Debug)]
#[repr(C)]
pub(super) struct Slabs {
    /// The class of each page: apart, since every hit reads one, and these fit the first cache.
    page_classes: Vec<u8>,
    /// By size in units of a deadline's: where an item belongs that may be without its place. Not
    /// for the largest size: such an item would have none later.
    by_size: Box<[Fit]>,
    pub(super) arena: Arena,
    classes: Vec<SlabClass>,
    pages: Vec<PageInfo>,
    /// Where they lie, for those who have no lock.
    table: PageTable,
    /// Page numbers below `pages.len()` that hold no page.
    vacant: Vec<u32>,
    empty: BTreeSet<u32>,
    /// Which chunks hold what has expired.
    pub(super) expiry: Expiry,
}

impl Slabs {
    /// Classes of these chunk sizes, without pages, which are going to be in this table.
    pub(super) fn new(sizes: &[u32], table: PageTable) -> Slabs {
        let mut by_size = Vec::new();
        for (class, &size) in sizes.iter().enumerate() {
            // All but the last have room for a deadline's place.
            by_size.resize(size as usize / DEADLINE_SIZE, Fit(class as u8 | Fit::TIMED));
            by_size.push(Fit(class as u8));
        }
        by_size.pop();
        let class = |&size: &u32| SlabClass {
            chunk_size: size,
            per_page: (PAGE_SIZE / size as usize) as u16,
            reciprocal: ((1u64 << 32).div_ceil(u64::from(size) / ITEM_ALIGN as u64)) as u32,
            partial: Vec::new(),
            pages: 0,
            used: 0,
        };
        Slabs {
            arena: Arena::default(),
            table,
            classes: sizes.iter().map(class).collect(),
            pages: Vec::new(),
            page_classes: Vec::new(),
            vacant: Vec::new(),
            by_size: by_size.into_boxed_slice(),
            empty: BTreeSet::new(),
            expiry: Expiry::default(),
        }
    }

    /// Classes there are.
    pub(super) fn len(&self) -> usize {
        self.classes.len()
    }
    /// The class of the largest chunks, where chained items stand in line.
    pub(super) fn last_class(&self) -> ClassId {
        self.classes.len() - 1
    }
    /// The smallest class that fits `size` bytes.
    #[inline]
    pub(super) fn class_for(&self, size: usize) -> Option<ClassId> {
        match self.by_size.get(size.div_ceil(DEADLINE_SIZE)) {
            Some(fit) => Some(fit.class()),
            None => (size <= self.chunk_size(self.last_class())).then(|| self.last_class()),
        }
    }
    /// Where an item of `size` bytes, without a place for a deadline, belongs if it must have one
    /// (`timed`), or need not. `None`: in no chunk, or only in the last bytes of the largest.
    #[inline]
    pub(super) fn fit(&self, size: usize, timed: bool) -> Option<Fit> {
        let units = size.div_ceil(DEADLINE_SIZE) + usize::from(timed);
        let &fit = self.by_size.get(units)?;
        Some(Fit(fit.0 | if timed { Fit::TIMED } else { 0 }))
    }
    pub(super) fn chunk_size(&self, class: ClassId) -> usize {
        self.classes[class].chunk_size as usize
    }
    pub(super) fn per_page(&self, class: ClassId) -> usize {
        self.classes[class].per_page as usize
    }
    /// Pages the class owns.
    pub(super) fn pages_of(&self, class: ClassId) -> usize {
        self.classes[class].pages
    }
    /// Chunks of the class in use.
    pub(super) fn used(&self, class: ClassId) -> usize {
        self.classes[class].used
    }
    /// Chunks of the class that could be given out.
    pub(super) fn free(&self, class: ClassId) -> usize {
        self.pages_of(class) * self.per_page(class) - self.used(class)
    }
    /// The class a chunk belongs to.
    #[inline]
    pub(super) fn class_of(&self, id: ItemId) -> ClassId {
        self.page_classes[id.page()] as usize
    }
    /// Pages owned by classes.
    pub(super) fn page_count(&self) -> usize {
        self.pages.len() - self.vacant.len()
    }
    /// Page numbers in use end below this.
    pub(super) fn page_limit(&self) -> usize {
        self.pages.len()
    }
    /// The class of a page, if there is one at `page`.
    pub(super) fn page_class(&self, page: usize) -> Option<ClassId> {
        self.page_classes.get(page).filter(|&&class| class != NO_CLASS).map(|&class| class.into())
    }
    /// Some page without a chunk in use.
    pub(super) fn empty_page(&self) -> Option<usize> {
        self.empty.first().map(|&page| page as usize)
    }
    /// How many there are.
    pub(super) fn empty_pages(&self) -> usize {
        self.empty.len()
    }
    /// The ids of a page's chunks that were ever used.
    pub(super) fn chunks(&self, page: usize) -> impl Iterator<Item = ItemId> + use<> {
        let class = self.page_class(page);
        let units = class.map_or(0, |class| self.classes[class].chunk_size / ITEM_ALIGN as u32);
        (0..u32::from(self.pages[page].fresh)).map(move |n| ItemId::new(page, n * units))
    }

    /// The `n`th of them.
    pub(super) fn chunk(&self, page: usize, n: usize) -> Option<ItemId> {
        let units = self.classes[self.page_class(page)?].chunk_size / ITEM_ALIGN as u32;
        (n < usize::from(self.pages[page].fresh)).then(|| ItemId::new(page, n as u32 * units))
    }
    /// Chunks of a page in use.
    pub(super) fn used_in(&self, page: usize) -> usize {
        usize::from(self.pages[page].used)
    }
    /// Whether the page is being emptied.
    pub(super) fn is_closed(&self, page: usize) -> bool {
        self.pages[page].closed
    }

    /// Give a page to a class. `None`: the shard cannot name more pages; the page comes back.
    pub(super) fn add_page(&mut self, class: ClassId, page: Page) -> Result<(), Page> {
        let number = match self.vacant.pop() {
            Some(number) => number as usize,
            None if self.pages.len() < PAGES_MAX => {
                self.pages.push(NO_PAGE);
                self.page_classes.push(NO_CLASS);
                self.pages.len() - 1
            }
            None => return Err(page),
        };
        self.table.put(number, page.address(), self.classes[class].chunk_size);
        self.arena.put(number, page);
        self.pages[number] = PageInfo { listed: true, ..NO_PAGE };
        self.page_classes[number] = class as u8;
        self.empty.insert(number as u32);
        let class = &mut self.classes[class];
        class.pages += 1;
        class.partial.push(number as u32);
        Ok(())
    }

    /// Take an empty page out. Its bytes are as its items left them.
    pub(super) fn remove_page(&mut self, number: usize) -> Page {
        self.close(number);
        let info = self.pages[number];
        assert_eq!(info.used, 0, "a page leaves its class empty");
        self.classes[self.page_classes[number] as usize].pages -= 1;
        self.page_classes[number] = NO_CLASS;
        self.table.take(number);
        self.empty.remove(&(number as u32));
        self.expiry.forget(number);
        self.pages[number] = NO_PAGE;
        self.vacant.push(number as u32);
        self.arena.take(number).expect("a page with a class is in the arena")
    }

    /// Move an empty page to another class.
    pub(super) fn reassign(&mut self, number: usize, class: ClassId) {
        // What its items left behind must not be taken for items: chunks begin as free.
        let page = self.remove_page(number).wiped();
        assert!(self.add_page(class, page).is_ok(), "a page number has just come free");
    }

    /// Take a chunk; its header is free, the rest arbitrary bytes.
    #[inline]
    pub(super) fn pop(&mut self, class_id: ClassId) -> Option<ItemId> {
        let class = &mut self.classes[class_id];
        loop {
            let &number = class.partial.last()?;
            let info = &mut self.pages[number as usize];
            if info.free.is_none() && info.fresh == class.per_page {
                info.listed = false;
                class.partial.pop();
                continue;
            }
            let id = match info.free {
                Some(id) => {
                    info.free = self.arena.header(id).next;
                    id
                }
                None => {
                    let unit = u32::from(info.fresh) * class.chunk_size / ITEM_ALIGN as u32;
                    info.fresh += 1;
                    ItemId::new(number as usize, unit)
                }
            };
            if info.used == 0 {
                self.empty.remove(&number);
            }
            info.used += 1;
            class.used += 1;
            return Some(id);
        }
    }

    /// Fetch the headers of at most so many chunks that the class is going to give.
    pub(super) fn foresee_chunks(&self, class: ClassId, count: usize) {
        let pages = self.classes[class].partial.iter().rev();
        for id in pages.flat_map(|&page| self.chunks(page as usize)).take(count) {
            prefetch(self.arena.address(id));
        }
    }
    /// Fetch the header of what probably is a chunk.
    #[inline]
    pub(super) fn foresee(&self, id: ItemId) {
        self.table.prefetch_header(id);
    }
    /// Whether the class has a chunk to give.
    pub(super) fn has_chunk(&self, class: ClassId) -> bool {
        let class = &self.classes[class];
        let gives = |page: &PageInfo| page.free.is_some() || page.fresh < class.per_page;
        class.partial.iter().any(|&page| gives(&self.pages[page as usize]))
    }

    /// Give a chunk back.
    #[inline]
    pub(super) fn push(&mut self, id: ItemId) {
        let number = id.page();
        let info = &mut self.pages[number];
        let class = &mut self.classes[self.page_classes[number] as usize];
        let header = self.arena.header_mut(id);
        header.key_len = 0;
        header.state = 0;
        header.next = info.free;
        info.free = Some(id);
        info.used -= 1;
        class.used -= 1;
        if !info.listed && !info.closed {
            info.listed = true;
            class.partial.push(number as u32);
        }
        if info.used == 0 {
            self.empty.insert(number as u32);
        }
    }

    /// Keep the class from giving out chunks of this page, which is about to leave it.
    pub(super) fn close(&mut self, number: usize) {
        let info = &mut self.pages[number];
        (info.listed, info.closed) = (false, true);
        let class = &mut self.classes[self.page_classes[number] as usize];
        class.partial.retain(|&page| page as usize != number);
    }

    /// The page stays in its class after all.
    pub(super) fn reopen(&mut self, number: usize) {
        let info = &mut self.pages[number];
        (info.listed, info.closed) = (true, false);
        self.classes[usize::from(self.page_classes[number])].partial.push(number as u32);
    }

    /// The item in this chunk dies at `deadline`; 0: never.
    #[inline]
    pub(super) fn expires(&mut self, id: ItemId, deadline: Deadline) {
        if deadline != 0 {
            let (chunk, per_page) = self.place_of(id);
            self.expiry.place(id.page(), chunk, per_page, deadline);
        }
    }
    /// A chunk's number in its page, and how many there are.
    #[inline]
    fn place_of(&self, id: ItemId) -> (usize, usize) {
        let class = &self.classes[self.class_of(id)];
        let chunk = (u64::from(id.unit()) * u64::from(class.reciprocal)) >> 32;
        (chunk as usize, usize::from(class.per_page))
    }

    /// Recount one page for `check.rs`: `in_use` says which of its chunks are.
    /// `may_be_closed`: it is being emptied (and once it is empty it waits for a new owner).
    pub(super) fn assert_page(&self, number: usize, in_use: usize, may_be_closed: bool) {
        let info = &self.pages[number];
        let Some(class_id) = self.page_class(number) else {
            assert!(self.vacant.contains(&(number as u32)), "slab: a page without class is vacant");
            return;
        };
        let class = &self.classes[class_id];
        let mut free = 0;
        let mut at = info.free;
        while let Some(id) = at {
            assert_eq!(id.page(), number, "slab: a page's free list stays in the page");
            free += 1;
            assert!(free <= usize::from(info.fresh), "slab: a free list ends");
            at = self.arena.header(id).next;
        }
        assert_eq!(in_use, usize::from(info.used), "slab: chunks in use of page {number}");
        assert_eq!(in_use + free, usize::from(info.fresh), "slab: used + free = fresh");
        assert!(info.fresh <= class.per_page, "slab: fresh ≤ chunks per page");
        let may_be_closed = may_be_closed || info.used == 0;
        assert!(!info.closed || may_be_closed, "slab: no page is closed for nothing");
        let can_give = free > 0 || info.fresh < class.per_page;
        let listed = class.partial.contains(&(number as u32));
        assert!(
            !can_give || info.closed || (info.listed && listed),
            "slab: a page with room is listed"
        );
        let empty = self.empty.contains(&(number as u32));
        assert_eq!(empty, info.used == 0, "slab: the empty pages are known");
    }
    /// The item in this chunk, which has a deadline, will be found when it is dead.
    pub(super) fn assert_expires(&self, id: ItemId, deadline: Deadline) {
        let (chunk, per_page) = self.place_of(id);
        assert!(chunk < per_page && self.chunk(id.page(), chunk) == Some(id), "slab: chunk number");
        self.expiry.assert_placed(id.page(), chunk, deadline);
    }
    /// Recount a class for `check.rs`.
    pub(super) fn assert_class(&self, class: ClassId) {
        let all = self.pages.iter().zip(&self.page_classes);
        let pages = all.filter(|&(_, &of)| usize::from(of) == class).map(|(page, _)| page);
        let (count, used) = pages.fold((0, 0), |(n, u), p| (n + 1, u + usize::from(p.used)));
        assert_eq!(count, self.classes[class].pages, "slab: pages of class {class}");
        assert_eq!(used, self.classes[class].used, "slab: chunks used of class {class}");
    }
}
