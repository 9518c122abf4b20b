//! Items that an operator holds (`debugitem`).

use super::*;

impl Driver {
    fn hold(&self, key: &str, kind: HoldKind) -> Held {
        self.store.hold(key.as_bytes(), kind, self.now)
    }
    fn let_go(&self, key: &str, kind: HoldKind) -> bool {
        self.store.let_go(key.as_bytes(), kind)
    }
    fn fill_with(&self, prefix: &str, count: usize) {
        for n in 0..count {
            self.set(&format!("{prefix}{n}"), &[7; 500]);
        }
    }
}

#[test]
fn eviction_passes_a_held_item_by_until_it_is_let_go() {
    let d = Driver::new(1 << 20);
    d.set("lost", &[7; 500]);
    for (key, kind) in [("locked", HoldKind::Lock), ("referenced", HoldKind::Reference)] {
        d.set(key, &[7; 500]);
        assert_eq!(d.hold(key, kind), Held::Held);
    }
    d.fill_with("a", 10_000);
    assert_eq!(d.get("lost"), None);
    assert!(d.get("locked").is_some() && d.get("referenced").is_some());
    d.store.assert_valid();
    assert!(d.let_go("locked", HoldKind::Lock) && d.let_go("referenced", HoldKind::Reference));
    // Both were used: what is used as well takes their place.
    for n in 0..20_000 {
        d.set(&format!("b{n}"), &[7; 500]);
        d.get(&format!("b{n}"));
    }
    assert_eq!((d.get("locked"), d.get("referenced")), (None, None));
    d.store.assert_valid();
    assert_eq!(d.store.stats(d.now).pins, 0);
}

#[test]
fn references_count_and_locks_do_not() {
    let d = Driver::new(1 << 20);
    assert_eq!(d.hold("none", HoldKind::Reference), Held::Missing);
    d.set("k", b"v");
    for _ in 0..2 {
        assert_eq!(d.hold("k", HoldKind::Reference), Held::Held);
        assert_eq!(d.hold("k", HoldKind::Lock), Held::Held);
    }
    let let_go = |kind| (0..3).filter(|_| d.let_go("k", kind)).count();
    assert_eq!((let_go(HoldKind::Reference), let_go(HoldKind::Lock)), (2, 1));
    while d.hold("k", HoldKind::Reference) == Held::Held {}
    assert_eq!(d.hold("k", HoldKind::Reference), Held::TooMany);
    d.store.assert_valid();
}

/// Whatever replaces, changes or removes a held item works as ever, and its memory comes back once
/// it is let go.
#[test]
fn a_held_item_can_be_changed_in_every_way() {
    let d = Driver::new(4 << 20);
    let own_cas = SetRare { new_cas: Some(77), ..SetRare::default() };
    for len in [10, 40_000] {
        let value = pattern(len, 1);
        let change: [&dyn Fn(); 7] = [
            &|| assert!(is_stored(d.set("k", &value))),
            &|| assert!(is_stored(d.put(SetMode::Append, "k", b"more"))),
            &|| {
                let args = SetArgs { rare: own_cas, ..d.args(b"k", SetMode::Append) };
                assert!(is_stored(d.store.session().set(&args, b"more", d.now)));
            },
            &|| {
                let keep = Keep { empty: None, new_cas: Some(5), invalidate: true, deadline: None };
                let hash = d.store.hash(b"k");
                let args = DeleteArgs { keep: Some(keep), ..DeleteArgs::new(b"k", hash, None) };
                assert_eq!(d.store.session().delete(&args, d.now), Deleted::Deleted);
            },
            &|| assert!(is_stored(d.set("k", b"100"))),
            &|| assert!(matches!(d.incr("k", 1), Counted::Value(Count { number: 101, .. }))),
            &|| assert_eq!(d.delete("k"), Deleted::Deleted),
        ];
        d.set("k", &value);
        for (n, change) in change.iter().enumerate() {
            assert_eq!(d.hold("k", HoldKind::Reference), Held::Held);
            change();
            d.store.assert_valid();
            assert_eq!(d.store.stats(d.now).pins, n as u64 + 1, "change {n}");
        }
        for _ in change {
            assert!(d.let_go("k", HoldKind::Reference));
            d.store.assert_valid();
        }
        let stats = d.store.stats(d.now);
        assert_eq!((stats.pins, stats.pinned_dead_bytes, stats.items), (0, 0, 0));
    }
}

#[test]
fn a_store_takes_held_memory_back_when_there_is_no_other() {
    let d = Driver::new(1 << 20);
    for n in 0..1024 {
        d.set(&format!("k{n}"), &[7; 900]);
        d.hold(&format!("k{n}"), HoldKind::Reference);
    }
    for n in 0..2000 {
        assert!(is_stored(d.set(&format!("new{n}"), &[7; 900])), "{n}");
    }
    d.store.assert_valid();
}
