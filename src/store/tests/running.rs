//! What changes while the store runs: pages on the move, the limit, dumps, queues.

use std::collections::HashMap;

use super::*;

impl Driver {
    /// Move pages until there is nothing to move; how many steps that took.
    fn settle_moves(&self) -> usize {
        let mut steps = 0;
        // A step that waits is tried again: pages in use are given up after a while.
        while self.store.move_pages(self.now) || self.store.is_moving() {
            steps += 1;
            assert!(steps < 1_000_000, "a move ends");
        }
        steps
    }
    fn pages_of(&self, class: usize) -> u64 {
        self.store.stats(self.now).classes[class - 1].pages
    }
    /// The class (from 1) of the only item there is.
    fn class_in_use(&self) -> usize {
        let stats = self.store.stats(self.now);
        stats.classes.iter().position(|c| c.items.iter().sum::<u64>() > 0).unwrap() + 1
    }
    pub(super) fn fill(&self, prefix: &str, count: usize, len: usize) {
        for n in 0..count {
            assert!(is_stored(self.set(&format!("{prefix}{n}"), &pattern(len, n))));
        }
    }
    fn forget(&self, prefix: &str, numbers: impl Iterator<Item = usize>) {
        for n in numbers {
            self.delete(&format!("{prefix}{n}"));
        }
    }
    fn present(&self, prefix: &str, count: usize, len: usize) -> usize {
        let whole = |n: &usize| match self.get(&format!("{prefix}{n}")) {
            Some(value) => {
                assert_eq!(value, pattern(len, *n), "{prefix}{n}");
                true
            }
            None => false,
        };
        (0..count).filter(whole).count()
    }
    /// All keys a dump lists, and how often.
    fn dump(&self, classes: u64, mut between: impl FnMut(usize)) -> HashMap<Vec<u8>, usize> {
        let mut dump = self.store.begin_dump(classes).expect("few dumps go on");
        let mut keys = HashMap::new();
        for step in 0.. {
            let more = self.store.dump(&mut dump, self.now, |item| {
                *keys.entry(item.key.to_vec()).or_insert(0) += 1;
            });
            if !more {
                break;
            }
            between(step);
        }
        self.store.end_dump(dump);
        keys
    }
}

#[test]
fn store_counts_begin_anew_before_they_end() {
    let mut d = Driver::new(4 << 20);
    d.set("flushed", b"1");
    d.store.slots[0].lock().cas_count = item::COUNT_END - (1 << 32) - 2;
    d.store.flush(d.now, d.now);
    d.set("a", b"1");
    d.set_until("b", b"2", d.now + 50);
    let far = d.cas("b");
    assert!(far > item::COUNT_END / 2);
    d.maintain();
    d.store.assert_valid();
    assert_eq!(
        (d.get("flushed"), d.get("a"), d.get("b")),
        (None, Some(vec![b'1']), Some(vec![b'2']))
    );
    // Nobody stores under a CAS of before, and those from now on rise again.
    let late = SetArgs { compare: Some(far), ..d.args(b"b", SetMode::Set) };
    assert_eq!(d.store.session().set(&late, b"3", d.now), Stored::Exists);
    let near = d.cas("b");
    d.set("b", b"4");
    assert!(near < d.cas("b") && d.cas("b") < 10);
    d.store.flush(d.now, d.now);
    d.set("c", b"5");
    assert_eq!((d.get("a"), d.get("b"), d.get("c")), (None, None, Some(vec![b'5'])));
    d.now += 50;
    d.maintain();
    d.store.assert_valid();
}

#[test]
fn a_page_moves_to_another_class_and_its_items_stay() {
    let d = Driver::new(8 << 20);
    let (count, len) = if cfg!(miri) { (150, 1500) } else { (5000, 110) };
    d.fill("k", count, len);
    let from = d.class_in_use();
    let to = from + 3;
    let (before, other) = (d.pages_of(from), d.pages_of(to));
    // Holes, so that there is room for what must move.
    d.forget("k", (0..count).step_by(3));
    assert_eq!(d.store.reassign(from as i32, to as i32), Reassigned::Queued);
    assert_eq!(d.store.reassign(from as i32, to as i32), Reassigned::Busy);
    assert!(d.store.stats(d.now).moving);
    d.settle_moves();
    d.store.assert_valid();
    assert_eq!((d.pages_of(from), d.pages_of(to)), (before - 1, other + 1));
    let stats = d.store.stats(d.now);
    assert_eq!((stats.slabs_moved, stats.moving), (1, false));
    assert_eq!(d.present("k", count, len), count - count.div_ceil(3));
    assert!(stats.classes.iter().all(|c| c.evicted == 0));
}

