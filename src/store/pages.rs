//! PagePool: the memory limit, shared by all shards. Pages are taken one by one and given back
//! only deliberately; running out is a normal outcome.
//!
//! The limit may change. What lies above a raised one is reserved then, as a range of its own; a
//! lowered one takes nothing from anybody, but nothing is given out until enough came back.
//!
//! What shards hold in tables (index, ghosts, deadlines) has the place of pages, but for a part of
//! the limit that lies outside, where memcached's hash table is: so a process with many small
//! items is not larger than memcached at the same -m.
//!
//! Memory that is touched for the first time is given by the system there and then, a huge page
//! at a time: 150 µs if it is only to be zeroed, and milliseconds if other memory must move out of
//! the way or (in a virtual machine) the host has to find it first. No request should wait for
//! that, least of all under a shard's lock. So pages are cut from blocks of a huge page, and there
//! may be a thread that has the next block's memory there before the present one is used up
//! ([`PagePool::provide`]); it does the same for parts of indexes. It is told where, a part at a
//! time, and is given nothing: it runs when nobody else wants to, and what it held meanwhile would
//! be missing. What may not be given out is not touched, or given back after the step during which
//! it came to be so; and a block of which that is a part is no huge page.
//!
//! Where it comes too late, things go on without it, and without huge pages: whoever needs a page
//! while the next block is being prepared takes another block, of ordinary pages, which the system
//! gives one by one in a few microseconds. Those come from the end of the address space, so that
//! the kernel has two ranges of memory to remember, not one for every block. (A block is a huge
//! page only if there is another one behind it.) Nor does anybody but that thread ask the kernel
//! for a change of ranges, which may have to wait for others.
//!
//! Invariants: pages taken ≤ `room()`, but for those taken before that fell; of a block that is
//! `ready` nothing is there that it does not leave room for, but while somebody is at it.

use std::io;

use super::arena::{Block, Page, Reserve};
use crate::sync::{Arc, AtomicUsize, Condvar, Mutex, MutexGuard, Ordering};
use crate::sys::memory::{Backing, Part};

/// Pages left of a block when the next one is to be made ready: a megabyte. It lasts for 10 ms of
/// as many small sets as a core can do.
const PAGES_AHEAD: usize = 16;

/// Pages that are provided in a step: so many may be there, though they may not be given out any
/// more; and with every step whoever provides holds the lock of the pool for a moment.
const PAGES_AT_ONCE: usize = 4;

/// Tables take the place of pages beyond this part of the limit. memcached's own, outside its
/// limit, is a sixteenth of it with the smallest items and this with values of 1000 bytes, of which
/// ours needs no more either: with large items, tables take no page.
const TABLES_OUTSIDE: usize = 128;

/// Gives out pages up to a limit.
#[derive(Debug, Clone)]
pub(super) struct PagePool {
    state: Arc<Mutex<State>>,
    /// Wakes whoever provides.
    wanting: Arc<Condvar>,
    /// Pages that could be taken, as a hint that costs no lock: a full cache asks at every store.
    left: Arc<AtomicUsize>,
    /// Memory was taken at start, and stays.
    keeps: bool,
}

#[derive(Debug)]
struct State {
    /// Ranges of address space, and how many pages they are meant for.
    reserves: Vec<Reserve>,
    reserved: usize,
    backing: Backing,
    returned: Vec<Page>,
    /// What pages are cut from at present.
    block: Option<Block>,
    /// One behind it.
    ready: Option<Ready>,
    /// Blocks whose memory is not there.
    blank: Vec<Block>,
    /// Parts of indexes to be prepared.
    parts: Vec<Part>,
    provider: Provider,
    taken: usize,
    limit: usize,
    /// Pages' worth of tables.
    tables: usize,
    /// Tests: this many more pages, then none.
    fail_after: Option<usize>,
}

/// A block whose memory is there before it is used, or will be.
#[derive(Debug)]
struct Ready {
    block: Block,
    /// Pages of it that are, from the front, or will be: when the last step is done.
    there: usize,
    last_step: Part,
}

/// Something to be done by whoever provides.
struct Step {
    /// What is to be of huge pages,
    huge: Option<Part>,
    /// and what is to be there.
    part: Part,
}

impl Step {
    fn run(self) {
        if !self.part.begin() {
            return;
        }
        if let Some(huge) = self.huge {
            huge.advise_huge();
        }
        self.part.populate();
        self.part.end();
    }
}

/// Who has memory there before it is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Provider {
    /// Nobody yet.
    Nobody,
    /// A thread.
    There,
    /// Nobody any more.
    Gone,
}

