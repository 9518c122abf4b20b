//! Two pinned threads against one, on one hot shard and on many, in alternated rounds; and, from
//! how long a lock is held and how long a request takes, a model of more workers.
//!
//! The model is no measurement. A shard's lock is taken for a server with arrivals at random and
//! one time of service, an M/D/1 queue: at utilisation `u = n·S / (m·T)` the mean wait is
//! `S·u / (2·(1 − u))` (Pollaczek and Khinchine), where `n` workers ask `m` shards, the lock is
//! held for `S`, and a worker comes back after `T`, of which the wait is a part: so `T` is solved
//! for, by repetition. Waiting workers are few, which the formula does not know: it says too much
//! where it says much. What a line that moves between cores costs is not in it either.

use std::sync::Barrier;
use std::time::{Duration, Instant};

use criterion::Criterion;
use slabd::store::Store;
use slabd::sys::cpu;

use super::{BATCH, Numbers, filled, mixed};

/// Items, and megabytes for them.
const ITEMS: usize = 500_000;
const MEGABYTES: u64 = 128;
/// Batches of requests in a round, and rounds of each kind.
const BATCHES: u64 = 300;
const ROUNDS: usize = 9;
/// What a request costs besides the store: a pipelined one of a daemon, in nanoseconds. A lone one
/// costs ten times as much.
const ELSEWHERE_NS: f64 = 300.0;

/// Prints both tables; not a measurement of criterion's, which knows no ratios.
pub fn measure(_: &mut Criterion) {
    // `cargo test` runs benches to see that they run.
    let (batches, rounds) =
        if std::env::args().any(|arg| arg == "--bench") { (BATCHES, ROUNDS) } else { (1, 1) };
    let cores = cpu::allowed_cores().expect("the kernel knows our cores");
    println!("\n90/10, {ITEMS} items; two pinned threads against one, medians of {rounds} rounds");
    let mut held_ns = 0.0;
    for threads in [1, 2] {
        let store = filled(MEGABYTES, threads, ITEMS);
        let (mut one_ns, mut ratios) = (Vec::new(), Vec::new());
        for _ in 0..rounds {
            let one = round(&store, &cores[..1], batches);
            let two = round(&store, &cores[..cores.len().min(2)], batches);
            one_ns.push(one);
            ratios.push(if cores.len() < 2 { f64::NAN } else { 2.0 * one / two });
        }
        let (one, ratio) = (median(&mut one_ns), median(&mut ratios));
        let shards = store.stats(super::NOW).shards;
        println!(
            "  shards: {shards:2}  one: {one:6.1} ns a request  two: {ratio:.2} times as many"
        );
        held_ns = one;
    }
    // Under the lock is all but the key and its hash: taking the whole is on the safe side.
    model(held_ns);
}

/// Nanoseconds for a request, where each core runs `batches` of them.
fn round(store: &Store, cores: &[usize], batches: u64) -> f64 {
    let ready = Barrier::new(cores.len());
    let spent: Vec<Duration> = std::thread::scope(|scope| {
        let run = |(seed, &core): (usize, &usize)| {
            let ready = &ready;
            scope.spawn(move || {
                cpu::pin_current_thread(core).expect("a core of ours");
                let numbers = Numbers(seed as u64 + 1, ITEMS);
                ready.wait();
                let begin = Instant::now();
                mixed(store, numbers, batches);
                begin.elapsed()
            })
        };
        let threads: Vec<_> = cores.iter().enumerate().map(run).collect();
        threads.into_iter().map(|thread| thread.join().expect("it ends")).collect()
    });
    let longest = spent.into_iter().max().unwrap_or_default();
    longest.as_nanos() as f64 / (batches * BATCH as u64) as f64
}

fn median(of: &mut [f64]) -> f64 {
    of.sort_by(f64::total_cmp);
    of[of.len() / 2]
}

/// The wait for a lock, and the throughput of all workers as a share of what it would be without.
fn model(held_ns: f64) {
    println!("\nModel (M/D/1), lock held {held_ns:.0} ns, {ELSEWHERE_NS} ns elsewhere:");
    println!("wait in ns, and requests of all workers as a multiple of one's");
    let shards = [1, 2, 8, 32, 64];
    let heads: Vec<String> = shards.iter().map(|n| format!("{n:>7} shards")).collect();
    println!("workers{}", heads.concat());
    for workers in [1, 2, 4, 8, 16, 32, 64] {
        let cell = |&shards: &u32| {
            let wait = wait_ns(workers, shards, held_ns);
            let alone = held_ns + ELSEWHERE_NS;
            format!("{wait:7.0} {:5.1}×", f64::from(workers) * alone / (alone + wait))
        };
        let cells: Vec<String> = shards.iter().map(cell).collect();
        println!("{workers:7}{}", cells.concat());
    }
}

/// The mean wait, at the rate that this wait allows.
fn wait_ns(workers: u32, shards: u32, held_ns: f64) -> f64 {
    // All others may be in front, and never more.
    let (mut low, mut high) = (0.0, f64::from(workers - 1) * held_ns);
    for _ in 0..60 {
        let wait = (low + high) / 2.0;
        let turn = held_ns + ELSEWHERE_NS + wait;
        let used = f64::from(workers - 1) * held_ns / (f64::from(shards) * turn);
        let queue = if used < 1.0 { held_ns * used / (2.0 * (1.0 - used)) } else { f64::MAX };
        if queue > wait { low = wait } else { high = wait }
    }
    high
}
