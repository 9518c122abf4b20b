//! The one background thread: ticks the clock and lets the store do a bounded round of its
//! upkeep, about ten times a second, in steps with pauses between them.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError};

use super::clock::Clock;
use super::common::Common;

/// A tenth of a second: `now` is late by that much at most, and a round of upkeep stays short.
const ROUND: Duration = Duration::from_millis(100);

/// Between two steps of a round: whoever waits for a lock gets it first.
const PAUSE: Duration = Duration::from_millis(1);

/// Steps of a round at most.
const STEPS_MAX: usize = 16;

/// Work until `stop` is dropped.
pub(super) fn run(common: &Arc<Common>, clock: Clock, stop: &Receiver<()>) {
    while let Err(RecvTimeoutError::Timeout) = stop.recv_timeout(ROUND) {
        common.shared.tick(clock.elapsed_s());
        let now = common.shared.now.load(Relaxed);
        for _ in 0..STEPS_MAX {
            if !common.store.maintain(now) {
                break;
            }
            if stop.recv_timeout(PAUSE) != Err(RecvTimeoutError::Timeout) {
                return;
            }
        }
    }
}
