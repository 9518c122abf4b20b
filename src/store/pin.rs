//! What keeps an item where it is: a pin, of somebody who reads its value in slices (`chunked.rs`,
//! `direct.rs`), or of an operator's hold (`holds.rs`).
//!
//! Invariant: an item is marked PINNED exactly while a pin names it.

use super::item::ItemId;

/// A value being read.
#[derive(Debug)]
pub(super) struct Pin {
    /// `None`: revoked, its memory was needed.
    pub(super) item: Option<ItemId>,
    /// Where the next byte is: chunk and offset in it.
    pub(super) at: Option<(ItemId, usize)>,
    /// Bytes still to be read.
    pub(super) left: usize,
    /// They are being read at this moment, without the lock: the item cannot be revoked.
    pub(super) lent: bool,
}

/// How an item is held.
#[cfg(feature = "debug-commands")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HoldKind {
    /// Once at most.
    Lock,
    /// Any number of times.
    Reference,
}

/// One hold.
#[cfg(feature = "debug-commands")]
#[derive(Debug)]
pub(super) struct Hold {
    pub(super) key: Box<[u8]>,
    pub(super) kind: HoldKind,
    pub(super) pin: u64,
}
