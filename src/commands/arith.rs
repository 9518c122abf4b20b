//! incr and decr: a decimal number, counted up or down.

use super::{Context, Next, exptime};
use crate::protocol::{About, Arith, Direction, Reply, Status, Style, Vivify};
use crate::store::{Counted, KeyHash, Session, SetArgs, SetMode, Stored};

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
        Counted::Value(number, cas) => {
            reply.number(number, cas);
            return Next::Continue;
        }
        Counted::NotFound => match asked.vivify {
            None => Status::NotFound,
            Some(vivify) => match create(cx, session, asked.key, &vivify, hash) {
                Stored::Stored(cas) => {
                    reply.number(vivify.initial, cas);
                    return Next::Continue;
                }
                Stored::OutOfMemory | Stored::TooLarge => Status::NoMemoryToVivify,
                // Somebody was faster.
                Stored::NotStored | Stored::Exists | Stored::NotFound => Status::NotStored,
            },
        },
        Counted::NonNumeric => Status::NonNumeric,
        Counted::OutOfMemory => Status::OutOfMemory,
        Counted::Exists => Status::Exists,
    };
    reply.outcome(status, &About { key: asked.key, cas: 0, len: 0 });
    Next::Continue
}

/// What a miss asked for: the initial number in decimal, not counted up or down.
fn create(
    cx: &Context<'_>,
    session: &mut Session<'_>,
    key: &[u8],
    vivify: &Vivify,
    hash: KeyHash,
) -> Stored {
    let deadline = exptime::deadline(vivify.exptime, cx.now, cx.shared.epoch_unix);
    let args = SetArgs { key, hash, flags: 0, deadline, mode: SetMode::Add, compare: None };
    session.set(&args, vivify.initial.to_string().as_bytes(), cx.now)
}
