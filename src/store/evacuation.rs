//! A page that is emptied so that somebody else can have it: what of it is worth another place,
//! how far it has been cleared, and what came of a step. Pages are emptied for a class that claims
//! one (`claims.rs`), for whoever cannot do without (`clearing.rs`), and because somebody asked
//! (`moves.rs`); all three do it a chunk at a time (`Shard::vacate`).

/// Which items of a page that is to be emptied are worth another place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Keep {
    /// Those that proved it, if there is room: COLD ones go.
    Used,
    /// Those that proved it: what is next in line goes instead.
    Best,
    /// All that live; others are evicted for them.
    All,
}

/// A page that is being cleared.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clearing {
    pub(super) page: usize,
    /// The next chunk to look at.
    pub(super) next: usize,
    /// It held few when it was chosen: others are evicted for them.
    pub(super) few: bool,
}

/// How a step ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cleared {
    /// There are as many empty pages as were wanted.
    Ready,
    /// There may be, after more steps.
    More,
    /// Nothing can be cleared.
    Impossible,
}
