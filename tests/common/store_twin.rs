//! A store beside its twin, a `HashMap`: every operation is done to both, and both must agree.
//!
//! The store may forget a live item only by reporting it evicted, may evict only what is alive
//! and not in use, and only while no page is free and (with few pages, where the search is
//! exact) nothing dead is left. It may be out of memory only when what is in use explains it.

use std::collections::{HashMap, VecDeque};

use slabd::store::{Reader, Session, SetArgs, SetMode, SetRare, Store, StoreConfig, Stored};

use crate::rng::Rng;
use crate::store_meta::{IN_LINE_MAX, Voice};
use crate::store_ops::{Compare, Content, Life, Mode, Op, PATTERN_PLACES, Terms};
use crate::store_transfers::{Pin, Upload};

/// Bytes of a page, for judging what fits.
pub const PAGE: usize = 64 << 10;
/// An item as it should be.
#[derive(Debug, Clone)]
pub struct Entry {
    pub value: Vec<u8>,
    pub flags: u32,
    pub deadline: u32,
    pub cas: u64,
    /// A flush came after it.
    flushed: bool,
    /// Another one for each value the key has had.
    pub version: u64,
    pub stale: bool,
    pub won: bool,
    pub fetched: bool,
    /// It may have a CAS of its own, eight bytes.
    pub chosen: bool,
    /// Its last use was at the earliest when it was written, and at the latest then.
    pub written: u32,
    pub used: u32,
}

/// What happened, to show that a run was worth something.
#[derive(Debug, Default)]
pub struct Tally {
    pub hits: u64,
    pub misses: u64,
    pub stored: u64,
    pub evicted: u64,
    pub reclaimed: u64,
    pub no_memory: u64,
    pub committed: u64,
    pub uploads_dropped: u64,
    pub pins_done: u64,
    pub pins_revoked: u64,
    pub won: u64,
    pub vivified: u64,
    pub lost: u64,
    pub marked: u64,
    pub outdated: u64,
}

/// Both, side by side.
pub struct World {
    pub(crate) store: Store,
    reader: Option<Reader>,
    pub(crate) config: StoreConfig,
    pub(crate) twin: HashMap<Vec<u8>, Entry>,
    pub(crate) now: u32,
    pub(crate) uploads: Vec<Upload>,
    pub(crate) pins: Vec<Pin>,
    pub tally: Tally,
    /// Uploads so far.
    pub(crate) begun: u64,
    /// Keys of long values, the last that were stored.
    pub(crate) long: VecDeque<Vec<u8>>,
    /// Never runs out in a place below [`PATTERN_PLACES`].
    pattern: Vec<u8>,
    pub(crate) flush_at: Option<u32>,
    /// No item that was not reclaimed dies before this, unless it was flushed.
    pub(crate) soonest: u32,
    /// Items that were flushed and not reclaimed may be left.
    pub(crate) flushed_left: bool,
    /// The last CAS of each shard.
    last_cas: Vec<u64>,
    pub(crate) failing_pages: bool,
    pub(crate) shards: usize,
    versions: u64,
    pub(crate) voice: Voice,
    /// The key that is being given a deadline. Without memory for that its item may go, once it
    /// was used: then it is `lost`.
    pub(crate) touched: Option<Vec<u8>>,
    pub(crate) lost: bool,
}

/// Defaults, small; for two workers, so that there are readers.
pub fn config(pages: usize) -> StoreConfig {
    StoreConfig {
        limit_bytes: (pages * PAGE) as u64,
        threads: 2,
        item_size_max: 290_000,
        track_sizes: true,
        seed: Some(7),
        ..StoreConfig::default()
    }
}

/// The bytes of a key: from 3 to 250 of them.
pub fn key_bytes(number: usize) -> Vec<u8> {
    let mut key = format!("k{number}-").into_bytes();
    let len = if number % 50 == 7 { 250 } else { key.len() + number % 7 * 4 };
    key.resize(len, b'x');
    key
}

