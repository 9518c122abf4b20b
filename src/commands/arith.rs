//! incr and decr: a decimal number, counted up or down.

use super::{Context, Next};
use crate::protocol::{Direction, Reply, Style};
use crate::store::{Counted, KeyHash, Session};

/// Add to, or subtract from, the number under a key.
pub(super) fn arith(
    cx: &Context<'_>,
    session: &mut Session<'_>,
    (key, delta, direction): (&[u8], u64, Direction),
    style: Style,
    hash: KeyHash,
    out: &mut Vec<u8>,
) -> Next {
    let decrement = direction == Direction::Decrement;
    let mut reply = Reply::new(style, out);
    match session.arith(key, hash, delta, decrement, cx.now) {
        Counted::Value(number, _) => reply.number(number),
        Counted::NotFound => reply.line("NOT_FOUND"),
        Counted::NonNumeric => {
            reply.line("CLIENT_ERROR cannot increment or decrement non-numeric value");
        }
        Counted::OutOfMemory => reply.line("SERVER_ERROR out of memory"),
        Counted::Exists => reply.line("EXISTS"),
    }
    Next::Continue
}
