//! `stats memory`, which memcached has not: how every byte of -m is spent, and what lies outside.

use super::{Lines, Sources, Visit};
use crate::sys::process;

/// First what is inside, whose sum is `limit_bytes` (in whole pages) and `beyond_limit_bytes`; then
/// how large the tables are, of which `table_bytes` are inside, and what is outside; then the
/// classes that own pages, whose sums are those pages.
pub fn memory(from: &Sources<'_>, visit: &mut Visit<'_>) {
    let mut lines = Lines::new(visit);
    let store = from.store;
    let spent = store.spent();
    for (name, bytes) in [
        ("limit_bytes", spent.limit),
        ("payload_bytes", spent.payload),
        ("header_bytes", spent.headers),
        ("waste_bytes", spent.waste),
        ("long_waste_bytes", spent.long_waste),
        ("unlinked_bytes", spent.unlinked),
        ("free_chunk_bytes", spent.free),
        ("page_tail_bytes", spent.tails),
        ("table_bytes", spent.tables),
        ("unassigned_bytes", spent.unassigned),
        ("beyond_limit_bytes", spent.beyond),
        ("index_bytes", store.hash_bytes),
        ("expiry_bytes", store.expiry_bytes),
        ("ghost_bytes", store.ghost_bytes),
        ("buffer_bytes", from.shared.workers.iter().map(|w| w.buffer_bytes.get()).sum()),
        ("resident_bytes", process::resident_bytes().unwrap_or(0)),
    ] {
        lines.stat(name, bytes);
    }
    for (class, c) in spent.classes.iter().enumerate() {
        if store.classes[class].pages == 0 {
            continue;
        }
        for (name, bytes) in [
            ("item_bytes", c.items),
            ("waste_bytes", c.waste),
            ("long_bytes", c.long),
            ("free_chunk_bytes", c.free),
            ("page_tail_bytes", c.tails),
        ] {
            lines.stat(format_args!("{}:{name}", class + 1), bytes);
        }
    }
}
