//! Values longer than a chunk: uploads, pins, chains.

use super::*;
use std::io::{PipeReader, PipeWriter, Read};
use std::os::fd::AsRawFd;

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
    d.maintain();
    d.store.assert_valid();
    assert_eq!(d.get("k").unwrap(), value);
    assert_eq!(d.store.stats(d.now).upload_bytes, 0);
}

/// As short ones do (PROTOCOL 1.6).
#[test]
fn a_long_value_is_compared_before_it_is_no_number() {
    let d = Driver::new(64 << 20);
    for value in [&b"x"[..], &pattern(70_000, 3)] {
        assert!(is_stored(d.set("k", value)));
        let arith = |compare| {
            let args = ArithArgs { compare: Some(compare), ..d.arith_args("k", 1) };
            d.store.session().arith(&args, d.now)
        };
        assert_eq!(arith(d.cas("k") + 1), Counted::Exists, "{}", value.len());
        assert_eq!(arith(d.cas("k")), Counted::NonNumeric, "{}", value.len());
    }
}

#[test]
#[cfg_attr(miri, ignore = "needs more memory than there is under miri")]
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
    d.maintain();
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

/// The head names the first eight chunks, and each chunk the one eight further.
#[test]
fn chains_of_any_length_grow_and_are_cut_back() {
    let config = StoreConfig { slab_chunk_max: 1024, evict: false, ..config(1 << 19) };
    let d = Driver::with(config);
    for chunks in [1, 2, 7, 8, 9, 10, 15, 16, 17, 18, 40] {
        let mut value = pattern(chunks * 1000, chunks);
        assert!(is_stored(d.upload("k", &value)));
        d.store.assert_valid();
        for more in [1, 900, 5000, 20_000] {
            assert!(is_stored(d.put(SetMode::Append, "k", &pattern(more, more))));
            value.extend(pattern(more, more));
            d.store.assert_valid();
        }
        let others = (0..).take_while(|n| is_stored(d.set(&format!("o{n}"), &pattern(900, *n))));
        let others = others.count();
        assert_eq!(d.put(SetMode::Append, "k", &pattern(90_000, 1)), Stored::NotStored);
        d.store.assert_valid();
        for n in 0..others {
            assert_eq!(d.delete(&format!("o{n}")), Deleted::Deleted);
        }
        assert!(d.get("k") == Some(value.clone()), "{chunks} chunks, cut back");
        assert!(is_stored(d.put(SetMode::Append, "k", b"and on")));
        value.extend(b"and on");
        d.store.assert_valid();
        assert!(d.get("k") == Some(value), "{chunks} chunks, grown");
    }
}

/// What the system reads of a lease, by way of a pipe.
fn written(lease: &Lease, (to, from): &mut (PipeReader, PipeWriter)) -> Vec<u8> {
    let max = lease.len().min(50_000); // what a pipe takes at once
    let parts: Vec<_> = lease.parts().iter().map(|&(at, len)| (at, len.min(max))).collect();
    let n = lease.region().write_parts(from.as_raw_fd(), b"<", &parts[..1], b">").unwrap();
    let mut bytes = vec![0; n];
    to.read_exact(&mut bytes).unwrap();
    assert!(bytes.starts_with(b"<") && bytes.ends_with(b">"));
    bytes[1..n - 1].to_vec()
}

