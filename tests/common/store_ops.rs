//! Operations on a store as plain data, made from random numbers or from a fuzzer's bytes. One
//! vocabulary drives the model test, the fuzz target and whatever else wants to shake a store;
//! `store_twin.rs` carries operations out and judges the outcome.

use std::ops::Range;

use crate::rng::Rng;

/// Where choices come from.
pub enum Choices<'a> {
    /// A generator, which never ends.
    Random(Rng),
    /// A fuzzer's input: it ends, and then every choice is 0.
    Bytes(&'a [u8]),
}

impl Choices<'_> {
    /// A number below `limit`, which must not be 0.
    pub fn below(&mut self, limit: usize) -> usize {
        match self {
            Choices::Random(rng) => rng.below(limit),
            Choices::Bytes(bytes) => {
                let width = if limit <= 256 { 1 } else { 3 };
                let (taken, rest) = bytes.split_at(bytes.len().min(width));
                *bytes = rest;
                taken.iter().fold(0, |n, &byte| n << 8 | usize::from(byte)) % limit
            }
        }
    }
    /// Nothing is left to choose from.
    pub fn is_spent(&self) -> bool {
        matches!(self, Choices::Bytes(bytes) if bytes.is_empty())
    }
    /// True once in `n` times.
    pub fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }
    fn within(&mut self, range: Range<usize>) -> usize {
        range.start + self.below(range.len())
    }
}

/// When an item is to die.
#[derive(Debug, Clone, Copy)]
pub enum Life {
    /// Never.
    Endless,
    /// Already.
    Over,
    /// So many seconds from now.
    Seconds(u32),
}

/// A condition on the CAS.
#[derive(Debug, Clone, Copy)]
pub enum Compare {
    /// None.
    Any,
    /// What the item has (1, if there is none).
    Right,
    /// Something else.
    Wrong,
}

/// What is stored.
#[derive(Debug, Clone, Copy)]
pub enum Content {
    /// A decimal number.
    Number(u64),
    /// So many bytes of the pattern (which holds no digits), from some place.
    Pattern(usize, usize),
}

/// A storage mode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    Set,
    Add,
    Replace,
    Append,
    Prepend,
}

/// What a storage command says besides the value.
#[derive(Debug, Clone, Copy)]
pub struct Terms {
    pub key: usize,
    pub mode: Mode,
    pub compare: Compare,
    pub flags: u32,
    pub life: Life,
}

/// One operation. `nth` names an open upload or pin, or a long value that was stored of late;
/// counted round.
#[derive(Debug, Clone, Copy)]
pub enum Op {
    Get { key: usize, touch: Option<Life> },
    Set(Terms, Content),
    BadSet(Terms, usize),
    Delete { key: usize, compare: Compare },
    Arith { key: usize, delta: u64, decrement: bool },
    Touch { key: usize, life: Life },
    Flush { delay: u32 },
    Advance { seconds: u32 },
    Maintain,
    BeginUpload(Terms, Content),
    AppendUpload { nth: usize, len: usize },
    CommitUpload { nth: usize },
    DropUpload { nth: usize, spoiled: bool },
    Pin { nth: usize },
    ReadPin { nth: usize, max: usize },
    Unpin { nth: usize },
    FailPages(Option<usize>),
}

/// What operations are chosen from.
#[derive(Debug, Clone, Copy)]
pub struct Scope {
    /// Keys are numbers below this.
    pub keys: usize,
    /// Longest value, in bytes.
    pub len_max: usize,
    /// One value in so many may be that long.
    pub long_one_in: usize,
    /// Page allocations are made to fail now and then.
    pub fail_pages: bool,
}

/// Places a pattern may begin at.
pub const PATTERN_PLACES: usize = 1 << 16;

