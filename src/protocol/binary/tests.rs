//! Every opcode with the lengths that suit it and those that do not, and the answers in bytes.

use std::num::NonZeroU64;

use super::*;
use crate::protocol::{About, Reply, Status};
use proptest::prelude::*;

/// A packet: opcode, extras, key, value; opaque 7.
fn packet(opcode: u8, extras: &[u8], key: &[u8], value: &[u8]) -> Vec<u8> {
    with_cas(opcode, 0, extras, key, value)
}

fn with_cas(opcode: u8, cas: u64, extras: &[u8], key: &[u8], value: &[u8]) -> Vec<u8> {
    let body_len = (extras.len() + key.len() + value.len()) as u32;
    let mut bytes = header(opcode, extras.len() as u8, key.len() as u16, body_len);
    bytes[16..].copy_from_slice(&cas.to_be_bytes());
    [&bytes, extras, key, value].concat()
}

fn header(opcode: u8, extras_len: u8, key_len: u16, body_len: u32) -> Vec<u8> {
    let mut bytes = vec![0; HEADER_LEN];
    bytes[0] = MAGIC_REQUEST;
    bytes[1] = opcode;
    bytes[2..4].copy_from_slice(&key_len.to_be_bytes());
    bytes[4] = extras_len;
    bytes[8..12].copy_from_slice(&body_len.to_be_bytes());
    bytes[15] = 7;
    bytes
}

/// The only command of these bytes.
#[track_caller]
fn command(bytes: &[u8]) -> Command<'_> {
    match parse(bytes) {
        Parsed::Complete { request, len } => {
            assert_eq!(len, bytes.len());
            let Style::Binary(to) = request.style else { panic!("{:?}", request.style) };
            assert_eq!((to.opcode, to.opaque), (bytes[1], 7));
            request.command
        }
        other => panic!("{other:?}"),
    }
}

fn refused(error: ClientError, swallow: u32, close: bool) -> Command<'static> {
    Command::Refused(Refusal { error, swallow, close })
}

/// The first packet is refused, and that closes the connection.
#[track_caller]
fn assert_fatal(bytes: &[u8], error: ClientError) {
    match parse(bytes) {
        Parsed::Complete { request, .. } => {
            assert_eq!(request.command, refused(error, 0, true), "{bytes:?}");
        }
        other => panic!("{bytes:?}: {other:?}"),
    }
}

#[test]
fn lookups_and_touches() {
    for opcode in [0x00, 0x09, 0x0c, 0x0d] {
        let fetch = Command::Fetch(Fetch { key: b"a key", touch: None });
        assert_eq!(command(&packet(opcode, b"", b"a key", b"")), fetch);
    }
    for opcode in [0x1c, 0x1d, 0x1e, 0x23, 0x24] {
        let touch = Some(Exptime(0xffff_ffff));
        let fetch = Command::Fetch(Fetch { key: b"k", touch });
        assert_eq!(command(&packet(opcode, &[0xff; 4], b"k", b"")), fetch);
    }
}

#[test]
fn storage_commands_with_a_cas_are_one() {
    let extras = [0, 0, 1, 2, 0xff, 0xff, 0xff, 0xfe];
    let all = [(1, SetMode::Set), (2, SetMode::Add), (3, SetMode::Replace)];
    for (opcode, mode) in all.into_iter().chain(all.map(|(opcode, mode)| (opcode + 0x10, mode))) {
        let set = Set {
            key: b"k",
            flags: 0x102,
            exptime: Exptime(0xffff_fffe),
            mode,
            compare: None,
            body: Body::Whole(b"v"),
        };
        assert_eq!(command(&packet(opcode, &extras, b"k", b"v")), Command::Set(set));
        let compared = Set { mode: SetMode::Set, compare: Some(9), ..set };
        let bytes = with_cas(opcode, 9, &extras, b"k", b"v");
        assert_eq!(command(&bytes), Command::Set(compared));
    }
}

