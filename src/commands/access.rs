//! The one gate: until a client has proved who it is, nothing but authentication is answered, on
//! every listener and in every dialect.
//!
//! A connection is `locked` or open ([`Access`]). The requests of a locked one are parsed by a
//! codec that knows logins only (text), or are put to [`knock`], which refuses all that is not
//! authentication (binary); no other way leads from its bytes to `execute`. Open connections
//! pay nothing per request. Passwords are checked elsewhere, for that can take long:
//! `Next::Verify` asks for it, and [`conclude`] gives the verdict's answer.
//!
//! Invariant: only a verdict unlocks, and any attempt to authenticate locks first, so that a failed
//! one leaves its connection locked whatever it was before.

use super::{ClientState, Context, Next};
use crate::ops::VERSION;
use crate::ops::counters::WorkerCounters;
use crate::protocol::limits::LOGIN_TOKEN_MAX;
use crate::protocol::{Auth, AuthReply, ClientError, Command, KeptStyle, Refusal};
use crate::protocol::{Reply, Request, Style};

/// The SASL mechanisms there are.
const MECHANISMS: &str = "PLAIN";

/// Longest name of a mechanism.
const MECHANISM_MAX: usize = 32;

/// Failures after which a connection is closed: nobody mistypes that often, and one who guesses
/// has to connect again.
pub const FAILURES_MAX: u8 = 10;

/// May this connection ask for anything?
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Access {
    /// Not yet: only authentication is answered.
    locked: bool,
    /// SASL: PLAIN was begun without its response; a step is to bring it.
    begun: bool,
    /// Verdicts that said no, in a row.
    failures: u8,
}

impl Access {
    /// Of a new connection: `locked` if there are users.
    pub fn new(locked: bool) -> Self {
        Access { locked, ..Access::default() }
    }

    /// Only authentication is answered.
    #[inline]
    pub fn is_locked(&self) -> bool {
        self.locked
    }
}

/// Who a client says it is. Never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The user.
    pub user: Box<[u8]>,
    /// The password.
    pub password: Box<[u8]>,
    /// How the verdict is to be answered.
    pub style: KeptStyle,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Credentials")
    }
}

/// A request of a locked connection.
#[cold]
pub fn knock(
    cx: &Context<'_>,
    client: &mut ClientState,
    request: &Request<'_>,
    out: &mut Vec<u8>,
) -> Next {
    match request.command {
        Command::Auth(asked) => authenticate(cx, client, asked, request.style, out),
        // memcached answers it in binary; locked text does not get here with it.
        Command::Version => {
            Reply::new(request.style, out).version(VERSION);
            Next::Continue
        }
        Command::Refused(ref refusal) => refused(cx, refusal, request.style, out),
        _ => {
            Reply::new(request.style, out).auth(AuthReply::Failed);
            Next::Close
        }
    }
}

/// A binary packet of a locked connection that is no request. A frame without sense is called so,
/// whoever sent it; of the others only those that were to authenticate are told what is wrong.
fn refused(cx: &Context<'_>, refusal: &Refusal, style: Style<'_>, out: &mut Vec<u8>) -> Next {
    let asks_auth = matches!(style, Style::Binary(binary) if binary.is_auth());
    if refusal.close && (asks_auth || refusal.error == ClientError::UnknownCommand) {
        return super::binary::refuse(refusal, style, out);
    }
    if !asks_auth {
        Reply::new(style, out).auth(AuthReply::Failed);
        return Next::Close;
    }
    // A response longer than any buffer cannot be right.
    count(cx.counters, false);
    let mut answer = Vec::new();
    Reply::new(style, &mut answer).auth(AuthReply::Failed);
    Next::Swallow { len: refusal.swallow.into(), answer }
}

