//! What only the binary dialect asks: lookups of one key, refused packets.

use std::sync::atomic::Ordering::Relaxed;

use super::get::{ONE, chunked_value};
use super::{Context, Next, Producer, exptime};
use crate::protocol::{Binary, Exptime, Refusal, Reply, Style};
use crate::store::{KeyHash, Session};

/// Look up the only key of a request.
#[inline]
pub(super) fn fetch_one(
    cx: &Context<'_>,
    session: &mut Session<'_>,
    wanted: (&[u8], KeyHash),
    touch: Option<Exptime>,
    to: Binary,
    out: &mut Vec<u8>,
) -> Next {
    match session.is_alone() {
        true => fetch::<ONE, true>(cx, session, wanted, touch, to, out),
        false => fetch::<ONE, false>(cx, session, wanted, touch, to, out),
    }
}

/// Look one key up, and answer even if it is not there. There is a copy for each place: see
/// `get::ONE`.
#[inline(always)]
pub(super) fn fetch<const PLACE: u8, const ALONE: bool>(
    cx: &Context<'_>,
    session: &mut Session<'_>,
    (key, hash): (&[u8], KeyHash),
    touch: Option<Exptime>,
    to: Binary,
    out: &mut Vec<u8>,
) -> Next {
    let style = Style::Binary(to);
    let touch = touch.map(|e| exptime::deadline(e, cx.now, cx.shared.epoch_unix));
    let mut reply = Reply::new(style, out);
    let found = session.look_up::<ALONE, _>(key, hash, touch, cx.now, |hit| {
        let (flags, cas) = (hit.flags(), hit.cas());
        if !style.shows_value() {
            reply.hit(key, flags, 0, cas);
            return None;
        }
        if let Some(value) = hit.value() {
            reply.hit_value(key, flags, cas, value);
            return None;
        }
        reply.hit(key, flags, hit.len(), cas);
        chunked_value(hit, &mut reply)
    });
    if cx.shared.detail.load(Relaxed) {
        cx.shared.prefixes().count_get(key, found.is_some());
    }
    match found {
        None => reply.miss(key),
        Some(None) => {}
        Some(Some(pin)) => return Next::Stream(Producer::Value(pin, b"")),
    }
    Next::Continue
}

/// Answer a packet that is not a request.
#[cold]
pub(super) fn refuse(refusal: &Refusal, style: Style<'_>, out: &mut Vec<u8>) -> Next {
    let Refusal { error, swallow, close } = *refusal;
    let mut answer = Vec::new();
    Reply::new(style, &mut answer).error(error);
    if swallow > 0 {
        return Next::Swallow { len: swallow.into(), answer };
    }
    out.extend_from_slice(&answer);
    if close { Next::Close } else { Next::Continue }
}
