//! Meta commands: parse (PROTOCOL 2.1).
//!
//! A line is looked at whole before anything is done: first its shape, whose failure swallows
//! nothing, then its flags from left to right. Some failures end that, others may still be
//! replaced by a later one; what is answered is what memcached answers.

use std::num::NonZeroU64;

use super::frame::Frame;
use super::limits::{KEY_MAX, META_TOKENS_MAX, OPAQUE_MAX, VALUE_LEN_MAX};
use super::token::{self, Words, find_space, skip_spaces};
use super::{Arith, Body, ClientError, Command, Delete, Direction, Fetch, Flags, Parsed};
use super::{Set, SetMode, Style, Vivify, base64, flags};

/// The letters of modes that compare a CAS: what `C` means depends on them.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Compares {
    Always,
    UnlessZero,
    Never,
}

/// `mg <key> <flag>*`
#[inline(always)]
pub(super) fn get<'a>(frame: Frame<'a>, rest: &'a [u8]) -> Parsed<'a> {
    let scanned = match Scan::of(rest, 2) {
        Ok(scanned) => scanned,
        Err(error) => return frame.refuse(error, false),
    };
    let Scan { key, flags } = scanned;
    if has_long_opaque(&flags) {
        return frame.refuse(ClientError::OpaqueTooLong, false);
    }
    frame.styled(Command::Fetch(Fetch { key, touch: None }), Style::Meta(flags))
}

/// `md <key> <flag>*`
pub(super) fn delete<'a>(frame: Frame<'a>, rest: &'a [u8]) -> Parsed<'a> {
    match Scan::of(rest, 2) {
        Ok(Scan { flags, .. }) if has_long_opaque(&flags) => {
            frame.refuse(ClientError::OpaqueTooLong, false)
        }
        Ok(Scan { key, flags }) => {
            let compare = flags.number(b'C');
            frame.styled(Command::Delete(Delete { key, compare }), Style::Meta(flags))
        }
        Err(error) => frame.refuse(error, false),
    }
}

/// `ma <key> <flag>*`. Whatever is wrong with its flags is one error.
pub(super) fn arith<'a>(frame: Frame<'a>, rest: &'a [u8]) -> Parsed<'a> {
    let Scan { key, flags } = match Scan::of(rest, 2) {
        Ok(scanned) => scanned,
        Err(ClientError::Malformed) => return frame.refuse(ClientError::Malformed, false),
        Err(_) => return frame.refuse(ClientError::InvalidOrDuplicateFlag, false),
    };
    let direction = match flags.argument(b'M').map(<[u8]>::first) {
        None | Some(Some(b'I' | b'+')) => Direction::Increment,
        Some(Some(b'D' | b'-')) => Direction::Decrement,
        Some(_) => return frame.refuse(ClientError::InvalidArithMode, false),
    };
    if has_long_opaque(&flags) {
        return frame.refuse(ClientError::OpaqueTooLong, false);
    }
    let initial = flags.number(b'J').unwrap_or(0);
    let arith = Arith {
        key,
        delta: flags.number(b'D').unwrap_or(1),
        direction,
        compare: flags.number(b'C').and_then(NonZeroU64::new),
        vivify: flags.exptime(b'N').map(|exptime| Vivify { initial, exptime }),
    };
    frame.styled(Command::Arith(arith), Style::Meta(flags))
}

/// `ms <key> <length> <flag>*`, then the value.
pub(super) fn set<'a>(frame: Frame<'a>, rest: &'a [u8]) -> Parsed<'a> {
    let mut words = Words::new(rest);
    let (Some(key), Some(len)) = (words.next(), words.next()) else {
        return frame.lose_framing();
    };
    let len = match token::i32(len) {
        Some(len @ 0..=VALUE_LEN_MAX) => len as u32,
        _ => return frame.lose_framing(),
    };
    let refuse = |error| frame.refuse_and_swallow(error, false, u64::from(len) + 2);
    let flags = match scan_flags(key, words.rest(), 3) {
        Ok(flags) => flags,
        Err(ClientError::Malformed) => return frame.lose_framing(),
        Err(error) => return refuse(error),
    };
    let (mode, compares) = match flags.argument(b'M').map(<[u8]>::first) {
        None | Some(Some(b'S')) => (SetMode::Set, Compares::Always),
        Some(Some(b'E')) => (SetMode::Add, Compares::Never),
        Some(Some(b'R')) => (SetMode::Replace, Compares::Always),
        Some(Some(b'A')) => (SetMode::Append, Compares::UnlessZero),
        Some(Some(b'P')) => (SetMode::Prepend, Compares::UnlessZero),
        Some(_) => return refuse(ClientError::InvalidSetMode),
    };
    if has_long_opaque(&flags) {
        return refuse(ClientError::OpaqueTooLong);
    }
    let compare = flags.number(b'C').filter(|&cas| match compares {
        Compares::Always => true,
        Compares::UnlessZero => cas != 0,
        Compares::Never => false,
    });
    let exptime = flags.exptime(b'T').unwrap_or_default();
    let client_flags = flags.client_flags();
    frame.with_body(len, Style::Meta(flags), |body: Body<'a>| Set {
        key,
        flags: client_flags,
        exptime,
        mode,
        compare,
        body,
    })
}

