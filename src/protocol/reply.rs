//! The answer, in the dialect of the question: one method per kind of answer.

use super::{ClientError, Style};

/// Appends answers to a connection's output.
pub struct Reply<'a> {
    style: Style,
    out: &'a mut Vec<u8>,
}

impl<'a> Reply<'a> {
    /// A reply in the style of its question.
    #[inline]
    pub fn new(style: Style, out: &'a mut Vec<u8>) -> Self {
        Reply { style, out }
    }
    /// The front of a hit: `VALUE <key> <flags> <bytes>[ <cas>]`; the value and `value_end` follow.
    #[inline]
    pub fn hit(&mut self, _key: &[u8], _flags: u32, _len: usize, _cas: u64) {
        todo!()
    }
    /// The output, for the value's own bytes.
    pub fn value(&mut self) -> &mut Vec<u8> {
        self.out
    }
    /// CR LF behind a value.
    pub fn value_end(&mut self) {
        todo!()
    }
    /// `END`
    pub fn end(&mut self) {
        todo!()
    }
    /// A fixed line such as `STORED`, without its CR LF; silent under noreply.
    pub fn line(&mut self, _line: &str) {
        todo!()
    }
    /// A line that noreply does not silence.
    pub fn line_always(&mut self, _line: &str) {
        todo!()
    }
    /// The answer of incr and decr; silent under noreply.
    pub fn number(&mut self, _number: u64) {
        todo!()
    }
    /// `STAT name value`
    pub fn stat(&mut self, _name: &str, _value: &str) {
        todo!()
    }
    /// The line for an error; silent under noreply.
    pub fn error(&mut self, _error: ClientError) {
        let _ = self.style;
        todo!()
    }
}
