//! Which class should own a page: pages go where they save the most misses, one at a time, a few
//! items with each eviction.
//!
//! A class under pressure turns its items over in some time T, counted in stores of the shard
//! (finer than seconds, and an idle shard does not age). If requests for an item come at random,
//! the items at the end of the line are asked for about once in T; so one more page saves some
//! `chunks per page / T` misses, and a page taken costs as many. Hence a class *keeps* a page for
//! `T × chunk size`, and a page goes from the class that keeps them longest to one that keeps them
//! for clearly less. How T is measured, and how much of the size weighs, stands in `turnover.rs`.
//!
//! The last page of a class stays while what is last in line there is in use.
//!
//! Invariant: the page of a claim is the shard's `moving` one.

use super::Seconds;
use super::alloc::DOOMED_STEP;
use super::evacuation::Keep;
use super::item::Queue;
use super::shard::{Shard, TOIL};
use super::slab::ClassId;
use super::turnover::Claim;

/// A class's claim to another page is weighed once in at least this many evictions,
const CLAIM_EVERY: u32 = 16;
/// or once in so few while it is worth less than a part in [`PRESSING`] of the page's present use:
/// after a shift of sizes each item evicted meanwhile is one of those wanted from now on.
const PRESSING_EVERY: u32 = 2;
/// See [`PRESSING_EVERY`].
const PRESSING: f64 = 4.0;
/// Chunks of a page that is to move looked at in one eviction, at least: at some 700 ns to evict
/// one item and move another into its place, 12 microseconds. For larger items it is as many as one
/// of them has room for.
const CHUNKS: usize = 16;
/// But never more than this: 45 microseconds.
const CHUNKS_MAX: usize = 64;
/// Pages looked at for one of a class.
const LOOKS: usize = 256;

impl Shard {
    fn items_of(&self, class: ClassId) -> u64 {
        Queue::ALL.iter().map(|&queue| self.lru[class].list(queue).len as u64).sum()
    }
    /// For how long the class keeps a page, weighed by size.
    fn keeps(&self, class: ClassId) -> f64 {
        let time = self.claims.turnovers[class].time(self.items_of(class), self.cas_count);
        time * self.claims.weights[class]
    }
    /// The class, other than this one, that keeps its pages longest.
    pub(super) fn donor(&self, class: ClassId) -> Option<(ClassId, f64)> {
        let others = (0..self.slabs.len()).filter(|&c| c != class && self.slabs.pages_of(c) > 0);
        others.map(|c| (c, self.keeps(c))).max_by(|a, b| a.1.total_cmp(&b.1))
    }

    /// An item of the class is evicted for want of memory (not for a page that moves).
    pub(super) fn count_turnover(&mut self, class: ClassId) {
        let items = self.items_of(class);
        self.claims.turnovers[class].evicts(items, self.cas_count);
    }

    /// A class is about to evict: weigh its claim if it is time, and go on with the page that is
    /// on its way.
    pub(super) fn press_claim(&mut self, class: ClassId, now: Seconds) {
        let turnover = &mut self.claims.turnovers[class];
        turnover.pressure += 1;
        let seldom = CLAIM_EVERY.max(self.slabs.per_page(class) as u32 / 8);
        let every = if turnover.pressing { PRESSING_EVERY } else { seldom };
        if turnover.pressure >= every {
            (turnover.pressure, turnover.pressing) = (0, false);
            self.stake_claim(class);
        }
        self.pursue_claim(now);
    }

    fn stake_claim(&mut self, class: ClassId) {
        if self.settings.background.automove == 0 {
            return;
        }
        if self.moving.is_some() {
            // One at a time: ask again soon.
            self.claims.turnovers[class].pressing = true;
            return;
        }
        let Some((from, longest)) = self.donor(class) else { return };
        let keeps = self.keeps(class);
        if keeps >= longest * self.settings.background.automove_ratio {
            return;
        }
        self.claims.turnovers[class].pressing = keeps * PRESSING < longest;
        if self.slabs.pages_of(from) == 1 && self.rests_on(from) {
            return;
        }
        let Some(page) = self.page_to_claim(from) else { return };
        self.slabs.close(page);
        self.moving = Some(page);
        self.claims.current = Some(Claim { page, from, to: class, next: 0 });
    }