#[test]
fn joins_keep_their_mode_with_a_cas() {
    for (opcode, mode) in [
        (0x0e, SetMode::Append),
        (0x19, SetMode::Append),
        (0x0f, SetMode::Prepend),
        (0x1a, SetMode::Prepend),
    ] {
        let bytes = with_cas(opcode, 3, b"", b"k", b"");
        let Command::Set(set) = command(&bytes) else { panic!() };
        assert_eq!((set.mode, set.compare, set.body), (mode, Some(3), Body::Whole(b"")));
    }
}

#[test]
fn numbers_are_in_network_order() {
    let mut extras = [0; 20];
    (extras[7], extras[15], extras[19]) = (1, 2, 3);
    for (opcode, direction) in [
        (0x05, Direction::Increment),
        (0x15, Direction::Increment),
        (0x06, Direction::Decrement),
        (0x16, Direction::Decrement),
    ] {
        let vivify = Some(Vivify { initial: 2, exptime: Exptime(3) });
        let arith = Arith { key: b"k", delta: 1, direction, compare: None, vivify };
        assert_eq!(command(&packet(opcode, &extras, b"k", b"")), Command::Arith(arith));
        let mut never = extras;
        never[16..].fill(0xff);
        let arith = Arith { vivify: None, compare: Some(NonZeroU64::MAX), ..arith };
        let bytes = with_cas(opcode, u64::MAX, &never, b"k", b"");
        assert_eq!(command(&bytes), Command::Arith(arith));
    }
}

#[test]
fn the_rest() {
    let delete = Delete { key: b"k", compare: None };
    assert_eq!(command(&packet(0x04, b"", b"k", b"")), Command::Delete(delete));
    let delete = Delete { key: b"k", compare: Some(1) };
    assert_eq!(command(&with_cas(0x14, 1, b"", b"k", b"")), Command::Delete(delete));
    for (opcode, want) in [
        (0x07, Command::Quit),
        (0x17, Command::Quit),
        (0x0a, Command::Noop),
        (0x0b, Command::Version),
    ] {
        assert_eq!(command(&packet(opcode, b"", b"", b"")), want);
    }
    for (extras, delay) in [
        (&b""[..], None),
        (&[0; 4], None),
        (&[0, 0, 0, 9], Some(Exptime(9))),
        (&[0xff; 4], Some(Exptime(0xffff_ffff))),
    ] {
        let flush = Command::Admin(Admin::FlushAll { delay: Ok(delay) });
        assert_eq!(command(&packet(0x08, extras, b"", b"")), flush);
        assert_eq!(command(&packet(0x18, extras, b"", b"")), flush);
    }
}

#[test]
fn statistics_are_asked_by_key() {
    for (key, want) in [
        (&b""[..], Stats::General),
        (b"items", Stats::Items),
        (b"slabs", Stats::Slabs),
        (b"sizes", Stats::Sizes),
        (b"memory", Stats::Memory),
        (b"reset", Stats::Reset),
        (b"resetting", Stats::Reset),
        (b"settings and more", Stats::Settings),
        (b"detail on", Stats::Detail(b"on")),
        (b"detail ", Stats::Detail(b"")),
        (b"detail", Stats::Unknown),
        (b"set", Stats::Unknown),
        (b"items ", Stats::Unknown),
        (b"conns", Stats::Unknown),
        (b"cachedump 1 1", Stats::Unknown),
    ] {
        let stats = Command::Admin(Admin::Stats(want));
        assert_eq!(command(&packet(0x10, b"", key, b"")), stats, "{key:?}");
    }
}

#[test]
fn sasl_is_parsed_for_those_who_ask() {
    assert_eq!(command(&packet(0x20, b"", b"", b"")), Command::Auth(Auth::Mechanisms));
    let (mechanism, response) = (&b"PLAIN"[..], &b"\0u\0p"[..]);
    for (opcode, auth) in
        [(0x21, Auth::Start { mechanism, response }), (0x22, Auth::Step { mechanism, response })]
    {
        assert_eq!(command(&packet(opcode, b"", b"PLAIN", b"\0u\0p")), Command::Auth(auth));
        assert_fatal(&packet(opcode, b"", b"", b"\0u\0p"), ClientError::BadFormat);
        let max = VALUE_IN_BUFFER_MAX as u32;
        let bytes = header(opcode, 0, 5, 5 + max + 1);
        assert_eq!(command(&bytes), refused(ClientError::UnknownCommand, max + 6, false));
        let wanted = HEADER_LEN + 5 + VALUE_IN_BUFFER_MAX;
        assert_eq!(parse(&header(opcode, 0, 5, 5 + max)), Parsed::Partial { wanted, scanned: 0 });
        assert_fatal(&packet(opcode, b"x", b"PLAIN", b""), ClientError::BadFormat);
    }
}

