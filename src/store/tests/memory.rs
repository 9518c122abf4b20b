//! What lives, what goes, and where memory moves.

use super::*;

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
    d.maintain();
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
    d.maintain();
    assert_eq!(d.store.stats(d.now).items, 1);
    d.store.assert_valid();
}

#[test]
fn a_full_store_evicts_the_oldest_and_keeps_what_is_used() {
    let (count, len) = if cfg!(miri) { (500, 9000) } else { (200_000, 50) };
    let d = Driver::new(if cfg!(miri) { 2 << 20 } else { 4 << 20 });
    d.set("used", b"v");
    for n in 0..count {
        assert!(is_stored(d.set(&format!("k{n:06}"), &vec![b'x'; len])));
        if n % 100 == 0 {
            assert!(d.get("used").is_some(), "{n}");
        }
    }
    d.store.assert_valid();
    let stats = d.store.stats(d.now);
    assert!(stats.classes.iter().map(|c| c.evicted).sum::<u64>() > count / 2);
    assert!(d.get(&format!("k{:06}", count - 1)).is_some() && d.get("k000000").is_none());
    assert_eq!(stats.pages_free, 0);
}

#[test]
fn without_eviction_a_full_store_says_so_and_loses_nothing() {
    let value = vec![b'x'; if cfg!(miri) { 5000 } else { 50 }];
    let d = Driver::with(StoreConfig { evict: false, ..config(1 << 20) });
    let mut stored = 0;
    while is_stored(d.set(&format!("k{stored}"), &value)) {
        stored += 1;
    }
    assert!((0..stored).all(|n| d.get(&format!("k{n}")).is_some()));
    assert_eq!(d.set("other", &[0; 500]), Stored::OutOfMemory);
    assert_eq!(d.put(SetMode::Add, "k1x", b"y"), Stored::OutOfMemory);
    assert_eq!(d.set("k0", &[0; 500]), Stored::OutOfMemory);
    assert_eq!(d.get("k0"), None, "a set that fails removes the stale value");
    d.delete("k1");
    assert!(is_stored(d.set("again", &value)));
    d.store.assert_valid();
    assert!(d.store.stats(d.now).store_no_memory >= 3);
}

