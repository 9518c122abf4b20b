//! The one background thread: ticks the clock and lets the store do a bounded round of its
//! upkeep, about ten times a second, in steps with pauses between them.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError};

use super::clock::Clock;
use super::clock::unix_moment;
use super::common::Common;
use crate::ops::watch::{Asker, Log, Streams};

/// A tenth of a second: `now` is late by that much at most, and a round of upkeep stays short.
const ROUND: Duration = Duration::from_millis(100);

/// Between two steps of a round, and of a page's move: whoever waits for a lock gets it first.
const PAUSE: Duration = Duration::from_millis(1);

/// Steps of a round at most.
const STEPS_MAX: u32 = 16;

/// While a page is being moved, and so there are steps all the time, a round begins with every so
/// many of them.
const ROUND_STEPS: u32 = (ROUND.as_millis() / PAUSE.as_millis()) as u32;

/// Work until `stop` is dropped.
pub(super) fn run(common: &Arc<Common>, clock: Clock, stop: &Receiver<()>) {
    let mut tell = Tell { log: Log::new(common.config.worker_logbuf), on: false };
    let (mut pause, mut steps, mut tending) = (ROUND, 0, false);
    while let Err(RecvTimeoutError::Timeout) = stop.recv_timeout(pause) {
        if pause == ROUND || steps == ROUND_STEPS {
            common.shared.tick(clock.elapsed_s());
            tell.round(common);
            (steps, tending) = (0, true);
        }
        steps += 1;
        let now = common.shared.now.load(Relaxed);
        tending = tending && steps <= STEPS_MAX && common.store.maintain(now);
        let moving = common.store.move_pages(now);
        pause = if tending || moving { PAUSE } else { ROUND };
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
