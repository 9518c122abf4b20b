//! The one background thread: ticks the clock and lets the store do a bounded round of its
//! upkeep, about ten times a second, in steps with pauses between them.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError};

use super::clock::Clock;
use super::clock::unix_moment;
use super::common::Common;
use super::total;
use crate::ops::watch::{Asker, Log, Streams};

/// A tenth of a second: `now` is late by that much at most.
const ROUND_US: u64 = 100_000;

/// Between two steps of a page's move: whoever waits for a lock gets it first.
const MOVE_US: u64 = 500;

/// Between two steps of freeing what is dead. A step takes some 50 µs for each shard that has
/// something to free, so a shard's lock is held for a third of the time at most, and gives back
/// 128 items: a million that expire at once are gone within two seconds, be it from one shard.
const CLEAN_US: u64 = 100;

/// Work until `stop` is dropped.
pub(super) fn run(common: &Arc<Common>, clock: Clock, stop: &Receiver<()>) {
    let mut tell = Tell { log: Log::new(common.config.worker_logbuf), on: false };
    let (mut round_at, mut move_at) = (ROUND_US, ROUND_US);
    let (mut cleaning, mut moving) = (false, false);
    let mut pause = ROUND_US;
    let mut weighed_at = 0;
    while let Err(RecvTimeoutError::Timeout) = stop.recv_timeout(Duration::from_micros(pause)) {
        let at = clock.elapsed_us();
        let begins = at >= round_at;
        if begins {
            round_at = at + ROUND_US;
            common.shared.tick(clock.elapsed_s());
            common.shared.ticks_per_ms.store(clock.ticks_per_ms(), Relaxed);
            tell.round(common);
        }
        let now = common.shared.now.load(Relaxed);
        if begins {
            cleaning = common.store.maintain(now);
        } else if cleaning {
            cleaning = common.store.clean(now);
        }
        if begins && now != weighed_at && common.config.memory_total != 0 {
            weighed_at = now;
            total::keep(&common.store, common.config.memory_total);
        }
        if begins || moving && at >= move_at {
            moving = common.store.move_pages(now);
            move_at = at + MOVE_US;
        }
        pause = match (cleaning, moving) {
            (true, _) => CLEAN_US,
            (false, true) => MOVE_US,
            (false, false) => round_at.saturating_sub(clock.elapsed_us()).max(MOVE_US),
        };
    }
}

/// Tells watchers what the store did by itself, as far as no worker has come by it yet.
struct Tell {
    log: Log,
    /// The store keeps a record.
    on: bool,
}

impl Tell {
    fn round(&mut self, common: &Common) {
        let watch = &common.shared.watch;
        let watched = watch.streams();
        let on = watched.meets(Streams::MEMORY);
        if !on && !self.on {
            return;
        }
        // A worker turns the record on as soon as somebody wants it; only we turn it off. Should
        // the two meet, it is on again with the next round.
        common.store.watch_memory(on);
        self.on = on;
        let (events, lost) = common.store.take_events();
        self.log.lose(watch, lost);
        self.log.set_moment(unix_moment());
        for event in events {
            if self.log.is_full() {
                self.log.publish(watch);
            }
            self.log.item(watch, watched, &event, Asker::default());
        }
        if !self.log.is_empty() {
            self.log.publish(watch);
        }
    }
}
