//! What is replayed: requests made from a seed, or read from a trace.
//!
//! A workload is the same sequence of requests whenever it is asked for with the same seed. It
//! knows the memory sizes at which it says something, and by what its time is divided when it is
//! paced; a workload that is not paced is played as fast as it goes.

mod clusters;
mod draw;
mod files;
mod made;

use std::io;
use std::path::{Path, PathBuf};

use crate::rng::Rng;

/// Keys of made workloads, and of traces that do not say how long theirs are.
pub const KEY_LEN: u8 = 24;

/// Made requests a millisecond where a workload has no time of its own.
pub const REQUESTS_PER_MS: u64 = 100;

/// One request of a trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Request {
    /// Trace time since the first request, in milliseconds.
    pub time_ms: u64,
    /// Which key.
    pub key: u64,
    /// Bytes of the key, at most 250; never fewer than its number needs in base 32.
    pub key_len: u8,
    /// Bytes of the value that a write, or the read after a miss, stores.
    pub value_len: u32,
    /// Seconds of trace time that the value then lives; 0: for ever.
    pub ttl_s: u32,
    /// A plain set. Everything else is a read.
    pub is_write: bool,
}

impl Request {
    /// The text of the key: its number in base 32, padded to its length.
    pub fn push_key(&self, out: &mut Vec<u8>) {
        const DIGITS: &[u8; 32] = b"0123456789abcdefghijklmnopqrstuv";
        let digits = (u64::BITS - self.key.leading_zeros()).div_ceil(5).max(1);
        let padding = usize::from(self.key_len).saturating_sub(digits as usize);
        out.resize(out.len() + padding, b'0');
        let digit = |place: u32| DIGITS[(self.key >> (5 * place) & 31) as usize];
        out.extend((0..digits).rev().map(digit));
    }

    /// Bytes of key and value.
    pub fn bytes(&self) -> u64 {
        u64::from(self.key_len) + u64::from(self.value_len)
    }
}

/// The requests of a workload, one after the other.
pub type Requests = Box<dyn Iterator<Item = Request>>;

/// Where requests come from.
#[derive(Debug, Clone)]
enum Source {
    Made(fn(u64) -> Requests),
    Cluster(&'static clusters::Cluster),
    File(PathBuf),
}

/// Something to replay.
#[derive(Debug, Clone)]
pub struct Workload {
    pub name: String,
    /// What it is, in a line.
    pub about: &'static str,
    /// `-m` to play it at.
    pub sizes_mb: Vec<u32>,
    /// Time and TTLs are divided by this; `None`: it is not paced, and TTLs stay as they are.
    pub divisor: Option<u32>,
    source: Source,
}

impl Workload {
    /// Its requests from the beginning. The seed is of no consequence to a trace that names them
    /// all.
    ///
    /// # Errors
    /// A file that cannot be read, or is not what its name says.
    pub fn requests(&self, seed: u64) -> io::Result<Requests> {
        match &self.source {
            Source::Made(make) => Ok(make(seed)),
            Source::Cluster(cluster) => Ok(cluster.requests(seed)),
            Source::File(path) => files::open(path, seed),
        }
    }
}

/// All that can be made from a seed.
pub fn made() -> Vec<Workload> {
    let mut all = made::all();
    all.extend(clusters::all());
    all
}

/// Keys below `keys`, drawn by Zipf's law, without end.
pub fn drawn(keys: u32, alpha: f64, seed: u64) -> impl Iterator<Item = u64> {
    let (mut rng, popular) = (Rng::new(seed), draw::Weighted::zipf(keys, alpha));
    std::iter::repeat_with(move || popular.draw(&mut rng))
}

/// A trace: `*.bin` is oracleGeneral, `*.csv` Twitter's open format, a folder with `pop.json` and
/// `sizes.json` the histograms of a CacheLib cachebench test. Played at `sizes_mb`.
pub fn from_file(path: &Path, sizes_mb: Vec<u32>, divisor: Option<u32>) -> Workload {
    let name = path.file_name().map_or(String::new(), |name| name.to_string_lossy().into_owned());
    let name = name.split('.').next().unwrap_or_default().to_string();
    Workload { name, about: "a trace", sizes_mb, divisor, source: Source::File(path.into()) }
}
