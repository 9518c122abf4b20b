//! Answers in packets (PROTOCOL 3.1). Whatever went wrong is told even to a quiet request; what it
//! expected is not.

use super::header::{HEADER_LEN, ReplyHeader, opcode};
use crate::protocol::append::{Piece, append_by_call, fits_piece};
use crate::protocol::{AuthReply, Binary, ClientError, Forbidden, Status};

/// Status of a request that went well.
const OK: u16 = 0x0000;
/// Status of a key that is not there.
const NOT_FOUND: u16 = 0x0001;
/// Flags, in front of a value.
const HIT_EXTRAS: usize = 4;

/// A packet with nothing but a header and this value.
fn packet(to: &Binary, status: u16, cas: u64, key: &[u8], value: &[u8], out: &mut Vec<u8>) {
    let header = ReplyHeader {
        opcode: to.opcode,
        status,
        extras_len: 0,
        key_len: key.len() as u16,
        body_len: (key.len() + value.len()) as u32,
        opaque: to.opaque,
        cas,
    };
    out.extend_from_slice(&header.bytes());
    out.extend_from_slice(key);
    out.extend_from_slice(value);
}

/// Done, and there is this to show for it: not for a quiet request.
pub(in crate::protocol) fn success(to: &Binary, value: &[u8], out: &mut Vec<u8>) {
    if !to.quiet {
        packet(to, OK, 0, b"", value, out);
    }
}

/// The front of a hit, with room behind it for a value of `len` bytes. A touch shows flags only.
#[inline]
pub(in crate::protocol) fn hit(
    to: &Binary,
    key: &[u8],
    flags: u32,
    len: usize,
    cas: u64,
    out: &mut Vec<u8>,
) {
    let key = if shows_key(to.opcode) { key } else { b"" };
    let len = if shows_value(to.opcode) { len } else { 0 };
    let header = hit_header(to, key, len, cas);
    // Header and flags at once, with four bytes behind them that are overwritten.
    let mut front = [0; HEADER_LEN + 2 * HIT_EXTRAS];
    front[..HEADER_LEN].copy_from_slice(&header.bytes());
    front[HEADER_LEN..][..HIT_EXTRAS].copy_from_slice(&flags.to_be_bytes());
    out.reserve(front.len() + key.len() + len);
    out.extend_from_slice(&front);
    out.truncate(out.len() - HIT_EXTRAS);
    append_by_call(out, key);
}

/// A whole hit: `hit`, and the value if it is shown.
#[inline(always)]
pub(in crate::protocol) fn hit_value(
    to: &Binary,
    key: &[u8],
    flags: u32,
    value: &[u8],
    cas: u64,
    out: &mut Vec<u8>,
) {
    if !fits_piece(key, value) {
        hit(to, key, flags, value.len(), cas, out);
        return append_by_call(out, value);
    }
    let key = if shows_key(to.opcode) { key } else { b"" };
    let mut piece = Piece::new(out);
    piece.put(&hit_header(to, key, value.len(), cas).bytes(), HEADER_LEN);
    piece.put(&flags.to_be_bytes(), HIT_EXTRAS);
    piece.put_run(key);
    piece.put_run(value);
    let end = piece.end();
    out.truncate(end);
}

#[inline(always)]
fn hit_header(to: &Binary, key: &[u8], len: usize, cas: u64) -> ReplyHeader {
    ReplyHeader {
        opcode: to.opcode,
        status: OK,
        extras_len: HIT_EXTRAS as u8,
        key_len: key.len() as u16,
        body_len: (HIT_EXTRAS + key.len() + len) as u32,
        opaque: to.opaque,
        cas,
    }
}

/// A lookup found nothing: those that show the key say which, quiet ones nothing at all.
#[inline]
pub(in crate::protocol) fn miss(to: &Binary, key: &[u8], out: &mut Vec<u8>) {
    if to.quiet {
    } else if shows_key(to.opcode) {
        packet(to, NOT_FOUND, 0, key, b"", out);
    } else {
        outcome(to, Status::NotFound, 0, out);
    }
}

/// Does a hit for this opcode show the value?
#[inline]
pub(in crate::protocol) fn shows_value(opcode: u8) -> bool {
    opcode != opcode::TOUCH
}

