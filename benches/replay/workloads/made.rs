//! Workloads of our own: the shapes that caches are known to be good or bad at.

use std::rc::Rc;

use super::draw::{Weighted, between, of_key};
use super::workload::{KEY_LEN, REQUESTS_PER_MS, Request, Requests, Workload};
use crate::rng::Rng;

/// A day: longer than any replay.
const LONG_TTL_S: u32 = 86_400;

/// All of them.
pub fn all() -> Vec<Workload> {
    let row =
        |name: &str, about, sizes_mb: [u32; 4], divisor, make: fn(u64) -> Requests| Workload {
            name: name.to_string(),
            about,
            sizes_mb: sizes_mb.to_vec(),
            divisor,
            source: Rc::new(move |seed| Ok(make(seed))),
        };
    vec![
        row("zipf", "zipf 0.9 over 500,000 keys of 50 to 1,000 B", [16, 32, 64, 128], None, zipf),
        row(
            "scan",
            "zipf 1.0 over 200,000 keys of 100 to 500 B, every fifth run of 5,000 requests a scan \
             of keys asked for once",
            [16, 32, 48, 64],
            None,
            scan,
        ),
        row(
            "loop",
            "200,000 keys of 200 to 400 B in a circle, every other request zipf 1.0 over 100,000 \
             keys more",
            [24, 48, 72, 96],
            None,
            circle,
        ),
        row(
            "shift",
            "four phases of 1 M requests, zipf 0.9: 400,000 keys of 100 B, 60,000 of 1 KB, 180,000 \
             of 300 B, 16,000 of 4 KB, all ± 25 %",
            [24, 40, 64, 96],
            None,
            shift,
        ),
        row(
            "ttlmix",
            "zipf 0.8 over 600,000 keys of 200 B, 60 % with a TTL of 60 s, the others a day; 600 s",
            [16, 24, 40, 64],
            Some(10),
            ttl_mix,
        ),
    ]
}

/// A read in a workload that has no time of its own.
fn read(number: u64, key: u64, value_len: u32) -> Request {
    Request {
        time_ms: number / REQUESTS_PER_MS,
        key,
        key_len: KEY_LEN,
        value_len,
        ttl_s: 0,
        is_write: false,
    }
}

fn zipf(seed: u64) -> Requests {
    let (mut rng, popular) = (Rng::new(seed), Weighted::zipf(500_000, 0.9));
    Box::new((0..3_000_000).map(move |number| {
        let key = popular.draw(&mut rng);
        read(number, key, between(key, 50, 1_000))
    }))
}

fn scan(seed: u64) -> Requests {
    const KEYS: u32 = 200_000;
    let (mut rng, popular) = (Rng::new(seed), Weighted::zipf(KEYS, 1.0));
    Box::new((0..3_000_000).map(move |number| {
        let scanning = number / 5_000 % 5 == 4;
        let key = if scanning { u64::from(KEYS) + number } else { popular.draw(&mut rng) };
        read(number, key, between(key, 100, 500))
    }))
}

fn circle(seed: u64) -> Requests {
    const CIRCLE: u64 = 200_000;
    let (mut rng, popular) = (Rng::new(seed), Weighted::zipf(100_000, 1.0));
    Box::new((0..3_000_000).map(move |number| {
        let circling = number % 2 == 0;
        let key = if circling { number / 2 % CIRCLE } else { CIRCLE + popular.draw(&mut rng) };
        read(number, key, between(key, 200, 400))
    }))
}

fn shift(seed: u64) -> Requests {
    const PHASES: [(u32, u32); 4] =
        [(400_000, 100), (60_000, 1_000), (180_000, 300), (16_000, 4_000)];
    const PHASE: u64 = 1_000_000;
    let mut rng = Rng::new(seed);
    let popular = PHASES.map(|(keys, _)| Weighted::zipf(keys, 0.9));
    Box::new((0..4 * PHASE).map(move |number| {
        let phase = (number / PHASE) as usize;
        let (_, value_len) = PHASES[phase];
        let key = phase as u64 * PHASE + popular[phase].draw(&mut rng);
        read(number, key, between(key, value_len * 3 / 4, value_len * 5 / 4))
    }))
}

fn ttl_mix(seed: u64) -> Requests {
    const REQUESTS: u64 = 2_000_000;
    const SPAN_MS: u64 = 600_000;
    let (mut rng, popular) = (Rng::new(seed), Weighted::zipf(600_000, 0.8));
    Box::new((0..REQUESTS).map(move |number| {
        let key = popular.draw(&mut rng);
        let ttl_s = if of_key(key, 1) % 100 < 60 { 60 } else { LONG_TTL_S };
        let time_ms = number * SPAN_MS / REQUESTS;
        Request { time_ms, ttl_s, ..read(number, key, 200) }
    }))
}
