//! What the store costs a request, without sockets or parsing: gets that hit or miss in a store
//! that fits the processor's cache and in one that does not, sets of every fate, two threads on one
//! shard or on many, and what that says of more.

#[path = "store/filled.rs"]
mod filled;
#[path = "store/scaling.rs"]
mod scaling;

use std::hint::black_box;
use std::time::Duration;

use criterion::{BatchSize, BenchmarkGroup, Criterion, Throughput};
use criterion::{criterion_group, criterion_main, measurement::WallTime};
use slabd::store::{DeleteArgs, Store};

use filled::{AHEAD, NOW, Numbers, filled, key, set};

/// Requests measured together.
const BATCH: usize = 1024;
/// Look up a batch, `ahead` requests at a time: hashes and buckets, then headers, then the gets.
fn get_batch(store: &Store, keys: &[[u8; 16]], ahead: usize, out: &mut Vec<u8>) -> usize {
    let mut hits = 0;
    for few in keys.chunks(ahead) {
        let mut hashes = [store.hash(b""); AHEAD];
        for (hash, key) in hashes.iter_mut().zip(few) {
            *hash = store.hash(key);
            if ahead > 1 {
                store.prefetch_bucket(*hash);
            }
        }
        let mut session = store.session();
        if ahead > 1 {
            hashes[..few.len()].iter().for_each(|&hash| store.prefetch_item(hash, false));
        }
        out.clear();
        for (key, &hash) in few.iter().zip(&hashes) {
            let found = session.get(key, hash, None, NOW, |hit| hit.copy_to(out));
            hits += usize::from(found.is_some());
        }
    }
    hits
}

fn gets(c: &mut Criterion) {
    let mut group = group(c, "get");
    for (size, items, megabytes) in [("10 k items", 10_000, 64), ("1 M items", 1_000_000, 256)] {
        let store = filled(megabytes, 1, items);
        let mut out = Vec::new();
        for ahead in [1, AHEAD] {
            let fetched = if ahead == 1 { "one by one" } else { "8 ahead" };
            let mut numbers = Numbers(1, items);
            group.bench_function(format!("hit, {size}, {fetched}"), |b| {
                b.iter_batched_ref(
                    || numbers.batch(BATCH),
                    |keys| assert_eq!(get_batch(&store, keys, ahead, &mut out), BATCH),
                    BatchSize::SmallInput,
                );
            });
            group.bench_function(format!("miss, {size}, {fetched}"), |b| {
                b.iter_batched_ref(
                    || (0..BATCH).map(|_| key(items + numbers.next())).collect::<Vec<_>>(),
                    |keys| assert_eq!(get_batch(&store, keys, ahead, &mut out), 0),
                    BatchSize::SmallInput,
                );
            });
        }
    }
    group.finish();
}

fn sets(c: &mut Criterion) {
    let mut group = group(c, "set");
    for (size, items, megabytes) in [("10 k items", 10_000, 64), ("1 M items", 1_000_000, 256)] {
        let store = filled(megabytes, 1, items);
        let mut numbers = Numbers(1, items);
        group.bench_function(format!("overwrite, {size}"), |b| {
            b.iter(|| (0..BATCH).for_each(|_| set(&store, numbers.next())));
        });
        group.bench_function(format!("delete and set, {size}"), |b| {
            b.iter(|| {
                for _ in 0..BATCH {
                    let number = numbers.next();
                    let key = key(number);
                    let hash = store.hash(&key);
                    black_box(store.session().delete(&DeleteArgs::new(&key, hash, None), NOW));
                    set(&store, number);
                }
            });
        });
    }
    for megabytes in [4, 64] {
        let mut number = megabytes as usize * 20_000;
        let store = filled(megabytes, 1, number);
        assert_eq!(store.stats(NOW).pages_free, 0, "the store is full");
        group.bench_function(format!("new, evicting, {megabytes} MiB"), |b| {
            b.iter(|| {
                (number..number + BATCH).for_each(|number| set(&store, number));
                number += BATCH;
            });
        });
    }
    group.finish();
}

fn group<'c>(c: &'c mut Criterion, name: &str) -> BenchmarkGroup<'c, WallTime> {
    let mut group = c.benchmark_group(name);
    group.throughput(Throughput::Elements(BATCH as u64));
    group.warm_up_time(Duration::from_millis(300));
    group.measurement_time(Duration::from_secs(1));
    group.sample_size(20);
    group
}

criterion_group!(benches, gets, sets, scaling::measure);
criterion_main!(benches);
