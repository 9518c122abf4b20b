//! A lock under which those who only read take no cache line from each other.
//!
//! It is a mutex, and stands open to readers at times. A reader who finds it open sits down on a
//! seat of its own, and looks again whether it is open: then it may read, however many others do,
//! and has written to nothing but its seat. Who wants to write takes the mutex, shuts the lock, and
//! waits until no seat is taken for it. It is opened by who lets go of it: when, is theirs to
//! choose ([`Guard::open`]), since shutting it costs a look at every seat. The scheme is known as
//! BRAVO (Dice and Kogan, "Biased locking for reader-writer locks", 2019).
//!
//! Invariant: while a [`Guard`] is there the lock is shut and nobody sits there. Of a reader's two
//! steps, sitting down and looking whether it is open, and a writer's two, shutting it and looking
//! who sits there, all are in one order that all cores agree on: so one of them sees the other.

use std::cell::{Cell, UnsafeCell};
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};

#[cfg(loom)]
use crate::sync::fence;
use crate::sync::{
    Arc, AtomicBool, AtomicUsize, Mutex, MutexGuard, Ordering, spin_loop, yield_now,
};

/// How often a writer looks at a taken seat before it lets others run: reading is short, but the
/// reader may not be running.
const LOOKS: usize = 200;

/// Where a reader shows what it reads. Two cache lines of its own, as many as processors fetch.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Seat {
    /// The address of the lock; 0: of none.
    at: AtomicUsize,
    /// It belongs to a reader.
    taken: AtomicBool,
}

/// All seats for the readers of some locks.
#[derive(Debug)]
pub struct Seats(Box<[Arc<Seat>]>);

impl Seats {
    /// For so many readers.
    pub fn new(readers: usize) -> Arc<Seats> {
        Arc::new(Seats((0..readers).map(|_| Arc::default()).collect()))
    }
    /// How many there are.
    pub fn count(&self) -> usize {
        self.0.len()
    }
}

/// One who reads, on a thread of its own.
#[derive(Debug)]
pub struct Reader {
    seats: Arc<Seats>,
    seat: Arc<Seat>,
    /// Not to be shared: the seat is for one.
    _alone: PhantomData<Cell<()>>,
}

impl Reader {
    /// Who takes one of these seats, until it is dropped; its place among them comes along. `None`:
    /// all are taken.
    pub fn new(seats: &Arc<Seats>) -> Option<(Reader, usize)> {
        let free = |seat: &Arc<Seat>| !seat.taken.swap(true, Ordering::Acquire);
        let place = seats.0.iter().position(free)?;
        let seat = Arc::clone(&seats.0[place]);
        Some((Reader { seats: Arc::clone(seats), seat, _alone: PhantomData }, place))
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.seat.taken.store(false, Ordering::Release);
    }
}

/// See the file's head.
#[repr(C)]
pub struct Biased<T> {
    mutex: Mutex<()>,
    open: AtomicBool,
    value: UnsafeCell<T>,
    seats: Arc<Seats>,
}

// SAFETY: it lends its value to one thread at a time to be changed, and to several to be read.
unsafe impl<T: Send + Sync> Sync for Biased<T> {}

/// A seat was found taken so many times.
fn wait(looks: usize) {
    match looks {
        _ if !looks.is_multiple_of(LOOKS) => spin_loop(),
        #[cfg(not(loom))]
        _ if looks > 50 * LOOKS => std::thread::sleep(std::time::Duration::from_micros(50)),
        _ => yield_now(),
    }
}

impl<T> Biased<T> {
    /// A lock, shut, for readers who have these seats.
    pub fn new(value: T, seats: &Arc<Seats>) -> Biased<T> {
        let (mutex, open) = (Mutex::new(()), AtomicBool::new(false));
        Biased { mutex, open, value: UnsafeCell::new(value), seats: Arc::clone(seats) }
    }