#[test]
fn every_move_is_told_even_one_that_failed() {
    let d = Driver::new(32 << 20);
    d.store.watch_memory(true);
    d.fill("long", 8, fewer(600_000));
    let last = d.store.stats(d.now).classes.len() as u32;
    let told = || {
        let moves = d.store.take_events().0.into_iter().filter_map(|event| match event {
            Event::PageMoved { from, to, done } => Some((from, to, done)),
            _ => None,
        });
        moves.collect::<Vec<_>>()
    };
    for (from, to) in [(last, 0), (last, 3), (0, 5)] {
        assert_eq!(d.store.reassign(from as i32, to as i32), Reassigned::Queued);
        d.settle_moves();
        assert_eq!(told(), [(from, to, true)]);
    }
    // Everything is being read: no page can be emptied.
    let pin = |n| {
        let key = format!("long{n}");
        let hash = d.store.hash(key.as_bytes());
        d.store.session().get(key.as_bytes(), hash, None, d.now, |mut hit| hit.pin())
    };
    let pins: Vec<PinId> = (0..8).filter_map(pin).collect();
    assert!(!pins.is_empty());
    // Once the empty ones have gone.
    let mut outcome = (last, 1, true);
    while outcome.2 {
        assert_eq!(d.store.reassign(last as i32, 1), Reassigned::Queued);
        while d.store.stats(d.now).moving {
            d.store.move_pages(d.now);
        }
        outcome = told()[0];
    }
    assert_eq!(outcome, (last, 1, false));
    assert!(!d.store.stats(d.now).moving);
    pins.into_iter().for_each(|pin| d.store.unpin(pin));
    d.store.assert_valid();
}

#[test]
fn a_crawl_tells_what_it_saw() {
    let mut d = Driver::new(8 << 20);
    d.store.watch_memory(true);
    for n in 0..30 {
        d.set_until(&format!("short{n}"), b"x", d.now + 10);
        d.set(&format!("long{n}"), b"x");
    }
    d.set_until("last", b"x", d.now + 25);
    d.now += 10;
    d.maintain();
    let crawled = |queue, examined, reclaimed| {
        let (since, next, elapsed, class) = (0, 15, 0, d.class_in_use() as u32);
        Event::Crawled { class, queue, since, next, elapsed, examined, reclaimed }
    };
    assert_eq!(d.store.take_events().0, [crawled("hot", 31, 30)]);
    assert!(d.store.crawl(!1));
    d.maintain();
    assert_eq!(d.store.take_events().0, [crawled("hot", 31, 0)]);
    d.maintain();
    assert_eq!(d.store.take_events().0, []);
}

#[test]
fn what_a_full_class_loses_is_its_oldest() {
    let (count, len) = if cfg!(miri) { (300, 600) } else { (12_000, 100) };
    let d = Driver::new(8 << 20);
    d.fill("k", count, len);
    let from = d.class_in_use();
    let per_page = d.store.stats(d.now).classes[from - 1].chunks_per_page as usize;
    assert_eq!(d.store.reassign(from as i32, 0), Reassigned::Queued);
    d.settle_moves();
    d.store.assert_valid();
    let stats = d.store.stats(d.now);
    let evicted: u64 = stats.classes.iter().map(|c| c.evicted).sum();
    assert!(evicted as usize <= per_page, "{evicted} evicted for a page of {per_page}");
    assert_eq!(d.present("k", count, len), count - evicted as usize);
    assert_eq!(stats.items, count as u64 - evicted);
}

#[test]
fn pages_of_long_values_move_too() {
    let d = Driver::new(32 << 20);
    let (count, len, moves) = if cfg!(miri) { (12, 100_000, 4) } else { (20, 300_000, 22) };
    d.fill("long", count, len);
    let last = d.store.stats(d.now).classes.len();
    d.forget("long", (0..count).step_by(4));
    for _ in 0..moves {
        assert_eq!(d.store.reassign(last as i32, 0), Reassigned::Queued);
        d.settle_moves();
        d.store.assert_valid();
    }
    assert_eq!(d.present("long", count, len), count / 4 * 3);
    assert!(d.store.stats(d.now).reassign_chunk_rescues > 0);
}

