//! An expiry as it stood on the wire becomes a deadline on the store's clock (PROTOCOL 1.3).

use crate::protocol::Exptime;
use crate::store::Deadline;

/// Expiries up to this many seconds (30 days) are relative, greater ones are unix times.
const RELATIVE_MAX_S: i64 = 30 * 24 * 60 * 60;

/// A deadline that is over whatever the clock says: the store's clock never falls below it.
const PAST: Deadline = 1;

/// When an item with this expiry dies, if it is now `now` and the store's clock was 0 at unix time
/// `epoch_unix`. 0 is never. A deadline the clock cannot express is its last second.
#[inline]
pub fn deadline(exptime: Exptime, now: u32, epoch_unix: u64) -> Deadline {
    let Exptime(seconds) = exptime;
    if seconds == 0 {
        return 0;
    }
    if seconds < 0 {
        return PAST;
    }
    let seconds_unsigned = seconds.unsigned_abs();
    let deadline = if seconds <= RELATIVE_MAX_S {
        u64::from(now) + seconds_unsigned
    } else {
        seconds_unsigned.saturating_sub(epoch_unix).max(u64::from(PAST))
    };
    u32::try_from(deadline).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const EPOCH: u64 = 1_700_000_000;

    #[test]
    fn every_range_of_the_wire_has_its_meaning() {
        let at = |seconds| deadline(Exptime(seconds), 100, EPOCH);
        assert_eq!(at(0), 0);
        assert_eq!(at(-1), PAST);
        assert_eq!(at(i64::MIN), PAST);
        assert_eq!(at(1), 101);
        assert_eq!(at(2_592_000), 2_592_100);
        assert_eq!(at(2_592_001), PAST);
        assert_eq!(at(1_699_999_999), PAST);
        assert_eq!(at(1_700_000_000), PAST);
        assert_eq!(at(1_700_000_001), 1);
        assert_eq!(at(1_700_000_150), 150);
        assert_eq!(at(i64::MAX), u32::MAX);
    }

    #[test]
    fn a_relative_expiry_stops_at_the_end_of_the_clock() {
        assert_eq!(deadline(Exptime(10), u32::MAX - 3, EPOCH), u32::MAX);
    }

    #[test]
    fn no_expiry_but_zero_means_never() {
        for seconds in [-1, 1, 60, 2_592_000, 2_592_001, 1_700_000_000, i64::MAX] {
            assert_ne!(deadline(Exptime(seconds), 1, EPOCH), 0, "{seconds}");
        }
    }
}