impl PagePool {
    /// A pool of at most `limit` pages.
    pub(super) fn new(limit: usize, backing: Backing) -> io::Result<PagePool> {
        let reserve = Reserve::new(limit, backing)?;
        let state = State {
            reserves: vec![reserve],
            reserved: limit,
            backing,
            returned: Vec::new(),
            block: None,
            ready: None,
            blank: Vec::new(),
            parts: Vec::new(),
            provider: Provider::Nobody,
            taken: 0,
            limit,
            tables: 0,
            fail_after: None,
        };
        let left = Arc::new(AtomicUsize::new(limit));
        let keeps = backing == Backing::Preallocated;
        let wanting = Arc::new(Condvar::new());
        Ok(PagePool { state: Arc::new(Mutex::new(state)), wanting, left, keeps })
    }
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("page pool lock")
    }
    /// Whether `take` is worth trying.
    #[inline]
    pub(super) fn may_have(&self) -> bool {
        self.left.load(Ordering::Relaxed) > 0
    }
    /// Pages taken at present.
    pub(super) fn taken(&self) -> usize {
        self.state().taken
    }
    /// Change the limit.
    ///
    /// # Errors
    /// The kernel's, when it will not reserve more; the limit stays then.
    pub(super) fn set_limit(&self, limit: usize) -> io::Result<()> {
        let mut state = self.state();
        if limit > state.reserved {
            let more = Reserve::new(limit - state.reserved, state.backing)?;
            state.reserves.push(more);
            state.reserved = limit;
        }
        state.limit = limit;
        state.drop_unwanted();
        self.left.store(state.left(), Ordering::Relaxed);
        Ok(())
    }
    /// A shard's tables were worth `from` pages, and are worth `to`.
    pub(super) fn count_tables(&self, from: usize, to: usize) {
        let mut state = self.state();
        state.tables = state.tables + to - from;
        state.drop_unwanted();
        self.left.store(state.left(), Ordering::Relaxed);
    }
    /// Pages' worth of tables that count within the limit.
    pub(super) fn tables_inside(&self) -> usize {
        self.state().inside()
    }
    /// Pages that could be taken.
    pub(super) fn free(&self) -> usize {
        self.left.load(Ordering::Relaxed)
    }
    /// Pages taken beyond a lowered limit, or one that tables have come to count within.
    pub(super) fn excess(&self) -> usize {
        let state = self.state();
        state.taken.saturating_sub(state.room())
    }
    /// A page, zeroed; `None` at the limit.
    pub(super) fn take(&self) -> Option<Page> {
        let mut state = self.state();
        if state.left() == 0 {
            return None;
        }
        if let Some(left) = &mut state.fail_after {
            *left = left.checked_sub(1)?;
        }
        let page = match state.returned.pop() {
            Some(page) => page,
            None => state.cut_page()?,
        };
        state.taken += 1;
        if state.wants_block() {
            self.wanting.notify_one();
        }
        self.left.store(state.left(), Ordering::Relaxed);
        Some(page)
    }
    /// Take a page back; its memory goes to the system, unless it was all taken at start.
    pub(super) fn give(&self, page: Page) {
        let page = if self.keeps { page.wiped() } else { page.cleared() };
        let mut state = self.state();
        state.taken -= 1;
        self.left.store(state.left(), Ordering::Relaxed);
        state.returned.push(page);
    }

    /// Have a part of an index prepared; if nobody is there for it, only as much as costs nothing.
    pub(super) fn prepare(&self, part: Part) {
        let mut state = self.state();
        if state.provider != Provider::There {
            part.end();
            return part.advise_huge();
        }
        state.parts.push(part);
        self.wanting.notify_one();
    }
    /// Wait until memory will soon be wanted, and have a part of it there. For a thread of its own,
    /// again and again. `false`: that is no longer needed ([`PagePool::end_providing`]).
    pub(super) fn provide(&self) -> bool {
        let mut state = self.state();
        if state.provider == Provider::Nobody {
            state.provider = Provider::There;
        }
        state.drop_unwanted();
        while state.provider == Provider::There {
            let step = match state.parts.pop() {
                Some(part) => Some(Step { huge: Some(part.clone()), part }),
                None if self.keeps => None,
                None => state.next_step(),
            };
            if let Some(step) = step {
                drop(state);
                step.run();
                return true;
            }
            state = self.wanting.wait(state).expect("page pool lock");
        }
        false
    }
    /// Nobody provides any more.
    pub(super) fn end_providing(&self) {
        self.state().provider = Provider::Gone;
        self.wanting.notify_one();
    }

    /// Tests: give out `n` more pages, then none; `None`: as many as there are.
    pub(super) fn fail_after(&self, n: Option<usize>) {
        self.state().fail_after = n;
    }
}

