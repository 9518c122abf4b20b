//! What is asked of the servers: key sets and workloads.
//!
//! Keys are 16 bytes, values describe themselves (they follow from the key and a generation), so
//! any reply can be checked.

use crate::server::Room;

/// Bytes of every key.
pub const KEY_LEN: usize = 16;

/// Generation of the values stored by the fill. Neither letter occurs elsewhere in a reply.
pub const FILLED: u8 = b'f';

/// Generation of the values stored by a workload.
pub const REWRITTEN: u8 = b'w';

/// A set of keys that a server is filled with before workloads run on it.
#[derive(Debug, PartialEq)]
pub struct KeySet {
    pub name: &'static str,
    pub keys: u32,
    pub value_len: usize,
    /// `-m`: large enough that nothing is evicted.
    pub memory_mb: u32,
    /// Takes long to fill: only with `--big`.
    pub big: bool,
}

const fn key_set(name: &'static str, keys: u32, value_len: usize) -> KeySet {
    KeySet { name, keys, value_len, memory_mb: 1024, big: false }
}

impl KeySet {
    /// What a server needs to hold it and this many connections.
    pub fn room(&self, connections: usize) -> Room {
        let options: &[&str] = if self.value_len >= 1 << 20 { &["-I", "16m"] } else { &[] };
        Room { memory_mb: self.memory_mb, connections, options }
    }
}

/// From here on a workload is one of values: they are told in MB/s, too.
pub const LARGE_VALUE: usize = 4 << 10;

/// Fits the caches of the machine, more or less, in any server.
const SMALL: KeySet = key_set("10k keys", 10_000, 32);
/// Does not: one lookup is two or three cache misses.
const MILLION: KeySet = key_set("1M keys", 1_000_000, 32);
const TEN_BYTES: KeySet = key_set("10 B values", 100_000, 10);
const HUNDRED_BYTES: KeySet = key_set("100 B values", 100_000, 100);
const KIBIBYTE: KeySet = key_set("1 KiB values", 100_000, 1 << 10);
/// 40 to 256 MiB each, so that no cache of a processor holds many of the values.
const VALUES_4K: KeySet = key_set("4 KiB values", 10_000, 4 << 10);
const VALUES_64K: KeySet = key_set("64 KiB values", 1_000, 64 << 10);
const VALUES_100K: KeySet = key_set("100 KiB values", 1_000, 100 << 10);
const VALUES_1M: KeySet = key_set("1 MiB values", 200, (1 << 20) - 100);
const VALUES_10M: KeySet = key_set("10 MiB values", 20, 10 << 20);
/// More than 4 GiB in any server that stores 240 bytes of key and value in 256 bytes or more, and
/// less than 5 GiB in memcached, whose chunks for them are of 304 bytes.
const BIG: KeySet =
    KeySet { name: "4 GiB", keys: 1 << 24, value_len: 224, memory_mb: 5632, big: true };

/// What it is asked in.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Dialect {
    /// Classic text.
    Text,
    /// The meta commands. A multi-get is so many quiet `mg` and an `mn`.
    Meta {
        /// Answers repeat the key, as classic ones do.
        with_key: bool,
    },
    /// Packets. A multi-get is so many `getkq` and a `noop`.
    Binary,
}

impl Dialect {
    /// What stands behind every value.
    pub fn value_end(self) -> &'static [u8] {
        if self == Dialect::Binary { b"" } else { b"\r\n" }
    }
}

/// What one request asks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Verb {
    /// One key that is there.
    Get,
    /// One key that is not.
    Miss,
    /// Stores a value of the key set's length.
    Set,
    /// Gets, with this many sets in a hundred.
    Mix { sets_percent: u64 },
    /// So many keys in one request.
    MultiGet { keys: usize },
}

/// A row of the table.
#[derive(Debug, PartialEq)]
pub struct Workload {
    pub name: &'static str,
    pub key_set: &'static KeySet,
    pub dialect: Dialect,
    pub verb: Verb,
    /// Requests sent in one write, and awaited together.
    pub depth: usize,
    /// Connections, where it is not for the options to say.
    pub over: Option<usize>,
    /// Part of the smoke run.
    pub quick: bool,
}

const MIX: Verb = Verb::Mix { sets_percent: 10 };
const MULTI: Verb = Verb::MultiGet { keys: 100 };

const TEXT: Dialect = Dialect::Text;
const META: Dialect = Dialect::Meta { with_key: false };
const META_KEYS: Dialect = Dialect::Meta { with_key: true };
const BINARY: Dialect = Dialect::Binary;

const fn row(name: &'static str, key_set: &'static KeySet, verb: Verb, depth: usize) -> Workload {
    Workload { name, key_set, dialect: TEXT, verb, depth, over: None, quick: false }
}

impl Workload {
    /// The same in another dialect.
    const fn speaking(self, dialect: Dialect) -> Workload {
        Workload { dialect, ..self }
    }
    /// Over so many connections.
    const fn over(self, connections: usize) -> Workload {
        Workload { over: Some(connections), ..self }
    }

    /// Part of the smoke run.
    const fn quick(self) -> Workload {
        Workload { quick: true, ..self }
    }

    /// How many connections it runs over when `usual` are asked for.
    pub fn connections(&self, usual: usize) -> usize {
        self.over.unwrap_or(usual)
    }

    /// Is it about values rather than about keys?
    pub fn is_of_large_values(&self) -> bool {
        self.key_set.value_len >= LARGE_VALUE
    }
}

