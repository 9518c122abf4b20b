//! The part of the twin that concerns commands without a value: delete, touch,
//! arithmetic, and sets whose value did not come.

use slabd::store::{ArithArgs, Counted, DeleteArgs, Deleted, Stored};

use crate::store_ops::{Compare, Life, Terms};
use crate::store_twin::{PAGE, World, key_bytes};

impl World {
    pub(crate) fn bad_set(&mut self, terms: Terms, len: usize) {
        let key = key_bytes(terms.key);
        let args = self.args(&key, terms);
        let told = self.session().count_bad_set(&args, len as u32, self.now);
        self.absorb(None);
        match self.is_too_large(&args, len, args.flags) {
            true => {
                assert_eq!(told, Stored::TooLarge);
                self.forget_replaced(&args);
            }
            false => assert_eq!(told, Stored::NotStored),
        }
    }

    pub(crate) fn touch(&mut self, key: &[u8], life: Life) {
        let deadline = self.deadline(life);
        let hash = self.store.hash(key);
        let touched = self.session().touch(key, hash, deadline, self.now);
        self.absorb(None);
        assert_eq!(touched, self.find(key).is_some(), "touch finds what lives");
        self.note_fetch(key);
        self.set_deadline(key, deadline);
    }

    pub(crate) fn delete(&mut self, key: &[u8], compare: Compare) {
        let (hash, compare) = (self.store.hash(key), self.compare(key, compare));
        let deleted = self.session().delete(&DeleteArgs::new(key, hash, compare), self.now);
        self.absorb(None);
        let want = match self.find(key) {
            None => Deleted::NotFound,
            Some(entry) if compare.is_some_and(|cas| cas != entry.cas) => Deleted::Exists,
            Some(_) => Deleted::Deleted,
        };
        assert_eq!(deleted, want);
        if want == Deleted::Deleted {
            self.twin.remove(key);
        }
    }

    pub(crate) fn arith(&mut self, key: &[u8], delta: u64, decrement: bool) {
        let hash = self.store.hash(key);
        let args = ArithArgs::new(key, hash, delta, decrement);
        let counted = self.session().arith(&args, self.now);
        self.absorb(Some(key));
        self.judge_counted(&args, counted);
    }
    /// What arithmetic should have done, and did.
    pub(crate) fn judge_counted(&mut self, args: &ArithArgs<'_>, counted: Counted) {
        let key = args.key;
        let Some(entry) = self.find(key) else { return self.judge_first(args, counted) };
        let number = number_in(&entry.value);
        // No value in a chain is a number: one may have been padded, then appended to.
        let perhaps_chained = entry.value.len() + key.len() > PAGE / 2 - 60;
        let differs = args.compare.is_some_and(|cas| cas != entry.cas);
        match (number, counted) {
            (_, Counted::NonNumeric) if entry.value.is_empty() || perhaps_chained => {}
            // Neither is one an upload brought: what it stores is a chain at any length.
            (None, Counted::NonNumeric) => {}
            (_, Counted::Exists) => assert!(differs),
            _ if differs => panic!("arith under another CAS: {counted:?}"),
            (Some(_), Counted::OutOfMemory) => self.allow_no_memory(20 + entry.value.len()),
            (Some(number), Counted::Value(got)) => {
                let (down, up) =
                    (number.saturating_sub(args.delta), number.wrapping_add(args.delta));
                assert_eq!(got.number, if args.decrement { down } else { up });
                self.count(args, got.number, got.cas);
            }
            other => panic!("arith on a number: {other:?}"),
        }
    }
    fn count(&mut self, args: &ArithArgs<'_>, number: u64, cas: u64) {
        let cas = self.check_cas(cas, args.new_cas);
        let mut digits = number.to_string().into_bytes();
        let now = self.now;
        let entry = self.twin.get_mut(args.key).expect("just found");
        if digits.len() <= entry.value.len() {
            digits.resize(entry.value.len(), b' ');
            (entry.value, entry.cas, entry.written, entry.used) = (digits, cas, now, now);
            entry.chosen |= args.new_cas.is_some();
        } else {
            let (flags, deadline) = (entry.flags, entry.deadline);
            let entry = self.enter(args.key, digits, flags, deadline, cas);
            entry.chosen = args.new_cas.is_some();
        }
        if let Some(deadline) = args.touch {
            self.set_deadline(args.key, deadline);
        }
    }
    /// Arithmetic on nothing.
    fn judge_first(&mut self, args: &ArithArgs<'_>, counted: Counted) {
        match (args.vivify, counted) {
            (None, _) => assert_eq!(counted, Counted::NotFound),
            (Some(_), Counted::NoMemoryToCreate) => self.allow_no_memory(20),
            (Some((number, deadline)), Counted::Value(got)) => {
                assert_eq!(got.number, number);
                let cas = self.check_cas(got.cas, args.new_cas);
                let digits = number.to_string().into_bytes();
                self.enter(args.key, digits, 0, deadline, cas).chosen = args.new_cas.is_some();
                self.tally.vivified += 1;
            }
            (_, other) => panic!("arith on nothing: {other:?}"),
        }
    }
}

/// A number as strtoull reads it: digits up to the end or a blank (PROTOCOL 1.6). The twin's
/// values hold no other blank than a space, and no number begins with one.
fn number_in(value: &[u8]) -> Option<u64> {
    let digits = value.split(|&byte| byte == b' ').next()?;
    std::str::from_utf8(digits).ok()?.parse().ok()
}
