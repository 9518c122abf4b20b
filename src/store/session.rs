//! A visit to the store: verbs run through it, each under its shard's lock.
//!
//! With one shard and one worker the lock is taken once for the visit (32 keys must not mean 32
//! locks), unless much is stored or had to go, or the visitor lets go of it; with more it is taken
//! for each verb, since neighbours in a batch rarely share a shard. A get that changes nothing
//! needs no lock where the shard is open to readers (`readers.rs`).
//!
//! A lookup is inlined from here down to the key's comparison: it is a hundred instructions in the
//! end, and was twice that in calls.

use super::events::{Event, Journal};
use super::geometry::PAGE_SIZE;
use super::readers::{Reader, Sight};
use super::shard::{Shard, TOIL};
use super::{ATTEMPTS, PAGES_FOR_ONE, Seconds, SetArgs, SetMode, Store, Stored, UploadId, inside};
use super::{ArithArgs, Counted, Deadline, DeleteArgs, Deleted, FetchArgs, Hit, KeyHash};
use crate::sys::biased::Guard;

/// See [`Store::session`].
pub struct Session<'a> {
    store: &'a Store,
    /// Who looks keys up beside others.
    reader: Option<&'a Reader>,
    /// There is one shard, and nobody to have its lock meanwhile: it is kept.
    alone: bool,
    /// The only shard's lock, once taken.
    guard: Option<Guard<'a, Shard>>,
    /// When it was.
    locked_at: u64,
    /// What happened, if that is to be known.
    pub(super) seen: Seen,
}

/// What an observed visit has seen.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// The visit is observed.
    pub(super) on: bool,
    pub(super) events: Vec<Event>,
    /// Events that were lost.
    pub(super) lost: u64,
}

impl Seen {
    /// A verb is about to be run.
    #[inline(always)]
    fn begin(&self, shard: &mut Shard) {
        if self.on {
            shard.observed = true;
        }
    }
    /// It was: take what it says.
    #[inline(always)]
    fn end(&mut self, shard: &mut Shard) {
        if self.on {
            shard.observed = false;
            self.take(&mut shard.journal);
        }
    }
    #[cold]
    fn take(&mut self, journal: &mut Journal) {
        self.lost += journal.drain_to(&mut self.events);
    }
}

