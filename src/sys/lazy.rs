//! Zeroed arrays that cost memory only where they were written: of plain words, and of words that
//! one thread may read while another writes them.
//!
//! Several arrays of a kind that are used in turn (one a shard) are told apart by a number: they
//! begin at different places in their huge pages. Otherwise all their fronts would share the same
//! few sets of the caches and, worse, of the TLB: with 64 shards a get took a quarter longer.

use std::io;
use std::ops::Range;
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::memory::{BASE_PAGE, Backing, HUGE_PAGE, Part, Region};

/// Bytes by which an array begins further on than the one before it: more than the sets of any
/// cache or TLB span, and not a multiple of what they span.
const STEP: usize = 17 * 4096;

/// Bytes before the array of this number.
fn lead(number: usize) -> usize {
    number % (HUGE_PAGE / STEP) * STEP
}

/// A zeroed array of 32-bit words that costs memory only where it was written. A slice in all
/// other respects.
#[derive(Debug)]
pub struct LazyWords {
    region: Region,
    /// Bytes before the first word.
    lead: usize,
    words: usize,
}

/// Memory for so many elements of `size` bytes, behind a lead.
fn reserve(elements: usize, size: usize, lead: usize) -> io::Result<Region> {
    // A length that wrapped would make a slice longer than its memory.
    let bytes = elements.checked_mul(size).and_then(|bytes| bytes.checked_add(lead));
    Region::reserve(bytes.ok_or(io::ErrorKind::OutOfMemory)?, Backing::Lazy)
}

impl LazyWords {
    /// Reserve room for `words` words, all 0, in the array of this number.
    ///
    /// # Errors
    /// As `Region::reserve`.
    pub fn new(words: usize, number: usize) -> io::Result<LazyWords> {
        let lead = lead(number);
        Ok(LazyWords { region: reserve(words, 4, lead)?, lead, words })
    }
    fn first(&self) -> *mut u32 {
        // SAFETY: inside the region, which is longer than its lead.
        unsafe { self.region.base().add(self.lead).cast().as_ptr() }
    }
}

impl std::ops::Deref for LazyWords {
    type Target = [u32];
    #[inline]
    fn deref(&self) -> &[u32] {
        // SAFETY: the region holds at least `words` words, aligned and initialised (zeroed), and
        // only this value makes references into it.
        unsafe { std::slice::from_raw_parts(self.first(), self.words) }
    }
}

impl std::ops::DerefMut for LazyWords {
    #[inline]
    fn deref_mut(&mut self) -> &mut [u32] {
        // SAFETY: as in `deref`, and `&mut self` makes it the only reference.
        unsafe { std::slice::from_raw_parts_mut(self.first(), self.words) }
    }
}

/// The words of a cache line.
pub type Line = [AtomicU64; 8];

/// A zeroed array of cache lines that costs memory only where it was written. Clones are the same
/// array: whoever has one may read and write any word at any time, a word at once.
#[derive(Debug, Clone)]
pub struct LazyLines {
    /// In the region, at hand: every lookup begins there.
    first: NonNull<Line>,
    lines: usize,
    region: Arc<Region>,
}

// SAFETY: all access is to atomics, in memory that has no affinity to a thread.
unsafe impl Send for LazyLines {}
// SAFETY: as above.
unsafe impl Sync for LazyLines {}

impl LazyLines {
    /// Reserve room for `lines` lines, all 0, in the array of this number.
    ///
    /// # Errors
    /// As `Region::reserve`.
    pub fn new(lines: usize, number: usize) -> io::Result<LazyLines> {
        let lead = lead(number);
        let region = Arc::new(reserve(lines, size_of::<Line>(), lead)?);
        // SAFETY: inside the region, which is longer than its lead.
        let first = unsafe { region.base().add(lead).cast() };
        Ok(LazyLines { first, lines, region })
    }
    /// Bytes before the first line, back to where a huge page begins.
    pub fn lead(&self) -> usize {
        self.address() - self.region.base().as_ptr() as usize
    }
    /// Lines there are.
    #[expect(clippy::len_without_is_empty, reason = "nobody asks")]
    pub fn len(&self) -> usize {
        self.lines
    }
    /// Where the first line is.
    #[inline(always)]
    pub fn address(&self) -> usize {
        self.first.as_ptr() as usize
    }
    /// A line, if it is there. There is no slice of them all: to miri each reference costs what it
    /// covers.
    #[inline(always)]
    pub fn get(&self, at: usize) -> Option<&Line> {
        if at >= self.lines {
            return None;
        }
        // SAFETY: the region, which `self` keeps, holds at least `lines` lines, aligned and
        // initialised (zeroed), and no other references than such are made into it.
        Some(unsafe { self.first.add(at).as_ref() })
    }
    /// A range of lines, as far as they are there.
    pub fn part(&self, from: usize, lines: usize) -> Part {
        let bytes = |lines: usize| lines.saturating_mul(size_of::<Line>());
        Part::new(&self.region, self.lead().saturating_add(bytes(from)), bytes(lines))
    }
    /// Set a range of lines to 0, and give the memory of whole pages among them back to the system.
    pub fn release(&self, lines: Range<usize>) {
        assert!(lines.start <= lines.end && lines.end <= self.lines, "lines that are there");
        let clear = |lines: Range<usize>| {
            let words = lines.flat_map(|at| &self[at]);
            words.for_each(|word| word.store(0, Ordering::Relaxed));
        };
        let (lead, size) = (self.lead(), size_of::<Line>());
        let begin = (lead + lines.start * size).next_multiple_of(BASE_PAGE);
        let end = (lead + lines.end * size) / BASE_PAGE * BASE_PAGE;
        // SAFETY: inside the region, in which there are only atomics; whoever reads one meanwhile
        // sees what was there or zero, as if it had been stored.
        if begin >= end || !unsafe { self.region.give_back(begin, end - begin) } {
            return clear(lines);
        }
        clear(lines.start..(begin - lead) / size);
        clear((end - lead) / size..lines.end);
    }
}