    /// Wait until nobody else has it, nor reads.
    ///
    /// # Panics
    /// If somebody panicked while they had it.
    #[inline]
    pub fn lock(&self) -> Guard<'_, T> {
        let held = self.hold();
        if self.open.load(Ordering::Relaxed) {
            self.shut();
        }
        Guard { lock: self, _held: held }
    }
    #[inline]
    fn hold(&self) -> MutexGuard<'_, ()> {
        self.mutex.lock().expect("what is locked is never left half-changed")
    }
    /// With the mutex held.
    #[cold]
    fn shut(&self) {
        self.open.swap(false, Ordering::SeqCst);
        // What loom knows to be in one order is fences only.
        #[cfg(loom)]
        fence(Ordering::SeqCst);
        for seat in &self.seats.0 {
            let mut looks = 0;
            while seat.at.load(Ordering::SeqCst) == self.address() {
                looks += 1;
                wait(looks);
            }
        }
    }

    /// Read it with others, if it is open. `None` as well to a reader of other locks, and to one
    /// who is reading already.
    #[inline(always)]
    pub fn read<'a>(&'a self, reader: &'a Reader) -> Option<ReadGuard<'a, T>> {
        // Mostly it is shut because it is written to, and the seat's line need not be.
        if !self.open.load(Ordering::Relaxed) || !Arc::ptr_eq(&self.seats, &reader.seats) {
            return None;
        }
        let at = &reader.seat.at;
        if at.load(Ordering::Relaxed) != 0 {
            return None;
        }
        at.swap(self.address(), Ordering::SeqCst);
        #[cfg(loom)]
        fence(Ordering::SeqCst);
        let sits = ReadGuard { lock: self, at };
        // If not, the seat is left.
        self.open.load(Ordering::SeqCst).then_some(sits)
    }
    /// Wait until nobody else has it, and then read it with others after all if it was opened
    /// meanwhile: if all who wait for the mutex shut it again one after the other, for the sake of
    /// as many reads, it would never stay open where many read.
    ///
    /// # Panics
    /// As [`lock`](Self::lock).
    #[inline(never)]
    pub fn read_or_lock<'a>(
        &'a self,
        reader: &'a Reader,
    ) -> Result<ReadGuard<'a, T>, Guard<'a, T>> {
        let held = self.hold();
        if self.open.load(Ordering::Relaxed) {
            let at = &reader.seat.at;
            if Arc::ptr_eq(&self.seats, &reader.seats) && at.load(Ordering::Relaxed) == 0 {
                // Whoever shuts it takes the mutex after us, and so sees this.
                at.store(self.address(), Ordering::Relaxed);
                return Ok(ReadGuard { lock: self, at });
            }
            self.shut();
        }
        Err(Guard { lock: self, _held: held })
    }
    fn address(&self) -> usize {
        std::ptr::from_ref(self).addr()
    }
}

/// The value to oneself.
pub struct Guard<'a, T> {
    lock: &'a Biased<T>,
    _held: MutexGuard<'a, ()>,
}

impl<T> Guard<'_, T> {
    /// Let go of it, with readers let in.
    pub fn open(self) {
        self.lock.open.store(true, Ordering::Release);
    }
}

impl<T> Deref for Guard<'_, T> {
    type Target = T;
    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: whoever has the mutex, and shut the lock and waited, has the value alone.
        unsafe { &*self.lock.value.get() }
    }
}

impl<T> DerefMut for Guard<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as above; and the guard is borrowed to be changed.
        unsafe { &mut *self.lock.value.get() }
    }
}

/// The value, which others may be reading as well.
pub struct ReadGuard<'a, T> {
    lock: &'a Biased<T>,
    at: &'a AtomicUsize,
}

impl<T> Deref for ReadGuard<'_, T> {
    type Target = T;
    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: the lock was open after the seat was taken, so whoever shuts it waits for the
        // seat to be left before the value is changed.
        unsafe { &*self.lock.value.get() }
    }
}

