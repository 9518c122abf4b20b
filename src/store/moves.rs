//! Pages that move between classes, or back to the pool, as somebody asked or as policy has it.
//!
//! One page at a time: it is closed (it gives out no chunks any more), its items are moved to
//! other pages or evicted, a few under each lock, and when it is empty it changes hands. The
//! page stays the shard's all the while, and what it still holds can be read and replaced. Whoever
//! needs a page meanwhile may take this one, emptied or not; the move has then come too late,
//! and ends.
//!
//! Policy, besides what stores do for themselves (`claims.rs`: a class under pressure takes a page
//! from one that keeps its pages longer), and not with slab_automove=0:
//!
//! - more memory taken than the limit (it was lowered): the shard with most pages gives one back,
//!   of the class that keeps its pages longest;
//! - all memory taken, and a class has room for two and a half pages: one goes to the pool;
//! - slab_automove=2, and a class evicted: it gets a page of another one.

use super::evacuation::Keep;
use super::item::ItemId;
use super::shard::Shard;
use super::slab::ClassId;
use super::{Seconds, Store};

/// Chunks looked at under one lock: at some 300 ns to move an item that is not in the cache, 20
/// microseconds; a copy of all their bytes adds 5.
const CHUNKS: usize = 64;
/// Pages looked at for one that nobody uses, before any will do.
const LOOKS: usize = 8;
/// Rounds that a page is waited for whose items are in use, at ten a second.
const PATIENCE: u32 = 50;
/// Chunks freed of long chains under one lock: they must be gone before others can be moved.
const DOOMED: usize = 512;

/// What became of a request to move a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reassigned {
    /// It will be moved.
    Queued,
    /// Another one is being moved.
    Busy,
    /// No such class, or no class could spare a page.
    BadClass,
    /// The class (or the pool) has no page to spare.
    NoSpare,
    /// To where it came from.
    Same,
}

/// Where a page comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Source {
    Pool,
    Class(ClassId),
    /// Of the class, other than the one that gets it, that keeps its pages longest.
    Oldest,
}

/// A page to be moved.
#[derive(Debug, Clone, Copy)]
struct Order {
    shard: usize,
    from: Source,
    /// `None`: to the pool.
    to: Option<ClassId>,
    keep: Keep,
}

/// A page being moved.
#[derive(Debug)]
pub(super) struct Move {
    order: Order,
    /// Page and class, once chosen.
    page: Option<(usize, ClassId)>,
    /// The next chunk to look at.
    next: usize,
    /// Times the page was gone through in vain.
    passes: u32,
}

/// What is to be moved, and what is being moved.
#[derive(Debug, Default)]
pub(super) struct Moves {
    asked: Option<Order>,
    current: Option<Move>,
    /// Somebody works on `current`, which is not here meanwhile.
    running: bool,
    /// When policy last looked for room that could be given back.
    looked_at: Seconds,
    /// When a move failed; policy has none begun in the same second.
    failed_at: Seconds,
}

/// How a step ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    More,
    /// Nothing can be done at present.
    Wait,
    Over,
    /// No page could be had, or emptied.
    Failed,
}

impl Store {
    /// Ask for a page to be moved from one class to another (from 1); 0 is the pool, -1 any
    /// class that can spare one.
    pub fn reassign(&self, from: i32, to: i32) -> Reassigned {
        if self.is_moving() {
            return Reassigned::Busy;
        }
        if from == to {
            return Reassigned::Same;
        }
        let owned: Vec<Vec<usize>> = self.slots.iter().map(|slot| slot.lock().owned()).collect();
        let classes = owned[0].len();
        let total = |class: ClassId| owned.iter().map(|pages| pages[class]).sum::<usize>();
        let number = |n: i32| usize::try_from(n).ok().filter(|&n| n <= classes);
        let Some(to) = number(to) else { return Reassigned::BadClass };
        let from = match from {
            -1 => (0..classes)
                .filter(|&class| class + 1 != to && total(class) > 1)
                .max_by_key(|&class| total(class))
                .map(|class| class + 1),
            from => number(from),
        };
        let Some(from) = from else { return Reassigned::BadClass };
        let spare = if from == 0 { self.pool.free() > 0 } else { total(from - 1) > 1 };
        if !spare {
            return Reassigned::NoSpare;
        }
        let shards = 0..owned.len();
        let (shard, from) = match from.checked_sub(1) {
            Some(class) => (shards.max_by_key(|&s| owned[s][class]), Source::Class(class)),
            None => (shards.min_by_key(|&s| owned[s][to - 1]), Source::Pool),
        };
        let shard = shard.expect("a store has a shard");
        let order = Order { shard, from, to: to.checked_sub(1), keep: Keep::All };
        let mut moves = self.moves.lock().expect("moves are plain numbers");
        if moves.asked.is_some() {
            return Reassigned::Busy;
        }
        moves.asked = Some(order);
        Reassigned::Queued
    }

