//! The bytes a workload sends, built before the clock starts from a seeded generator. Every batch
//! knows how long its answer must be, so that the timed loop counts bytes and parses nothing.

use crate::dialects;
use crate::workloads::{Dialect, FILLED, Kind, Verb, Workload};

/// No script grows beyond this: past it a script repeats sooner instead.
const SCRIPT_BYTES_MAX: usize = 192 << 20;
const SMOKE_BYTES_MAX: usize = 4 << 20;
/// Nor does it ask for more than so many times that: answers are made when it is built.
const REPLY_BYTES_FACTOR: usize = 8;

/// A script repeats no sooner than after this many keys (or twice those of its set, if more), so
/// that no server's caches learn it.
const SCRIPT_KEYS: usize = 1 << 20;

/// SplitMix64: small, seeded, uniform enough to pick keys.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(bound)) >> 64) as u64
    }
}

/// The requests of a workload, in order: what is asked and for which keys.
pub struct Picks<'a> {
    workload: &'a Workload,
    random: Random,
    /// The keys of the request picked last.
    pub keys: Vec<u32>,
}

impl<'a> Picks<'a> {
    pub fn new(workload: &'a Workload, seed: u64) -> Self {
        Picks { workload, random: Random(seed), keys: Vec::new() }
    }

    /// Picks the next request: its kind is returned, its keys stand in `keys`.
    pub fn next(&mut self) -> Kind {
        let (kind, keys) = match self.workload.verb {
            Verb::Get => (Kind::Get, 1),
            Verb::Miss => (Kind::Miss, 1),
            Verb::Set => (Kind::Set, 1),
            Verb::MultiGet { keys } => (Kind::Get, keys),
            Verb::Mix { sets_percent } => {
                let set = self.random.below(100) < sets_percent;
                (if set { Kind::Set } else { Kind::Get }, 1)
            }
        };
        let key_count = u64::from(self.workload.key_set.keys);
        self.keys.clear();
        self.keys.extend((0..keys).map(|_| self.random.below(key_count) as u32));
        kind
    }
}

/// Requests that are sent in one write, and what they are answered.
pub struct Batch {
    /// Where its bytes begin in the script; they end where the next batch's begin.
    pub start: usize,
    pub end: usize,
    pub reply_len: usize,
    /// The last bytes of the answer; `None` where it ends in a CAS, which nobody can know.
    pub tail: Option<[u8; 4]>,
}

/// All bytes of a workload, ready to send.
pub struct Script {
    pub bytes: Vec<u8>,
    pub batches: Vec<Batch>,
    /// Requests a batch.
    pub depth: usize,
}

impl Script {
    /// Builds the script; the same seed gives the same bytes. One for a smoke run is short.
    pub fn build(workload: &Workload, seed: u64, smoke: bool) -> Script {
        let (dialect, value_len) = (workload.dialect, workload.key_set.value_len);
        let mut picks = Picks::new(workload, seed);
        let mut script = Script { bytes: Vec::new(), batches: Vec::new(), depth: workload.depth };
        let full = SCRIPT_KEYS.max(2 * workload.key_set.keys as usize);
        let (keys, bytes_max) =
            if smoke { (SCRIPT_KEYS / 64, SMOKE_BYTES_MAX) } else { (full, SCRIPT_BYTES_MAX) };
        let keys_each = if let Verb::MultiGet { keys } = workload.verb { keys } else { 1 };
        let (mut reply, mut reply_bytes) = (Vec::new(), 0);
        for _ in 0..keys / keys_each / workload.depth {
            let start = script.bytes.len();
            reply.clear();
            for _ in 0..workload.depth {
                let kind = picks.next();
                dialects::push_request(dialect, kind, &picks.keys, value_len, &mut script.bytes);
                let keys = &picks.keys;
                dialects::push_reply(dialect, kind, keys, FILLED, value_len, &mut reply);
            }
            let known = !(dialect == Dialect::Binary && workload.verb == Verb::Set);
            let tail = reply.last_chunk().copied().filter(|_| known);
            let end = script.bytes.len();
            script.batches.push(Batch { start, end, reply_len: reply.len(), tail });
            reply_bytes += reply.len();
            if script.bytes.len().max(reply_bytes / REPLY_BYTES_FACTOR) >= bytes_max {
                break;
            }
        }
        script
    }
}