impl State {
    /// Pages' worth of tables that count within the limit.
    fn inside(&self) -> usize {
        if self.backing == Backing::Preallocated {
            return 0; // Pages that are left out would stay occupied all the same.
        }
        // Half of the limit is for items, whatever they are.
        self.tables.saturating_sub(self.limit / TABLES_OUTSIDE).min(self.limit / 2)
    }
    /// The pages there may be.
    fn room(&self) -> usize {
        self.limit - self.inside()
    }
    /// Pages that could be taken.
    fn left(&self) -> usize {
        self.room().saturating_sub(self.taken)
    }
    /// A page that was never taken.
    fn cut_page(&mut self) -> Option<Page> {
        loop {
            if let Some(page) = self.block.as_mut().and_then(Block::page) {
                return Some(page);
            }
            self.block = Some(self.next_block()?);
        }
    }
    /// What pages are cut from next: the block that is ready; while it is not, another one; if
    /// there is none, that one all the same.
    fn next_block(&mut self) -> Option<Block> {
        if self.provider == Provider::Nobody {
            let block = self.first_block()?;
            if let Some(whole) = self.huge_part(&block, block.pages()) {
                whole.advise_huge();
            }
            return Some(block);
        }
        let ready = self.ready.take_if(|ready| ready.last_step.is_through());
        let block = |ready: Ready| ready.block;
        ready.map(block).or_else(|| self.last_block()).or_else(|| self.ready.take().map(block))
    }
    /// A block that may be made a huge page.
    fn first_block(&mut self) -> Option<Block> {
        let reserves = &mut self.reserves;
        self.blank.pop().or_else(|| reserves.iter_mut().find_map(Reserve::first))
    }
    /// A block that will be none.
    fn last_block(&mut self) -> Option<Block> {
        let reserves = &mut self.reserves;
        reserves.iter_mut().find_map(Reserve::last).or_else(|| self.blank.pop())
    }
    /// All of a block, if it is to be a huge page: beside what is at hand, so many pages are left.
    fn huge_part(&self, block: &Block, pages: usize) -> Option<Part> {
        let wanted = self.backing == Backing::Huge && self.left() >= self.at_hand() + pages;
        wanted.then(|| block.part(0, block.pages()))
    }
    /// Pages that can be had at little cost.
    fn at_hand(&self) -> usize {
        self.returned.len() + self.block.as_ref().map_or(0, Block::pages)
    }
    /// Pages that will be cut of the next block.
    fn wanted(&self) -> usize {
        self.left().saturating_sub(self.at_hand())
    }
    /// Another block will be needed before long, and is not there yet. (The first one is made when
    /// it is used: a daemon that holds nothing is to cost nothing.)
    fn wants_block(&self) -> bool {
        let wanted = self.wanted();
        let is_there = |ready: &Ready| ready.there >= wanted.min(ready.block.pages());
        self.provider == Provider::There
            && self.block.is_some()
            && self.at_hand() <= PAGES_AHEAD
            && wanted > 0
            && !self.ready.as_ref().is_some_and(is_there)
    }
    /// What is to be done next, that a part of that block is there.
    fn next_step(&mut self) -> Option<Step> {
        if !self.wants_block() {
            return None;
        }
        let wanted = self.wanted();
        let (block, there, huge) = match self.ready.take() {
            Some(ready) => (ready.block, ready.there, None),
            None => {
                let block = self.first_block()?;
                // Nobody is to wait for a huge page: there will be another block.
                let huge = self.huge_part(&block, 2 * block.pages());
                (block, 0, huge)
            }
        };
        let to = wanted.min(block.pages()).min(there + PAGES_AT_ONCE);
        let part = block.part(there, to - there);
        self.ready = Some(Ready { block, there: to, last_step: part.clone() });
        Some(Step { huge, part })
    }
    /// The limit may leave no room for the block that is ready, or not for all of it: tables grow,
    /// or other blocks were taken while somebody was at it. While somebody is, what he touches
    /// would be there again; so he does this when he is done.
    fn drop_unwanted(&mut self) {
        let wanted = self.wanted();
        let too_much = |ready: &mut Ready| wanted < ready.there && ready.last_step.is_through();
        let Some(mut ready) = self.ready.take_if(too_much) else { return };
        ready.block.clear(wanted);
        ready.there = wanted;
        match wanted {
            0 => self.blank.push(ready.block),
            _ => self.ready = Some(ready),
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests;

#[cfg(all(test, loom))]
mod loom_tests {
    use super::*;

    #[test]
    fn no_interleaving_takes_more_than_the_limit() {
        loom::model(|| {
            let pool = PagePool::new(1, Backing::Lazy).unwrap();
            let other = pool.clone();
            let thread = loom::thread::spawn(move || {
                let page = other.take();
                let got = page.is_some();
                if let Some(page) = page {
                    other.give(page);
                }
                got
            });
            let mine = pool.take();
            let theirs = thread.join().unwrap();
            assert!(mine.is_some() || theirs, "one of two gets the page");
            drop(mine);
        });
    }

    /// Whoever provides is told of every block, is woken to end, and never stands in the way of
    /// who takes pages.
    #[test]
    fn no_interleaving_of_taking_and_providing_misses_a_page_or_the_end() {
        loom::model(|| {
            let pool = PagePool::new(33, Backing::Lazy).unwrap();
            let taken: Vec<Page> = (0..32).filter_map(|_| pool.take()).collect();
            let other = pool.clone();
            let provider = loom::thread::spawn(move || {
                let mut steps = 0;
                while other.provide() {
                    steps += 1;
                }
                steps
            });
            let last = pool.take();
            assert!(last.is_some(), "the last page is there, whoever is at it");
            pool.end_providing();
            assert!(provider.join().unwrap() <= 1);
            assert_eq!((pool.taken(), taken.len()), (33, 32));
        });
    }
}
