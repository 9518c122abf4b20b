//! How a store is shaped, as asked (`StoreConfig`) and as its shards use it (`Settings`).

use super::geometry::{MEMCACHED_CAS, MEMCACHED_OVERHEAD, chunk_sizes};
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
    /// Smallest room for key, value and flags (-n). memcached's 48 would cost an item of a
    /// 16-byte key and a number 16 bytes more.
    pub chunk_size_min: u32,
    /// Growth of chunk sizes (-f). Below memcached's 1.25: with pages of 64 KiB more classes
    /// starve none, and what items leave empty of their chunks falls from a tenth to a twentieth.
    /// On the traces 1.1 and 1.12 miss alike; but of values of 100 to 4000 bytes behind keys of 16,
    /// 1.1 holds 2 to 7 % more.
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
    /// Of those, HOT as a small probation, WARM and the ghosts of those who failed it.
    pub probation: bool,
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
    /// What only background work needs to know.
    pub background: Background,
}

impl Default for StoreConfig {
    /// memcached's defaults.
    fn default() -> Self {
        StoreConfig {
            limit_bytes: 64 << 20,
            threads: 4,
            item_size_max: 1 << 20,
            chunk_size_min: 16,
            growth_factor: 1.1,
            slab_sizes: Vec::new(),
            slab_chunk_max: 512 << 10,
            use_cas: true,
            evict: true,
            segmented: true,
            probation: true,
            hot_pct: 20,
            warm_pct: 40,
            hot_max_factor: 0.2,
            warm_max_factor: 2.0,
            temporary_ttl: None,
            preallocate: false,
            track_sizes: false,
            crawler: true,
            hash_power: 0,
            seed: None,
            background: Background::default(),
        }
    }
}

/// How pages move by themselves, and how a crawl that was asked for goes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Background {
    /// Pages may be moved on request, and by the policy below.
    pub reassign: bool,
    /// 0: pages move only to a class that has none. 1: also to a class that evicts what is much
    /// younger than another class's oldest. 2: also a page for each eviction, as they come.
    pub automove: u8,
    /// For 1: an age below this part of the other's is much younger.
    pub automove_ratio: f64,
    /// Seconds; shown, and without effect: ages say it all.
    pub automove_window_s: u32,
    /// Microseconds; shown, and without effect: steps are short and pauses between them long.
    pub crawl_pause_us: u32,
    /// Items that a crawl on request looks at; 0: all.
    pub crawl_items_max: u32,
}

impl Default for Background {
    /// memcached's defaults.
    fn default() -> Self {
        Background {
            reassign: true,
            automove: 1,
            automove_ratio: 0.8,
            automove_window_s: 10,
            crawl_pause_us: 100,
            crawl_items_max: 0,
        }
    }
}

/// What may change while the store runs. See [`StoreConfig`] for the fields.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Tuning {
    /// HOT/WARM/COLD instead of one LRU.
    pub segmented: bool,
    /// Of those, HOT as a small probation, WARM and the ghosts of those who failed it.
    pub probation: bool,
    /// Percent.
    pub hot_pct: u32,
    /// Percent.
    pub warm_pct: u32,
    /// Of COLD's age.
    pub hot_max_factor: f64,
    /// Of COLD's age.
    pub warm_max_factor: f64,
    /// Seconds.
    pub temporary_ttl: Option<u32>,
    /// Crawl for expired items in the background.
    pub crawler: bool,
    /// The rest.
    pub background: Background,
}

impl Tuning {
    /// As it is at start.
    pub fn new(config: &StoreConfig) -> Tuning {
        Tuning {
            segmented: config.segmented,
            probation: config.probation,
            hot_pct: config.hot_pct,
            warm_pct: config.warm_pct,
            hot_max_factor: config.hot_max_factor,
            warm_max_factor: config.warm_max_factor,
            temporary_ttl: config.temporary_ttl,
            crawler: config.crawler,
            background: config.background,
        }
    }
}

/// Shares and ages of HOT and WARM.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shares {
    pub(super) hot_pct: u32,
    pub(super) warm_pct: u32,
    pub(super) hot_age: f64,
    pub(super) warm_age: f64,
}

/// What a shard needs to know. In this order, for every verb needs what stands first.
#[derive(Debug, Clone)]
#[repr(C)]
pub(super) struct Settings {
    pub(super) use_cas: bool,
    pub(super) evict: bool,
    /// One queue instead of four.
    pub(super) flat: bool,
    /// HOT is a probation.
    pub(super) probation: bool,
    pub(super) track_sizes: bool,
    pub(super) crawler: bool,
    /// Bytes of key, value and flags that an item may have: memcached refuses those that have more.
    pub(super) payload_max: u64,
    pub(super) chunk_sizes: Vec<u32>,
    pub(super) shares: Shares,
    pub(super) temporary_ttl: Option<u32>,
    pub(super) background: Background,
    /// What locks are timed with.
    pub(super) ticks: fn() -> u64,
}

impl Settings {
    pub(super) fn new(config: &StoreConfig) -> Settings {
        let overhead = MEMCACHED_OVERHEAD + if config.use_cas { MEMCACHED_CAS } else { 0 };
        let mut settings = Settings {
            chunk_sizes: chunk_sizes(config),
            payload_max: config.item_size_max.saturating_sub(overhead),
            use_cas: config.use_cas,
            evict: config.evict,
            flat: false,
            probation: false,
            shares: Shares { hot_pct: 0, warm_pct: 0, hot_age: 0.0, warm_age: 0.0 },
            temporary_ttl: None,
            track_sizes: config.track_sizes,
            crawler: false,
            background: Background::default(),
            ticks: || 0,
        };
        settings.tune(&Tuning::new(config));
        settings
    }

    /// Go by these from now on.
    pub(super) fn tune(&mut self, tuning: &Tuning) {
        self.flat = !tuning.segmented;
        self.probation = tuning.segmented && tuning.probation;
        self.shares = Shares {
            hot_pct: tuning.hot_pct,
            warm_pct: tuning.warm_pct,
            hot_age: tuning.hot_max_factor,
            warm_age: tuning.warm_max_factor,
        };
        self.temporary_ttl = tuning.temporary_ttl.filter(|_| tuning.segmented);
        self.crawler = tuning.crawler;
        self.background = tuning.background;
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