/// While a value is lent its key goes, memory is filled many times over and pages are moved.
#[test]
fn what_is_lent_stays_where_it_is_until_it_is_given_back() {
    let (limit, len, other) =
        if cfg!(miri) { (2 << 20, 70_000, 600_000) } else { (4 << 20, 300_000, 200_000) };
    let (d, other) = (Driver::new(limit), pattern(other, 8));
    let hash = d.store.hash(b"k");
    let mut pipe = std::io::pipe().unwrap();
    for fate in 0..4 {
        let value = pattern(len, fate);
        assert!(is_stored(d.upload("k", &value)));
        let pinned = |mut hit: Hit<'_>| (hit.len(), hit.pin());
        let (len, pin) = d.store.session().get(b"k", hash, None, d.now, pinned).unwrap();
        assert_eq!(len, value.len());
        let mut at = 0;
        let mut sent = |lease: &Lease, last: bool, at: usize| {
            assert_eq!((lease.len() == value.len() - at, lease.len() > 0), (last, true));
            match fate {
                _ if at > 0 => {}
                0 => assert_eq!(d.delete("k"), Deleted::Deleted),
                1 => d.store.flush(d.now, d.now),
                2 => assert!(is_stored(d.put(SetMode::Append, "k", &pattern(50_000, 9)))),
                _ => {}
            }
            // Under miri enough at the first bytes to fill memory, and nothing at others.
            let rounds = if cfg!(miri) { 4 * usize::from(at == 0) } else { 25 };
            for n in 0..rounds {
                let key = format!("long{n}");
                // More than there is beside what is lent: some are refused.
                d.upload(&key, &other);
                d.set(&format!("short{n}"), &pattern(n * 300, n));
                if !cfg!(miri) || n == 2 {
                    d.store.reassign(-1, 1 + n as i32 % 3);
                    while d.store.move_pages(d.now) {}
                }
                d.maintain();
            }
            d.store.assert_valid();
            let bytes = written(lease, &mut pipe);
            assert!(bytes == value[at..at + bytes.len()], "fate {fate} at {at}");
            bytes.len()
        };
        loop {
            let read = d.store.send_pin(&pin, 1 << 20, |lease, last| {
                let n = sent(lease, last, at);
                at += n;
                n
            });
            d.store.assert_valid();
            match read {
                PinRead::More if at < value.len() => {}
                other => break assert_eq!((other, at), (PinRead::Done, value.len())),
            }
        }
        d.store.unpin(pin);
        d.delete("k");
        d.store.assert_valid();
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
fn appends_to_a_long_value_add_up_while_others_are_evicted() {
    let d = Driver::new(2 << 20);
    for n in 0..40 {
        assert!(is_stored(d.set(&format!("k{n}"), &pattern(60_000, n))));
    }
    assert!(is_stored(d.set("long", &pattern(60_000, 0))));
    let rounds = if cfg!(miri) { 8 } else { 25 };
    for n in 0..rounds {
        assert!(is_stored(d.put(SetMode::Append, "long", &pattern(30_000, n))), "{n}");
        assert!(is_stored(d.set(&format!("other{n}"), &pattern(60_000, n))), "{n}");
        d.store.assert_valid();
    }
    assert_eq!(d.get("long").unwrap().len(), 60_000 + rounds * 30_000);
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
fn readers_that_stall_do_not_keep_others_from_storing() {
    let (limit, count) = if cfg!(miri) { (2 << 20, 6) } else { (4 << 20, 12) };
    let d = Driver::new(limit);
    let mut pins = Vec::new();
    // More than fits, each pinned once stored: in the end all of memory is being read.
    for n in 0..count {
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
    let d = Driver::new(if cfg!(miri) { 12 << 20 } else { 16 << 20 });
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
    while d.store.pool.free() > 0 {
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
fn an_upload_after_a_due_flush_reclaims_and_does_not_evict() {
    let mut d = Driver::new(1 << 20);
    let (count, len) = if cfg!(miri) { (90, 10_000) } else { (900, 1000) };
    d.fill("k", count, len);
    d.store.flush(d.now + 1, d.now);
    d.now += 1;
    d.store.record_events(true);
    assert!(is_stored(d.upload("large", &pattern(600_000, 1))));
    let (events, _) = d.store.take_events();
    assert!(!events.iter().any(|event| matches!(event, Event::Evicted { .. })));
    assert!(d.get("large").is_some());
}

#[test]
fn an_upload_that_was_dropped_costs_no_other_its_memory() {
    let d = Driver::new(4 << 20);
    let begin = |key: &[u8]| d.store.begin_upload(&d.args(key, SetMode::Set), 700_000, d.now);
    let (slow, half) = (begin(b"slow").unwrap(), pattern(600_000, 1));
    assert_eq!(d.store.append_upload(&slow, &half[..200_000], d.now), Received::Taken);
    let fast = begin(b"fast").unwrap();
    assert_eq!(d.store.append_upload(&fast, &half, d.now), Received::Taken);
    let third = begin(b"third").unwrap();
    assert_eq!(d.store.append_upload(&third, &half[..400_000], d.now), Received::Taken);
    assert_eq!(d.store.stats(d.now).uploads, 2, "the first gave way");
    assert_eq!(d.store.append_upload(&slow, &half, d.now), Received::Dropped);
    assert_eq!(d.store.stats(d.now).uploads, 2);
    [fast, third].into_iter().for_each(|id| d.store.drop_upload(id));
    d.store.assert_valid();
}

#[test]
#[cfg_attr(miri, ignore = "needs more memory than there is under miri")]
fn one_very_long_value_goes_to_make_room_and_no_more() {
    let limits = StoreConfig { item_size_max: 8 << 20, ..config(32 << 20) };
    let d = Driver::with(limits);
    (0..20).for_each(|n| assert!(is_stored(d.upload(&format!("long{n}"), &pattern(3 << 20, n)))));
    let evicted = || d.store.stats(d.now).classes.iter().map(|c| c.evicted).sum::<u64>();
    let before = evicted();
    assert!(before > 0, "memory is full");
    assert!(is_stored(d.upload("another", &pattern(1 << 20, 1))));
    assert!(evicted() - before <= 2, "{} of 3 MiB for one of 1 MiB", evicted() - before);
    d.store.assert_valid();
}

/// A read into an upload's chunks for which `coming` bytes are there.
fn fill(d: &Driver, id: &UploadId, max: usize, coming: usize) -> Received {
    let read = |slices: &mut [&mut [u8]]| {
        slices.iter_mut().for_each(|slice| slice.fill(7));
        coming.min(slices.iter().map(|slice| slice.len()).sum::<usize>())
    };
    d.store.fill_upload(id, max, d.now, read)
}

/// An upload that has come to all but its end.
fn nearly(d: &Driver, key: &str, len: usize) -> UploadId {
    let args = d.args(key.as_bytes(), SetMode::Set);
    let id = d.store.begin_upload(&args, len as u32 + 1000, d.now).unwrap();
    assert_eq!(d.store.append_upload(&id, &pattern(len, 1), d.now), Received::Taken);
    id
}

#[test]
fn uploads_give_way_to_what_came_and_not_to_what_might() {
    let d = Driver::new(16 << 20);
    let ids: Vec<_> = (0..4).map(|n| nearly(&d, &format!("k{n}"), 940_000)).collect();
    let args = d.args(b"new", SetMode::Set);
    let new = d.store.begin_upload(&args, 900_000, d.now).unwrap();
    // All uploads may hold 4 MiB: there is room for 400 KiB, not for 512.
    assert_eq!(fill(&d, &new, 512 << 10, 1000), Received::Taken);
    assert_eq!(d.store.stats(d.now).uploads, 5);
    d.store.assert_valid();
    assert_eq!(fill(&d, &new, 512 << 10, usize::MAX), Received::Taken);
    let stats = d.store.stats(d.now);
    assert_eq!(stats.uploads, 4, "one gave way");
    assert!(stats.upload_bytes <= 4 << 20);
    d.store.assert_valid();
    ids.into_iter().chain([new]).for_each(|id| d.store.drop_upload(id));
}

#[test]
fn a_read_that_brought_nothing_is_no_progress() {
    let mut d = Driver::new(16 << 20);
    let stale = nearly(&d, "stale", 500_000);
    d.now += 1;
    let fresh = nearly(&d, "fresh", 500_000);
    d.now += 1;
    assert_eq!(fill(&d, &stale, 1000, 0), Received::Taken);
    let ids: Vec<_> = (0..4).map(|n| nearly(&d, &format!("k{n}"), 900_000)).collect();
    assert_eq!(fill(&d, &stale, 1000, 1), Received::Dropped);
    assert_eq!(fill(&d, &fresh, 1000, 1), Received::Taken);
    d.store.assert_valid();
    ids.into_iter().chain([fresh]).for_each(|id| d.store.drop_upload(id));
}
