//! hash → ItemId: an array of 64-byte buckets that grows one bucket at a time.
//!
//! A bucket is a cache line of eight words: twelve tags of a byte each, then the link to an
//! overflow bucket (the upper half of word 1, 0: none), then twelve ids, two to a word (0: empty).
//! One line decides nearly every lookup; a miss rarely touches an item. Growth is linear hashing:
//! bucket `split` is divided in two, `split` moves on, and when it has passed every bucket of a
//! level the level doubles. When few items are left the last bucket is folded back into the one it
//! came from, and so on.
//!
//! Invariants: a tag is 0 exactly where its id is 0; an id stands in the bucket its hash names;
//! every bucket behind the first of a chain holds at least one id; `split <= mask`.
//!
//! The buckets may be read by anybody at any time ([`likely`]), and so are written word by word; of
//! what is read without the shard's lock nothing is certain.

use std::io;
use std::sync::atomic::Ordering::Relaxed;

use super::KeyHash;
use super::item::ItemId;
use crate::sys::cpu::{equal_bytes, prefetch};
use crate::sys::lazy::{LazyLines, Line};
use crate::sys::memory::{BASE_PAGE, HUGE_PAGE, Part};

/// Bytes of a bucket.
const BUCKET_SIZE: usize = size_of::<Line>();
/// Ids of a bucket.
const SLOTS: usize = 12;
/// A bit for each of them.
const ALL_SLOTS: u32 = (1 << SLOTS) - 1;
/// The word of a bucket in which its ids begin.
const IDS: usize = 2;
/// Items per bucket, on average, beyond which a bucket is split: at 8 of 12 few buckets overflow
/// even just before they are split, and an item costs 8 bytes.
const LOAD: usize = 8;
/// Items per bucket, on average, up to which growth waits for a huge page that nobody has begun to
/// prepare,
const LOAD_ASKED: usize = 9;
/// and for one that somebody has.
const LOAD_BEGUN: usize = 11;
/// Items per bucket, on average, below which buckets are folded: so far from `LOAD` that a cache
/// whose items come and go does neither.
const LOAD_MIN: usize = 4;
/// Buckets whose memory is given back at a time: a quarter of a megabyte.
const RELEASE: usize = 4096;
const _: () = assert!((RELEASE * BUCKET_SIZE).is_multiple_of(BASE_PAGE));
/// Buckets of a huge page.
const PER_HUGE: usize = HUGE_PAGE / BUCKET_SIZE;
/// Buckets from which on huge pages may be worth it: behind 4 MiB, what the last one has too much
/// is less than half of what there is.
const HUGE_FROM: usize = 2 * PER_HUGE;
/// What of a huge page is left when the next one is to be prepared, as one part in so many: 32 000
/// items until it is needed, and a quarter of a megabyte more that is there too soon.
const AHEAD: usize = 8;
/// Longest chain of overflow buckets that is followed: protection against flooding, should a
/// sender ever learn the seed. An insert that would pass it fails.
const CHAIN_MAX: usize = 64;

/// Where linear hashing stands: how a hash finds its bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct IndexShape {
    /// Buckets of a full level, less one: `2^level - 1`.
    pub(super) mask: u32,
    /// Buckets before this one are divided already.
    pub(super) split: u32,
}

impl IndexShape {
    #[inline]
    pub(super) fn bucket(self, hash: KeyHash) -> usize {
        let low = hash.0 as u32;
        let bucket = low & self.mask;
        let bucket = if bucket < self.split { low & (self.mask << 1 | 1) } else { bucket };
        bucket as usize
    }
    /// In one word.
    pub(super) fn to_bits(self) -> u64 {
        u64::from(self.mask) << 32 | u64::from(self.split)
    }
    /// What `to_bits` made of it.
    pub(super) fn from_bits(bits: u64) -> IndexShape {
        IndexShape { mask: (bits >> 32) as u32, split: bits as u32 }
    }
}

