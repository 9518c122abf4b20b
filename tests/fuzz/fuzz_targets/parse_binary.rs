//! Any bytes at all to the binary parser: no panic, lengths inside the input, believable lengths
//! only, and no packet before its last byte.

#![no_main]

use libfuzzer_sys::fuzz_target;
use slabd::protocol::limits::{KEY_MAX, VALUE_IN_BUFFER_MAX};
use slabd::protocol::{Body, Command, Parsed, Protocol, Refusal, Request, Style, parse};

/// Packets taken from one input.
const PACKETS_MAX: usize = 64;
/// Bytes of a header.
const HEADER_LEN: usize = 24;

fuzz_target!(|data: &[u8]| {
    let mut rest = data;
    for _ in 0..PACKETS_MAX {
        if rest.is_empty() {
            return;
        }
        let parsed = parse(Protocol::Binary, rest, 0);
        assert_eq!(parsed, parse(Protocol::Binary, rest, rest.len()), "lines do not matter here");
        match parsed {
            Parsed::Complete { request, len } => {
                check(rest, &request, len);
                let behind = len + swallowed(&request);
                let Some(behind) = rest.get(behind..) else { return };
                rest = behind;
            }
            Parsed::Partial { wanted, scanned } => {
                assert!(wanted > rest.len(), "more is wanted than there is");
                assert!(wanted <= HEADER_LEN + 20 + KEY_MAX + VALUE_IN_BUFFER_MAX);
                return assert_eq!(scanned, 0);
            }
            Parsed::Fatal => return assert_ne!(rest[0], 0x80, "only another magic is fatal"),
            Parsed::Malformed { .. } => panic!("packets are refused, not malformed"),
        }
    }
});

/// Judge a packet at the front of `input`.
fn check(input: &[u8], request: &Request<'_>, len: usize) {
    assert!((HEADER_LEN..=input.len()).contains(&len), "a packet lies inside the input");
    let Style::Binary(to) = request.style else { panic!("{:?}", request.style) };
    assert_eq!(to.opcode, input[1], "the answer repeats the opcode");
    assert_eq!(to.opaque.to_be_bytes(), input[12..16], "and the opaque");
    assert_eq!(parse(Protocol::Binary, &input[..len], 0), parse(Protocol::Binary, input, 0));
    let key = match request.command {
        Command::Refused(_) => return,
        Command::Fetch(fetch) => fetch.key,
        Command::Set(set) => set.key,
        Command::Delete(delete) => delete.key,
        Command::Arith(arith) => arith.key,
        _ => b"-",
    };
    assert!((1..=KEY_MAX).contains(&key.len()), "a key has its length");
    for cut in [len - 1, len / 2, HEADER_LEN - 1] {
        let short = parse(Protocol::Binary, &input[..cut.min(len - 1).max(1)], 0);
        assert!(matches!(short, Parsed::Partial { .. }), "cut at {cut}: {short:?}");
    }
}

/// Bytes that belong to a packet beyond its length.
fn swallowed(request: &Request<'_>) -> usize {
    match request.command {
        Command::Refused(Refusal { swallow, .. }) => swallow as usize,
        Command::Set(set) => match set.body {
            Body::Streamed { len } => len as usize,
            Body::Whole(_) => 0,
            Body::Unterminated { .. } => panic!("no value has an end of its own"),
        },
        _ => 0,
    }
}
