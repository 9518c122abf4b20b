//! The key hash: seeded per process, so that nobody outside can choose keys that collide.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};

use foldhash::SharedSeed;
use foldhash::quality::FoldHasher;

/// The seeded hash of a key. Its top bits choose the shard, bits 32 to 39 are the index tag, the
/// low 32 bits the bucket.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct KeyHash(pub(super) u64);

/// Hashes keys; every shard has a copy.
#[derive(Debug, Clone)]
pub(super) struct KeyHasher {
    seed: u64,
    shared: SharedSeed,
}

impl KeyHasher {
    /// `None`: random per process.
    pub(super) fn new(seed: Option<u64>) -> KeyHasher {
        // The standard library's hasher keys are its documented source of per-process randomness.
        let random = || RandomState::new().hash_one(0u8);
        let (seed, shared) = match seed {
            Some(seed) => (seed, seed ^ 0x51ab_d000),
            None => (random(), random()),
        };
        KeyHasher { seed, shared: SharedSeed::from_u64(shared) }
    }
    #[inline]
    pub(super) fn hash(&self, key: &[u8]) -> KeyHash {
        let mut hasher = FoldHasher::with_seed(self.seed, &self.shared);
        hasher.write(key);
        KeyHash(hasher.finish())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_fixes_the_hash_and_no_seed_differs() {
        let a = KeyHasher::new(Some(1));
        assert_eq!(a.hash(b"key"), KeyHasher::new(Some(1)).hash(b"key"));
        assert_ne!(a.hash(b"key"), KeyHasher::new(Some(2)).hash(b"key"));
        assert_ne!(KeyHasher::new(None).hash(b"key"), KeyHasher::new(None).hash(b"key"));
    }

    #[test]
    fn short_keys_that_differ_only_in_length_differ() {
        let h = KeyHasher::new(Some(7));
        let zeros = [0u8; 64];
        for a in 1..64 {
            for b in 1..a {
                assert_ne!(h.hash(&zeros[..a]), h.hash(&zeros[..b]), "{a} {b}");
            }
        }
    }
}