#[test]
#[cfg_attr(miri, ignore = "half an hour in an interpreter")]
fn requests_go_on_between_the_steps_of_a_move() {
    let (d, count) = (Driver::new(4 << 20), fewer(20_000));
    d.fill("k", count, 100);
    let from = d.class_in_use() as i32;
    for round in 0..40 {
        d.store.reassign(-1, from + 1 + round % 5);
        let mut n = round as usize;
        for _ in 0..round % 11 {
            d.store.move_pages(d.now);
            n = (n * 7 + 3) % count;
            d.set(&format!("k{n}"), &pattern(100 + n % 90, n));
            d.delete(&format!("k{}", (n * 13) % count));
            d.get(&format!("k{}", (n * 31) % count));
            d.set(&format!("new{round}-{n}"), &pattern(3000, n));
        }
        d.store.assert_valid(); // between two steps of the last move
    }
    assert!(d.store.stats(d.now).slabs_moved >= 10);
}

#[test]
fn a_page_in_use_is_given_up_and_goes_on_as_before() {
    let d = Driver::new(8 << 20);
    let value = pattern(if cfg!(miri) { 140_000 } else { 300_000 }, 1);
    d.set("long", &value);
    let hash = d.store.hash(b"long");
    let pin = d.store.session().get(b"long", hash, None, d.now, |mut hit| hit.pin()).unwrap();
    let last = d.store.stats(d.now).classes.len();
    let pages = d.pages_of(last);
    assert_eq!(d.store.reassign(last as i32, 0), Reassigned::Queued);
    d.settle_moves();
    d.store.assert_valid();
    assert_eq!(d.pages_of(last), pages);
    assert!(d.store.stats(d.now).reassign_busy > 0);
    let mut read = Vec::new();
    while d.store.read_pin(&pin, 1000, &mut read) == PinRead::More {}
    d.store.unpin(pin);
    assert_eq!(read, value);
}

#[test]
fn what_cannot_be_moved_is_refused_by_name() {
    let d = Driver::new(8 << 20);
    d.set("k", b"v");
    let class = d.class_in_use() as i32;
    let none = d.store.stats(d.now).classes.len() as i32 + 1;
    for (from, to, expected) in [
        (1, 1, Reassigned::Same),
        (99, 99, Reassigned::Same),
        (none, 1, Reassigned::BadClass),
        (1, none, Reassigned::BadClass),
        (1, -1, Reassigned::BadClass),
        (-2, 1, Reassigned::BadClass),
        (i32::MIN, i32::MAX, Reassigned::BadClass),
        (-1, class, Reassigned::BadClass), // no class has two pages
        (class, 2, Reassigned::NoSpare),
        (none - 1, 1, Reassigned::NoSpare),
    ] {
        assert_eq!(d.store.reassign(from, to), expected, "{from} {to}");
    }
    let free = d.store.stats(d.now).pages_free;
    assert_eq!(d.store.reassign(0, class), Reassigned::Queued);
    d.settle_moves();
    assert_eq!((d.pages_of(class as usize), d.store.stats(d.now).pages_free), (2, free - 1));
    d.store.assert_valid();
}