#[inline]
fn shows_key(opcode: u8) -> bool {
    matches!(opcode, opcode::GETK | opcode::GETKQ | opcode::GATK | opcode::GATKQ)
}

/// The outcome of a request that shows no value; `cas` is what the item now has.
#[inline]
pub(in crate::protocol) fn outcome(to: &Binary, status: Status, cas: u64, out: &mut Vec<u8>) {
    match status {
        Status::Stored if !to.quiet => packet(to, OK, cas, b"", b"", out),
        Status::Deleted | Status::Touched if !to.quiet => packet(to, OK, 0, b"", b"", out),
        Status::Stored | Status::Deleted | Status::Touched => {}
        _ => failure(to, status, out),
    }
}

#[cold]
fn failure(to: &Binary, status: Status, out: &mut Vec<u8>) {
    use opcode::*;
    // Whether it was there is what an add or a replace did not like.
    let status = match (status, to.opcode) {
        (Status::NotStored, ADD | ADDQ) => Status::Exists,
        (Status::NotStored, REPLACE | REPLACEQ) => Status::NotFound,
        (Status::NotFound, APPEND | APPENDQ | PREPEND | PREPENDQ) => Status::NotStored,
        (status, _) => status,
    };
    let (code, text) = match status {
        Status::NotFound => (NOT_FOUND, "Not found"),
        Status::NotStored => (0x0005, "Not stored."),
        Status::Exists => (0x0002, "Data exists for key."),
        Status::TooLarge => (0x0003, "Too large."),
        Status::NonNumeric => (0x0006, "Non-numeric server-side value for incr or decr"),
        Status::NoMemoryToStore => (0x0082, "Out of memory allocating item"),
        Status::OutOfMemory => (0x0082, "Out of memory incrementing value"),
        Status::NoMemoryToVivify => (0x0082, "Out of memory allocating new item"),
        Status::Stored | Status::Deleted | Status::Touched => unreachable!("not failures"),
    };
    packet(to, code, 0, b"", text.as_bytes(), out);
}

/// What the packet did wrong.
#[cold]
pub(in crate::protocol) fn error(to: &Binary, error: ClientError, out: &mut Vec<u8>) {
    let (code, text) = match error {
        ClientError::UnknownCommand => (0x0081, "Unknown command"),
        _ => (0x0004, "Invalid arguments"),
    };
    packet(to, code, 0, b"", text.as_bytes(), out);
}

/// What the settings forbid. A topic of the statistics is then simply not there.
#[cold]
pub(in crate::protocol) fn forbidden(to: &Binary, what: Forbidden, out: &mut Vec<u8>) {
    match what {
        Forbidden::Detail | Forbidden::CacheDump | Forbidden::Watch => {
            failure(to, Status::NotFound, out)
        }
        Forbidden::FlushAll | Forbidden::Shutdown => {
            packet(to, 0x0020, 0, b"", b"Auth failure.", out);
        }
    }
}

/// The answer to authentication.
#[cold]
pub(in crate::protocol) fn auth(to: &Binary, answer: AuthReply, out: &mut Vec<u8>) {
    let (code, text) = match answer {
        AuthReply::Mechanisms(names) => (OK, names),
        AuthReply::Done => (OK, "Authenticated"),
        AuthReply::Continue => (0x0021, ""),
        AuthReply::Failed => (0x0020, "Auth failure."),
        AuthReply::Invalid => return error(to, ClientError::BadFormat, out),
        AuthReply::Unknown => return error(to, ClientError::UnknownCommand, out),
    };
    packet(to, code, 0, b"", text.as_bytes(), out);
}

/// The answer of an increment or decrement.
pub(in crate::protocol) fn number(to: &Binary, number: u64, cas: u64, out: &mut Vec<u8>) {
    if !to.quiet {
        packet(to, OK, cas, b"", &number.to_be_bytes(), out);
    }
}

/// One statistic.
pub(in crate::protocol) fn stat(to: &Binary, name: &[u8], value: &[u8], out: &mut Vec<u8>) {
    packet(to, OK, 0, name, value, out);
}

/// Behind the last statistic.
pub(in crate::protocol) fn end_stats(to: &Binary, out: &mut Vec<u8>) {
    packet(to, OK, 0, b"", b"", out);
}
