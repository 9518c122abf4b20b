//! The index against a hash map, alone.

use super::*;
use crate::store::hash::KeyHasher;
use std::collections::HashMap;

fn hash(n: u64) -> KeyHash {
    KeyHash(
        n.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(31).wrapping_mul(0xd134_2543_de82_ef95),
    )
}
fn id(n: u32) -> ItemId {
    ItemId::from_bits(n + 8192).unwrap()
}

#[test]
fn it_agrees_with_a_hash_map_through_growth_and_removal() {
    let rounds = if cfg!(miri) { 300 } else { 30_000 };
    let mut index = Index::new(rounds as usize, 1, 0).unwrap();
    let mut model: HashMap<u64, u32> = HashMap::new();
    let by_id = |i: ItemId| hash(u64::from(i.bits() - 8192));
    for n in 0..rounds {
        assert!(index.insert(hash(n), id(n as u32)));
        model.insert(n, n as u32);
        if n % 3 == 0 {
            let gone = n / 2;
            if model.remove(&gone).is_some() {
                index.remove(hash(gone), id(gone as u32));
            }
        }
        while index.wants_growth() {
            index.grow(by_id, |_| 0);
        }
    }
    assert_eq!(index.len(), model.len());
    for n in 0..rounds {
        let found = index.candidates(hash(n)).find(|&i| i == id(n as u32));
        assert_eq!(found.is_some(), model.contains_key(&n), "{n}");
    }
    let mut seen = 0;
    index.for_each(|home, tag, i| {
        assert!(index.agrees(home, tag, by_id(i)));
        seen += 1;
    });
    assert_eq!(seen, model.len());
}

#[test]
#[cfg_attr(miri, ignore = "minutes in an interpreter")]
fn a_full_index_refuses_and_keeps_what_it_has() {
    let mut index = Index::new(1, 0, 0).unwrap();
    let same = KeyHash(0);
    let mut held = 0;
    while index.insert(same, id(held)) {
        held += 1;
    }
    assert!(held >= SLOTS as u32);
    assert!((0..held).all(|n| index.candidates(same).find(|&i| i == id(n)).is_some()));
    (0..held).for_each(|n| index.remove(same, id(n)));
    assert_eq!((index.len(), index.overflow_live), (0, 0));
    assert!(index.insert(same, id(1)));
}

/// Keys as flooders and ordinary programs choose them, all alike but for a few bytes: with the
/// seeded hash a chain is never much longer than the load explains.
#[test]
#[cfg_attr(miri, ignore = "takes minutes under miri")]
fn chains_stay_short_for_keys_that_look_alike() {
    let count: u32 = if cfg!(miri) { 500 } else { 30_000 };
    let names: [fn(u32) -> String; 4] = [
        |n| format!("user:session:{n}"),
        |n| format!("{}{n}", "a".repeat(240)),
        |n| format!("{n}{}", "z".repeat(240)),
        |n| format!("{n:0250b}"),
    ];
    for (seed, name) in names.iter().flat_map(|name| [(0, name), (9, name)]) {
        let hasher = KeyHasher::new(Some(seed));
        let hash_of = |n: u32| hasher.hash(name(n).as_bytes());
        let mut index = Index::new(count as usize, 2, 0).unwrap();
        for n in 0..count {
            assert!(index.insert(hash_of(n), id(n)));
            while index.wants_growth() {
                index.grow(|i| hash_of(i.bits() - 8192), |_| 0);
            }
        }
        // Per home bucket: eight on average, and hardly ever four times that.
        let mut lengths = HashMap::new();
        index.for_each(|home, _, _| *lengths.entry(home).or_insert(0) += 1);
        let longest = lengths.into_values().max().unwrap_or(0);
        assert!(longest <= 4 * LOAD, "{longest} ids in a chain, {} keys, seed {seed}", name(1));
    }
}

