//! Any bytes at all as a file of users, and as what a stranger says: no panic; a plain line lets
//! its own user in; a stranger is only ever understood to log in.

#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use slabd::ops::users::{Format, Users};
use slabd::protocol::{Auth, Command, Parsed, Protocol, parse};

fuzz_target!(|data: &[u8]| {
    file(data);
    stranger(data);
});

fn file(data: &[u8]) {
    let _ = Users::parse(Path::new("users"), data, Format::SaslDatabase);
    let Ok(mut users) = Users::parse(Path::new("users"), data, Format::AuthFile) else { return };
    assert!(users.len() > 0);
    // A hash may be made to cost a second.
    if data.windows(8).any(|word| word == b":$argon2") {
        return;
    }
    let line = data.split(|&byte| byte == b'\n').next().unwrap_or_default();
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let colon = line.iter().position(|&byte| byte == b':').expect("a good line has a colon");
    let (user, password) = (&line[..colon], &line[colon + 1..]);
    assert!(users.verify(user, password), "the first line lets its user in");
    assert!(!users.verify(user, &[password, b"\n"].concat()), "no password has a line end");
    assert!(!users.verify(b"", password) && !users.verify(user, b""));
}

fn stranger(data: &[u8]) {
    let mut rest = data;
    loop {
        let parsed = parse(Protocol::Login, rest, 0);
        let line_end = rest.iter().position(|&byte| byte == b'\n').unwrap_or(rest.len());
        let again = parse(Protocol::Login, rest, line_end);
        let len = match parsed {
            Parsed::Complete { request, len } => {
                assert!(matches!(request.command, Command::Auth(Auth::Login { .. })));
                let short = parse(Protocol::Login, &rest[..len - 1], 0);
                assert!(matches!(short, Parsed::Partial { wanted, .. } if wanted == len));
                len
            }
            Parsed::Malformed { len, swallow, .. } => {
                assert_eq!(swallow, 0);
                len
            }
            Parsed::Partial { wanted, scanned } => {
                assert!(wanted > rest.len() && scanned <= line_end);
                return;
            }
            Parsed::Fatal => return,
        };
        assert_eq!(parsed, again, "what was searched changes the answer");
        assert!(0 < len && len <= rest.len());
        rest = &rest[len..];
    }
}