    /// A page is being moved, or soon will be.
    pub(super) fn is_moving(&self) -> bool {
        let moves = self.moves.lock().expect("moves are plain numbers");
        moves.asked.is_some() || moves.current.is_some() || moves.running
    }

    /// Go on with the page that is to be moved, for some 50 microseconds under one lock. `true`:
    /// there is more to do, to be called again in about a millisecond.
    pub fn move_pages(&self, now: Seconds) -> bool {
        let Some(mut work) = self.next_move(now) else { return false };
        let slot = &self.slots[work.order.shard];
        let step = self.work_on(slot, |shard| shard.move_on(&mut work, now));
        let mut moves = self.moves.lock().expect("moves are plain numbers");
        moves.running = false;
        match step {
            Step::More | Step::Wait => moves.current = Some(work),
            Step::Failed => moves.failed_at = now,
            Step::Over => {}
        }
        step != Step::Wait
    }

    fn next_move(&self, now: Seconds) -> Option<Move> {
        let mut moves = self.moves.lock().expect("moves are plain numbers");
        if moves.running {
            return None;
        }
        let mut work = moves.current.take();
        if work.is_none() {
            work = moves.asked.take().map(Move::new);
        }
        let look = moves.looked_at != now;
        moves.looked_at = now;
        moves.running = work.is_some();
        let failed = moves.failed_at == now;
        drop(moves);
        if work.is_some() || failed {
            return work;
        }
        let order = self.policy(look, now)?;
        let mut moves = self.moves.lock().expect("moves are plain numbers");
        if moves.running || moves.asked.is_some() {
            return None;
        }
        moves.running = true;
        Some(Move::new(order))
    }

    /// What should be moved though nobody asked. `look`: also look for room.
    fn policy(&self, look: bool, now: Seconds) -> Option<Order> {
        let shards = 0..self.slots.len();
        if self.pool.excess() > 0 {
            let pages = |&shard: &usize| self.slots[shard].lock().slabs.page_count();
            let shard = shards.max_by_key(pages)?;
            return Some(Order { shard, from: Source::Oldest, to: None, keep: Keep::Used });
        }
        let background = self.tuning().background;
        if !background.reassign || background.automove == 0 || self.pool.may_have() {
            return None;
        }
        for shard in shards {
            let mut locked = self.slots[shard].lock();
            if let Some(class) = locked.page_wanted.take() {
                let to = Some(class);
                return Some(Order { shard, from: Source::Oldest, to, keep: Keep::Used });
            }
            if look && let Some(class) = locked.roomy_class(now) {
                return Some(Order {
                    shard,
                    from: Source::Class(class),
                    to: None,
                    keep: Keep::All,
                });
            }
        }
        None
    }
}

impl Move {
    fn new(order: Order) -> Move {
        Move { order, page: None, next: 0, passes: 0 }
    }
}

impl Shard {
    /// Pages of each class.
    fn owned(&self) -> Vec<usize> {
        (0..self.slabs.len()).map(|class| self.slabs.pages_of(class)).collect()
    }

    /// A class that would not miss a page: it has room for two and a half.
    fn roomy_class(&self, _now: Seconds) -> Option<ClassId> {
        let roomy = |&class: &ClassId| self.slabs.free(class) > self.slabs.per_page(class) * 5 / 2;
        (0..self.slabs.len()).find(roomy)
    }

