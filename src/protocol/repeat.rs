//! Lookups that repeat the one before them in all but the key: what clients send for a multi-get in
//! the dialects that have none. They are recognised by their bytes, and not parsed again.
//!
//! Invariant: what [`Pattern::front`] finds, `parse` would have made of the same bytes, and
//! [`Request::repeated`] says what that is. Where it finds nothing, nothing is said.

use super::limits::KEY_MAX;
use super::{Command, Fetch, Request, Style, binary, mask, token};

/// A lookup of one key, as the shape of others.
#[derive(Debug, Clone, Copy)]
pub enum Pattern<'a> {
    /// `get `, the key, and the line end.
    Get(Tail<'a>),
    /// `mg `, the key, and the rest of the line.
    Meta(Tail<'a>),
    /// A packet of this opcode.
    Packet(u8),
}

/// A request that repeats another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Repeat<'a> {
    /// 1 to 250 bytes.
    pub key: &'a [u8],
    /// Of a packet.
    pub opaque: u32,
}

/// Flags of meta that no two lookups share: who sends opaques sends each once, and looking for the
/// same again would be in vain. A key in base64 is still to be decoded.
const UNLIKE: u32 = mask(b"Ob");

const GET: &[u8; 4] = b"get ";
const META: &[u8; 3] = b"mg ";

impl<'a> Pattern<'a> {
    /// The shape of a request that took up all of `bytes`, if it has one that is looked for.
    #[inline]
    pub fn of(request: &Request<'a>, bytes: &'a [u8]) -> Option<Pattern<'a>> {
        let tail =
            |verb: &[u8], key: &[u8]| bytes.strip_prefix(verb)?.strip_prefix(key).map(Tail::new);
        match (&request.command, &request.style) {
            (Command::Get(get), Style::Text { .. }) => {
                tail(GET, get.keys.only()?).map(Pattern::Get)
            }
            (Command::Fetch(asked), Style::Meta(flags)) if !flags.meets(UNLIKE) => {
                tail(META, asked.key).map(Pattern::Meta)
            }
            (Command::Fetch(Fetch { touch: None, .. }), Style::Binary(to)) => {
                Some(Pattern::Packet(to.opcode))
            }
            _ => None,
        }
    }

    /// The request of this shape at the front of `bytes`, if a whole one is there, and its length.
    #[inline(always)]
    pub fn front(&self, bytes: &'a [u8]) -> Option<(Repeat<'a>, usize)> {
        match self {
            Pattern::Get(tail) => line(GET, tail, bytes),
            Pattern::Meta(tail) => line(META, tail, bytes),
            Pattern::Packet(opcode) => binary::repeat(*opcode, bytes),
        }
    }
}

/// A line of this verb, one key, and this tail.
#[inline(always)]
fn line<'a, const VERB: usize>(
    verb: &[u8; VERB],
    tail: &Tail<'_>,
    bytes: &'a [u8],
) -> Option<(Repeat<'a>, usize)> {
    let rest = bytes.strip_prefix(verb)?;
    // A key may hold control characters, but nobody's do: such a line is left to the parser.
    let len = token::find_blank(&rest[..rest.len().min(KEY_MAX + 1)]);
    let (key, behind) = rest.split_at(len);
    if !(1..=KEY_MAX).contains(&len) || !tail.begins(behind) {
        return None;
    }
    Some((Repeat { key, opaque: 0 }, VERB + len + tail.text.len()))
}

/// What stands behind the key of a line, its end included.
#[derive(Debug, Clone, Copy)]
pub struct Tail<'a> {
    text: &'a [u8],
    /// Its first eight bytes, and which bits of them there are.
    word: u64,
    mask: u64,
}

impl<'a> Tail<'a> {
    #[inline]
    fn new(text: &'a [u8]) -> Self {
        let mut first = [0; 8];
        let len = text.len().min(first.len());
        first[..len].copy_from_slice(&text[..len]);
        let mask = u64::MAX >> (64 - 8 * len.max(1));
        Tail { text, word: u64::from_le_bytes(first), mask }
    }