#[test]
fn the_quiet_ones_are_quiet() {
    let quiet: Vec<u8> = (0..=255).filter(|&opcode| header::is_quiet(opcode)).collect();
    let twins =
        [0x09, 0x0d, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x18, 0x19, 0x1a, 0x1e, 0x24];
    assert_eq!(quiet, twins);
}

#[test]
fn a_packet_is_waited_for_and_a_long_value_is_not() {
    let whole = packet(0x01, &[0; 8], b"key", b"value");
    for cut in 1..whole.len() {
        let wanted = if cut < HEADER_LEN { HEADER_LEN } else { whole.len() };
        assert_eq!(parse(&whole[..cut]), Parsed::Partial { wanted, scanned: 0 }, "{cut}");
    }
    let max = VALUE_IN_BUFFER_MAX as u32;
    let front = 8 + 3;
    let long = [&header(0x01, 8, 3, front + max)[..], &[0; 8], b"key"].concat();
    let wanted = HEADER_LEN + (front + max) as usize;
    assert_eq!(parse(&long), Parsed::Partial { wanted, scanned: 0 });
    let longer = [&header(0x01, 8, 3, front + max + 1)[..], &[0; 8], b"key"].concat();
    let Command::Set(set) = command(&longer) else { panic!() };
    assert_eq!((set.key, set.body), (&b"key"[..], Body::Streamed { len: max + 1 }));
    let cut = parse(&longer[..longer.len() - 1]);
    assert_eq!(cut, Parsed::Partial { wanted: longer.len(), scanned: 0 });
}

#[test]
fn what_follows_a_packet_is_left_alone() {
    let two = [packet(0x00, b"", b"k", b""), packet(0x0a, b"", b"", b"")].concat();
    let Parsed::Complete { len, .. } = parse(&two) else { panic!() };
    assert_eq!(len, HEADER_LEN + 1);
}

#[test]
fn another_magic_ends_the_connection_without_a_word() {
    for byte in [0x00, 0x81, b'g', 0xff] {
        assert_eq!(parse(&[byte]), Parsed::Fatal);
        let mut bytes = packet(0x0a, b"", b"", b"");
        bytes[0] = byte;
        assert_eq!(parse(&bytes), Parsed::Fatal);
    }
}

/// CVE-2011-4971, CVE-2016-8704 to 8706, CVE-2017-9951: extras and key longer than the body.
#[test]
fn lengths_that_contradict_each_other() {
    for opcode in 0..=255 {
        for (extras, key, body) in [(0, 1, 0), (8, 250, 1), (8, 0xffff, 9), (0x30, 0, 0x2f)] {
            assert_fatal(&header(opcode, extras, key, body), ClientError::UnknownCommand);
        }
    }
}

/// CVE-2011-4971 (a body of -24), 229cf41be (beyond 2^31): refused before anything is read.
#[test]
fn bodies_beyond_all_limits() {
    for opcode in 0..=255 {
        for body in [BODY_MAX + 1, 0x7fff_ffff, 0x8000_0000, 0xffff_ffe8, u32::MAX] {
            assert_fatal(&header(opcode, 8, 1, body), ClientError::BadFormat);
        }
        assert_fatal(&header(opcode, 0, 251, 251), ClientError::BadFormat);
    }
    let largest = [&header(0x01, 8, 1, BODY_MAX)[..], &[0; 8], b"k"].concat();
    let Command::Set(set) = command(&largest) else { panic!() };
    assert_eq!(set.body, Body::Streamed { len: BODY_MAX - 9 });
}

