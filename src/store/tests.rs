//! The engine driven as its callers drive it: the driver, and the verbs.

use super::*;

mod bounds;
#[cfg(feature = "debug-commands")]
mod holds;
mod long;
mod marks;
mod memory;
mod running;
mod timed;

/// Defaults, with one worker, a fixed seed and memcached's sizes of chunks.
pub(super) fn config(limit_bytes: u64) -> StoreConfig {
    // Under miri memory is zeroed at once.
    let limit_bytes = if cfg!(miri) { limit_bytes.min(16 << 20) } else { limit_bytes };
    let (threads, seed, track_sizes) = (1, Some(42), true);
    let (chunk_size_min, growth_factor) = (48, 1.25);
    let sizes = StoreConfig { chunk_size_min, growth_factor, ..StoreConfig::default() };
    StoreConfig { limit_bytes, threads, seed, track_sizes, ..sizes }
}

/// `n`, or so much less of it that an interpreter gets through.
fn fewer(n: usize) -> usize {
    if cfg!(miri) { n / 10 } else { n }
}

struct Driver {
    store: Store,
    now: Seconds,
}

impl Driver {
    fn new(limit_bytes: u64) -> Driver {
        Driver::with(config(limit_bytes))
    }
    fn with(config: StoreConfig) -> Driver {
        Driver { store: Store::new(config).unwrap(), now: 100 }
    }
    fn args<'k>(&self, key: &'k [u8], mode: SetMode) -> SetArgs<'k> {
        let hash = self.store.hash(key);
        let rare = SetRare::default();
        SetArgs { key, hash, flags: 0, deadline: 0, mode, compare: None, rare }
    }
    fn put(&self, mode: SetMode, key: &str, value: &[u8]) -> Stored {
        self.store.session().set(&self.args(key.as_bytes(), mode), value, self.now)
    }
    fn set(&self, key: &str, value: &[u8]) -> Stored {
        self.put(SetMode::Set, key, value)
    }
    fn set_until(&self, key: &str, value: &[u8], deadline: Deadline) -> Stored {
        let args = SetArgs { deadline, ..self.args(key.as_bytes(), SetMode::Set) };
        self.store.session().set(&args, value, self.now)
    }
    fn get(&self, key: &str) -> Option<Vec<u8>> {
        let hash = self.store.hash(key.as_bytes());
        self.store.session().get(key.as_bytes(), hash, None, self.now, |hit| {
            let mut value = Vec::new();
            hit.copy_to(&mut value);
            assert_eq!(value.len(), hit.len());
            value
        })
    }
    fn maintain(&self) {
        while self.store.maintain(self.now) {}
    }
    fn cas(&self, key: &str) -> u64 {
        let hash = self.store.hash(key.as_bytes());
        self.store.session().get(key.as_bytes(), hash, None, self.now, |hit| hit.cas()).unwrap()
    }
    fn delete(&self, key: &str) -> Deleted {
        let hash = self.store.hash(key.as_bytes());
        let args = DeleteArgs::new(key.as_bytes(), hash, None);
        self.store.session().delete(&args, self.now)
    }
    fn incr(&self, key: &str, delta: u64) -> Counted {
        self.store.session().arith(&self.arith_args(key, delta), self.now)
    }
    fn arith_args<'k>(&self, key: &'k str, delta: u64) -> ArithArgs<'k> {
        ArithArgs::new(key.as_bytes(), self.store.hash(key.as_bytes()), delta, false)
    }
    fn upload(&self, key: &str, value: &[u8]) -> Stored {
        let args = self.args(key.as_bytes(), SetMode::Set);
        let id = match self.store.begin_upload(&args, value.len() as u32, self.now) {
            Ok(id) => id,
            Err(stored) => return stored,
        };
        for piece in value.chunks(10_000) {
            if self.store.append_upload(&id, piece, self.now) == Received::Dropped {
                return Stored::OutOfMemory;
            }
        }
        self.store.commit_upload(id, self.now)
    }
}

fn is_stored(stored: Stored) -> bool {
    matches!(stored, Stored::Stored(_))
}

/// Bytes that differ from place to place, and at every place from one seed to the next: at `i`
/// stands `i * 7 + i / 251 + seed`.
fn pattern(len: usize, seed: usize) -> Vec<u8> {
    // An interpreter copies faster than it counts: rows of 251, each of them a part of one wave,
    // and after 256 rows it all begins again.
    const WAVE: [u8; 256 + 251] = {
        let (mut wave, mut i) = ([0; 256 + 251], 0);
        while i < wave.len() {
            (wave[i], i) = ((i * 7) as u8, i + 1);
        }
        wave
    };
    let mut bytes = Vec::with_capacity(len);
    for row in 0..len.div_ceil(251).min(256) {
        let from = (row * (251 * 7 + 1) + seed) * 183 % 256; // 183 * 7 is 1 more than 5 * 256
        bytes.extend_from_slice(&WAVE[from..from + (len - row * 251).min(251)]);
    }
    while bytes.len() < len {
        bytes.extend_from_within(..(len - bytes.len()).min(bytes.len()));
    }
    bytes
}

#[test]
fn a_pattern_is_what_it_says() {
    for len in [0, 1, 250, 251, 252, if cfg!(miri) { 3000 } else { 200_000 }] {
        let bytes = (0..len).map(|i| (i * 7 + i / 251 + len) as u8);
        assert!(pattern(len, len).into_iter().eq(bytes), "{len}");
    }
}

