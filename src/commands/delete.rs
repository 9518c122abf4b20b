//! delete and touch: a key goes, or stays for longer.

use std::sync::atomic::Ordering::Relaxed;

use super::{Context, Next, exptime};
use crate::protocol::{About, Delete, Exptime, Reply, Status, Style};
use crate::store::{Deleted, KeyHash, Session};

/// Remove a key.
pub(super) fn delete(
    cx: &Context<'_>,
    session: &mut Session<'_>,
    asked: &Delete<'_>,
    style: Style<'_>,
    hash: KeyHash,
    out: &mut Vec<u8>,
) -> Next {
    if cx.shared.detail.load(Relaxed) {
        cx.shared.prefixes().count_delete(asked.key);
    }
    let status = match session.delete(asked.key, hash, asked.compare, cx.now) {
        Deleted::Deleted => Status::Deleted,
        Deleted::NotFound => Status::NotFound,
        Deleted::Exists => Status::Exists,
    };
    Reply::new(style, out).outcome(status, &About { key: asked.key, cas: 0, len: 0 });
    Next::Continue
}

/// Move a key's deadline.
pub(super) fn touch(
    cx: &Context<'_>,
    session: &mut Session<'_>,
    (key, exptime): (&[u8], Exptime),
    style: Style<'_>,
    hash: KeyHash,
    out: &mut Vec<u8>,
) -> Next {
    let deadline = exptime::deadline(exptime, cx.now, cx.shared.epoch_unix);
    let found = session.touch(key, hash, deadline, cx.now);
    let status = if found { Status::Touched } else { Status::NotFound };
    Reply::new(style, out).outcome(status, &About { key, cas: 0, len: 0 });
    Next::Continue
}
