//! Which chunks hold items that have expired: a timing wheel of page sets, and a byte a chunk.
//!
//! Deadlines are numbers in base 64, and the wheel has four levels of 64 slots, one for each
//! value of a digit. A deadline stands at the level of the highest digit in which it differs from
//! `open`, in the slot of its own digit there; its **tag** is the two in one byte. Each chunk has
//! the tag it was last given, and each slot a set of pages, a bit each: those in which some chunk
//! was given its tag. When a slot's second has come, its pages are gone through, a byte a chunk;
//! an item found there has expired, or (levels 1 to 3) gets a tag of a lower level. What lies
//! beyond the four levels (194 days) has the tag of level 3, slot 0, which needs none: a digit in
//! which a deadline is ahead is at least 1. What is dead when it is stored has that of level 1,
//! slot 0, whose turn it always is.
//!
//! Tags and bits are hints: whoever follows them looks at the item. So nothing is done for an item
//! that is deleted, overwritten or evicted; at most it costs a look at a page in its time.
//!
//! # Why so
//!
//! Per item that expires this costs a share of a look at a page: some 30 steps over 32 bytes each
//! for a page of the smallest items, 3 for one of 1000 bytes. No look finds nothing unless what it
//! was meant for went before its time. Per chunk it costs a byte, in pages that hold items with a
//! TTL, and per page 32: 1.05 bytes for an item of 72. Weighed:
//!
//! - a page's earliest deadline (before): with mixed TTLs each page was searched each second,
//!   header by header, some 4 µs whatever it held;
//! - lists through the items: 8 bytes an item, and two neighbours' cache lines at every store;
//! - a wheel of 32-bit ids: a store only appends, but what dies early leaves its entry behind. One
//!   key stored a million times a second for an hour is 14 GB of them, or a collector of garbage;
//! - pages shared only by items of similar deadlines: whole pages fall free, but every class needs
//!   pages by the dozen, and small caches (64 MiB: some 250 pages a shard) have not so many.
//!
//! # Invariant
//!
//! Of every linked item with a deadline, the slot of its chunk's tag comes no later than the item
//! dies, and has the bit of its page and its own
//! in `occupied`; or else it is being gone through and will still come to this chunk.

use super::{Deadline, Seconds};

/// Bits of a digit.
const BITS: u32 = 6;
/// Slots of a level.
const SLOTS: u32 = 1 << BITS;
/// Levels of slots: as many as a byte can tell apart.
const LEVELS: u32 = 4;
/// What is ahead in none of the lowest four digits.
const FAR: u8 = ((LEVELS - 1) * SLOTS) as u8;
/// What is not ahead.
const DEAD: u8 = SLOTS as u8;
/// Chunks looked at in one step, and found at most at a time.
const BLOCK: usize = 32;

const _: () = assert!(SLOTS * LEVELS == 1 << u8::BITS && BLOCK == u32::BITS as usize);

/// The deadlines of a shard.
#[derive(Debug)]
pub(super) struct Expiry {
    /// The earliest second whose slot of level 0 has not been begun.
    open: Seconds,
    /// The slot that is being gone through.
    round: Option<Round>,
    /// When the slot of `FAR` was last begun.
    far_begun: Seconds,
    /// Slots with pages, a bit each, by level.
    occupied: [u64; LEVELS as usize],
    /// The pages of each slot, a bit each.
    slots: Box<[Vec<u64>]>,
    /// The tags of each page's chunks; empty for a page that needed none yet.
    tags: Vec<Box<[u8]>>,
    /// Bytes of all of them.
    tag_bytes: usize,
}

/// How far a slot has been gone through.
#[derive(Debug, Clone, Copy)]
struct Round {
    tag: u8,
    page: usize,
    /// The next chunk of the page; 0: the page has not been begun.
    chunk: usize,
}

/// Chunks whose time has come: those of `page`, counted from `first`, whose bits are set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Due {
    pub(super) page: usize,
    pub(super) first: usize,
    pub(super) chunks: u32,
}

