//! What one address may be sent: a bucket of bytes that fills by the second.
//!
//! A bounded table: an address has its place by a hash nobody outside knows. Two that share a
//! place share its bucket, until that is full again: many forged senders get no more than many
//! places' worth. The last answer may overdraw; then the address waits until it is even.

use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::server::limits::BUDGET_PLACES;

/// Bytes that a datagram costs the network besides its own: headers of IP and UDP, rounded up.
const PACKET_COST: usize = 48;

/// The buckets.
#[derive(Debug)]
pub(in crate::server) struct Budget {
    /// Bytes a second, and in a full bucket; 0: no limit.
    rate: i64,
    hasher: RandomState,
    places: Mutex<Box<[Bucket]>>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Bucket {
    /// Whose it is.
    owner: u128,
    /// What is in it at second `at`; negative: owed.
    bytes: i64,
    at: u32,
}

/// What a datagram of `len` bytes costs.
pub(super) fn cost(len: usize) -> usize {
    len + PACKET_COST
}

impl Budget {
    /// Full buckets of `rate` bytes, which is also what flows in in a second. 0: no limit.
    pub(in crate::server) fn new(rate: u64) -> Self {
        let places = vec![Bucket::default(); BUDGET_PLACES].into_boxed_slice();
        let rate = i64::try_from(rate).unwrap_or(i64::MAX / 2);
        Budget { rate, hasher: RandomState::new(), places: Mutex::new(places) }
    }

    /// Whether an address may be sent anything in second `now`.
    pub(super) fn allows(&self, address: IpAddr, now: u32) -> bool {
        self.rate == 0 || self.bucket(&mut self.lock(), address, now).bytes > 0
    }
    /// An address was sent `bytes`.
    pub(super) fn charge(&self, address: IpAddr, bytes: usize, now: u32) {
        if self.rate > 0 {
            self.bucket(&mut self.lock(), address, now).bytes -= bytes as i64;
        }
    }

    fn bucket<'a>(&self, all: &'a mut [Bucket], address: IpAddr, now: u32) -> &'a mut Bucket {
        let owner = owner(address);
        let bucket = &mut all[self.hasher.hash_one(owner) as usize % BUDGET_PLACES];
        let passed = i64::from(now.saturating_sub(bucket.at));
        let flown = passed.saturating_mul(self.rate);
        bucket.bytes = bucket.bytes.saturating_add(flown).min(self.rate);
        bucket.at = now;
        if bucket.owner != owner && bucket.bytes == self.rate {
            bucket.owner = owner;
        }
        bucket
    }

    fn lock(&self) -> MutexGuard<'_, Box<[Bucket]>> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Who an address stands for: of version 6 the network, since a host has as many as it likes.
fn owner(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => u128::from(v4.to_bits()),
        IpAddr::V6(v6) => {
            v6.to_ipv4_mapped().map_or(v6.to_bits() >> 64 << 64, |v4| u128::from(v4.to_bits()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn an_address_waits_until_it_is_even() {
        let budget = Budget::new(1000);
        let a = address("10.0.0.1");
        assert!(budget.allows(a, 62));
        budget.charge(a, 3500, 62);
        assert!(!budget.allows(a, 62) && !budget.allows(a, 63) && !budget.allows(a, 64));
        assert!(budget.allows(a, 65));
        budget.charge(a, 500, 65);
        assert!(!budget.allows(a, 65));
        // It does not save for later.
        budget.charge(a, 1000, 1000);
        assert!(!budget.allows(a, 1000) && budget.allows(a, 1001));
        // A clock that is set back gives nothing.
        budget.charge(a, 1000, 1001);
        assert!(!budget.allows(a, 5));
    }

    #[test]
    fn neighbours_in_a_network_of_version_6_are_one() {
        let budget = Budget::new(10);
        budget.charge(address("2001:db8::1"), 100, 62);
        assert!(!budget.allows(address("2001:db8::2"), 62));
        assert_eq!(owner(address("::ffff:10.0.0.1")), owner(address("10.0.0.1")));
    }

    #[test]
    fn without_a_rate_there_is_no_limit() {
        let budget = Budget::new(0);
        budget.charge(address("10.0.0.1"), usize::MAX, 62);
        assert!(budget.allows(address("10.0.0.1"), 62));
    }

    #[test]
    fn many_addresses_get_no_more_than_all_places_hold() {
        let budget = Budget::new(100);
        let mut answered = 0;
        for n in 0..3 * BUDGET_PLACES as u32 {
            let from = IpAddr::V4((n + 1).to_be_bytes().into());
            if budget.allows(from, 62) {
                answered += 1;
                budget.charge(from, 100, 62);
            }
        }
        assert!((1..=BUDGET_PLACES).contains(&answered), "{answered}");
    }
}
