//! Several workers on one store at a time, with background work beside them.
//!
//! Each worker stores under keys of its own, and looks up everybody's. A value says which store of
//! its key it was, over and over: so who sees half of one and half of another knows, and so does
//! who sees an older one than before. What was looked up was counted each time, as a hit or a miss.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use slabd::store::{DeleteArgs, SetArgs, SetMode, SetRare, Store, StoreConfig};

use crate::rng::Rng;
use crate::store_twin::{config, key_bytes};

const WORKERS: usize = 3;
/// Keys that each stores under.
const KEYS: usize = 2;
const NOW: u32 = 100;

/// What a worker did.
#[derive(Default)]
struct Done {
    gets: u64,
    sets: u64,
}

/// One worker.
struct Worker<'s> {
    store: &'s Store,
    rng: Rng,
    /// Which one.
    place: usize,
    /// How often it stored under each of its keys.
    written: [u64; KEYS],
    /// The last that was seen of each key.
    seen: [u64; KEYS * WORKERS],
    done: Done,
}

impl<'s> Worker<'s> {
    fn new(store: &'s Store, place: usize, seed: u64) -> Worker<'s> {
        let (written, seen) = ([0; KEYS], [0; KEYS * WORKERS]);
        Worker { store, rng: Rng::new(seed), place, written, seen, done: Done::default() }
    }

    /// Mostly gets, so that shards are open to readers much of the time.
    fn run(mut self, operations: u64) -> Done {
        let reader = self.store.reader().expect("a seat for each worker");
        for _ in 0..operations {
            let store = self.store;
            let mut session = store.session_of(Some(&reader));
            for _ in 0..self.rng.below(16) {
                let at = self.rng.below(KEYS * WORKERS);
                let key = key_bytes(at);
                let seen = session.get(&key, store.hash(&key), None, NOW, |hit| {
                    let mut value = Vec::new();
                    hit.copy_to(&mut value);
                    value
                });
                self.done.gets += 1;
                if let Some(value) = seen {
                    self.judge(at, &value);
                }
            }
            drop(session);
            if self.rng.below(40) == 0 {
                self.write();
            }
        }
        self.done
    }
    fn judge(&mut self, at: usize, value: &[u8]) {
        let (words, rest) = value.as_chunks::<8>();
        assert!(!words.is_empty() && rest.is_empty(), "a value that was stored");
        assert!(words.iter().all(|word| *word == words[0]), "all of one value: {words:?}");
        let version = u64::from_le_bytes(words[0]);
        assert!(version >= self.seen[at], "{at}: {version} after {}", self.seen[at]);
        self.seen[at] = version;
    }
    /// Store under one of its keys, or delete it.
    fn write(&mut self) {
        let own = self.rng.below(KEYS);
        let key = key_bytes(self.place * KEYS + own);
        let hash = self.store.hash(&key);
        self.written[own] += 1;
        if self.rng.below(8) == 0 {
            self.store.session().delete(&DeleteArgs::new(&key, hash, None), NOW);
            return;
        }
        // From one word to several chunks, mostly long enough to be met half-way.
        let words = 1 << self.rng.below(14).max(self.rng.below(12));
        let value = self.written[own].to_le_bytes().repeat(words);
        let (mode, rare) = (SetMode::Set, SetRare::default());
        let args = SetArgs { key: &key, hash, flags: 0, deadline: 0, mode, compare: None, rare };
        self.store.session().set(&args, &value, NOW);
        self.done.sets += 1;
    }
}

fn crowd(config: StoreConfig, operations: u64, seed: u64) {
    println!("SLABD_SEED={seed}");
    let store = Store::new(StoreConfig { threads: WORKERS, ..config }).expect("memory");
    let (over, rounds) = (AtomicBool::new(false), AtomicU64::new(0));
    let (mut gets, mut sets) = (0, 0);
    std::thread::scope(|scope| {
        let upkeep = scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                store.maintain(NOW);
                // Many more meet at an open shard than would if it had to be quiet for long.
                for _ in 0..20 {
                    store.open_shards();
                    std::thread::yield_now();
                }
                rounds.fetch_add(1, Ordering::Relaxed);
            }
        });
        let work = |place: usize| {
            let worker = Worker::new(&store, place, seed + place as u64);
            scope.spawn(move || worker.run(operations))
        };
        let workers: Vec<_> = (0..WORKERS).map(work).collect();
        for worker in workers {
            let done = worker.join().expect("no worker saw what it should not");
            gets += done.gets;
            sets += done.sets;
        }
        over.store(true, Ordering::Relaxed);
        upkeep.join().expect("upkeep ends");
    });
    store.assert_valid();
    let stats = store.stats(NOW);
    let hits: u64 = stats.classes.iter().flat_map(|class| class.hits).sum();
    assert_eq!(hits + stats.misses.get, gets, "every get is a hit or a miss");
    assert!(sets > 0 && hits > gets / 4, "{sets} sets, {hits} hits of {gets}");
    assert!(rounds.into_inner() > 0, "there was background work");
}

#[test]
fn workers_see_whole_values_and_none_twice() {
    let operations = crate::from_env("SLABD_OPERATIONS").unwrap_or(40_000);
    let seed = crate::seed();
    crowd(config(64), operations, seed);
    // So little memory that items are evicted, and move.
    crowd(config(12), operations, seed);
    crowd(StoreConfig { segmented: false, ..config(1_024) }, operations, seed);
}
