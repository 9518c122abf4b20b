//! The engine: a library that knows neither sockets nor protocols nor clocks.
//!
//! Words: a **page** is 64 KiB of item memory; a **chunk** is a fixed-size part of a page; a
//! **slab class** is all chunks of one size, and all the pages that are cut into them; an **item**
//! is header, flags, key and value in one chunk, or a head and a chain of chunks; a **shard** is
//! one independent partition behind one lock, chosen by the top bits of a key's hash.
//!
//! [`Store`] picks a shard, locks it once and calls it. A lock is never taken while another is
//! held. `check.rs` recounts everything that must add up.

mod alloc;
mod arena;
mod arith;
mod check;
mod chunked;
mod claims;
mod clearing;
mod config;
mod counts;
mod direct;
mod dump;
mod evacuation;
mod events;
mod expiry;
mod foresight;
mod geometry;
mod ghosts;
mod hash;
mod hits;
#[cfg(feature = "debug-commands")]
mod holds;
mod index;
mod item;
mod journal;
mod lru;
mod maintain;
mod marks;
mod moves;
mod operands;
mod pages;
mod pin;
mod put;
mod readers;
mod reap;
mod session;
mod shard;
mod slab;
mod slot;
mod spent;
mod stats;
mod table;
#[cfg(test)]
mod tests;
pub mod times;
mod tuning;
mod turnover;
mod upload;

use std::io;

use crate::sync::{Arc, AtomicU64, AtomicUsize, Mutex, Ordering};
use crate::sys::biased::{Biased, Seats};
use crate::sys::memory::Backing;

pub use arena::Lease;
use config::Settings;
pub use config::{Background, StoreConfig, Tuning};
pub use counts::{ClassStats, VerbMisses};
pub use direct::{PinRead, SLICES_MAX};
pub use dump::{Dump, DumpedItem};
pub use events::{Event, Found};
pub use foresight::{BUCKETS_AHEAD, ITEMS_AHEAD, PREFETCHED, TOGETHER};
use foresight::{Foresight, PageTable};
use geometry::PAGE_SIZE;
use ghosts::Ghosts;
pub use hash::KeyHash;
use hash::KeyHasher;
#[cfg(feature = "debug-commands")]
pub use holds::Held;
use index::Index;
use item::ItemId;
use moves::Moves;
pub use moves::Reassigned;
pub use operands::{
    ArithArgs, Count, Counted, DeleteArgs, Deleted, FetchArgs, Keep, SetArgs, SetMode, SetRare,
    Stored,
};
use pages::PagePool;
#[cfg(feature = "debug-commands")]
pub use pin::HoldKind;
pub use readers::Reader;
use readers::{Sight, Tally};
pub use session::Session;
use shard::{Parts, Shard};
use slot::Slot;
pub use spent::{ClassSpent, Spent};
pub use stats::StoreStats;

/// Bytes of a page: memory is taken in such pieces.
pub const PAGE_BYTES: u64 = PAGE_SIZE as u64;

/// How often a store that found no memory is run again, at most, after pages were found for it:
/// others may come first.
const ATTEMPTS: usize = 16;
/// Pages that one store may need at a time: of a longer value the head, the chunks and the last
/// chunk, each of another class.
const PAGES_FOR_ONE: usize = 3;

/// Seconds on the store's clock (any origin ≥ 1; the daemon starts at 62).
pub type Seconds = u32;
/// When an item dies: it is dead when `deadline <= now`. 0 means never.
pub type Deadline = u32;

/// A found item, while its shard is locked.
pub struct Hit<'a> {
    shard: Sight<'a>,
    id: ItemId,
    /// The shard's number, for names that leave it.
    number: usize,
}

