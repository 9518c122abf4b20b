//! The one background thread: ticks the clock and lets the store do a bounded round of its
//! upkeep, about ten times a second.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError};

use super::clock::Clock;
use super::common::Common;

/// A tenth of a second: `now` is late by that much at most, and a round of upkeep stays short.
const ROUND: Duration = Duration::from_millis(100);

/// Work until `stop` is dropped.
pub(super) fn run(common: &Arc<Common>, clock: Clock, stop: &Receiver<()>) {
    while let Err(RecvTimeoutError::Timeout) = stop.recv_timeout(ROUND) {
        common.shared.tick(clock.elapsed_s());
        common.store.maintain(common.shared.now.load(Relaxed));
    }
}
