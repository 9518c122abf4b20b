//! Items that have no place for a deadline until they are given one.
//!
//! With memcached's sizes of chunks (72, 88 …) and a key of one byte, a value of 51 bytes makes an
//! item of 72: one of 76 with that place.

use super::*;

/// Values without room for a deadline in their chunks, or with it, or chained.
const LENGTHS: [usize; 6] = [48, 51, 52, 600, 32_744, 70_000];

/// Gives an item a deadline.
type Give = fn(&Driver, &str, Deadline);

/// Verbs that look an item up and give it a deadline.
pub(super) const LOOKUPS: [Give; 3] = [WAYS[0], WAYS[1], WAYS[2]];
/// All ways to do so.
const WAYS: [Give; 4] = [
    |d, key, deadline| {
        let hash = d.store.hash(key.as_bytes());
        assert!(d.store.session().touch(key.as_bytes(), hash, deadline, d.now));
    },
    |d, key, deadline| {
        let hash = d.store.hash(key.as_bytes());
        let got = d.store.session().get(key.as_bytes(), hash, Some(deadline), d.now, |_| ());
        got.expect("it is there");
    },
    |d, key, deadline| {
        let hash = d.store.hash(key.as_bytes());
        let args = FetchArgs { touch: Some(deadline), ..FetchArgs::default() };
        let found = |hit: Hit<'_>, created| (hit.deadline(), created);
        let was = d.store.session().fetch(key.as_bytes(), hash, &args, d.now, found);
        assert_eq!(was.map(|(_, created)| created), Some(false));
    },
    |d, key, deadline| {
        let hash = d.store.hash(key.as_bytes());
        let keep = Keep { invalidate: true, empty: None, deadline: Some(deadline), new_cas: None };
        let args = DeleteArgs { keep: Some(keep), ..DeleteArgs::new(key.as_bytes(), hash, None) };
        assert_eq!(d.store.session().delete(&args, d.now), Deleted::Deleted);
    },
];

impl Driver {
    pub(super) fn deadline(&self, key: &str) -> Option<Deadline> {
        let hash = self.store.hash(key.as_bytes());
        self.store.session().peek(key.as_bytes(), hash, self.now, |hit| hit.deadline())
    }
    fn set_flagged(&self, key: &str, value: &[u8], new_cas: Option<u64>) {
        let rare = SetRare { new_cas, ..SetRare::default() };
        let args = SetArgs { flags: 7, rare, ..self.args(key.as_bytes(), SetMode::Set) };
        assert!(is_stored(self.store.session().set(&args, value, self.now)));
    }
    fn flags(&self, key: &str) -> Option<u32> {
        let hash = self.store.hash(key.as_bytes());
        self.store.session().peek(key.as_bytes(), hash, self.now, |hit| hit.flags())
    }
}

#[test]
fn an_item_gets_a_deadline_later_and_dies_by_it() {
    for (len, give) in LENGTHS.into_iter().flat_map(|len| WAYS.map(|way| (len, way))) {
        let mut d = Driver::new(4 << 20);
        for (key, cas) in [("a", None), ("b", Some(77))] {
            d.set_flagged(key, &pattern(len, 1), cas);
            give(&d, key, 500);
            d.store.assert_valid();
            assert_eq!((d.deadline(key), d.flags(key)), (Some(500), Some(7)), "{len}");
            assert_eq!(d.get(key).expect("it lives"), pattern(len, 1), "{len}");
            give(&d, key, 0);
            assert_eq!(d.deadline(key), Some(0), "{len}");
            give(&d, key, 900);
        }
        d.now = 900;
        d.maintain();
        assert_eq!(d.store.stats(d.now).items, 0, "{len}");
        d.store.assert_valid();
    }
}