impl Default for Expiry {
    fn default() -> Expiry {
        Expiry {
            open: 0,
            round: None,
            far_begun: 0,
            occupied: [0; LEVELS as usize],
            slots: vec![Vec::new(); (LEVELS * SLOTS) as usize].into_boxed_slice(),
            tags: Vec::new(),
            tag_bytes: 0,
        }
    }
}

impl Expiry {
    /// An item in a chunk of a page (which has `per_page` of them) dies at `deadline`.
    #[inline]
    pub(super) fn place(&mut self, page: usize, chunk: usize, per_page: usize, deadline: Deadline) {
        let tag = self.tag(deadline);
        let tagged = self.tags.get_mut(page).and_then(|tags| tags.get_mut(chunk));
        let word = self.slots[usize::from(tag)].get_mut(page / 64);
        if let (Some(tagged), Some(word)) = (tagged, word) {
            *tagged = tag;
            *word |= 1 << (page % 64);
            self.occupied[usize::from(tag) / 64] |= 1 << (tag % 64);
        } else {
            self.make_room(page, per_page, tag);
            self.place(page, chunk, per_page, deadline);
        }
    }

    /// Room for a page's tags, and for its bit in a slot.
    #[cold]
    fn make_room(&mut self, page: usize, per_page: usize, tag: u8) {
        if self.tags.len() <= page {
            self.tags.resize_with(page + 1, Box::default);
        }
        if self.tags[page].is_empty() {
            self.tags[page] = vec![0; per_page].into_boxed_slice();
            self.tag_bytes += per_page;
        }
        let slot = &mut self.slots[usize::from(tag)];
        slot.resize(slot.len().max(page / 64 + 1), 0);
    }

    /// The page leaves its class, and its chunks with it.
    pub(super) fn forget(&mut self, page: usize) {
        if let Some(tags) = self.tags.get_mut(page) {
            self.tag_bytes -= tags.len();
            *tags = Box::default();
        }
    }

    /// Where a deadline stands at present.
    #[inline]
    fn tag(&self, deadline: Deadline) -> u8 {
        if deadline < self.open {
            return DEAD;
        }
        let differs = deadline ^ self.open | 1;
        let level = differs.ilog2() / BITS;
        if level < LEVELS { (level * SLOTS + digit(deadline, level)) as u8 } else { FAR }
    }

    /// The next chunks whose time has come; `None`: there are none, or `looks` are used up. A look
    /// is one at a page.
    pub(super) fn next(&mut self, now: Seconds, looks: &mut usize) -> Option<Due> {
        loop {
            if let Some(round) = self.round {
                let due = self.go_on(round, looks);
                if due.is_some() || self.round.is_some() {
                    return due;
                }
            }
            if !self.begin(now) {
                return None;
            }
        }
    }

    /// Begin with the earliest slot whose second has come; `false`: there is none.
    fn begin(&mut self, now: Seconds) -> bool {
        let dead = &mut self.occupied[usize::from(DEAD) / 64];
        // Should the clock have been moved back, they are not dead any more.
        if *dead & 1 != 0 && self.open <= now.saturating_add(1) {
            *dead &= !1;
            self.round = Some(Round { tag: DEAD, page: 0, chunk: 0 });
            return true;
        }
        let Some((second, level)) = self.first_slot().filter(|&(second, _)| second <= now) else {
            self.open = self.open.max(now.saturating_add(1));
            return false;
        };
        let slot = digit(second, level);
        // What is tagged from here on must not stand in this slot: at level 0 that is done by
        // going on to the next second, at the others by being there already.
        self.open = if level == 0 { second.saturating_add(1) } else { second };
        self.occupied[level as usize] &= !(1 << slot);
        let tag = (level * SLOTS + slot) as u8;
        if tag == FAR {
            self.far_begun = second;
        }
        self.round = Some(Round { tag, page: 0, chunk: 0 });
        true
    }

    /// When there may next be something to look at, if any item will die.
    pub(super) fn next_turn(&self) -> Option<Seconds> {
        self.first_slot().map(|(at, _)| at)
    }

