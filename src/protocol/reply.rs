//! The answer, in the dialect of the question: one method per kind of answer.
//!
//! Bytes are appended to a connection's output and nothing else; a line is never begun that is
//! not ended, except that a value's own bytes come between `hit` and `value_end`.

use super::append::{Line, Piece, SHORT_MAX, append, fits_piece};
use super::{ClientError, Forbidden, Style, binary, meta_reply};

/// What authentication is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuthReply {
    /// Binary: the names of the mechanisms, separated by spaces.
    Mechanisms(&'static str),
    /// Binary: more is needed (0x21). The challenge of our mechanisms is empty.
    Continue,
    /// From now on all is allowed.
    Done,
    /// No, or not yet (0x20).
    Failed,
    /// Binary: not an argument one can make sense of (0x04).
    Invalid,
    /// Binary: there is no authentication here (0x81).
    Unknown,
}

impl AuthReply {
    /// The line, in text.
    fn line(self) -> &'static str {
        match self {
            AuthReply::Done => "STORED",
            AuthReply::Failed => "CLIENT_ERROR authentication failure",
            // Text does not ask what is answered so.
            AuthReply::Mechanisms(_) | AuthReply::Continue => "ERROR",
            AuthReply::Invalid | AuthReply::Unknown => "ERROR",
        }
    }
}

/// Appends answers to a connection's output.
pub struct Reply<'a> {
    style: Style<'a>,
    out: &'a mut Vec<u8>,
}

/// How a request ended that shows no value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// A value was stored.
    Stored,
    /// The condition on presence did not hold.
    NotStored,
    /// The CAS differs.
    Exists,
    /// No such item.
    NotFound,
    /// Removed, or marked.
    Deleted,
    /// Its expiry was moved.
    Touched,
    /// Larger than the item size limit.
    TooLarge,
    /// No memory for a value.
    NoMemoryToStore,
    /// No memory for anything else.
    OutOfMemory,
    /// No memory for what a miss was to create.
    NoMemoryToVivify,
    /// Not a decimal number.
    NonNumeric,
}

impl Status {
    /// The line of classic text, without its CR LF. Where it begins with an error's name, all text
    /// dialects use it.
    pub fn line(self) -> &'static str {
        match self {
            Status::Stored => "STORED",
            Status::NotStored => "NOT_STORED",
            Status::Exists => "EXISTS",
            Status::NotFound => "NOT_FOUND",
            Status::Deleted => "DELETED",
            Status::Touched => "TOUCHED",
            Status::TooLarge => "SERVER_ERROR object too large for cache",
            Status::NoMemoryToStore => "SERVER_ERROR out of memory storing object",
            Status::OutOfMemory => "SERVER_ERROR out of memory",
            Status::NoMemoryToVivify => "SERVER_ERROR Out of memory allocating new item",
            Status::NonNumeric => "CLIENT_ERROR cannot increment or decrement non-numeric value",
        }
    }
}

/// What an answer without a value may tell of the item it is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct About<'a> {
    /// The key, decoded.
    pub key: &'a [u8],
    /// The CAS it now has; 0 if the request changed nothing.
    pub cas: u64,
    /// Length of its value.
    pub len: usize,
    /// The request was to store a value: CAS and length are among what it may ask to be told.
    pub stores: bool,
}

/// Seconds an item has left; `None`: for ever.
pub type Ttl = Option<u32>;

/// What an answer may show of any item that was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plain<'a> {
    /// Its key.
    pub key: &'a [u8],
    /// Client flags.
    pub flags: u32,
    /// Its CAS.
    pub cas: u64,
    /// Its value, in one piece.
    pub value: &'a [u8],
}

