//! What holds of every line that the text parser looks at, whatever it says.

use slabd::protocol::{Command, Parsed, Protocol, Request, parse};

/// Requests taken from one input.
const REQUESTS_MAX: usize = 64;

/// Judge every request and every refused line of `data`, and hand the requests to `judge`.
pub fn check(data: &[u8], judge: impl Fn(&Request<'_>)) {
    let mut rest = data;
    for _ in 0..REQUESTS_MAX {
        check_front(rest);
        let len = match parse(Protocol::Text, rest, 0) {
            Parsed::Complete { request, len } => {
                judge(&request);
                len
            }
            Parsed::Malformed { len, swallow, .. } => {
                len.saturating_add(usize::try_from(swallow).unwrap_or(usize::MAX))
            }
            Parsed::Partial { .. } | Parsed::Fatal => return,
        };
        let Some(behind) = rest.get(len..) else { return };
        rest = behind;
    }
}

/// Judge what becomes of the front of `input`.
fn check_front(input: &[u8]) {
    let parsed = parse(Protocol::Text, input, 0);
    let line_end = input.iter().position(|&byte| byte == b'\n').unwrap_or(input.len());
    for scanned in [1, line_end / 2, line_end] {
        let again = parse(Protocol::Text, input, scanned.min(line_end));
        match (parsed, again) {
            // How much was searched may differ; what is wanted may not.
            (Parsed::Partial { wanted: a, .. }, Parsed::Partial { wanted: b, .. }) => {
                assert_eq!(a, b, "what was searched changes what is wanted");
            }
            _ => assert_eq!(parsed, again, "what was searched changes the answer"),
        }
    }
    match parsed {
        Parsed::Complete { request, len } => {
            assert!(0 < len && len <= input.len(), "a request lies inside the input");
            if let Command::Get(get) = request.command {
                assert!(get.keys.clone().all(|key| (1..=250).contains(&key.len())));
                assert!(get.keys.count() > 0, "a get names a key");
            }
            // Cut short it is not a request yet: neither this one, nor any other.
            for cut in [len - 1, len / 2, line_end.min(len - 1)] {
                let short = parse(Protocol::Text, &input[..cut], 0);
                assert!(matches!(short, Parsed::Partial { .. }), "cut at {cut}: {short:?}");
            }
            // What follows changes nothing.
            assert_eq!(parse(Protocol::Text, &input[..len], 0), parsed);
        }
        Parsed::Malformed { len, .. } => {
            assert!(0 < len && len <= input.len(), "a refused line lies inside the input");
        }
        Parsed::Partial { wanted, scanned } => {
            assert!(wanted > input.len(), "more is wanted than there is");
            assert!(scanned <= line_end, "nothing behind the line end was searched");
        }
        Parsed::Fatal => {}
    }
}