    /// The slot that comes first: its second, and its level, the highest if several come.
    fn first_slot(&self) -> Option<(Seconds, u32)> {
        let first =
            |level: u32| Some((self.first_of(level, self.occupied[level as usize])?, level));
        (0..LEVELS).rev().filter_map(first).min_by_key(|&(second, _)| second)
    }

    /// When the first of these slots of a level comes. Those behind `open` have been.
    fn first_of(&self, level: u32, slots: u64) -> Option<Seconds> {
        let step = 1u64 << (level * BITS);
        let round = step * u64::from(SLOTS);
        let begun = u64::from(self.open) / round * round;
        // 64: the round has no slots left.
        let mut ahead = (u64::from(self.open).next_multiple_of(step) - begun) / step;
        let far = level == LEVELS - 1 && slots & 1 != 0;
        if level == 1 || far && self.far_begun == self.open {
            ahead = ahead.max(1); // slot 0 has no time, or has had it
        }
        let slots = slots & u64::MAX.checked_shl(ahead as u32).unwrap_or(0);
        let second = match slots {
            0 if far => begun + round,
            0 => return None,
            _ => begun + u64::from(slots.trailing_zeros()) * step,
        };
        Seconds::try_from(second).ok()
    }

    /// Go on through a slot to the next chunks of its tag.
    fn go_on(&mut self, mut round: Round, looks: &mut usize) -> Option<Due> {
        let slot = &mut self.slots[usize::from(round.tag)];
        loop {
            if round.chunk == 0 {
                let Some(page) = next_bit(slot, round.page) else {
                    self.round = None;
                    return None;
                };
                round.page = page;
                if *looks == 0 {
                    self.round = Some(round);
                    return None;
                }
                *looks -= 1;
                slot[page / 64] &= !(1 << (page % 64));
            }
            let tags = self.tags.get(round.page).map_or(&[][..], |tags| tags);
            let rest = tags.get(round.chunk..).unwrap_or_default();
            let found = find_block(rest, round.tag);
            let Some((block, chunks)) = found else {
                round = Round { page: round.page + 1, chunk: 0, ..round };
                continue;
            };
            let first = round.chunk + block;
            let due = Due { page: round.page, first, chunks };
            round.chunk = first + BLOCK;
            if round.chunk >= tags.len() {
                round = Round { page: round.page + 1, chunk: 0, ..round };
            }
            self.round = Some(round);
            return Some(due);
        }
    }

    /// Bytes it takes up.
    pub(super) fn bytes(&self) -> usize {
        let sets: usize = self.slots.iter().map(|slot| slot.capacity() * 8).sum();
        let fixed = self.slots.len() * size_of::<Vec<u64>>();
        fixed + sets + self.tags.capacity() * size_of::<Box<[u8]>>() + self.tag_bytes
    }

    /// For `check.rs`: the invariant, for an item in this chunk; and the sum of bytes.
    pub(super) fn assert_placed(&self, page: usize, chunk: usize, deadline: Deadline) {
        let tag = self.tags[page][chunk];
        if let Some(round) = self.round.filter(|round| round.tag == tag)
            && (round.page, round.chunk) <= (page, chunk)
            && (round.chunk > 0 && round.page == page || self.has(tag, page))
        {
            return;
        }
        let level = u32::from(tag) / SLOTS;
        let slot = u32::from(tag) % SLOTS;
        assert!(self.has(tag, page), "expiry: a slot knows its pages");
        assert!(self.occupied[level as usize] & 1 << slot != 0, "expiry: a slot is known");
        if tag == DEAD {
            return assert!(deadline < self.open, "expiry: what is not dead has a time");
        }
        let comes = self.first_of(level, 1 << slot).expect("expiry: a slot comes");
        assert!(comes <= deadline, "expiry: a slot comes in time");
    }
    /// For `check.rs`: what does not depend on items.
    pub(super) fn assert_sums(&self) {
        let bytes: usize = self.tags.iter().map(|tags| tags.len()).sum();
        assert_eq!(bytes, self.tag_bytes, "expiry: tag bytes add up");
    }
    fn has(&self, tag: u8, page: usize) -> bool {
        self.slots[usize::from(tag)].get(page / 64).is_some_and(|word| word & 1 << (page % 64) != 0)
    }
}

