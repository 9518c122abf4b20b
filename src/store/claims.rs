//! Which class should own a page: pages go where they save the most misses, one at a time, a few
//! items with each eviction.
//!
//! A class under pressure turns its items over in some time T, counted in stores of the shard
//! (finer than seconds, and an idle shard does not age). If requests for an item come at random,
//! the items at the end of the line are asked for about once in T; so one more page saves some
//! `chunks per page / T` misses, and a page taken costs as many. Hence a class *keeps* a page for
//! `T × chunk size`, and a page goes from the class that keeps them longest to one that keeps them
//! for clearly less. Whole sizes would trade too many misses of large items for a few of small
//! ones while a workload shifts; [`SIZE_POWER`] tempers them, and won on the traces. Misses there,
//! and bytes missed, beside those at ⅔, of 44 rows of the replay in process: two traces and ten
//! made workloads, at four sizes most (with 1.0, of sixteen of them):
//!
//! | power | misses, mean | worst row | bytes, mean | worst row |
//! |---|---|---|---|---|
//! | 0.5 | 1.004 | 1.07 (loop) | 0.996 | 1.06 (loop); best 0.93 (shift) |
//! | 0.8 | 1.001 | 1.07 (shift) | 1.012 | 1.21 (shift) |
//! | 1.0 | 1.021 | 1.21 (shift) | 1.093 | 1.70 (shift) |
//!
//! T = items × time ÷ evictions, over a window of at most about one turn, and the time since then:
//! a class that is used no more, or has plenty, ages until it gives pages away. None is older than
//! its first page, and the last page stays while what is last in line there is in use.
//!
//! Invariants: `born ≤ since ≤ last ≤` the shard's count of stores; the page of a claim is the
//! shard's `moving` one.

use super::Seconds;
use super::alloc::{DOOMED_STEP, Keep, TOIL};
use super::item::Queue;
use super::shard::Shard;
use super::slab::ClassId;

/// What of a chunk's size weighs: T × size to this power is equal in all classes that claim.
const SIZE_POWER: f64 = 0.66;
/// A class's claim to another page is weighed once in at least this many evictions,
const CLAIM_EVERY: u32 = 16;
/// or once in so few while it is worth less than a part in [`PRESSING`] of the page's present use:
/// after a shift of sizes each item evicted meanwhile is one of those wanted from now on.
const PRESSING_EVERY: u32 = 2;
/// See [`PRESSING_EVERY`].
const PRESSING: f64 = 4.0;
/// Evictions, at least, before a window is halved.
const WINDOW_MIN: u64 = 32;
/// Chunks of a page that is to move looked at in one eviction, at least: at some 700 ns to evict
/// one item and move another into its place, 12 microseconds. For larger items it is as many as one
/// of them has room for.
const CHUNKS: usize = 16;
/// But never more than this: 45 microseconds.
const CHUNKS_MAX: usize = 64;
/// Pages looked at for one of a class.
const LOOKS: usize = 256;

/// How fast a class turns its items over.
#[derive(Debug, Clone, Copy, Default)]
struct Turnover {
    /// The window's beginning, in stores of the shard.
    since: u64,
    /// When the class last evicted, which is its end.
    last: u64,
    /// Evictions in it.
    evictions: u64,
    /// When the class got its first page.
    born: u64,
    /// Evictions since its claim to another page was last weighed.
    pressure: u32,
    /// It was far below another's then.
    pressing: bool,
}

/// A page on its way from one class to another.
#[derive(Debug, Clone, Copy)]
struct Claim {
    page: usize,
    from: ClassId,
    to: ClassId,
    /// The next chunk to look at.
    next: usize,
}

/// What the classes of a shard know for this.
#[derive(Debug)]
pub(super) struct Claims {
    turnovers: Vec<Turnover>,
    /// Chunk sizes, to the power that counts.
    weights: Vec<f64>,
    current: Option<Claim>,
    /// Where the search for a page goes on.
    hand: usize,
}

impl Claims {
    pub(super) fn new(chunk_sizes: &[u32]) -> Claims {
        let weight = |&size: &u32| f64::from(size).powf(SIZE_POWER);
        Claims {
            turnovers: vec![Turnover::default(); chunk_sizes.len()],
            weights: chunk_sizes.iter().map(weight).collect(),
            current: None,
            hand: 0,
        }
    }
    /// The class gets its first page, or had best be taken to.
    pub(super) fn born(&mut self, class: ClassId, clock: u64) {
        let (since, last, born) = (clock, clock, clock);
        self.turnovers[class] = Turnover { since, last, born, ..Turnover::default() };
    }
}

impl Turnover {
    fn evicts(&mut self, items: u64, clock: u64) {
        self.evictions += 1;
        self.last = clock;
        if self.evictions >= items.max(WINDOW_MIN) {
            self.since += (clock - self.since) / 2;
            self.evictions /= 2;
        }
    }
    fn time(&self, items: u64, clock: u64) -> f64 {
        let turn = (self.last - self.since) as f64 * items as f64 / self.evictions.max(1) as f64;
        let idle = (clock - self.last) as f64;
        (turn + idle).min((clock - self.born) as f64) + 1.0
    }
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_is_as_old_as_its_items_last_and_older_while_it_rests() {
        let mut turnover = Turnover::default();
        // A hundred items, an eviction with every tenth store: they last a thousand stores.
        (1..=1000).for_each(|n| turnover.evicts(100, n * 10));
        let busy = turnover.time(100, 10_000);
        assert!((900.0..1200.0).contains(&busy), "{busy}");
        let resting = turnover.time(100, 20_000);
        assert!(resting > 10.0 * busy, "{resting}");
        // Pages taken from it make those that stay no younger than its rest.
        assert!(turnover.time(10, 20_000) > 10_000.0);
        // With half the items, at the same pace, they last half as long.
        assert!(turnover.time(50, 10_000) < 0.6 * busy);
    }

    #[test]
    fn a_class_is_no_older_than_its_first_page() {
        let mut claims = Claims::new(&[40, 32_768]);
        claims.born(1, 500);
        assert_eq!(claims.turnovers[1].time(1000, 500), 1.0);
        assert_eq!(claims.turnovers[1].time(1000, 600), 101.0);
        assert!(claims.weights[1] > 10.0 * claims.weights[0]);
    }
}
