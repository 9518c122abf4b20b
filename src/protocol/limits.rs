//! What the wire allows.

/// Longest key, in bytes (memcached's KEY_MAX_LENGTH).
pub const KEY_MAX: usize = 250;

/// A command line shorter than this, its terminator included, is refused before it is read.
pub const LINE_MIN: usize = 4;

/// A line that has grown past this many bytes without its LF ends the connection, unless it is a
/// `get` or `gets` line, whose key list may be longer (PROTOCOL 1.1).
pub const LINE_MAX: usize = 2048;

/// Spaces that a line longer than `LINE_MAX` may have before its `get`.
pub const LINE_SPACES_MAX: usize = 100;

/// Tokens of a line that are looked at; a `noreply` beyond them is not seen.
pub const TOKENS_MAX: usize = 23;

/// Tokens of a meta line, command and key among them; memcached gives up at more.
pub const META_TOKENS_MAX: usize = 20;

/// Longest opaque of a meta request, its letter counted in.
pub const OPAQUE_MAX: usize = 32;

/// Values up to this many bytes are awaited in the buffer and copied once, under one lock; longer
/// ones are streamed into (and out of) their chunks. That is cheaper as soon as there are several
/// chunks: on an Intel Xeon by 15 % for 64 KiB; on an AMD EPYC as dear for gets.
pub const VALUE_IN_BUFFER_MAX: usize = 32 << 10;

/// Largest body of a binary packet, in bytes; a longer one ends the connection.
pub const BODY_MAX: u32 = 1 << 30;

/// Largest `<bytes>` of a storage command (2^31 less 3: memcached adds 2 and keeps a sign).
pub const VALUE_LEN_MAX: i32 = 2_147_483_645;

/// Before authentication: longest data of the `set` that names user and password.
pub const LOGIN_TOKEN_MAX: usize = 16 << 10;

/// Before authentication: longest request, line and data; memcached's buffer.
pub const LOGIN_MAX: usize = 16 << 10;

/// Before authentication: a line that has fewer bytes before its LF ends the connection.
pub const LOGIN_LINE_MIN: usize = 6;

/// A value awaited in the buffer has a length that its command could announce.
const _: () = assert!(VALUE_IN_BUFFER_MAX as i64 <= VALUE_LEN_MAX as i64);