/// The index of one shard. In this order, for every verb needs what stands first.
#[derive(Debug)]
#[repr(C)]
pub(super) struct Index {
    buckets: LazyLines,
    /// Buckets there may ever be; behind them lie the overflow buckets.
    buckets_max: usize,
    shape: IndexShape,
    items: usize,
    overflow_used: usize,
    /// Overflow buckets given back, linked through their links; 0: none.
    overflow_free: u32,
    overflow_max: usize,
    /// Overflow buckets in use at present.
    overflow_live: usize,
    /// Buckets that there were at first, and always are.
    homes_min: usize,
    /// Buckets before this one may have memory: they are or were in use, or a huge page, which
    /// takes its memory at once, was prepared for them.
    touched: usize,
    /// The last huge page that was to be prepared.
    ahead: Option<Part>,
    /// What a chain held, while it is put elsewhere: kept for its memory.
    lent: Vec<(u8, ItemId)>,
}

/// The tag of a hash: never 0, which marks an empty slot.
#[inline]
fn tag(hash: KeyHash) -> u8 {
    ((hash.0 >> 32) as u8).max(1)
}

/// Bit `i` is set where tag `i` of the bucket is `tag`.
#[inline]
fn matches(bucket: &Line, tag: u8) -> u32 {
    equal_bytes([bucket[0].load(Relaxed), bucket[1].load(Relaxed)], tag) & ALL_SLOTS
}
/// Bit `i` is set where a slot is empty.
#[inline]
fn vacant(bucket: &Line) -> u32 {
    matches(bucket, 0)
}
/// The id in a slot.
#[inline]
fn id_in(bucket: &Line, slot: usize) -> Option<ItemId> {
    ItemId::from_bits(half(bucket, IDS * 2 + slot))
}
/// The `n`th half of a bucket's words.
#[inline]
fn half(bucket: &Line, n: usize) -> u32 {
    (bucket[n / 2].load(Relaxed) >> (n % 2 * 32)) as u32
}
#[inline]
fn set_half(bucket: &Line, n: usize, to: u32) {
    set_bits(bucket, n / 2, u64::from(u32::MAX) << (n % 2 * 32), u64::from(to) << (n % 2 * 32));
}
/// Set the bits of a mask in a word. Only whoever holds the shard's lock writes, so that nothing
/// can come between.
#[inline]
fn set_bits(bucket: &Line, word: usize, mask: u64, to: u64) {
    let old = bucket[word].load(Relaxed);
    bucket[word].store(old & !mask | to, Relaxed);
}
/// Half of a bucket's words that is its link.
const LINK: usize = 3;
/// Tag and id of a slot.
#[inline]
fn read(bucket: &Line, slot: usize) -> (u8, Option<ItemId>) {
    ((bucket[slot / 8].load(Relaxed) >> (slot % 8 * 8)) as u8, id_in(bucket, slot))
}
#[inline]
fn write(bucket: &Line, slot: usize, tag: u8, id: Option<ItemId>) {
    set_half(bucket, IDS * 2 + slot, id.map_or(0, ItemId::bits));
    let shift = slot % 8 * 8;
    set_bits(bucket, slot / 8, 0xff << shift, u64::from(tag) << shift);
}
/// The ids of a bucket.
fn ids(bucket: &Line) -> impl Iterator<Item = ItemId> {
    (0..SLOTS).filter_map(|slot| id_in(bucket, slot))
}

/// The first item whose tag fits in the bucket of its hash: nearly always the one, good enough for
/// a prefetch. May be asked at any time.
#[inline]
pub(super) fn likely(buckets: &LazyLines, shape: IndexShape, hash: KeyHash) -> Option<ItemId> {
    let bucket = buckets.get(shape.bucket(hash))?;
    let found = matches(bucket, tag(hash));
    if found == 0 {
        return None;
    }
    id_in(bucket, found.trailing_zeros() as usize)
}
/// Bring a hash's bucket closer.
#[inline]
pub(super) fn prefetch_bucket(buckets: &LazyLines, shape: IndexShape, hash: KeyHash) {
    prefetch(buckets.address() + shape.bucket(hash) * BUCKET_SIZE);
}

