//! The quick player: the store itself, without sockets, on a clock that follows the trace. The
//! same requests give the same counts every time.

use std::io;

use slabd::ops::config::{self, Invocation};
use slabd::store::{Deadline, SetArgs, SetMode, SetRare, Store, StoreConfig, StoreStats, Stored};

use crate::clock::Pace;
use crate::score::Score;
use crate::windows::{WINDOW_MAX, Windows};
use crate::workloads::{Request, Requests};

/// The daemon's clock when it starts.
const CLOCK_BEGIN_S: u64 = 62;
/// Rounds of upkeep, and the time from one step of freeing what is dead, or of moving a page, to
/// the next: as the daemon's maintainer.
const ROUND_US: u64 = 100_000;
const CLEAN_US: u64 = 300;
const MOVE_US: u64 = 1_000;
/// What expired longer ago than so many seconds should be gone.
const GONE_S: u32 = 2;
/// A longer value is received in pieces, as the daemon does.
const SET_AT_ONCE_MAX: usize = 32 << 10;
/// Seed of the key hash: any, but the same each time.
const HASH_SEED: u64 = 1;

/// What came of it.
pub struct Outcome {
    pub score: Score,
    pub stats: StoreStats,
    /// Bytes of what had expired two seconds before and was still there, at most.
    pub expired_bytes: u64,
}

/// The daemon's configuration of its store at `-m memory_mb`, with further options.
///
/// # Errors
/// Options that the daemon would refuse.
pub fn store_config(memory_mb: u32, options: &[String]) -> io::Result<StoreConfig> {
    let memory = memory_mb.to_string();
    let fixed = ["slabd", "-t", "1", "-m", &memory].map(str::to_string);
    let words: Vec<_> = fixed.into_iter().chain(options.iter().cloned()).map(Into::into).collect();
    match config::invocation(&words) {
        Ok(Invocation::Run(config)) => Ok(StoreConfig { seed: Some(HASH_SEED), ..config.store }),
        Ok(Invocation::Print(_)) => Err(io::Error::other("these options only print something")),
        Err(error) => Err(io::Error::other(format!("{error:?}"))),
    }
}

/// Plays the requests on a new store.
pub fn play(requests: Requests, pace: Pace, config: StoreConfig) -> io::Result<Outcome> {
    let mut player = Player {
        store: Store::new(config)?,
        pace,
        upkeep: Upkeep::default(),
        value: Vec::new(),
        now: CLOCK_BEGIN_S as u32,
        score: Score::default(),
        expires: false,
        expired_bytes: 0,
    };
    let mut windows = Windows::new(requests, pace);
    let (mut window, mut missed) = (Vec::with_capacity(WINDOW_MAX), Vec::new());
    while let Some(due_ms) = windows.next(&mut window) {
        player.tick(due_ms);
        missed.clear();
        for request in &window {
            if request.is_write || !player.get(request) {
                missed.push(*request);
            }
        }
        missed.iter().for_each(|request| player.set(request));
    }
    let (score, expired_bytes) = (player.score, player.expired_bytes);
    Ok(Outcome { score, stats: player.store.stats(player.now), expired_bytes })
}

struct Player {
    store: Store,
    pace: Pace,
    upkeep: Upkeep,
    /// As long as the longest value yet.
    value: Vec<u8>,
    now: u32,
    score: Score,
    /// Something will expire.
    expires: bool,
    /// See [`Outcome::expired_bytes`].
    expired_bytes: u64,
}

impl Player {
    fn tick(&mut self, clock_ms: u64) {
        self.upkeep.run_until(&self.store, clock_ms);
        let before = std::mem::replace(&mut self.now, second(clock_ms));
        if self.expires && before != self.now {
            let bytes = expired_bytes(&self.store, self.now);
            self.expired_bytes = self.expired_bytes.max(bytes);
        }
    }

    fn get(&mut self, request: &Request) -> bool {
        let mut key = Vec::with_capacity(usize::from(request.key_len));
        request.push_key(&mut key);
        let hash = self.store.hash(&key);
        let mut session = self.store.session();
        let hit = session.get(&key, hash, None, self.now, |hit| hit.len()).is_some();
        self.score.read(request.bytes(), hit);
        hit
    }

    fn set(&mut self, request: &Request) {
        let mut key = Vec::with_capacity(usize::from(request.key_len));
        request.push_key(&mut key);
        let deadline: Deadline = match self.pace.ttl_s(request) {
            0 => 0,
            ttl_s => self.now.saturating_add(ttl_s),
        };
        self.expires |= deadline != 0;
        let (hash, rare) = (self.store.hash(&key), SetRare::default());
        let (mode, compare, flags) = (SetMode::Set, None, 0);
        let args = SetArgs { key: &key, hash, flags, deadline, mode, compare, rare };
        let len = request.value_len as usize;
        self.value.resize(self.value.len().max(len), b'v');
        let value = &self.value[..len];
        let stored = if len <= SET_AT_ONCE_MAX {
            self.store.session().set(&args, value, self.now)
        } else {
            self.upload(&args, value)
        };
        self.score.set(matches!(stored, Stored::Stored(_)));
    }

    fn upload(&self, args: &SetArgs<'_>, value: &[u8]) -> Stored {
        let begun = self.store.begin_upload(args, value.len() as u32, self.now);
        let id = match begun {
            Ok(id) => id,
            Err(refused) => return refused,
        };
        match self.store.append_upload(&id, value, self.now) {
            slabd::store::Received::Taken => self.store.commit_upload(id, self.now),
            slabd::store::Received::Dropped => Stored::OutOfMemory,
        }
    }
}

/// The store's clock at so many milliseconds of replay.
fn second(clock_ms: u64) -> u32 {
    u32::try_from(CLOCK_BEGIN_S + clock_ms / 1_000).unwrap_or(u32::MAX)
}

/// Does what the daemon's maintainer would have done by a given time.
#[derive(Default)]
struct Upkeep {
    clock_us: u64,
    round_us: u64,
    move_us: u64,
    cleaning: bool,
    moving: bool,
}

impl Upkeep {
    fn run_until(&mut self, store: &Store, clock_ms: u64) {
        while self.clock_us <= clock_ms * 1_000 {
            let (at, now) = (self.clock_us, second(self.clock_us / 1_000));
            let begins = at >= self.round_us;
            if begins {
                self.round_us = at + ROUND_US;
                self.cleaning = store.maintain(now);
            } else if self.cleaning {
                self.cleaning = store.clean(now);
            }
            if begins || self.moving && at >= self.move_us {
                self.moving = store.move_pages(now);
                self.move_us = at + MOVE_US;
            }
            self.clock_us = match (self.cleaning, self.moving) {
                (true, _) => at + CLEAN_US,
                (false, true) => at + MOVE_US,
                (false, false) => self.round_us,
            };
        }
    }
}

/// Bytes of items that expired [`GONE_S`] seconds ago or earlier, and are still there.
fn expired_bytes(store: &Store, now: u32) -> u64 {
    const ALL_CLASSES: u64 = !1;
    /// A time at which nothing has expired: a dump leaves out what has.
    const THEN: u32 = 1;
    let Some(mut dump) = store.begin_dump(ALL_CLASSES) else { return 0 };
    let mut bytes = 0;
    let is_late = |deadline: u32| deadline != 0 && deadline + GONE_S <= now;
    while store.dump(&mut dump, THEN, |item| {
        bytes += if is_late(item.deadline) { item.size as u64 } else { 0 };
    }) {}
    store.end_dump(dump);
    bytes
}