#[test]
fn a_place_for_a_deadline_is_only_where_a_chunk_has_it_or_it_is_needed() {
    let d = Driver::new(4 << 20);
    let class = |key: &str| {
        let hash = d.store.hash(key.as_bytes());
        d.store.session().peek(key.as_bytes(), hash, d.now, |hit| (hit.class(), hit.size()))
    };
    d.set("a", &[1; 51]);
    d.set_until("b", &[1; 51], 500);
    d.set("c", &[1; 47]);
    assert_eq!((class("a"), class("b"), class("c")), (Some((1, 72)), Some((2, 76)), Some((1, 72))));
    // What is written over an item has the place it needs, and gives up one that it does not.
    d.set_until("a", &[2; 51], 500);
    d.set("b", &[2; 51]);
    assert_eq!((class("a"), class("b")), (Some((2, 76)), Some((1, 72))));
    d.set_until("b", &[2; 46], 500);
    assert_eq!((class("b"), d.deadline("b")), (Some((1, 71)), Some(500)));
    d.set("b", &[2; 50]);
    assert_eq!((class("b"), d.deadline("b")), (Some((1, 71)), Some(0)));
    d.store.assert_valid();
}

#[test]
fn a_number_that_is_touched_keeps_its_value() {
    let d = Driver::new(1 << 20);
    let mut digits = b"41".to_vec();
    digits.resize(51, b' ');
    d.set("n", &digits);
    let args = ArithArgs { touch: Some(500), ..d.arith_args("n", 1) };
    let counted = d.store.session().arith(&args, d.now);
    let Counted::Value(count) = counted else { panic!("{counted:?}") };
    assert_eq!((count.number, d.deadline("n"), d.cas("n")), (42, Some(500), count.cas));
    assert_eq!(d.get("n").unwrap()[..3], *b"42 ");
    d.store.assert_valid();
}

#[test]
fn what_a_lookup_creates_has_its_deadline_at_once() {
    let d = Driver::new(1 << 20);
    let args = FetchArgs { touch: Some(900), vivify: Some(500), ..FetchArgs::default() };
    let fetch = || d.store.session().fetch(b"k", d.store.hash(b"k"), &args, d.now, |_, new| new);
    assert_eq!(fetch(), Some(true));
    assert_eq!(d.deadline("k"), Some(500));
    assert_eq!(fetch(), Some(false));
    assert_eq!(d.deadline("k"), Some(900));
    d.store.assert_valid();
}

#[test]
fn in_a_full_store_others_go_for_a_deadline() {
    // Three pages are a full store as well.
    let (limit, count) = if cfg!(miri) { (3 << 16, 3500) } else { (1 << 20, 20_000) };
    let d = Driver::new(limit);
    (0..count).for_each(|n| assert!(is_stored(d.set(&format!("{n:05}"), &[1; 47]))));
    // All memory is class 1's, and the item needs a chunk of class 2.
    let key = format!("{:05}", count - 1);
    let stats = d.store.stats(d.now);
    let items = stats.items;
    assert!(stats.pages_free == 0 && items < count, "{items} of {count}");
    WAYS[0](&d, &key, 500);
    assert_eq!((d.deadline(&key), d.get(&key)), (Some(500), Some(vec![1; 47])));
    assert!(d.store.stats(d.now).items < items);
    d.store.assert_valid();
}

#[test]
fn without_eviction_there_is_a_place_for_every_deadline() {
    let limit = if cfg!(miri) { 3 << 16 } else { 1 << 20 };
    let d = Driver::with(StoreConfig { evict: false, ..config(limit) });
    let mut count = 0;
    while is_stored(d.set(&format!("{count:05}"), &[1; 47])) {
        count += 1;
    }
    assert!(count > 1000, "{count}");
    for n in 0..count {
        WAYS[n % 2](&d, &format!("{n:05}"), 500);
    }
    assert_eq!(d.store.stats(d.now).items, count as u64);
    assert!((0..count).all(|n| d.deadline(&format!("{n:05}")) == Some(500)));
    d.store.assert_valid();
}
