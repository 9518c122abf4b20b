//! Ghosts: who was evicted on probation of late. A key that comes back while its ghost is there
//! was sent away too soon, and need not prove itself again.
//!
//! A ghost is a 16-bit tag in a bucket of eight; the newest pushes the bucket's oldest out. So
//! they cost two bytes each, and of a hundred thousand newcomers about ten are taken for another.
//! There are a third to two thirds as many as items, whatever room was reserved.
//!
//! Invariants: `tags` counts the tags that are not 0, and none stands behind bucket `buckets`.

use std::io;

use super::KeyHash;
use crate::sys::lazy::LazyWords;

/// Words of a bucket.
const WORDS: usize = 4;
/// Bits of a tag.
const TAG_BITS: u32 = 16;
/// Tags of a bucket.
const TAGS: u32 = u128::BITS / TAG_BITS;
/// Items for each bucket, when buckets are added.
const ITEMS_PER_BUCKET: usize = 12;

/// The ghosts of one shard.
#[derive(Debug)]
pub(super) struct Ghosts {
    words: LazyWords,
    buckets_max: usize,
    /// In use: 0, or a power of two.
    buckets: usize,
    tags: u64,
}

impl Ghosts {
    /// None yet; room for those of `items_max` items of the shard of this number.
    ///
    /// # Errors
    /// The kernel's, when it will not reserve address space.
    pub(super) fn new(items_max: usize, number: usize) -> io::Result<Ghosts> {
        let buckets_max = (items_max / ITEMS_PER_BUCKET).max(1).next_power_of_two();
        let words = LazyWords::new(buckets_max * WORDS, number)?;
        Ok(Ghosts { words, buckets_max, buckets: 0, tags: 0 })
    }
    /// Bytes in use.
    pub(super) fn bytes(&self) -> u64 {
        (self.buckets * WORDS * 4) as u64
    }

    /// Where a hash's ghost stands: its bucket, of those in use, and its tag, which is not 0.
    /// Bits the index does not choose by: neighbours in one are none in the other.
    #[inline]
    fn place(&self, hash: KeyHash) -> (usize, u128) {
        let bucket = (hash.0 >> 8) as u32 as usize & (self.buckets - 1);
        (bucket * WORDS, u128::from(((hash.0 >> 40) as u16).max(1)))
    }
    #[inline]
    fn bucket(&self, at: usize) -> u128 {
        let words = self.words[at..at + WORDS].iter().rev();
        words.fold(0, |bucket, &word| bucket << 32 | u128::from(word))
    }
    #[inline]
    fn set_bucket(&mut self, at: usize, bucket: u128) {
        for (n, word) in self.words[at..at + WORDS].iter_mut().enumerate() {
            *word = (bucket >> (32 * n)) as u32;
        }
    }

    /// An item was evicted, from among so many.
    #[inline]
    pub(super) fn insert(&mut self, hash: KeyHash, items: usize) {
        if items / ITEMS_PER_BUCKET >= 2 * self.buckets {
            // What stands in the wrong bucket from now on is pushed out in time.
            let wanted = 1 << (items / ITEMS_PER_BUCKET).max(1).ilog2();
            self.buckets = self.buckets_max.min(wanted);
        }
        let (at, tag) = self.place(hash);
        let bucket = self.bucket(at);
        let oldest = bucket >> ((TAGS - 1) * TAG_BITS);
        self.tags += u64::from(oldest == 0);
        self.set_bucket(at, bucket << TAG_BITS | tag);
    }

    /// Whether the key's ghost is there; if so, it is laid.
    #[inline]
    pub(super) fn take(&mut self, hash: KeyHash) -> bool {
        if self.buckets == 0 {
            return false;
        }
        let (at, tag) = self.place(hash);
        let bucket = self.bucket(at);
        let is_tag = |n: &u32| bucket >> (n * TAG_BITS) & 0xffff == tag;
        let Some(n) = (0..TAGS).find(is_tag) else { return false };
        self.set_bucket(at, bucket & !(0xffff << (n * TAG_BITS)));
        self.tags -= 1;
        true
    }

    /// Recount, for `check.rs`.
    pub(super) fn assert_valid(&self) {
        let tags = |n: usize| {
            let bucket = self.bucket(n * WORDS);
            (0..TAGS).filter(|n| (bucket >> (n * TAG_BITS)) as u16 != 0).count() as u64
        };
        let counted: u64 = (0..self.buckets).map(tags).sum();
        assert_eq!(self.tags, counted, "ghosts: tags are counted");
        assert!(self.buckets <= self.buckets_max, "ghosts: no more than there is room for");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(n: u64) -> KeyHash {
        KeyHash((n + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    #[test]
    fn what_was_evicted_is_known_once() {
        let mut ghosts = Ghosts::new(1000, 1).unwrap();
        assert!(!ghosts.take(hash(1)));
        ghosts.insert(hash(1), 1000);
        ghosts.insert(hash(2), 1000);
        ghosts.assert_valid();
        assert!(!ghosts.take(hash(3)));
        assert!(ghosts.take(hash(1)) && !ghosts.take(hash(1)));
        assert!(ghosts.take(hash(2)));
        ghosts.assert_valid();
        assert_eq!(ghosts.tags, 0);
    }

    #[test]
    fn the_oldest_go_first_and_their_number_follows_the_items() {
        let mut ghosts = Ghosts::new(100_000, 0).unwrap();
        let items = 2400;
        let all = if cfg!(miri) { 3000 } else { 30_000 };
        (0..all).for_each(|n| ghosts.insert(hash(n), items));
        ghosts.assert_valid();
        assert_eq!(ghosts.bytes(), 128 * 16);
        assert!(ghosts.tags > 1000, "{} of 1024", ghosts.tags);
        let late = (all - 500..all).filter(|&n| ghosts.take(hash(n))).count();
        let early = (0..500).filter(|&n| ghosts.take(hash(n))).count();
        ghosts.assert_valid();
        assert!(late > 450 && early < 20, "{late} late, {early} early");
    }

    #[test]
    fn more_items_mean_more_ghosts_up_to_what_was_reserved() {
        let mut ghosts = Ghosts::new(1200, 2).unwrap();
        ghosts.insert(hash(1), 1);
        assert_eq!(ghosts.bytes(), 16);
        ghosts.insert(hash(2), 1_000_000);
        assert_eq!(ghosts.bytes(), 128 * 16);
        ghosts.assert_valid();
    }
}