/// Every known opcode, with one length at a time that does not suit it (CVE-2020-10931, 7aa08ac2b).
#[test]
fn lengths_that_do_not_suit_their_opcode() {
    let shapes: [(&[u8], u8, Key, bool); 8] = [
        (&[0x00, 0x09, 0x0c, 0x0d, 0x04, 0x14], 0, Key::Needed, false),
        (&[0x01, 0x02, 0x03, 0x11, 0x12, 0x13], 8, Key::Needed, true),
        (&[0x05, 0x06, 0x15, 0x16], 20, Key::Needed, false),
        (&[0x0e, 0x0f, 0x19, 0x1a, 0x21, 0x22], 0, Key::Needed, true),
        (&[0x1c, 0x1d, 0x1e, 0x23, 0x24], 4, Key::Needed, false),
        (&[0x07, 0x17, 0x0a, 0x0b, 0x20], 0, Key::None, false),
        (&[0x08, 0x18], 4, Key::None, false),
        (&[0x10], 0, Key::Allowed, false),
    ];
    for (opcodes, extras, key, value) in shapes {
        for &opcode in opcodes {
            let is_flush = matches!(opcode, 0x08 | 0x18);
            for extras_len in 0..=u8::MAX {
                for (key_len, value_len) in [(0, 0), (0, 1), (1, 0), (250, 0), (250, 9)] {
                    let suits = (extras_len == extras || is_flush && extras_len == 0)
                        && (value || value_len == 0)
                        && match key {
                            Key::Needed => key_len > 0,
                            Key::None => key_len == 0,
                            Key::Allowed => true,
                        };
                    let body = u32::from(extras_len) + u32::from(key_len) + value_len;
                    let bytes = header(opcode, extras_len, key_len, body);
                    if !suits {
                        assert_fatal(&bytes, ClientError::BadFormat);
                    } else if body == 0 {
                        assert!(!matches!(command(&bytes), Command::Refused(_)), "{bytes:?}");
                    } else {
                        let wanted = HEADER_LEN + body as usize;
                        assert_eq!(parse(&bytes), Parsed::Partial { wanted, scanned: 0 });
                    }
                }
            }
        }
    }
}

#[derive(Clone, Copy)]
enum Key {
    Needed,
    None,
    Allowed,
}

#[test]
fn unknown_opcodes_cost_their_body_and_no_more() {
    let known: Vec<u8> =
        (0..=0x1a).chain([0x1c, 0x1d, 0x1e, 0x20, 0x21, 0x22, 0x23, 0x24]).collect();
    for opcode in (0..=255).filter(|opcode| !known.contains(opcode)) {
        let bytes = header(opcode, 4, 3, 1000);
        assert_eq!(command(&bytes), refused(ClientError::UnknownCommand, 1000, false));
    }
}

