//! `stats items`, `stats slabs`, `stats sizes`: class by class.

use super::{Lines, Sources, Visit};
use crate::store::{ClassStats, PAGE_BYTES};

/// Classes that hold items, as `items:<class>:<field>`.
pub fn items(from: &Sources<'_>, visit: &mut Visit<'_>) {
    let mut lines = Lines::new(visit);
    let config = &from.config.store;
    let temp_lru = from.store.tuning.temporary_ttl.is_some();
    for (class, c) in numbered(&from.store.classes) {
        if c.items.iter().sum::<u64>() > 0 {
            class_items(class, c, config.segmented, temp_lru, &mut lines);
        }
    }
}

/// Classes with the numbers they are known by: the first is 1.
fn numbered(classes: &[ClassStats]) -> impl Iterator<Item = (usize, &ClassStats)> {
    classes.iter().enumerate().map(|(i, class)| (i + 1, class))
}

fn class_items(
    class: usize,
    c: &ClassStats,
    segmented: bool,
    temp_lru: bool,
    lines: &mut Lines<'_, '_>,
) {
    let mut stat = |name: &str, value: u64| lines.stat(format_args!("items:{class}:{name}"), value);
    let [hot, warm, cold, temp] = c.items;
    let [age_hot, age_warm, age_cold, _] = c.tail_age;
    stat("number", hot + warm + cold + temp);
    if segmented {
        stat("number_hot", hot);
        stat("number_warm", warm);
        stat("number_cold", cold);
        if temp_lru {
            stat("number_temp", temp);
        }
        stat("age_hot", age_hot.into());
        stat("age_warm", age_warm.into());
    }
    stat("age", age_cold.into());
    stat("mem_requested", c.requested_bytes);
    stat("evicted", c.evicted);
    stat("evicted_nonzero", c.evicted_nonzero);
    stat("evicted_time", c.evicted_time.into());
    stat("outofmemory", c.outofmemory);
    stat("tailrepairs", 0); // no reference count can hold a tail; exporters look for it
    stat("reclaimed", c.reclaimed);
    stat("expired_unfetched", c.expired_unfetched);
    stat("evicted_unfetched", c.evicted_unfetched);
    if segmented {
        stat("evicted_active", c.evicted_active);
    }
    stat("crawler_reclaimed", c.crawler_reclaimed);
    stat("crawler_items_checked", c.crawler_items_checked);
    stat("lrutail_reflocked", 0);
    if segmented {
        let [hits_hot, hits_warm, hits_cold, hits_temp] = c.hits;
        stat("moves_to_cold", c.moves_to_cold);
        stat("moves_to_warm", c.moves_to_warm);
        stat("moves_within_lru", c.moves_within_lru);
        stat("direct_reclaims", c.direct_reclaims);
        stat("hits_to_hot", hits_hot);
        stat("hits_to_warm", hits_warm);
        stat("hits_to_cold", hits_cold);
        stat("hits_to_temp", hits_temp);
    }
}

/// Classes that own pages, as `<class>:<field>`, and two sums.
pub fn slabs(from: &Sources<'_>, visit: &mut Visit<'_>) {
    let mut lines = Lines::new(visit);
    let mut active = 0;
    for (class, c) in numbered(&from.store.classes).filter(|(_, c)| c.pages > 0) {
        active += 1;
        let mut stat = |name: &str, value: u64| lines.stat(format_args!("{class}:{name}"), value);
        let chunks = c.pages * u64::from(c.chunks_per_page);
        stat("chunk_size", c.chunk_size.into());
        stat("chunks_per_page", c.chunks_per_page.into());
        stat("total_pages", c.pages);
        stat("total_chunks", chunks);
        stat("used_chunks", c.used_chunks);
        stat("free_chunks", chunks.saturating_sub(c.used_chunks));
        stat("free_chunks_end", 0);
        stat("get_hits", c.hits.iter().sum());
        stat("cmd_set", c.cmd_set);
        stat("delete_hits", c.delete_hits);
        stat("incr_hits", c.incr_hits);
        stat("decr_hits", c.decr_hits);
        stat("cas_hits", c.cas_hits);
        stat("cas_badval", c.cas_badval);
        stat("touch_hits", c.touch_hits);
    }
    lines.stat("active_slabs", active);
    lines.stat("total_malloced", from.store.pages_used * PAGE_BYTES);
}

/// How many items there are of each size, in steps of 32 bytes.
pub fn sizes(from: &Sources<'_>, visit: &mut Visit<'_>) {
    let mut lines = Lines::new(visit);
    if !from.config.store.track_sizes {
        return lines.stat("sizes_status", "disabled");
    }
    for (upper, count) in from.store.sizes.iter().filter(|(_, count)| *count > 0) {
        lines.stat(upper, count);
    }
}