impl Scope {
    /// The next operation.
    pub fn choose(&self, c: &mut Choices<'_>) -> Op {
        let key = self.key(c);
        match c.below(256) {
            0..80 => Op::Get { key, touch: None },
            80..84 => Op::Get { key, touch: Some(life(c)) },
            84..168 => self.choose_set(c),
            168..170 => Op::BadSet(self.terms(c), self.len(c)),
            170..190 => Op::Delete { key, compare: compare(c) },
            190..205 => Op::Arith { key, delta: delta(c), decrement: c.one_in(2) },
            205..211 => Op::Touch { key, life: life(c) },
            211..217 => Op::Advance { seconds: seconds(c) },
            217..221 => Op::Maintain,
            221..227 => Op::BeginUpload(self.terms(c), self.long_content(c)),
            227..239 => Op::AppendUpload { nth: c.below(16), len: 1 + c.below(100_000) },
            239..242 => Op::CommitUpload { nth: c.below(16) },
            242 => Op::DropUpload { nth: c.below(16), spoiled: c.one_in(2) },
            243..247 => Op::Pin { nth: c.below(64) },
            247..253 => Op::ReadPin { nth: c.below(16), max: 1 + c.below(66_000) },
            253 => Op::Unpin { nth: c.below(16) },
            254 if self.fail_pages => {
                Op::FailPages(if c.one_in(2) { Some(c.below(4)) } else { None })
            }
            _ => self.choose_rare(c),
        }
    }

    fn choose_set(&self, c: &mut Choices<'_>) -> Op {
        let content = if c.one_in(8) { number(c) } else { Content::Pattern(place(c), self.len(c)) };
        Op::Set(self.terms(c), content)
    }
    /// What would leave nothing in the store if it came often.
    fn choose_rare(&self, c: &mut Choices<'_>) -> Op {
        match c.below(500) {
            0 => Op::Flush { delay: 0 },
            1 => Op::Flush { delay: 1 + c.below(5) as u32 },
            2 => Op::Advance { seconds: 40_000 },
            _ => Op::Maintain,
        }
    }
    /// Three choices of four fall on a tenth of the keys.
    fn key(&self, c: &mut Choices<'_>) -> usize {
        let among = if c.below(4) > 0 { self.keys.div_ceil(10) } else { self.keys };
        c.below(among)
    }
    fn terms(&self, c: &mut Choices<'_>) -> Terms {
        let mode = match c.below(16) {
            0 | 1 => Mode::Add,
            2 | 3 => Mode::Replace,
            4 => Mode::Append,
            5 => Mode::Prepend,
            _ => Mode::Set,
        };
        let flags = if c.one_in(3) { 1 + c.below(1 << 20) as u32 } else { 0 };
        Terms { key: self.key(c), mode, compare: compare(c), flags, life: life(c) }
    }
    /// Every scale gets its share, and the lengths around the largest chunk a special one.
    fn len(&self, c: &mut Choices<'_>) -> usize {
        let len = match c.below(100) {
            _ if c.one_in(self.long_one_in) => c.below(self.len_max + 1),
            0..45 => c.below(100),
            45..75 => c.below(1_000),
            75..90 => c.below(10_000),
            90..97 => c.below(34_000),
            97 => c.within(32_768 - 300..32_768 + 100),
            98 => c.within(65_536 - 300..65_536 + 100),
            _ => c.below(70_000),
        };
        len.min(self.len_max)
    }
    fn long_content(&self, c: &mut Choices<'_>) -> Content {
        Content::Pattern(place(c), 1 + c.below(self.len_max))
    }
}

fn place(c: &mut Choices<'_>) -> usize {
    c.below(PATTERN_PLACES)
}
fn seconds(c: &mut Choices<'_>) -> u32 {
    if c.one_in(20) { 61 } else { c.below(3) as u32 }
}
fn number(c: &mut Choices<'_>) -> Content {
    Content::Number(if c.one_in(8) { u64::MAX - c.below(3) as u64 } else { c.below(1_200) as u64 })
}
fn delta(c: &mut Choices<'_>) -> u64 {
    if c.one_in(16) { u64::MAX / 3 } else { c.below(1_000) as u64 }
}
fn life(c: &mut Choices<'_>) -> Life {
    match c.below(64) {
        0 => Life::Over,
        1..4 => Life::Seconds(1),
        4..12 => Life::Seconds(60 + c.below(600) as u32),
        _ => Life::Endless,
    }
}
fn compare(c: &mut Choices<'_>) -> Compare {
    match c.below(16) {
        0 => Compare::Right,
        1 => Compare::Wrong,
        _ => Compare::Any,
    }
}
