//! Lookups that change nothing, by several workers at a time.
//!
//! Most gets find an item that is marked as used already, so that they have nothing to write but
//! counts. A shard that sees many of those, and nothing else, is opened to readers: they read it
//! together, each on a seat of its own, and count in a tally of its own, so that no cache line that
//! they write is another's. Whatever else a shard is asked for shuts it again; background work and
//! statistics keep readers out only while they last.
//!
//! Invariants: a tally has one writer at a time, whoever has its seat. [`Shard::look`] answers only
//! where [`Shard::fetched`] would change nothing.

use std::ops::Deref;

use super::counts::VerbMisses;
use super::hash::KeyHash;
use super::item::{ItemHeader, ItemId, state};
use super::lru::UPDATE_INTERVAL;
use super::shard::Shard;
use super::stats::StoreStats;
use super::{Seconds, Store};
use crate::sync::{Arc, AtomicU64, Ordering};
use crate::sys::biased::{self, Guard, Seats};

/// Quiet gets in a row, for each seat there is, after which a shard is opened. To shut it costs a
/// look at every seat, each a cache miss or so; a get that is not alone with the shard saves one or
/// two. So the looks cost an eighth of what is saved, at most.
const QUIET_PER_SEAT: u16 = 16;

/// One who looks up keys beside others: a worker's. See [`Store::reader`].
#[derive(Debug)]
pub struct Reader {
    pub(super) seat: biased::Reader,
    pub(super) tally: Arc<Tally>,
}

/// What the readers on one seat counted.
#[derive(Debug)]
#[repr(align(128))]
pub(super) struct Tally {
    misses: Tick,
    /// By class and queue.
    hits: Box<[Queues]>,
}

/// Of a class. Two cache lines of its own, so that no tally's end shares one with another's.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Queues([Tick; 4]);

/// A count with one writer, and what it was when it was last reset.
#[derive(Debug, Default)]
struct Tick {
    all: AtomicU64,
    before: AtomicU64,
}

impl Tick {
    #[inline]
    fn add_one(&self) {
        self.all.store(self.all.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
    }
    fn get(&self) -> u64 {
        self.all.load(Ordering::Relaxed).saturating_sub(self.before.load(Ordering::Relaxed))
    }
    /// By whoever: its writer is not disturbed.
    fn reset(&self) {
        self.before.store(self.all.load(Ordering::Relaxed), Ordering::Relaxed);
    }
}

impl Tally {
    pub(super) fn new(classes: usize) -> Tally {
        Tally { misses: Tick::default(), hits: (0..classes).map(|_| Default::default()).collect() }
    }
    /// A get found this in a shard.
    #[inline(always)]
    pub(super) fn got(&self, shard: &Shard, id: Option<ItemId>) {
        match id {
            Some(id) => self.hits[shard.line(id)].0[shard.header(id).queue() as usize].add_one(),
            None => self.misses.add_one(),
        }
    }
    pub(super) fn add_to(&self, total: &mut StoreStats) {
        total.misses = VerbMisses { get: total.misses.get + self.misses.get(), ..total.misses };
        for (class, hits) in total.classes.iter_mut().zip(&self.hits) {
            class.hits.iter_mut().zip(&hits.0).for_each(|(sum, hits)| *sum += hits.get());
        }
    }
    pub(super) fn reset(&self) {
        self.misses.reset();
        self.hits.iter().flat_map(|class| &class.0).for_each(Tick::reset);
    }
}

/// A shard, as a lookup has it.
pub(super) enum Sight<'a> {
    /// To itself.
    Alone(&'a mut Shard),
    /// Beside others, for the sake of an item that is settled.
    Shared(&'a Shard),
}

impl Sight<'_> {
    /// To change what there is to change of an item: where others look on, it is settled.
    pub(super) fn alone(&mut self) -> &mut Shard {
        match self {
            Sight::Alone(shard) => shard,
            Sight::Shared(_) => unreachable!("what is long or marked is looked up alone"),
        }
    }
    /// The same, for a while.
    #[inline(always)]
    pub(super) fn again(&mut self) -> Sight<'_> {
        match self {
            Sight::Alone(shard) => Sight::Alone(shard),
            Sight::Shared(shard) => Sight::Shared(shard),
        }
    }
}

impl Deref for Sight<'_> {
    type Target = Shard;
    #[inline(always)]
    fn deref(&self) -> &Shard {
        match self {
            Sight::Alone(shard) => shard,
            Sight::Shared(shard) => shard,
        }
    }
}

