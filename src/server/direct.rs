//! Long values between a socket and their chunks, without a stop in a buffer of ours: what makes a
//! megabyte cost one copy, the kernel's, and no memory but the item's.
//!
//! Both ways are gone before a stage's visit, where its reads are, and need no step of a plan. The
//! shard is locked during the system calls, so this is for a worker that is the only one; where
//! several share the shards, long values are copied in pieces, outside of which nobody waits.

use std::array;
use std::io::{IoSlice, IoSliceMut, Read, Write};

use super::connection::{Connection, Phase, retry};
use super::env::Env;
use super::limits::{DIRECT_BEHIND, DIRECT_MAX, DIRECT_MIN, DIRECT_TURN_MAX};
use crate::commands::Producer;
use crate::store::{PinRead, Received, SLICES_MAX};

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

/// Send a long value's next bytes from its chunks. `true`: the turn may go on: that was all of it,
/// or the connection sends something else.
pub(super) fn send<S: Write>(env: &Env<'_>, conn: &mut Connection<S>) -> bool {
    if !pays(env) {
        return true;
    }
    let mut turn_left = DIRECT_TURN_MAX;
    while let Phase::Send(Producer::Value(pin, _)) = &conn.phase
        && turn_left > 0
    {
        let (mut written, mut room) = (Ok(0), 0);
        let stream = &mut conn.stream;
        let answer = env.store.send_pin(pin, DIRECT_MAX, |chunks| {
            let mut slices = [IoSlice::new(&[]); SLICES_MAX];
            for (slice, chunk) in slices.iter_mut().zip(chunks) {
                *slice = IoSlice::new(chunk);
                room += chunk.len();
            }
            if room > 0 {
                written = retry(|| stream.write_vectored(&slices[..chunks.len()]));
            }
            written.as_ref().map_or(0, |&n| n)
        });
        let taken = conn.note_write(written, room, env.counters);
        turn_left = turn_left.saturating_sub(room);
        if taken > 0 {
            conn.sent_at = env.now;
        }
        if conn.failed {
            return false;
        }
        match answer {
            PinRead::Done | PinRead::Revoked => return true,
            PinRead::More if conn.blocked => return false,
            PinRead::More => {}
        }
    }
    turn_left > 0
}
