//! delete and touch: a key goes, or stays for longer.

use std::sync::atomic::Ordering::Relaxed;

use super::{Context, Next, exptime};
use crate::protocol::{Exptime, Reply, Style};
use crate::store::{Deleted, KeyHash, Session};

/// Remove a key.
pub(super) fn delete(
    cx: &Context<'_>,
    session: &mut Session<'_>,
    key: &[u8],
    style: Style,
    hash: KeyHash,
    out: &mut Vec<u8>,
) -> Next {
    if cx.shared.detail.load(Relaxed) {
        cx.shared.prefixes().count_delete(key);
    }
    let line = match session.delete(key, hash, None, cx.now) {
        Deleted::Deleted => "DELETED",
        Deleted::NotFound => "NOT_FOUND",
        Deleted::Exists => "EXISTS",
    };
    Reply::new(style, out).line(line);
    Next::Continue
}

/// Move a key's deadline.
pub(super) fn touch(
    cx: &Context<'_>,
    session: &mut Session<'_>,
    (key, exptime): (&[u8], Exptime),
    style: Style,
    hash: KeyHash,
    out: &mut Vec<u8>,
) -> Next {
    let deadline = exptime::deadline(exptime, cx.now, cx.shared.epoch_unix);
    let found = session.touch(key, hash, deadline, cx.now);
    Reply::new(style, out).line(if found { "TOUCHED" } else { "NOT_FOUND" });
    Next::Continue
}
