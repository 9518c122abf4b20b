//! set, add, replace, append, prepend, cas: values at hand, and values that are still to come.

use std::sync::atomic::Ordering::Relaxed;

use super::{Context, Next, exptime};
use crate::protocol::{self, Body, ClientError, Reply, Set, Style};
use crate::store::{KeyHash, Session, SetArgs, SetMode, Stored, UploadId};

/// Bytes behind every value: CR LF.
const TERMINATOR_LEN: u64 = 2;

/// Store a value that is at hand, or begin to receive a longer one.
pub(super) fn set(
    cx: &Context<'_>,
    session: &mut Session<'_>,
    set: &Set<'_>,
    style: Style,
    hash: KeyHash,
    out: &mut Vec<u8>,
) -> Next {
    if cx.shared.detail.load(Relaxed) {
        cx.shared.prefixes().count_set(set.key);
    }
    let args = SetArgs {
        key: set.key,
        hash,
        flags: set.flags,
        deadline: exptime::deadline(set.exptime, cx.now, cx.shared.epoch_unix),
        mode: mode(set.mode),
        compare: set.compare,
    };
    match set.body {
        Body::Whole(value) => {
            let stored = session.set(&args, value, cx.now);
            Reply::new(style, out).line(line(stored));
            Next::Continue
        }
        Body::Unterminated { len } => {
            let mut reply = Reply::new(style, out);
            match session.count_bad_set(&args, len, cx.now) {
                refused @ (Stored::TooLarge | Stored::OutOfMemory) => reply.line(line(refused)),
                _ => reply.error(ClientError::BadDataChunk),
            }
            Next::Continue
        }
        Body::Streamed { len } => {
            session.release(); // uploads have locks of their own
            receive(cx, &args, len, style)
        }
    }
}

/// A value too long for the buffer: find it a place, or have it swallowed and refused afterwards.
fn receive(cx: &Context<'_>, args: &SetArgs<'_>, len: u32, style: Style) -> Next {
    let Style::Text { noreply, .. } = style;
    match cx.store.begin_upload(args, len, cx.now) {
        Ok(upload) => Next::Receive { upload, len, noreply },
        Err(refused) => Next::Swallow {
            len: u64::from(len) + TERMINATOR_LEN,
            line: (!noreply).then_some(line(refused)),
        },
    }
}

/// The body of an upload is complete: `terminated` says whether CR LF followed it. The caller
/// holds no session.
pub fn finish_upload(
    cx: &Context<'_>,
    upload: UploadId,
    terminated: bool,
    noreply: bool,
    out: &mut Vec<u8>,
) {
    let mut reply = Reply::new(Style::Text { noreply, with_cas: false }, out);
    if terminated {
        reply.line(line(cx.store.commit_upload(upload, cx.now)));
    } else {
        cx.store.spoil_upload(upload);
        reply.error(ClientError::BadDataChunk);
    }
}

fn mode(mode: protocol::SetMode) -> SetMode {
    match mode {
        protocol::SetMode::Set => SetMode::Set,
        protocol::SetMode::Add => SetMode::Add,
        protocol::SetMode::Replace => SetMode::Replace,
        protocol::SetMode::Append => SetMode::Append,
        protocol::SetMode::Prepend => SetMode::Prepend,
    }
}

/// What a storage command is told.
fn line(stored: Stored) -> &'static str {
    match stored {
        Stored::Stored(_) => "STORED",
        Stored::NotStored => "NOT_STORED",
        Stored::Exists => "EXISTS",
        Stored::NotFound => "NOT_FOUND",
        Stored::TooLarge => "SERVER_ERROR object too large for cache",
        Stored::OutOfMemory => "SERVER_ERROR out of memory storing object",
    }
}
