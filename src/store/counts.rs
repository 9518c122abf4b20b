//! What a shard counts while it runs, as plain numbers: of itself, and of each of its classes.
//! `stats.rs` sums it over shards.
//!
//! Invariants: `items` and `bytes` are sums over linked items, `long_items` and `long_bytes` over
//! the chained ones of them; hits that stand in [`Hits`], and what stands in [`Sets`], are not
//! in their class's counts yet.

use std::collections::BTreeMap;

use super::geometry::CLASSES_MAX;
use super::times::Times;

/// What one shard counts. Written under its lock only.
#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) items: u64,
    pub(super) bytes: u64,
    /// Those of them whose values are in chains.
    pub(super) long_items: u64,
    pub(super) long_bytes: u64,
    pub(super) total_items: u64,
    pub(super) misses: VerbMisses,
    pub(super) get_expired: u64,
    pub(super) get_flushed: u64,
    pub(super) store_too_large: u64,
    pub(super) store_no_memory: u64,
    pub(super) malloc_fails: u64,
    pub(super) crawler_starts: u64,
    pub(super) crawler_running: bool,
    /// Items that background work looked at, of all classes.
    pub(super) crawled: u64,
    pub(super) juggles: u64,
    pub(super) slabs_moved: u64,
    pub(super) reassign_rescues: u64,
    pub(super) reassign_chunk_rescues: u64,
    pub(super) reassign_reclaimed: u64,
    pub(super) reassign_busy: u64,
    pub(super) reassign_no_room: u64,
    pub(super) reassign_evictions: u64,
    pub(super) classes: Vec<ClassStats>,
    /// For how long requests held the lock.
    pub(super) holds: Times,
    /// For how long background work did.
    pub(super) upkeep: Times,
    /// Items by size in units of 32 bytes, rounded up (track_sizes).
    pub(super) sizes: BTreeMap<u32, u64>,
}

impl Counts {
    pub(super) fn new(classes: usize) -> Counts {
        Counts { classes: vec![ClassStats::default(); classes], ..Counts::default() }
    }
    #[inline]
    pub(super) fn linked(&mut self, size: usize, chained: bool, track: bool) {
        if chained {
            self.long_items += 1;
            self.long_bytes += size as u64;
        }
        self.items += 1;
        self.total_items += 1;
        self.bytes += size as u64;
        if track {
            *self.sizes.entry((size as u32).div_ceil(32)).or_default() += 1;
        }
    }
    #[inline]
    pub(super) fn unlinked(&mut self, size: usize, chained: bool, track: bool) {
        if chained {
            self.long_items -= 1;
            self.long_bytes -= size as u64;
        }
        self.items -= 1;
        self.bytes -= size as u64;
        if track {
            self.untrack(size);
        }
    }
    pub(super) fn resize(&mut self, from: usize, to: usize, chained: bool, track: bool) {
        if chained {
            self.long_bytes = self.long_bytes - from as u64 + to as u64;
        }
        self.bytes = self.bytes - from as u64 + to as u64;
        if track {
            self.untrack(from);
            *self.sizes.entry((to as u32).div_ceil(32)).or_default() += 1;
        }
    }
    fn untrack(&mut self, size: usize) {
        let bucket = (size as u32).div_ceil(32);
        if let Some(n) = self.sizes.get_mut(&bucket) {
            *n -= 1;
            if *n == 0 {
                self.sizes.remove(&bucket);
            }
        }
    }
    /// `stats reset`: what is counted begins anew, what is measured stays.
    pub(super) fn reset(&mut self) {
        *self = Counts {
            items: self.items,
            bytes: self.bytes,
            long_items: self.long_items,
            long_bytes: self.long_bytes,
            crawler_running: self.crawler_running,
            sizes: std::mem::take(&mut self.sizes),
            ..Counts::new(self.classes.len())
        };
    }
}

/// Hits by class and queue, some of them: see `hits.rs`.
#[derive(Debug, Default)]
pub(super) struct Hits {
    pub(super) counts: [u16; Hits::PLACES],
    /// What each counts: class × 4 + queue.
    pub(super) names: [u8; Hits::PLACES],
}

impl Hits {
    /// Counts kept: the four queues of two classes.
    pub(super) const PLACES: usize = 8;
}

/// Storage commands of late: see `hits.rs`.
#[derive(Debug, Default)]
pub(super) struct Sets {
    pub(super) counts: [u16; Sets::PLACES],
    /// Items that were written over.
    pub(super) rewrites: u16,
    /// What class each counts.
    pub(super) names: [u8; Sets::PLACES],
}

