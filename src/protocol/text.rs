//! Classic text: parse (PROTOCOL 1).
//!
//! A request is a line, and behind a storage line its value. Nothing is decided before the line
//! is whole, so there is no half-parsed state: a caller that came too early comes again with the
//! same front. `0 <= scanned <= position of LF < line length <= request length <= input length`.

mod admin;

use super::frame::Frame;
use super::limits::VALUE_LEN_MAX;
use super::limits::{KEY_MAX, LINE_MAX, LINE_MIN, LINE_SPACES_MAX};
use super::token::{self, Words};
use super::{Admin, Arith, ClientError, Command, Delete, Direction, Exptime, Get, Keys};
use super::{Parsed, Set, SetMode, ShutdownMode, Stats, Style, meta};

#[cfg(feature = "debug-commands")]
use super::{DebugItem, DebugTime};

/// Parse the front of `input`, whose first `scanned` bytes hold no LF.
#[inline]
pub(super) fn parse(input: &[u8], scanned: usize) -> Parsed<'_> {
    let scanned = scanned.min(input.len());
    let Some(at) = memchr::memchr(b'\n', &input[scanned..]) else {
        return without_line_end(input);
    };
    let frame = Frame { input, line_len: scanned + at + 1 };
    if frame.line_len < LINE_MIN {
        return frame.refuse(ClientError::BadFormat, false);
    }
    let line = &input[..frame.line_len - 1];
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    match line {
        [b'g', b'e', b't', b' ', list @ ..] => lookup(frame, list, None, false),
        [b's', b'e', b't', b' ', rest @ ..] => set(frame, rest),
        [b'm', b'g', b' ', rest @ ..] => meta::get(frame, rest),
        _ => other(frame, line),
    }
}

/// No LF yet: wait, but not for ever. Only the key list of a get may be endless.
#[cold]
fn without_line_end(input: &[u8]) -> Parsed<'_> {
    if input.len() > LINE_MAX {
        let spaces = input.iter().take(LINE_SPACES_MAX).take_while(|&&b| b == b' ').count();
        let line = &input[spaces..];
        if !line.starts_with(b"get ") && !line.starts_with(b"gets ") {
            return Parsed::Fatal;
        }
    }
    Parsed::Partial { wanted: input.len() + 1, scanned: input.len() }
}

/// Every command but `get` and `set` with operands.
fn other<'a>(frame: Frame<'a>, line: &'a [u8]) -> Parsed<'a> {
    let (word, rest) = line.split_at(token::find_space(line));
    let words = Words::new(rest);
    match word {
        b"get" => lookup(frame, rest, None, false),
        b"gets" => lookup(frame, rest, None, true),
        b"gat" => get_and_touch(frame, words, false),
        b"gats" => get_and_touch(frame, words, true),
        b"set" => store(frame, words, SetMode::Set, Compare::No),
        b"add" => store(frame, words, SetMode::Add, Compare::No),
        b"replace" => store(frame, words, SetMode::Replace, Compare::No),
        b"append" => store(frame, words, SetMode::Append, Compare::No),
        b"prepend" => store(frame, words, SetMode::Prepend, Compare::No),
        b"cas" => store(frame, words, SetMode::Set, Compare::Yes),
        b"delete" => delete(frame, words),
        b"incr" => arith(frame, words, Direction::Increment),
        b"decr" => arith(frame, words, Direction::Decrement),
        b"touch" => touch(frame, words),
        b"stats" => stats(frame, words),
        b"version" => frame.complete(Command::Version, false),
        b"quit" => frame.complete(Command::Quit, false),
        b"flush_all" => flush_all(frame, words),
        b"verbosity" => verbosity(frame, words),
        b"shutdown" => shutdown(frame, words),
        b"slabs" | b"lru" | b"lru_crawler" | b"cache_memlimit" => admin::parse(frame, word, words),
        b"watch" => {
            frame.complete(Command::Admin(Admin::Watch(super::Wanted::parse(words))), false)
        }
        #[cfg(feature = "debug-commands")]
        b"debugtime" => debugtime(frame, words),
        #[cfg(feature = "debug-commands")]
        b"debugitem" => debugitem(frame, words),
        b"mg" => meta::get(frame, rest),
        b"ms" => meta::set(frame, rest),
        b"md" => meta::delete(frame, rest),
        b"ma" => meta::arith(frame, rest),
        b"me" => meta::debug(frame, rest),
        b"mn" => frame.complete(Command::Noop, false),
        #[cfg(feature = "debug-commands")]
        b"debugcheck" => frame.complete(Command::Admin(Admin::DebugCheck), false),
        _ => unknown(frame, words),
    }
}

/// `gat` and `gats`: the expiry stands before the keys.
fn get_and_touch<'a>(frame: Frame<'a>, mut words: Words<'a>, with_cas: bool) -> Parsed<'a> {
    let Some(exptime) = words.next() else {
        return frame.refuse(ClientError::BadFormat, false);
    };
    let list = words.rest();
    if token::skip_spaces(list).is_empty() {
        return frame.refuse(ClientError::BadFormat, false);
    }
    let Some(exptime) = token::i32(exptime) else {
        return frame.refuse(ClientError::InvalidExptime, false);
    };
    lookup(frame, list, Some(Exptime(exptime.into())), with_cas)
}

