//! What a workload is, and what its requests are, wherever they come from.

use std::io;
use std::rc::Rc;

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

/// Something to replay.
#[derive(Clone)]
pub struct Workload {
    pub name: String,
    /// What it is, in a line.
    pub about: &'static str,
    /// `-m` to play it at.
    pub sizes_mb: Vec<u32>,
    /// Time and TTLs are divided by this; `None`: it is not paced, and TTLs stay as they are.
    pub divisor: Option<u32>,
    /// Makes its requests from a seed, or reads them.
    pub source: Rc<dyn Fn(u64) -> io::Result<Requests>>,
}

impl Workload {
    /// Its requests from the beginning. The seed is of no consequence to a trace that names them
    /// all.
    ///
    /// # Errors
    /// A file that cannot be read, or is not what its name says.
    pub fn requests(&self, seed: u64) -> io::Result<Requests> {
        (self.source)(seed)
    }
}