/// `me <key> <flag>*`: only `b` means something. memcached sees it only in the first place and
/// with another word behind it, which nobody can have meant.
pub(super) fn debug<'a>(frame: Frame<'a>, rest: &'a [u8]) -> Parsed<'a> {
    let mut words = Words::new(rest);
    let Some(key) = words.next() else { return frame.refuse(ClientError::BadFormat, false) };
    let shapely = words.clone().all(|word| is_flag(word[0]));
    let base64_key = words.into_iter().any(|word| word == b"b");
    if !shapely || key.len() > KEY_MAX || base64_key && base64::decode(key).is_none() {
        return frame.refuse(ClientError::BadFormat, false);
    }
    let flags = Flags::new(b"", if base64_key { flags::bit(b'b') } else { 0 });
    frame.styled(Command::Debug { key }, Style::Meta(flags))
}

/// A key and its flags.
struct Scan<'a> {
    key: &'a [u8],
    flags: Flags<'a>,
}

impl<'a> Scan<'a> {
    /// What stands behind a command word; `tokens` says how many words come before the flags.
    #[inline(always)]
    fn of(rest: &'a [u8], tokens: usize) -> Result<Self, ClientError> {
        let rest = skip_spaces(rest);
        let (key, rest) = rest.split_at(find_space(rest));
        if key.is_empty() {
            return Err(ClientError::Malformed);
        }
        Ok(Scan { key, flags: scan_flags(key, rest, tokens)? })
    }
}

/// Whether a word of this first byte can be a flag at all.
#[inline]
fn is_flag(first: u8) -> bool {
    first.is_ascii_digit() || (b'A'..=b'z').contains(&first)
}

/// Flags of which nothing can be wrong but that they stand twice.
const SIMPLE: u32 = flags::mask(b"OPLkstcfvhuqxMI");

/// See to it that every flag is known, stands once and has the argument it needs.
/// `Malformed`: the line has not even the shape of a meta command.
#[inline(always)]
fn scan_flags<'a>(key: &[u8], text: &'a [u8], tokens: usize) -> Result<Flags<'a>, ClientError> {
    // Mostly these are single letters, and so few that they cannot be too many.
    let (mut present, mut rest) = (0, text);
    while let [b' ', letter, tail @ ..] = rest
        && matches!(tail, [] | [b' ', ..])
        && flags::bit(*letter) & SIMPLE & !present != 0
    {
        present |= flags::bit(*letter);
        rest = tail;
    }
    if rest.is_empty() && key.len() <= KEY_MAX {
        return Ok(Flags::new(text, present));
    }
    scan_any_flags(key, text, tokens)
}
const _: () = assert!(3 + SIMPLE.count_ones() as usize <= META_TOKENS_MAX);

/// The same for any flags.
fn scan_any_flags<'a>(key: &[u8], text: &'a [u8], tokens: usize) -> Result<Flags<'a>, ClientError> {
    let (mut count, mut present, mut error, mut ended) = (tokens, 0, None, false);
    for (letter, argument) in Flags::new(text, 0).iter() {
        let bit = flags::bit(letter);
        if bit & SIMPLE & !present != 0 {
            present |= bit;
            count += 1;
            continue;
        }
        if !is_flag(letter) {
            return Err(ClientError::Malformed);
        }
        count += 1;
        if ended {
            continue;
        }
        if bit == 0 || present & bit != 0 {
            let known = bit != 0;
            error = Some(if known { ClientError::DuplicateFlag } else { ClientError::InvalidFlag });
            ended = true;
            continue;
        }
        present |= bit;
        if let Some(wrong) = check(letter, argument, key) {
            // An error of format is memcached's default text, and replaces no other.
            error = match (wrong, error) {
                (ClientError::BadFormat, Some(earlier)) => Some(earlier),
                _ => Some(wrong),
            };
        }
    }
    if key.len() > KEY_MAX {
        return Err(ClientError::BadFormat);
    }
    if count > META_TOKENS_MAX {
        return Err(ClientError::FlagsTooLong);
    }
    match error {
        Some(error) => Err(error),
        None => Ok(Flags::new(text, present)),
    }
}

/// Whether the opaque is too long to be repeated, which is looked at last. (memcached looks when
/// it writes the answer, with ma's number already changed; here nothing is.)
#[inline]
fn has_long_opaque(flags: &Flags<'_>) -> bool {
    flags.argument(b'O').is_some_and(|opaque| opaque.len() >= OPAQUE_MAX)
}

/// What is wrong with a flag's argument.
#[inline]
fn check(letter: u8, argument: &[u8], key: &[u8]) -> Option<ClientError> {
    let (fine, error) = match letter {
        b'N' | b'T' | b'R' => (token::i32(argument).is_some(), ClientError::BadFlagToken),
        b'C' | b'E' => (token::u64(argument).is_some(), ClientError::BadFlagToken),
        b'F' => (token::u32(argument).is_some(), ClientError::BadFormat),
        b'J' => (token::u64(argument).is_some(), ClientError::InvalidInitial),
        b'D' => (token::u64(argument).is_some(), ClientError::InvalidDeltaValue),
        b'b' => (base64::decode(key).is_some(), ClientError::UndecodableKey),
        _ => return None,
    };
    (!fine).then_some(error)
}