#[test]
fn answers_are_packets() {
    let to = |opcode, quiet| Style::Binary(Binary { opcode, quiet, opaque: 0x0102_0304 });
    let written = |style, answer: &dyn Fn(&mut Reply<'_>)| {
        let mut out = Vec::new();
        answer(&mut Reply::new(style, &mut out));
        out
    };
    let about = About { key: b"k", cas: 5, len: 1, stores: true };
    let stored = written(to(0x01, false), &|r| r.outcome(Status::Stored, &about));
    let front = [0x81, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 0, 0, 0, 0, 0, 0, 0, 5];
    assert_eq!(stored, front);
    assert_eq!(written(to(0x11, true), &|r| r.outcome(Status::Stored, &about)), b"");
    let hit = written(to(0x0d, true), &|r| r.hit_value(b"key", 0x0a0b, 5, b"v"));
    let want = [0x81, 0xd, 0, 3, 4, 0, 0, 0, 0, 0, 0, 8, 1, 2, 3, 4, 0, 0, 0, 0, 0, 0, 0, 5];
    assert_eq!(hit, [&want[..], &[0, 0, 0x0a, 0x0b], b"keyv"].concat());
    for (klen, vlen) in (1..=40).flat_map(|k| (0..=80).map(move |v| (k, v))) {
        let (key, value) = (&[b'k'; 40][..klen], &[b'v'; 80][..vlen]);
        let hit = written(to(0x0d, true), &|r| r.hit_value(key, 9, 5, value));
        assert_eq!((hit[3], hit[10], hit[11]), (klen as u8, 0, (4 + klen + vlen) as u8));
        assert_eq!(&hit[24..], [&[0, 0, 0, 9][..], key, value].concat());
        let hit = written(to(0x00, false), &|r| r.hit_value(key, 9, 5, value));
        assert_eq!((hit[3], &hit[24..]), (0, &[&[0, 0, 0, 9][..], value].concat()[..]));
    }
    assert_eq!(written(to(0x0d, true), &|r| r.miss(b"key")), b"");
    let miss = written(to(0x0c, false), &|r| r.miss(b"key"));
    assert_eq!((miss[7], &miss[24..]), (1, &b"key"[..]));
    let miss = written(to(0x00, false), &|r| r.miss(b"key"));
    assert_eq!((miss[7], miss[11], &miss[24..]), (1, 9, &b"Not found"[..]));
    let touched = written(to(0x1c, false), &|r| r.hit(b"key", 1, 0, 5));
    assert_eq!((touched[4], touched[11], &touched[24..]), (4, 4, &[0, 0, 0, 1][..]));
}

/// What a storage command was not satisfied with depends on which it was (PROTOCOL 3.3).
#[test]
fn failures_by_opcode() {
    let code = |opcode, status| {
        let mut out = Vec::new();
        let to = Style::Binary(Binary { opcode, quiet: header::is_quiet(opcode), opaque: 0 });
        Reply::new(to, &mut out)
            .outcome(status, &About { key: b"k", cas: 9, len: 0, stores: true });
        assert_eq!(out[16..24], [0; 8], "errors show no CAS");
        (out[6], out[7])
    };
    for quiet in [0, 0x10] {
        assert_eq!(code(0x02 + quiet, Status::NotStored), (0, 2));
        assert_eq!(code(0x03 + quiet, Status::NotStored), (0, 1));
        assert_eq!(code(0x01 + quiet, Status::NotFound), (0, 1));
        assert_eq!(code(0x01 + quiet, Status::Exists), (0, 2));
        assert_eq!(code(0x01 + quiet, Status::TooLarge), (0, 3));
        assert_eq!(code(0x01 + quiet, Status::NoMemoryToStore), (0, 0x82));
        assert_eq!(code(0x05 + quiet, Status::NonNumeric), (0, 6));
        assert_eq!(code(0x05 + quiet, Status::NotStored), (0, 5));
        assert_eq!(code(0x04 + quiet, Status::NotFound), (0, 1));
    }
    for opcode in [0x0e, 0x0f, 0x19, 0x1a] {
        assert_eq!(code(opcode, Status::NotStored), (0, 5));
        assert_eq!(code(opcode, Status::NotFound), (0, 5));
        assert_eq!(code(opcode, Status::Exists), (0, 2));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

    /// Whatever the header says, nothing is read beyond the buffer, and `wanted` is bounded.
    #[test]
    fn any_bytes_are_a_request_or_waited_for(
        mut bytes in proptest::collection::vec(any::<u8>(), 1..400),
        magic: bool,
    ) {
        if magic {
            bytes[0] = MAGIC_REQUEST;
            // Lengths that are sometimes believable.
            for at in [2, 8, 9] {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte = 0;
                }
            }
        }
        match parse(&bytes) {
            Parsed::Complete { len, .. } => prop_assert!((HEADER_LEN..=bytes.len()).contains(&len)),
            Parsed::Partial { wanted, .. } => {
                prop_assert!(wanted > bytes.len());
                prop_assert!(wanted <= HEADER_LEN + 20 + KEY_MAX + VALUE_IN_BUFFER_MAX);
            }
            Parsed::Fatal => prop_assert!(!magic),
            other => prop_assert!(false, "{other:?}"),
        }
    }
}
