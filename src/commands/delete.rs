//! delete, md and touch: a key goes, or stays for longer.

use std::sync::atomic::Ordering::Relaxed;

use super::{Context, Next, compared, exptime};
use crate::protocol::{About, Delete, Exptime, Reply, Status, Style, mask};
use crate::store::{DeleteArgs, Deleted, Keep, KeyHash, Session};

/// Remove a key.
pub(super) fn delete(
    cx: &Context<'_>,
    session: &mut Session<'_>,
    asked: &Delete<'_>,
    style: Style<'_>,
    hash: KeyHash,
    out: &mut Vec<u8>,
) -> Next {
    if cx.shared.detail.load(Relaxed) && !matches!(style, Style::Meta(_)) {
        cx.shared.prefixes().count_delete(asked.key);
    }
    let compare = compared(cx, style, asked.compare);
    let args = DeleteArgs { key: asked.key, hash, compare, keep: keep(cx, style) };
    let status = match session.delete(&args, cx.now) {
        Deleted::Deleted => Status::Deleted,
        Deleted::OutOfMemory => Status::OutOfMemory,
        Deleted::NotFound => Status::NotFound,
        Deleted::Exists => Status::Exists,
    };
    Reply::new(style, out)
        .outcome(status, &About { key: asked.key, cas: 0, len: 0, stores: false });
    Next::Continue
}

/// `md` with `I` or `x`: the item stays.
fn keep(cx: &Context<'_>, style: Style<'_>) -> Option<Keep> {
    let Style::Meta(flags) = style else { return None };
    flags.meets(mask(b"Ix")).then(|| Keep {
        invalidate: flags.has(b'I'),
        empty: flags.has(b'x').then(|| flags.client_flags()),
        deadline: flags.exptime(b'T').map(|e| exptime::deadline(e, cx.now, cx.shared.epoch_unix)),
        new_cas: flags.number(b'E'),
    })
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
    Reply::new(style, out).outcome(status, &About { key, cas: 0, len: 0, stores: false });
    Next::Continue
}