impl std::ops::Index<usize> for LazyLines {
    type Output = Line;
    #[inline(always)]
    fn index(&self, at: usize) -> &Line {
        self.get(at).expect("a line that is there")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::memory::HUGE_PAGE;
    use std::sync::atomic::AtomicBool;
    use std::sync::atomic::Ordering::Relaxed;

    #[test]
    fn words_begin_as_zero_and_keep_what_is_written() {
        let mut words = LazyWords::new(100_000, 3).unwrap();
        assert!(words.iter().all(|&w| w == 0));
        words[99_999] = 7;
        assert_eq!(words[99_999], 7);
        assert_eq!(words.len(), 100_000);
    }

    /// How many words are not 0.
    fn written(lines: &LazyLines) -> usize {
        (0..lines.len()).flat_map(|at| &lines[at]).filter(|word| word.load(Relaxed) != 0).count()
    }

    #[test]
    fn clones_are_the_same_lines() {
        let count = if cfg!(miri) { 1000 } else { 10_000 };
        let lines = LazyLines::new(count, 29).unwrap();
        let clone = lines.clone();
        assert_eq!((lines.len(), written(&lines)), (count, 0));
        lines[count - 1][7].store(7, Relaxed);
        drop(lines);
        assert_eq!((clone[count - 1][7].load(Relaxed), written(&clone)), (7, 1));
    }

    #[test]
    fn neighbours_begin_at_different_places_in_a_huge_page() {
        let mut leads: Vec<usize> = (0..8).map(|n| LazyLines::new(1, n).unwrap().lead()).collect();
        leads.dedup();
        assert_eq!((leads[0], leads.len()), (0, 8));
        assert!((0..300).all(|n| lead(n) < HUGE_PAGE));
    }

    #[test]
    fn lines_that_are_prepared_stay_as_they_are() {
        let half = if cfg!(miri) { 1 << 10 } else { HUGE_PAGE / size_of::<Line>() };
        let lines = LazyLines::new(2 * half, 1).unwrap();
        let part = lines.part(half, half);
        std::thread::scope(|scope| {
            scope.spawn(move || {
                part.advise_huge();
                part.populate();
            });
            lines[half][0].store(7, Relaxed);
        });
        assert_eq!((lines[half][0].load(Relaxed), written(&lines)), (7, 1));
    }

    #[test]
    fn no_write_is_lost_to_who_prepares_the_same_word() {
        let lines = LazyLines::new(1, 0).unwrap();
        let part = lines.part(0, 1);
        let times = if cfg!(miri) { 100 } else { 5_000_000 };
        let counted = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !counted.load(Relaxed) {
                    part.populate();
                }
            });
            for _ in 0..times {
                lines[0][0].fetch_add(1, Relaxed);
            }
            counted.store(true, Relaxed);
        });
        assert_eq!(lines[0][0].load(Relaxed), times);
    }

    #[test]
    fn released_lines_are_zero_and_their_neighbours_stay() {
        let page = BASE_PAGE / size_of::<Line>();
        for (from, to) in [(page, 3 * page), (page + 3, 3 * page - 5), (7, 9), (page, page)] {
            let lines = LazyLines::new(4 * page, 2).unwrap();
            let all = |mut range: Range<usize>, is| {
                range.all(|at| lines[at].iter().all(|word| word.load(Relaxed) == is))
            };
            (0..4 * page).flat_map(|at| &lines[at]).for_each(|word| word.store(7, Relaxed));
            lines.release(from..to);
            assert!(all(from..to, 0) && all(0..from, 7) && all(to..4 * page, 7));
            lines[from][0].store(8, Relaxed);
            assert_eq!(lines[from][0].load(Relaxed), 8);
        }
    }

    #[test]
    #[cfg(not(miri))]
    fn locked_lines_are_zero_when_released() {
        let lines = LazyLines::new(BASE_PAGE / size_of::<Line>(), 0).unwrap();
        // SAFETY: the lines' own memory. A refused lock only makes the test weaker.
        unsafe { libc::mlock(lines.first.as_ptr().cast(), BASE_PAGE) };
        lines[1][1].store(9, Relaxed);
        lines.release(0..lines.len());
        assert_eq!(written(&lines), 0);
    }

    /// Whatever the system does with mappings of which nobody says anything.
    #[test]
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    fn no_huge_page_is_given_to_who_did_not_ask() {
        let lines = LazyLines::new(1, 3).unwrap();
        let at = lines.address();
        let maps = std::fs::read_to_string("/proc/self/smaps").unwrap();
        let covers = |line: &str| {
            let (from, to) = line.split(' ').next()?.split_once('-')?;
            let number = |hex| usize::from_str_radix(hex, 16).ok();
            Some((number(from)?..number(to)?).contains(&at))
        };
        let mut behind = maps.lines().skip_while(|line| covers(line) != Some(true));
        let flags = behind.find(|line| line.starts_with("VmFlags:")).expect("a mapping has flags");
        assert!(flags.split(' ').any(|flag| flag == "nh"), "{flags}");
    }

    #[test]
    fn impossible_sizes_are_errors() {
        assert!(LazyWords::new(usize::MAX / 4 + 2, 0).is_err());
        assert!(LazyLines::new(usize::MAX / size_of::<Line>(), 1).is_err());
    }
}