/// A lookup of the keys in `list`, refused whole if there is none or one is too long. A `noreply`
/// at its end is a key like any other.
#[inline]
fn lookup<'a>(
    frame: Frame<'a>,
    list: &'a [u8],
    touch: Option<Exptime>,
    with_cas: bool,
) -> Parsed<'a> {
    let keys = Keys::new(list);
    if keys.first().is_empty() || token::has_longer_word(list, KEY_MAX) {
        return frame.refuse(ClientError::BadFormat, false);
    }
    let style = Style::Text { noreply: false, with_cas };
    frame.styled(Command::Get(Get { keys, touch }), style)
}

/// Does a storage line carry a CAS to compare with?
#[derive(Clone, Copy, PartialEq, Eq)]
enum Compare {
    No,
    Yes,
}

/// `set`, as nearly everybody writes it: a key and three plain numbers.
#[inline]
fn set<'a>(frame: Frame<'a>, rest: &'a [u8]) -> Parsed<'a> {
    let (key, numbers) = rest.split_at(token::find_space(rest));
    if (1..=KEY_MAX).contains(&key.len())
        && let Some((flags, behind)) = token::plain_number(numbers)
        && let Some((exptime, behind)) = token::plain_number(behind)
        && let Some((len, [])) = token::plain_number(behind)
    {
        let (mode, exptime) = (SetMode::Set, Exptime(exptime.into()));
        let style = Style::Text { noreply: false, with_cas: false };
        let compare = None;
        return frame.with_body(len, style, |body| Set {
            key,
            flags,
            exptime,
            mode,
            compare,
            body,
        });
    }
    store(frame, Words::new(rest), SetMode::Set, Compare::No)
}

/// The storage commands. The order of the checks decides what is swallowed (PROTOCOL 1.4).
fn store<'a>(
    frame: Frame<'a>,
    mut words: Words<'a>,
    mode: SetMode,
    compare: Compare,
) -> Parsed<'a> {
    let (Some(key), Some(flags), Some(exptime), Some(bytes)) =
        (words.next(), words.next(), words.next(), words.next())
    else {
        return frame.lose_framing();
    };
    let len = match token::i32(bytes) {
        Some(len @ 0..=VALUE_LEN_MAX) => len as u32,
        _ => return frame.lose_framing(),
    };
    let noreply = words.end_in_noreply();
    let refuse = || frame.refuse_and_swallow(ClientError::BadFormat, noreply, u64::from(len) + 2);
    if key.len() > KEY_MAX {
        return refuse();
    }
    let (Some(flags), Some(exptime)) = (token::lenient_u32(flags), token::lenient_i32(exptime))
    else {
        return refuse();
    };
    let compare = match compare {
        Compare::No => None,
        Compare::Yes => match words.next().and_then(token::u64) {
            None => return refuse(),
            cas => cas,
        },
    };
    let exptime = Exptime(exptime.into());
    let style = Style::Text { noreply, with_cas: false };
    frame.with_body(len, style, |body| Set { key, flags, exptime, mode, compare, body })
}

/// `delete <key> [one word, ignored] [noreply]`. The key itself may be `noreply`, and then asks
/// for silence too.
fn delete<'a>(frame: Frame<'a>, mut words: Words<'a>) -> Parsed<'a> {
    let noreply = words.end_in_noreply();
    let Some(key) = words.next() else {
        return frame.refuse(ClientError::BadFormat, false);
    };
    let extra = words.count();
    if extra > 1 + usize::from(noreply) {
        return frame.refuse(ClientError::UnknownCommand, noreply);
    }
    if key.len() > KEY_MAX {
        return frame.refuse(ClientError::BadFormat, noreply);
    }
    frame.complete(Command::Delete(Delete { key, compare: None }), noreply)
}

/// `incr` and `decr`.
fn arith<'a>(frame: Frame<'a>, mut words: Words<'a>, direction: Direction) -> Parsed<'a> {
    let noreply = words.end_in_noreply();
    let (Some(key), Some(delta)) = (words.next(), words.next()) else {
        return frame.refuse(ClientError::BadFormat, false);
    };
    if key.len() > KEY_MAX {
        return frame.refuse(ClientError::BadFormat, noreply);
    }
    match token::u64(delta) {
        Some(delta) => {
            let arith = Arith { key, delta, direction, compare: None, vivify: None };
            frame.complete(Command::Arith(arith), noreply)
        }
        None => frame.refuse(ClientError::InvalidDelta, noreply),
    }
}

/// `touch`
fn touch<'a>(frame: Frame<'a>, mut words: Words<'a>) -> Parsed<'a> {
    let noreply = words.end_in_noreply();
    let (Some(key), Some(exptime)) = (words.next(), words.next()) else {
        return frame.refuse(ClientError::BadFormat, false);
    };
    if key.len() > KEY_MAX {
        return frame.refuse(ClientError::BadFormat, noreply);
    }
    match token::i32(exptime) {
        Some(exptime) => {
            let exptime = Exptime(exptime.into());
            frame.complete(Command::Touch { key, exptime }, noreply)
        }
        None => frame.refuse(ClientError::InvalidExptime, noreply),
    }
}

