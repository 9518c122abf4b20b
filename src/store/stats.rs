//! What the engine counts, summed over shards when asked: `counts.rs` has what each of them counts
//! while it runs, and here what its tables know is added.

use super::counts::{ClassStats, VerbMisses};
use super::item::Queue;
use super::shard::Shard;
use super::times::Times;
use super::{Seconds, Tuning};

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
    /// R: for how long requests held a lock: with one worker a visit of a batch, otherwise what of
    /// a verb was spent on finding memory (the rest is a copy of 64 KiB at most, and a get beside
    /// other readers holds none).
    pub holds: Times,
    /// R: for how long background work held a lock, a step each.
    pub upkeep: Times,
    /// Item sizes by 32-byte bucket (track_sizes): (upper bound, count).
    pub sizes: Vec<(u32, u64)>,
    /// By class, index 0 is class 1.
    pub classes: Vec<ClassStats>,
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
