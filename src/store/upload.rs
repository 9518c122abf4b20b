//! A value being received, and what it is to become. Its bytes come from a buffer (`chunked.rs`)
//! or straight from a socket (`direct.rs`).
//!
//! Invariant: the head is an unlinked, chained item, and `received ≤ len` bytes stand in its chain.

use super::item::ItemId;
use super::{Deadline, KeyHash, Seconds, SetArgs, SetMode, SetRare};

/// A value being received.
#[derive(Debug)]
pub(super) struct Upload {
    pub(super) head: ItemId,
    pub(super) key: Box<[u8]>,
    pub(super) mode: SetMode,
    pub(super) compare: Option<u64>,
    pub(super) rare: SetRare,
    /// Announced length.
    pub(super) len: u32,
    pub(super) received: u32,
    /// When the last bytes came.
    pub(super) active: Seconds,
    /// Its place in the order in which uploads began.
    pub(super) begun: u64,
}

/// An upload's operands.
pub(super) struct UploadArgs {
    pub(super) key: Box<[u8]>,
    pub(super) hash: KeyHash,
    pub(super) flags: u32,
    pub(super) deadline: Deadline,
    pub(super) mode: SetMode,
    pub(super) compare: Option<u64>,
    pub(super) rare: SetRare,
    /// Announced length.
    pub(super) len: u32,
}

impl UploadArgs {
    pub(super) fn args(&self) -> SetArgs<'_> {
        let UploadArgs { ref key, hash, flags, deadline, mode, compare, rare, .. } = *self;
        SetArgs { key, hash, flags, deadline, mode, compare, rare }
    }
}