/// `stats`: some words may be cut short, some may not, in this order (PROTOCOL 6.1).
fn stats<'a>(frame: Frame<'a>, mut words: Words<'a>) -> Parsed<'a> {
    let Some(topic) = words.next() else {
        return frame.complete(Command::Admin(Admin::Stats(Stats::General)), false);
    };
    let begins = |name: &[u8]| name.starts_with(topic);
    let stats = if begins(b"reset") {
        Stats::Reset
    } else if begins(b"detail") {
        Stats::Detail(words.next().unwrap_or_default())
    } else if begins(b"settings") {
        Stats::Settings
    } else if begins(b"cachedump") {
        Stats::CacheDump { class: words.next(), limit: words.next() }
    } else if begins(b"conns") {
        Stats::Conns
    } else if begins(b"extstore") {
        Stats::Extstore
    } else {
        match topic {
            b"items" => Stats::Items,
            b"slabs" => Stats::Slabs,
            b"sizes" => Stats::Sizes,
            b"memory" => Stats::Memory,
            _ => return frame.refuse(ClientError::UnknownCommand, false),
        }
    };
    frame.complete(Command::Admin(Admin::Stats(stats)), false)
}

/// `flush_all [delay] [noreply]`
fn flush_all<'a>(frame: Frame<'a>, mut words: Words<'a>) -> Parsed<'a> {
    let noreply = words.end_in_noreply();
    let has_delay = words.count() > usize::from(noreply);
    let delay = match words.next() {
        Some(word) if has_delay => match token::i32(word) {
            Some(delay) => Ok((delay > 0).then_some(Exptime(delay.into()))),
            None => Err(ClientError::InvalidExptime),
        },
        _ => Ok(None),
    };
    frame.complete(Command::Admin(Admin::FlushAll { delay }), noreply)
}

/// `verbosity <level>`
fn verbosity<'a>(frame: Frame<'a>, mut words: Words<'a>) -> Parsed<'a> {
    let noreply = words.end_in_noreply();
    match words.next().and_then(token::u32) {
        Some(level) => frame.complete(Command::Admin(Admin::Verbosity(level)), noreply),
        None => frame.refuse(ClientError::BadFormat, noreply),
    }
}

/// `shutdown [graceful]`; the second word may be cut short.
fn shutdown<'a>(frame: Frame<'a>, mut words: Words<'a>) -> Parsed<'a> {
    let noreply = words.end_in_noreply();
    let mode = match words.next() {
        None => ShutdownMode::Now,
        Some(word) if b"graceful".starts_with(word) && words.count() <= usize::from(noreply) => {
            ShutdownMode::Graceful
        }
        Some(_) => ShutdownMode::Invalid,
    };
    frame.complete(Command::Admin(Admin::Shutdown(mode)), noreply)
}

/// `debugtime p|r|<seconds>`
#[cfg(feature = "debug-commands")]
fn debugtime<'a>(frame: Frame<'a>, mut words: Words<'a>) -> Parsed<'a> {
    let noreply = words.end_in_noreply();
    let what = match words.next() {
        Some(b"p") => Some(DebugTime::Pause),
        Some(b"r") => Some(DebugTime::Resume),
        word => word.and_then(token::i64).map(DebugTime::Add),
    };
    match what {
        Some(what) => frame.complete(Command::Admin(Admin::DebugTime(what)), noreply),
        None => frame.refuse(ClientError::UnknownCommand, noreply),
    }
}

/// `debugitem lock|unlock|ref|unref <key>`; it knows no noreply, which might be the key.
#[cfg(feature = "debug-commands")]
fn debugitem<'a>(frame: Frame<'a>, mut words: Words<'a>) -> Parsed<'a> {
    let what = match words.next() {
        Some(b"lock") => Some(DebugItem::Lock),
        Some(b"unlock") => Some(DebugItem::Unlock),
        Some(b"ref") => Some(DebugItem::Reference),
        Some(b"unref") => Some(DebugItem::Unreference),
        _ => None,
    };
    match (what, words.next()) {
        (Some(what), Some(key)) if key.len() <= KEY_MAX => {
            frame.complete(Command::Admin(Admin::DebugItem { what, key }), false)
        }
        _ => frame.refuse(ClientError::UnknownCommand, false),
    }
}

/// A word that is no command. A browser (or a page that makes it speak to us) is cut off before
/// the rest of its request can be taken for commands.
#[cold]
fn unknown<'a>(frame: Frame<'a>, words: Words<'a>) -> Parsed<'a> {
    match words.last() {
        Some(last) if last.starts_with(b"HTTP/") => Parsed::Fatal,
        last => frame.refuse(ClientError::UnknownCommand, last == Some(b"noreply")),
    }
}

#[cfg(test)]
mod tests;
