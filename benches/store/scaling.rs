//! Two pinned threads against one, on one hot shard and on many, in alternated rounds; and, from
//! how long a lock is held and how long a request takes, a model of more workers.
//!
//! A thread does what a worker does with 32 pipelined requests: hashes, fetches ahead, then the
//! verbs in one visit to the store. A worker also reads, parses and sends. So there is a second
//! row, in which a request costs [`ELSEWHERE_NS`] more: of those the thread only waits, and so they
//! press nothing out of its caches. Stores of more memory have more shards ([`STORES`]). Of the hot
//! shard all keys are asked for, and of no other one. Gets alone find a shard open to readers; with
//! a set in ten it is a lock that changes hands. What two cores are worth at the moment is told by
//! two threads that have a store each.
//!
//! The model is no measurement. A shard's lock is taken for a server with arrivals at random and
//! one time of service, an M/D/1 queue: at utilisation `u = n·S / (m·T)` the mean wait is
//! `S·u / (2·(1 − u))` (Pollaczek and Khinchine), where `n` workers ask `m` shards, the lock is
//! held for `S`, and a worker comes back after `T`, of which the wait is a part: so `T` is solved
//! for, by repetition. Waiting workers are few, which the formula does not know: it says too much
//! where it says much. What a line that moves between cores costs is not in it either. It is of
//! requests that take the lock: who reads an open shard waits for nobody.

use std::sync::Barrier;
use std::time::{Duration, Instant};

use criterion::Criterion;
use slabd::store::{KeyHash, Reader, Store};
use slabd::sys::cpu;

use crate::filled::{AHEAD, NOW, Numbers, filled, key, set_in};

/// Items.
const ITEMS: usize = 500_000;
/// Megabytes for them, by which a store for two workers chooses how many shards it has; and whether
/// only one of them is asked.
const STORES: [(u64, bool); 3] = [(1024, true), (128, false), (1024, false)];
/// Of a hundred requests so many store something.
const SETS: [usize; 2] = [0, 10];
/// Requests of a visit.
const BATCH: usize = 32;
/// Visits in a round, and rounds of each kind.
const VISITS: u32 = 20_000;
const ROUNDS: usize = 9;
/// What a request costs besides the store, in nanoseconds: a pipelined one of the daemon takes 200
/// to 230 (benches/results). A lone one costs twenty times as much.
const ELSEWHERE_NS: u64 = 170;

/// Prints both tables; not a measurement of criterion's, which knows no ratios.
pub fn measure(_: &mut Criterion) {
    // `cargo test` runs benches to see that they run.
    let (visits, rounds) =
        if std::env::args().any(|arg| arg == "--bench") { (VISITS, ROUNDS) } else { (1, 1) };
    let cores = cpu::allowed_cores().expect("the kernel knows our cores");
    println!("\n{ITEMS} items; medians of {rounds} rounds: ns a request of one pinned thread;");
    println!("requests of two, as a multiple of one's; the same, where they share nothing");
    let mut held_ns = 0.0;
    for (megabytes, hot) in STORES {
        let [asked, other] = [(); 2].map(|()| Asked::new(megabytes, hot));
        for (sets, elsewhere_ns) in SETS.iter().flat_map(|&sets| [(sets, 0), (sets, ELSEWHERE_NS)])
        {
            let (mut one_ns, mut shared, mut apart) = (Vec::new(), Vec::new(), Vec::new());
            let two = &cores[..cores.len().min(2)];
            for _ in 0..rounds {
                let round = |stores: [&Asked; 2], cores: &[usize]| {
                    round(stores, sets, cores, visits, elsewhere_ns)
                };
                let one = round([&asked; 2], &cores[..1]);
                let ratio = |two_ns| if cores.len() < 2 { f64::NAN } else { 2.0 * one / two_ns };
                shared.push(ratio(round([&asked; 2], two)));
                apart.push(ratio(round([&asked, &other], two)));
                one_ns.push(one);
            }
            let one = median(&mut one_ns);
            println!(
                "  {:>14}, {sets:2} % sets, {elsewhere_ns:3} ns elsewhere: {one:6.1} ns, {:.2} \
                 times, {:.2} times with a store each",
                asked.name,
                median(&mut shared),
                median(&mut apart),
            );
            if elsewhere_ns == 0 {
                held_ns = one;
            }
        }
    }
    // Under the lock is all but the key and its hash: taking the whole is on the safe side.
    model(held_ns);
}

