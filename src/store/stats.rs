//! What the engine counts, as plain numbers: per shard while it runs, summed when asked.

use std::collections::BTreeMap;

use super::item::Queue;
use super::shard::Shard;
use super::times::Times;
use super::{Seconds, Tuning};

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
    /// See [`StoreStats::holds`].
    pub(super) holds: Times,
    /// See [`StoreStats::upkeep`].
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

/// Everything the engine counts, over all shards. Counts marked R are zeroed by `reset_stats`.
#[derive(Debug, Clone, Default)]
pub struct StoreStats {
    /// Sum of item sizes, headers included.
    pub bytes: u64,
    /// Linked items, dead but unreaped ones included.
    pub items: u64,
    /// Items whose values are in chains.
    pub long_items: u64,
    /// Sum of their sizes.
    pub long_bytes: u64,
    /// R: every link.
    pub total_items: u64,
    /// The limit.
    pub limit_bytes: u64,
    /// Pages owned by classes.
    pub pages_used: u64,
    /// Pages that could still be taken.
    pub pages_free: u64,
    /// Pages' worth of index, deadlines and ghosts that count within the limit.
    pub tables_inside: u64,
    /// Buckets of the index over all shards, as a power of two, rounded down (memcached's
    /// hash_power_level).
    pub hash_power: u32,
    /// Bytes of the index.
    pub hash_bytes: u64,
    /// What knows of items with a deadline, in bytes.
    pub expiry_bytes: u64,
    /// Bytes of the ghosts: what is known of items evicted of late.
    pub ghost_bytes: u64,
    /// The index is catching up with its load.
    pub hash_expanding: bool,
    /// R: lookups that missed, by verb.
    pub misses: VerbMisses,
    /// R: lookups that found an expired item.
    pub get_expired: u64,
    /// R: lookups that found a flushed item.
    pub get_flushed: u64,
    /// R: sets refused for size.
    pub store_too_large: u64,
    /// R: sets refused for memory.
    pub store_no_memory: u64,
    /// R: allocations that ended in an error.
    pub malloc_fails: u64,
    /// R: crawler passes begun.
    pub crawler_starts: u64,
    /// A pass is going on.
    pub crawler_running: bool,
    /// R: queue moves made by background work.
    pub juggles: u64,
    /// R: pages moved between classes.
    pub slabs_moved: u64,
    /// R: items moved so that their page could go.
    pub reassign_rescues: u64,
    /// R: chunks of long items moved so that their page could go.
    pub reassign_chunk_rescues: u64,
    /// R: dead items found in pages that go.
    pub reassign_reclaimed: u64,
    /// R: items that were in use when their page was to go.
    pub reassign_busy: u64,
    /// R: items for which there was no other place, and that could not be evicted.
    pub reassign_no_room: u64,
    /// A page is being moved.
    pub moving: bool,
    /// What may change while the store runs.
    pub tuning: Tuning,
    /// R: items evicted because their page went.
    pub reassign_evictions: u64,
    /// Unfinished uploads.
    pub uploads: u64,
    /// Bytes of unfinished uploads.
    pub upload_bytes: u64,
    /// Values being read in slices.
    pub pins: u64,
    /// Bytes of values that are gone but for their readers.
    pub pinned_dead_bytes: u64,
    /// Shards.
    pub shards: usize,
    /// R: for how long requests held a lock: with one shard a visit of a batch, otherwise what of
    /// a verb was spent on finding memory (the rest is a copy of 64 KiB at most).
    pub holds: Times,
    /// R: for how long background work held a lock, a step each.
    pub upkeep: Times,
    /// Item sizes by 32-byte bucket (track_sizes): (upper bound, count).
    pub sizes: Vec<(u32, u64)>,
    /// By class, index 0 is class 1.
    pub classes: Vec<ClassStats>,
}

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
    fn add(&mut self, other: &ClassStats) {
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

impl Shard {
    /// Add this shard's numbers to the sum.
    pub(super) fn add_stats(&self, total: &mut StoreStats, now: Seconds) {
        let counts = &self.counts;
        total.bytes += counts.bytes;
        total.items += counts.items;
        total.long_items += counts.long_items;
        total.long_bytes += counts.long_bytes;
        total.total_items += counts.total_items;
        total.pages_used += self.slabs.page_count() as u64;
        total.hash_bytes += self.index.bytes() as u64;
        total.holds.add(&counts.holds);
        total.upkeep.add(&counts.upkeep);
        total.expiry_bytes += self.slabs.expiry.bytes() as u64;
        total.ghost_bytes += self.ghosts.bytes();
        total.hash_expanding |= self.index.wants_growth();
        total.misses.get += counts.misses.get;
        total.misses.touch += counts.misses.touch;
        total.misses.delete += counts.misses.delete;
        total.misses.incr += counts.misses.incr;
        total.misses.decr += counts.misses.decr;
        total.misses.cas += counts.misses.cas;
        total.get_expired += counts.get_expired;
        total.get_flushed += counts.get_flushed;
        total.store_too_large += counts.store_too_large;
        total.store_no_memory += counts.store_no_memory;
        total.malloc_fails += counts.malloc_fails;
        total.crawler_starts += counts.crawler_starts;
        total.crawler_running |= counts.crawler_running || self.crawl.is_some();
        total.juggles += counts.juggles;
        total.slabs_moved += counts.slabs_moved;
        total.reassign_rescues += counts.reassign_rescues;
        total.reassign_chunk_rescues += counts.reassign_chunk_rescues;
        total.reassign_reclaimed += counts.reassign_reclaimed;
        total.reassign_busy += counts.reassign_busy;
        total.reassign_no_room += counts.reassign_no_room;
        total.reassign_evictions += counts.reassign_evictions;
        total.uploads += self.uploads.len() as u64;
        total.upload_bytes += self.upload_heads().map(|(_, bytes)| u64::from(bytes)).sum::<u64>();
        total.pins += self.pins.len() as u64;
        total.pinned_dead_bytes += self.pinned_dead;
        total.classes.resize(self.slabs.len(), ClassStats::default());
        for (class, sum) in total.classes.iter_mut().enumerate() {
            sum.add(&self.class_stats(class, now));
        }
    }

    fn class_stats(&self, class: usize, now: Seconds) -> ClassStats {
        let lru = &self.lru[class];
        ClassStats {
            chunk_size: self.slabs.chunk_size(class) as u32,
            chunks_per_page: self.slabs.per_page(class) as u32,
            pages: self.slabs.pages_of(class) as u64,
            used_chunks: self.slabs.used(class) as u64,
            items: Queue::ALL.map(|queue| lru.list(queue).len as u64),
            tail_age: Queue::ALL.map(|queue| lru.tail_age(&self.slabs.arena, queue, now)),
            requested_bytes: Queue::ALL.iter().map(|&queue| lru.list(queue).bytes).sum(),
            ..self.counts.classes[class]
        }
    }
}
