//! Stale items and who renews them, items under a CAS of a client's choice, items that a lookup
//! creates.

use super::*;

/// What a client sees of an item besides its value.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    value: Vec<u8>,
    flags: u32,
    deadline: Deadline,
    stale: bool,
    won: bool,
}

impl Driver {
    fn see(&self, key: &str) -> Seen {
        let hash = self.store.hash(key.as_bytes());
        let seen = self.store.session().peek(key.as_bytes(), hash, self.now, |hit| {
            let mut value = Vec::new();
            hit.copy_to(&mut value);
            let (flags, deadline) = (hit.flags(), hit.deadline());
            Seen { value, flags, deadline, stale: hit.is_stale(), won: hit.is_won() }
        });
        seen.expect("it is there")
    }
    fn marks(&self, key: &str) -> (bool, bool) {
        let seen = self.see(key);
        (seen.stale, seen.won)
    }
    fn was_fetched(&self, key: &str) -> bool {
        let hash = self.store.hash(key.as_bytes());
        let session = &mut self.store.session();
        session.peek(key.as_bytes(), hash, self.now, |hit| hit.was_fetched()).expect("it is there")
    }
    fn win(&self, key: &str) {
        let hash = self.store.hash(key.as_bytes());
        self.store.session().peek(key.as_bytes(), hash, self.now, |mut hit| hit.win());
    }
    fn keep(&self, key: &str, keep: Keep) -> Deleted {
        let hash = self.store.hash(key.as_bytes());
        let args = DeleteArgs { keep: Some(keep), ..DeleteArgs::new(key.as_bytes(), hash, None) };
        let deleted = self.store.session().delete(&args, self.now);
        self.store.assert_valid();
        deleted
    }
    /// A value under a CAS of its own.
    fn set_under(&self, key: &str, value: &[u8], cas: u64) -> Stored {
        let rare = SetRare { new_cas: Some(cas), ..SetRare::default() };
        let args = SetArgs { rare, ..self.args(key.as_bytes(), SetMode::Set) };
        self.store.session().set(&args, value, self.now)
    }
    /// A store that may come too late.
    fn renew(&self, mode: SetMode, key: &str, value: &[u8], cas: u64) -> Stored {
        let rare = SetRare { invalidate: true, ..SetRare::default() };
        let (compare, deadline) = (Some(cas), 7_000);
        let args = SetArgs { compare, rare, deadline, ..self.args(key.as_bytes(), mode) };
        self.store.session().set(&args, value, self.now)
    }
    /// Whether a lookup that creates what it misses has created the item.
    fn vivify(&self, key: &str, args: FetchArgs) -> Option<bool> {
        let (hash, args) = (self.store.hash(key.as_bytes()), FetchArgs { vivify: Some(0), ..args });
        self.store.session().fetch(key.as_bytes(), hash, &args, self.now, |_, created| created)
    }
}

const STALE: Keep = Keep { invalidate: true, empty: None, deadline: None, new_cas: None };
const EMPTY: Keep = Keep { invalidate: false, empty: Some(0), deadline: None, new_cas: None };
/// Lengths of values in a small chunk, filling the largest one, and in a chain.
const LENGTHS: [usize; 4] = [5, 1_000, 32_740, 70_000];

#[test]
fn what_is_marked_stale_keeps_its_value_and_gets_a_new_cas() {
    for len in LENGTHS {
        let d = Driver::new(4 << 20);
        d.set_until("k", &pattern(len, 1), 5_000);
        let cas = d.cas("k");
        assert_eq!(d.keep("k", STALE), Deleted::Deleted);
        let (value, deadline) = (pattern(len, 1), 5_000);
        let seen = Seen { value, flags: 0, deadline, stale: true, won: false };
        assert_eq!(d.see("k"), seen, "{len}");
        assert!(d.cas("k") > cas);
    }
}

#[test]
fn a_stale_item_can_be_given_another_deadline() {
    let d = Driver::new(1 << 20);
    d.set_until("k", b"v", 5_000);
    d.keep("k", Keep { deadline: Some(200), ..STALE });
    assert_eq!(d.see("k").deadline, 200);
}

#[test]
fn marking_again_lets_somebody_win_again() {
    let d = Driver::new(1 << 20);
    d.set("k", b"v");
    d.keep("k", STALE);
    d.win("k");
    assert_eq!(d.marks("k"), (true, true));
    d.keep("k", STALE);
    assert_eq!(d.marks("k"), (true, false));
}

#[test]
fn every_store_clears_the_marks() {
    let d = Driver::new(4 << 20);
    for mode in [SetMode::Set, SetMode::Replace, SetMode::Append, SetMode::Prepend] {
        for len in LENGTHS {
            d.set("k", &pattern(len, 1));
            d.keep("k", STALE);
            d.win("k");
            assert!(is_stored(d.put(mode, "k", b"v")));
            assert_eq!(d.marks("k"), (false, false), "{mode:?} {len}");
        }
    }
}

