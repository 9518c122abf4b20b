//! The engine: a library that knows neither sockets nor protocols nor clocks.
//!
//! Words: a **page** is 64 KiB of item memory; a **chunk** is a fixed-size part of a page; a
//! **slab class** is all chunks of one size; an **item** is header, key, flags and value in one
//! chunk, or in a chain of chunks; a **shard** is one independent partition behind one lock.

// (contract stubs; the engine replaces them)

/// Seconds on the store's clock (any origin ≥ 1; the daemon starts at 62).
pub type Seconds = u32;
/// When an item dies: it is dead when `deadline <= now`. 0 means never.
pub type Deadline = u32;

/// The seeded hash of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyHash(pub(crate) u64);

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

/// A storage command's operands, less the value.
#[derive(Debug, Clone, Copy)]
pub struct SetArgs<'a> {
    /// 1 to 250 bytes.
    pub key: &'a [u8],
    /// `Store::hash(key)`.
    pub hash: KeyHash,
    /// Opaque client flags.
    pub flags: u32,
    /// When it dies.
    pub deadline: Deadline,
    /// Under what condition.
    pub mode: SetMode,
    /// Only if the present item's CAS is this.
    pub compare: Option<u64>,
}

/// The storage modes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SetMode {
    /// Whatever is there.
    Set,
    /// Only if absent.
    Add,
    /// Only if present.
    Replace,
    /// Behind the present value; keeps its flags and deadline.
    Append,
    /// Before the present value; keeps its flags and deadline.
    Prepend,
}

/// What became of a storage command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stored {
    /// Stored, under this CAS.
    Stored(u64),
    /// The condition on presence did not hold (or an append outgrew the limits).
    NotStored,
    /// The CAS differs.
    Exists,
    /// A CAS was given and there is no item.
    NotFound,
    /// Larger than the item size limit. `Set` has removed the old item.
    TooLarge,
    /// No memory. `Set` has removed the old item.
    OutOfMemory,
}

/// What became of a delete.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deleted {
    /// Gone.
    Deleted,
    /// Was not there.
    NotFound,
    /// The CAS differs.
    Exists,
}

/// What became of an increment or decrement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counted {
    /// The new number and CAS.
    Value(u64, u64),
    /// No such item.
    NotFound,
    /// Not a decimal number.
    NonNumeric,
    /// The longer number found no memory.
    OutOfMemory,
    /// The CAS differs.
    Exists,
}

/// A found item, while its shard is locked.
pub struct Hit<'a> {
    _shard: &'a mut (),
}

impl Hit<'_> {
    /// Client flags.
    pub fn flags(&self) -> u32 {
        todo!()
    }
    /// CAS; 0 under -C.
    pub fn cas(&self) -> u64 {
        todo!()
    }
    /// Value length in bytes.
    pub fn len(&self) -> usize {
        todo!()
    }
    /// No value bytes.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// Append the whole value to `out`.
    pub fn copy_to(&self, _out: &mut Vec<u8>) {
        todo!()
    }
    /// Keep the value as it is now, to be copied out in slices; for values longer than 64 KiB.
    pub fn pin(&mut self) -> PinId {
        todo!()
    }
}

/// Names a pinned value; belongs to one reader, which must `unpin` it.
#[derive(Debug, PartialEq, Eq)]
pub struct PinId(u64);
/// Names a half-received value; belongs to one writer, which must commit or drop it.
#[derive(Debug, PartialEq, Eq)]
pub struct UploadId(u64);

/// Answer of `read_pin`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PinRead {
    /// More follows.
    More,
    /// That was the last byte.
    Done,
    /// The store needed the memory back; the reader must be closed.
    Revoked,
}

/// Answer of `append_upload`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Received {
    /// Taken.
    Taken,
    /// No memory (or dropped for making the least progress): answer out of memory and swallow the
    /// rest. The upload is gone; do not use the id again.
    Dropped,
}

/// All items.
pub struct Store {}

