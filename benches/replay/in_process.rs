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
/// Rounds of upkeep, their steps, and the pause between two steps: as the daemon's maintainer.
const ROUND_MS: u64 = 100;
const STEP_MS: u64 = 1;
const ROUND_STEPS_MAX: u32 = 16;
/// A longer value is received in pieces, as the daemon does.
const SET_AT_ONCE_MAX: usize = 64 << 10;
/// Seed of the key hash: any, but the same each time.
const HASH_SEED: u64 = 1;

/// What came of it.
pub struct Outcome {
    pub score: Score,
    pub stats: StoreStats,
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
    Ok(Outcome { score: player.score, stats: player.store.stats(player.now) })
}

struct Player {
    store: Store,
    pace: Pace,
    upkeep: Upkeep,
    /// As long as the longest value yet.
    value: Vec<u8>,
    now: u32,
    score: Score,
}

impl Player {
    fn tick(&mut self, clock_ms: u64) {
        self.upkeep.run_until(&self.store, clock_ms);
        self.now = second(clock_ms);
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
    clock_ms: u64,
    next_round_ms: u64,
    steps: u32,
    tending: bool,
    moving: bool,
}

impl Upkeep {
    fn run_until(&mut self, store: &Store, clock_ms: u64) {
        while self.clock_ms <= clock_ms {
            if self.clock_ms >= self.next_round_ms {
                self.next_round_ms = self.clock_ms + ROUND_MS;
                (self.steps, self.tending) = (0, true);
            }
            let now = second(self.clock_ms);
            self.steps += 1;
            self.tending = self.tending && self.steps <= ROUND_STEPS_MAX && store.maintain(now);
            self.moving = store.move_pages(now);
            let busy = self.tending || self.moving;
            self.clock_ms = if busy { self.clock_ms + STEP_MS } else { self.next_round_ms };
        }
    }
}