/// Every workload, in the order of the table; those of one key set stand together.
pub static WORKLOADS: [Workload; 58] = [
    row("get", &MILLION, Verb::Get, 1),
    row("get-c16", &MILLION, Verb::Get, 1).over(16),
    row("set", &MILLION, Verb::Set, 1),
    row("mix", &MILLION, MIX, 1),
    row("get-p32", &MILLION, Verb::Get, 32),
    row("set-p32", &MILLION, Verb::Set, 32),
    row("mix-p32", &MILLION, MIX, 32),
    row("miss-p32", &MILLION, Verb::Miss, 32),
    row("mget100", &MILLION, MULTI, 1),
    row("mg", &MILLION, Verb::Get, 1).speaking(META),
    row("ms", &MILLION, Verb::Set, 1).speaking(META),
    row("mg-p32", &MILLION, Verb::Get, 32).speaking(META),
    row("ms-p32", &MILLION, Verb::Set, 32).speaking(META),
    row("mgq100", &MILLION, MULTI, 1).speaking(META),
    row("mgkq100", &MILLION, MULTI, 1).speaking(META_KEYS),
    row("bget", &MILLION, Verb::Get, 1).speaking(BINARY),
    row("bset", &MILLION, Verb::Set, 1).speaking(BINARY),
    row("bget-p32", &MILLION, Verb::Get, 32).speaking(BINARY),
    row("bset-p32", &MILLION, Verb::Set, 32).speaking(BINARY),
    row("getkq100", &MILLION, MULTI, 1).speaking(BINARY),
    row("get-10k", &SMALL, Verb::Get, 1).quick(),
    row("set-10k", &SMALL, Verb::Set, 1).quick(),
    row("mix-10k", &SMALL, MIX, 1).quick(),
    row("get-p32-10k", &SMALL, Verb::Get, 32).quick(),
    row("set-p32-10k", &SMALL, Verb::Set, 32).quick(),
    row("mix-p32-10k", &SMALL, MIX, 32),
    row("miss-p32-10k", &SMALL, Verb::Miss, 32),
    row("mget100-10k", &SMALL, MULTI, 1).quick(),
    row("mg-10k", &SMALL, Verb::Get, 1).speaking(META),
    row("mg-p32-10k", &SMALL, Verb::Get, 32).speaking(META).quick(),
    row("ms-p32-10k", &SMALL, Verb::Set, 32).speaking(META).quick(),
    row("mgkq100-10k", &SMALL, MULTI, 1).speaking(META_KEYS).quick(),
    row("bget-10k", &SMALL, Verb::Get, 1).speaking(BINARY),
    row("bget-p32-10k", &SMALL, Verb::Get, 32).speaking(BINARY).quick(),
    row("bset-p32-10k", &SMALL, Verb::Set, 32).speaking(BINARY).quick(),
    row("getkq100-10k", &SMALL, MULTI, 1).speaking(BINARY).quick(),
    row("get-p32-10B", &TEN_BYTES, Verb::Get, 32),
    row("set-p32-10B", &TEN_BYTES, Verb::Set, 32),
    row("get-p32-100B", &HUNDRED_BYTES, Verb::Get, 32),
    row("set-p32-100B", &HUNDRED_BYTES, Verb::Set, 32),
    row("get-1KiB", &KIBIBYTE, Verb::Get, 1),
    row("get-p32-1KiB", &KIBIBYTE, Verb::Get, 32),
    row("set-p32-1KiB", &KIBIBYTE, Verb::Set, 32),
    row("get-p16-4KiB", &VALUES_4K, Verb::Get, 16).quick(),
    row("set-p16-4KiB", &VALUES_4K, Verb::Set, 16),
    row("get-64KiB", &VALUES_64K, Verb::Get, 1),
    row("set-64KiB", &VALUES_64K, Verb::Set, 1),
    row("get-100KiB", &VALUES_100K, Verb::Get, 1).quick(),
    row("set-100KiB", &VALUES_100K, Verb::Set, 1).quick(),
    // Fewer connections: no server buffers fifty values of these sizes at once.
    row("get-1MiB", &VALUES_1M, Verb::Get, 1).over(8),
    row("set-1MiB", &VALUES_1M, Verb::Set, 1).over(8),
    row("get-10MiB", &VALUES_10M, Verb::Get, 1).over(4).quick(),
    row("set-10MiB", &VALUES_10M, Verb::Set, 1).over(4).quick(),
    row("get-4GiB", &BIG, Verb::Get, 1),
    row("get-p32-4GiB", &BIG, Verb::Get, 32),
    row("set-p32-4GiB", &BIG, Verb::Set, 32),
    row("mget100-4GiB", &BIG, MULTI, 1),
    row("mgq100-4GiB", &BIG, MULTI, 1).speaking(META),
];

/// The workload of that name.
pub fn by_name(name: &str) -> Option<&'static Workload> {
    WORKLOADS.iter().find(|workload| workload.name == name)
}

/// What one request of a script is: the verbs, with the mix decided.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kind {
    Get,
    Miss,
    Set,
}

/// Appends the key of `index`; the keys of misses share nothing with those filled.
pub fn push_key(index: u32, kind: Kind, out: &mut Vec<u8>) {
    out.extend_from_slice(if kind == Kind::Miss { b"mis:" } else { b"key:" });
    out.extend_from_slice(&digits(index));
}

/// Appends the value of key `index`: the generation and the key's digits, lowest first, repeated.
pub fn push_value(index: u32, generation: u8, len: usize, out: &mut Vec<u8>) {
    let mut block = *b"?0123456789ab...";
    block[0] = generation;
    block[1..13].copy_from_slice(&digits(index));
    block[1..13].reverse();
    let end = out.len() + len;
    while out.len() < end {
        let some = block.len().min(end - out.len());
        out.extend_from_slice(&block[..some]);
    }
}

fn digits(mut number: u32) -> [u8; 12] {
    let mut text = [b'0'; 12];
    for digit in text.iter_mut().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
    }
    text
}