#[test]
fn what_is_set_is_got_until_deleted() {
    let d = Driver::new(1 << 20);
    assert!(is_stored(d.set("a", b"1")));
    assert_eq!(d.get("a").unwrap(), b"1");
    assert!(is_stored(d.set("a", b"22")));
    assert_eq!(d.get("a").unwrap(), b"22");
    assert_eq!(d.delete("a"), Deleted::Deleted);
    assert_eq!((d.get("a"), d.delete("a")), (None, Deleted::NotFound));
    d.store.assert_valid();
    assert_eq!(d.store.stats(d.now).items, 0);
}

#[test]
fn add_and_replace_mind_what_is_there() {
    let d = Driver::new(1 << 20);
    assert_eq!(d.put(SetMode::Replace, "a", b"x"), Stored::NotStored);
    assert!(is_stored(d.put(SetMode::Add, "a", b"1")));
    assert_eq!(d.put(SetMode::Add, "a", b"2"), Stored::NotStored);
    assert!(is_stored(d.put(SetMode::Replace, "a", b"3")));
    assert_eq!(d.get("a").unwrap(), b"3");
}

#[test]
fn cas_rises_and_guards() {
    let d = Driver::new(1 << 20);
    d.set("a", b"1");
    let first = d.cas("a");
    d.set("a", b"2");
    let second = d.cas("a");
    assert!(second > first);
    let compare = |cas| SetArgs { compare: Some(cas), ..d.args(b"a", SetMode::Set) };
    let mut session = d.store.session();
    assert_eq!(session.set(&compare(first), b"3", d.now), Stored::Exists);
    assert!(is_stored(session.set(&compare(second), b"3", d.now)));
    let missing = SetArgs { compare: Some(1), ..d.args(b"b", SetMode::Set) };
    assert_eq!(session.set(&missing, b"3", d.now), Stored::NotFound);
    drop(session);
    let stats = d.store.stats(d.now);
    let sum = |f: fn(&ClassStats) -> u64| stats.classes.iter().map(f).sum::<u64>();
    assert_eq!((sum(|c| c.cas_hits), sum(|c| c.cas_badval), stats.misses.cas), (1, 1, 1));
}

#[test]
fn append_and_prepend_join_at_every_size() {
    let d = Driver::new(16 << 20);
    for len in [0, 1, 40, 200, 30_000, 32_700, 40_000, 65_000] {
        let (old, more) = (pattern(len, 1), pattern(1000, 2));
        d.set("k", &old);
        assert!(is_stored(d.put(SetMode::Append, "k", &more)));
        assert_eq!(d.get("k").unwrap(), [old.clone(), more.clone()].concat(), "{len}");
        assert!(is_stored(d.put(SetMode::Prepend, "k", b"<")));
        assert_eq!(d.get("k").unwrap(), [b"<".to_vec(), old, more].concat(), "{len}");
        d.store.assert_valid();
    }
    assert_eq!(d.put(SetMode::Append, "none", b"x"), Stored::NotStored);
}

#[test]
fn numbers_count_and_pad() {
    let d = Driver::new(1 << 20);
    d.set("n", b"10");
    assert!(matches!(d.incr("n", 5), Counted::Value(Count { number: 15, .. })));
    let decr = |by| {
        let args = ArithArgs { decrement: true, ..d.arith_args("n", by) };
        d.store.session().arith(&args, d.now)
    };
    assert!(matches!(decr(6), Counted::Value(Count { number: 9, .. })));
    assert_eq!(d.get("n").unwrap(), b"9 ");
    assert!(matches!(decr(100), Counted::Value(Count { number: 0, .. })));
    assert!(matches!(d.incr("n", u64::MAX), Counted::Value(Count { number: u64::MAX, .. })));
    assert_eq!(d.get("n").unwrap(), u64::MAX.to_string().as_bytes());
    assert!(matches!(d.incr("n", 2), Counted::Value(Count { number: 1, .. })));
    d.set("n", b"x");
    assert_eq!(d.incr("n", 1), Counted::NonNumeric);
    assert_eq!(d.incr("none", 1), Counted::NotFound);
    d.store.assert_valid();
}

#[test]
fn values_of_every_size_around_a_chunk_come_back_whole() {
    let d = Driver::new(64 << 20);
    let edges = [0, 1, 24, 40, 100, 1 << 10, 16_300, 32_700, 32_744, 32_768, 65_488, 65_536];
    for edge in edges {
        let around = (edge as usize).saturating_sub(70)..edge as usize + 70;
        for len in around.step_by(if cfg!(miri) { 23 } else { 1 }) {
            let value = pattern(len, edge as usize);
            assert!(is_stored(d.set("k", &value)), "{len}");
            assert_eq!(d.get("k").unwrap(), value, "{len}");
        }
        d.store.assert_valid();
    }
}

#[test]
fn a_refused_cas_keeps_the_item() {
    let d = Driver::new(16 << 20);
    d.set("k", b"v");
    let args = SetArgs { compare: Some(d.cas("k")), ..d.args(b"k", SetMode::Set) };
    assert_eq!(d.store.session().set(&args, &[0; 2 << 20], d.now), Stored::TooLarge);
    assert_eq!(d.get("k").unwrap(), b"v");
    assert_eq!(d.store.begin_upload(&args, 2 << 20, d.now), Err(Stored::TooLarge));
    assert_eq!(d.get("k").unwrap(), b"v");
    let id = d.store.begin_upload(&args, 1 << 19, d.now).unwrap();
    d.store.fail_pages_after(Some(1));
    let sent = d.store.append_upload(&id, &pattern(1 << 19, 1), d.now);
    assert_eq!((sent, d.get("k").unwrap()), (Received::Dropped, b"v".to_vec()));
    d.store.assert_valid();
    assert_eq!(d.set("k", &[0; 2 << 20]), Stored::TooLarge);
    assert_eq!(d.get("k"), None);
}