/// A digit of a time, counted from the lowest.
#[inline]
fn digit(seconds: Seconds, level: u32) -> u32 {
    seconds >> (level * BITS) & (SLOTS - 1)
}

/// The first bit at `from` or behind it.
fn next_bit(words: &[u64], from: usize) -> Option<usize> {
    let mut mask = u64::MAX << (from % 64);
    for (number, word) in words.iter().enumerate().skip(from / 64) {
        let word = word & mask;
        if word != 0 {
            return Some(number * 64 + word.trailing_zeros() as usize);
        }
        mask = u64::MAX;
    }
    None
}

/// The first block of bytes in which `tag` stands: where it begins, and a bit for each place.
#[inline]
fn find_block(bytes: &[u8], tag: u8) -> Option<(usize, u32)> {
    let (blocks, rest) = bytes.as_chunks::<BLOCK>();
    // A sum without a branch, for the compiler to make vector code of.
    let has_tag = |block: &[u8; BLOCK]| block.iter().fold(0, |n, &b| n | u8::from(b == tag)) != 0;
    let bits = |block: &[u8]| {
        block.iter().enumerate().fold(0, |bits, (n, &b)| bits | u32::from(b == tag) << n)
    };
    if let Some(number) = blocks.iter().position(has_tag) {
        return Some((number * BLOCK, bits(&blocks[number])));
    }
    let found = bits(rest);
    (found != 0).then_some((blocks.len() * BLOCK, found))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::{BTreeMap, BTreeSet};

    /// A wheel beside what it should hold.
    struct World {
        expiry: Expiry,
        items: BTreeMap<(usize, usize), Deadline>,
        now: Seconds,
    }

    const PER_PAGE: usize = 75;

    impl World {
        fn new(now: Seconds) -> World {
            World { expiry: Expiry::default(), items: BTreeMap::new(), now }
        }
        fn set(&mut self, page: usize, chunk: usize, deadline: Deadline) {
            self.expiry.place(page, chunk, PER_PAGE, deadline);
            self.items.insert((page, chunk), deadline);
        }
        /// Take out what is due by `looks` looks; how many candidates there were.
        fn reap(&mut self, mut looks: usize) -> usize {
            let mut candidates = 0;
            while let Some(due) = self.expiry.next(self.now, &mut looks) {
                for bit in (0..BLOCK).filter(|bit| due.chunks & 1 << bit != 0) {
                    candidates += 1;
                    let place = (due.page, due.first + bit);
                    match self.items.get(&place) {
                        Some(&deadline) if deadline <= self.now => {
                            self.items.remove(&place);
                        }
                        Some(&deadline) => self.set(place.0, place.1, deadline),
                        None => {}
                    }
                }
                self.check();
            }
            candidates
        }
        fn check(&self) {
            self.expiry.assert_sums();
            for (&(page, chunk), &deadline) in &self.items {
                self.expiry.assert_placed(page, chunk, deadline);
            }
        }
        fn assert_exact(&self) {
            assert!(self.items.values().all(|&deadline| deadline > self.now), "all dead are found");
        }
    }

    #[test]
    fn every_ttl_from_a_second_to_a_century_is_found_in_its_second() {
        let starts = [16_777_215, 63, 62, 64, 4095, 4096, 262_143, 16_777_216, 500_000_000];
        for &start in &starts[..if cfg!(miri) { 1 } else { starts.len() }] {
            let mut world = World::new(start);
            world.reap(usize::MAX);
            let mut ttls = BTreeSet::new();
            for power in (0..31).step_by(if cfg!(miri) { 3 } else { 1 }) {
                ttls.extend([(1 << power) - 1, 1 << power, (1 << power) + 1, 3 << power >> 1]);
            }
            ttls.remove(&0);
            for (n, &ttl) in ttls.iter().enumerate() {
                world.set(n / 7, n % 7, start + ttl);
            }
            for &ttl in &ttls {
                world.now = start + ttl - 1;
                world.reap(usize::MAX);
                assert_eq!(world.items.values().min(), Some(&(start + ttl)), "nothing goes early");
                world.now += 1;
                world.reap(usize::MAX);
                world.assert_exact();
            }
            assert!(world.items.is_empty());
        }
    }

    #[test]
    fn random_deadlines_agree_with_a_map_whatever_the_steps() {
        let mut state = 88_172_645_463_325_252_u64;
        let mut random = |n: u32| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 32) as u32 % n
        };
        let rounds = if cfg!(miri) { 40 } else { 3000 };
        let mut world = World::new(62);
        let mut found = 0;
        for round in 0..rounds {
            for _ in 0..random(8) {
                let (page, chunk) = (random(300) as usize, random(PER_PAGE as u32) as usize);
                let power = random(20);
                let ttl = 1 + random(1 << power);
                match random(10) {
                    0 => drop(world.items.remove(&(page, chunk))),
                    1 if round % 50 == 0 => {
                        world.expiry.forget(page);
                        world.items.retain(|&(of, _), _| of != page);
                    }
                    // Dead on arrival, and later than can be reckoned.
                    2 => world.set(page, chunk, 1),
                    3 => world.set(page, chunk, u32::MAX - random(2)),
                    _ => world.set(page, chunk, world.now + ttl),
                }
            }
            world.now += [0, 0, 1, 1, 1, 2, 70, 5000][random(8) as usize];
            found += world.reap(random(30) as usize);
            world.check();
            if round % 10 == 0 {
                world.reap(usize::MAX);
                world.reap(usize::MAX);
                assert!(world.items.values().all(|&d| d > world.now), "{round}");
            }
        }
        assert!(found > rounds / 8, "{found}");
    }

    #[test]
    fn a_look_at_a_page_finds_what_is_due_and_costs_nothing_else() {
        let pages = if cfg!(miri) { 2 } else { 1000 };
        let mut world = World::new(100);
        world.reap(usize::MAX);
        for page in 0..pages {
            (0..PER_PAGE).for_each(|chunk| world.set(page, chunk, 101 + (chunk as u32) * 40));
        }
        for chunk in 0..PER_PAGE {
            world.now = 101 + chunk as u32 * 40;
            let mut looks = 1_000_000;
            while let Some(due) = world.expiry.next(world.now, &mut looks) {
                for bit in (0..BLOCK).filter(|bit| due.chunks & 1 << bit != 0) {
                    let place = (due.page, due.first + bit);
                    match world.items.get(&place) {
                        Some(&deadline) if deadline > world.now => {
                            world.set(place.0, place.1, deadline);
                        }
                        _ => drop(world.items.remove(&place)),
                    }
                }
            }
            // A page for what is due, and at times one for what comes nearer.
            assert!(1_000_000 - looks <= 3 * pages, "{looks}");
            assert_eq!(world.items.len(), pages * (PER_PAGE - chunk - 1));
        }
    }

    #[test]
    fn one_key_stored_again_and_again_takes_no_more_memory() {
        let mut expiry = Expiry::default();
        expiry.place(3, 5, PER_PAGE, 1000);
        let bytes = expiry.bytes();
        for n in 0..10_000 {
            expiry.place(3, 5, PER_PAGE, 1000 + n % 20);
        }
        assert!(expiry.bytes() - bytes <= 20 * 64, "a few slots' sets at most");
    }

    #[test]
    fn a_block_is_found_wherever_it_stands() {
        let mut bytes = vec![0; 100];
        assert_eq!(find_block(&bytes, 7), None);
        bytes[99] = 7;
        assert_eq!(find_block(&bytes, 7), Some((96, 1 << 3)));
        (bytes[33], bytes[63]) = (7, 7);
        assert_eq!(find_block(&bytes, 7), Some((32, 1 << 1 | 1 << 31)));
        assert_eq!(find_block(&bytes[..33], 7), None);
    }
}
