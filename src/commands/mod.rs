//! A request meets the store: the one dispatch. Every verb there is stands in [`execute`].
//!
//! Invariants: a request is executed whole or not at all, save for a get, which may be resumed; no
//! locking method of `Store` is called while the session holds its lock; every byte of an answer
//! is in `out`, or named by the `Next` that is returned.

mod access;
mod admin;
mod arith;
mod binary;
mod delete;
mod exptime;
mod get;
mod meta;
mod repeat;
mod set;
mod stream;
mod tuning;

pub use access::{Access, Credentials, conclude, knock};
pub use repeat::{NextKey, repeat};
pub use set::finish_upload;
pub use stream::{Produced, Producer};

use crate::ops::{VERSION, config::Config, counters::WorkerCounters, shared::Shared};
use crate::protocol::{Command, Fetch, Forbidden, KeptStyle, Reply, Request, Style, Wanted};
use crate::store::{KeyHash, PinId, Session, Store, UploadId};

/// What every command may use.
pub struct Context<'a> {
    /// All items.
    pub store: &'a Store,
    /// The settings.
    pub config: &'a Config,
    /// What the threads share.
    pub shared: &'a Shared,
    /// The calling worker's counts.
    pub counters: &'a WorkerCounters,
    /// Seconds on the store's clock.
    pub now: u32,
    /// A get stops, to be resumed, once the connection's output holds this many bytes.
    pub output_max: usize,
    /// Where in the output this connection's replies of this turn begin.
    pub output_begin: usize,
}

/// What a connection remembers between requests.
#[derive(Debug, Default)]
pub struct ClientState {
    /// A get stopped in its key list: the offset to resume at (see `Keys::offset`). 0: begin.
    pub resume_at: usize,
    /// Whether it may ask for anything.
    pub access: Access,
}

/// What the connection does next.
#[derive(Debug, PartialEq, Eq)]
pub enum Next {
    /// The request is done.
    Continue,
    /// Flush what was answered, then close.
    Close,
    /// The output is full; execute the same request again once it has drained.
    Pause,
    /// Send this value of a list, then what ends a value, then execute the same request again
    /// (`ClientState::resume_at` stands behind the key).
    SendPinned(PinId),
    /// The request is done, but for the rest of its answer: send what the producer makes.
    Stream(Producer),
    /// The next `len` bytes of the stream, and what ends a value, are this upload's. Answer with
    /// `commands::finish_upload`.
    Receive {
        /// Where they go.
        upload: UploadId,
        /// Value length, without its end.
        len: u32,
        /// How to answer at the end.
        style: KeptStyle,
    },
    /// Drop the next `len` bytes of the stream, then send `answer`.
    Swallow {
        /// Bytes.
        len: u64,
        /// Then answer so; may be empty.
        answer: Vec<u8>,
    },
    /// Find out whether this is so, and then answer with `commands::conclude`. Nothing else of this
    /// connection is looked at until then.
    Verify(Box<Credentials>),
    /// `watch`: the connection becomes a sink for log lines. `None`: a word was no stream.
    Watch(Option<Wanted>),
    /// `stats conns`: ask every worker, append the answers, then END.
    DescribeConnections,
    /// The daemon is to stop: as SIGINT, or as SIGUSR1. This connection closes without a reply.
    Shutdown {
        /// As SIGUSR1.
        graceful: bool,
    },
}

/// Run one request and append its answer to `out`. `hash` is that of its key, or of the first one
/// where it has several, if the caller made it, and has fetched bucket and item. A get of several
/// keys hashes and fetches the others itself.
#[inline]
pub fn execute(
    cx: &Context<'_>,
    session: &mut Session<'_>,
    client: &mut ClientState,
    request: &Request<'_>,
    hash: Option<KeyHash>,
    out: &mut Vec<u8>,
) -> Next {
    if request.style.has_base64_key() {
        return execute_decoded(cx, session, client, request, out);
    }
    dispatch(cx, session, client, request, hash, out)
}

/// `execute` for a request whose key is still in base64.
#[cold]
fn execute_decoded(
    cx: &Context<'_>,
    session: &mut Session<'_>,
    client: &mut ClientState,
    request: &Request<'_>,
    out: &mut Vec<u8>,
) -> Next {
    let (Style::Meta(flags), Some(text)) = (request.style, request.command.key()) else {
        return Next::Continue;
    };
    // The parser has decoded it once: it does so again.
    let Some(key) = flags.decode(text) else { return Next::Continue };
    let command = request.command.with_key(key.bytes());
    let hash = cx.store.hash(key.bytes());
    dispatch(cx, session, client, &Request { command, style: request.style }, Some(hash), out)
}

#[inline]
fn dispatch(
    cx: &Context<'_>,
    session: &mut Session<'_>,
    client: &mut ClientState,
    request: &Request<'_>,
    known: Option<KeyHash>,
    out: &mut Vec<u8>,
) -> Next {
    let style = request.style;
    let hash = |key: &[u8]| known.unwrap_or_else(|| cx.store.hash(key));
    if let Some(what) = refusal(cx, &request.command) {
        Reply::new(style, out).forbidden(what);
        return Next::Continue;
    }
    match request.command {
        Command::Get(ref asked) => {
            get::get(cx, session, client, asked, Reply::new(style, out), known)
        }
        Command::Set(ref asked) => set::set(cx, session, asked, style, hash(asked.key), out),
        Command::Delete(ref asked) => {
            delete::delete(cx, session, asked, style, hash(asked.key), out)
        }
        Command::Arith(ref asked) => arith::arith(cx, session, asked, style, hash(asked.key), out),
        Command::Touch { key, exptime } => {
            delete::touch(cx, session, (key, exptime), style, hash(key), out)
        }
        Command::Admin(ref asked) => {
            session.release(); // what operators ask concerns every shard
            admin::admin(cx, asked, style, out)
        }
        Command::Fetch(Fetch { key, touch }) => match style {
            Style::Binary(to) => binary::fetch_one(cx, session, (key, hash(key)), touch, to, out),
            Style::Meta(ref flags) => meta::fetch_one(cx, session, (key, hash(key)), flags, out),
            Style::Text { .. } => unreachable!("text looks up lists"),
        },
        Command::Debug { key } => meta::debug(cx, session, key, style, hash(key), out),
        Command::Noop => {
            Reply::new(style, out).noop();
            Next::Continue
        }
        Command::Auth(asked) => access::authenticate(cx, client, asked, style, out),
        Command::Version => {
            Reply::new(style, out).version(VERSION);
            Next::Continue
        }
        Command::Quit => {
            Reply::new(style, out).farewell();
            Next::Close
        }
        Command::Refused(ref refusal) => binary::refuse(refusal, style, out),
    }
}

/// The CAS to compare with. Under -C it is one that never fits, but in the binary dialect, whose
/// every packet has room for one, it is not looked at.
#[inline]
fn compared(cx: &Context<'_>, style: Style<'_>, cas: Option<u64>) -> Option<u64> {
    cas.filter(|_| cx.config.store.use_cas || !matches!(style, Style::Binary(_)))
}

/// What the settings forbid.
#[inline]
fn refusal(cx: &Context<'_>, command: &Command<'_>) -> Option<Forbidden> {
    match command {
        Command::Admin(asked) => admin::refusal(cx, asked),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
