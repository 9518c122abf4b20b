//! The players that need no sockets.

use crate::clock::Pace;
use crate::ideal;
use crate::in_process;
use crate::windows::{WINDOW_MAX, Windows};
use crate::workloads::{self, Request, Requests};

fn read(key: u64) -> Request {
    Request { time_ms: key, key, key_len: 10, value_len: 30, ttl_s: 0, is_write: false }
}

fn write(key: u64) -> Request {
    Request { is_write: true, ..read(key) }
}

fn boxed(requests: &[Request]) -> Requests {
    let owned = requests.to_vec();
    Box::new(owned.into_iter())
}

#[test]
fn a_window_ends_at_a_key_that_it_has_and_when_full() {
    let mut all = vec![read(1), read(2), read(1), write(2), read(3), write(3), read(4)];
    all.extend((100..140).map(read));
    let mut windows = Windows::new(boxed(&all), Pace::Free);
    let (mut window, mut lens, mut replayed) = (Vec::new(), Vec::new(), Vec::new());
    while windows.next(&mut window).is_some() {
        lens.push(window.len());
        replayed.append(&mut window);
    }
    assert_eq!(lens, [2, 3, WINDOW_MAX, 42 - WINDOW_MAX]);
    assert_eq!(replayed, all);
}

#[test]
fn a_window_does_not_reach_into_the_future() {
    let at = |time_ms, key| Request { time_ms, ..read(key) };
    let requests = boxed(&[at(0, 1), at(90, 2), at(500, 3)]);
    let mut windows = Windows::new(requests, Pace::Divided(10));
    let mut window = Vec::new();
    assert_eq!((windows.next(&mut window), window.len()), (Some(0), 2));
    assert_eq!((windows.next(&mut window), window.len()), (Some(50), 1));
    assert_eq!(windows.next(&mut window), None);
}

#[test]
fn an_ideal_lru_evicts_what_was_used_longest_ago() {
    // Room for two items of 10 + 30 + 60 bytes.
    let play = |requests: &[Request]| ideal::play(boxed(requests), Pace::Free, 200);
    let score = play(&[read(1), read(2), read(1), read(3), read(1), read(2)]);
    assert_eq!((score.reads, score.misses), (6, 4), "2 went for 3");
    let score = play(&[write(1), read(1), write(1), read(1)]);
    assert_eq!((score.reads, score.misses, score.sets), (2, 0, 2));
    let huge = Request { value_len: 1_000, ..read(9) };
    let score = play(&[read(1), huge, read(1)]);
    assert_eq!((score.misses, score.set_failures, score.missed_bytes), (2, 1, 40 + 1_010));
}

#[test]
fn an_ideal_lru_forgets_what_expires() {
    let at = |time_ms, key| Request { time_ms, ttl_s: 60, ..read(key) };
    let requests = [at(0, 1), at(59_000, 1), at(61_000, 1), at(62_000, 1)];
    let score = ideal::play(boxed(&requests), Pace::Divided(10), 1_000);
    assert_eq!((score.reads, score.misses), (4, 2));
}

#[test]
fn time_and_ttls_are_divided_by_the_same() {
    let request = Request { time_ms: 30_000, ttl_s: 61, ..read(1) };
    let divided = Pace::new(Some(15), Some(7));
    assert_eq!((divided.clock_ms(&request, 0), divided.ttl_s(&request)), (2_000, 5));
    let free = Pace::new(None, None);
    assert_eq!((free.clock_ms(&request, 1_000), free.ttl_s(&request)), (10, 61));
    let rated = Pace::new(None, Some(500));
    assert_eq!((rated.clock_ms(&request, 1_000), rated.ttl_s(&request)), (2_000, 61));
}

#[test]
fn the_store_holds_what_fits_and_misses_the_same_every_time() {
    let workload = &workloads::made()[0];
    let play = |memory_mb, count| {
        let config = in_process::store_config(memory_mb, &[]).expect("the daemon's defaults");
        let requests = workload.requests(1).expect("made, not read").take(count);
        in_process::play(Box::new(requests), Pace::Free, config).expect("memory for a store")
    };
    let roomy = play(64, 20_000);
    let ideal = ideal::play(
        Box::new(workload.requests(1).expect("made, not read").take(20_000)),
        Pace::Free,
        64 << 20,
    );
    assert_eq!(roomy.score, ideal, "with room for all, nothing is missed that was there");
    let tight = play(2, 40_000);
    assert!(tight.stats.classes.iter().any(|class| class.evicted > 0));
    assert_eq!(tight.score, play(2, 40_000).score);
}

#[test]
fn the_store_forgets_what_expires_and_its_upkeep_frees_it() {
    let mut requests: Vec<Request> =
        (0..1_000).map(|key| Request { ttl_s: 60, ..read(key) }).collect();
    requests.push(Request { time_ms: 90_000, ..read(5_000) });
    let play = |options: &[String]| {
        let config = in_process::store_config(8, options).expect("options it has");
        in_process::play(boxed(&requests), Pace::Divided(10), config).expect("memory")
    };
    let found = play(&[]);
    assert_eq!((found.stats.items, found.expired_bytes), (1, 0), "the crawler was here");
    let found = play(&["-o".to_string(), "no_lru_crawler".to_string()]);
    assert!(found.expired_bytes >= 1_000 * (10 + 30), "{}", found.expired_bytes);
}

#[test]
fn options_of_the_daemon_reach_the_store() {
    let options = ["-f".to_string(), "1.5".to_string()];
    let config = in_process::store_config(8, &options).expect("an option it has");
    assert_eq!((config.growth_factor, config.limit_bytes), (1.5, 8 << 20));
    assert!(in_process::store_config(8, &["--no-such".to_string()]).is_err());
}
