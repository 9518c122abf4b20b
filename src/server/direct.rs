//! Long values between a socket and their chunks, without a stop in a buffer of ours: what makes a
//! megabyte cost one copy, the kernel's, and no memory but the item's.
//!
//! A value is received before a stage's visit, where its reads are, and needs no step of a plan.
//! The shard is locked during the system calls, so this is for a worker that is the only one; where
//! several share the shards, long values are copied in pieces, outside of which nobody waits.
//!
//! A value is sent behind what goes before it, by the same call, with no lock held. The more a call
//! takes, the less a byte costs: each wakes the reader.

use std::array;
use std::io::{IoSliceMut, Read, Write};

use super::connection::{Connection, Phase, retry};
use super::env::Env;
use super::limits::{DIRECT_BEHIND, DIRECT_MAX, DIRECT_MIN, DIRECT_TURN_MAX, GATHER_MAX};
use crate::commands::Producer;
use crate::store::{PinRead, Received, SLICES_MAX, Store};

/// Whether nobody waits for this worker's locks.
pub(super) fn pays(env: &Env<'_>) -> bool {
    env.config.store.threads == 1
}

/// Read a long value's next bytes into its chunks, and what stands behind it into `area`: how much
/// that was. `None`: there is nothing more to do in this turn.
pub(super) fn receive<S: Read>(
    env: &Env<'_>,
    conn: &mut Connection<S>,
    area: &mut [u8],
) -> Option<usize> {
    let mut turn_left = DIRECT_TURN_MAX;
    while let Phase::Receive(upload) = &conn.phase
        && turn_left > 0
    {
        if upload.id.is_none() || upload.left == 0 {
            let n = conn.read(area, env.counters);
            return (n > 0).then_some(n);
        }
        let max = upload.left.min(upload.stride) as usize;
        turn_left = turn_left.saturating_sub(max);
        if let Some(behind) = read_chunks(env, conn, max, &mut area[..DIRECT_BEHIND]) {
            return Some(behind);
        }
        if !conn.readable || conn.failed {
            break;
        }
    }
    None
}

/// One such read of at most `max` bytes. `Some`: the value is here, and so many bytes behind it.
fn read_chunks<S: Read>(
    env: &Env<'_>,
    conn: &mut Connection<S>,
    max: usize,
    behind: &mut [u8],
) -> Option<usize> {
    let Phase::Receive(upload) = &mut conn.phase else { return None };
    let left = upload.left as usize;
    let (mut read, mut room, mut inside) = (Ok(0), 0, 0);
    let stream = &mut conn.stream;
    let fill = |chunks: &mut [&mut [u8]]| {
        let held: usize = chunks.iter().map(|chunk| chunk.len()).sum();
        let count = chunks.len();
        let mut slices: [_; SLICES_MAX + 1] = array::from_fn(|_| IoSliceMut::new(&mut []));
        for (slice, chunk) in slices.iter_mut().zip(chunks) {
            *slice = IoSliceMut::new(chunk);
        }
        room = held;
        if held == left {
            room += behind.len();
            slices[count] = IoSliceMut::new(behind);
        }
        read = retry(|| stream.read_vectored(&mut slices[..=count]));
        inside = read.as_ref().map_or(0, |&n| n.min(held));
        inside
    };
    let id = upload.id.as_ref()?;
    if env.store.fill_upload(id, max, env.now, fill) == Received::Dropped {
        upload.id = None;
        return None;
    }
    upload.left -= inside as u32;
    let all = read.as_ref().is_ok_and(|&n| n == room);
    let stride = if all { 2 * upload.stride as usize } else { inside };
    upload.stride = stride.clamp(DIRECT_MIN, DIRECT_MAX) as u32;
    let whole = upload.left == 0 && upload.terminator_wanted == 0;
    let n = conn.note_read(read, room, env.counters);
    if n > 0 {
        conn.received_at = env.now;
    }
    (whole || n > inside).then_some(n - inside)
}

/// Whether a value is to be sent from its chunks to this connection.
pub(super) fn is_due<S>(conn: &Connection<S>) -> bool {
    conn.gathers && matches!(conn.phase, Phase::Send(Producer::Value(..)))
}

/// Send `front`, which nothing else waits before, and behind it a long value's next bytes from its
/// chunks: at most [`GATHER_MAX`] by one call. What of `front` the socket does not take waits.
/// `more`: once the value is sent, requests wait to be run.
pub(super) fn send<S: Write>(env: &Env<'_>, conn: &mut Connection<S>, front: &[u8], more: bool) {
    let Phase::Send(Producer::Value(pin, behind)) = &conn.phase else { return };
    let (mut written, mut value, mut end) = (Ok(0), 0, *behind);
    let file = conn.descriptor;
    let answer = env.store.send_pin(pin, GATHER_MAX, |lease, last| {
        value = lease.len();
        end = if last { behind } else { b"" };
        written = retry(|| lease.region().write_parts(file, front, lease.parts(), end));
        written.as_ref().map_or(0, |n| n.saturating_sub(front.len()).min(value))
    });
    if answer == PinRead::Revoked {
        conn.send(front, env.now, env.counters);
        conn.failed = true;
        return;
    }
    let taken = conn.note_write(written, front.len() + value + end.len(), env.counters);
    if taken > 0 {
        conn.sent_at = env.now;
    }
    if conn.failed {
        return;
    }
    conn.output.append(&front[taken.min(front.len())..]);
    if answer == PinRead::Done {
        conn.output.append(&end[taken - front.len() - value..]);
        let done = if more { Phase::Paused } else { Phase::Commands };
        conn.asks_for_long = more;
        release(env.store, std::mem::replace(&mut conn.phase, done));
    }
}

fn release(store: &Store, phase: Phase) {
    if let Phase::Send(producer) = phase {
        producer.release(store);
    }
}
