//! Page, chunk and class sizes, and how they must agree.

use super::StoreConfig;

/// Bytes of a page. Small, so that even a cache of a few MiB can give every class one; a value
/// larger than a chunk is chained, so nothing needs a larger page.
pub(super) const PAGE_SIZE: usize = 64 << 10;
/// Items begin at multiples of this, and ids count in it.
pub(super) const ITEM_ALIGN: usize = 8;
/// Bits of an item id that name the place in a page.
pub(super) const UNIT_BITS: u32 = 13;
/// Most pages a shard can name: 32 GiB less one page (page 0 is no page, so no id is 0).
pub(super) const PAGES_MAX: usize = (1 << (32 - UNIT_BITS)) - 1;
/// Bytes of an item header.
pub(super) const HEADER_SIZE: usize = 20;
/// Bytes of the deadline behind the header of an item that has a place for one.
pub(super) const DEADLINE_SIZE: usize = 4;
/// Largest chunk: half a page, so that a page always holds two.
pub(super) const CHUNK_SIZE_MAX: u32 = (PAGE_SIZE / 2) as u32;
/// Most classes: ids are 1..=63 to every tool that reads `stats slabs` (memcached 9.2).
pub(super) const CLASSES_MAX: usize = 63;
/// Most shards: each takes memory, and time of who has to visit all, and beyond so many nothing is
/// gained (each of 64 workers finds a free lock with probability 63/64 or better).
const SHARDS_MAX: usize = 64;
/// Least memory of a shard: some 28 classes of two pages are 3.5 MiB, and LRU order is kept per
/// shard, so a shard should hold several times that.
const SHARD_BYTES_MIN: u64 = 16 << 20;
/// Memory of a shard, beyond that, for which it is worth to have one more. Of values of 20 bytes to
/// 20 KB, all sizes alike, a gigabyte holds 92 % of itself in 8 shards, 90 in 32 and 86 in 64, for
/// each has a page begun in each class; gets of two workers wait for each other in 8 and hardly in
/// 32 (`benches/store/scaling.rs`).
const SHARD_BYTES_WANTED: u64 = 32 << 20;
/// What memcached adds to key and value when it measures an item against `-I` (PROTOCOL 9.1:
/// header 48, NUL 1, CR LF 2). The same values fit here as there.
pub(super) const MEMCACHED_OVERHEAD: u64 = 48 + 1 + 2;
/// And for the CAS, unless -C.
pub(super) const MEMCACHED_CAS: u64 = 8;

/// The memory limit can be raised to so many times what it was at start, or to
/// [`LIMIT_MAX_MIN`]: shards and index are made for it at start, and cost address space only.
const LIMIT_GROWTH: u64 = 4;
/// See [`LIMIT_GROWTH`]. Under miri address space costs as much as memory: 96 MiB, ten seconds.
const LIMIT_MAX_MIN: u64 = if cfg!(miri) { 8 << 20 } else { 1 << 30 };

/// Ids address every unit of a page, and no more.
const _: () = assert!(PAGE_SIZE == ITEM_ALIGN << UNIT_BITS);
/// A plain item's value length must fit the header's 16 bits.
const _: () = assert!(CHUNK_SIZE_MAX as usize - HEADER_SIZE <= u16::MAX as usize);

/// Round up to the alignment of items.
fn round_up(size: u64) -> u64 {
    size.next_multiple_of(ITEM_ALIGN as u64)
}

/// The largest chunk of which as many fit a page: widening a chunk to it costs nothing.
fn widen(size: u32) -> u32 {
    let per_page = PAGE_SIZE as u32 / size;
    PAGE_SIZE as u32 / per_page / ITEM_ALIGN as u32 * ITEM_ALIGN as u32
}

/// Up to this size every multiple of [`ITEM_ALIGN`] is a chunk size, unless the factor asks for
/// less than [`FINE_FACTOR`] does: small items are many, and 16 bytes are a tenth of one.
const FINE_MAX: f64 = 144.0;
/// See [`FINE_MAX`].
const FINE_FACTOR: f64 = 1.1;

/// The chunk sizes, rising; at least one, at most [`CLASSES_MAX`].
pub(super) fn chunk_sizes(config: &StoreConfig) -> Vec<u32> {
    let largest = config.slab_chunk_max.clamp(64, CHUNK_SIZE_MAX) / 8 * 8;
    let mut sizes: Vec<u32> = Vec::new();
    let push = |sizes: &mut Vec<u32>, size: u32| {
        if size < largest && sizes.last().is_none_or(|&last| size > last) {
            sizes.push(size);
        }
    };
    if config.slab_sizes.is_empty() {
        let unit = ITEM_ALIGN as f64;
        let mut size = round_up(u64::from(config.chunk_size_min) + HEADER_SIZE as u64) as f64;
        while size <= f64::from(largest) / config.growth_factor && sizes.len() < CLASSES_MAX - 1 {
            push(&mut sizes, widen(((size / unit).round() * unit) as u32));
            let fine = size < FINE_MAX && config.growth_factor <= FINE_FACTOR;
            let factor = if fine { 1.0 } else { config.growth_factor };
            size = (size * factor).max(size + unit);
        }
    } else {
        for &size in config.slab_sizes.iter().take(CLASSES_MAX - 1) {
            push(&mut sizes, round_up(u64::from(size.clamp(32, largest))) as u32);
        }
    }
    sizes.push(largest);
    sizes
}