impl<'a> Session<'a> {
    pub(super) fn new(store: &'a Store, reader: Option<&'a Reader>) -> Session<'a> {
        let alone = store.slots.len() == 1 && reader.is_none();
        Session { store, reader, alone, guard: None, locked_at: 0, seen: Seen::default() }
    }

    /// There is one shard, and nobody else to ask it.
    #[inline]
    pub fn is_alone(&self) -> bool {
        self.alone
    }
    /// Let go of the lock the visit holds, if it does; the next verb takes it again. To be called
    /// before any locking method of `Store` (uploads, pins, flush, stats), which would otherwise
    /// wait for this very visit.
    #[inline]
    pub fn release(&mut self) {
        if let Some(mut shard) = self.guard.take() {
            shard.rest();
            shard.counts.holds.record((self.store.ticks)().saturating_sub(self.locked_at));
            self.store.slots[0].publish(&shard);
        }
    }

    /// Run `verb` on the key's shard.
    #[inline(always)]
    fn with<R>(&mut self, hash: KeyHash, verb: impl FnOnce(&mut Shard, usize) -> R) -> R {
        self.on(self.store.slot(hash), verb)
    }
    /// Run `verb` on the shard of this number. It stands here once, so that it is inlined.
    #[inline(always)]
    fn on<R>(&mut self, number: usize, verb: impl FnOnce(&mut Shard, usize) -> R) -> R {
        let store = self.store;
        let mut own = None;
        let shard = match self.alone {
            true => lock_once(store, &mut self.guard, &mut self.locked_at),
            false => own.insert(store.slots[number].lock()),
        };
        self.seen.begin(shard);
        let result = verb(shard, number);
        self.seen.end(shard);
        if let Some(guard) = own {
            store.slots[number].publish(&guard);
        }
        result
    }

    /// Look a key up; `touch` also moves its deadline. Counts the get (or touch) and its outcome.
    #[inline(always)]
    pub fn get<R>(
        &mut self,
        key: &[u8],
        hash: KeyHash,
        touch: Option<Deadline>,
        now: Seconds,
        found: impl FnOnce(Hit<'_>) -> R,
    ) -> Option<R> {
        self.look_up::<false, R>(key, hash, touch, now, found)
    }
    /// The same; `ALONE`, it does not ask whether the visit [`is_alone`](Self::is_alone), which it
    /// has to be.
    #[inline(always)]
    pub fn look_up<const ALONE: bool, R>(
        &mut self,
        key: &[u8],
        hash: KeyHash,
        touch: Option<Deadline>,
        now: Seconds,
        found: impl FnOnce(Hit<'_>) -> R,
    ) -> Option<R> {
        debug_assert!(self.alone || !ALONE, "its copies are told apart by who is alone");
        let store = self.store;
        let number = if ALONE { 0 } else { store.slot(hash) };
        let (mut own, mut id) = (None, None);
        let reader = self.reader.filter(|_| !ALONE && touch.is_none() && !self.seen.on);
        let slot = &store.slots[number];
        let look = |reader| slot.look(reader, (key, hash), now, &mut id, &mut own);
        let beside = reader.and_then(look);
        let mut sight = match &beside {
            Some(shard) => Sight::Shared(shard),
            None => {
                let shard = match ALONE || self.alone {
                    true => lock_once(store, &mut self.guard, &mut self.locked_at),
                    false => own.get_or_insert_with(|| slot.lock_to_look()),
                };
                self.seen.begin(shard);
                id = shard.find_live(key, hash, now);
                Sight::Alone(shard)
            }
        };
        // Now, while it is at hand what the item is.
        if let (Sight::Shared(shard), Some(reader)) = (&sight, reader) {
            reader.tally.got(shard, id);
        }
        // Here alone, so that it is inlined.
        let result = id.map(|id| found(Hit { shard: sight.again(), id, number }));
        let Sight::Alone(shard) = sight else { return result };
        if !ALONE && self.reader.is_some() {
            shard.note_get(id, touch.is_some(), now);
        }
        let mut lacks = None;
        match id {
            Some(id) => lacks = shard.fetched(id, touch, now),
            None => shard.missed(touch.is_some()),
        }
        self.seen.end(shard);
        if let Some(guard) = own {
            slot.publish(&guard);
            store.leave(guard);
        }
        if let Some(deadline) = touch {
            self.touched((key, hash), lacks, deadline, now);
        }
        result
    }
    /// An item was given a deadline, for which it may have moved, and others had to go. If it
    /// `lacks` a place for it, what it was stored under, that is still to be found.
    fn touched(
        &mut self,
        (key, hash): (&[u8], KeyHash),
        lacks: Option<u64>,
        deadline: Deadline,
        now: Seconds,
    ) {
        if let Some(count) = lacks {
            self.touch_again((key, hash), count, deadline, now);
        }
        self.rest();
    }
    #[cold]
    fn touch_again(
        &mut self,
        (key, hash): (&[u8], KeyHash),
        count: u64,
        deadline: Deadline,
        now: Seconds,
    ) {
        let again = |shard: &mut Shard, _: usize| {
            let found = shard.find(key, hash).filter(|&id| shard.header(id).cas() == count);
            // Others may have replaced it meanwhile: then it needs a deadline no more.
            found.is_none_or(|id| shard.set_deadline(id, deadline, now))
        };
        if !self.persevere((key, hash), now, false, |&done| !done, again) {
            self.with(hash, |shard, number| shard.at_once(|shard| again(shard, number)));
        }
    }

    /// Store a value that is at hand. `TooLarge` and `OutOfMemory` are counted, and with
    /// `SetMode::Set` have removed the old item: a stale value must not outlive its replacement.
    #[inline]
    pub fn set(&mut self, args: &SetArgs<'_>, value: &[u8], now: Seconds) -> Stored {
        let stored = self.with(args.hash, |shard, _| {
            shard.toil = shard.toil.saturating_add(1);
            shard.set_noted(args, value, now)
        });
        self.rest();
        match stored {
            Stored::TooLarge | Stored::OutOfMemory => self.set_again(args, value, stored, now),
            stored => stored,
        }
    }
    /// A visit in which much was stored, or had to go to make room, lets others have the lock for a
    /// moment.
    #[inline]
    fn rest(&mut self) {
        if self.guard.as_ref().is_some_and(|shard| shard.toil >= TOIL) {
            self.release();
        }
    }
    #[cold]
    fn set_again(
        &mut self,
        args: &SetArgs<'_>,
        value: &[u8],
        mut stored: Stored,
        now: Seconds,
    ) -> Stored {
        let set = |shard: &mut Shard, _: usize| shard.set(args, value, now);
        // A value longer than a page may need many, more than are looked for step by step.
        if value.len() <= PAGE_SIZE {
            let lacks = |stored: &Stored| *stored == Stored::OutOfMemory;
            stored = self.persevere((args.key, args.hash), now, stored, lacks, set);
        }
        // Or others were quicker each time.
        if stored == Stored::OutOfMemory {
            let at_once = |shard: &mut Shard, number| {
                shard.observed = false;
                shard.at_once(|shard| set(shard, number))
            };
            stored = self.with(args.hash, at_once);
            if stored == Stored::OutOfMemory && self.find_page_elsewhere(args.hash, now) {
                stored = self.with(args.hash, at_once);
            }
        }
        self.with(args.hash, |shard, _| shard.refused(args, value.len(), stored, now))
    }

    /// A verb found no memory: pages are cleared for it, with the lock let go between steps, and it
    /// is run again, until its result is not one that `lacks` memory, or there is none to be had.
    /// The item under its key is kept meanwhile. Its lookup was shown when it was run first.
    #[cold]
    fn persevere<R>(
        &mut self,
        (key, hash): (&[u8], KeyHash),
        now: Seconds,
        mut result: R,
        lacks: impl Fn(&R) -> bool,
        mut verb: impl FnMut(&mut Shard, usize) -> R,
    ) -> R {
        let slot = self.store.slot(hash);
        for attempt in 1..=ATTEMPTS {
            self.release();
            if !lacks(&result) {
                break;
            }
            // What a failed attempt had already is free again: one page more is wanted each time.
            let pages = attempt.min(PAGES_FOR_ONE);
            let clear = |shard: &mut Shard| shard.find_pages_for(pages, key, hash, now);
            if !self.store.find_pages(slot, clear, now) {
                break;
            }
            let for_want_of_pages;
            (result, for_want_of_pages) = self.with(hash, |shard, number| {
                (shard.observed, shard.needy) = (false, None);
                (verb(shard, number), shard.needy.is_some())
            });
            if !for_want_of_pages {
                break; // Pages would not help it, if it was the index that could not grow.
            }
        }
        self.release();
        result
    }

    /// A storage command whose data block ended badly: counts what a good one would have counted
    /// before its end was seen, and stores nothing. `TooLarge` takes precedence.
    pub fn count_bad_set(&mut self, args: &SetArgs<'_>, len: u32, now: Seconds) -> Stored {
        self.with(args.hash, |shard, _| {
            if shard.too_large(args, len as usize) {
                return shard.refused(args, len as usize, Stored::TooLarge, now);
            }
            shard.count_set(shard.class_of_set(args, len as usize));
            Stored::NotStored
        })
    }

    /// As [`Store::begin_upload`], observed if the visit is.
    pub fn begin_upload(
        &mut self,
        args: &SetArgs<'_>,
        len: u32,
        now: Seconds,
    ) -> Result<UploadId, Stored> {
        self.release();
        self.store.try_begin_upload(args, len, now).inspect_err(|&stored| {
            self.with(args.hash, |shard, _| shard.refused(args, len as usize, stored, now));
            self.release();
        })
    }
    /// As [`Store::commit_upload`], observed if the visit is; and how long the value is that is
    /// now under the key.
    pub fn commit_upload(&mut self, id: UploadId, now: Seconds) -> (Stored, usize) {
        let (slot, number) = inside(id.0);
        self.release();
        let commit = |shard: &mut Shard| shard.commit_upload(number, now);
        let committed = self.on(slot, |shard, _| shard.at_once(commit));
        self.release();
        committed.unwrap_or((Stored::OutOfMemory, 0))
    }

    /// `set`, and how long the value is that is now under the key.
    pub fn set_measured(
        &mut self,
        args: &SetArgs<'_>,
        value: &[u8],
        now: Seconds,
    ) -> (Stored, usize) {
        let (stored, len) = self.with(args.hash, |shard, _| {
            shard.toil = shard.toil.saturating_add(1);
            let stored = shard.set_noted(args, value, now);
            let done = matches!(stored, Stored::Stored(_));
            (stored, if done { shard.len_under(args.key, args.hash) } else { value.len() })
        });
        self.rest();
        match stored {
            Stored::TooLarge | Stored::OutOfMemory => {
                let stored = self.set_again(args, value, stored, now);
                let done = matches!(stored, Stored::Stored(_));
                let under = |shard: &mut Shard, _| shard.len_under(args.key, args.hash);
                (stored, if done { self.with(args.hash, under) } else { value.len() })
            }
            stored => (stored, len),
        }
    }

    /// Look one key up: `found` sees the item as it was before, and may mark it; it is told
    /// whether the item was created just now. Counts the get (or touch) and its outcome.
    #[inline(always)]
    pub fn fetch<R>(
        &mut self,
        key: &[u8],
        hash: KeyHash,
        args: &FetchArgs,
        now: Seconds,
        found: impl FnOnce(Hit<'_>, bool) -> R,
    ) -> Option<R> {
        let (mut found, mut lacks) = (Some(found), None);
        let mut look = |shard: &mut Shard, number: usize| {
            let (id, created) = shard.fetch(key, hash, args, now)?;
            let found = found.take().expect("what was found is looked at once");
            let result = found(Hit { shard: Sight::Alone(shard), id, number }, created);
            if !args.no_bump {
                shard.bump(id, now);
            }
            if let Some(deadline) = args.touch.filter(|_| !created) {
                lacks = shard.try_deadline(id, deadline, now);
            }
            Some(result)
        };
        let mut result = self.with(hash, &mut look);
        if result.is_none() && args.vivify.is_some() {
            // There was no memory to create it.
            result = self.persevere((key, hash), now, result, Option::is_none, look);
            if result.is_none() {
                self.with(hash, |shard, _| shard.missed(false));
            }
        }
        if let Some(deadline) = args.touch {
            self.touched((key, hash), lacks, deadline, now);
        }
        result
    }
    /// A shard has no memory for a verb that looked for it at once: another one may.
    #[cold]
    fn find_page_elsewhere(&mut self, hash: KeyHash, now: Seconds) -> bool {
        self.release();
        self.store.find_page_elsewhere(self.store.slot(hash), now)
    }

    /// Look at an item without using it; counts nothing.
    pub fn peek<R>(
        &mut self,
        key: &[u8],
        hash: KeyHash,
        now: Seconds,
        found: impl FnOnce(Hit<'_>) -> R,
    ) -> Option<R> {
        self.with(hash, |shard, number| {
            let id = shard.find_live(key, hash, now)?;
            Some(found(Hit { shard: Sight::Alone(shard), id, number }))
        })
    }

    /// Remove a key, or what was under it.
    pub fn delete(&mut self, args: &DeleteArgs<'_>, now: Seconds) -> Deleted {
        self.with(args.hash, |shard, _| {
            let deleted = shard.at_once(|shard| shard.delete(args, now));
            if deleted == Deleted::OutOfMemory {
                shard.counts.malloc_fails += 1;
            }
            deleted
        })
    }

    /// Add a number, or subtract it.
    pub fn arith(&mut self, args: &ArithArgs<'_>, now: Seconds) -> Counted {
        let arith = |shard: &mut Shard, _: usize| shard.arith(args, now);
        let lacks =
            |counted: &Counted| matches!(counted, Counted::OutOfMemory | Counted::NoMemoryToCreate);
        let mut counted = self.with(args.hash, arith);
        if lacks(&counted) {
            counted = self.persevere((args.key, args.hash), now, counted, lacks, arith);
        }
        if lacks(&counted) {
            self.with(args.hash, |shard, _| shard.arith_failed(args));
        }
        counted
    }

    /// Move a key's deadline; whether it was there.
    pub fn touch(&mut self, key: &[u8], hash: KeyHash, deadline: Deadline, now: Seconds) -> bool {
        self.get(key, hash, Some(deadline), now, |_| ()).is_some()
    }
}

/// The only shard of a store, locked now unless it is already.
#[inline(always)]
fn lock_once<'g, 'a>(
    store: &'a Store,
    guard: &'g mut Option<Guard<'a, Shard>>,
    locked_at: &mut u64,
) -> &'g mut Guard<'a, Shard> {
    if guard.is_none() {
        lock(store, guard, locked_at);
    }
    guard.as_mut().expect("locked above")
}

#[cold]
#[inline(never)]
fn lock<'a>(store: &'a Store, guard: &mut Option<Guard<'a, Shard>>, locked_at: &mut u64) {
    *guard = Some(store.slots[0].lock());
    *locked_at = (store.ticks)();
}

impl Drop for Session<'_> {
    fn drop(&mut self) {
        self.release();
    }
}

impl Shard {
    /// `set`, told to an observer, who learns later of what may still come right.
    #[inline]
    fn set_noted(&mut self, args: &SetArgs<'_>, value: &[u8], now: Seconds) -> Stored {
        let stored = self.set(args, value, now);
        if self.observed && !stored.is_refused() {
            self.note_store(args, value.len(), stored, now);
        }
        stored
    }
    /// A storage command ended in `TooLarge` or `OutOfMemory` (anything else passes through):
    /// count it, and let `set` remove what it failed to replace.
    pub(super) fn refused(
        &mut self,
        args: &SetArgs<'_>,
        len: usize,
        stored: Stored,
        now: Seconds,
    ) -> Stored {
        match stored {
            Stored::TooLarge => self.counts.store_too_large += u64::from(!args.rare.uncounted),
            Stored::OutOfMemory => self.count_no_memory(args, len),
            _ => {}
        }
        if self.observed {
            self.note_store(args, len, stored, now);
        }
        if !stored.is_refused() {
            return stored;
        }
        self.forget_stale(args, now);
        match (stored, args.mode) {
            // memcached's append and prepend report a failed join as not stored.
            (Stored::OutOfMemory, SetMode::Append | SetMode::Prepend) => Stored::NotStored,
            _ => stored,
        }
    }
    fn count_no_memory(&mut self, args: &SetArgs<'_>, len: usize) {
        self.counts.store_no_memory += u64::from(!args.rare.uncounted);
        self.counts.malloc_fails += 1;
        let class = self.class_of_set(args, len);
        self.counts.classes[class].outofmemory += 1;
    }
    /// Only a plain `set` may not leave what it failed to replace (PROTOCOL 1.4, rows 6 and 7).
    fn forget_stale(&mut self, args: &SetArgs<'_>, now: Seconds) {
        let drops = args.mode == SetMode::Set && args.compare.is_none() || args.rare.drop_old;
        if drops && let Some(id) = self.find_live(args.key, args.hash, now) {
            self.remove(id, args.hash);
        }
    }
    /// An upload found no memory half-way.
    pub(super) fn upload_failed(&mut self, number: u64, now: Seconds) {
        let owned = self.upload_args(number);
        self.drop_upload(number);
        if let Some(owned) = owned {
            self.refused(&owned.args(), owned.len as usize, Stored::OutOfMemory, now);
        }
    }
    /// An upload was received whole, but its data block ended badly.
    pub(super) fn upload_spoiled(&mut self, number: u64) {
        if let Some(owned) = self.upload_args(number) {
            self.count_set(self.class_of_set(&owned.args(), owned.len as usize));
        }
        self.drop_upload(number);
    }
}