impl Hit<'_> {
    /// Client flags.
    #[inline]
    pub fn flags(&self) -> u32 {
        self.shard.flags(self.id)
    }
    /// CAS; 0 under -C.
    #[inline]
    pub fn cas(&self) -> u64 {
        self.shard.cas(self.id)
    }
    /// Value length in bytes.
    #[inline]
    pub fn len(&self) -> usize {
        self.shard.value_len(self.id)
    }
    /// No value bytes.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// The value, if it stands in one piece (up to 32 KiB it does).
    #[inline(always)]
    pub fn value(&self) -> Option<&[u8]> {
        let item = self.shard.item(self.id);
        (!item.header.is(item::state::CHAINED)).then(|| item.value())
    }
    /// Append the whole value to `out`.
    pub fn copy_to(&self, out: &mut Vec<u8>) {
        self.shard.copy_value(self.id, out);
    }
    /// The key.
    pub fn key(&self) -> &[u8] {
        self.shard.key(self.id)
    }
    /// The key came in base64 when the item was stored.
    pub fn has_binary_key(&self) -> bool {
        self.shard.header(self.id).has(item::mark::BINARY_KEY)
    }
    /// When it dies; 0: never.
    pub fn deadline(&self) -> Deadline {
        self.shard.header(self.id).deadline()
    }
    /// Seconds since it was last used.
    pub fn idle(&self, now: Seconds) -> u32 {
        self.shard.header(self.id).accessed.age(now)
    }
    /// It was fetched before.
    pub fn was_fetched(&self) -> bool {
        self.shard.header(self.id).is(item::state::FETCHED)
    }
    /// It is stale, won, or has a binary key.
    #[inline]
    pub fn has_marks(&self) -> bool {
        self.shard.header(self.id).has(item::mark::ALL)
    }
    /// Its value is out of date.
    pub fn is_stale(&self) -> bool {
        self.shard.header(self.id).has(item::mark::STALE)
    }
    /// Somebody was told to renew it.
    pub fn is_won(&self) -> bool {
        self.shard.header(self.id).has(item::mark::WON)
    }
    /// Tell this asker to renew it, and nobody else.
    ///
    /// # Panics
    /// In a [`Session::get`] that finds it without marks ([`has_marks`](Self::has_marks)): others
    /// may be reading it as well.
    pub fn win(&mut self) {
        self.shard.alone().header_mut(self.id).add_marks(item::mark::WON);
    }
    /// Its class, from 1, as statistics count it.
    pub fn class(&self) -> usize {
        self.shard.line(self.id) + 1
    }
    /// Its size as counted: header, flags, key, value.
    pub fn size(&self) -> usize {
        self.shard.size(self.id)
    }
    /// Keep the value as it is now, to be copied out in slices; for long values.
    ///
    /// # Panics
    /// In a [`Session::get`] that finds it in one piece ([`value`](Self::value)), as above.
    pub fn pin(&mut self) -> PinId {
        PinId(outside(self.number, self.shard.alone().pin(self.id)))
    }
}

/// Names a pinned value; belongs to one reader, which must `unpin` it.
#[derive(Debug, PartialEq, Eq)]
pub struct PinId(u64);

/// Names a half-received value; belongs to one writer, which must commit or drop it.
#[derive(Debug, PartialEq, Eq)]
pub struct UploadId(u64);

