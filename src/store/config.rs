//! How a store is shaped, as asked (`StoreConfig`) and as its shards use it (`Settings`).

use super::geometry::chunk_sizes;
use super::item::Queue;
use super::{Deadline, Seconds};

/// How a store is shaped; all checked by the caller (`ops::config`).
#[derive(Debug, Clone)]
pub struct StoreConfig {
    /// Item memory, in bytes (-m).
    pub limit_bytes: u64,
    /// Worker threads, for the number of shards (-t).
    pub threads: usize,
    /// Largest item, measured as memcached measures it (-I).
    pub item_size_max: u64,
    /// Smallest room for key, value and flags (-n).
    pub chunk_size_min: u32,
    /// Growth of chunk sizes (-f).
    pub growth_factor: f64,
    /// Explicit chunk sizes (slab_sizes); empty: by factor.
    pub slab_sizes: Vec<u32>,
    /// Largest chunk, in bytes, as asked (slab_chunk_max); half a page at most is used.
    pub slab_chunk_max: u32,
    /// Items have a CAS (-C turns it off).
    pub use_cas: bool,
    /// Evict to make room (-M turns it off).
    pub evict: bool,
    /// HOT/WARM/COLD instead of one LRU.
    pub segmented: bool,
    /// Share of a class's bytes in HOT, percent.
    pub hot_pct: u32,
    /// Share of a class's bytes in WARM, percent.
    pub warm_pct: u32,
    /// HOT's tail is too old at this multiple of COLD's age.
    pub hot_max_factor: f64,
    /// As above for WARM.
    pub warm_max_factor: f64,
    /// Items that live at most this long go to TEMP.
    pub temporary_ttl: Option<u32>,
    /// Take all memory at start, on huge pages (-L).
    pub preallocate: bool,
    /// Count item sizes for `stats sizes`.
    pub track_sizes: bool,
    /// Crawl for expired items in the background.
    pub crawler: bool,
    /// log2 of index buckets to begin with, 0: default.
    pub hash_power: u32,
    /// Seed of the key hash; `None`: random per process.
    pub seed: Option<u64>,
}

/// Shares and ages of HOT and WARM.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shares {
    pub(super) hot_pct: u32,
    pub(super) warm_pct: u32,
    pub(super) hot_age: f64,
    pub(super) warm_age: f64,
}

/// What a shard needs to know.
#[derive(Debug, Clone)]
pub(super) struct Settings {
    pub(super) chunk_sizes: Vec<u32>,
    pub(super) item_size_max: u64,
    pub(super) use_cas: bool,
    pub(super) evict: bool,
    /// One queue instead of four.
    pub(super) flat: bool,
    pub(super) shares: Shares,
    pub(super) temporary_ttl: Option<u32>,
    pub(super) track_sizes: bool,
    pub(super) crawler: bool,
}

impl Settings {
    pub(super) fn new(config: &StoreConfig) -> Settings {
        Settings {
            chunk_sizes: chunk_sizes(config),
            item_size_max: config.item_size_max,
            use_cas: config.use_cas,
            evict: config.evict,
            flat: !config.segmented,
            shares: Shares {
                hot_pct: config.hot_pct,
                warm_pct: config.warm_pct,
                hot_age: config.hot_max_factor,
                warm_age: config.warm_max_factor,
            },
            temporary_ttl: config.temporary_ttl.filter(|_| config.segmented),
            track_sizes: config.track_sizes,
            crawler: config.crawler,
        }
    }

    /// Where an item that was just stored begins.
    #[inline]
    pub(super) fn first_queue(&self, deadline: Deadline, now: Seconds) -> Queue {
        match self.temporary_ttl {
            _ if self.flat => Queue::Cold,
            Some(ttl) if deadline != 0 && deadline <= now.saturating_add(ttl) => Queue::Temp,
            _ => Queue::Hot,
        }
    }
}