/// Shards for a memory limit and a number of workers: a power of two, and 1 for one worker (32 keys
/// must not mean 32 locks). With several it is as many as memory allows, up to some a worker: who
/// waits for a lock waits for its line as well, to come from another core and perhaps from far.
pub(super) fn shard_count(limit_bytes: u64, threads: usize) -> usize {
    let up_to = |wanted: usize, least: u64| {
        let by_memory = 1 << (limit_bytes / least).max(1).ilog2();
        (wanted.next_power_of_two().min(SHARDS_MAX) as u64).min(by_memory)
    };
    let few = up_to(4 * threads, SHARD_BYTES_MIN);
    let many = up_to(16 * threads, SHARD_BYTES_WANTED);
    let wanted = if threads <= 1 { 1 } else { few.max(many) };
    let needed = limit_bytes.div_ceil((PAGES_MAX * PAGE_SIZE) as u64).next_power_of_two();
    wanted.max(needed) as usize
}

/// What a limit can be raised to while the store runs.
pub(super) fn limit_max(limit_bytes: u64, shards: usize) -> u64 {
    let nameable = (shards * PAGES_MAX * PAGE_SIZE) as u64;
    limit_bytes.saturating_mul(LIMIT_GROWTH).max(LIMIT_MAX_MIN).min(nameable).max(limit_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::tests::config;

    #[test]
    fn default_classes_start_at_header_plus_48_and_end_at_half_a_page() {
        let sizes = chunk_sizes(&config(64 << 20));
        assert_eq!(sizes[0], 72);
        assert_eq!(*sizes.last().unwrap(), CHUNK_SIZE_MAX);
        assert!(sizes.windows(2).all(|w| w[0] < w[1] && w[0] % 8 == 0));
        assert!(sizes.len() <= CLASSES_MAX);
    }

    #[test]
    fn our_own_defaults_waste_little() {
        let sizes = chunk_sizes(&StoreConfig::default());
        assert!(sizes.iter().take(14).copied().eq((40..=144).step_by(8)), "{sizes:?}");
        assert!(sizes.len() <= CLASSES_MAX, "{}", sizes.len());
        // Beyond 10 KiB a page divides into so few that the steps are larger.
        for pair in sizes.windows(2).filter(|pair| pair[1] < 10 << 10) {
            assert!(pair[1] * 100 <= pair[0] * 120, "{pair:?}");
        }
        for &size in &sizes {
            let lost = PAGE_SIZE as u32 % size;
            assert!(lost < PAGE_SIZE as u32 / size * ITEM_ALIGN as u32, "{size} loses {lost}");
        }
    }

    #[test]
    fn a_small_factor_stops_at_the_most_classes() {
        let mut c = config(64 << 20);
        c.growth_factor = 1.01;
        assert_eq!(chunk_sizes(&c).len(), CLASSES_MAX);
        c.growth_factor = 1.08;
        assert_eq!(*chunk_sizes(&c).last().unwrap(), CHUNK_SIZE_MAX);
    }

    #[test]
    fn explicit_sizes_are_taken_and_the_largest_added() {
        let mut c = config(64 << 20);
        c.slab_sizes = vec![100, 200];
        assert_eq!(chunk_sizes(&c), [104, 200, CHUNK_SIZE_MAX]);
    }

    #[test]
    fn a_minimum_beyond_the_largest_chunk_leaves_one_class() {
        let mut c = config(64 << 20);
        c.chunk_size_min = 1 << 20;
        assert_eq!(chunk_sizes(&c), [CHUNK_SIZE_MAX]);
    }

    #[test]
    fn shards_follow_memory_and_threads() {
        assert_eq!(shard_count(64 << 20, 1), 1);
        assert_eq!(shard_count(64 << 20, 4), 4);
        assert_eq!(shard_count(1 << 20, 4), 1);
        assert_eq!(shard_count(128 << 20, 64), 8);
        assert_eq!(shard_count(1 << 30, 2), 32);
        assert_eq!(shard_count(1 << 30, 4), 32);
        assert_eq!(shard_count(1 << 30, 64), 64);
        assert_eq!(shard_count(16 << 30, 2), 32);
        assert_eq!(shard_count(4 << 30, 4), 64);
        assert_eq!(shard_count(64 << 30, 1), 4);
        assert_eq!(shard_count(1 << 40, 64), 64);
    }
}
