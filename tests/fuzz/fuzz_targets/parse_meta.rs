//! Meta lines from seeds and a dictionary of their own: what holds of every line, and that a
//! request's flags are what the parser promises to those who read them again.

#![no_main]

mod lines;

use libfuzzer_sys::fuzz_target;
use slabd::protocol::limits::{KEY_MAX, META_TOKENS_MAX, OPAQUE_MAX};
use slabd::protocol::{Body, Command, Flags, Request, Style};

fuzz_target!(|data: &[u8]| lines::check(data, judge));

fn judge(request: &Request<'_>) {
    let Style::Meta(flags) = request.style else { return };
    let key = match &request.command {
        Command::Fetch(fetch) => fetch.key,
        Command::Set(set) => {
            assert!(!matches!(set.body, Body::Whole(value) if value.len() > 1 << 16));
            set.key
        }
        Command::Delete(delete) => delete.key,
        Command::Arith(arith) => arith.key,
        Command::Debug { key } => return assert!(key_of(&flags, key).is_some()),
        other => panic!("not a meta command: {other:?}"),
    };
    let bytes = key_of(&flags, key).expect("the parser has decoded it once");
    assert!((1..=KEY_MAX).contains(&bytes.len()), "a key has its length");
    check_flags(&flags);
}

/// The bytes of a key that came as `text`.
fn key_of(flags: &Flags<'_>, text: &[u8]) -> Option<Vec<u8>> {
    assert!(text.len() <= KEY_MAX);
    if flags.base64_key {
        flags.decode(text).map(|key| key.bytes().to_vec())
    } else {
        Some(text.to_vec())
    }
}

/// Every letter once, and every argument of the form its letter asks.
fn check_flags(flags: &Flags<'_>) {
    let all: Vec<(u8, &[u8])> = flags.iter().collect();
    assert!(all.len() < META_TOKENS_MAX);
    for (n, &(letter, argument)) in all.iter().enumerate() {
        assert!(flags.has(letter), "what stands there is known to stand there");
        assert!(all[..n].iter().all(|other| other.0 != letter), "a letter stands once");
        match letter {
            b'N' | b'T' | b'R' => assert!(flags.exptime(letter).is_some()),
            b'C' | b'E' | b'J' | b'D' => assert!(flags.number(letter).is_some()),
            b'O' => assert!(argument.len() < OPAQUE_MAX),
            _ => {}
        }
    }
    for letter in 0..=255 {
        let stands = all.iter().any(|flag| flag.0 == letter);
        assert_eq!(flags.has(letter), stands, "{}", letter.escape_ascii());
        assert!(!stands || flags.argument(letter).is_some());
    }
    assert_eq!((flags.quiet, flags.base64_key), (flags.has(b'q'), flags.has(b'b')));
}
