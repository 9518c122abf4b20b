//! Prefetches that run ahead of a visit, over the keys of all connections whose steps are planned.

use crate::store::{BUCKETS_AHEAD, ITEMS_AHEAD, KeyHash, Store, TOGETHER};

/// What was asked for already.
pub(super) struct Ahead<'v> {
    store: &'v Store,
    /// Of the planned steps, one each.
    hashes: &'v [KeyHash],
    /// The buckets of the steps before this one, and the items of those before that one.
    buckets: usize,
    items: usize,
    /// The step at which to look ahead again.
    due: usize,
    /// Answers were long of late, so that values are worth it, too.
    pub(super) long: bool,
}

impl<'v> Ahead<'v> {
    pub(super) fn new(store: &'v Store, hashes: &'v [KeyHash], long: bool) -> Self {
        // A lookup that is alone comes sooner than its item could.
        let items = if hashes.len() == 1 { 1 } else { 0 };
        Ahead { store, hashes, buckets: 0, items, due: 0, long }
    }

    /// The next step is `at`: those before it were run, or will not be.
    #[inline]
    pub(super) fn jump(&mut self, at: usize) {
        self.buckets = self.buckets.max(at);
        self.items = self.items.max(at);
    }

    /// Step `at` is run next: ask for what those behind it need, a few of them together.
    #[inline(always)]
    pub(super) fn look(&mut self, at: usize) {
        if at < self.due {
            return;
        }
        self.due = at + TOGETHER;
        let known = self.hashes.len();
        while self.buckets < known.min(at + BUCKETS_AHEAD) {
            self.store.prefetch_bucket(self.hashes[self.buckets]);
            self.buckets += 1;
        }
        while self.items < known.min(at + ITEMS_AHEAD) {
            self.store.prefetch_item(self.hashes[self.items], self.long);
            self.items += 1;
        }
    }

    /// The hash of step `at`.
    #[inline(always)]
    pub(super) fn hash(&self, at: usize) -> KeyHash {
        self.hashes[at]
    }
}
