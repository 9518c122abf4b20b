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
    /// One above it.
    Wrong,
    /// One below it.
    Older,
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
    /// Asked as `ms` asks it.
    pub rare: Option<Rare>,
}

/// What only `ms` says.
#[derive(Debug, Clone, Copy)]
pub struct Rare {
    pub new_cas: Option<u64>,
    pub invalidate: bool,
    pub vivify: Option<Life>,
}

/// What `mg` says.
#[derive(Debug, Clone, Copy)]
pub struct Look {
    pub key: usize,
    pub value: bool,
    pub compare: Compare,
    pub no_bump: bool,
    pub touch: Option<Life>,
    pub vivify: Option<Life>,
    /// Seconds.
    pub recache: Option<u32>,
    pub new_cas: Option<u64>,
    /// The order of T, N and R.
    pub order: usize,
    /// `t` stands before them.
    pub early: bool,
}

/// What `md` says.
#[derive(Debug, Clone, Copy)]
pub struct Mark {
    pub key: usize,
    pub compare: Compare,
    pub invalidate: bool,
    pub empty: bool,
    pub flags: Option<u32>,
    pub life: Option<Life>,
    pub new_cas: Option<u64>,
}

/// What `ma` says.
#[derive(Debug, Clone, Copy)]
pub struct Sum {
    pub key: usize,
    pub delta: u64,
    pub decrement: bool,
    pub compare: Compare,
    pub vivify: Option<(u64, Life)>,
    pub touch: Option<Life>,
    pub new_cas: Option<u64>,
    /// The order of T and N.
    pub order: usize,
}

/// Orders of the flags that do something to the item.
pub const ORDERS: [&str; 4] = ["TNR", "NRT", "RTN", "NTR"];

/// One operation. `nth` names an open upload or pin, or a long value that was stored of late;
/// counted round.
#[derive(Debug, Clone, Copy)]
pub enum Op {
    Get { key: usize, touch: Option<Life> },
    Look(Look),
    Mark(Mark),
    Sum(Sum),
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

impl Op {
    /// The key to whose item it gives a deadline.
    pub fn touches(&self) -> Option<usize> {
        match *self {
            Op::Get { key, touch } => touch.map(|_| key),
            Op::Look(Look { key, touch, .. }) | Op::Sum(Sum { key, touch, .. }) => {
                touch.map(|_| key)
            }
            Op::Mark(Mark { key, life, .. }) => life.map(|_| key),
            Op::Touch { key, .. } => Some(key),
            _ => None,
        }
    }
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
            0..50 => Op::Get { key, touch: None },
            50..80 => Op::Look(look(c, key)),
            80..84 => Op::Get { key, touch: Some(life(c)) },
            84..168 => self.choose_set(c),
            168..170 => Op::BadSet(self.terms(c), self.len(c)),
            170..180 => Op::Delete { key, compare: compare(c) },
            180..190 => Op::Mark(mark(c, key)),
            190..196 => Op::Sum(sum(c, key)),
            196..205 => Op::Arith { key, delta: delta(c), decrement: c.one_in(2) },
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
        let (key, life, rare) = (self.key(c), life(c), c.one_in(3).then(|| rare(c)));
        let late = rare.is_some_and(|rare| rare.invalidate) && c.one_in(4);
        let compare = if late { Compare::Older } else { compare(c) };
        Terms { key, mode, compare, flags, life, rare }
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
    match c.below(24) {
        0 => Compare::Right,
        1 => Compare::Wrong,
        2 => Compare::Older,
        _ => Compare::Any,
    }
}
fn new_cas(c: &mut Choices<'_>) -> Option<u64> {
    c.one_in(6).then(|| if c.one_in(4) { u64::MAX - 1 } else { 1 + c.below(1_000) as u64 })
}
fn some_life(c: &mut Choices<'_>, one_in: usize) -> Option<Life> {
    c.one_in(one_in).then(|| life(c))
}
fn rare(c: &mut Choices<'_>) -> Rare {
    Rare { new_cas: new_cas(c), invalidate: c.one_in(2), vivify: some_life(c, 3) }
}
fn look(c: &mut Choices<'_>, key: usize) -> Look {
    Look {
        key,
        value: c.one_in(2),
        compare: compare(c),
        no_bump: c.one_in(4),
        touch: some_life(c, 6),
        vivify: some_life(c, 12),
        recache: c.one_in(4).then(|| c.below(700) as u32),
        new_cas: new_cas(c),
        order: c.below(ORDERS.len()),
        early: c.one_in(2),
    }
}
fn mark(c: &mut Choices<'_>, key: usize) -> Mark {
    Mark {
        key,
        compare: compare(c),
        invalidate: !c.one_in(3),
        empty: c.one_in(3),
        flags: c.one_in(2).then(|| c.below(3) as u32),
        life: some_life(c, 4),
        new_cas: new_cas(c),
    }
}
fn sum(c: &mut Choices<'_>, key: usize) -> Sum {
    Sum {
        key,
        delta: delta(c),
        decrement: c.one_in(2),
        compare: compare(c),
        vivify: c.one_in(3).then(|| (delta(c), life(c))),
        touch: some_life(c, 4),
        new_cas: new_cas(c),
        order: c.below(ORDERS.len()),
    }
}
