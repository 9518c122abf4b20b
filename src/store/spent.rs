//! How every byte of item memory is spent: sums over classes that add up to the limit.
//!
//! A page is its chunks and a tail too short for one. A chunk in use is that of a plain item
//! (header, payload, waste) or belongs to a long item: its head, or a piece of its chain. What of
//! those is neither header nor payload of a stored item is being received, or read to its end, or
//! waste.

use super::geometry::{HEADER_SIZE, PAGE_SIZE};
use super::item::Chain;
use super::{ClassStats, StoreStats};

/// What item memory holds, in bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Spent {
    /// The limit, in whole pages: the sum of all that follows, less `beyond`.
    pub limit: u64,
    /// Keys and values; client flags, deadlines and CAS that clients chose, in items that have a
    /// place for them.
    pub payload: u64,
    /// Headers of items and of pieces of long ones, and what names their chains.
    pub headers: u64,
    /// Room in chunks behind plain items.
    pub waste: u64,
    /// Room in chunks of long items.
    pub long_waste: u64,
    /// Values being received, and those that are gone but for their readers.
    pub unlinked: u64,
    /// Free chunks.
    pub free: u64,
    /// Ends of pages.
    pub tails: u64,
    /// Index, deadlines and ghosts, as far as they count within the limit: in whole pages, beyond
    /// the part of it that they have outside.
    pub tables: u64,
    /// Pages that no class owns.
    pub unassigned: u64,
    /// Pages that are still to be given back after the limit was lowered, or tables grew.
    pub beyond: u64,
    /// By class, index 0 is class 1.
    pub classes: Vec<ClassSpent>,
}

/// How the pages of a class are spent, in bytes: all of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ClassSpent {
    /// Plain items: headers and payload.
    pub items: u64,
    /// Room behind them.
    pub waste: u64,
    /// Chunks of long items.
    pub long: u64,
    /// Free chunks.
    pub free: u64,
    /// Ends of pages.
    pub tails: u64,
}

impl StoreStats {
    /// How every byte of item memory is spent.
    pub fn spent(&self) -> Spent {
        let (page, header, chain) = (PAGE_SIZE as u64, HEADER_SIZE as u64, Chain::SIZE as u64);
        let limit = (self.limit_bytes / page).max(1) * page;
        let (owned, tables) = (self.pages_used * page, self.tables_inside * page);
        let mut spent = Spent {
            limit,
            tables,
            unassigned: limit.saturating_sub(owned + tables),
            beyond: (owned + tables).saturating_sub(limit),
            ..Spent::default()
        };
        let (mut long, mut pieces) = (0, 0);
        for (number, class) in self.classes.iter().enumerate() {
            // Long items stand in line in the last class, wherever their chunks are.
            let is_last = number + 1 == self.classes.len();
            let (long_items, long_bytes) =
                if is_last { (self.long_items, self.long_bytes) } else { (0, 0) };
            let items = class.items.iter().sum::<u64>() - long_items;
            let part = class.spent(items, class.requested_bytes - long_bytes);
            spent.payload += part.items - items * header;
            spent.headers += class.used_chunks * header;
            spent.waste += part.waste;
            spent.free += part.free;
            spent.tails += part.tails;
            long += part.long;
            pieces += class.used_chunks - items;
            spent.classes.push(part);
        }
        let long_payload = self.long_bytes - self.long_items * (header + chain);
        let names = self.long_items * chain;
        let rest = long - pieces * header - long_payload - names;
        spent.payload += long_payload;
        spent.headers += names;
        spent.unlinked = rest.min(self.upload_bytes + self.pinned_dead_bytes);
        spent.long_waste = rest - spent.unlinked;
        spent
    }
}

impl ClassStats {
    /// How its pages are spent, `items` plain items of `bytes` being in them.
    fn spent(&self, items: u64, bytes: u64) -> ClassSpent {
        let (chunk, page) = (u64::from(self.chunk_size), PAGE_SIZE as u64);
        let chunks = self.pages * u64::from(self.chunks_per_page);
        ClassSpent {
            items: bytes,
            waste: items * chunk - bytes,
            long: (self.used_chunks - items) * chunk,
            free: (chunks - self.used_chunks) * chunk,
            tails: self.pages * page - chunks * chunk,
        }
    }
}

impl Spent {
    /// The sum of the parts, which is the limit and what is beyond it.
    pub fn sum(&self) -> u64 {
        let in_use = self.payload + self.headers + self.waste + self.long_waste + self.unlinked;
        in_use + self.free + self.tails + self.tables + self.unassigned
    }
}