/// A shard's number in the top byte of a table number (whose top byte is free).
fn outside(shard: usize, number: u64) -> u64 {
    (shard as u64) << 56 | number
}
fn inside(id: u64) -> (usize, u64) {
    ((id >> 56) as usize, id & (u64::MAX >> 8))
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

/// Bytes that all shards together may hold of something, against a cap.
#[derive(Debug, Clone)]
struct Budget {
    bytes: Arc<AtomicU64>,
    max: u64,
}

impl Budget {
    fn new(max: u64) -> Budget {
        Budget { bytes: Arc::new(AtomicU64::new(0)), max }
    }
    /// Whether `n` more would pass the cap.
    fn exceeds(&self, n: usize) -> bool {
        self.bytes.load(Ordering::Relaxed) + n as u64 > self.max
    }
    fn add(&self, n: usize) {
        self.bytes.fetch_add(n as u64, Ordering::Relaxed);
    }
    fn sub(&self, n: usize) {
        self.bytes.fetch_sub(n as u64, Ordering::Relaxed);
    }
}

/// All items.
pub struct Store {
    slots: Box<[Slot]>,
    /// A hash shifted right by one more than this is its shard.
    shift: u32,
    hasher: KeyHasher,
    pool: PagePool,
    in_flight: Budget,
    uploads_begun: AtomicU64,
    /// As asked; the pool counts in whole pages.
    limit_bytes: AtomicU64,
    /// The limit can be raised to this.
    limit_bytes_max: u64,
    preallocated: bool,
    tuning: Mutex<Tuning>,
    moves: Mutex<Moves>,
    /// Dumps going on.
    dumps: AtomicUsize,
    /// Of those who read beside others; and what is counted on each.
    seats: Arc<Seats>,
    tallies: Box<[Arc<Tally>]>,
    /// What locks are timed with.
    ticks: fn() -> u64,
}

impl Store {
    /// Reserve memory and make the shards.
    ///
    /// # Errors
    /// The kernel's, when it will not reserve (or, preallocating, give) the memory.
    pub fn new(config: StoreConfig) -> io::Result<Store> {
        let shards = geometry::shard_count(config.limit_bytes, config.threads);
        // Pins and uploads are named with eight bits of shard: 8 TiB.
        if shards > 256 {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "more than 8 TiB of items"));
        }
        let pages = (config.limit_bytes / PAGE_SIZE as u64).max(1) as usize;
        let backing = if config.preallocate { Backing::Preallocated } else { Backing::Huge };
        let pool = PagePool::new(pages, backing)?;
        let bits = shards.trailing_zeros();
        let settings = Settings::new(&config);
        let hasher = KeyHasher::new(config.seed);
        // Hash is uniform, so no shard comes near twice its share. Should the limit be raised,
        // items are hardly all of the smallest size.
        let limit_bytes_max = geometry::limit_max(config.limit_bytes, shards);
        let smallest = u64::from(settings.chunk_sizes[0]);
        let bytes = (2 * config.limit_bytes).max(limit_bytes_max / 2);
        let items_max = bytes / smallest / shards as u64 + 1024;
        let level =
            if config.hash_power == 0 { 6 } else { config.hash_power.saturating_sub(bits + 3) };
        let in_flight = Budget::new((config.limit_bytes / 4).max(config.item_size_max));
        // One value at least must be readable to its end.
        let pinned_dead = Budget::new((config.limit_bytes / 8).max(config.item_size_max));
        let seats = readers::seats_for(config.threads);
        let classes = settings.chunk_sizes.len();
        let tallies = (0..seats.count()).map(|_| Arc::new(Tally::new(classes))).collect();
        let slot = |number: usize| -> io::Result<Slot> {
            let index = Index::new(items_max as usize, level, number)?;
            let ghosts = Ghosts::new(items_max as usize, number)?;
            let pages_max = (limit_bytes_max / PAGE_SIZE as u64) as usize;
            let table = PageTable::new(pages_max.min(geometry::PAGES_MAX), number)?;
            let foresight = Foresight::new(&index, table.clone());
            let shard = Shard::new(Parts {
                settings: settings.clone(),
                hasher: hasher.clone(),
                pool: pool.clone(),
                in_flight: in_flight.clone(),
                pinned_dead: pinned_dead.clone(),
                index,
                table,
                ghosts,
                number: (number as u64, bits),
            });
            Ok(Slot { shard: Biased::new(shard, &seats), foresight })
        };
        let slots = (0..shards).map(slot).collect::<io::Result<Box<[Slot]>>>()?;
        Ok(Store {
            slots,
            shift: 63 - bits,
            hasher,
            pool,
            in_flight,
            uploads_begun: AtomicU64::new(0),
            limit_bytes: AtomicU64::new(config.limit_bytes),
            limit_bytes_max,
            preallocated: config.preallocate,
            tuning: Mutex::new(Tuning::new(&config)),
            moves: Mutex::new(Moves::default()),
            dumps: AtomicUsize::new(0),
            seats,
            tallies,
            ticks: || 0,
        })
    }
    /// Time how long locks are held, in differences of `ticks`: the store reads no clock itself.
    #[must_use]
    pub fn timed(mut self, ticks: fn() -> u64) -> Store {
        self.ticks = ticks;
        self.slots.iter().for_each(|slot| slot.lock().settings.ticks = ticks);
        self
    }

    /// The hash of a key.
    #[inline]
    pub fn hash(&self, key: &[u8]) -> KeyHash {
        self.hasher.hash(key)
    }
    #[inline]
    fn slot(&self, hash: KeyHash) -> usize {
        // In two steps, for a shift by 64, as one shard has it, would overflow.
        (hash.0 >> 1 >> self.shift) as usize
    }
    /// The shard of a key, from 0.
    pub fn shard_of(&self, hash: KeyHash) -> usize {
        self.slot(hash)
    }
    /// Bring a key's index bucket into the cache; takes no lock.
    #[inline]
    pub fn prefetch_bucket(&self, hash: KeyHash) {
        self.slots[self.slot(hash)].foresight.prefetch_bucket(hash);
    }
    /// Bring the likely item's front into the cache, by a peek at the bucket; with `values`, more
    /// of it, which pays if it is going to be read. Takes no lock.
    #[inline]
    pub fn prefetch_item(&self, hash: KeyHash, values: bool) {
        self.slots[self.slot(hash)].foresight.prefetch_item(hash, values);
    }
    /// A visit: verbs run through it, each under its shard's lock. With one shard the lock is
    /// kept for the whole visit, so make visits short (one batch) and do no IO during one.
    #[inline]
    pub fn session(&self) -> Session<'_> {
        Session::new(self, None)
    }
    /// A visit by a worker that has a reader: where shards are only read, it reads them beside
    /// others.
    #[inline]
    pub fn session_of<'a>(&'a self, reader: Option<&'a Reader>) -> Session<'a> {
        Session::new(self, reader)
    }

    /// The reader is done, or gone.
    pub fn unpin(&self, pin: PinId) {
        let (shard, number) = inside(pin.0);
        self.slots[shard].lock().unpin(number);
    }

    /// Begin to receive a value of `len` bytes. `Err`: `TooLarge` or `OutOfMemory`, which for
    /// `SetMode::Set` has removed the old item.
    pub fn begin_upload(
        &self,
        args: &SetArgs<'_>,
        len: u32,
        now: Seconds,
    ) -> Result<UploadId, Stored> {
        self.session().begin_upload(args, len, now)
    }
    /// As above, but a refusal is still to be counted.
    fn try_begin_upload(
        &self,
        args: &SetArgs<'_>,
        len: u32,
        now: Seconds,
    ) -> Result<UploadId, Stored> {
        let slot = self.slot(args.hash);
        let order = self.uploads_begun.fetch_add(1, Ordering::Relaxed);
        let mut begun = self.slots[slot].lock().begin_upload(args, len, order, now);
        for _ in 0..ATTEMPTS {
            if begun != Err(Stored::OutOfMemory) || !self.find_page(slot, now) {
                break;
            }
            begun = self.slots[slot].lock().begin_upload(args, len, order, now);
        }
        begun.map(|number| UploadId(outside(slot, number)))
    }
    /// The next bytes of it, no more than were announced.
    pub fn append_upload(&self, id: &UploadId, mut bytes: &[u8], now: Seconds) -> Received {
        let (slot, number) = inside(id.0);
        while !bytes.is_empty() {
            // A slice at a time, so that the lock is short.
            let slice = &bytes[..bytes.len().min(64 << 10)];
            self.make_way(slot, number, slice.len(), now);
            let step = self.slots[slot].lock().append_upload(number, slice, now);
            let Some((done, taken)) = step else { return Received::Dropped };
            bytes = &bytes[taken..];
            if !done && !self.find_page(slot, now) {
                self.slots[slot].lock().upload_failed(number, now);
                return Received::Dropped;
            }
        }
        Received::Taken
    }
    /// Drop other uploads until all together may hold `n` bytes more.
    fn make_way(&self, slot: usize, number: u64, n: usize, now: Seconds) {
        while self.in_flight.exceeds(n) && self.drop_stalest(slot, number, now) {}
    }
    /// All uploads together hold too much: the one that made the least progress of late, other
    /// than the one that asks, is dropped, so that stalled senders cannot starve the others. Its
    /// command has failed for memory, and is counted now: its owner may never ask again. `false`:
    /// there was none to drop.
    #[cold]
    fn drop_stalest(&self, asking_slot: usize, asking: u64, now: Seconds) -> bool {
        if self.slots[asking_slot].lock().uploads.get(asking).is_none() {
            return false; // It was dropped itself, for another.
        }
        let stalest = |slot: usize| {
            let but = (slot == asking_slot).then_some(asking);
            let found = self.slots[slot].lock().stalest_upload(but);
            found.map(|(active, begun, number)| (active, begun, slot, number))
        };
        let found = (0..self.slots.len()).filter_map(stalest).min();
        if let Some((_, _, slot, number)) = found {
            self.slots[slot].lock().upload_failed(number, now);
        }
        found.is_some()
    }
    /// All bytes and a good terminator are there: store it.
    pub fn commit_upload(&self, id: UploadId, now: Seconds) -> Stored {
        self.session().commit_upload(id, now).0
    }
    /// Forget it.
    pub fn drop_upload(&self, id: UploadId) {
        let (slot, number) = inside(id.0);
        self.slots[slot].lock().drop_upload(number);
    }
    /// It was received whole but ended badly: counts a cmd_set, stores nothing.
    pub fn spoil_upload(&self, id: UploadId) {
        let (slot, number) = inside(id.0);
        self.slots[slot].lock().upload_spoiled(number);
    }

    /// Everything stored before `at` is dead from `at` on (`at <= now`: at once).
    pub fn flush(&self, at: Seconds, now: Seconds) {
        self.slots.iter().for_each(|slot| slot.lock().flush(at, now));
    }
    /// Background work on every shard, each under its lock for a fraction of a millisecond. To be
    /// called about ten times a second. `true`: call `clean` before long, there is more to do.
    pub fn maintain(&self, now: Seconds) -> bool {
        self.upkeep(|shard| shard.maintain(now) | self.fold(shard))
    }
    /// The part of it that there can be much of: freeing what is dead, as `maintain` does. To be
    /// called again after a pause (the lock is not fair) while the answer is `true`.
    pub fn clean(&self, now: Seconds) -> bool {
        self.upkeep(|shard| shard.clean(now) | self.fold(shard))
    }
    /// A dump that has begun to walk this index did so under its lock: it is counted by now.
    fn fold(&self, shard: &mut Shard) -> bool {
        self.dumps.load(Ordering::Relaxed) == 0 && shard.fold_index()
    }
    /// Have memory there before it is first used (see `pages.rs`): for a thread of its own, again
    /// and again, which sleeps meanwhile. `false`: no longer.
    pub fn provide(&self) -> bool {
        self.pool.provide()
    }
    /// End that.
    pub fn end_providing(&self) {
        self.pool.end_providing();
    }
    /// A step of work on every shard; whether there is more to do in any.
    fn upkeep(&self, work: impl Fn(&mut Shard) -> bool) -> bool {
        self.slots.iter().filter(|slot| self.work_on(slot, &work)).count() > 0
    }
    /// Some upkeep under the lock, timed.
    fn work_on<R>(&self, slot: &Slot, work: impl FnOnce(&mut Shard) -> R) -> R {
        let mut shard = slot.lock_to_look();
        let began = (self.ticks)();
        shard.rest();
        let result = work(&mut shard);
        shard.rest();
        slot.publish(&shard);
        shard.counts.upkeep.record((self.ticks)().saturating_sub(began));
        self.leave(shard);
        result
    }

    /// Everything counted, summed over shards.
    pub fn stats(&self, now: Seconds) -> StoreStats {
        let mut total = StoreStats {
            limit_bytes: self.limit_bytes.load(Ordering::Relaxed),
            tuning: self.tuning(),
            moving: self.is_moving(),
            shards: self.slots.len(),
            ..StoreStats::default()
        };
        let mut sizes = std::collections::BTreeMap::new();
        let mut level = 0;
        for slot in &self.slots {
            let mut shard = slot.lock_to_look();
            shard.settle();
            shard.add_stats(&mut total, now);
            level = level.max(shard.index.level());
            for (&bucket, &count) in &shard.counts.sizes {
                *sizes.entry(bucket * 32).or_insert(0) += count;
            }
            self.leave(shard);
        }
        self.tallies.iter().for_each(|tally| tally.add_to(&mut total));
        total.hash_power = level + self.slots.len().trailing_zeros();
        total.sizes = sizes.into_iter().collect();
        total.pages_free = self.pool.free() as u64;
        total.tables_inside = self.pool.tables_inside() as u64;
        total
    }
    /// Zero what `stats reset` zeroes.
    pub fn reset_stats(&self) {
        for slot in &self.slots {
            let mut shard = slot.lock_to_look();
            shard.settle();
            shard.counts.reset();
            self.leave(shard);
        }
        self.tallies.iter().for_each(|tally| tally.reset());
    }

    /// Tests: let the next `n` page allocations succeed and all later ones fail; `None`: stop
    /// failing.
    #[doc(hidden)]
    pub fn fail_pages_after(&self, n: Option<usize>) {
        self.pool.fail_after(n);
    }
    /// Recount everything that must add up; panics naming the invariant that does not hold. All
    /// shards stand still meanwhile (nobody else ever waits for one while holding another).
    pub fn assert_valid(&self) {
        let shards: Vec<_> = self.slots.iter().map(Slot::lock).collect();
        shards.iter().for_each(|shard| shard.assert_valid());
        let pages: usize = shards.iter().map(|shard| shard.slabs.page_count()).sum();
        assert_eq!(pages, self.pool.taken(), "pool: pages taken = pages owned");
    }
}
