//! Text before authentication (PROTOCOL 4.2): a client proves who it is by a `set` whose data are
//! `user password`, and nothing else is understood. What it says of key, flags and expiry is not
//! looked at, and may be no number.
//!
//! Invariant: all that is ever `Complete` here is `Auth::Login`. A whole login fits
//! `LOGIN_MAX` bytes; what cannot is `Fatal`.

use super::limits::{LINE_MAX, LOGIN_LINE_MIN, LOGIN_MAX, LOGIN_TOKEN_MAX};
use super::token::{self, Words};
use super::{Auth, ClientError, Command, Parsed, Request, Style};

/// Parse the front of `input`, whose first `scanned` bytes hold no LF.
pub(super) fn parse(input: &[u8], scanned: usize) -> Parsed<'_> {
    let scanned = scanned.min(input.len());
    let Some(at) = memchr::memchr(b'\n', &input[scanned..]) else {
        return if input.len() > LINE_MAX {
            Parsed::Fatal
        } else {
            Parsed::Partial { wanted: input.len() + 1, scanned: input.len() }
        };
    };
    let lf = scanned + at;
    if lf < LOGIN_LINE_MIN {
        return Parsed::Fatal;
    }
    let refuse =
        |error, len| Parsed::Malformed { error: Some(error), len, swallow: 0, framing_lost: false };
    let line = &input[..lf];
    let Some(token_len) = announced(line.strip_suffix(b"\r").unwrap_or(line)) else {
        return refuse(ClientError::Unauthenticated, lf + 1);
    };
    if token_len > LOGIN_TOKEN_MAX {
        return refuse(ClientError::TokenTooLong, lf + 1);
    }
    let end = lf + 1 + token_len + 2;
    if end > LOGIN_MAX {
        return Parsed::Fatal;
    }
    let Some(data) = input.get(lf + 1..end) else {
        return Parsed::Partial { wanted: end, scanned: lf };
    };
    let Some(token) = data.strip_suffix(b"\r\n") else {
        return refuse(ClientError::BadTermination, end);
    };
    let Some(space) = token.iter().position(|&byte| byte == b' ') else {
        return refuse(ClientError::BadToken, end);
    };
    let login = Auth::Login { user: &token[..space], password: &token[space + 1..] };
    let style = Style::Text { noreply: false, with_cas: false };
    Parsed::Complete { request: Request { command: Command::Auth(login), style }, len: end }
}