    /// One step of a move.
    fn move_on(&mut self, work: &mut Move, now: Seconds) -> Step {
        self.free_doomed(DOOMED);
        if !self.doomed.is_empty() {
            return Step::More;
        }
        let Some((page, class)) = work.page else { return self.begin_move(work, now) };
        if !self.slabs.is_closed(page) || self.slabs.page_class(page) != Some(class) {
            self.moving = None;
            return Step::Over; // somebody took it already
        }
        for _ in 0..CHUNKS {
            let Some(id) = self.slabs.chunk(page, work.next) else {
                return self.end_pass(work, page);
            };
            work.next += 1;
            if self.is_in_use(id) {
                self.counts.reassign_busy += 1;
            } else if !self.vacate(id, work.order.keep, now) {
                self.counts.reassign_no_room += 1;
            }
            if !self.doomed.is_empty() {
                break;
            }
        }
        Step::More
    }

    /// All chunks of the page were looked at.
    fn end_pass(&mut self, work: &mut Move, page: usize) -> Step {
        work.next = 0;
        if self.slabs.used_in(page) == 0 {
            self.moving = None;
            self.page_moved(self.slabs.page_class(page), work.order.to);
            self.forget_clearing(page);
            match work.order.to {
                Some(class) => self.slabs.reassign(page, class),
                None => {
                    let page = self.slabs.remove_page(page);
                    self.pool.give(page);
                }
            }
            return Step::Over;
        }
        work.passes += 1;
        if work.passes > PATIENCE {
            self.moving = None;
            self.slabs.reopen(page);
            self.note_page_move(self.slabs.page_class(page), work.order.to, false);
            return Step::Failed;
        }
        Step::Wait
    }

    /// A page has gone from one class to another; `None`: from, or to, the pool.
    pub(super) fn page_moved(&mut self, from: Option<ClassId>, to: Option<ClassId>) {
        self.counts.slabs_moved += 1;
        self.note_page_move(from, to, true);
    }

    /// Choose the page.
    fn begin_move(&mut self, work: &mut Move, now: Seconds) -> Step {
        if self.moving.is_some() {
            // A class has claimed one (`claims.rs`): that one first.
            self.pursue_claim(now);
            return Step::More;
        }
        let from = match work.order.from {
            Source::Pool => {
                let to = work.order.to.expect("a page does not move from the pool to the pool");
                match self.pool.take().map(|page| self.slabs.add_page(to, page)) {
                    Some(Ok(())) => self.page_moved(None, Some(to)),
                    failed => {
                        if let Some(Err(page)) = failed {
                            self.pool.give(page);
                        }
                        self.note_page_move(None, Some(to), false);
                    }
                }
                return Step::Over;
            }
            Source::Class(class) => Some(class),
            Source::Oldest => {
                let but = work.order.to.unwrap_or(usize::MAX);
                let empty = self.slabs.empty_page().and_then(|page| self.slabs.page_class(page));
                empty.filter(|&c| c != but).or(self.donor(but).map(|(class, _)| class))
            }
        };
        let Some(page) = from.and_then(|class| self.page_of(class)) else {
            if from.is_some() {
                self.note_page_move(from, work.order.to, false);
            }
            return Step::Failed;
        };
        let class = self.slabs.page_class(page).expect("the page was found by its class");
        self.slabs.close(page);
        self.moving = Some(page);
        work.page = Some((page, class));
        Step::More
    }

    /// A page of the class that had best go: an empty one, that of the oldest item, or one that
    /// nobody uses at present.
    fn page_of(&self, class: ClassId) -> Option<usize> {
        let is_free = |page: usize| !self.slabs.chunks(page).any(|id: ItemId| self.is_in_use(id));
        let ours = |&page: &usize| self.slabs.page_class(page) == Some(class);
        let oldest = self.tail(class).map(|id| self.page_to_empty(id)).filter(ours);
        let all = || (0..self.slabs.page_limit()).filter(ours);
        let empty = all().find(|&page| self.slabs.used_in(page) == 0);
        empty
            .or(oldest.filter(|&page| is_free(page)))
            .or_else(|| all().take(LOOKS).find(|&page| is_free(page)))
            .or_else(|| all().next())
    }
}