impl Store {
    /// A reader, for a worker to make its sessions with, as long as it runs
    /// ([`Store::session_of`]). `None` if there are as many as the store was made for
    /// ([`StoreConfig::threads`](super::StoreConfig)), or that is one, who would be alone.
    pub fn reader(&self) -> Option<Reader> {
        let (seat, place) = biased::Reader::new(&self.seats)?;
        Some(Reader { seat, tally: Arc::clone(&self.tallies[place]) })
    }
    /// Let go of a shard, which is opened to readers if it saw but quiet gets for a while.
    #[inline]
    pub(super) fn leave(&self, shard: Guard<'_, Shard>) {
        // Without readers nobody counts.
        if shard.quiet > 0 && shard.quiet >= quiet_min(&self.seats) {
            shard.open();
        }
    }
    /// Tests: open all shards to readers.
    #[doc(hidden)]
    pub fn open_shards(&self) {
        self.slots.iter().for_each(|slot| slot.lock().open());
    }
}

/// Seats for so many workers: one has nobody to share with.
pub(super) fn seats_for(workers: usize) -> Arc<Seats> {
    Seats::new(if workers > 1 { workers } else { 0 })
}
/// Quiet gets after which a shard is to be opened to these.
fn quiet_min(seats: &Seats) -> u16 {
    let seats = u16::try_from(seats.count()).unwrap_or(u16::MAX);
    seats.saturating_mul(QUIET_PER_SEAT)
}

