//! set, add, replace, append, prepend, cas, ms: values at hand, and values that are still to come.

use std::sync::atomic::Ordering::Relaxed;

use super::{Context, Next, compared, exptime};
use crate::protocol::{self, About, Body, ClientError, KeptStyle, Reply, Set, Status, Style};
use crate::store::{KeyHash, Session, SetArgs, SetMode, SetRare, Stored, UploadId};

/// Store a value that is at hand, or begin to receive a longer one.
pub(super) fn set(
    cx: &Context<'_>,
    session: &mut Session<'_>,
    set: &Set<'_>,
    style: Style<'_>,
    hash: KeyHash,
    out: &mut Vec<u8>,
) -> Next {
    if cx.shared.detail.load(Relaxed) && !matches!(style, Style::Meta(_)) {
        cx.shared.prefixes().count_set(set.key);
    }
    let args = SetArgs {
        key: set.key,
        hash,
        flags: set.flags,
        deadline: exptime::deadline(set.exptime, cx.now, cx.shared.epoch_unix),
        mode: mode(set.mode),
        compare: compared(cx, style, set.compare),
        rare: rare(cx, style),
    };
    match set.body {
        Body::Whole(value) => {
            let (stored, len) = if tells_length(style) {
                session.set_measured(&args, value, cx.now)
            } else {
                (session.set(&args, value, cx.now), value.len())
            };
            let about = About { key: set.key, cas: cas(stored), len, stores: true };
            Reply::new(style, out).outcome(status(stored), &about);
            Next::Continue
        }
        Body::Unterminated { len } => {
            let mut reply = Reply::new(style, out);
            match session.count_bad_set(&args, len, cx.now) {
                refused @ (Stored::TooLarge | Stored::OutOfMemory) => {
                    let about = About { key: set.key, cas: 0, len: len as usize, stores: true };
                    reply.outcome(status(refused), &about);
                }
                _ => reply.error(ClientError::BadDataChunk),
            }
            Next::Continue
        }
        Body::Streamed { len } => receive(cx, session, &args, len, style),
    }
}

/// What only some dialects ask of a store.
#[inline]
fn rare(cx: &Context<'_>, style: Style<'_>) -> SetRare {
    let flags = match style {
        Style::Text { .. } => return SetRare::default(),
        // memcached counts such refusals in its two other dialects.
        Style::Binary(_) => return SetRare { uncounted: true, ..SetRare::default() },
        Style::Meta(flags) => flags,
    };
    let deadline = |e| exptime::deadline(e, cx.now, cx.shared.epoch_unix);
    SetRare {
        // As in memcached, 0 is no CAS to store under.
        new_cas: flags.number(b'E').filter(|&cas| cas != 0),
        binary_key: flags.base64_key,
        invalidate: flags.has(b'I'),
        vivify: flags.exptime(b'N').map(deadline),
        drop_old: true,
        uncounted: false,
    }
}

/// The answer tells how long the value has become, which may be longer than the one sent.
#[inline]
fn tells_length(style: Style<'_>) -> bool {
    matches!(style, Style::Meta(flags) if flags.has(b's'))
}

/// A value too long for the buffer: find it a place, or have it swallowed and refused afterwards.
fn receive(
    cx: &Context<'_>,
    session: &mut Session<'_>,
    args: &SetArgs<'_>,
    len: u32,
    style: Style<'_>,
) -> Next {
    match session.begin_upload(args, len, cx.now) {
        Ok(upload) => Next::Receive { upload, len, style: KeptStyle::new(style, args.key) },
        Err(refused) => {
            let mut answer = Vec::new();
            let about = About { key: args.key, cas: 0, len: len as usize, stores: true };
            Reply::new(style, &mut answer).outcome(status(refused), &about);
            Next::Swallow {
                len: u64::from(len) + style.protocol().value_end().len() as u64,
                answer,
            }
        }
    }
}

/// The body of an upload is complete: `terminated` says whether it ended as its dialect wants. The
/// session holds no lock.
pub fn finish_upload(
    cx: &Context<'_>,
    session: &mut Session<'_>,
    upload: UploadId,
    terminated: bool,
    style: &KeptStyle,
    len: u32,
    out: &mut Vec<u8>,
) {
    let mut reply = Reply::new(style.style(), out);
    if terminated {
        let (stored, total) = session.commit_upload(upload, cx.now);
        let len = if matches!(stored, Stored::Stored(_)) { total } else { len as usize };
        let about = About { key: style.key(), cas: cas(stored), len, stores: true };
        reply.outcome(status(stored), &about);
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
#[inline]
fn status(stored: Stored) -> Status {
    match stored {
        Stored::Stored(_) => Status::Stored,
        Stored::NotStored => Status::NotStored,
        Stored::Exists => Status::Exists,
        Stored::NotFound => Status::NotFound,
        Stored::TooLarge => Status::TooLarge,
        Stored::OutOfMemory => Status::NoMemoryToStore,
    }
}

/// The CAS of what was stored; 0 if nothing was.
#[inline]
fn cas(stored: Stored) -> u64 {
    match stored {
        Stored::Stored(cas) => cas,
        _ => 0,
    }
}