    /// Do `bytes` begin with it? Mostly one word decides.
    #[inline(always)]
    fn begins(&self, bytes: &[u8]) -> bool {
        match bytes.first_chunk() {
            Some(first) if self.text.len() <= first.len() => {
                (u64::from_le_bytes(*first) ^ self.word) & self.mask == 0
            }
            _ => bytes.starts_with(self.text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::{Parsed, Protocol, parse};
    use proptest::prelude::*;

    /// What the front of `bytes` is to the parser, if it is a whole request.
    fn parsed(bytes: &[u8]) -> Option<(Request<'_>, usize)> {
        let protocol = Protocol::of_first_byte(*bytes.first()?);
        match parse(protocol, bytes, 0) {
            Parsed::Complete { request, len } => Some((request, len)),
            _ => None,
        }
    }

    /// Whether the request at the front of `bytes` is repeated behind it; what is said of that is
    /// what the parser says.
    fn repeats(bytes: &[u8]) -> bool {
        let Some((first, len)) = parsed(bytes) else { return false };
        let (front, behind) = bytes.split_at(len);
        let Some(pattern) = Pattern::of(&first, front) else { return false };
        let Some((repeat, len)) = pattern.front(behind) else { return false };
        assert_eq!(Some((first.repeated(&repeat), len)), parsed(behind), "{bytes:?}");
        true
    }

    fn packet(opcode: u8, extras: &[u8], key: &[u8], opaque: u32) -> Vec<u8> {
        let mut bytes = vec![0x80, opcode, 0, key.len() as u8, extras.len() as u8];
        bytes.resize(8, 0);
        bytes.extend(((extras.len() + key.len()) as u32).to_be_bytes());
        bytes.extend(opaque.to_be_bytes());
        bytes.extend([0; 8]);
        [&bytes, extras, key].concat()
    }

    #[test]
    fn pipelined_lookups_are_recognised() {
        for [first, second] in [
            ["get a\r\n", "get bcd\r\n"],
            ["get a\n", "get b\n"],
            ["mg a v q\r\n", "mg b v q\r\n"],
            ["mg a\r\n", "mg b\r\n"],
            ["mg a  k v q T12345678\r\n", "mg b  k v q T12345678\r\n"],
        ] {
            assert!(repeats(format!("{first}{second}").as_bytes()), "{first:?}");
            assert!(repeats(format!("{first}{second}mn\r\n").as_bytes()), "{first:?}");
            let long = second.replace('b', &"b".repeat(KEY_MAX - 2));
            assert!(repeats(format!("{first}{long}").as_bytes()), "{first:?}");
            for cut in 0..second.len() {
                assert!(!repeats(format!("{first}{}", &second[..cut]).as_bytes()), "{first:?}");
            }
        }
        for opcode in [0x00, 0x09, 0x0c, 0x0d] {
            let (first, second) = (packet(opcode, b"", b"a", 1), packet(opcode, b"", b"b\n c", 2));
            assert!(repeats(&[first.clone(), second.clone()].concat()));
            for cut in 0..second.len() {
                assert!(!repeats(&[&first, &second[..cut]].concat()));
            }
        }
    }

    #[test]
    fn what_differs_in_more_than_the_key_is_left_to_the_parser() {
        let long = format!("get a\r\nget {}\r\n", "b".repeat(KEY_MAX + 1));
        for lines in [
            "get a\r\ngets b\r\n",
            "get a\r\nget b c\r\n",
            "get a\r\nget b \r\n",
            "get a\r\nget b\n",
            "get a\r\nget \r\n",
            "get a\r\nget b\x01\r\n",
            "get a b\r\nget b\r\n",
            "mg a v q\r\nmg b v\r\n",
            "mg a v q\r\nmg b q v\r\n",
            "mg a v q\r\nmg b\r\nmg c v q\r\n",
            "mg a O1\r\nmg b O2\r\n",
            "mg a O1\r\nmg b O1\r\n",
            "mg YQ== b\r\nmg YQ== b\r\n",
            "md a q\r\nmd b q\r\n",
            &long,
        ] {
            assert!(!repeats(lines.as_bytes()), "{lines:?}");
        }
        let first = packet(0x0d, b"", b"a", 1);
        let long = packet(0x0d, b"", &[b'k'; KEY_MAX + 1], 1);
        let mut odd = packet(0x0d, b"", b"b", 1);
        odd[2] = 1; // a key of 257 bytes, which is more than the body
        let bare = packet(0x0d, b"", b"", 1);
        for second in [packet(0x09, b"", b"b", 1), packet(0x0d, &[0; 4], b"b", 1), long, odd, bare]
        {
            assert!(!repeats(&[&first[..], &second].concat()), "{second:?}");
        }
        assert!(!repeats(&packet(0x1e, &[0; 4], b"a", 1).repeat(2)), "a touch has extras");
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

        #[test]
        fn lines_are_what_the_parser_makes_of_them(
            verb in "get|gets|mg|md|mn",
            tail in "( [vkqb]| O[ab]{0,2})? ?[vq]?\r?",
            key in "[a\x01\r\u{a0}]{0,3}",
            other in "[a \x01\r\u{a0}]{0,9}",
        ) {
            repeats(format!("{verb} a{tail}\n{verb} {key}{tail}\n").as_bytes());
            repeats(format!("{verb} {key}{tail}\n{verb} {other}{tail}\n{verb}").as_bytes());
        }

        #[test]
        fn packets_are_what_the_parser_makes_of_them(
            opcode in 0..0x25u8,
            at in 0..26usize,
            byte in prop_oneof![Just(0u8), Just(1), Just(2), any::<u8>()],
        ) {
            let mut second = packet(opcode, b"", b"bb", 7);
            second[at] = byte;
            repeats(&[packet(opcode, b"", b"a", 1), second].concat());
        }
    }
}