#[test]
fn a_lowered_limit_gives_memory_back_and_a_raised_one_is_used() {
    let (len, count, more) = if cfg!(miri) { (20_000, 90, 130) } else { (500, 40_000, 120_000) };
    let (limit, low, high): (u64, u64, u64) =
        if cfg!(miri) { (2 << 20, 1 << 20, 8 << 20) } else { (64 << 20, 8 << 20, 100 << 20) };
    let cases = [(1, true), (4, true), (1, false)];
    for &(threads, evict) in &cases[..if cfg!(miri) { 1 } else { cases.len() }] {
        let d = Driver::with(StoreConfig { threads, evict, ..config(limit) });
        d.fill("k", count, len);
        let used = d.store.stats(d.now).pages_used;
        assert!(d.store.set_limit(low));
        assert_eq!(d.store.stats(d.now).limit_bytes, low);
        d.settle_moves();
        d.store.assert_valid();
        let stats = d.store.stats(d.now);
        if evict {
            assert_eq!(stats.pages_used + stats.tables_inside, low >> 16, "of {used}");
            let kept = d.present("k", count, len);
            assert!(kept > count / 8 && kept as u64 == stats.items, "{kept}");
        } else {
            assert_eq!(d.present("k", count, len), count, "-M loses nothing");
        }
        assert!(d.store.set_limit(high));
        d.fill("more", more, len);
        assert!(d.store.stats(d.now).pages_used > limit >> 16, "more than at start");
        d.store.assert_valid();
        assert!(!d.store.set_limit(d.store.limit_bytes_max() + 1));
        assert_eq!(d.store.stats(d.now).limit_bytes, high);
    }
    let fixed = Driver::with(StoreConfig { preallocate: true, ..config(4 << 20) });
    assert!(!fixed.store.set_limit(8 << 20));
}

/// What goes next stands in the page that is on its way: stores need what stands elsewhere.
#[test]
#[cfg_attr(miri, ignore = "minutes in an interpreter")]
fn stores_go_on_while_pages_are_given_back() {
    for (size, threads) in [(20, 1), (500, 1), (500, 4), (20_000, 1)] {
        let d = Driver::with(StoreConfig { threads, ..config(32 << 20) });
        let count = (40 << 20) / size;
        d.fill("k", count, size);
        assert_eq!(d.store.stats(d.now).pages_free, 0);
        assert!(d.store.set_limit(24 << 20));
        for n in 0.. {
            d.store.move_pages(d.now);
            for key in 0..40 {
                assert!(is_stored(d.set(&format!("more{n}-{key}"), &vec![0; size])), "{size} {n}");
            }
            if d.store.pool.excess() == 0 {
                break;
            }
        }
        d.store.assert_valid();
    }
}

#[test]
#[cfg_attr(miri, ignore = "half an hour in an interpreter")]
fn idle_room_goes_back_to_the_pool_once_all_memory_is_taken() {
    let count = fewer(130_000);
    let mut d = Driver::new(fewer(8 << 20) as u64);
    d.fill("k", count, 40);
    assert_eq!(d.store.stats(d.now).pages_free, 0);
    d.forget("k", (0..count).filter(|n| n % 4 > 0));
    let before = d.store.stats(d.now).items;
    for _ in 0..10 {
        d.now += 1;
        d.settle_moves();
    }
    assert!(d.store.stats(d.now).pages_free > 0);
    assert_eq!(d.store.stats(d.now).items, before);
    d.store.assert_valid();
}

#[test]
#[cfg_attr(miri, ignore = "half an hour in an interpreter")]
fn with_automove_2_an_eviction_asks_for_a_page() {
    for (automove, expected) in [(0, false), (2, true)] {
        let background = Background { automove, ..Background::default() };
        let d = Driver::with(StoreConfig { background, ..config(fewer(4 << 20) as u64) });
        d.fill("small", fewer(60_000), 40);
        d.fill("large", 30, 3000);
        let moved = d.store.stats(d.now).slabs_moved;
        d.fill("large", 200, 3000);
        d.settle_moves();
        let by_policy = d.store.stats(d.now).slabs_moved - moved;
        assert_eq!(by_policy > 0, expected, "automove {automove}: {by_policy}");
        d.store.assert_valid();
    }
}

#[test]
#[cfg_attr(miri, ignore = "minutes in an interpreter")]
fn a_dump_lists_every_key_once_whatever_happens_meanwhile() {
    let d = Driver::with(StoreConfig { threads: 4, ..config(64 << 20) });
    d.fill("stable", 30_000, 50);
    // Room for what moves: nothing is to be evicted.
    d.fill("hole", 20_000, 50);
    d.forget("hole", 0..20_000);
    d.set_until("dead", b"x", d.now);
    let keys = d.dump(!1, |step| {
        // Rewritten into other classes, so that they change places, while the index grows.
        for n in 0..20 {
            let key = step * 20 + n;
            d.set(&format!("stable{}", key % 30_000), &pattern(60 + key % 400, key));
            d.set(&format!("new{key}"), b"x");
            d.delete(&format!("new{}", key / 2));
        }
        if step % 20 == 0 {
            d.store.reassign(-1, 3);
        }
        d.store.move_pages(d.now);
    });
    d.store.assert_valid();
    for n in 0..30_000 {
        let key = format!("stable{n}");
        assert_eq!(keys.get(key.as_bytes()), Some(&1), "{key}");
    }
    assert!(d.store.stats(d.now).slabs_moved > 5);
    assert!(keys.values().all(|&count| count == 1));
    assert!(!keys.contains_key(&b"dead"[..]));
}