/// What an answer may show of an item that was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shown<'a> {
    /// Its key.
    pub key: &'a [u8],
    /// The key came in base64 when the item was stored.
    pub binary_key: bool,
    /// Client flags.
    pub flags: u32,
    /// Its CAS.
    pub cas: u64,
    /// Length of its value.
    pub len: usize,
    /// What it had left before this request.
    pub ttl: Ttl,
    /// What it has left since this request touched it.
    pub touched: Option<Ttl>,
    /// What it was given when this request created it.
    pub vivified: Option<Ttl>,
    /// Seconds since it was last used, before this request.
    pub idle: u32,
    /// It was fetched before this request.
    pub fetched: bool,
    /// Somebody was told earlier to renew it.
    pub sent: bool,
    /// Its value is out of date.
    pub stale: bool,
    /// This asker is to renew it.
    pub won: bool,
}

/// What an answer may show of a number after arithmetic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Number<'a> {
    /// The key as asked for, decoded.
    pub key: &'a [u8],
    /// The number.
    pub number: u64,
    /// Its CAS.
    pub cas: u64,
    /// See [`Shown::ttl`].
    pub ttl: Ttl,
    /// See [`Shown::touched`].
    pub touched: Option<Ttl>,
    /// See [`Shown::vivified`].
    pub vivified: Option<Ttl>,
}

