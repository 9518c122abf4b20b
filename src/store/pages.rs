//! PagePool: the memory limit, shared by all shards. Pages are taken one by one and given back
//! only deliberately; running out is a normal outcome.
//!
//! The limit may change. What lies above a raised one is reserved then, as a range of its own; a
//! lowered one takes nothing from anybody, but nothing is given out until enough came back.
//!
//! Invariant: pages taken ≤ `limit`, but for those taken before it was lowered.

use std::io;

use super::arena::{Page, Reserve};
use crate::sync::{Arc, AtomicUsize, Mutex, Ordering};
use crate::sys::memory::Backing;

/// Gives out pages up to a limit.
#[derive(Debug, Clone)]
pub(super) struct PagePool {
    state: Arc<Mutex<State>>,
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
    taken: usize,
    limit: usize,
    /// Tests: this many more pages, then none.
    fail_after: Option<usize>,
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
            taken: 0,
            limit,
            fail_after: None,
        };
        let left = Arc::new(AtomicUsize::new(limit));
        let keeps = backing == Backing::Preallocated;
        Ok(PagePool { state: Arc::new(Mutex::new(state)), left, keeps })
    }
    /// Whether `take` is worth trying.
    #[inline]
    pub(super) fn may_have(&self) -> bool {
        self.left.load(Ordering::Relaxed) > 0
    }
    /// Pages taken at present.
    pub(super) fn taken(&self) -> usize {
        self.state.lock().expect("page pool lock").taken
    }
    /// Change the limit.
    ///
    /// # Errors
    /// The kernel's, when it will not reserve more; the limit stays then.
    pub(super) fn set_limit(&self, limit: usize) -> io::Result<()> {
        let mut state = self.state.lock().expect("page pool lock");
        if limit > state.reserved {
            let more = Reserve::new(limit - state.reserved, state.backing)?;
            state.reserves.push(more);
            state.reserved = limit;
        }
        state.limit = limit;
        self.left.store(limit.saturating_sub(state.taken), Ordering::Relaxed);
        Ok(())
    }
    /// Pages that could be taken.
    pub(super) fn free(&self) -> usize {
        self.left.load(Ordering::Relaxed)
    }
    /// Pages taken beyond a lowered limit.
    pub(super) fn excess(&self) -> usize {
        let state = self.state.lock().expect("page pool lock");
        state.taken.saturating_sub(state.limit)
    }
    /// A page, zeroed; `None` at the limit.
    pub(super) fn take(&self) -> Option<Page> {
        let mut state = self.state.lock().expect("page pool lock");
        if state.taken >= state.limit {
            return None;
        }
        if let Some(left) = &mut state.fail_after {
            *left = left.checked_sub(1)?;
        }
        let page = match state.returned.pop() {
            Some(page) => page,
            None => state.reserves.iter_mut().find_map(Reserve::next)?,
        };
        state.taken += 1;
        self.left.store(state.limit.saturating_sub(state.taken), Ordering::Relaxed);
        Some(page)
    }
    /// Take a page back; its memory goes to the system, unless it was all taken at start.
    pub(super) fn give(&self, page: Page) {
        let page = if self.keeps { page.wiped() } else { page.cleared() };
        let mut state = self.state.lock().expect("page pool lock");
        state.taken -= 1;
        self.left.store(state.limit.saturating_sub(state.taken), Ordering::Relaxed);
        state.returned.push(page);
    }
    /// Tests: give out `n` more pages, then none; `None`: as many as there are.
    pub(super) fn fail_after(&self, n: Option<usize>) {
        self.state.lock().expect("page pool lock").fail_after = n;
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn the_limit_holds_and_what_comes_back_goes_out_again() {
        let pool = PagePool::new(2, Backing::Lazy).unwrap();
        let a = pool.take().unwrap();
        let _b = pool.take().unwrap();
        assert!(pool.take().is_none());
        pool.give(a);
        assert!(pool.take().is_some());
        assert!(pool.take().is_none());
    }

    #[test]
    fn the_limit_moves_up_and_down() {
        let pool = PagePool::new(2, Backing::Lazy).unwrap();
        let mut pages: Vec<Page> = std::iter::from_fn(|| pool.take()).collect();
        assert_eq!(pages.len(), 2);
        pool.set_limit(100).unwrap();
        pages.extend(std::iter::from_fn(|| pool.take()));
        assert_eq!((pages.len(), pool.excess()), (100, 0));
        pool.set_limit(1).unwrap();
        assert_eq!(pool.excess(), 99);
        pages.drain(1..).for_each(|page| pool.give(page));
        assert!(pool.take().is_none());
        pool.set_limit(3).unwrap();
        assert!(pool.take().is_some() && pool.take().is_some() && pool.take().is_none());
    }

    #[test]
    fn a_pool_can_be_made_to_fail() {
        let pool = PagePool::new(5, Backing::Lazy).unwrap();
        pool.fail_after(Some(1));
        assert!(pool.take().is_some());
        assert!(pool.take().is_none());
        pool.fail_after(None);
        assert!(pool.take().is_some());
    }
}

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
}