/// The length of the data behind `set <key> <flags> <exptime> <bytes>`; `None`: another line.
fn announced(line: &[u8]) -> Option<usize> {
    let mut words = Words::new(line.strip_prefix(b"set ")?);
    token::u32(words.nth(3)?).map(|len| len as usize)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The error for all of `input`, and how much of it that takes up.
    fn refused(input: &str) -> (ClientError, usize) {
        match parse(input.as_bytes(), 0) {
            Parsed::Malformed { error: Some(error), len, swallow: 0, .. } => (error, len),
            other => panic!("{input:?}: {other:?}"),
        }
    }

    fn login(input: &[u8]) -> Option<(&[u8], &[u8], usize)> {
        match parse(input, 0) {
            Parsed::Complete { request, len } => match request.command {
                Command::Auth(Auth::Login { user, password }) => Some((user, password, len)),
                other => panic!("{other:?}"),
            },
            _ => None,
        }
    }

    #[test]
    fn a_set_is_a_login_whatever_its_other_words() {
        for line in [
            "set k 0 0 8",
            "set k 0 0 8 noreply",
            "set auth x y 8",
            "set  k  -1  99999999999  008 a b c",
            "set \u{1} \t - 8",
        ] {
            for end in ["\n", "\r\n"] {
                let input = format!("{line}{end}ann a b \r\nget k\r\n");
                let whole = line.len() + end.len() + 10;
                let expected = Some((&b"ann"[..], &b"a b "[..], whole));
                assert_eq!(login(input.as_bytes()), expected, "{input:?}");
            }
        }
        let long_key = format!("set {} 0 0 3\r\na b\r\n", "k".repeat(1000));
        assert!(login(long_key.as_bytes()).is_some());
        assert_eq!(login(b"set k 0 0 1\r\n \r\n"), Some((&b""[..], &b""[..], 16)));
    }

    #[test]
    fn any_other_line_is_unauthenticated_and_only_the_line() {
        for line in [
            "get key",
            "version",
            "stats",
            "flush_all",
            "set k 0 0",
            "set k 0 0 -1",
            "set k 0 0 x",
            "set k 0 0 4294967296",
            "setx k 0 0 3",
            "SET k 0 0 3",
            " set k 0 0 3",
            "add k 0 0 3",
            "ms k 3 T0",
            "shutdown",
            "watch",
        ] {
            let input = format!("{line}\r\na b\r\n");
            assert_eq!(refused(&input), (ClientError::Unauthenticated, line.len() + 2), "{line}");
        }
    }

    #[test]
    fn what_is_wrong_with_a_token_is_told() {
        for (input, error, len) in [
            ("set k 0 0 16385\r\nx", ClientError::TokenTooLong, 17),
            ("set foo 0 0 2147483646\r\n", ClientError::TokenTooLong, 24),
            ("set k 0 0 3\r\na b\nxx", ClientError::BadTermination, 18),
            ("set k 0 0 3\r\na bcdef", ClientError::BadTermination, 18),
            ("set k 0 0 3\r\nabc\r\n", ClientError::BadToken, 18),
            ("set k 0 0 0\r\n\r\n", ClientError::BadToken, 15),
        ] {
            assert_eq!(refused(input), (error, len), "{input:?}");
        }
    }

    #[test]
    fn short_lines_endless_ones_and_what_cannot_fit_end_it() {
        for input in ["\n", "\r\n", "quit\r\n", "mn\r\n", "gets\n", "get k\n"] {
            assert_eq!(parse(input.as_bytes(), 0), Parsed::Fatal, "{input:?}");
        }
        assert_ne!(parse(b"get kk\n", 0), Parsed::Fatal);
        assert_eq!(parse(&[b'x'; LINE_MAX + 1], 0), Parsed::Fatal);
        let partial = Parsed::Partial { wanted: LINE_MAX + 1, scanned: LINE_MAX };
        assert_eq!(parse(&[b'x'; LINE_MAX], 0), partial);
        assert_eq!(parse(b"set k 0 0 16384\r\n", 0), Parsed::Fatal);
        let most = LOGIN_MAX - "set k 0 0 16365\r\n\r\n".len();
        let partial = Parsed::Partial { wanted: LOGIN_MAX, scanned: 16 };
        assert_eq!(parse(format!("set k 0 0 {most}\r\n").as_bytes(), 0), partial);
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

        /// Whole only at the last byte, whatever was looked at before.
        #[test]
        fn every_split_is_partial_until_the_end(token in "[a-z ]{0,40}", key in "[a-z]{1,20}") {
            let input = format!("set {key} 0 0 {}\r\n{token}\r\n", token.len());
            let input = input.as_bytes();
            let mut scanned = 0;
            for cut in 0..input.len() {
                match parse(&input[..cut], scanned) {
                    Parsed::Partial { wanted, scanned: seen } => {
                        prop_assert!(wanted > cut && wanted <= input.len());
                        scanned = seen;
                    }
                    other => prop_assert!(false, "{:?} at {}", other, cut),
                }
            }
            prop_assert_eq!(parse(input, scanned), parse(input, 0));
            let whole = parse(input, 0);
            prop_assert!(whole != Parsed::Fatal);
            let decided = matches!(whole, Parsed::Complete { .. } | Parsed::Malformed { .. });
            prop_assert!(decided, "{:?}", whole);
        }

        #[test]
        fn any_bytes_make_progress_and_are_logins_only(
            bytes in prop::collection::vec(any::<u8>(), 0..200),
            line in "set [a-z0-9 ]{0,20}\n?",
        ) {
            let input = [line.as_bytes(), &bytes].concat();
            match parse(&input, 0) {
                Parsed::Complete { request, len } => {
                    let login = matches!(request.command, Command::Auth(Auth::Login { .. }));
                    prop_assert!(login, "{:?}", request);
                    prop_assert!(len <= input.len());
                }
                Parsed::Malformed { len, swallow, .. } => {
                    prop_assert!(len > 0 && len <= input.len() && swallow == 0);
                }
                Parsed::Partial { wanted, .. } => prop_assert!(wanted > input.len()),
                Parsed::Fatal => {}
            }
        }
    }
}