impl<'a> Reply<'a> {
    /// A reply in the style of its question.
    #[inline]
    pub fn new(style: Style<'a>, out: &'a mut Vec<u8>) -> Self {
        Reply { style, out }
    }
    /// Whether a hit shows its CAS.
    #[inline(always)]
    pub fn shows_cas(&self) -> bool {
        !matches!(self.style, Style::Text { with_cas: false, .. })
    }
    /// The front of a hit: `VALUE <key> <flags> <bytes>[ <cas>]`; the value and `value_end` follow.
    #[inline]
    pub fn hit(&mut self, key: &[u8], flags: u32, len: usize, cas: u64) {
        match &self.style {
            Style::Binary(to) => binary::hit(to, key, flags, len, cas, self.out),
            _ => self.hit_front(key, flags, len, cas, 0),
        }
    }
    /// A whole hit whose value lies in one piece: `hit`, the value and `value_end` at once.
    #[inline(always)]
    pub fn hit_value(&mut self, key: &[u8], flags: u32, cas: u64, value: &[u8]) {
        match &self.style {
            Style::Binary(to) => binary::hit_value(to, key, flags, value, cas, self.out),
            Style::Text { with_cas: false, .. } if flags < 10 && fits_piece(key, value) => {
                let mut piece = Piece::new(self.out);
                piece.put(b"VALUE \0\0", 6);
                piece.put_run(key);
                piece.put_line([b' ', b'0' + flags as u8, b' '], value.len(), *b"\r\n");
                piece.put_run(value);
                piece.put(b"\r\n", 2);
                let end = piece.end();
                self.out.truncate(end);
            }
            _ => {
                self.hit_front(key, flags, value.len(), cas, value.len() + 2);
                append(self.out, value);
                self.out.extend_from_slice(b"\r\n");
            }
        }
    }
    /// Nothing was found under a key (a text lookup does not say).
    #[inline]
    pub fn miss(&mut self, key: &[u8]) {
        match &self.style {
            Style::Text { .. } => {}
            Style::Meta(flags) => meta_reply::miss(flags, key, self.out),
            Style::Binary(to) => binary::miss(to, key, self.out),
        }
    }
    /// Bytes in the output.
    #[inline]
    #[expect(clippy::len_without_is_empty, reason = "nobody asks")]
    pub fn len(&self) -> usize {
        self.out.len()
    }
    /// The output, for the value's own bytes.
    #[inline]
    pub fn value(&mut self) -> &mut Vec<u8> {
        self.out
    }
    /// What stands behind a value, if anything does.
    #[inline]
    pub fn value_end(&mut self) {
        self.out.extend_from_slice(self.style.protocol().value_end());
    }
    /// `END`, behind values or statistics.
    #[inline]
    pub fn end(&mut self) {
        match &self.style {
            Style::Binary(to) => binary::end_stats(to, self.out),
            _ => self.out.extend_from_slice(b"END\r\n"),
        }
    }
    /// A fixed line such as `STORED`, without its CR LF; silent under noreply.
    #[inline]
    pub fn line(&mut self, line: &str) {
        if !self.is_silent() {
            self.line_always(line);
        }
    }
    /// A line that noreply does not silence.
    #[inline]
    pub fn line_always(&mut self, line: &str) {
        self.out.reserve(line.len() + 2);
        self.out.extend_from_slice(line.as_bytes());
        self.out.extend_from_slice(b"\r\n");
    }
    /// The outcome of a request that shows no value. The commonest answer of all is not a call.
    #[inline(always)]
    pub fn outcome(&mut self, status: Status, about: &About<'_>) {
        match &self.style {
            Style::Text { noreply: false, .. } if status == Status::Stored => {
                append(self.out, b"STORED\r\n");
            }
            _ => self.other_outcome(status, about),
        }
    }
    fn other_outcome(&mut self, status: Status, about: &About<'_>) {
        match &self.style {
            Style::Text { noreply: true, .. } => {}
            Style::Text { .. } => self.line_always(status.line()),
            Style::Meta(flags) => meta_reply::outcome(flags, status, about, self.out),
            Style::Binary(to) => binary::outcome(to, status, about.cas, self.out),
        }
    }
    /// Done: `OK`.
    pub fn ok(&mut self) {
        match &self.style {
            Style::Binary(to) => binary::success(to, b"", self.out),
            _ => self.line("OK"),
        }
    }
    /// A switch of the statistics was thrown; `line` says so in text.
    pub fn stats_done(&mut self, line: &str) {
        match &self.style {
            Style::Binary(to) => binary::end_stats(to, self.out),
            _ => self.line_always(line),
        }
    }
    /// There are no such statistics; `line` says what is wrong, in text.
    pub fn stats_usage(&mut self, line: &str) {
        match &self.style {
            Style::Binary(to) => binary::outcome(to, Status::NotFound, 0, self.out),
            _ => self.line_always(line),
        }
    }
    /// The statistics of key prefixes: lines, as they are.
    pub fn detail(&mut self, lines: &[u8]) {
        let text = [lines, b"END\r\n"];
        match &self.style {
            Style::Binary(to) => {
                binary::stat(to, b"detailed", &text.concat(), self.out);
                binary::end_stats(to, self.out);
            }
            _ => text.iter().for_each(|part| self.out.extend_from_slice(part)),
        }
    }
    /// The settings do not allow it.
    pub fn forbidden(&mut self, what: Forbidden) {
        match &self.style {
            Style::Binary(to) => binary::forbidden(to, what, self.out),
            _ => self.line(what.line()),
        }
    }
    /// Which version this is.
    pub fn version(&mut self, version: &str) {
        match &self.style {
            Style::Binary(to) => binary::success(to, version.as_bytes(), self.out),
            _ => self.line_always(&format!("VERSION {version}")),
        }
    }
    /// The last word of a connection; in text there is none.
    pub fn farewell(&mut self) {
        if let Style::Binary(to) = &self.style {
            binary::success(to, b"", self.out);
        }
    }
    /// The answer to nothing asked.
    pub fn noop(&mut self) {
        match self.style {
            Style::Text { .. } | Style::Meta(_) => self.line_always("MN"),
            Style::Binary(to) => binary::success(&to, b"", self.out),
        }
    }
    /// The answer to arithmetic; silent under noreply.
    pub fn number(&mut self, shown: &Number<'_>) {
        match self.style {
            Style::Text { noreply: true, .. } => {}
            Style::Text { .. } => {
                self.out.extend_from_slice(itoa::Buffer::new().format(shown.number).as_bytes());
                self.out.extend_from_slice(b"\r\n");
            }
            Style::Meta(flags) => meta_reply::counted(&flags, shown, self.out),
            Style::Binary(to) => binary::number(&to, shown.number, shown.cas, self.out),
        }
    }
    /// The front of mg's answer to a hit. If the value is wanted, it and `value_end` follow.
    #[inline]
    pub fn found(&mut self, item: &Shown<'_>, with_value: bool) {
        match &self.style {
            Style::Meta(flags) => meta_reply::hit(flags, item, with_value, self.out),
            _ => self.hit(item.key, item.flags, item.len, item.cas),
        }
    }
    /// The whole answer of mg to a hit without marks, of which nothing is shown but what any item
    /// has.
    #[inline(always)]
    pub fn found_plain(&mut self, item: &Plain<'_>) {
        match &self.style {
            Style::Meta(flags) => meta_reply::plain_hit(flags, item, self.out),
            _ => self.hit_value(item.key, item.flags, item.cas, item.value),
        }
    }
    /// The answer of `me`: class (from 1) and size as statistics count them.
    pub fn described(&mut self, item: &Shown<'_>, class: usize, size: usize) {
        meta_reply::described(item, class, size, self.out);
    }
    /// `STAT name value`; of an empty value not even the space before it.
    pub fn stat(&mut self, name: &str, value: &str) {
        if let Style::Binary(to) = &self.style {
            return binary::stat(to, name.as_bytes(), value.as_bytes(), self.out);
        }
        self.out.reserve(name.len() + value.len() + 8);
        self.out.extend_from_slice(b"STAT ");
        self.out.extend_from_slice(name.as_bytes());
        if !value.is_empty() {
            self.out.push(b' ');
            self.out.extend_from_slice(value.as_bytes());
        }
        self.out.extend_from_slice(b"\r\n");
    }
    /// What was wrong with a request; silent under noreply.
    pub fn error(&mut self, error: ClientError) {
        match &self.style {
            Style::Binary(to) => binary::error(to, error, self.out),
            _ => self.line(error.line()),
        }
    }