#[test]
fn a_class_without_a_page_gets_one_at_once() {
    let firsts = [30_000, 5_000, 50];
    for &first in &firsts[..if cfg!(miri) { 1 } else { firsts.len() }] {
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
#[cfg_attr(miri, ignore = "minutes in an interpreter")]
fn a_page_is_cleared_a_few_items_at_a_time() {
    let d = Driver::new(4 << 20);
    let mut n = 0;
    while d.store.stats(d.now).pages_free > 0 || n % 1000 != 0 {
        d.set(&format!("small{n}"), b"v");
        n += 1;
    }
    let args = d.args(b"large", SetMode::Set);
    let mut shard = d.store.slots[0].lock();
    assert_eq!(shard.set(&args, &pattern(9_000, 1), d.now), Stored::OutOfMemory);
    let (mut steps, mut items) = (0, shard.counts.items);
    while shard.find_pages(1, d.now) == evacuation::Cleared::More {
        shard.assert_valid();
        assert!(items - shard.counts.items <= 128, "{items} {}", shard.counts.items);
        (steps, items) = (steps + 1, shard.counts.items);
    }
    assert!((5..20).contains(&steps), "{steps}");
    assert!(is_stored(shard.set(&args, &pattern(9_000, 1), d.now)));
    shard.assert_valid();
}

/// Nobody finishes what was begun: upkeep does, and the page is there for whoever comes.
#[test]
#[cfg_attr(miri, ignore = "minutes in an interpreter")]
fn a_page_that_was_given_up_on_is_cleared_by_upkeep() {
    let mut d = Driver::new(2 << 20);
    d.fill("small", 30_000, 1);
    {
        let mut shard = d.store.slots[0].lock();
        assert_eq!(shard.set(&d.args(b"a", SetMode::Set), &[0; 3000], d.now), Stored::OutOfMemory);
        assert_eq!(shard.find_pages(1, d.now), evacuation::Cleared::More);
    }
    let mut rounds = 0;
    while d.store.slots[0].lock().slabs.empty_page().is_none() {
        (d.now, rounds) = (d.now + 1, rounds + 1);
        d.store.maintain(d.now);
        d.store.assert_valid();
        assert!(rounds < 20, "upkeep goes on with it");
    }
    assert!(is_stored(d.set("a", &[0; 3000])));
    d.store.assert_valid();
}

#[test]
#[cfg_attr(miri, ignore = "minutes in an interpreter")]
fn a_verb_that_cannot_be_run_again_gets_its_page_at_once() {
    let d = Driver::new(2 << 20);
    d.fill("large", 100, 30_000);
    let vivify = Some((5, 0));
    let args = ArithArgs { vivify, ..d.arith_args("number", 1) };
    assert!(
        matches!(d.store.session().arith(&args, d.now), Counted::Value(count) if count.created)
    );
    d.store.assert_valid();
    d.set("long", &pattern(2_000, 1));
    assert!(is_stored(d.put(SetMode::Append, "long", &pattern(7_000, 2))));
    let key =
        b"empty, and of a key that is so long that its item has a class of its own".as_slice();
    let fetch = FetchArgs { vivify: Some(0), ..FetchArgs::default() };
    let hash = d.store.hash(key);
    let created = d.store.session().fetch(key, hash, &fetch, d.now, |_, created| created);
    assert_eq!(created, Some(true));
    d.store.assert_valid();
}

/// Keys spread evenly over shards; should they not, a shard without a page gets one of another's,
/// whatever the verb.
#[test]
#[cfg_attr(miri, ignore = "minutes in an interpreter")]
fn a_shard_without_a_page_gets_one_from_another() {
    let key_of = |d: &Driver, shard: usize, prefix: &str| {
        let keys = (0..).map(|n| format!("{prefix}{n}"));
        let here = |key: &String| d.store.slot(d.store.hash(key.as_bytes())) == shard;
        keys.filter(here).take(3).collect::<Vec<_>>()
    };
    for verb in 0..4 {
        let d = Driver::with(StoreConfig { threads: 4, ..config(64 << 20) });
        assert_eq!(d.store.slots.len(), 4);
        // All memory goes to three of the four.
        for n in 0.. {
            let key = format!("k{n}");
            if d.store.slot(d.store.hash(key.as_bytes())) != 0 {
                assert!(is_stored(d.set(&key, &pattern(3_000, n))));
            }
            if d.store.pool.free() == 0 {
                break;
            }
        }
        let keys = key_of(&d, 0, "new");
        let hash = d.store.hash(keys[0].as_bytes());
        match verb {
            0 => keys.iter().for_each(|key| assert!(is_stored(d.set(key, &pattern(500, 1))))),
            1 => assert!(is_stored(d.upload(&keys[0], &pattern(200_000, 1)))),
            2 => {
                let args = ArithArgs { vivify: Some((5, 0)), ..d.arith_args(&keys[0], 1) };
                let counted = d.store.session().arith(&args, d.now);
                assert!(matches!(counted, Counted::Value(count) if count.created));
            }
            _ => {
                let args = FetchArgs { vivify: Some(0), ..FetchArgs::default() };
                let key = keys[0].as_bytes();
                let fetched = d.store.session().fetch(key, hash, &args, d.now, |_, new| new);
                assert_eq!(fetched, Some(true));
                assert_eq!(d.store.stats(d.now).misses.get, 0);
            }
        }
        d.store.assert_valid();
        assert!(d.get(&keys[0]).is_some(), "{verb}");
    }
}

#[test]
#[cfg_attr(miri, ignore = "minutes in an interpreter")]
fn memory_follows_a_shift_of_sizes() {
    let mut d = Driver::new(8 << 20);
    for n in 0..100_000 {
        d.set(&format!("small{n}"), &[1; 100]);
    }
    d.now += 5;
    for n in 0..8_000 {
        d.set(&format!("large{n}"), &[2; 10_000]);
        if n % 100 == 0 {
            d.now += 1;
            d.maintain();
        }
    }
    d.store.assert_valid();
    let stats = d.store.stats(d.now);
    let large = stats.classes.iter().find(|class| class.chunk_size >= 10_040).unwrap();
    let (used, tables) = (stats.pages_used, stats.tables_inside);
    assert!(large.pages >= used * 9 / 10 && used + tables == 128, "{used} {tables} {large:?}");
    assert!(d.get("large7999").is_some() && d.get("small99999").is_none());
}

#[test]
#[cfg_attr(miri, ignore = "minutes in an interpreter")]
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
#[cfg_attr(miri, ignore = "minutes in an interpreter")]
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
            d.maintain();
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
#[cfg_attr(miri, ignore = "minutes in an interpreter")]
fn events_name_what_was_evicted_and_reclaimed() {
    let mut d = Driver::new(1 << 20);
    d.store.record_events(true);
    d.set_until("dies", b"v", d.now + 1);
    d.now += 2;
    d.get("dies");
    for n in 0..20_000 {
        d.set(&format!("k{n:05}"), &[1; 64]);
    }
    let (mut events, _) = d.store.take_events();
    // The page of the one that died goes to the others' class.
    events.retain(|event| !matches!(event, Event::PageMoved { .. }));
    assert_eq!(events[0], Event::Reclaimed { key: b"dies".as_slice().into() });
    // The page of what died was moved in between.
    let evicted = events.iter().find(|event| matches!(event, Event::Evicted { .. }));
    assert!(matches!(evicted, Some(Event::Evicted { key, .. }) if **key == *b"k00000"));
    assert!(d.store.take_events().0.is_empty());
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
#[cfg_attr(miri, ignore = "minutes in an interpreter")]
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
#[cfg_attr(miri, ignore = "limits are lower under miri")]
fn a_limit_beyond_what_names_can_reach_is_an_error() {
    assert!(Store::new(config(16 << 40)).is_err());
}

#[test]
#[cfg_attr(miri, ignore = "minutes in an interpreter")]
fn a_step_of_the_crawler_frees_some_128_items_and_no_more() {
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
        assert!(before - items() <= 128 + 32, "{before}");
        steps += 1;
    }
    assert!(steps < 500, "{steps}");
    d.store.assert_valid();
}

#[test]
#[cfg_attr(miri, ignore = "minutes in an interpreter")]
fn a_store_that_is_run_again_for_want_of_a_page_shows_its_lookup_once() {
    let d = Driver::new(1 << 20);
    (0..30_000).for_each(|n| assert!(is_stored(d.set(&format!("k{n}"), b"x"))));
    let mut session = d.store.session();
    session.observe();
    assert!(is_stored(session.set(&d.args(b"large", SetMode::Set), &[0; 3000], d.now)));
    let looked_up = |event: &&Event| matches!(event, Event::LookedUp { .. });
    assert_eq!(session.observed().iter().filter(looked_up).count(), 1);
}

/// A shift from many small values to few large ones: the index follows, but under nobody's feet.
#[test]
#[cfg_attr(miri, ignore = "minutes in an interpreter")]
fn an_index_that_has_become_too_large_gives_its_memory_back() {
    let mut d = Driver::new(64 << 20);
    let count = 200_000;
    for n in 0..count {
        d.set_until(&format!("k{n}"), b"v", d.now + if n % 20 == 0 { 100 } else { 10 });
    }
    let bytes = |d: &Driver| d.store.stats(d.now).hash_bytes;
    let many = bytes(&d);
    let mut dump = d.store.begin_dump(!1).unwrap();
    let mut listed = std::collections::HashMap::new();
    let list = |listed: &mut std::collections::HashMap<Vec<u8>, u32>, dump: &mut Dump, now| {
        d.store.dump(dump, now, |item| *listed.entry(item.key.to_vec()).or_insert(0) += 1)
    };
    for _ in 0..100 {
        assert!(list(&mut listed, &mut dump, d.now));
    }
    let now = d.now + 11;
    while d.store.maintain(now) {}
    let few = d.store.stats(now).items;
    assert!(few <= count / 20);
    assert_eq!(d.store.stats(now).hash_bytes, many, "a dump goes through it");
    while list(&mut listed, &mut dump, now) {}
    d.store.end_dump(dump);
    assert!((0..count).step_by(20).all(|n| listed[format!("k{n}").as_bytes()] == 1));
    d.now = now;
    d.maintain();
    d.store.assert_valid();
    assert!(bytes(&d) < many / 3, "{} of {many}", bytes(&d));
    assert!((0..count).all(|n| d.get(&format!("k{n}")).is_some() == (n % 20 == 0)));
}