#[test]
fn what_an_append_made_was_not_fetched_yet() {
    let d = Driver::new(4 << 20);
    for len in LENGTHS {
        d.set("k", &pattern(len, 1));
        d.get("k");
        assert!(d.was_fetched("k"));
        d.put(SetMode::Append, "k", b"v");
        assert!(!d.was_fetched("k"), "{len}");
    }
}

#[test]
fn arithmetic_in_place_keeps_the_marks_and_a_longer_number_clears_them() {
    let d = Driver::new(1 << 20);
    d.set("k", b"5");
    d.keep("k", STALE);
    d.win("k");
    d.incr("k", 1);
    assert_eq!(d.marks("k"), (true, true));
    d.incr("k", 10);
    assert_eq!(d.marks("k"), (false, false));
}

#[test]
fn a_store_under_an_older_cas_is_kept_as_stale_with_the_old_deadline() {
    for mode in [SetMode::Set, SetMode::Replace] {
        for len in LENGTHS {
            let d = Driver::new(4 << 20);
            d.set_until("k", b"old", 5_000);
            let cas = d.cas("k");
            assert!(is_stored(d.renew(mode, "k", &pattern(len, 1), cas - 1)));
            let (value, deadline) = (pattern(len, 1), 5_000);
            let seen = Seen { value, flags: 0, deadline, stale: true, won: false };
            assert_eq!(d.see("k"), seen, "{mode:?} {len}");
            assert!(d.cas("k") > cas);
        }
    }
}

#[test]
fn an_outdated_store_leaves_the_right_to_renew_with_who_won() {
    let d = Driver::new(1 << 20);
    d.set("k", b"old");
    d.win("k");
    d.renew(SetMode::Set, "k", b"late", d.cas("k") - 1);
    assert_eq!(d.marks("k"), (true, true));
}

#[test]
fn a_store_under_the_right_cas_is_fresh_and_under_a_newer_one_refused() {
    let d = Driver::new(1 << 20);
    d.set_until("k", b"old", 5_000);
    assert_eq!(d.renew(SetMode::Set, "k", b"x", d.cas("k") + 1), Stored::Exists);
    assert!(is_stored(d.renew(SetMode::Set, "k", b"new", d.cas("k"))));
    let (seen, value) = (d.see("k"), b"new".to_vec());
    assert_eq!(seen, Seen { value, flags: 0, deadline: 7_000, stale: false, won: false });
}

#[test]
fn joining_takes_no_older_cas() {
    let d = Driver::new(1 << 20);
    d.set("k", b"old");
    for mode in [SetMode::Append, SetMode::Prepend] {
        assert_eq!(d.renew(mode, "k", b"x", d.cas("k") - 1), Stored::Exists);
    }
}

#[test]
fn an_outdated_upload_is_kept_as_stale_too() {
    let d = Driver::new(4 << 20);
    d.set_until("k", b"old", 5_000);
    d.win("k");
    let rare = SetRare { invalidate: true, ..SetRare::default() };
    let compare = Some(d.cas("k") - 1);
    let args = SetArgs { compare, rare, ..d.args(b"k", SetMode::Set) };
    let id = d.store.begin_upload(&args, 70_000, d.now).unwrap();
    d.store.append_upload(&id, &pattern(70_000, 1), d.now);
    assert!(is_stored(d.store.commit_upload(id, d.now)));
    let (value, deadline) = (pattern(70_000, 1), 5_000);
    assert_eq!(d.see("k"), Seen { value, flags: 0, deadline, stale: true, won: true });
}

#[test]
fn a_miss_creates_an_empty_item_once() {
    let d = Driver::new(1 << 20);
    assert_eq!(d.vivify("k", FetchArgs::default()), Some(true));
    assert_eq!(d.vivify("k", FetchArgs::default()), Some(false));
    let (value, deadline) = (Vec::new(), 0);
    assert_eq!(d.see("k"), Seen { value, flags: 0, deadline, stale: false, won: false });
}

#[test]
fn a_miss_that_creates_nothing_for_want_of_memory_is_a_miss() {
    let d = Driver::new(1 << 20);
    d.store.fail_pages_after(Some(0));
    assert_eq!(d.vivify("k", FetchArgs::default()), None);
    assert_eq!(d.store.stats(d.now).misses.get, 1);
}

#[test]
fn a_created_item_has_the_cas_that_was_chosen_for_it() {
    let d = Driver::new(1 << 20);
    d.vivify("k", FetchArgs { new_cas: Some(77), ..FetchArgs::default() });
    assert_eq!(d.cas("k"), 77);
}

#[test]
fn a_lookup_that_leaves_no_trace_does_not_fetch() {
    let d = Driver::new(1 << 20);
    d.vivify("k", FetchArgs { no_bump: true, ..FetchArgs::default() });
    assert!(!d.was_fetched("k"));
    d.vivify("k", FetchArgs::default());
    assert!(d.was_fetched("k"));
}

