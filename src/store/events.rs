//! What can happen to an item, as it is told to those who asked, and the journal in which a shard
//! keeps it until they come. `journal.rs` says what is recorded, and when.
//!
//! Invariant: a journal holds at most [`EVENTS_MAX`] events, unless a test records reclaims; what
//! there was no room for is counted.

use std::collections::BTreeMap;

use super::slab::ClassId;
use super::{Seconds, SetMode, Stored};

/// Events that wait in one shard; further ones are lost, and counted.
const EVENTS_MAX: usize = 4096;

/// Something that happened to an item. Classes count from 1, as they are shown; 0 is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A live item was removed to make room.
    Evicted {
        /// Its key.
        key: Box<[u8]>,
        /// Somebody had read it.
        fetched: bool,
        /// Seconds it would have lived on; `None`: for ever.
        ttl: Option<Seconds>,
        /// Seconds since it was last used.
        idle: Seconds,
        /// Its class.
        class: u32,
        /// Length of its value.
        len: usize,
    },
    /// A dead item was removed (told to tests only).
    Reclaimed {
        /// Its key.
        key: Box<[u8]>,
    },
    /// A page went from one class to another, or was to go.
    PageMoved {
        /// The class that lost it; 0: the pool.
        from: u32,
        /// The class that got it; 0: the pool.
        to: u32,
        /// It went; otherwise what was in it could not be moved.
        done: bool,
    },
    /// A crawl of a shard is over: what it saw in one queue of one class.
    Crawled {
        /// The class.
        class: u32,
        /// The queue's name.
        queue: &'static str,
        /// Seconds since the crawl before it was over; 0 if that is not known.
        since: Seconds,
        /// Seconds until there may be something to look at again; 0: no item will die.
        next: Seconds,
        /// Seconds it took.
        elapsed: Seconds,
        /// Items looked at.
        examined: u64,
        /// Items that were dead, and removed.
        reclaimed: u64,
    },
    /// A verb looked for a key.
    LookedUp {
        /// The key.
        key: Box<[u8]>,
        /// What was found.
        found: Found,
        /// The class of a live item.
        class: u32,
        /// Length of its value.
        len: usize,
    },
    /// A storage command ended.
    Stored {
        /// The key.
        key: Box<[u8]>,
        /// Under what condition.
        mode: SetMode,
        /// A CAS was given to compare with.
        compared: bool,
        /// How.
        outcome: Stored,
        /// Seconds the new item lives; 0: for ever.
        ttl: Seconds,
        /// The class of the new item.
        class: u32,
        /// Length of the key's value if it was stored, of the one that was sent otherwise.
        len: usize,
    },
    /// A client removed an item.
    Deleted {
        /// Its key.
        key: Box<[u8]>,
        /// Its class.
        class: u32,
        /// Length of its value.
        len: usize,
    },
}

/// What a lookup found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// Nothing.
    Nothing,
    /// A live item.
    Alive,
    /// An item that a flush had killed.
    Flushed,
    /// An item whose time was over.
    Expired,
}

/// One shard's events that nobody took yet.
#[derive(Debug, Default)]
pub(super) struct Journal {
    /// Evictions and page moves are recorded.
    pub(super) memory: bool,
    /// Reclaims are, too.
    pub(super) reclaims: bool,
    events: Vec<Event>,
    /// Events there was no room for.
    lost: u64,
    pub(super) crawl: CrawlRecord,
}

/// What a crawl has seen so far, while somebody wants to know.
#[derive(Debug, Default)]
pub(super) struct CrawlRecord {
    pub(super) begun: Seconds,
    /// When the one before was over; 0: not known.
    pub(super) ended: Seconds,
    /// Items looked at and removed, by class and queue.
    pub(super) seen: BTreeMap<(ClassId, u8), (u64, u64)>,
}

impl Journal {
    pub(super) fn push(&mut self, event: Event) {
        if self.events.len() < EVENTS_MAX || self.reclaims {
            self.events.push(event);
        } else {
            self.lost += 1;
        }
    }
    /// Move all events to `to`; how many were lost.
    pub(super) fn drain_to(&mut self, to: &mut Vec<Event>) -> u64 {
        to.append(&mut self.events);
        std::mem::take(&mut self.lost)
    }
}