/// Authentication, of a locked connection or an open one.
#[cold]
pub(super) fn authenticate(
    cx: &Context<'_>,
    client: &mut ClientState,
    asked: Auth<'_>,
    style: Style<'_>,
    out: &mut Vec<u8>,
) -> Next {
    let answer = if cx.config.requires_login() {
        match decide(&mut client.access, asked) {
            Decision::Verify { user, password } => {
                let (user, password) = (user.into(), password.into());
                let style = KeptStyle::new(style, b"");
                return Next::Verify(Box::new(Credentials { user, password, style }));
            }
            Decision::Answer(answer) => answer,
        }
    } else {
        AuthReply::Unknown
    };
    if answer == AuthReply::Failed {
        count(cx.counters, false);
    }
    Reply::new(style, out).auth(answer);
    Next::Continue
}

/// The verdict on what a connection said in `Next::Verify`.
pub fn conclude(
    counters: &WorkerCounters,
    client: &mut ClientState,
    style: Style<'_>,
    right: bool,
    out: &mut Vec<u8>,
) -> Next {
    count(counters, right);
    let access = &mut client.access;
    access.locked = !right;
    access.failures = if right { 0 } else { access.failures.saturating_add(1) };
    Reply::new(style, out).auth(if right { AuthReply::Done } else { AuthReply::Failed });
    if access.failures >= FAILURES_MAX { Next::Close } else { Next::Continue }
}

fn count(counters: &WorkerCounters, right: bool) {
    counters.auth_cmds.add(1);
    counters.auth_errors.add(u64::from(!right));
}

/// What is to be done about a request to authenticate.
#[derive(Debug, PartialEq, Eq)]
enum Decision<'a> {
    /// Find out whether this is so.
    Verify { user: &'a [u8], password: &'a [u8] },
    /// Nothing to find out.
    Answer(AuthReply),
}

/// The state machine of SASL, one a connection, and the single step of text.
fn decide<'a>(access: &mut Access, asked: Auth<'a>) -> Decision<'a> {
    let begun = std::mem::take(&mut access.begun);
    let (mechanism, response, may_be_empty) = match asked {
        Auth::Mechanisms => {
            access.begun = begun;
            return Decision::Answer(AuthReply::Mechanisms(MECHANISMS));
        }
        Auth::Login { user, password } => {
            access.locked = true;
            return Decision::Verify { user, password };
        }
        Auth::Start { mechanism, response } => (mechanism, response, true),
        Auth::Step { mechanism, response } => (mechanism, response, false),
    };
    if mechanism.len() > MECHANISM_MAX {
        access.begun = begun;
        return Decision::Answer(AuthReply::Invalid);
    }
    access.locked = true;
    if !mechanism.eq_ignore_ascii_case(MECHANISMS.as_bytes()) || !(begun || may_be_empty) {
        return Decision::Answer(AuthReply::Failed);
    }
    if response.is_empty() && may_be_empty {
        access.begun = true;
        return Decision::Answer(AuthReply::Continue);
    }
    match plain(response) {
        Some((user, password)) => Decision::Verify { user, password },
        None => Decision::Answer(AuthReply::Failed),
    }
}

