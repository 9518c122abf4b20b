//! A request that begins with a line, cut from the front of what has come: classic text and meta.
//!
//! `line_len <= length of the request`, and what is found never reaches beyond `input`.

use super::limits::VALUE_IN_BUFFER_MAX;
use super::{Body, ClientError, Command, Parsed, Request, Set, Style};

/// The buffer a request is cut from, and the length of its line with the terminator.
#[derive(Clone, Copy)]
pub(super) struct Frame<'a> {
    pub(super) input: &'a [u8],
    pub(super) line_len: usize,
}

impl<'a> Frame<'a> {
    /// The line is the whole request.
    #[inline]
    pub(super) fn complete(self, command: Command<'a>, noreply: bool) -> Parsed<'a> {
        self.styled(command, Style::Text { noreply, with_cas: false })
    }
    #[inline]
    pub(super) fn styled(self, command: Command<'a>, style: Style<'a>) -> Parsed<'a> {
        Parsed::Complete { request: Request { command, style }, len: self.line_len }
    }
    /// The line is wrong; say so, unless the sender wished for silence.
    #[cold]
    pub(super) fn refuse(self, error: ClientError, noreply: bool) -> Parsed<'a> {
        self.refuse_and_swallow(error, noreply, 0)
    }
    /// The line is wrong, and `swallow` bytes of data belong to it.
    #[cold]
    pub(super) fn refuse_and_swallow(
        self,
        error: ClientError,
        noreply: bool,
        swallow: u64,
    ) -> Parsed<'a> {
        let error = if noreply { None } else { Some(error) };
        Parsed::Malformed { error, len: self.line_len, swallow, framing_lost: false }
    }
    /// A storage line whose length of data could not be believed.
    #[cold]
    pub(super) fn lose_framing(self) -> Parsed<'a> {
        Parsed::Malformed {
            error: Some(ClientError::BadFormat),
            len: self.line_len,
            swallow: 0,
            framing_lost: true,
        }
    }
    /// Find the value behind a storage line, if the buffer is to hold it.
    #[inline]
    pub(super) fn with_body(
        self,
        len: u32,
        style: Style<'a>,
        set: impl FnOnce(Body<'a>) -> Set<'a>,
    ) -> Parsed<'a> {
        let (body, end) = if len as usize > VALUE_IN_BUFFER_MAX {
            (Body::Streamed { len }, self.line_len)
        } else {
            let value_end = self.line_len + len as usize;
            let end = value_end + 2;
            let Some(data) = self.input.get(self.line_len..end) else {
                return Parsed::Partial { wanted: end, scanned: self.line_len - 1 };
            };
            match data {
                [value @ .., b'\r', b'\n'] => (Body::Whole(value), end),
                _ => (Body::Unterminated { len }, end),
            }
        };
        Parsed::Complete { request: Request { command: Command::Set(set(body)), style }, len: end }
    }
}
