//! Bytes ⇄ requests and replies. No sockets, no store, no clock: pure functions.

mod admin;
mod append;
pub mod base64;
mod binary;
pub mod datagram;
mod dump;
mod flags;
mod frame;
pub mod limits;
mod login;
mod meta;
mod meta_reply;
mod repeat;
mod reply;
mod request;
mod text;
mod token;
mod watch;

pub use admin::*;
pub use dump::Dumped;
pub use flags::{Flags, FlagsIter, mask};
pub use repeat::{Pattern, Repeat};
pub use reply::{About, AuthReply, Number, Plain, Reply, Shown, Status, Ttl};
pub use request::*;
pub use watch::{Stream, Wanted};

/// Which codec reads a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// Classic text, and meta.
    Text,
    /// Text before authentication: nothing but a login is understood.
    Login,
    /// Binary.
    Binary,
}

impl Protocol {
    /// What a client speaks whose first byte is this.
    pub fn of_first_byte(byte: u8) -> Protocol {
        if binary::begins_with(byte) { Protocol::Binary } else { Protocol::Text }
    }
    /// Bytes that follow every value, in requests and in answers.
    #[inline]
    pub fn value_end(self) -> &'static [u8] {
        match self {
            Protocol::Text | Protocol::Login => b"\r\n",
            Protocol::Binary => b"",
        }
    }
}

/// What a parser made of the front of a buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parsed<'a> {
    /// Not a whole request yet. Nothing can be decided before the buffer holds `wanted` bytes in
    /// all; `scanned` of those present need not be searched for a line end again.
    Partial {
        /// Total length worth parsing again at.
        wanted: usize,
        /// To be handed to the next `parse` of the same front.
        scanned: usize,
    },
    /// One whole request, `len` bytes long.
    Complete {
        /// The request; borrows the buffer.
        request: Request<'a>,
        /// Bytes it takes up.
        len: usize,
    },
    /// Not a request: drop `len` bytes, then swallow `swallow` more as they come, and only then
    /// answer `error` (unless `None`: the sender asked for no reply).
    Malformed {
        /// What to answer.
        error: Option<ClientError>,
        /// Bytes to drop at once.
        len: usize,
        /// Bytes to drop as they arrive.
        swallow: u64,
        /// A storage header whose length could not be believed: what follows may be data. With
        /// `-o strict_framing` the connection is closed after the answer.
        framing_lost: bool,
    },
    /// Close without a word (HTTP on a cache port, endless lines).
    Fatal,
}

/// Everything a client can do wrong that the parser sees, and the line it is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientError {
    /// `ERROR`
    UnknownCommand,
    /// `CLIENT_ERROR bad command line format`
    BadFormat,
    /// `CLIENT_ERROR bad data chunk`
    BadDataChunk,
    /// `CLIENT_ERROR invalid exptime argument`
    InvalidExptime,
    /// `CLIENT_ERROR invalid numeric delta argument`
    InvalidDelta,
    /// `CLIENT_ERROR unauthenticated`
    Unauthenticated,
    /// `CLIENT_ERROR auth token too long`
    TokenTooLong,
    /// `CLIENT_ERROR bad command line termination`
    BadTermination,
    /// `CLIENT_ERROR bad authentication token format`
    BadToken,
    /// `CLIENT_ERROR bad command line format`, of a meta line that has not even its shape.
    Malformed,
    /// `CLIENT_ERROR options flags are too long`
    FlagsTooLong,
    /// `CLIENT_ERROR duplicate flag`
    DuplicateFlag,
    /// `CLIENT_ERROR invalid flag`
    InvalidFlag,
    /// `CLIENT_ERROR bad token in command line format`
    BadFlagToken,
    /// `CLIENT_ERROR invalid numeric initial value`
    InvalidInitial,
    /// `CLIENT_ERROR invalid numeric delta value`
    InvalidDeltaValue,
    /// `CLIENT_ERROR error decoding key`
    UndecodableKey,
    /// `CLIENT_ERROR opaque token too long`
    OpaqueTooLong,
    /// `CLIENT_ERROR invalid or duplicate flag`
    InvalidOrDuplicateFlag,
    /// `CLIENT_ERROR invalid mode for ms M token`
    InvalidSetMode,
    /// `CLIENT_ERROR invalid mode for ma M token`
    InvalidArithMode,
}

impl ClientError {
    /// The line, without its CR LF.
    pub fn line(self) -> &'static str {
        match self {
            ClientError::UnknownCommand => "ERROR",
            ClientError::BadFormat | ClientError::Malformed => {
                "CLIENT_ERROR bad command line format"
            }
            ClientError::FlagsTooLong => "CLIENT_ERROR options flags are too long",
            ClientError::DuplicateFlag => "CLIENT_ERROR duplicate flag",
            ClientError::InvalidFlag => "CLIENT_ERROR invalid flag",
            ClientError::BadFlagToken => "CLIENT_ERROR bad token in command line format",
            ClientError::InvalidInitial => "CLIENT_ERROR invalid numeric initial value",
            ClientError::InvalidDeltaValue => "CLIENT_ERROR invalid numeric delta value",
            ClientError::UndecodableKey => "CLIENT_ERROR error decoding key",
            ClientError::OpaqueTooLong => "CLIENT_ERROR opaque token too long",
            ClientError::InvalidOrDuplicateFlag => "CLIENT_ERROR invalid or duplicate flag",
            ClientError::InvalidSetMode => "CLIENT_ERROR invalid mode for ms M token",
            ClientError::InvalidArithMode => "CLIENT_ERROR invalid mode for ma M token",
            ClientError::BadDataChunk => "CLIENT_ERROR bad data chunk",
            ClientError::InvalidExptime => "CLIENT_ERROR invalid exptime argument",
            ClientError::InvalidDelta => "CLIENT_ERROR invalid numeric delta argument",
            ClientError::Unauthenticated => "CLIENT_ERROR unauthenticated",
            ClientError::TokenTooLong => "CLIENT_ERROR auth token too long",
            ClientError::BadTermination => "CLIENT_ERROR bad command line termination",
            ClientError::BadToken => "CLIENT_ERROR bad authentication token format",
        }
    }
}

/// What the settings forbid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Forbidden {
    /// flush_all (-F).
    FlushAll,
    /// shutdown (without -A).
    Shutdown,
    /// `stats detail` (-X).
    Detail,
    /// `stats cachedump` (-X).
    CacheDump,
    /// watch (-W).
    Watch,
}

impl Forbidden {
    /// The line, without its CR LF.
    pub fn line(self) -> &'static str {
        match self {
            Forbidden::FlushAll => "CLIENT_ERROR flush_all not allowed",
            Forbidden::Shutdown => "SERVER_ERROR: shutdown not enabled",
            Forbidden::Detail => "CLIENT_ERROR stats detail not allowed",
            Forbidden::CacheDump => "CLIENT_ERROR stats cachedump not allowed",
            Forbidden::Watch => "CLIENT_ERROR watch commands not allowed",
        }
    }
}

/// Parse the front of `input` (not empty), of which the first `scanned` bytes are known to hold no
/// line end.
#[inline]
pub fn parse(protocol: Protocol, input: &[u8], scanned: usize) -> Parsed<'_> {
    match protocol {
        Protocol::Text => text::parse(input, scanned),
        Protocol::Login => login::parse(input, scanned),
        Protocol::Binary => binary::parse(input),
    }
}
