//! What is made from a seed.

use std::collections::{HashMap, HashSet};

use crate::workloads::{self, Request, Workload};

fn made(name: &str) -> Workload {
    let mut all = workloads::made();
    all.retain(|workload| workload.name == name);
    all.pop().expect("a workload of this name")
}

fn requests(name: &str, seed: u64) -> impl Iterator<Item = Request> {
    made(name).requests(seed).expect("made, not read")
}

#[test]
fn a_seed_gives_the_same_requests_and_another_seed_others() {
    for workload in workloads::made() {
        let take = |seed| -> Vec<Request> {
            workload.requests(seed).expect("made, not read").take(1_000).collect()
        };
        assert_eq!(take(7), take(7), "{}", workload.name);
        assert_ne!(take(7), take(8), "{}", workload.name);
    }
}

#[test]
fn a_key_keeps_its_size_and_ttl() {
    for workload in workloads::made() {
        let mut seen = HashMap::new();
        for request in workload.requests(3).expect("made, not read").take(50_000) {
            let what = (request.key_len, request.value_len, request.ttl_s);
            let before = *seen.entry(request.key).or_insert(what);
            assert_eq!(before, what, "{} key {}", workload.name, request.key);
            assert!(request.key_len <= 250);
        }
    }
}

#[test]
fn every_workload_has_four_sizes_of_memory() {
    let names: HashSet<String> = workloads::made().into_iter().map(|w| w.name).collect();
    assert_eq!(names.len(), workloads::made().len(), "names are unique");
    assert!(workloads::made().iter().all(|workload| workload.sizes_mb.len() == 4));
}

#[test]
fn keys_are_padded_numbers_in_base_32() {
    let mut request = requests("scan", 1).next().expect("not empty");
    let text = |request: &Request| {
        let mut out = Vec::new();
        request.push_key(&mut out);
        String::from_utf8(out).expect("ASCII")
    };
    request.key = 32 + 31;
    assert_eq!(text(&request), "00000000000000000000001v");
    request.key = u64::MAX;
    request.key_len = 5;
    assert_eq!(text(&request), "fvvvvvvvvvvvv", "longer rather than ambiguous");
    request.key = 0;
    request.key_len = 1;
    assert_eq!(text(&request), "0");
}

#[test]
fn a_scan_is_every_fifth_run_of_5000() {
    let all: Vec<Request> = requests("scan", 1).take(50_000).collect();
    let mut scanned = HashSet::new();
    for (number, request) in all.iter().enumerate() {
        assert!((100..=500).contains(&request.value_len));
        if number / 5_000 % 5 == 4 {
            assert!(request.key >= 200_000 && scanned.insert(request.key), "asked for once");
        } else {
            assert!(request.key < 200_000);
        }
    }
    assert_eq!(scanned.len(), 10_000);
    assert_eq!(requests("scan", 1).count(), 3_000_000);
}

#[test]
fn a_shift_has_four_phases_of_other_keys_and_sizes() {
    let mut phases = [(0_u64, u32::MAX, 0_u32, 0_u64); 4];
    for (number, request) in requests("shift", 1).enumerate() {
        let (keys_below, least, most, count) = &mut phases[number / 1_000_000];
        *keys_below = (*keys_below).max(request.key % 1_000_000 + 1);
        *least = (*least).min(request.value_len);
        *most = (*most).max(request.value_len);
        *count += 1;
        assert_eq!(request.key / 1_000_000, number as u64 / 1_000_000);
    }
    let expected =
        [(400_000, 75, 125), (60_000, 750, 1250), (180_000, 225, 375), (16_000, 3000, 5000)];
    for ((keys_below, least, most, count), (keys, low, high)) in phases.into_iter().zip(expected) {
        assert_eq!((least, most, count), (low, high, 1_000_000));
        assert!(keys_below <= keys && keys_below > keys * 99 / 100, "{keys_below} of {keys}");
    }
}

#[test]
fn the_ttl_mix_spans_600_s_and_60_percent_live_a_minute() {
    let all: Vec<Request> = requests("ttlmix", 1).collect();
    assert_eq!((all.len(), all.last().map(|last| last.time_ms)), (2_000_000, Some(599_999)));
    let keys: HashMap<u64, u32> = all.iter().map(|request| (request.key, request.ttl_s)).collect();
    let short = keys.values().filter(|&&ttl| ttl == 60).count() as f64 / keys.len() as f64;
    assert!((0.59..0.61).contains(&short), "{short}");
    assert!(all.iter().all(|request| request.value_len == 200));
}

/// Zipf: the k-th key is asked for k^-alpha as often as the first.
#[test]
fn popular_keys_are_as_popular_as_zipf_has_it() {
    let mut counts = HashMap::new();
    for request in requests("zipf", 1) {
        *counts.entry(request.key).or_insert(0_u32) += 1;
    }
    let first = f64::from(counts[&0]);
    for place in [1_u64, 9, 99] {
        let expected = first * ((place + 1) as f64).powf(-0.9);
        let ratio = f64::from(counts[&place]) / expected;
        assert!((0.9..1.1).contains(&ratio), "key {place}: {ratio} of what it should be");
    }
}

#[test]
fn a_loop_comes_round() {
    let circle: Vec<u64> = requests("loop", 1).step_by(2).map(|request| request.key).collect();
    assert_eq!(circle[..3], [0, 1, 2]);
    assert_eq!(circle[200_000], 0);
}

#[test]
fn clusters_have_their_published_means() {
    for (name, value_len, writes) in [("twitter19", 101.0, 0.25), ("twitter52", 273.0, 0.02)] {
        let (mut sizes, mut sets, mut all) = (HashMap::new(), 0_u32, 0_u32);
        for request in requests(name, 1) {
            sizes.insert(request.key, request.value_len);
            sets += u32::from(request.is_write);
            all += 1;
        }
        let mean = sizes.values().map(|&len| f64::from(len)).sum::<f64>() / sizes.len() as f64;
        assert!((0.97..1.03).contains(&(mean / value_len)), "{name}: values of {mean} bytes");
        let share = f64::from(sets) / f64::from(all);
        assert!((share - writes).abs() < 0.01, "{name}: {share} writes");
    }
}
