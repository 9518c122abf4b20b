//! Stores of numbered items, for what is measured of them.

use std::hint::black_box;

use slabd::store::{KeyHash, Session, SetArgs, SetMode, SetRare, Store, StoreConfig};

/// Requests whose buckets and headers are fetched ahead, as a worker does in a batch.
pub const AHEAD: usize = 8;
/// The time that every request is told.
pub const NOW: u32 = 100;
const VALUE: [u8; 32] = [b'v'; 32];

fn store(megabytes: u64, threads: usize) -> Store {
    let limit_bytes = megabytes << 20;
    let seed = Some(42);
    Store::new(StoreConfig { limit_bytes, threads, seed, ..StoreConfig::default() })
        .expect("memory for the store")
}

/// Keys of 16 bytes.
pub fn key(number: usize) -> [u8; 16] {
    let mut key = *b"key:000000000000";
    let mut rest = number;
    for digit in key[4..].iter_mut().rev() {
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    key
}

/// Stores a value under the key of this number.
pub fn set(store: &Store, number: usize) {
    let key = key(number);
    set_in(&mut store.session(), &key, store.hash(&key));
}

/// Stores a value in a visit.
pub fn set_in(session: &mut Session<'_>, key: &[u8], hash: KeyHash) {
    let (flags, deadline, mode, compare) = (0, 0, SetMode::Set, None);
    let args = SetArgs { key, hash, flags, deadline, mode, compare, rare: SetRare::default() };
    black_box(session.set(&args, &VALUE, NOW));
}

/// A store of so many numbered items.
pub fn filled(megabytes: u64, threads: usize, items: usize) -> Store {
    let store = store(megabytes, threads);
    (0..items).for_each(|number| set(&store, number));
    store
}

/// Numbers below `limit` in no order that a processor could guess.
pub struct Numbers(pub u64, pub usize);

impl Numbers {
    /// The next one.
    pub fn next(&mut self) -> usize {
        self.0 = self.0.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
        ((self.0 >> 33) as usize) % self.1
    }

    /// The keys of so many.
    pub fn batch(&mut self, count: usize) -> Vec<[u8; 16]> {
        (0..count).map(|_| key(self.next())).collect()
    }
}