/// A store, and the items that are asked for.
struct Asked {
    name: String,
    store: Store,
    numbers: Vec<u32>,
}

impl Asked {
    /// All items of a store, or those of its first shard; each was fetched before.
    fn new(megabytes: u64, hot: bool) -> Asked {
        let store = filled(megabytes, 2, ITEMS);
        let hash = |number: u32| store.hash(&key(number as usize));
        let asks = |&number: &u32| !hot || store.shard_of(hash(number)) == 0;
        let numbers: Vec<u32> = (0..ITEMS as u32).filter(asks).collect();
        for &number in numbers.iter().chain(&numbers) {
            let key = key(number as usize);
            store.session().get(&key, hash(number), None, NOW, |_| ()).expect("there is room");
        }
        let shards = store.stats(NOW).shards;
        let name = if hot { format!("1 of {shards} shards") } else { format!("{shards} shards") };
        Asked { name, store, numbers }
    }
}

/// Nanoseconds for a request, where each core makes so many visits.
fn round(stores: [&Asked; 2], sets: usize, cores: &[usize], visits: u32, elsewhere_ns: u64) -> f64 {
    let ready = Barrier::new(cores.len());
    let spent: Vec<Duration> = std::thread::scope(|scope| {
        let run = |(seed, &core): (usize, &usize)| {
            let (ready, asked) = (&ready, stores[seed]);
            scope.spawn(move || {
                cpu::pin_current_thread(core).expect("a core of ours");
                let reader = asked.store.reader();
                let mut numbers = Numbers(seed as u64 + 1, asked.numbers.len());
                let mut out = Vec::new();
                let elsewhere = Duration::from_nanos(elsewhere_ns * BATCH as u64);
                ready.wait();
                let begin = Instant::now();
                for _ in 0..visits {
                    visit(asked, reader.as_ref(), sets, &mut numbers, &mut out);
                    let left = Instant::now();
                    while left.elapsed() < elsewhere {
                        std::hint::spin_loop();
                    }
                }
                begin.elapsed()
            })
        };
        let threads: Vec<_> = cores.iter().enumerate().map(run).collect();
        threads.into_iter().map(|thread| thread.join().expect("it ends")).collect()
    });
    let longest = spent.into_iter().max().unwrap_or_default();
    longest.as_nanos() as f64 / (f64::from(visits) * BATCH as f64)
}

/// What a worker does in the store for a batch.
fn visit(
    asked: &Asked,
    reader: Option<&Reader>,
    sets: usize,
    numbers: &mut Numbers,
    out: &mut Vec<u8>,
) {
    let store = &asked.store;
    let mut requests = [(0, [0; 16], KeyHash::default()); BATCH];
    for (random, bytes, hash) in &mut requests {
        *random = numbers.next();
        *bytes = key(asked.numbers[*random] as usize);
        *hash = store.hash(bytes);
        store.prefetch_bucket(*hash);
    }
    out.clear();
    let mut session = store.session_of(reader);
    requests[..AHEAD].iter().for_each(|request| store.prefetch_item(request.2, false));
    for (at, (random, key, hash)) in requests.iter().enumerate() {
        if let Some(ahead) = requests.get(at + AHEAD) {
            store.prefetch_item(ahead.2, false);
        }
        if random % 100 < sets {
            set_in(&mut session, key, *hash);
        } else {
            session.get(key, *hash, None, NOW, |hit| hit.copy_to(out));
        }
    }
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
            let alone = held_ns + ELSEWHERE_NS as f64;
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
        let turn = held_ns + ELSEWHERE_NS as f64 + wait;
        let used = f64::from(workers - 1) * held_ns / (f64::from(shards) * turn);
        let queue = if used < 1.0 { held_ns * used / (2.0 * (1.0 - used)) } else { f64::MAX };
        if queue > wait { low = wait } else { high = wait }
    }
    high
}
