//! Meta commands: the answers. A code, then what the flags ask for, in their order; never a
//! space at the end.

use super::append::{Line, Piece, SHORT_MAX, append_by_call, fits_piece};
use super::flags::mask;
use super::{About, Flags, Number, Plain, Shown, Status, Ttl, base64};

/// Flags that add a word to the answer of a plain lookup.
const WORDS: u32 = mask(b"fscOk");
/// Mostly it is the key, alone.
const WORDS_BUT_KEY: u32 = mask(b"fscO");

/// The answer of ms and md, and of ma where it has no number.
pub(super) fn outcome(flags: &Flags<'_>, status: Status, about: &About<'_>, out: &mut Vec<u8>) {
    let (code, stores) = match status {
        Status::Stored => ("HD", true),
        Status::NotStored => ("NS", true),
        Status::Exists => ("EX", about.stores),
        Status::NotFound => ("NF", about.stores),
        Status::Deleted | Status::Touched => ("HD", false),
        Status::TooLarge
        | Status::NoMemoryToStore
        | Status::NoMemoryToVivify
        | Status::OutOfMemory
        | Status::NonNumeric => {
            out.extend_from_slice(status.line().as_bytes());
            out.extend_from_slice(b"\r\n");
            return;
        }
    };
    if flags.quiet && code == "HD" {
        return;
    }
    out.extend_from_slice(code.as_bytes());
    let words = if flags.meets(WORDS) { Some(flags.iter()) } else { None };
    for (letter, argument) in words.into_iter().flatten() {
        match letter {
            b'O' => opaque(argument, out),
            b'k' => key(about.key, flags.base64_key, out),
            b'c' if stores => number(b'c', about.cas, out),
            b's' if stores => number(b's', about.len as u64, out),
            _ => {}
        }
    }
    out.extend_from_slice(b"\r\n");
}

/// `EN`, with opaque and key.
pub(super) fn miss(flags: &Flags<'_>, asked: &[u8], out: &mut Vec<u8>) {
    if flags.quiet {
        return;
    }
    out.extend_from_slice(b"EN");
    for (letter, argument) in flags.iter() {
        match letter {
            b'O' => opaque(argument, out),
            b'k' => key(asked, flags.base64_key, out),
            _ => {}
        }
    }
    out.extend_from_slice(b"\r\n");
}

/// The front of mg's answer to a hit: `VA <n>` if the value follows, else `HD`.
#[inline]
pub(super) fn hit(flags: &Flags<'_>, item: &Shown<'_>, with_value: bool, out: &mut Vec<u8>) {
    // Room for a usual answer and its value in one step.
    out.reserve(64 + item.key.len() + if with_value { item.len } else { 0 });
    code(with_value.then_some(item.len), out);
    let mut ttl = item.ttl;
    for (letter, argument) in flags.iter() {
        match letter {
            b'T' => ttl = item.touched.unwrap_or(ttl),
            b'N' => ttl = item.vivified.unwrap_or(ttl),
            b's' => number(b's', item.len as u64, out),
            b't' => time_left(ttl, out),
            b'c' => number(b'c', item.cas, out),
            b'f' => number(b'f', item.flags.into(), out),
            b'l' => number(b'l', item.idle.into(), out),
            b'h' => out.extend_from_slice(if item.fetched { b" h1" } else { b" h0" }),
            b'O' => opaque(argument, out),
            b'k' => key(item.key, item.binary_key, out),
            _ => {}
        }
    }
    for (mark, given) in [(b'Z', item.sent), (b'X', item.stale), (b'W', item.won)] {
        if given {
            out.extend_from_slice(&[b' ', mark]);
        }
    }
    out.extend_from_slice(b"\r\n");
}

/// `VA <n>` in front of a value of `n` bytes, or `HD`.
#[inline]
fn code(len: Option<usize>, out: &mut Vec<u8>) {
    match len {
        Some(len @ ..=SHORT_MAX) => Line::new(*b"VA ").number(len).append_unended_to(out),
        Some(len) => {
            out.extend_from_slice(b"VA ");
            out.extend_from_slice(itoa::Buffer::new().format(len).as_bytes());
        }
        None => out.extend_from_slice(b"HD"),
    }
}