impl Shard {
    /// A lookup that changes nothing: the key's item, if there is one. `None`: it would have to
    /// change something.
    #[inline(always)]
    pub(super) fn look(&self, key: &[u8], hash: KeyHash, now: Seconds) -> Option<Option<ItemId>> {
        if self.flush.at.is_some_and(|at| at <= now) {
            return None;
        }
        let Some(id) = self.find(key, hash) else { return Some(None) };
        let header = self.header(id);
        (self.is_settled(header, now) && !self.is_dead(header, now)).then_some(Some(id))
    }
    /// A get found this, perhaps to touch it.
    #[inline]
    pub(super) fn note_get(&mut self, id: Option<ItemId>, touch: bool, now: Seconds) {
        // Who observes looks alone, and would shut it each time.
        let settled = |id| self.is_settled(self.header(id), now);
        let quiet = !touch && !self.observed && id.is_none_or(settled);
        self.quiet = if quiet { self.quiet.saturating_add(1) } else { 0 };
    }
    /// A get of this item, alive, changes nothing of it; and whoever sees it will not either.
    #[inline]
    pub(super) fn is_settled(&self, header: &ItemHeader, now: Seconds) -> bool {
        let used = if self.settings.flat {
            header.is(state::FETCHED) && header.accessed.age(now) < UPDATE_INTERVAL
        } else {
            header.is_all(state::FETCHED | state::ACTIVE)
        };
        used && header.is_plain()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::store::tests::config;
    use crate::store::{Deadline, Event, SetArgs, SetMode, SetRare, StoreConfig};

    const NOW: Seconds = 100;

    struct Readers(Store, Reader);

    impl Readers {
        fn new(segmented: bool) -> Readers {
            let store = Store::new(StoreConfig { threads: 2, segmented, ..config(1 << 20) });
            let store = store.unwrap();
            let reader = store.reader().unwrap();
            Readers(store, reader)
        }
        fn is_open(&self) -> bool {
            self.0.slots[0].shard.read(&self.1.seat).is_some()
        }
        fn set(&self, key: &[u8], len: usize, deadline: Deadline) {
            let (hash, mode, rare) = (self.0.hash(key), SetMode::Set, SetRare::default());
            let args = SetArgs { key, hash, flags: 0, deadline, mode, compare: None, rare };
            self.0.session_of(Some(&self.1)).set(&args, &vec![b'v'; len], NOW);
        }
        fn get(&self, key: &[u8], now: Seconds) -> Option<usize> {
            let mut session = self.0.session_of(Some(&self.1));
            session.get(key, self.0.hash(key), None, now, |hit| hit.len())
        }
        /// Gets and their misses, as counted.
        fn counted(&self) -> (u64, u64) {
            let stats = self.0.stats(NOW);
            let hits = stats.classes.iter().flat_map(|class| class.hits).sum();
            (hits, stats.misses.get)
        }
    }

    #[test]
    fn a_shard_opens_after_many_quiet_gets_and_shuts_with_a_set() {
        for segmented in [true, false] {
            let r = Readers::new(segmented);
            r.set(b"k", 10, 0);
            let quiet = u64::from(quiet_min(&r.0.seats));
            let settling = if segmented { 2 } else { 1 };
            for n in 0..quiet + settling {
                assert!(!r.is_open(), "after {n} gets");
                assert_eq!(r.get(b"k", NOW), Some(10));
            }
            assert!(r.is_open());
            assert_eq!((r.get(b"k", NOW), r.get(b"none", NOW)), (Some(10), None));
            assert!(r.is_open(), "a miss is quiet as well");
            assert_eq!(r.counted(), (quiet + settling + 1, 1));
            assert!(r.is_open(), "they were kept out to count, and let in again");
            r.0.maintain(NOW);
            assert!(r.is_open(), "and so after background work");
            r.0.session().peek(b"k", r.0.hash(b"k"), NOW, |_| ());
            assert!(!r.is_open(), "another verb");
            (0..quiet).for_each(|_| assert_eq!(r.get(b"k", NOW), Some(10)));
            assert!(r.is_open());
            r.set(b"k", 20, 0);
            assert!(!r.is_open());
            assert_eq!((r.get(b"k", NOW), r.is_open()), (Some(20), false));
            r.0.assert_valid();
        }
    }

    #[test]
    fn what_would_change_something_is_looked_up_alone() {
        let r = Readers::new(true);
        let alone = |what: &str, found: bool, key: &[u8], now: Seconds| {
            r.0.open_shards();
            assert_eq!(r.get(key, now).is_some(), found, "{what}");
            assert!(!r.is_open(), "{what}");
        };
        r.set(b"new", 10, 0);
        alone("its first fetch", true, b"new", NOW);
        alone("its second", true, b"new", NOW);
        r.set(b"timed", 10, NOW + 10);
        (0..2).for_each(|_| assert!(r.get(b"timed", NOW).is_some()));
        r.0.open_shards();
        assert!(r.get(b"timed", NOW + 9).is_some() && r.is_open(), "alive to the last");
        alone("expired", false, b"timed", NOW + 10);
        assert_eq!(r.0.stats(NOW).get_expired, 1);
        r.set(b"long", 100_000, 0);
        (0..3).for_each(|_| alone("a value in pieces", true, b"long", NOW));
        r.0.flush(NOW + 20, NOW);
        r.0.open_shards();
        assert!(r.get(b"new", NOW + 19).is_some() && r.is_open(), "not flushed yet");
        alone("flushed", false, b"new", NOW + 20);
        r.0.assert_valid();
    }

    #[test]
    fn in_flat_mode_a_use_is_recorded_once_a_minute_alone() {
        let r = Readers::new(false);
        r.set(b"k", 10, 0);
        assert!(r.get(b"k", NOW).is_some());
        let idle = |now| r.0.session().peek(b"k", r.0.hash(b"k"), now, |hit| hit.idle(now));
        for (now, shared, left) in [(NOW + 59, true, 59), (NOW + 60, false, 0)] {
            r.0.open_shards();
            assert!(r.get(b"k", now).is_some());
            assert_eq!((r.is_open(), idle(now)), (shared, Some(left)), "at {now}");
        }
        r.0.assert_valid();
    }

    /// An item is stale or won only after a verb that keeps others out; who sees it then is alone.
    #[test]
    fn a_marked_item_is_looked_up_alone() {
        let r = Readers::new(true);
        r.set(b"k", 10, 0);
        (0..2).for_each(|_| assert!(r.get(b"k", NOW).is_some()));
        r.0.session().peek(b"k", r.0.hash(b"k"), NOW, |mut hit| hit.win());
        r.0.open_shards();
        let won = r.0.session_of(Some(&r.1)).get(b"k", r.0.hash(b"k"), None, NOW, |mut hit| {
            hit.win();
            hit.is_won()
        });
        assert_eq!(won, Some(true));
        assert!(!r.is_open());
    }

    #[test]
    fn who_observes_sees_what_is_looked_up_of_an_open_shard() {
        let r = Readers::new(true);
        r.set(b"k", 10, 0);
        (0..3).for_each(|_| assert!(r.get(b"k", NOW).is_some()));
        r.0.open_shards();
        let mut session = r.0.session_of(Some(&r.1));
        session.observe();
        session.get(b"k", r.0.hash(b"k"), None, NOW, |hit| hit.len());
        assert!(matches!(session.observed()[..], [Event::LookedUp { .. }]));
    }

    #[test]
    fn counts_of_readers_begin_anew_with_a_reset() {
        let r = Readers::new(true);
        r.set(b"k", 10, 0);
        (0..2).for_each(|_| assert!(r.get(b"k", NOW).is_some()));
        r.0.reset_stats();
        let look = || {
            r.0.open_shards();
            assert!(r.get(b"k", NOW).is_some() && r.get(b"none", NOW).is_none() && r.is_open());
        };
        look();
        assert_eq!((r.counted(), r.counted()), ((1, 1), (1, 1)));
        r.0.reset_stats();
        assert_eq!(r.counted(), (0, 0));
        (0..2).for_each(|_| look());
        assert_eq!(r.counted(), (2, 2));
    }

    #[test]
    fn there_are_as_many_readers_as_workers_but_none_for_one() {
        let r = Readers::new(true);
        let second = r.0.reader();
        assert!(second.is_some() && r.0.reader().is_none());
        drop(second);
        assert!(r.0.reader().is_some());
        assert!(Store::new(config(1 << 20)).unwrap().reader().is_none());
    }
}