/// Grown to a number of items, and down to fewer; what is in it, and every position of a walk.
#[test]
fn it_folds_to_what_it_was_and_gives_memory_back() {
    (0..if cfg!(miri) { 1 } else { 3 }).for_each(fold_and_grow_again);
}
fn fold_and_grow_again(number: usize) {
    let count: u32 = if cfg!(miri) { 150 } else { 100_000 };
    let mut index = Index::new(count as usize, 1, number).unwrap();
    let by_id = |i: ItemId| hash(u64::from(i.bits() - 8192));
    for n in 0..count {
        assert!(index.insert(hash(n.into()), id(n)));
        while index.wants_growth() {
            index.grow(by_id, |_| 0);
        }
    }
    let (homes, bytes) = (index.homes(), index.bytes());
    for n in (0..count).rev() {
        index.remove(hash(n.into()), id(n));
        while index.wants_folding() {
            assert!(index.fold());
        }
        if n.is_power_of_two() {
            let mut seen = 0;
            index.for_each(|home, tag, i| {
                assert!(index.agrees(home, tag, by_id(i)));
                assert!(i.bits() - 8192 < n);
                seen += 1;
            });
            assert_eq!((seen, index.len()), (n, n as usize));
        }
    }
    assert_eq!((index.homes(), index.overflow_live), (2, 0));
    assert!(homes > count as usize / 9);
    let least = (2 * RELEASE + index.overflow_used) * BUCKET_SIZE;
    assert!(index.bytes() <= least.min(bytes), "{} of {bytes}", index.bytes());
    for n in 0..count {
        assert!(index.insert(hash(n.into()), id(n)), "what was given back can be used again");
        while index.wants_growth() {
            index.grow(by_id, |_| 0);
        }
    }
    assert!((0..count).all(|n| index.candidates(hash(n.into())).any(|i| i == id(n))));
    assert_eq!(index.homes(), homes);
}

#[test]
fn replace_changes_the_id_in_place() {
    let mut index = Index::new(100, 2, 0).unwrap();
    assert!(index.insert(hash(1), id(1)));
    index.replace(hash(1), id(1), id(2));
    assert_eq!(index.candidates(hash(1)).next(), Some(id(2)));
    assert_eq!(likely(index.buckets(), index.shape(), hash(1)), Some(id(2)));
    assert_eq!(likely(index.buckets(), index.shape(), hash(2)), None);
}

/// Growth waits at a huge page that is being prepared: not for ever, and not for one that nobody
/// has begun with when it becomes urgent.
#[test]
#[cfg_attr(miri, ignore = "minutes in an interpreter")]
fn growth_waits_for_a_huge_page_while_it_can() {
    let at_the_page = |number| {
        let mut index = Index::new(1 << 20, 15, number).unwrap();
        while !index.nears_huge_page() {
            index.grow(|_| hash(0), |_| 0);
        }
        let part = index.huge_page_ahead();
        while !index.begins_huge_page(index.homes()) {
            assert!(!index.waits_for_memory());
            index.grow(|_| hash(0), |_| 0);
        }
        assert!(index.waits_for_memory());
        (index, part)
    };
    let (mut index, part) = at_the_page(0);
    assert!(part.begin() && !part.call_off());
    index.items = index.homes() * LOAD_BEGUN;
    assert!(index.waits_for_memory());
    index.items += 1;
    assert!(!index.waits_for_memory(), "it has become too urgent");
    index.items = 0;
    part.end();
    assert!(!index.waits_for_memory(), "it is there");

    let (mut index, part) = at_the_page(5);
    index.items = index.homes() * LOAD_ASKED;
    assert!(index.waits_for_memory());
    index.items += 1;
    assert!(!index.waits_for_memory());
    assert!(!part.begin(), "that was called off");
}

#[test]
#[cfg_attr(miri, ignore = "minutes in an interpreter")]
fn nobody_prepares_what_was_given_back() {
    let mut index = Index::new(1 << 20, 15, 0).unwrap();
    while !index.nears_huge_page() {
        index.grow(|_| hash(0), |_| 0);
    }
    let (part, bytes) = (index.huge_page_ahead(), index.bytes());
    assert!(index.wants_folding() && index.fold());
    assert!(index.bytes() <= bytes - HUGE_PAGE, "the room ahead is given back");
    assert!(!part.begin());
}