/// See [`Index::candidates`].
pub(super) struct Candidates<'a> {
    index: &'a Index,
    tag: u8,
    /// The bucket that is being looked at, and its slots still to be seen: a bit each.
    at: usize,
    found: u32,
}

impl Iterator for Candidates<'_> {
    type Item = ItemId;

    #[inline(always)]
    fn next(&mut self) -> Option<ItemId> {
        loop {
            while self.found != 0 {
                let slot = self.found.trailing_zeros() as usize;
                self.found &= self.found - 1;
                if let Some(id) = id_in(self.index.bucket(self.at), slot) {
                    return Some(id);
                }
            }
            self.at = self.index.follow(self.at)?;
            self.found = matches(self.index.bucket(self.at), self.tag);
        }
    }
}

impl Index {
    /// An index for at most `items_max` items that begins with `2^level` buckets, of the shard of
    /// this number.
    pub(super) fn new(items_max: usize, level: u32, number: usize) -> io::Result<Index> {
        let buckets_max = (items_max / LOAD + 1).next_power_of_two().max(1 << level);
        let overflow_max = buckets_max / 2 + 64;
        let buckets = LazyLines::new(buckets_max + overflow_max, number)?;
        Ok(Index {
            buckets,
            buckets_max,
            shape: IndexShape { mask: ((1u64 << level) - 1) as u32, split: 0 },
            items: 0,
            overflow_used: 0,
            overflow_free: 0,
            overflow_max,
            overflow_live: 0,
            homes_min: 1 << level,
            touched: 1 << level,
            ahead: None,
            lent: Vec::with_capacity(SLOTS * CHAIN_MAX),
        })
    }

    /// What a prefetch needs to know.
    #[inline]
    pub(super) fn shape(&self) -> IndexShape {
        self.shape
    }
    /// The buckets, to be read by anybody; always the same.
    pub(super) fn buckets(&self) -> &LazyLines {
        &self.buckets
    }
    /// Items in it.
    pub(super) fn len(&self) -> usize {
        self.items
    }
    /// Bytes it takes up, room that a huge page has ahead of its buckets included.
    pub(super) fn bytes(&self) -> usize {
        (self.touched + self.overflow_used) * BUCKET_SIZE
    }
    /// log2 of the buckets of a full level.
    pub(super) fn level(&self) -> u32 {
        self.shape.mask.count_ones()
    }
    /// Buckets that begin a chain.
    fn homes(&self) -> usize {
        self.shape.mask as usize + 1 + self.shape.split as usize
    }

    #[inline]
    fn home(&self, hash: KeyHash) -> usize {
        self.shape.bucket(hash)
    }
    /// Bring a hash's bucket closer.
    #[inline]
    pub(super) fn prefetch(&self, hash: KeyHash) {
        prefetch_bucket(&self.buckets, self.shape, hash);
    }
    #[inline]
    fn bucket(&self, at: usize) -> &Line {
        &self.buckets[at]
    }
    /// The bucket behind `at` in its chain.
    #[inline]
    fn follow(&self, at: usize) -> Option<usize> {
        match half(self.bucket(at), LINK) {
            0 => None,
            link => Some(self.buckets_max + link as usize - 1),
        }
    }

