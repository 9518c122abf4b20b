//! The store against its twin: a million random operations and more, under every shape a store
//! can have and with too little memory, so that it evicts all the time. See
//! `tests/common/store_twin.rs` for what is checked.
//!
//! The seed is printed; `SLABD_SEED=n cargo test --test model` runs the same operations again, and
//! `SLABD_OPERATIONS=n` changes how many (sanitizers are slow).

mod crowd;
#[path = "../common/rng.rs"]
#[allow(dead_code)] // each user of it needs a part
mod rng;
#[path = "../common/store_memory.rs"]
mod store_memory;
#[path = "../common/store_meta.rs"]
mod store_meta;
#[path = "../common/store_ops.rs"]
#[allow(dead_code)] // each user of it needs a part
mod store_ops;
#[path = "../common/store_small.rs"]
mod store_small;
#[path = "../common/store_transfers.rs"]
mod store_transfers;
#[path = "../common/store_twin.rs"]
mod store_twin;

use std::env;
use std::hash::{BuildHasher, RandomState};

use rng::Rng;
use slabd::store::StoreConfig;
use store_ops::{Choices, Scope};
use store_twin::{Tally, World, config};

/// The store recounts itself once in so many operations.
const CHECK_EVERY: usize = if cfg!(debug_assertions) { 1_000 } else { 10_000 };

/// Values up to this long are sent and stored; those near it are refused as too large.
const LEN_MAX: usize = 300 << 10;

/// Few enough that keys are met again, many enough that they do not fit.
const SCOPE: Scope = Scope { keys: 10_000, len_max: LEN_MAX, long_one_in: 200, fail_pages: false };

fn from_env(name: &str) -> Option<u64> {
    env::var(name).ok().map(|text| text.parse().expect("a number"))
}

fn seed() -> u64 {
    from_env("SLABD_SEED").unwrap_or_else(|| RandomState::new().hash_one(0))
}

/// Run `operations` on a store and its twin.
fn play(config: StoreConfig, scope: Scope, operations: usize) -> Tally {
    let operations = from_env("SLABD_OPERATIONS").map_or(operations, |n| n as usize);
    let seed = seed();
    println!("SLABD_SEED={seed}");
    let mut world = World::new(config, scope.len_max);
    let mut choices = Choices::Random(Rng::new(seed));
    for n in 1..=operations {
        world.apply(scope.choose(&mut choices));
        if n % CHECK_EVERY == 0 {
            world.check();
        }
    }
    let tally = world.finish();
    println!("{operations} operations: {tally:?}");
    tally
}

/// A run of the length that was meant for it must have led somewhere.
fn expect(enough: bool, what: &str, tally: &Tally) {
    assert!(enough || env::var_os("SLABD_OPERATIONS").is_some(), "too few {what}: {tally:?}");
}

/// As `play`, with enough of everything.
fn run(config: StoreConfig, scope: Scope, operations: usize) -> Tally {
    let uses_cas = config.use_cas;
    let tally = play(config, scope, operations);
    let enough = |n: u64, share: usize| n as usize >= operations / share;
    expect(enough(tally.hits, 50), "hits", &tally);
    expect(enough(tally.misses, 100), "misses", &tally);
    expect(enough(tally.stored, 20), "stores", &tally);
    expect(enough(tally.reclaimed, 1_000), "reclaimed items", &tally);
    expect(enough(tally.won, 4_000), "win tokens", &tally);
    expect(enough(tally.vivified, 1_000), "items that a miss created", &tally);
    expect(enough(tally.marked, 400), "items that md kept", &tally);
    expect(enough(tally.outdated, 15_000) || !uses_cas, "stale values stored", &tally);
    expect(enough(tally.pins_done, 75_000), "pins read to their end", &tally);
    tally
}

/// As `run`, of a store that must have evicted a lot.
fn run_evicting(config: StoreConfig, scope: Scope, operations: usize) -> Tally {
    let tally = run(config, scope, operations);
    expect(tally.evicted as usize >= operations / 50, "evictions", &tally);
    expect(tally.committed as usize >= operations / 500, "uploads", &tally);
    tally
}

#[test]
fn defaults_in_four_mebibytes() {
    run_evicting(config(64), SCOPE, 400_000);
}

#[test]
fn flat() {
    run_evicting(StoreConfig { segmented: false, ..config(64) }, SCOPE, 100_000);
}

#[test]
fn without_eviction() {
    let tally = run(StoreConfig { evict: false, ..config(64) }, SCOPE, 100_000);
    assert_eq!(tally.evicted, 0);
    expect(tally.no_memory > 1_000, "refusals", &tally);
}

#[test]
fn without_cas() {
    run_evicting(StoreConfig { use_cas: false, ..config(64) }, SCOPE, 50_000);
}

#[test]
fn few_classes_by_hand_and_short_lived_items_apart() {
    let slab_sizes = vec![64, 128, 500, 4_000];
    let shape = StoreConfig { slab_sizes, temporary_ttl: Some(61), ..config(48) };
    run_evicting(shape, SCOPE, 50_000);
}

#[test]
fn many_classes_without_a_crawler() {
    let shape = StoreConfig { growth_factor: 1.04, crawler: false, hash_power: 2, ..config(64) };
    run_evicting(shape, SCOPE, 50_000);
}

/// So few pages that the search for dead items before an eviction must miss none.
#[test]
fn sixteen_pages_with_nothing_dead_left_behind() {
    let scope = Scope { keys: 1_500, ..SCOPE };
    run_evicting(config(16), scope, 150_000);
}

#[test]
fn small_values_only_in_sixteen_pages() {
    let scope = Scope { keys: 20_000, len_max: 2_000, ..SCOPE };
    let shape = StoreConfig { item_size_max: 2_000, ..config(16) };
    let tally = play(shape, scope, 100_000);
    expect(tally.evicted > 0, "evictions", &tally);
}

#[test]
fn one_to_eight_pages() {
    for pages in [1, 2, 3, 4, 6, 8] {
        let scope = Scope { keys: 300, len_max: 20_000 * pages, ..SCOPE };
        let tally = play(config(pages), scope, 10_000);
        expect(tally.evicted > 0, "evictions", &tally);
    }
}

#[test]
fn page_allocations_that_fail_now_and_then() {
    let scope = Scope { fail_pages: true, ..SCOPE };
    for pages in [64, 100, 150, 200, 300] {
        play(config(pages), scope, 10_000);
    }
}

#[test]
fn four_shards() {
    let shape = StoreConfig { threads: 4, ..config(1_024) };
    let scope = Scope { keys: 40_000, long_one_in: 3, ..SCOPE };
    let tally = run(shape, scope, 60_000);
    expect(tally.evicted > 500, "evictions", &tally);
}

/// As many as there ever are; their memory is far from full.
#[test]
fn sixty_four_shards() {
    let shape = StoreConfig { threads: 4, ..config(32_768) };
    run(shape, Scope { keys: 40_000, ..SCOPE }, 20_000);
}
