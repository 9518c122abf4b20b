//! incr, decr, ma: a decimal number, counted up or down.

use super::meta::left;
use super::{Context, Next, compared, exptime};
use crate::protocol::{About, Arith, Direction, Exptime, Number, Reply, Status, Style};
use crate::store::{ArithArgs, Counted, KeyHash, Session};

/// Add to, or subtract from, the number under a key.
pub(super) fn arith(
    cx: &Context<'_>,
    session: &mut Session<'_>,
    asked: &Arith<'_>,
    style: Style<'_>,
    hash: KeyHash,
    out: &mut Vec<u8>,
) -> Next {
    let deadline = |e: Exptime| exptime::deadline(e, cx.now, cx.shared.epoch_unix);
    let key = asked.key;
    let mut vivify = asked.vivify.map(|v| (v.initial, deadline(v.exptime)));
    let given = vivify.map(|(_, deadline)| deadline);
    let (mut touch, mut new_cas, mut binary_key) = (None, None, false);
    if let Style::Meta(flags) = style {
        touch = flags.exptime(b'T').map(deadline);
        new_cas = flags.number(b'E');
        binary_key = flags.base64_key;
        if flags.in_order(b'N', b'T') {
            vivify = vivify.map(|(initial, given)| (initial, touch.unwrap_or(given)));
        }
    }
    let decrement = asked.direction == Direction::Decrement;
    let (delta, compare) = (asked.delta, compared(cx, style, asked.compare.map(Into::into)));
    let args =
        ArithArgs { key, hash, delta, decrement, compare, vivify, touch, new_cas, binary_key };
    let mut reply = Reply::new(style, out);
    let status = match session.arith(&args, cx.now) {
        Counted::Value(count) => {
            reply.number(&Number {
                key,
                number: count.number,
                cas: count.cas,
                ttl: left(count.deadline, cx.now),
                touched: touch.map(|deadline| left(deadline, cx.now)),
                vivified: given.filter(|_| count.created).map(|given| left(given, cx.now)),
            });
            return Next::Continue;
        }
        Counted::NotFound => Status::NotFound,
        Counted::NonNumeric => Status::NonNumeric,
        Counted::OutOfMemory => Status::OutOfMemory,
        Counted::NoMemoryToCreate => Status::NoMemoryToVivify,
        Counted::Exists => Status::Exists,
    };
    reply.outcome(status, &About { key, cas: 0, len: 0, stores: false });
    Next::Continue
}
