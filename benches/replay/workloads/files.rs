//! Traces in files.

use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use super::draw::{Weighted, of_key, unit};
use super::workload::{KEY_LEN, REQUESTS_PER_MS, Request, Requests};
use crate::rng::Rng;

/// Longest value that any server takes by default: 1 MiB, less the item's head.
const VALUE_LEN_MAX: u32 = 1_000_000;
const KEY_LEN_MAX: u8 = 250;

/// See [`super::from_file`].
pub fn open(path: &Path, seed: u64) -> io::Result<Requests> {
    if path.is_dir() {
        return histograms(path, seed);
    }
    let file = BufReader::with_capacity(1 << 20, File::open(path)?);
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("bin") => Ok(Box::new(oracle_general(file))),
        Some("csv") => Ok(Box::new(csv(file))),
        _ => Err(io::Error::other(format!("{}: neither .bin nor .csv", path.display()))),
    }
}

/// libCacheSim's oracleGeneral: records of 24 bytes, little-endian: u32 seconds, u64 id, u32 size,
/// i64 next access (not used). What is left of a record at the end is ignored.
pub fn oracle_general(mut file: impl Read) -> impl Iterator<Item = Request> {
    let mut first = None;
    std::iter::from_fn(move || {
        let mut record = [0; 24];
        file.read_exact(&mut record).ok()?;
        let word = |at| u32::from_le_bytes(record[at..at + 4].try_into().expect("four bytes"));
        let seconds = word(0);
        let since = seconds.saturating_sub(*first.get_or_insert(seconds));
        Some(Request {
            time_ms: u64::from(since) * 1_000,
            key: u64::from(word(4)) | u64::from(word(8)) << 32,
            key_len: KEY_LEN,
            value_len: word(12).min(VALUE_LEN_MAX),
            ttl_s: 0,
            is_write: false,
        })
    })
}

/// Twitter's open format: time in seconds, key, key size, value size, client, operation, TTL.
/// `get` and `gets` are reads, what stores a value is a write; lines of other operations, and such
/// as are not of this form, are left out. A read does not tell the TTL, nor the size of a value
/// that was not there: it takes those of the last line that did.
pub fn csv(file: impl BufRead) -> impl Iterator<Item = Request> {
    let mut first = None;
    let (mut value_len, mut ttl_s) = (1, 0);
    file.lines().map_while(Result::ok).filter_map(move |line| {
        let fields: Vec<&str> = line.split(',').collect();
        // A key may hold commas; what is before and behind it does not.
        let behind = fields.len().checked_sub(5).filter(|&behind| behind >= 2)?;
        let seconds: u64 = fields[0].parse().ok()?;
        let number = |field: usize| fields[behind + field].trim().parse::<u32>().ok();
        let is_write = match fields[behind + 3] {
            "get" | "gets" => false,
            "set" | "add" | "replace" | "cas" => true,
            _ => return None,
        };
        let key_len = number(0)?.clamp(1, KEY_LEN_MAX.into()) as u8;
        match number(1)? {
            0 if !is_write => {}
            len => value_len = len.min(VALUE_LEN_MAX),
        }
        if is_write {
            ttl_s = number(4)?;
        }
        let mut hasher = DefaultHasher::new();
        fields[1..behind].hash(&mut hasher);
        let kept_bits = (u32::from(key_len) * 5).min(64);
        let key = hasher.finish() >> (64 - kept_bits);
        let time_ms = seconds.saturating_sub(*first.get_or_insert(seconds)) * 1_000;
        Some(Request { time_ms, key, key_len, value_len, ttl_s, is_write })
    })
}

/// Histograms of a CacheLib cachebench test: `popularityBuckets[i]` keys share the weight
/// `popularityWeights[i]`; `valSizeRange[i]` has the probability `valSizeRangeProbability[i]`;
/// `loneGetRatio` of the requests are for keys asked for once. Counts of keys are divided by
/// 20, so that it fits one machine; buckets of which no key is left go, whatever their
/// weight: it would be a few keys that no cache ever misses.
fn histograms(folder: &Path, seed: u64) -> io::Result<Requests> {
    const SCALE: u64 = 20;
    const REQUESTS: u64 = 2_000_000;
    let read = |name: &str| fs::read_to_string(folder.join(name));
    let (popularity, sizes) = (read("pop.json")?, read("sizes.json")?);
    let keys = numbers(&popularity, "popularityBuckets")?;
    let keys: Vec<u64> = keys.iter().map(|&keys| keys as u64 / SCALE).collect();
    let weights = numbers(&popularity, "popularityWeights")?;
    let kept = weights.iter().zip(&keys).map(|(&w, &k)| if k == 0 { 0.0 } else { w });
    let bucket = Weighted::new(kept);
    let value_lens = numbers(&sizes, "valSizeRange")?;
    let value_len = Weighted::new(numbers(&sizes, "valSizeRangeProbability")?.into_iter());
    let once = numbers(&read("config.json")?, "loneGetRatio")?[0];
    let begins: Vec<u64> =
        keys.iter().scan(0, |sum, &keys| Some(std::mem::replace(sum, *sum + keys))).collect();
    let all_keys: u64 = keys.iter().sum();
    let mut rng = Rng::new(seed);
    Ok(Box::new((0..REQUESTS).map(move |number| {
        let key = if unit(rng.next_u64()) < once {
            all_keys + number
        } else {
            let bucket = bucket.draw(&mut rng) as usize;
            begins[bucket] + rng.next_u64() % keys[bucket]
        };
        Request {
            time_ms: number / REQUESTS_PER_MS,
            key,
            key_len: 16 + (of_key(key, 1) % 49) as u8,
            value_len: value_lens[value_len.at(unit(of_key(key, 0))) as usize] as u32,
            ttl_s: 0,
            is_write: false,
        }
    })))
}

/// The number, or list of numbers, under a name that occurs once.
pub fn numbers(json: &str, name: &str) -> io::Result<Vec<f64>> {
    let missing = || io::Error::other(format!("no numbers under {name:?}"));
    let (_, rest) = json.split_once(&format!("\"{name}\"")).ok_or_else(missing)?;
    let rest = rest.trim_start().strip_prefix(':').ok_or_else(missing)?.trim_start();
    let list = match rest.strip_prefix('[') {
        Some(list) => list.split(']').next(),
        None => rest.split([',', '}', '\n']).next(),
    };
    let parsed: Result<Vec<f64>, _> =
        list.unwrap_or_default().split(',').map(|number| number.trim().parse()).collect();
    parsed.map_err(|_| missing())
}