#[test]
fn a_chosen_cas_is_seen_and_compared_until_the_next_store() {
    for len in LENGTHS {
        let d = Driver::new(4 << 20);
        assert_eq!(d.set_under("k", &pattern(len, 1), u64::MAX), Stored::Stored(u64::MAX));
        assert_eq!((d.get("k"), d.cas("k")), (Some(pattern(len, 1)), u64::MAX), "{len}");
        let args = SetArgs { compare: Some(u64::MAX), ..d.args(b"k", SetMode::Set) };
        let stored = d.store.session().set(&args, &pattern(len, 2), d.now);
        assert_eq!(stored, Stored::Stored(d.cas("k")));
        assert_ne!(d.cas("k"), u64::MAX, "{len}");
    }
}

#[test]
fn an_item_makes_room_for_the_cas_it_is_marked_under() {
    for len in LENGTHS {
        let d = Driver::new(4 << 20);
        let args = SetArgs { flags: 9, deadline: 5_000, ..d.args(b"k", SetMode::Set) };
        d.store.session().set(&args, &pattern(len, 1), d.now);
        d.get("k");
        assert_eq!(d.keep("k", Keep { new_cas: Some(77), ..STALE }), Deleted::Deleted);
        let (value, deadline) = (pattern(len, 1), 5_000);
        let seen = Seen { value, flags: 9, deadline, stale: true, won: false };
        assert_eq!(d.see("k"), seen, "{len}");
        assert_eq!((d.cas("k"), d.was_fetched("k")), (77, true), "{len}");
    }
}

#[test]
fn a_reader_goes_on_reading_an_item_that_makes_room_for_a_cas() {
    let d = Driver::new(4 << 20);
    let value = pattern(70_000, 1);
    d.set("k", &value);
    let hash = d.store.hash(b"k");
    let pin = d.store.session().get(b"k", hash, None, d.now, |mut hit| hit.pin()).unwrap();
    let mut read = Vec::new();
    assert_eq!(d.store.read_pin(&pin, 30_000, &mut read), PinRead::More);
    d.keep("k", Keep { new_cas: Some(77), ..STALE });
    assert_eq!(d.store.read_pin(&pin, 70_000, &mut read), PinRead::Done);
    d.store.unpin(pin);
    assert!(read == value);
}

#[test]
fn a_number_is_counted_under_a_chosen_cas_at_every_length() {
    for len in [1, 2, 1_000, 32_720, 32_735, 32_740, 32_743] {
        let d = Driver::new(4 << 20);
        let mut value = vec![b' '; len];
        value[0] = b'4';
        d.set("k", &value);
        let args = ArithArgs { new_cas: Some(77), ..d.arith_args("k", 1) };
        let counted = d.store.session().arith(&args, d.now);
        let want = Count { number: 5, cas: 77, deadline: 0, created: false };
        assert_eq!(counted, Counted::Value(want), "{len}");
        value[0] = b'5';
        assert!(d.get("k") == Some(value), "{len}");
        d.store.assert_valid();
    }
}

#[test]
fn an_emptied_item_keeps_its_cas_and_lives_for_ever_unless_told_otherwise() {
    let cases = [
        (EMPTY, 0, 0, None),
        (Keep { empty: Some(3), ..EMPTY }, 3, 0, None),
        (Keep { deadline: Some(900), ..EMPTY }, 0, 900, None),
        (Keep { new_cas: Some(77), ..EMPTY }, 0, 0, Some(77)),
    ];
    for (keep, flags, deadline, cas) in cases {
        for len in LENGTHS {
            let d = Driver::new(4 << 20);
            d.set_until("k", &pattern(len, 1), 5_000);
            d.win("k");
            let cas = cas.unwrap_or(d.cas("k"));
            assert_eq!(d.keep("k", keep), Deleted::Deleted);
            let seen = Seen { value: Vec::new(), flags, deadline, stale: false, won: false };
            assert_eq!((d.see("k"), d.cas("k")), (seen, cas), "{keep:?} {len}");
        }
    }
}

#[test]
fn a_tombstone_is_empty_and_stale_under_a_new_cas() {
    let d = Driver::new(1 << 20);
    d.set("k", b"v");
    let cas = d.cas("k");
    d.keep("k", Keep { invalidate: true, ..EMPTY });
    let (value, deadline) = (Vec::new(), 0);
    assert_eq!(d.see("k"), Seen { value, flags: 0, deadline, stale: true, won: false });
    assert!(d.cas("k") > cas);
}

#[test]
fn what_cannot_be_kept_for_want_of_memory_stays_as_it_was() {
    let d = Driver::new(1 << 20);
    // A class of which there is no page yet would be needed.
    d.set("k", &pattern(3_000, 1));
    let cas = d.cas("k");
    d.store.fail_pages_after(Some(0));
    assert_eq!(d.keep("k", EMPTY), Deleted::OutOfMemory);
    assert_eq!((d.see("k").value, d.cas("k")), (pattern(3_000, 1), cas));
    assert_eq!(d.store.stats(d.now).malloc_fails, 1);
}

#[test]
fn without_cas_every_item_shows_none() {
    let d = Driver::with(StoreConfig { use_cas: false, ..config(1 << 20) });
    d.set_under("k", b"v", 77);
    assert_eq!(d.cas("k"), 0);
    d.keep("k", Keep { new_cas: Some(77), ..STALE });
    assert_eq!((d.marks("k"), d.cas("k")), ((true, false), 0));
}