    /// The answer to authentication; noreply does not silence it.
    pub fn auth(&mut self, answer: AuthReply) {
        match &self.style {
            Style::Binary(to) => binary::auth(to, answer, self.out),
            _ => self.line_always(answer.line()),
        }
    }

    fn is_silent(&self) -> bool {
        self.style.is_silent()
    }

    /// The line of a hit, with room behind it for `more` bytes.
    #[inline(always)]
    fn hit_front(&mut self, key: &[u8], flags: u32, len: usize, cas: u64, more: usize) {
        let with_cas = matches!(self.style, Style::Text { with_cas: true, .. });
        self.out.reserve(b"VALUE ".len() + key.len() + TAIL_MAX + more);
        self.out.extend_from_slice(b"VALUE ");
        append(self.out, key);
        if flags < 10 && len <= SHORT_MAX && !with_cas {
            Line::new([b' ', b'0' + flags as u8, b' ']).number(len).append_to(self.out);
        } else {
            hit_tail(flags, len, with_cas.then_some(cas), self.out);
        }
    }
}

/// Longest ending of a VALUE line: three spaces, a flags word of 10 digits, two numbers of 20,
/// CR LF.
const TAIL_MAX: usize = 3 + 10 + 20 + 20 + 2;

/// The ending of any VALUE line.
#[cold]
fn hit_tail(flags: u32, len: usize, cas: Option<u64>, out: &mut Vec<u8>) {
    for number in [Some(flags.into()), Some(len as u64), cas].into_iter().flatten() {
        out.push(b' ');
        out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
    }
    out.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::flags::{Flags, mask};
    use proptest::prelude::*;

    /// What `answer` appends to an output that is not empty.
    fn written(style: Style<'_>, answer: impl FnOnce(&mut Reply<'_>)) -> String {
        let mut out = b"before".to_vec();
        answer(&mut Reply::new(style, &mut out));
        String::from_utf8(out).unwrap().strip_prefix("before").unwrap().to_owned()
    }

    fn number(number: u64) -> Number<'static> {
        let (ttl, touched, vivified) = (None, None, None);
        Number { key: b"k", number, cas: 1, ttl, touched, vivified }
    }

    fn style(noreply: bool, with_cas: bool) -> Style<'static> {
        Style::Text { noreply, with_cas }
    }

    /// Short hits are written in one piece, longer ones are not: nobody can tell.
    #[test]
    fn a_hit_is_the_same_whatever_its_lengths() {
        let (key, value) = ("k".repeat(40), "v".repeat(80));
        let plain = Flags::new(b" v", mask(b"v"));
        let with_key = Flags::new(b" v k", mask(b"vk"));
        for (klen, vlen) in (1..=40).flat_map(|k| (0..=80).map(move |v| (k, v))) {
            let (key, value) = (&key[..klen], &value[..vlen]);
            for flags in [0, 9, 10, u32::MAX] {
                let hit = written(style(false, false), |r| {
                    r.hit_value(key.as_bytes(), flags, 5, value.as_bytes());
                });
                assert_eq!(hit, format!("VALUE {key} {flags} {vlen}\r\n{value}\r\n"));
            }
            let item = Plain { key: key.as_bytes(), flags: 7, cas: 5, value: value.as_bytes() };
            let hit = written(Style::Meta(plain), |r| r.found_plain(&item));
            assert_eq!(hit, format!("VA {vlen}\r\n{value}\r\n"));
            let hit = written(Style::Meta(with_key), |r| r.found_plain(&item));
            assert_eq!(hit, format!("VA {vlen} k{key}\r\n{value}\r\n"));
        }
    }

    #[test]
    fn noreply_silences_lines_numbers_and_errors_only() {
        let answer = |reply: &mut Reply<'_>| {
            reply.line("STORED");
            reply.number(&number(10));
            reply.error(ClientError::BadDataChunk);
            reply.line_always("VERSION 1");
            reply.end();
        };
        let loud = "STORED\r\n10\r\nCLIENT_ERROR bad data chunk\r\nVERSION 1\r\nEND\r\n";
        assert_eq!(written(style(false, false), answer), loud);
        assert_eq!(written(style(true, false), answer), "VERSION 1\r\nEND\r\n");
    }

    #[test]
    fn an_empty_stat_has_no_trailing_space() {
        let stats = written(style(false, false), |reply| {
            reply.stat("pid", "7");
            reply.stat("inter", "");
        });
        assert_eq!(stats, "STAT pid 7\r\nSTAT inter\r\n");
    }

    #[test]
    fn a_hit_in_pieces_is_a_hit_at_once() {
        let pieces = written(style(false, true), |reply| {
            reply.hit(b"key", 0, 5, 9);
            reply.value().extend_from_slice(b"hello");
            reply.value_end();
        });
        assert_eq!(pieces, "VALUE key 0 5 9\r\nhello\r\n");
        assert_eq!(written(style(false, true), |r| r.hit_value(b"key", 0, 9, b"hello")), pieces);
    }

    #[test]
    fn the_largest_numbers_fit() {
        let max = u64::MAX;
        assert_eq!(
            written(style(false, true), |r| r.hit(b"k", u32::MAX, usize::MAX, max)),
            format!("VALUE k {} {max} {max}\r\n", u32::MAX)
        );
    }

    /// Numbers of every length, as likely as each other.
    fn any_number() -> impl Strategy<Value = u64> {
        (any::<u64>(), 0..64u32).prop_map(|(number, shift)| number >> shift)
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

        #[test]
        fn numbers_are_as_format_would(n in any_number(), flags: u32, len in 0..1usize << 20) {
            let counted = written(style(false, false), |r| r.number(&number(n)));
            prop_assert_eq!(counted, format!("{n}\r\n"));
            prop_assert_eq!(
                written(style(false, false), |r| r.hit(b"k", flags, len, n)),
                format!("VALUE k {flags} {len}\r\n")
            );
            prop_assert_eq!(
                written(style(false, true), |r| r.hit(b"k", flags, len, n)),
                format!("VALUE k {flags} {len} {n}\r\n")
            );
        }
    }
}
