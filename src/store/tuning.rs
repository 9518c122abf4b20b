//! What may be changed while the store runs: how queues and pages behave, how much memory there
//! is, and a crawl that is asked for.

use super::geometry::PAGE_SIZE;
use super::shard::Crawl;
use super::{Ordering, Store, Tuning};

impl Store {
    /// How things stand.
    pub fn tuning(&self) -> Tuning {
        *self.tuning.lock().expect("tuning is plain numbers")
    }
    /// Change something. Every shard goes by it soon after.
    pub fn tune(&self, change: impl FnOnce(&mut Tuning)) {
        let mut tuning = self.tuning();
        change(&mut tuning);
        *self.tuning.lock().expect("tuning is plain numbers") = tuning;
        self.slots.iter().for_each(|slot| slot.lock().settings.tune(&tuning));
    }

    /// Memory that items, and most of their tables, may take at present.
    pub fn limit_bytes(&self) -> u64 {
        self.limit_bytes.load(Ordering::Relaxed)
    }
    /// Bytes of the pages that were taken, and of tables as far as they count within the limit.
    pub fn owned_bytes(&self) -> u64 {
        ((self.pool.taken() + self.pool.tables_inside()) * PAGE_SIZE) as u64
    }
    /// The most that [`Store::set_limit`] takes.
    pub fn limit_bytes_max(&self) -> u64 {
        self.limit_bytes_max
    }
    /// Change how much memory items may take. What is too much then is given back to the system
    /// page by page, in the background. `false`: it cannot be had, or was all taken at start.
    pub fn set_limit(&self, bytes: u64) -> bool {
        let pages = (bytes / PAGE_SIZE as u64).max(1) as usize;
        let possible = !self.preallocated
            && bytes <= self.limit_bytes_max
            && self.pool.set_limit(pages).is_ok();
        if possible {
            self.limit_bytes.store(bytes, Ordering::Relaxed);
        }
        possible
    }

    /// Look for dead items of the classes (from 1) whose bits are set, in the background.
    /// `false`: such a crawl is going on.
    pub fn crawl(&self, classes: u64) -> bool {
        if self.slots.iter().any(|slot| slot.lock().crawl.is_some()) {
            return false;
        }
        let left = match self.tuning().background.crawl_items_max {
            0 => u64::MAX,
            max => u64::from(max).div_ceil(self.slots.len() as u64),
        };
        for slot in &self.slots {
            let mut shard = slot.lock();
            shard.crawl = Some(Crawl { classes, at: (0, 0), left });
            shard.counts.crawler_starts += 1;
        }
        true
    }
}
