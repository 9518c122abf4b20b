//! Synthetic workloads after production clusters of Twitter: not their traces, but requests drawn
//! to the figures published with them.
//!
//! Source: "2020 Mar" table of <https://github.com/twitter/cache-trace> (CC BY 4.0), described in
//! Yang, Yue, Rashmi, "A large scale analysis of hundreds of in-memory cache clusters at Twitter",
//! OSDI 2020. Taken over: mean key and value size, Zipf's alpha, common TTLs, the share of plain
//! sets (`add` is what a client does after a miss, which the replay does itself), mean frequency
//! and share of keys asked for once. Ours: the number of keys, the time it spans, and that value
//! sizes spread log-normally and follow from the key.

use std::rc::Rc;

use super::draw::{Weighted, of_key, unit};
use super::workload::{Request, Requests, Workload};
use crate::rng::Rng;

const REQUESTS: u64 = 2_000_000;
/// Spread of value sizes: two thirds lie within a factor of 1.8 of the middle.
const SIGMA: f64 = 0.6;
/// Above a day a TTL is a day: longer than any replay.
const TTL_MAX_S: u32 = 86_400;

/// A cluster's figures.
struct Cluster {
    name: &'static str,
    about: &'static str,
    key_len: u8,
    value_len: f64,
    alpha: f64,
    /// Seconds, and the share of keys.
    ttls: &'static [(u32, f64)],
    /// Share of requests that are plain sets.
    writes: f64,
    /// Share of requests to keys asked for once: one-hit wonders / mean frequency.
    once: f64,
    /// Keys asked for more often; ours.
    keys: u32,
    /// Trace time; ours.
    span_s: u64,
    divisor: Option<u32>,
    sizes_mb: [u32; 4],
}

const CLUSTERS: [Cluster; 5] = [
    Cluster {
        name: "twitter19",
        about: "like cluster 19: 42 + 101 B, zipf 0.74, a quarter sets, TTL about 7 h",
        key_len: 42,
        value_len: 101.0,
        alpha: 0.735,
        ttls: &[(23_800, 0.25), (24_800, 0.25), (25_800, 0.25), (26_800, 0.25)],
        writes: 0.25,
        once: 0.0746 / 4.7,
        keys: 600_000,
        span_s: 144_000,
        divisor: Some(2_400),
        sizes_mb: [8, 16, 24, 32],
    },
    Cluster {
        name: "twitter24",
        about: "like cluster 24: 32 + 699 B, zipf 1.37, a fifth of keys with a TTL of 60 s",
        key_len: 32,
        value_len: 699.0,
        alpha: 1.3726,
        ttls: &[(60, 0.19), (3_600, 0.02), (TTL_MAX_S, 0.79)],
        writes: 0.0,
        once: 0.0565 / 134.8,
        keys: 400_000,
        span_s: 600,
        divisor: Some(10),
        sizes_mb: [8, 12, 16, 24],
    },
    Cluster {
        name: "twitter29",
        about: "like cluster 29: 36 + 799 B, zipf 1.23, 13 % sets, TTLs of one and two hours",
        key_len: 36,
        value_len: 799.0,
        alpha: 1.2323,
        ttls: &[(3_600, 0.67), (7_200, 0.33)],
        writes: 0.13,
        once: 0.2304 / 22.5,
        keys: 1_000_000,
        span_s: 36_000,
        divisor: Some(600),
        sizes_mb: [8, 12, 16, 24],
    },
    Cluster {
        name: "twitter45",
        about: "like cluster 45: 10 + 120 B, zipf 0.64, 17 % of requests to keys asked for once",
        key_len: 10,
        value_len: 120.0,
        alpha: 0.6372,
        ttls: &[(TTL_MAX_S, 1.0)],
        writes: 0.0,
        once: 0.4874 / 2.9,
        keys: 400_000,
        span_s: 20,
        divisor: None,
        sizes_mb: [16, 32, 48, 64],
    },
    Cluster {
        name: "twitter52",
        about: "like cluster 52: 20 + 273 B, zipf 1.21, 2 % sets, TTLs longer than the replay",
        key_len: 20,
        value_len: 273.0,
        alpha: 1.2117,
        ttls: &[(TTL_MAX_S / 2, 0.07), (TTL_MAX_S, 0.93)],
        writes: 0.02,
        once: 0.1936 / 32.6,
        keys: 1_000_000,
        span_s: 20,
        divisor: None,
        sizes_mb: [8, 16, 24, 32],
    },
];

/// All of them.
pub fn all() -> impl Iterator<Item = Workload> {
    CLUSTERS.iter().map(|cluster| Workload {
        name: cluster.name.to_string(),
        about: cluster.about,
        sizes_mb: cluster.sizes_mb.to_vec(),
        divisor: cluster.divisor,
        source: Rc::new(|seed| Ok(cluster.requests(seed))),
    })
}

impl Cluster {
    /// Its requests.
    fn requests(&'static self, seed: u64) -> Requests {
        let mut rng = Rng::new(seed);
        let popular = Weighted::zipf(self.keys, self.alpha);
        let ttls = Weighted::new(self.ttls.iter().map(|&(_, share)| share));
        Box::new((0..REQUESTS).map(move |number| {
            let is_once = unit(rng.next_u64()) < self.once;
            let key = u64::from(self.keys) + number;
            let key = if is_once { key } else { popular.draw(&mut rng) };
            let (ttl_s, _) = self.ttls[ttls.at(unit(of_key(key, 1))) as usize];
            Request {
                time_ms: number * self.span_s * 1_000 / REQUESTS,
                key,
                key_len: self.key_len,
                value_len: self.value_len(key),
                ttl_s,
                is_write: !is_once && unit(rng.next_u64()) < self.writes,
            }
        }))
    }

    /// Log-normal about the cluster's mean: a sum of twelve even draws is normal enough.
    fn value_len(&self, key: u64) -> u32 {
        let normal = (0..12).map(|draw| unit(of_key(key, 2 + draw))).sum::<f64>() - 6.0;
        let middle = self.value_len / (SIGMA * SIGMA / 2.0).exp();
        (middle * (SIGMA * normal).exp()).round().max(1.0) as u32
    }
}