impl World {
    pub fn new(config: StoreConfig, len_max: usize) -> World {
        let store = Store::new(config.clone()).expect("memory for a small store");
        store.record_events(true);
        let mut rng = Rng::new(1);
        let words = (PATTERN_PLACES + len_max) / 8 + 1;
        let pattern = (0..words).flat_map(|_| {
            // No byte is a digit, a blank or a sign: never a number by accident.
            (rng.next_u64() | 0x8080_8080_8080_8080).to_ne_bytes()
        });
        let shards = store.stats(100).shards;
        World {
            reader: store.reader(),
            store,
            voice: Voice::new(&config),
            config,
            twin: HashMap::new(),
            now: 100,
            uploads: Vec::new(),
            pins: Vec::new(),
            tally: Tally::default(),
            begun: 0,
            long: VecDeque::new(),
            pattern: pattern.collect(),
            flush_at: None,
            soonest: u32::MAX,
            flushed_left: false,
            last_cas: vec![0; shards],
            failing_pages: false,
            shards,
            versions: 0,
            touched: None,
            lost: false,
        }
    }

    /// Do it to both.
    pub fn apply(&mut self, op: Op) {
        self.touched = op.touches().map(key_bytes);
        self.act(op);
        let touched = self.touched.take();
        if let Some(key) = touched.filter(|_| std::mem::take(&mut self.lost)) {
            self.twin.remove(&key);
        }
    }
    fn act(&mut self, op: Op) {
        match op {
            Op::Get { key, touch } => self.get(&key_bytes(key), touch),
            Op::Look(look) => self.look(look),
            Op::Mark(mark) => self.mark(mark),
            Op::Sum(sum) => self.sum(sum),
            Op::Set(terms, content) => self.set(terms, content),
            Op::BadSet(terms, len) => self.bad_set(terms, len),
            Op::Delete { key, compare } => self.delete(&key_bytes(key), compare),
            Op::Arith { key, delta, decrement } => self.arith(&key_bytes(key), delta, decrement),
            Op::Touch { key, life } => self.touch(&key_bytes(key), life),
            Op::Flush { delay } => self.flush(delay),
            Op::Advance { seconds } => self.advance(seconds),
            Op::Maintain => {
                self.store.maintain(self.now);
                self.absorb(None);
            }
            Op::BeginUpload(terms, content) => self.begin_upload(terms, content),
            Op::AppendUpload { nth, len } => self.append_upload(nth, len),
            Op::CommitUpload { nth } => self.commit_upload(nth),
            Op::DropUpload { nth, spoiled } => self.drop_upload(nth, spoiled),
            Op::Pin { nth } => self.pin(nth),
            Op::ReadPin { nth, max } => self.read_pin(nth, max),
            Op::Unpin { nth } => self.unpin(nth),
            Op::FailPages(n) => {
                self.store.fail_pages_after(n);
                self.failing_pages = n.is_some();
            }
        }
    }