impl<T> Drop for ReadGuard<'_, T> {
    #[inline]
    fn drop(&mut self) {
        self.at.store(0, Ordering::Release);
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn readers_come_in_while_it_is_open_and_only_on_seats_of_their_own() {
        let seats = Seats::new(2);
        let lock = Biased::new(7, &seats);
        let (one, two) = (Reader::new(&seats).unwrap().0, Reader::new(&seats).unwrap().0);
        assert!(Reader::new(&seats).is_none(), "two seats");
        assert!(lock.read(&one).is_none(), "it begins shut");
        lock.lock().open();
        let (first, second) = (lock.read(&one).unwrap(), lock.read(&two).unwrap());
        assert_eq!(*first + *second, 14);
        let other = Biased::new(8, &seats);
        other.lock().open();
        assert!(other.read(&one).is_none(), "one seat, one lock");
        drop(first);
        assert_eq!(*other.read(&one).unwrap(), 8);
        drop(second);
        assert_eq!(*lock.read_or_lock(&one).ok().expect("it stands open"), 7);
        assert!(lock.read(&one).is_some(), "and still does");
        *lock.lock() = 9;
        assert_eq!(*lock.read_or_lock(&one).err().expect("it is shut"), 9);
        assert!(lock.read(&one).is_none(), "who writes has shut it");
        drop(two);
        let (three, place) = Reader::new(&seats).unwrap();
        assert_eq!((place, seats.count()), (1, 2));
        lock.lock().open();
        assert_eq!(*lock.read(&three).unwrap(), 9);
    }

    #[test]
    fn a_reader_of_other_locks_is_refused() {
        let lock = Biased::new(1, &Seats::new(1));
        let (stranger, _) = Reader::new(&Seats::new(1)).unwrap();
        lock.lock().open();
        assert!(lock.read(&stranger).is_none());
    }

    /// However many wait, and whether they waited or came later.
    #[test]
    fn who_waits_for_it_reads_it_once_it_was_opened_and_leaves_it_open() {
        let seats = Seats::new(3);
        let lock = Biased::new(7, &seats);
        let held = lock.lock();
        std::thread::scope(|scope| {
            let wait = || {
                let (reader, _) = Reader::new(&seats).expect("a seat for each");
                lock.read_or_lock(&reader).ok().map(|value| *value)
            };
            let waiting: Vec<_> = (0..seats.count()).map(|_| scope.spawn(wait)).collect();
            held.open();
            for one in waiting {
                assert_eq!(one.join().unwrap(), Some(7));
            }
        });
    }

    /// Two numbers that only writers see apart.
    #[test]
    fn nobody_reads_what_is_being_written() {
        let rounds = if cfg!(miri) { 50 } else { 20_000 };
        let seats = Seats::new(2);
        let lock = Biased::new([0u64; 2], &seats);
        std::thread::scope(|scope| {
            for _ in 0..seats.count() {
                scope.spawn(|| {
                    let (reader, _) = Reader::new(&seats).unwrap();
                    for round in 0..rounds {
                        if let Some(pair) = lock.read(&reader) {
                            let first = pair[0];
                            std::thread::yield_now();
                            assert_eq!(first, pair[1]);
                        }
                        if round % 3 == 0 {
                            let mut pair = lock.lock();
                            pair[0] += 1;
                            std::thread::yield_now();
                            pair[1] += 1;
                            pair.open();
                        }
                    }
                });
            }
        });
        let pair = lock.lock();
        assert!(pair[0] == pair[1] && pair[0] > 0);
    }
}

#[cfg(all(test, loom))]
mod loom_tests {
    use super::*;
    use loom::cell::UnsafeCell as Watched;

    /// loom tells of a cell that is read while it is written.
    struct Cells(Watched<u32>);
    // SAFETY: what is tested.
    unsafe impl Sync for Cells {}

    fn read(cells: &Cells) -> u32 {
        // SAFETY: what is tested.
        cells.0.with(|value| unsafe { *value })
    }
    fn write(cells: &mut Cells) {
        // SAFETY: what is tested.
        cells.0.with_mut(|value| unsafe { *value += 1 });
    }

    #[test]
    fn no_reader_meets_a_writer() {
        loom::model(|| {
            let seats = Seats::new(1);
            let lock = Arc::new(Biased::new(Cells(Watched::new(0)), &seats));
            lock.lock().open();
            let shared = Arc::clone(&lock);
            let writer = loom::thread::spawn(move || {
                write(&mut shared.lock());
                shared.lock().open();
            });
            let (reader, _) = Reader::new(&seats).unwrap();
            for _ in 0..2 {
                if let Some(cells) = lock.read(&reader) {
                    assert!(read(&cells) <= 1);
                }
            }
            if let Ok(cells) = lock.read_or_lock(&reader) {
                assert!(read(&cells) <= 1);
            }
            writer.join().unwrap();
            assert_eq!(read(&lock.read(&reader).expect("it was opened")), 1);
        });
    }

    #[test]
    fn two_readers_and_a_writer_who_opens_it() {
        loom::model(|| {
            let seats = Seats::new(2);
            let lock = Arc::new(Biased::new(Cells(Watched::new(0)), &seats));
            lock.lock().open();
            let look = |lock: &Biased<Cells>, seats: &Arc<Seats>| {
                let (reader, _) = Reader::new(seats).unwrap();
                lock.read(&reader).map(|cells| read(&cells))
            };
            let (shared, chairs) = (Arc::clone(&lock), Arc::clone(&seats));
            let other = loom::thread::spawn(move || look(&shared, &chairs));
            let mut alone = lock.lock();
            write(&mut alone);
            alone.open();
            let seen = look(&lock, &seats);
            assert_eq!(seen, Some(1), "what was written before it was opened");
            other.join().unwrap();
        });
    }
}
