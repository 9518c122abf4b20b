//! How much is done under one lock, counted in items removed or moved: what others wait for.

use super::*;

/// Two steps of freeing what is dead, of which the first ended just short of `TOIL`: a step ends
/// with the block of 32 that brings it to 128. At some 200 to 350 ns each, 75 microseconds.
const HOLD_MAX: u16 = shard::TOIL - 1 + 128 + 31;

impl Driver {
    /// The most that was done under one lock since the last call.
    fn longest(&self) -> u16 {
        let longest = |slot: &Slot| {
            let mut shard = slot.lock();
            shard.rest();
            std::mem::take(&mut shard.toil_max)
        };
        self.store.slots.iter().map(longest).max().unwrap()
    }
    /// What the maintainer does in a second.
    fn upkeep(&mut self) {
        self.now += 1;
        self.store.maintain(self.now);
        for _ in 0..2000 {
            let cleaning = self.store.clean(self.now);
            if !self.store.move_pages(self.now) && !cleaning {
                return;
            }
        }
    }
    fn small(&self, name: &str, count: usize, deadline: Deadline) {
        for n in 0..count {
            self.set_until(&format!("{name}{n}"), b"v", deadline);
        }
    }
    #[track_caller]
    fn assert_short(&self, least: u16) {
        let longest = self.longest();
        assert!((least..=HOLD_MAX).contains(&longest), "{longest} items under one lock");
        self.store.assert_valid();
    }
}

fn full_of_small_items(limit_bytes: u64) -> Driver {
    let (threads, seed) = (1, Some(42));
    let d = Driver::with(StoreConfig { limit_bytes, threads, seed, ..StoreConfig::default() });
    d.small("small", limit_bytes as usize / 40, 0);
    assert_eq!(d.store.stats(d.now).pages_free, 0);
    d.longest();
    d
}

#[test]
#[cfg_attr(miri, ignore = "minutes in an interpreter")]
fn upkeep_does_a_bounded_part_of_what_is_due_under_one_lock() {
    let mut d = full_of_small_items(8 << 20);
    let soon = d.now + 2;
    d.small("dying", 150_000, soon);
    d.longest();
    d.store.tune(|tuning| tuning.segmented = false);
    d.upkeep();
    d.upkeep();
    d.assert_short(100);

    d.small("more", 150_000, 0);
    d.longest();
    assert!(d.store.crawl(u64::MAX));
    assert_eq!(d.store.reassign(1, 9), Reassigned::Queued);
    d.store.set_limit(6 << 20);
    (0..5).for_each(|_| d.upkeep());
    d.assert_short(50);
    assert!(d.store.owned_bytes() <= 6 << 20);

    let soon = d.now + 2;
    d.small("dying", 50_000, soon);
    d.store.flush(soon, d.now);
    assert!(d.store.crawl(u64::MAX));
    d.store.set_limit(4 << 20);
    (0..5).for_each(|_| d.upkeep());
    d.assert_short(100);
    assert_eq!(d.store.stats(d.now).items, 0);
}

#[test]
#[cfg_attr(miri, ignore = "minutes in an interpreter")]
fn a_store_does_so_too_while_sizes_shift() {
    let d = full_of_small_items(8 << 20);
    for (name, len, count) in [("a", 1000, 8000), ("b", 10_000, 3000), ("c", 100_000, 300)] {
        // Longer ones than a page are not at hand: they come in pieces.
        let set = |key: &str, value: &[u8]| match len {
            100_000 => d.upload(key, value),
            _ => d.set(key, value),
        };
        (0..count).for_each(|n| assert!(is_stored(set(&format!("{name}{n}"), &pattern(len, n)))));
        d.assert_short(10);
    }
    d.small("small", 200_000, d.now + 1);
    d.assert_short(1);
}

/// Whatever the verb: a page of 1638 items is not cleared under one lock.
#[test]
#[cfg_attr(miri, ignore = "minutes in an interpreter")]
fn verbs_that_find_no_page_are_run_again_when_there_is_one() {
    let d = full_of_small_items(2 << 20);
    let add =
        ArithArgs { vivify: Some((5, 0)), ..d.arith_args("a number in a class of its own", 1) };
    let counted = d.store.session().arith(&add, d.now);
    assert!(matches!(counted, Counted::Value(count) if count.created && count.number == 5));
    d.assert_short(16);

    assert!(is_stored(d.put(SetMode::Append, "small52000", &pattern(3000, 1))));
    assert_eq!(d.get("small52000").map(|value| value.len()), Some(3001));
    d.assert_short(16);

    let key = "created ".repeat(25);
    let fetch = FetchArgs { vivify: Some(0), ..FetchArgs::default() };
    let hash = d.store.hash(key.as_bytes());
    let created =
        d.store.session().fetch(key.as_bytes(), hash, &fetch, d.now, |_, created| created);
    assert_eq!(created, Some(true));
    d.assert_short(16);

    // Digits for which its chunk has no room.
    d.set("nine", b"9");
    let class = d.store.stats(d.now).classes.iter().filter(|class| class.pages > 0).count();
    let args = ArithArgs { delta: 10_000_000_000_000_000_000, ..d.arith_args("nine", 1) };
    assert!(matches!(d.store.session().arith(&args, d.now), Counted::Value(_)));
    let stats = d.store.stats(d.now);
    assert_eq!(stats.classes.iter().map(|class| class.incr_hits).sum::<u64>(), 1);
    assert!(stats.classes.iter().filter(|class| class.pages > 0).count() >= class);
    d.assert_short(0);
}

/// Items of ten bytes that fill chunks of 40, without a place for a deadline: as many as fit.
fn full_of_tight_items(limit_bytes: u64) -> (Driver, usize) {
    let (threads, seed) = (1, Some(42));
    let d = Driver::with(StoreConfig { limit_bytes, threads, seed, ..StoreConfig::default() });
    let count = limit_bytes as usize / 40;
    (0..count).for_each(|n| assert!(is_stored(d.set(&format!("{n:010}"), b"0123456789"))));
    let stats = d.store.stats(d.now);
    let with_pages = stats.classes.iter().filter(|class| class.pages > 0).count();
    assert_eq!((stats.pages_free, with_pages), (0, 1));
    d.longest();
    (d, count)
}

#[test]
#[cfg_attr(miri, ignore = "minutes in an interpreter")]
fn a_deadline_that_finds_no_page_waits_for_one() {
    for give in timed::LOOKUPS {
        let (d, count) = full_of_tight_items(2 << 20);
        let key = format!("{:010}", count - 1);
        give(&d, &key, 500);
        assert_eq!((d.deadline(&key), d.get(&key).is_some()), (Some(500), true));
        d.assert_short(32);
    }
}

#[test]
#[cfg_attr(miri, ignore = "minutes in an interpreter")]
fn many_deadlines_in_one_visit_let_go_of_the_lock_and_keep_what_is_used() {
    let (d, count) = full_of_tight_items(8 << 20);
    let key = |n: usize| format!("{n:010}");
    let items = d.store.stats(d.now).items as usize;
    let first = (0..count).position(|n| d.deadline(&key(n)).is_some()).unwrap();
    let mut session = d.store.session();
    // In no order, so that no page empties by itself.
    for n in 0..count - first {
        let key = key(first + n * 7919 % (count - first));
        session.touch(key.as_bytes(), d.store.hash(key.as_bytes()), 500, d.now);
    }
    drop(session);
    d.assert_short(32);
    let kept = (first..count).filter(|&n| d.deadline(&key(n)) == Some(500)).count();
    assert!(kept > items / 2, "{kept} of {items} items were kept");
}
