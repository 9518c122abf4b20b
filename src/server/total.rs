//! `-o memory_total`: one number for the whole process. What lies outside item memory is measured
//! once a second, as what the system says the process occupies beyond the pages of items, and the
//! limit of item memory follows: down at once, up when it is worth the trouble.

use crate::store::Store;
use crate::sys::process::resident_bytes;

/// Part of the total that is left free: what may come within a second, and memory that is
/// occupied before it is counted (the system gives 2 MiB at a time).
const SLACK_PART: u64 = 32;
/// The least of that.
const SLACK_MIN: u64 = 4 << 20;
/// Items keep this much, whatever else there is.
const ITEMS_MIN: u64 = 1 << 20;

/// Set the limit of items so that the process stays under `total` bytes. Called once a second.
pub(super) fn keep(store: &Store, total: u64) {
    let Some(resident) = resident_bytes() else { return };
    let outside = resident.saturating_sub(store.owned_bytes());
    if let Some(limit) = items_limit(total, outside, store.limit_bytes()) {
        store.set_limit(limit.min(store.limit_bytes_max()));
    }
}

/// What items may take under `total` when all else takes `outside`; `None`: `present` will do.
fn items_limit(total: u64, outside: u64, present: u64) -> Option<u64> {
    let slack = (total / SLACK_PART).max(SLACK_MIN);
    let limit = total.saturating_sub(outside + slack).max(ITEMS_MIN) >> 20 << 20;
    (limit < present || limit > present + slack / 2).then_some(limit)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    #[test]
    fn the_limit_falls_at_once_and_rises_when_it_is_worth_it() {
        assert_eq!(items_limit(256 * MIB, 20 * MIB, 200 * MIB), Some(228 * MIB));
        assert_eq!(items_limit(256 * MIB, 20 * MIB, 228 * MIB), None);
        assert_eq!(items_limit(256 * MIB, 20 * MIB + 1, 228 * MIB), Some(227 * MIB));
        assert_eq!(items_limit(256 * MIB, 17 * MIB, 228 * MIB), None);
        assert_eq!(items_limit(256 * MIB, 300 * MIB, 228 * MIB), Some(MIB));
        assert_eq!(items_limit(256 * MIB, 300 * MIB, MIB), None);
    }
}