impl Sets {
    /// Classes counted at a time.
    pub(super) const PLACES: usize = 2;
}

/// A class and a queue are a byte.
const _: () = assert!(CLASSES_MAX * 4 <= 256);

/// Misses by verb.
#[derive(Debug, Clone, Copy, Default)]
pub struct VerbMisses {
    /// get gets
    pub get: u64,
    /// touch gat gats
    pub touch: u64,
    /// delete
    pub delete: u64,
    /// incr
    pub incr: u64,
    /// decr
    pub decr: u64,
    /// cas
    pub cas: u64,
}

/// What one slab class counts, over all shards.
#[derive(Debug, Clone, Copy, Default)]
pub struct ClassStats {
    /// Bytes.
    pub chunk_size: u32,
    /// Chunks in a page.
    pub chunks_per_page: u32,
    /// Pages owned.
    pub pages: u64,
    /// Chunks in use.
    pub used_chunks: u64,
    /// Items by queue: hot, warm, cold, temp.
    pub items: [u64; 4],
    /// Seconds since the last access of each queue's tail: hot, warm, cold, temp.
    pub tail_age: [u32; 4],
    /// Sum of item sizes.
    pub requested_bytes: u64,
    /// R: hits by queue: hot, warm, cold, temp. Their sum is get_hits of the class.
    pub hits: [u64; 4],
    /// R
    pub cmd_set: u64,
    /// R
    pub delete_hits: u64,
    /// R
    pub incr_hits: u64,
    /// R
    pub decr_hits: u64,
    /// R
    pub cas_hits: u64,
    /// R
    pub cas_badval: u64,
    /// R
    pub touch_hits: u64,
    /// R: live items removed to make room.
    pub evicted: u64,
    /// R: of those, with a TTL.
    pub evicted_nonzero: u64,
    /// R: idle seconds of the most recently evicted.
    pub evicted_time: u32,
    /// R: evicted and never fetched.
    pub evicted_unfetched: u64,
    /// R: evicted though active.
    pub evicted_active: u64,
    /// R: failed allocations.
    pub outofmemory: u64,
    /// R: dead items reaped at tails and before evictions.
    pub reclaimed: u64,
    /// R: dead and never fetched.
    pub expired_unfetched: u64,
    /// R: dead items freed by the crawler.
    pub crawler_reclaimed: u64,
    /// R: items the crawler looked at.
    pub crawler_items_checked: u64,
    /// R
    pub moves_to_cold: u64,
    /// R
    pub moves_to_warm: u64,
    /// R
    pub moves_within_lru: u64,
    /// R: rounds of reclaiming made by stores.
    pub direct_reclaims: u64,
}

impl ClassStats {
    /// Add what another shard counted; ages: the oldest tail, which is what is evicted last.
    pub(super) fn add(&mut self, other: &ClassStats) {
        for queue in 0..4 {
            self.items[queue] += other.items[queue];
            self.hits[queue] += other.hits[queue];
            self.tail_age[queue] = self.tail_age[queue].max(other.tail_age[queue]);
        }
        self.chunk_size = other.chunk_size;
        self.chunks_per_page = other.chunks_per_page;
        self.pages += other.pages;
        self.used_chunks += other.used_chunks;
        self.requested_bytes += other.requested_bytes;
        self.cmd_set += other.cmd_set;
        self.delete_hits += other.delete_hits;
        self.incr_hits += other.incr_hits;
        self.decr_hits += other.decr_hits;
        self.cas_hits += other.cas_hits;
        self.cas_badval += other.cas_badval;
        self.touch_hits += other.touch_hits;
        self.evicted += other.evicted;
        self.evicted_nonzero += other.evicted_nonzero;
        self.evicted_time = self.evicted_time.max(other.evicted_time);
        self.evicted_unfetched += other.evicted_unfetched;
        self.evicted_active += other.evicted_active;
        self.outofmemory += other.outofmemory;
        self.reclaimed += other.reclaimed;
        self.expired_unfetched += other.expired_unfetched;
        self.crawler_reclaimed += other.crawler_reclaimed;
        self.crawler_items_checked += other.crawler_items_checked;
        self.moves_to_cold += other.moves_to_cold;
        self.moves_to_warm += other.moves_to_warm;
        self.moves_within_lru += other.moves_within_lru;
        self.direct_reclaims += other.direct_reclaims;
    }
}