    /// The items that may be of this hash: few others share its tag.
    #[inline(always)]
    pub(super) fn candidates(&self, hash: KeyHash) -> Candidates<'_> {
        let (at, tag) = (self.home(hash), tag(hash));
        Candidates { index: self, tag, at, found: matches(self.bucket(at), tag) }
    }

    /// Add an id under a hash. `false`: no room for an overflow bucket, nothing was added.
    #[must_use]
    pub(super) fn insert(&mut self, hash: KeyHash, id: ItemId) -> bool {
        if !self.place(self.home(hash), tag(hash), id) {
            return false;
        }
        self.items += 1;
        true
    }

    fn place(&mut self, home: usize, tag: u8, id: ItemId) -> bool {
        let mut at = home;
        for bucket in 1..=CHAIN_MAX {
            let vacant = vacant(self.bucket(at));
            if vacant != 0 {
                write(self.bucket(at), vacant.trailing_zeros() as usize, tag, Some(id));
                return true;
            }
            at = match self.follow(at) {
                Some(next) => next,
                None if bucket == CHAIN_MAX => return false,
                None => match self.take_overflow() {
                    Some(link) => {
                        set_half(self.bucket(at), LINK, link);
                        self.buckets_max + link as usize - 1
                    }
                    None => return false,
                },
            };
        }
        false
    }

    fn take_overflow(&mut self) -> Option<u32> {
        let link = if self.overflow_free != 0 {
            let link = self.overflow_free;
            let at = self.buckets_max + link as usize - 1;
            self.overflow_free = half(self.bucket(at), LINK);
            self.wipe(at);
            link
        } else if self.overflow_used < self.overflow_max {
            self.overflow_used += 1;
            self.overflow_used as u32
        } else {
            return None;
        };
        self.overflow_live += 1;
        Some(link)
    }

    /// Where `id` stands under `hash`: (bucket, slot).
    fn locate(&self, hash: KeyHash, id: ItemId) -> Option<(usize, usize)> {
        let mut at = self.home(hash);
        loop {
            let mut found = matches(self.bucket(at), tag(hash));
            while found != 0 {
                let slot = found.trailing_zeros() as usize;
                if id_in(self.bucket(at), slot) == Some(id) {
                    return Some((at, slot));
                }
                found &= found - 1;
            }
            at = self.follow(at)?;
        }
    }

    /// Put `new` in the place of `old`.
    pub(super) fn replace(&mut self, hash: KeyHash, old: ItemId, new: ItemId) {
        let (at, slot) = self.locate(hash, old).expect("the replaced id is in the index");
        set_half(self.bucket(at), IDS * 2 + slot, new.bits());
    }

    /// Take an id out.
    pub(super) fn remove(&mut self, hash: KeyHash, id: ItemId) {
        let (at, slot) = self.locate(hash, id).expect("the removed id is in the index");
        self.items -= 1;
        let home = self.home(hash);
        let Some((before, last)) = self.last_of_chain(home) else {
            write(self.bucket(at), slot, 0, None);
            return;
        };
        // Fill the hole from the end of the chain, so that chains shrink as they empty.
        let filler = (ALL_SLOTS & !vacant(self.bucket(last))).checked_ilog2();
        let filler = filler.expect("a bucket in a chain is not empty") as usize;
        let (tag, moved) = read(self.bucket(last), filler);
        write(self.bucket(at), slot, tag, moved);
        write(self.bucket(last), filler, 0, None);
        if vacant(self.bucket(last)) == ALL_SLOTS {
            self.free_overflow(before, last);
        }
    }

    /// The last bucket of a chain and the one before it; `None` without overflow.
    fn last_of_chain(&self, home: usize) -> Option<(usize, usize)> {
        let mut before = home;
        let mut last = self.follow(home)?;
        while let Some(next) = self.follow(last) {
            (before, last) = (last, next);
        }
        Some((before, last))
    }

    fn free_overflow(&mut self, before: usize, last: usize) {
        set_half(self.bucket(before), LINK, 0);
        set_half(self.bucket(last), LINK, self.overflow_free);
        self.overflow_free = (last - self.buckets_max) as u32 + 1;
        self.overflow_live -= 1;
    }

    /// Visit the items of one bucket, and say where the next one begins. A walk begins at 0 and
    /// ends at [`Index::WALK_END`]; buckets may be split meanwhile, but none folded. Positions are
    /// hashes read from their lowest bit on: in that order the two halves of a split bucket stand
    /// where it stood, so that a walk comes by every hash once, however the index grows.
    pub(super) fn walk(&self, position: u64, mut visit: impl FnMut(ItemId)) -> u64 {
        debug_assert!(position < Self::WALK_END, "a walk that has ended goes no further");
        let low = (position as u32).reverse_bits();
        let home = self.home(KeyHash(low.into()));
        let split = low & self.shape.mask < self.shape.split;
        let mut at = Some(home);
        while let Some(bucket) = at {
            ids(self.bucket(bucket)).for_each(&mut visit);
            at = self.follow(bucket);
        }
        position + (1 << (32 - self.level() - u32::from(split)))
    }
    /// See [`Index::walk`].
    pub(super) const WALK_END: u64 = 1 << 32;

    /// More items than the load allows: a bucket wants to be split.
    #[inline]
    pub(super) fn wants_growth(&self) -> bool {
        let buckets = self.homes();
        self.items > buckets * LOAD && buckets < self.buckets_max
    }

    /// The last part of a huge page's worth of buckets begins: what is behind had best be prepared
    /// before long, if it is worth a huge page.
    pub(super) fn nears_huge_page(&self) -> bool {
        let next = self.homes() + PER_HUGE / AHEAD;
        self.begins_huge_page(next) && (HUGE_FROM..self.buckets_max).contains(&next)
    }
    fn begins_huge_page(&self, bucket: usize) -> bool {
        (self.buckets.lead() / BUCKET_SIZE + bucket).is_multiple_of(PER_HUGE)
    }
    /// The huge page that is near, to be prepared.
    pub(super) fn huge_page_ahead(&mut self) -> Part {
        let next = self.homes() + PER_HUGE / AHEAD;
        self.touched = (next + PER_HUGE).min(self.buckets_max);
        let part = self.buckets.part(next, PER_HUGE);
        self.ahead = Some(part.clone());
        part
    }
    /// The next bucket is the first of a huge page that is being prepared: to use it now would be
    /// to wait for all of that, and to be a little fuller for a while costs next to nothing.
    pub(super) fn waits_for_memory(&self) -> bool {
        let homes = self.homes();
        if !self.begins_huge_page(homes) {
            return false;
        }
        let Some(ahead) = &self.ahead else { return false };
        if self.items > homes * LOAD_ASKED && ahead.call_off() {
            return false;
        }
        self.items <= homes * LOAD_BEGUN && !ahead.is_through()
    }

    /// Divide one bucket in two. `hash_of` gives an item's hash again, `address_of` its address
    /// (so that the items of the bucket can be fetched side by side).
    pub(super) fn grow(
        &mut self,
        mut hash_of: impl FnMut(ItemId) -> KeyHash,
        address_of: impl Fn(ItemId) -> usize,
    ) {
        let IndexShape { mask, split } = self.shape;
        let chain = self.empty_chain(split as usize, |id| prefetch(address_of(id)));
        self.shape = match split == mask {
            true => IndexShape { mask: mask << 1 | 1, split: 0 },
            false => IndexShape { mask, split: split + 1 },
        };
        self.touched = self.touched.max(self.homes());
        for &(_, id) in &chain {
            let hash = hash_of(id);
            // The two buckets need no more overflow buckets than the one had, plus what just
            // came free: this cannot fail.
            let placed = self.place(self.home(hash), tag(hash), id);
            assert!(placed, "index: a split bucket finds room");
        }
        self.lent = chain;
    }

    /// Take everything out of a chain, with its tags. The vector is lent: put it back.
    fn empty_chain(&mut self, home: usize, visit: impl Fn(ItemId)) -> Vec<(u8, ItemId)> {
        let mut chain = std::mem::take(&mut self.lent);
        chain.clear();
        let mut at = Some(home);
        while let Some(bucket) = at {
            for slot in 0..SLOTS {
                let (tag, id) = read(self.bucket(bucket), slot);
                if let Some(id) = id {
                    visit(id);
                    chain.push((tag, id));
                }
            }
            at = self.follow(bucket);
        }
        while let Some((before, last)) = self.last_of_chain(home) {
            self.free_overflow(before, last);
        }
        self.wipe(home);
        chain
    }
    /// Empty a bucket, and cut off what is behind it.
    fn wipe(&self, at: usize) {
        self.bucket(at).iter().for_each(|word| word.store(0, Relaxed));
    }

    /// Fewer items than so many buckets are for: the last one wants to be folded.
    #[inline]
    pub(super) fn wants_folding(&self) -> bool {
        let buckets = self.homes();
        self.items < buckets * LOAD_MIN && buckets > self.homes_min
    }

    /// Put the items of the last bucket back into the one it was split from. `false`: there is no
    /// room for that now, and nothing was done. No [walk](Index::walk) may be under way.
    pub(super) fn fold(&mut self) -> bool {
        let last = self.homes() - 1;
        let parent = last & !(1 << last.ilog2());
        // As many overflow buckets as the last one had will do, and one more.
        let fits = self.chain_len(last) + self.chain_len(parent) <= CHAIN_MAX;
        if !fits || self.overflow_live == self.overflow_max {
            return false;
        }
        let chain = self.empty_chain(last, |_| ());
        let IndexShape { mask, split } = self.shape;
        self.shape = match split {
            0 => IndexShape { mask: mask >> 1, split: mask >> 1 },
            _ => IndexShape { mask, split: split - 1 },
        };
        for &(tag, id) in &chain {
            let placed = self.place(parent, tag, id);
            assert!(placed, "index: a folded bucket finds room");
        }
        self.lent = chain;
        self.give_back();
        true
    }

    /// Give memory back behind the last bucket, if there is enough of it.
    fn give_back(&mut self) {
        // Where whole pages of any size begin, whatever stands before the first bucket.
        let lead = self.buckets.lead() / BUCKET_SIZE;
        let behind = |bucket: usize| (lead + bucket).next_multiple_of(RELEASE) - lead;
        let from = behind(self.homes());
        if self.touched >= from + RELEASE {
            let to = behind(self.touched).min(self.buckets_max);
            if let Some(ahead) = self.ahead.take() {
                ahead.call_off(); // or it would be there again, and count for nothing
            }
            self.buckets.release(from..to);
            self.touched = from;
        }
    }

    /// Buckets of a chain.
    fn chain_len(&self, home: usize) -> usize {
        std::iter::successors(Some(home), |&at| self.follow(at)).count()
    }

    /// Every id with the bucket that holds its chain, for `check.rs`.
    pub(super) fn for_each(&self, mut visit: impl FnMut(usize, u8, ItemId)) {
        for home in 0..self.homes() {
            let mut at = Some(home);
            while let Some(bucket) = at {
                for slot in 0..SLOTS {
                    let (tag, id) = read(self.bucket(bucket), slot);
                    assert_eq!(id.is_none(), tag == 0, "index: an empty slot has no tag");
                    if let Some(id) = id {
                        visit(home, tag, id);
                    }
                }
                at = self.follow(bucket);
                assert!(
                    bucket == home || vacant(self.bucket(bucket)) != ALL_SLOTS,
                    "index: no overflow bucket is empty"
                );
            }
        }
    }
    /// Whether `hash` belongs at `home` under `tag`, for `check.rs`.
    pub(super) fn agrees(&self, home: usize, tag_there: u8, hash: KeyHash) -> bool {
        self.home(hash) == home && tag(hash) == tag_there
    }
}

#[cfg(test)]
mod tests;