#[test]
fn a_dump_of_some_classes_leaves_out_the_others() {
    let d = Driver::new(16 << 20);
    let (large, long) = if cfg!(miri) { (10, 1) } else { (100, 3) };
    d.fill("small", 100, 10);
    let small = d.class_in_use();
    d.fill("large", large, 10_000);
    d.fill("long", long, 100_000);
    let last = d.store.stats(d.now).classes.len();
    assert_eq!(d.dump(1 << small, |_| ()).len(), 100);
    assert_eq!(d.dump(1 << last, |_| ()).len(), long);
    assert_eq!(d.dump(!1, |_| ()).len(), 100 + large + long);
    assert!(d.dump(1 << 63, |_| ()).is_empty());
}

#[test]
fn a_dump_tells_what_is_known_of_an_item() {
    let mut d = Driver::new(4 << 20);
    d.set_until("k", b"value", 500);
    let cas = d.cas("k"); // fetches it
    let class = d.class_in_use();
    d.now += 7;
    let mut dump = d.store.begin_dump(!1).unwrap();
    let mut seen = 0;
    let mut look = |item: DumpedItem<'_>| {
        seen += 1;
        assert_eq!((item.key, item.deadline, item.age), (&b"k"[..], 500, 7));
        assert_eq!((item.cas, item.fetched, item.class, item.flags), (cas, true, class, 0));
        assert_eq!((item.size, item.binary), (24 + 1 + 5, false));
    };
    while d.store.dump(&mut dump, d.now, &mut look) {}
    assert_eq!(seen, 1);
    let more: Vec<Dump> = std::iter::from_fn(|| d.store.begin_dump(!1)).collect();
    assert_eq!(more.len(), 3, "four at once");
    d.store.end_dump(dump);
    assert!(d.store.begin_dump(!1).is_some());
}

#[test]
fn a_crawl_finds_the_dead_of_its_classes_and_no_others() {
    // Flushed items have no deadline that would betray them.
    let mut d = Driver::with(StoreConfig { crawler: false, ..config(16 << 20) });
    let (few, many) = (fewer(100), fewer(1000));
    d.fill("small", many, 10);
    let small = d.class_in_use();
    d.fill("large", few, 10_000);
    d.now += 10;
    d.store.flush(d.now, d.now);
    assert!(d.store.crawl(1 << small));
    assert!(!d.store.crawl(!1), "one at a time");
    while d.store.maintain(d.now) {}
    let stats = d.store.stats(d.now);
    assert_eq!(stats.items, few as u64);
    assert_eq!(stats.classes[small - 1].crawler_reclaimed, many as u64);
    assert!(d.store.crawl(!1));
    while d.store.maintain(d.now) {}
    assert_eq!(d.store.stats(d.now).items, 0);
    d.store.assert_valid();
}

#[test]
fn the_queues_become_one_and_four_again() {
    let (d, count) = (Driver::new(16 << 20), if cfg!(miri) { 300 } else { 10_000 });
    d.fill("k", count, 110);
    (0..2).for_each(|_| assert_eq!(d.present("k", count / 2, 110), count / 2));
    d.maintain();
    d.store.tune(|tuning| tuning.segmented = false);
    (0..fewer(200)).for_each(|_| d.maintain());
    let items = |d: &Driver| d.store.stats(d.now).classes[d.class_in_use() - 1].items;
    assert_eq!(items(&d), [0, 0, count as u64, 0]);
    d.store.assert_valid();
    d.store.tune(|tuning| (tuning.segmented, tuning.hot_pct) = (true, 79));
    d.fill("new", 100, 110);
    assert_eq!(items(&d)[0], 100);
    assert_eq!(d.store.tuning().hot_pct, 79);
    d.store.assert_valid();
}