impl Store {
    /// Reserve memory and make the shards.
    pub fn new(_config: StoreConfig) -> std::io::Result<Store> {
        todo!()
    }
    /// The hash of a key.
    #[inline]
    pub fn hash(&self, _key: &[u8]) -> KeyHash {
        todo!()
    }
    /// Bring a key's index bucket into the cache; takes no lock.
    #[inline]
    pub fn prefetch_bucket(&self, _hash: KeyHash) {}
    /// A visit: verbs run through it, each under its shard's lock. With one shard the lock is
    /// kept for the whole visit, so make visits short (one batch) and do no IO during one.
    pub fn session(&self) -> Session<'_> {
        todo!()
    }
    /// Append the next at most `max` bytes of a pinned value.
    pub fn read_pin(&self, _pin: &PinId, _max: usize, _out: &mut Vec<u8>) -> PinRead {
        todo!()
    }
    /// The reader is done, or gone.
    pub fn unpin(&self, _pin: PinId) {
        todo!()
    }
    /// Begin to receive a value of `len` bytes. `Err`: `TooLarge` or `OutOfMemory`.
    pub fn begin_upload(
        &self,
        _args: &SetArgs<'_>,
        _len: u32,
        _now: Seconds,
    ) -> Result<UploadId, Stored> {
        todo!()
    }
    /// The next bytes of it.
    pub fn append_upload(&self, _id: &UploadId, _bytes: &[u8], _now: Seconds) -> Received {
        todo!()
    }
    /// All bytes and a good terminator are there: store it.
    pub fn commit_upload(&self, _id: UploadId, _now: Seconds) -> Stored {
        todo!()
    }
    /// Forget it. `counted`: it was received whole but ended badly, and counts as a cmd_set.
    pub fn drop_upload(&self, _id: UploadId) {
        todo!()
    }
    /// Everything stored before `at` is dead from `at` on (`at <= now`: at once).
    pub fn flush(&self, _at: Seconds, _now: Seconds) {
        todo!()
    }
    /// One bounded round of background work on every shard. Called about ten times a second.
    pub fn maintain(&self, _now: Seconds) {
        todo!()
    }
    /// Everything counted, summed over shards.
    pub fn stats(&self, _now: Seconds) -> StoreStats {
        todo!()
    }
    /// Zero what `stats reset` zeroes.
    pub fn reset_stats(&self) {
        todo!()
    }
    /// `stats cachedump`: key, value length and deadline of COLD items of a class, newest first,
    /// until `limit` items (0: all) or `visit` returns false.
    pub fn cachedump(
        &self,
        _class: usize,
        _limit: u32,
        _now: Seconds,
        _visit: impl FnMut(&[u8], usize, Deadline) -> bool,
    ) {
        todo!()
    }
    /// Recount everything that must add up; panics naming the invariant that does not hold.
    pub fn assert_valid(&self) {
        todo!()
    }
}

/// See [`Store::session`].
pub struct Session<'a> {
    _store: &'a Store,
}

impl Session<'_> {
    /// Let go of the lock the visit holds, if it does; the next verb takes it again. To be called
    /// before any locking method of `Store` (uploads, pins, flush, stats), which would otherwise
    /// wait for this very visit.
    #[inline]
    pub fn release(&mut self) {}
    /// Bring the likely item's header into the cache, by a peek at the bucket.
    #[inline]
    pub fn prefetch_item(&mut self, _hash: KeyHash) {}
    /// Look a key up; `touch` also moves its deadline. Counts the get (or touch) and its outcome.
    #[inline]
    pub fn get<R>(
        &mut self,
        _key: &[u8],
        _hash: KeyHash,
        _touch: Option<Deadline>,
        _now: Seconds,
        _found: impl FnOnce(Hit<'_>) -> R,
    ) -> Option<R> {
        todo!()
    }
    /// Store a value that is at hand.
    pub fn set(&mut self, _args: &SetArgs<'_>, _value: &[u8], _now: Seconds) -> Stored {
        todo!()
    }
    /// A storage command whose data block ended badly: counts cmd_set, stores nothing.
    pub fn count_bad_set(&mut self, _args: &SetArgs<'_>, _len: u32, _now: Seconds) -> Stored {
        todo!()
    }
    /// Remove a key.
    pub fn delete(
        &mut self,
        _key: &[u8],
        _hash: KeyHash,
        _compare: Option<u64>,
        _now: Seconds,
    ) -> Deleted {
        todo!()
    }
    /// Add (or, with `decrement`, subtract) a number.
    pub fn arith(
        &mut self,
        _key: &[u8],
        _hash: KeyHash,
        _delta: u64,
        _decrement: bool,
        _now: Seconds,
    ) -> Counted {
        todo!()
    }
    /// Move a key's deadline; whether it was there.
    pub fn touch(
        &mut self,
        _key: &[u8],
        _hash: KeyHash,
        _deadline: Deadline,
        _now: Seconds,
    ) -> bool {
        todo!()
    }
}

/// Everything the engine counts. Counts marked R are zeroed by `reset_stats`.
#[derive(Debug, Clone, Default)]
pub struct StoreStats {
    /// Sum of item sizes, headers included.
    pub bytes: u64,
    /// Linked items, dead but unreaped ones included.
    pub items: u64,
    /// R: every link.
    pub total_items: u64,
    /// The limit.
    pub limit_bytes: u64,
    /// Pages owned by classes / taken and unassigned.
    pub pages_used: u64,
    /// Taken and unassigned pages.
    pub pages_free: u64,
    /// Buckets of the index over all shards, as a power (memcached's hash_power_level).
    pub hash_power: u32,
    /// Bytes of the index.
    pub hash_bytes: u64,
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
    /// R: failed page allocations that ended in an error.
    pub malloc_fails: u64,
    /// R: crawler passes begun.
    pub crawler_starts: u64,
    /// A pass is going on.
    pub crawler_running: bool,
    /// R: queue moves made by maintenance.
    pub juggles: u64,
    /// R: pages moved between classes.
    pub slabs_moved: u64,
    /// R: items moved to another chunk so that their page could go.
    pub reassign_rescues: u64,
    /// R: items evicted because their page went.
    pub reassign_evictions: u64,
    /// Unfinished uploads: how many, and their bytes.
    pub uploads: u64,
    /// Bytes of unfinished uploads.
    pub upload_bytes: u64,
    /// Pinned values, and bytes held only by pins.
    pub pins: u64,
    /// Bytes of values that are gone but for their readers.
    pub pinned_dead_bytes: u64,
    /// Shards.
    pub shards: usize,
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