/// The words of PLAIN, `[authzid] NUL user NUL password` (RFC 4616). Nobody may act for another.
fn plain(response: &[u8]) -> Option<(&[u8], &[u8])> {
    if response.len() > LOGIN_TOKEN_MAX {
        return None;
    }
    let mut words = response.splitn(3, |&byte| byte == 0);
    let (identity, user, password) = (words.next()?, words.next()?, words.next()?);
    let own = identity.is_empty() || identity == user;
    (own && !user.is_empty() && !password.contains(&0)).then_some((user, password))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOCKED: Access = Access { locked: true, begun: false, failures: 0 };
    const OPEN: Access = Access { locked: false, ..LOCKED };
    const BEGUN: Access = Access { begun: true, ..LOCKED };

    fn start<'a>(mechanism: &'a str, response: &'a str) -> Auth<'a> {
        Auth::Start { mechanism: mechanism.as_bytes(), response: response.as_bytes() }
    }

    fn step<'a>(mechanism: &'a str, response: &'a str) -> Auth<'a> {
        Auth::Step { mechanism: mechanism.as_bytes(), response: response.as_bytes() }
    }

    fn verify<'a>(user: &'a str, password: &'a str) -> Decision<'a> {
        Decision::Verify { user: user.as_bytes(), password: password.as_bytes() }
    }

    #[test]
    fn plain_is_decided_by_its_password_alone() {
        const FAILED: Decision<'_> = Decision::Answer(AuthReply::Failed);
        for (before, asked, decision, after) in [
            (LOCKED, start("PLAIN", "\0ann\0pw"), verify("ann", "pw"), LOCKED),
            (LOCKED, start("plain", "ann\0ann\0p w"), verify("ann", "p w"), LOCKED),
            (OPEN, start("PLAIN", "\0ann\0"), verify("ann", ""), LOCKED),
            (OPEN, start("PLAIN", "bob\0ann\0pw"), FAILED, LOCKED),
            (OPEN, start("PLAIN", "\0\0pw"), FAILED, LOCKED),
            (OPEN, start("PLAIN", "\0ann"), FAILED, LOCKED),
            (OPEN, start("PLAIN", "x"), FAILED, LOCKED),
            (OPEN, start("PLAIN", "\0ann\0p\0w"), FAILED, LOCKED),
            (OPEN, start("CRAM-MD5", ""), FAILED, LOCKED),
            (OPEN, start("", "\0ann\0pw"), FAILED, LOCKED),
            (OPEN, start("PLAIN", ""), Decision::Answer(AuthReply::Continue), BEGUN),
            (BEGUN, step("PLAIN", "\0ann\0pw"), verify("ann", "pw"), LOCKED),
            (BEGUN, step("PLAIN", ""), FAILED, LOCKED),
            (BEGUN, step("CRAM-MD5", "\0ann\0pw"), FAILED, LOCKED),
            (LOCKED, step("PLAIN", "\0ann\0pw"), FAILED, LOCKED),
            (OPEN, step("PLAIN", "\0ann\0pw"), FAILED, LOCKED),
        ] {
            let mut access = before;
            assert_eq!(decide(&mut access, asked), decision, "{asked:?}");
            assert_eq!(access, after, "{asked:?}");
        }
    }

    #[test]
    fn asking_for_mechanisms_or_nonsense_changes_nothing() {
        let long = "x".repeat(MECHANISM_MAX + 1);
        for before in [LOCKED, OPEN, BEGUN] {
            let mut access = before;
            let mechanisms = Decision::Answer(AuthReply::Mechanisms("PLAIN"));
            assert_eq!(decide(&mut access, Auth::Mechanisms), mechanisms);
            let invalid = Decision::Answer(AuthReply::Invalid);
            assert_eq!(decide(&mut access, start(&long, "\0a\0b")), invalid);
            assert_eq!(access, before);
        }
    }

    /// CVE-2013-7239: what fails once does not pass because it is tried again.
    #[test]
    fn only_a_verdict_unlocks_and_failures_add_up() {
        let counters = WorkerCounters::default();
        let style = Style::Text { noreply: false, with_cas: false };
        let mut client = ClientState { access: OPEN, ..ClientState::default() };
        let mut out = Vec::new();
        for failures in 1..FAILURES_MAX {
            assert_eq!(decide(&mut client.access, start("PLAIN", "\0a\0b")), verify("a", "b"));
            assert!(client.access.is_locked());
            let next = conclude(&counters, &mut client, style, false, &mut out);
            assert_eq!((next, client.access.failures), (Next::Continue, failures));
            assert!(client.access.is_locked());
        }
        assert_eq!(out, b"CLIENT_ERROR authentication failure\r\n".repeat(9));
        out.clear();
        assert_eq!(conclude(&counters, &mut client, style, true, &mut out), Next::Continue);
        assert_eq!((client.access, &*out), (OPEN, &b"STORED\r\n"[..]));
        for _ in 1..FAILURES_MAX {
            conclude(&counters, &mut client, style, false, &mut out);
        }
        assert_eq!(conclude(&counters, &mut client, style, false, &mut out), Next::Close);
        assert_eq!((counters.auth_cmds.get(), counters.auth_errors.get()), (20, 19));
    }
}
