//! Feature `debug-commands`: items that an operator holds, as somebody debugging the store would
//! (`debugitem`).
//!
//! A hold is a pin that nobody reads through: eviction, the page mover and in-place stores pass
//! the item by; replaced, deleted or expired meanwhile, its memory stays, within the budget of all
//! pins, until it is let go. It holds up nobody: a shard's lock is never kept between requests, so
//! a client that locks an item and disappears costs its memory, and nothing else. When no other
//! memory is left, holds are revoked as pins are.
//!
//! Invariant: every hold names a pin of this shard; there are at most `HOLDS_MAX`.

use super::pin::{Hold, HoldKind};
use super::shard::Shard;
use super::{KeyHash, Seconds, Store};

/// Holds a shard keeps; a client cannot fill a table by repeating itself.
const HOLDS_MAX: usize = 1024;

/// What became of a request to hold an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Held {
    /// It is held.
    Held,
    /// There is no such item.
    Missing,
    /// The shard holds too many.
    TooMany,
}

impl Store {
    /// Keep the key's item where it is until [`Store::let_go`].
    pub fn hold(&self, key: &[u8], kind: HoldKind, now: Seconds) -> Held {
        let hash = self.hash(key);
        self.slots[self.slot(hash)].lock().hold(key, hash, kind, now)
    }
    /// Undo one such hold, whatever has become of the item. `false`: there is none.
    pub fn let_go(&self, key: &[u8], kind: HoldKind) -> bool {
        self.slots[self.slot(self.hash(key))].lock().let_go(key, kind)
    }
}

impl Shard {
    fn hold(&mut self, key: &[u8], hash: KeyHash, kind: HoldKind, now: Seconds) -> Held {
        let same = |hold: &Hold| hold.kind == HoldKind::Lock && *hold.key == *key;
        if kind == HoldKind::Lock && self.holds.iter().any(same) {
            return Held::Held;
        }
        let Some(id) = self.find_live(key, hash, now) else { return Held::Missing };
        if self.holds.len() >= HOLDS_MAX {
            return Held::TooMany;
        }
        let pin = self.keep_in_place(id);
        self.holds.push(Hold { key: key.into(), kind, pin });
        Held::Held
    }
    fn let_go(&mut self, key: &[u8], kind: HoldKind) -> bool {
        let same = |hold: &Hold| hold.kind == kind && *hold.key == *key;
        let Some(at) = self.holds.iter().rposition(same) else { return false };
        let hold = self.holds.swap_remove(at);
        self.unpin(hold.pin);
        true
    }
}