    /// Whether the last in line was used; it goes to the front then, and the class is as new.
    fn rests_on(&mut self, class: ClassId) -> bool {
        let Some(tail) = self.tail(class) else { return false };
        if !self.proved(self.header(tail)) {
            return false;
        }
        self.shift(tail, if self.settings.flat { Queue::Cold } else { Queue::Warm });
        self.claims.born(class, self.cas_count);
        true
    }

    /// The page of the class's last item; or, since that may be a chain, whose chunks stand in
    /// pages of any class, the next page that comes along.
    pub(super) fn page_to_claim(&mut self, from: ClassId) -> Option<usize> {
        let last = self.tail(from).map(|id| self.page_to_empty(id));
        let ours = |page: &usize| self.slabs.page_class(*page) == Some(from);
        if let Some(page) = last.filter(ours) {
            return Some(page);
        }
        let found = self.pages_ahead(LOOKS).find(ours);
        self.claims.hand = found.map_or(self.claims.hand + LOOKS, |page| page + 1);
        self.claims.hand %= self.slabs.page_limit().max(1);
        found
    }
    /// So many pages, beginning where the last search ended.
    pub(super) fn pages_ahead(&self, looks: usize) -> impl Iterator<Item = usize> + use<> {
        let (hand, pages) = (self.claims.hand, self.slabs.page_limit());
        (hand..hand + looks.min(pages)).map(move |page| page % pages)
    }

    /// Empty a little more of the page that is on its way.
    pub(super) fn pursue_claim(&mut self, now: Seconds) {
        let Some(Claim { page, from, to, mut next }) = self.claims.current else { return };
        if !self.slabs.is_closed(page) || self.slabs.page_class(page) != Some(from) {
            // Somebody was in greater need.
            (self.moving, self.claims.current) = (None, None);
            return;
        }
        if self.held.is_some() || self.toil >= TOIL {
            return; // Only one item at a time can be kept from eviction, and others wait.
        }
        self.free_doomed(DOOMED_STEP);
        let like_one = self.slabs.per_page(from) / self.slabs.per_page(to);
        for _ in 0..like_one.clamp(CHUNKS, CHUNKS_MAX) {
            if !self.doomed.is_empty() {
                break;
            }
            let Some(id) = self.slabs.chunk(page, next) else { return self.settle_claim() };
            next += 1;
            if !self.is_in_use(id) {
                self.vacate(id, Keep::Best, now);
            }
        }
        self.claims.current = Some(Claim { page, from, to, next });
    }

    /// All chunks were looked at: the page changes hands, unless some were in use. While more are
    /// taken than there may be, it goes back to the pool: claims leave no time for other moves.
    fn settle_claim(&mut self) {
        let Some(Claim { page, from, to, .. }) = self.claims.current.take() else { return };
        self.moving = None;
        if self.slabs.used_in(page) > 0 {
            self.slabs.reopen(page);
            return self.note_page_move(Some(from), Some(to), false);
        }
        self.forget_clearing(page);
        if self.pool.excess() > 0 {
            self.page_moved(Some(from), None);
            return self.pool.give(self.slabs.remove_page(page));
        }
        self.page_moved(Some(from), Some(to));
        self.slabs.reassign(page, to);
    }

    /// Recount, for `check.rs`.
    pub(super) fn assert_claims(&self) {
        for turnover in &self.claims.turnovers {
            assert!(turnover.since <= turnover.last, "claims: a window begins before it ends");
            assert!(turnover.last <= self.cas_count, "claims: a window ended in the past");
            assert!(turnover.born <= turnover.since, "claims: no window is older than its class");
        }
        if let Some(claim) = self.claims.current {
            assert!(self.moving.is_some(), "claims: a page on its way is known to be moving");
            assert_ne!(claim.from, claim.to, "claims: a page goes elsewhere");
        }
    }
}
