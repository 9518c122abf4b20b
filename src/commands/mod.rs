//! A request meets the store: the one dispatch. (contract stubs)

use crate::ops::{config::Config, counters::WorkerCounters, shared::Shared};
use crate::protocol::Request;
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
}

/// What a connection remembers between requests.
#[derive(Debug, Default)]
pub struct ClientState {
    /// A get stopped in its key list: the offset to resume at (see `Keys::offset`). 0: begin.
    pub resume_at: usize,
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
    /// Send the value behind `pin` in slices, then CR LF, then execute the same request again
    /// (`ClientState::resume_at` stands behind the key).
    SendPinned(PinId),
    /// The next `len + 2` bytes of the stream are the body of this upload. Answer with
    /// `commands::finish_upload`.
    Receive {
        /// Where they go.
        upload: UploadId,
        /// Value length, without CR LF.
        len: u32,
        /// Say nothing at the end.
        noreply: bool,
    },
    /// Drop the next `len` bytes of the stream, then send `line` (if any) and CR LF.
    Swallow {
        /// Bytes.
        len: u64,
        /// Then answer so.
        line: Option<&'static str>,
    },
    /// `stats conns`: ask every worker, append the answers, then END.
    DescribeConnections,
    /// The daemon is to stop: as SIGINT, or as SIGUSR1. This connection closes without a reply.
    Shutdown {
        /// As SIGUSR1.
        graceful: bool,
    },
}

/// Run one request and append its answer to `out`. `hashes` are those of the request's keys in
/// order: all of them, or for a long get those from `client.resume_at` on, as far as they were
/// made (the command makes the rest itself).
pub fn execute(
    _cx: &Context<'_>,
    _session: &mut Session<'_>,
    _client: &mut ClientState,
    _request: &Request<'_>,
    _hashes: &[KeyHash],
    _out: &mut Vec<u8>,
) -> Next {
    todo!()
}

/// The body of an upload is complete: `terminated` says whether CR LF followed it.
pub fn finish_upload(
    _cx: &Context<'_>,
    _upload: UploadId,
    _terminated: bool,
    _noreply: bool,
    _out: &mut Vec<u8>,
) {
    todo!()
}
