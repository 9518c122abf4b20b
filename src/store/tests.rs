//! The engine driven as its callers drive it.

use super::*;

/// Defaults, with one worker and a fixed seed.
pub(super) fn config(limit_bytes: u64) -> StoreConfig {
    StoreConfig {
        limit_bytes,
        threads: 1,
        item_size_max: 1 << 20,
        chunk_size_min: 48,
        growth_factor: 1.25,
        slab_sizes: Vec::new(),
        slab_chunk_max: 512 << 10,
        use_cas: true,
        evict: true,
        segmented: true,
        hot_pct: 20,
        warm_pct: 40,
        hot_max_factor: 0.2,
        warm_max_factor: 2.0,
        temporary_ttl: None,
        preallocate: false,
        track_sizes: true,
        crawler: true,
        hash_power: 0,
        seed: Some(42),
    }
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
        SetArgs { key, hash, flags: 0, deadline: 0, mode, compare: None }
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
    fn cas(&self, key: &str) -> u64 {
        let hash = self.store.hash(key.as_bytes());
        self.store.session().get(key.as_bytes(), hash, None, self.now, |hit| hit.cas()).unwrap()
    }
    fn delete(&self, key: &str) -> Deleted {
        let hash = self.store.hash(key.as_bytes());
        self.store.session().delete(key.as_bytes(), hash, None, self.now)
    }
    fn incr(&self, key: &str, delta: u64) -> Counted {
        let hash = self.store.hash(key.as_bytes());
        self.store.session().arith(key.as_bytes(), hash, delta, false, self.now)
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

/// Bytes that differ from place to place.
fn pattern(len: usize, seed: usize) -> Vec<u8> {
    (0..len).map(|i| (i * 7 + i / 251 + seed) as u8).collect()
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
    assert!(matches!(d.incr("n", 5), Counted::Value(15, _)));
    let hash = d.store.hash(b"n");
    let decr = |by| d.store.session().arith(b"n", hash, by, true, d.now);
    assert!(matches!(decr(6), Counted::Value(9, _)));
    assert_eq!(d.get("n").unwrap(), b"9 ");
    assert!(matches!(decr(100), Counted::Value(0, _)));
    assert!(matches!(d.incr("n", u64::MAX), Counted::Value(u64::MAX, _)));
    assert_eq!(d.get("n").unwrap(), u64::MAX.to_string().as_bytes());
    assert!(matches!(d.incr("n", 2), Counted::Value(1, _)));
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
        for len in (edge as usize).saturating_sub(70)..edge as usize + 70 {
            let value = pattern(len, edge as usize);
            assert!(is_stored(d.set("k", &value)), "{len}");
            assert_eq!(d.get("k").unwrap(), value, "{len}");
        }
        d.store.assert_valid();
    }
}

#[test]
fn an_uploaded_value_appears_when_committed_and_not_before() {
    let d = Driver::new(64 << 20);
    d.set("k", b"old");
    let value = pattern(900_000, 3);
    let id = d.store.begin_upload(&d.args(b"k", SetMode::Set), 900_000, d.now).unwrap();
    assert_eq!(d.store.append_upload(&id, &value[..500_000], d.now), Received::Taken);
    assert_eq!(d.get("k").unwrap(), b"old");
    d.store.assert_valid();
    assert_eq!(d.store.append_upload(&id, &value[500_000..], d.now), Received::Taken);
    assert!(is_stored(d.store.commit_upload(id, d.now)));
    assert_eq!(d.get("k").unwrap(), value);
    d.store.assert_valid();
    let id = d.store.begin_upload(&d.args(b"k", SetMode::Set), 700_000, d.now).unwrap();
    d.store.append_upload(&id, &value[..600_000], d.now);
    d.store.drop_upload(id);
    d.store.maintain(d.now);
    d.store.assert_valid();
    assert_eq!(d.get("k").unwrap(), value);
    assert_eq!(d.store.stats(d.now).upload_bytes, 0);
}

#[test]
fn unfinished_uploads_do_not_keep_others_from_storing() {
    let d = Driver::new(64 << 20);
    let keys: Vec<String> = (0..200).map(|n| format!("slow{n}")).collect();
    let ids: Vec<UploadId> = keys
        .iter()
        .map(|key| {
            let args = d.args(key.as_bytes(), SetMode::Set);
            let id = d.store.begin_upload(&args, 900_000, d.now).unwrap();
            assert_eq!(d.store.append_upload(&id, b"x", d.now), Received::Taken);
            id
        })
        .collect();
    assert!(is_stored(d.upload("fast", &pattern(900_000, 1))));
    d.store.assert_valid();
    ids.into_iter().for_each(|id| d.store.drop_upload(id));
    d.store.assert_valid();
}

#[test]
fn uploads_at_the_cap_lose_the_least_advanced() {
    let d = Driver::new(16 << 20);
    let half = pattern(450_000, 1);
    let keys: Vec<String> = (0..40).map(|n| format!("half{n}")).collect();
    let mut ids = Vec::new();
    for key in &keys {
        let args = d.args(key.as_bytes(), SetMode::Set);
        let id = d.store.begin_upload(&args, 900_000, d.now).unwrap();
        d.store.append_upload(&id, &half, d.now);
        ids.push(id);
        assert!(d.store.stats(d.now).upload_bytes <= 4 << 20);
    }
    assert!(is_stored(d.upload("whole", &pattern(900_000, 1))));
    ids.into_iter().for_each(|id| d.store.drop_upload(id));
    d.store.maintain(d.now);
    d.store.assert_valid();
}

#[test]
fn a_pinned_value_is_read_to_its_end_whatever_happens_to_the_key() {
    let d = Driver::new(64 << 20);
    let value = pattern(300_000, 5);
    for fate in 0..4 {
        assert!(is_stored(d.upload("k", &value)));
        let hash = d.store.hash(b"k");
        let pin = d.store.session().get(b"k", hash, None, d.now, |mut hit| hit.pin()).unwrap();
        let mut out = Vec::new();
        assert_eq!(d.store.read_pin(&pin, 65_536, &mut out), PinRead::More);
        match fate {
            0 => assert_eq!(d.delete("k"), Deleted::Deleted),
            1 => assert!(is_stored(d.set("k", b"new"))),
            2 => assert!(is_stored(d.put(SetMode::Append, "k", b"more"))),
            _ => d.store.flush(d.now, d.now),
        }
        d.get("k");
        d.store.assert_valid();
        while d.store.read_pin(&pin, 65_536, &mut out) == PinRead::More {}
        assert_eq!(out, value);
        d.store.unpin(pin);
        d.store.assert_valid();
        d.delete("k");
        assert_eq!(d.store.stats(d.now).pinned_dead_bytes, 0);
    }
}

#[test]
fn dead_pinned_bytes_are_capped() {
    let d = Driver::new(16 << 20);
    let hash = d.store.hash(b"k");
    let mut pins = Vec::new();
    for n in 0..10 {
        assert!(is_stored(d.upload("k", &pattern(900_000, n))));
        pins.push(d.store.session().get(b"k", hash, None, d.now, |mut hit| hit.pin()).unwrap());
        assert!(d.store.stats(d.now).pinned_dead_bytes <= 2 << 20);
        d.store.assert_valid();
    }
    let mut out = Vec::new();
    let revoked = |pin: &PinId| d.store.read_pin(pin, 1, &mut out) == PinRead::Revoked;
    assert!(pins.iter().map(revoked).filter(|&r| r).count() >= 7);
    pins.into_iter().for_each(|pin| d.store.unpin(pin));
    d.store.assert_valid();
}

#[test]
fn the_expired_are_gone_on_touch_and_by_the_crawler() {
    let mut d = Driver::new(1 << 20);
    for n in 0..100 {
        d.set_until(&format!("k{n}"), b"v", d.now + 10 + n % 3);
    }
    d.set("stays", b"v");
    d.now += 10;
    assert_eq!(d.get("k0"), None);
    assert!(d.get("k1").is_some());
    let stats = d.store.stats(d.now);
    assert_eq!((stats.get_expired, stats.items), (1, 100));
    d.now += 2;
    d.store.maintain(d.now);
    d.store.assert_valid();
    let stats = d.store.stats(d.now);
    assert_eq!(stats.items, 1);
    assert!(stats.classes.iter().map(|c| c.crawler_reclaimed).sum::<u64>() >= 99);
    assert!(d.get("stays").is_some());
}

#[test]
fn flush_forgets_what_was_stored_before_and_nothing_after() {
    let mut d = Driver::new(1 << 20);
    d.set("a", b"1");
    d.store.flush(d.now, d.now);
    d.set("b", b"1");
    assert_eq!((d.get("a"), d.get("b")), (None, Some(b"1".to_vec())));
    d.store.flush(d.now + 5, d.now);
    d.now += 4;
    d.set("c", b"1");
    assert!(d.get("b").is_some() && d.get("c").is_some());
    d.now += 1;
    d.set("d", b"1");
    assert!(d.get("b").is_none() && d.get("c").is_none() && d.get("d").is_some());
    d.store.maintain(d.now);
    assert_eq!(d.store.stats(d.now).items, 1);
    d.store.assert_valid();
}

#[test]
fn a_full_store_evicts_the_oldest_and_keeps_what_is_used() {
    let d = Driver::new(4 << 20);
    d.set("used", b"v");
    for n in 0..200_000 {
        assert!(is_stored(d.set(&format!("k{n}"), &[b'x'; 50])));
        if n % 100 == 0 {
            assert!(d.get("used").is_some(), "{n}");
        }
    }
    d.store.assert_valid();
    let stats = d.store.stats(d.now);
    assert!(stats.classes.iter().map(|c| c.evicted).sum::<u64>() > 100_000);
    assert!(d.get("k199999").is_some() && d.get("k0").is_none());
    assert_eq!(stats.pages_free, 0);
}

#[test]
fn without_eviction_a_full_store_says_so_and_loses_nothing() {
    let d = Driver::with(StoreConfig { evict: false, ..config(1 << 20) });
    let mut stored = 0;
    while is_stored(d.set(&format!("k{stored}"), &[b'x'; 50])) {
        stored += 1;
    }
    assert!((0..stored).all(|n| d.get(&format!("k{n}")).is_some()));
    assert_eq!(d.set("other", &[0; 500]), Stored::OutOfMemory);
    assert_eq!(d.put(SetMode::Add, "k1x", b"y"), Stored::OutOfMemory);
    assert_eq!(d.set("k0", &[0; 500]), Stored::OutOfMemory);
    assert_eq!(d.get("k0"), None, "a set that fails removes the stale value");
    d.delete("k1");
    assert!(is_stored(d.set("again", &[b'x'; 50])));
    d.store.assert_valid();
    assert!(d.store.stats(d.now).store_no_memory >= 3);
}

#[test]
fn a_class_without_a_page_gets_one_at_once() {
    for first in [50, 5_000, 30_000] {
        let d = Driver::new(2 << 20);
        let mut n = 0;
        while d.store.stats(d.now).pages_free > 0 || n < 100 {
            d.set(&format!("k{n}"), &pattern(first, n));
            n += 1;
        }
        for len in [1, 100, 300, 1000, 3000, 9000, 20_000, 32_000, 60_000] {
            assert!(is_stored(d.set("new", &pattern(len, 1))), "{first} then {len}");
            assert_eq!(d.get("new").unwrap(), pattern(len, 1));
            d.store.assert_valid();
        }
    }
}

#[test]
fn memory_follows_a_shift_of_sizes() {
    let mut d = Driver::new(8 << 20);
    for n in 0..100_000 {
        d.set(&format!("small{n}"), &[1; 100]);
    }
    d.now += 5;
    for n in 0..4_000 {
        d.set(&format!("large{n}"), &[2; 10_000]);
        if n % 100 == 0 {
            d.now += 1;
            d.store.maintain(d.now);
        }
    }
    d.store.assert_valid();
    let stats = d.store.stats(d.now);
    let large = stats.classes.iter().find(|class| class.chunk_size >= 10_040).unwrap();
    assert!(large.pages >= 128 * 9 / 10, "{large:?}");
    assert!(d.get("large3999").is_some() && d.get("small99999").is_none());
}

#[test]
fn a_value_larger_than_a_shards_share_takes_pages_from_the_others() {
    let mut c = config(64 << 20);
    c.threads = 4;
    c.item_size_max = 30 << 20;
    let d = Driver::with(c);
    assert_eq!(d.store.stats(d.now).shards, 4);
    for n in 0..800_000 {
        d.set(&format!("k{n}"), &[1; 60]);
    }
    let value = pattern(28 << 20, 4);
    assert!(is_stored(d.upload("huge", &value)));
    assert!(d.get("huge").unwrap() == value);
    d.store.assert_valid();
    assert!(is_stored(d.set("small", b"v")));
}

#[test]
fn running_out_of_pages_at_any_moment_is_harmless() {
    let script = |d: &Driver| {
        let mut done = 0;
        for n in 0..30 {
            let key = format!("k{n}");
            done += usize::from(is_stored(d.set(&key, &pattern(n * n * 70, n))));
            done += usize::from(is_stored(d.put(SetMode::Append, &key, &pattern(3000, n))));
            done += usize::from(is_stored(d.upload(&key, &pattern(70_000 + n * 9000, n))));
            if n % 4 == 0 {
                d.delete(&key);
            }
            d.store.assert_valid();
        }
        done
    };
    let mut untouched = None;
    for n in (0..400).step_by(7).rev() {
        for evict in [true, false] {
            let d = Driver::with(StoreConfig { evict, ..config(32 << 20) });
            d.store.fail_pages_after(Some(n));
            let done = script(&d);
            d.store.maintain(d.now);
            d.store.assert_valid();
            match (n, evict) {
                (399, true) => untouched = Some(done),
                _ => assert!(Some(done) <= untouched.or(Some(90))),
            }
        }
    }
}

#[test]
fn short_lived_items_stand_in_temp() {
    let mut c = config(1 << 20);
    c.temporary_ttl = Some(10);
    let d = Driver::with(c);
    d.set_until("short", b"v", d.now + 5);
    d.set_until("long", b"v", d.now + 50);
    d.set("ever", b"v");
    let class = d.store.stats(d.now).classes[0];
    assert_eq!(class.items, [2, 0, 0, 1]);
}

#[test]
fn flat_mode_keeps_one_queue_in_order_of_use() {
    let mut d = Driver::with(StoreConfig { segmented: false, ..config(1 << 20) });
    (0..3).for_each(|n| assert!(is_stored(d.set(&format!("k{n}"), b"v"))));
    d.now += 61;
    d.get("k0");
    let mut order = Vec::new();
    d.store.cachedump(1, 0, d.now, |key, len, deadline| {
        order.push((String::from_utf8(key.to_vec()).unwrap(), len, deadline));
        true
    });
    let want = ["k0", "k2", "k1"].map(|k| (k.to_string(), 1, 0));
    assert_eq!(order, want);
}

#[test]
fn sizes_are_tracked_and_reset_keeps_gauges() {
    let d = Driver::new(1 << 20);
    d.set("a", &[0; 10]);
    d.set("b", &[0; 100]);
    d.get("a");
    let stats = d.store.stats(d.now);
    assert_eq!(stats.sizes, [(64, 1), (128, 1)]);
    d.store.reset_stats();
    let stats = d.store.stats(d.now);
    assert_eq!((stats.items, stats.total_items), (2, 0));
    assert_eq!(stats.classes.iter().map(|c| c.hits[0]).sum::<u64>(), 0);
    d.store.assert_valid();
}

#[test]
fn events_name_what_was_evicted_and_reclaimed() {
    let mut d = Driver::new(1 << 20);
    d.store.record_events(true);
    d.set_until("dies", b"v", d.now + 1);
    d.now += 2;
    d.get("dies");
    for n in 0..20_000 {
        d.set(&format!("k{n}"), &[1; 60]);
    }
    let events = d.store.take_events();
    assert_eq!(events[0], Event::Reclaimed(b"dies".as_slice().into()));
    assert_eq!(events[1], Event::Evicted(b"k0".as_slice().into()));
    assert!(d.store.take_events().is_empty());
}

#[test]
fn appends_to_a_long_value_add_up_while_others_are_evicted() {
    let d = Driver::new(2 << 20);
    for n in 0..40 {
        assert!(is_stored(d.set(&format!("k{n}"), &pattern(60_000, n))));
    }
    assert!(is_stored(d.set("long", &pattern(60_000, 0))));
    for n in 0..25 {
        assert!(is_stored(d.put(SetMode::Append, "long", &pattern(30_000, n))), "{n}");
        assert!(is_stored(d.set(&format!("other{n}"), &pattern(60_000, n))), "{n}");
        d.store.assert_valid();
    }
    assert_eq!(d.get("long").unwrap().len(), 60_000 + 25 * 30_000);
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

#[test]
fn a_value_whose_replacement_was_dropped_at_the_cap_is_gone() {
    let d = Driver::new(4 << 20);
    d.set("k", b"stale");
    let id = d.store.begin_upload(&d.args(b"k", SetMode::Set), 900_000, d.now).unwrap();
    assert_eq!(d.store.append_upload(&id, &pattern(800_000, 1), d.now), Received::Taken);
    assert!(is_stored(d.upload("other", &pattern(900_000, 2))));
    assert_eq!(d.get("k"), None);
    assert_eq!(d.store.stats(d.now).store_no_memory, 1);
    assert_eq!(d.store.append_upload(&id, b"x", d.now), Received::Dropped);
    assert_eq!(d.store.commit_upload(id, d.now), Stored::OutOfMemory);
    d.store.assert_valid();
    assert_eq!(d.store.stats(d.now).store_no_memory, 1);
}

#[test]
fn an_overwritten_item_enters_and_leaves_temp() {
    let mut c = config(1 << 20);
    c.temporary_ttl = Some(10);
    let d = Driver::with(c);
    let items = || d.store.stats(d.now).classes[0].items;
    d.set_until("k", b"v", d.now + 5);
    assert_eq!(items(), [0, 0, 0, 1]);
    d.set("k", b"v");
    assert_eq!(items(), [1, 0, 0, 0]);
    d.set_until("k", b"v", d.now + 5);
    assert_eq!(items(), [0, 0, 0, 1]);
    d.store.assert_valid();
}

#[test]
fn readers_that_stall_do_not_keep_others_from_storing() {
    let d = Driver::new(4 << 20);
    let mut pins = Vec::new();
    // More than fits, each pinned once stored: in the end all of memory is being read.
    for n in 0..12 {
        let key = format!("k{n}");
        assert!(is_stored(d.upload(&key, &pattern(500_000, n))), "{n}");
        let hash = d.store.hash(key.as_bytes());
        let pin = d.store.session().get(key.as_bytes(), hash, None, d.now, |mut hit| hit.pin());
        pins.extend(pin);
        d.store.assert_valid();
    }
    assert!(is_stored(d.set("small", b"v")));
    assert!(is_stored(d.set("middle", &pattern(9_000, 1))));
    pins.into_iter().for_each(|pin| d.store.unpin(pin));
    d.store.assert_valid();
}

#[test]
fn an_upload_of_many_pages_does_not_hide_those_that_can_go() {
    let d = Driver::new(16 << 20);
    let id = d.store.begin_upload(&d.args(b"slow", SetMode::Set), 1_000_000, d.now).unwrap();
    let more = d.store.begin_upload(&d.args(b"slow2", SetMode::Set), 1_000_000, d.now).unwrap();
    let last = d.store.begin_upload(&d.args(b"slow3", SetMode::Set), 1_000_000, d.now).unwrap();
    for id in [&id, &more, &last] {
        assert_eq!(d.store.append_upload(id, &pattern(999_000, 1), d.now), Received::Taken);
    }
    // What is next in line to go is being read, so a page has to be searched for.
    assert!(is_stored(d.upload("first", &pattern(70_000, 1))));
    let hash = d.store.hash(b"first");
    let pin = d.store.session().get(b"first", hash, None, d.now, |mut hit| hit.pin()).unwrap();
    let mut n = 0;
    while d.store.stats(d.now).pages_free > 0 {
        assert!(is_stored(d.set(&format!("k{n}"), &pattern(32_000, n))));
        n += 1;
    }
    assert!(is_stored(d.set("new", &pattern(5_000, 1))));
    d.store.assert_valid();
    assert_eq!(d.store.read_pin(&pin, 1, &mut Vec::new()), PinRead::More);
    d.store.unpin(pin);
    [id, more, last].into_iter().for_each(|id| d.store.drop_upload(id));
}

#[test]
fn a_long_value_is_added_appended_and_compared_as_a_short_one_is() {
    let d = Driver::with(StoreConfig { segmented: false, ..config(2 << 20) });
    let commit = |key: &str, mode, compare, len: usize| {
        let args = SetArgs { compare, ..d.args(key.as_bytes(), mode) };
        let id = d.store.begin_upload(&args, len as u32, d.now).unwrap();
        assert_eq!(d.store.append_upload(&id, &pattern(len, 1), d.now), Received::Taken);
        d.store.commit_upload(id, d.now)
    };
    assert!(is_stored(d.set("a", b"v")) && is_stored(d.set("b", b"v")));
    assert_eq!(commit("a", SetMode::Add, None, 70_000), Stored::NotStored);
    let mut first = Vec::new();
    d.store.cachedump(1, 1, d.now, |key, _, _| {
        first = key.to_vec();
        true
    });
    assert_eq!(first, b"a", "an add in vain is a use");
    assert!(is_stored(commit("a", SetMode::Set, Some(d.cas("a")), 70_000)));
    let stats = d.store.stats(d.now);
    assert_eq!(stats.classes.iter().map(|c| c.cas_hits).sum::<u64>(), 1);
    d.store.assert_valid();
}

#[test]
fn a_cas_without_memory_is_not_a_hit() {
    let d = Driver::with(StoreConfig { evict: false, ..config(1 << 20) });
    let mut n = 0;
    while is_stored(d.set(&format!("k{n}"), &[b'x'; 50])) {
        n += 1;
    }
    let args = SetArgs { compare: Some(d.cas("k0")), ..d.args(b"k0", SetMode::Set) };
    assert_eq!(d.store.session().set(&args, &[0; 500], d.now), Stored::OutOfMemory);
    assert_eq!(d.get("k0").unwrap(), [b'x'; 50]);
    let stats = d.store.stats(d.now);
    assert_eq!(stats.classes.iter().map(|c| c.cas_hits).sum::<u64>(), 0);
}

#[test]
fn the_size_limit_is_memcacheds() {
    for (use_cas, longest) in [(true, 1_048_516), (false, 1_048_524)] {
        let d = Driver::with(StoreConfig { use_cas, ..config(16 << 20) });
        assert!(is_stored(d.set("k", &vec![0; longest])));
        assert_eq!(d.set("k", &vec![0; longest + 1]), Stored::TooLarge);
    }
}

#[test]
fn a_limit_beyond_what_names_can_reach_is_an_error() {
    assert!(Store::new(config(16 << 40)).is_err());
}

#[test]
fn a_step_of_the_crawler_frees_a_page_or_so_and_no_more() {
    let mut d = Driver::new(8 << 20);
    for n in 0..50_000 {
        d.set_until(&format!("k{n}"), b"v", d.now + 1);
    }
    d.now += 1;
    let mut steps = 0;
    let items = || d.store.stats(d.now).items;
    while items() > 0 {
        let before = items();
        d.store.slots[0].lock().maintain(d.now);
        assert!(before - items() <= 256 + 910, "{before}");
        steps += 1;
    }
    assert!(steps < 100);
    d.store.assert_valid();
}