    /// A visit that finds all shards open to readers.
    pub(crate) fn session(&self) -> Session<'_> {
        self.store.open_shards();
        self.store.session_of(self.reader.as_ref())
    }

    fn get(&mut self, key: &[u8], touch: Option<Life>) {
        let deadline = touch.map(|life| self.deadline(life));
        let hash = self.store.hash(key);
        self.store.prefetch_bucket(hash);
        let mut session = self.session();
        self.store.prefetch_item(hash, true);
        let mut value = Vec::new();
        let got = session.get(key, hash, deadline, self.now, |hit| {
            hit.copy_to(&mut value);
            assert_eq!(value.len(), hit.len(), "a value is as long as its length");
            assert_eq!(hit.is_empty(), value.is_empty());
            if let Some(piece) = hit.value() {
                assert!(piece == value, "in one piece it is the same value");
            }
            (hit.flags(), hit.cas())
        });
        drop(session);
        self.absorb(None);
        match (self.find(key), got) {
            (Some(entry), Some((flags, cas))) => {
                assert_eq!((flags, cas), (entry.flags, entry.cas), "flags and CAS of a hit");
                assert!(value == entry.value, "the value of a hit");
                self.tally.hits += 1;
            }
            (None, None) => self.tally.misses += 1,
            (Some(_), None) => panic!("a live item is missing: {}", key.escape_ascii()),
            (None, Some(_)) => panic!("an item should not be there: {}", key.escape_ascii()),
        }
        self.note_fetch(key);
        if let Some(deadline) = deadline {
            self.set_deadline(key, deadline);
        }
    }
    /// It was fetched, if it is there.
    pub(crate) fn note_fetch(&mut self, key: &[u8]) {
        if let Some(entry) = self.twin.get_mut(key) {
            (entry.fetched, entry.used) = (true, self.now);
        }
    }

    pub(crate) fn set_deadline(&mut self, key: &[u8], deadline: u32) {
        if let Some(entry) = self.twin.get_mut(key) {
            entry.deadline = deadline;
            self.expect_death(deadline);
        }
    }

    fn set(&mut self, terms: Terms, content: Content) {
        let key = key_bytes(terms.key);
        let value = self.bytes_of(content);
        let args = self.args(&key, terms);
        let stored = match terms.rare {
            Some(_) if value.len() <= IN_LINE_MAX => self.say_set(&args, &value),
            _ => self.session().set(&args, &value, self.now),
        };
        self.absorb(Some(&key));
        self.judge_stored(&args, value, stored);
    }

    /// What a storage command should have done, and did.
    pub(crate) fn judge_stored(&mut self, args: &SetArgs<'_>, value: Vec<u8>, stored: Stored) {
        let len = value.len();
        let want = self.expected(args, len);
        match (want, stored) {
            (Ok(()), Stored::Stored(cas)) => {
                let cas = self.check_cas(cas, args.rare.new_cas);
                self.put(args, value, cas);
                self.tally.stored += 1;
            }
            (Ok(()), Stored::NotStored) if joins(args) => {
                let held = self.twin.get(args.key).map(|old| old.value.len());
                self.allow_no_memory_beside(held, self.joined_len(args, len));
                self.forget_replaced(args);
            }
            (Ok(()), Stored::OutOfMemory) => {
                self.allow_no_memory(self.joined_len(args, len));
                self.forget_replaced(args);
            }
            (Err(want), _) => {
                assert_eq!(stored, want, "{:?} of {len} bytes", args.mode);
                if want == Stored::TooLarge {
                    self.forget_replaced(args);
                }
                if let (SetMode::Add, Some(entry)) = (args.mode, self.twin.get_mut(args.key)) {
                    entry.used = self.now;
                }
            }
            (Ok(()), other) => panic!("{:?} of {len} bytes: {other:?}", args.mode),
        }
    }
    /// `Err`: how the command is refused.
    fn expected(&self, args: &SetArgs<'_>, len: usize) -> Result<(), Stored> {
        if self.is_too_large(args, len, args.flags) {
            return Err(Stored::TooLarge);
        }
        let old = self.find(args.key);
        if let Some(wanted) = args.compare {
            match old {
                Some(old) if self.config.use_cas && old.cas == wanted => {}
                Some(old) if self.config.use_cas && is_outdated(args, old) => {}
                Some(_) => return Err(Stored::Exists),
                None if joins(args) => {}
                None => return Err(Stored::NotFound),
            }
        }
        let vivifies = args.rare.vivify.is_some();
        match (args.mode, old) {
            (SetMode::Add, Some(_)) if args.compare.is_none() => Err(Stored::NotStored),
            (SetMode::Replace, None) => Err(Stored::NotStored),
            (SetMode::Append | SetMode::Prepend, None) if !vivifies => Err(Stored::NotStored),
            (SetMode::Append | SetMode::Prepend, Some(old)) => {
                let joined = self.is_too_large(args, len + old.value.len(), old.flags);
                if joined { Err(Stored::NotStored) } else { Ok(()) }
            }
            _ => Ok(()),
        }
    }
    fn put(&mut self, args: &SetArgs<'_>, value: Vec<u8>, cas: u64) {
        let old = self.twin.remove(args.key);
        let (mut flags, mut deadline, mut whole) = (args.flags, args.deadline, value);
        let (mut stale, mut won) = (false, false);
        match &old {
            Some(old) if joins(args) => {
                (flags, deadline) = (old.flags, old.deadline);
                whole = match args.mode {
                    SetMode::Append => [&old.value[..], &whole].concat(),
                    _ => [&whole[..], &old.value].concat(),
                };
            }
            Some(old) if is_outdated(args, old) => {
                (deadline, stale, won) = (old.deadline, true, old.won);
                self.tally.outdated += 1;
            }
            None if joins(args) => deadline = args.rare.vivify.expect("judged"),
            _ => {}
        }
        let chosen =
            args.rare.new_cas.is_some() || joins(args) && old.is_some_and(|old| old.chosen);
        let entry = self.enter(args.key, whole, flags, deadline, cas);
        (entry.stale, entry.won, entry.chosen) = (stale, won, chosen);
    }
    /// A new value under a key.
    pub(crate) fn enter(
        &mut self,
        key: &[u8],
        value: Vec<u8>,
        flags: u32,
        deadline: u32,
        cas: u64,
    ) -> &mut Entry {
        if value.len() > PAGE / 2 {
            self.long.truncate(15);
            self.long.push_front(key.to_vec());
        }
        self.expect_death(deadline);
        self.versions += 1;
        let (version, written, used) = (self.versions, self.now, self.now);
        let (flushed, stale, won, fetched, chosen) = (false, false, false, false, false);
        let new = Entry {
            value,
            flags,
            deadline,
            cas,
            flushed,
            version,
            stale,
            won,
            fetched,
            chosen,
            written,
            used,
        };
        self.twin.insert(key.to_vec(), new);
        self.twin.get_mut(key).expect("just entered")
    }
    /// PROTOCOL 1.4: a plain set that fails for size or memory removes what it was to replace.
    pub(crate) fn forget_replaced(&mut self, args: &SetArgs<'_>) {
        if args.mode == SetMode::Set && args.compare.is_none() || args.rare.drop_old {
            self.find(args.key);
            self.twin.remove(args.key);
        }
    }
    fn joined_len(&self, args: &SetArgs<'_>, len: usize) -> usize {
        len + self.twin.get(args.key).map_or(0, |old| old.value.len())
    }

    fn flush(&mut self, delay: u32) {
        self.store.flush(self.now + delay, self.now);
        self.absorb(None);
        self.flush_at = Some(self.now + delay);
        self.tick();
    }
    fn advance(&mut self, seconds: u32) {
        self.now += seconds;
        self.tick();
    }
    fn tick(&mut self) {
        if self.flush_at.is_some_and(|at| at <= self.now) {
            self.flush_at = None;
            self.twin.values_mut().for_each(|entry| entry.flushed = true);
            self.flushed_left = true;
        }
    }

    /// The twin's live item. A dead one must have been reclaimed by the lookup that just was.
    pub(crate) fn find(&self, key: &[u8]) -> Option<&Entry> {
        let entry = self.twin.get(key)?;
        assert!(!self.is_dead(entry), "a dead item was met and not reclaimed");
        Some(entry)
    }
    pub(crate) fn is_dead(&self, entry: &Entry) -> bool {
        entry.flushed || (entry.deadline != 0 && entry.deadline <= self.now)
    }

    /// A CAS is what was chosen, or above the shard's last; 0 under -C.
    pub(crate) fn check_cas(&mut self, cas: u64, chosen: Option<u64>) -> u64 {
        if !self.config.use_cas {
            assert_eq!(cas, 0);
        } else if let Some(chosen) = chosen {
            assert_eq!(cas, chosen, "a CAS that was chosen");
        } else {
            let last = &mut self.last_cas[cas as usize % self.shards];
            assert!(cas > *last, "a CAS rises");
            *last = cas;
        }
        cas
    }
    /// memcached's measure: header and line ends are 51 bytes, the CAS 8, flags 4 unless 0.
    pub(crate) fn is_too_large(&self, args: &SetArgs<'_>, len: usize, flags: u32) -> bool {
        let flags = if flags == 0 { 0 } else { 4 };
        let overhead = if self.config.use_cas { 59 } else { 51 };
        (overhead + args.key.len() + flags + len) as u64 > self.config.item_size_max
    }

    pub(crate) fn bytes_of(&self, content: Content) -> Vec<u8> {
        match content {
            Content::Number(number) => number.to_string().into_bytes(),
            Content::Pattern(at, len) => self.pattern[at..at + len].to_vec(),
        }
    }
    pub(crate) fn args<'k>(&self, key: &'k [u8], terms: Terms) -> SetArgs<'k> {
        let mode = match terms.mode {
            Mode::Set => SetMode::Set,
            Mode::Add => SetMode::Add,
            Mode::Replace => SetMode::Replace,
            Mode::Append => SetMode::Append,
            Mode::Prepend => SetMode::Prepend,
        };
        let (hash, deadline) = (self.store.hash(key), self.deadline(terms.life));
        let mut compare = self.compare(key, terms.compare);
        let mut rare = SetRare::default();
        if let Some(asked) = terms.rare {
            // As `ms` reads it (PROTOCOL 2.3).
            compare = compare.filter(|&cas| match mode {
                SetMode::Add => false,
                SetMode::Append | SetMode::Prepend => cas != 0,
                SetMode::Set | SetMode::Replace => true,
            });
            rare.new_cas = asked.new_cas;
            rare.invalidate = asked.invalidate;
            rare.vivify = asked.vivify.map(|life| self.deadline(life));
            rare.drop_old = true;
        }
        SetArgs { key, hash, flags: terms.flags, deadline, mode, compare, rare }
    }
    pub(crate) fn compare(&self, key: &[u8], compare: Compare) -> Option<u64> {
        let right = self.twin.get(key).map_or(1, |entry| entry.cas);
        match compare {
            Compare::Any => None,
            Compare::Right => Some(right),
            Compare::Wrong => Some(right + 1),
            Compare::Older => Some(right.saturating_sub(1)),
        }
    }
    pub(crate) fn deadline(&self, life: Life) -> u32 {
        match life {
            Life::Endless => 0,
            Life::Over => 1,
            Life::Seconds(seconds) => self.now + seconds,
        }
    }

    /// Recount the store, and what can be counted from outside.
    pub fn check(&self) {
        self.store.assert_valid();
        let stats = self.store.stats(self.now);
        assert_eq!(stats.items, self.twin.len() as u64, "items");
        let spent = stats.spent();
        assert_eq!(spent.sum(), spent.limit + spent.beyond, "memory adds up: {spent:?}");
        let payload = |(key, entry): (&Vec<u8>, &Entry)| {
            key.len() + entry.value.len() + if entry.flags == 0 { 0 } else { 4 }
        };
        let payload: usize = self.twin.iter().map(payload).sum();
        let count = |f: fn(&Entry) -> bool| self.twin.values().filter(|entry| f(entry)).count();
        let (chosen, timed) = (count(|entry| entry.chosen), count(|entry| entry.deadline != 0));
        // Whoever has a deadline has the place for it; others may.
        let least = payload + 4 * timed;
        let most = payload + 4 * self.twin.len() + 8 * chosen;
        let adds_up = (least as u64..=most as u64).contains(&spent.payload);
        assert!(adds_up && (spent.payload - least as u64).is_multiple_of(4), "{least}: {spent:?}");
        assert_eq!(stats.pins, self.pins.len() as u64, "pins");
        let open = self.uploads.iter().filter(|upload| !upload.given_up);
        let (uploads, sent) = open.fold((0, 0), |(n, sent), up| (n + 1, sent + up.sent));
        assert_eq!((stats.uploads, stats.upload_bytes), (uploads, sent as u64), "uploads");
        assert!(stats.pages_used <= self.config.limit_bytes / PAGE as u64, "the limit holds");
    }

    /// Read everything once more, then take everything away: nothing may be left.
    pub fn finish(mut self) -> Tally {
        self.check();
        self.apply(Op::FailPages(None));
        let keys: Vec<Vec<u8>> = self.twin.keys().cloned().collect();
        keys.iter().for_each(|key| self.get(key, None));
        while !self.uploads.is_empty() {
            self.drop_upload(0, false);
        }
        while !self.pins.is_empty() {
            self.read_pin(0, usize::MAX >> 1);
        }
        keys.iter().for_each(|key| self.delete(key, Compare::Any));
        (0..100).for_each(|_| self.apply(Op::Maintain));
        self.check();
        let stats = self.store.stats(self.now);
        let chunks: u64 = stats.classes.iter().map(|class| class.used_chunks).sum();
        assert_eq!((stats.items, stats.bytes, chunks), (0, 0, 0), "a chunk was lost");
        assert_eq!((stats.upload_bytes, stats.pinned_dead_bytes), (0, 0));
        self.tally
    }
}

/// Append or prepend.
fn joins(args: &SetArgs<'_>) -> bool {
    matches!(args.mode, SetMode::Append | SetMode::Prepend)
}
/// A store that comes too late, and is kept as a stale value.
fn is_outdated(args: &SetArgs<'_>, old: &Entry) -> bool {
    args.rare.invalidate && !joins(args) && args.compare.is_some_and(|cas| cas < old.cas)
}
