//! incr and decr: a decimal number, counted up or down.

use super::{Context, Next};
use crate::protocol::{About, Arith, Direction, Reply, Status, Style};
use crate::store::{Counted, KeyHash, Session};

/// Add to, or subtract from, the number under a key.
pub(super) fn arith(
    cx: &Context<'_>,
    session: &mut Session<'_>,
    asked: &Arith<'_>,
    style: Style<'_>,
    hash: KeyHash,
    out: &mut Vec<u8>,
) -> Next {
    let decrement = asked.direction == Direction::Decrement;
    let mut reply = Reply::new(style, out);
    let status = match session.arith(asked.key, hash, asked.delta, decrement, cx.now) {
        Counted::Value(number, _) => {
            reply.number(number);
            return Next::Continue;
        }
        Counted::NotFound => Status::NotFound,
        Counted::NonNumeric => Status::NonNumeric,
        Counted::OutOfMemory => Status::OutOfMemory,
        Counted::Exists => Status::Exists,
    };
    reply.outcome(status, &About { key: asked.key, cas: 0, len: 0 });
    Next::Continue
}