/// All of mg's answer to a hit of which only the words of `WORDS` can be asked.
#[inline(always)]
pub(super) fn plain_hit(flags: &Flags<'_>, item: &Plain<'_>, out: &mut Vec<u8>) {
    let value = flags.has(b'v').then_some(item.value);
    if value.is_some() && fits_piece(item.key, item.value) && !flags.meets(WORDS_BUT_KEY) {
        let mut piece = Piece::new(out);
        if flags.has(b'k') {
            piece.put_line(*b"VA ", item.value.len(), *b" k");
            piece.put_run(item.key);
            piece.put(b"\r\n", 2);
        } else {
            piece.put_line(*b"VA ", item.value.len(), *b"\r\n");
        }
        piece.put_run(item.value);
        piece.put(b"\r\n", 2);
        let end = piece.end();
        return out.truncate(end);
    }
    out.reserve(64 + item.key.len() + value.map_or(0, <[u8]>::len));
    match value {
        Some(value) if value.len() <= SHORT_MAX && !flags.meets(WORDS) => {
            Line::new(*b"VA ").number(value.len()).append_to(out);
        }
        Some(value) if value.len() <= SHORT_MAX && !flags.meets(WORDS_BUT_KEY) => {
            Line::new(*b"VA ").number(value.len()).append_ended_to(*b" k", out);
            append_by_call(out, item.key);
            out.extend_from_slice(b"\r\n");
        }
        _ => plain_front(flags, item, value.map(<[u8]>::len), out),
    }
    if let Some(value) = value {
        append_by_call(out, value);
        out.extend_from_slice(b"\r\n");
    }
}

/// The line of a plain hit that has words behind its code.
fn plain_front(flags: &Flags<'_>, item: &Plain<'_>, len: Option<usize>, out: &mut Vec<u8>) {
    code(len, out);
    for (letter, argument) in flags.iter() {
        match letter {
            b'k' => key(item.key, false, out),
            b'f' => number(b'f', item.flags.into(), out),
            b's' => number(b's', item.value.len() as u64, out),
            b'c' => number(b'c', item.cas, out),
            b'O' => opaque(argument, out),
            _ => {}
        }
    }
    out.extend_from_slice(b"\r\n");
}

/// The answer of ma.
pub(super) fn counted(flags: &Flags<'_>, shown: &Number<'_>, out: &mut Vec<u8>) {
    if flags.quiet {
        return;
    }
    let mut digits = itoa::Buffer::new();
    let digits = digits.format(shown.number);
    let with_value = flags.has(b'v');
    code(with_value.then_some(digits.len()), out);
    let mut ttl = shown.ttl;
    for (letter, argument) in flags.iter() {
        match letter {
            b'T' => ttl = shown.touched.unwrap_or(ttl),
            b'N' => ttl = shown.vivified.unwrap_or(ttl),
            b't' => time_left(ttl, out),
            b'c' => number(b'c', shown.cas, out),
            b'O' => opaque(argument, out),
            b'k' => key(shown.key, flags.base64_key, out),
            _ => {}
        }
    }
    out.extend_from_slice(b"\r\n");
    if with_value {
        out.extend_from_slice(digits.as_bytes());
        out.extend_from_slice(b"\r\n");
    }
}

/// `ME <key> …`
pub(super) fn described(item: &Shown<'_>, class: usize, size: usize, out: &mut Vec<u8>) {
    out.extend_from_slice(b"ME ");
    if item.binary_key {
        base64::encode(item.key, out);
    } else {
        out.extend_from_slice(item.key);
    }
    let left = item.ttl.map_or(-1, i64::from);
    let fetched = if item.fetched { "yes" } else { "no" };
    let (idle, cas) = (item.idle, item.cas);
    let line = format!(" exp={left} la={idle} cas={cas} fetch={fetched} cls={class} size={size}");
    out.extend_from_slice(line.as_bytes());
    out.extend_from_slice(b"\r\n");
}

fn opaque(argument: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(b" O");
    append_by_call(out, argument);
}

/// ` k<key>`, and ` b` behind one that had to be encoded.
fn key(key: &[u8], binary: bool, out: &mut Vec<u8>) {
    out.extend_from_slice(b" k");
    if binary {
        base64::encode(key, out);
        out.extend_from_slice(b" b");
    } else {
        append_by_call(out, key);
    }
}

fn number(letter: u8, number: u64, out: &mut Vec<u8>) {
    out.extend_from_slice(&[b' ', letter]);
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

/// Seconds left, or -1 for ever. (Of what is over already, memcached shows a negative number as
/// an unsigned one; here nothing is left.)
fn time_left(ttl: Ttl, out: &mut Vec<u8>) {
    match ttl {
        Some(seconds) => number(b't', seconds.into(), out),
        None => out.extend_from_slice(b" t-1"),
    }
}
