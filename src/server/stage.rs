//! A stage: the ready connections of one moment are read, their requests planned, executed in one
//! visit to the store, and answered, each with one read and one write.
//!
//! ```text
//! begin    read once into the worker's area (or into the connection's own buffer)
//! plan     parse what is whole, hash the keys (plan.rs)
//! serve    execute in order; prefetches run ahead over the keys of all connections (visit.rs)
//! send     one write a connection
//! settle   keep what was not used; say what the connection waits for
//! ```
//!
//! Requests borrow the read area and the buffers that were taken from their connections for the
//! length of the stage; connections themselves stay free to change. All vectors are reused.

use std::collections::VecDeque;
use std::io::{Read, Write};
use std::ops::Range;

use slab::Slab;

use super::buffer::Buffer;
use super::connection::{Connection, DRAIN, Phase};
use super::deadlines::Entry;
use super::direct;
use super::env::{Effects, Env};
use super::limits::{
    OUTPUT_LOW, OWN_SLACK, READ_AREA, READ_ROOM_MIN, READ_SHORT, SENT_ALONE, STAGE_BYTES_MAX,
    STAGE_CONNECTIONS_MAX, STAGE_MOVED_MAX, STAGE_OUTPUT_MAX,
};
use super::plan::{Part, Plan, Rest};
use super::visit::Visit;
use crate::commands::Producer;

/// The buffers of one worker.
#[derive(Debug)]
pub(super) struct Stage {
    /// Where sockets are read to, one behind the other.
    area: Box<[u8]>,
    /// Replies, one connection behind the other.
    out: Vec<u8>,
    turns: Vec<Turn>,
    /// Buffers of connections that hold their own bytes.
    taken: Vec<Buffer>,
    /// For its allocations; `None` while it is in use.
    plan: Option<Plan<'static>>,
    /// Answers were long of late, and the next ones probably are.
    long: bool,
}

/// One connection's part of a stage.
#[derive(Debug)]
struct Turn {
    token: usize,
    source: Source,
    /// In the plan of the stage.
    part: Part,
    /// Its replies, in the output of the stage.
    out: Range<usize>,
    /// Bytes used up.
    consumed: usize,
}

/// Where a turn's bytes are.
#[derive(Debug)]
enum Source {
    /// In the read area; the first `carried` are copies of what the connection still owns.
    Area { bytes: Range<usize>, carried: usize },
    /// In this taken buffer.
    Own(usize),
}

impl Stage {
    pub(super) fn new() -> Self {
        Stage {
            area: vec![0; READ_AREA].into_boxed_slice(),
            out: Vec::with_capacity(STAGE_OUTPUT_MAX),
            turns: Vec::new(),
            taken: Vec::new(),
            plan: None,
            long: false,
        }
    }

    /// Serve the connections at the front of `ready` a turn each.
    pub(super) fn run<S: Read + Write>(
        &mut self,
        env: &Env<'_>,
        conns: &mut Slab<Connection<S>>,
        ready: &mut VecDeque<usize>,
        effects: &mut Effects,
    ) {
        self.begin(env, conns, ready, effects);
        if self.turns.is_empty() {
            return;
        }
        let Stage { area, out, turns, taken, plan: kept, long } = self;
        let mut plan: Plan<'_> = kept.take().unwrap_or_default();
        for turn in turns.iter_mut() {
            let bytes = turn.source.bytes(area, taken);
            turn.part = plan.add(env, &mut conns[turn.token], bytes);
        }
        let mut sent = 0;
        while sent < turns.len() {
            let unsent = &mut turns[sent..];
            let served = {
                let mut visit = Visit::new(env, out, &plan, *long, effects);
                let full = unsent.iter_mut().position(|turn| {
                    let bytes = turn.source.bytes(area, taken);
                    let begin = visit.out.len();
                    let conn = &mut conns[turn.token];
                    turn.consumed = visit.serve(conn, bytes, turn.part.steps.clone());
                    turn.out = begin..visit.out.len();
                    let len = turn.out.len();
                    visit.note_answer(len, turn.part.steps.len());
                    len >= SENT_ALONE || visit.out.len() >= STAGE_OUTPUT_MAX
                });
                *long = visit.end();
                full.map_or(unsent.len(), |last| last + 1)
            };
            send(env, conns, &unsent[..served], out);
            sent += served;
        }
        *kept = Some(plan.recycled());
        for turn in turns.drain(..) {
            let conn = &mut conns[turn.token];
            turn.keep_rest(env, conn, area, taken);
            settle(env, conn, turn.token, ready, effects);
        }
        taken.clear();
    }

    /// Read from the connections at the front of `ready`: those that got bytes to work on get a
    /// turn, the others are settled at once.
    fn begin<S: Read + Write>(
        &mut self,
        env: &Env<'_>,
        conns: &mut Slab<Connection<S>>,
        ready: &mut VecDeque<usize>,
        effects: &mut Effects,
    ) {
        let (mut used, mut work) = (0, 0);
        let moved = || env.counters.bytes_read.get().wrapping_add(env.counters.bytes_written.get());
        let moved_before = moved();
        // Those that come back to the queue meanwhile are for the next stage.
        for _ in 0..ready.len().min(STAGE_CONNECTIONS_MAX) {
            if self.area.len() - used < READ_ROOM_MIN
                || work >= STAGE_BYTES_MAX
                || moved().wrapping_sub(moved_before) >= STAGE_MOVED_MAX
            {
                return; // The others stay in front.
            }
            let Some(token) = ready.pop_front() else { return };
            // The place may have been vacated since.
            let Some(conn) = conns.get_mut(token) else { continue };
            conn.queued = false;
            let source = take_bytes(env, conn, &mut self.area[used..], &mut self.taken);
            let Some(mut source) = source else {
                settle(env, conn, token, ready, effects);
                continue;
            };
            if let Source::Area { bytes, .. } = &mut source {
                *bytes = used..used + bytes.end;
                used = bytes.end;
            }
            work += source.bytes(&self.area, &self.taken).len();
            let part = Part::default();
            self.turns.push(Turn { token, source, part, out: 0..0, consumed: 0 });
        }
    }
}

/// The bytes a connection can work on now, if any. `Source::Area` counts from the front of `area`.
fn take_bytes<S: Read + Write>(
    env: &Env<'_>,
    conn: &mut Connection<S>,
    area: &mut [u8],
    taken: &mut Vec<Buffer>,
) -> Option<Source> {
    if conn.doomed {
        return None;
    }
    if direct::is_due(conn) && !conn.blocked && conn.output.len() <= OUTPUT_LOW {
        let front = std::mem::take(&mut conn.output);
        direct::send(env, conn, front.filled(), !conn.input.is_empty());
    }
    conn.send_waiting(env.now, env.counters);
    match conn.phase {
        _ if conn.failed || direct::is_due(conn) => None,
        Phase::Flush | Phase::Parked(_) | Phase::Login(_) => None,
        Phase::Drain(_) | Phase::Watch { .. } => {
            conn.drain(area, env.counters);
            None
        }
        Phase::Paused | Phase::Send(_) => {
            let room = !conn.blocked && conn.output.len() <= OUTPUT_LOW;
            room.then(|| own_bytes(conn, taken))
        }
        _ if conn.output.len() >= env.output_mark => None,
        _ if !conn.hungry => Some(own_bytes(conn, taken)),
        _ if !conn.readable => None,
        Phase::Commands if env.counters.buffer_bytes.get() >= env.buffers_max => {
            // Those that have their room already may go on; of others not much is taken in.
            if conn.input.capacity() > 2 * READ_SHORT && conn.input.capacity() >= conn.wanted {
                return read_own(env, conn, taken);
            }
            conn.deferred = conn.input.len() >= READ_SHORT;
            if conn.deferred { None } else { read_behind(env, conn, &mut area[..2 * READ_SHORT]) }
        }
        Phase::Receive(_) if direct::pays(env) => {
            let behind = direct::receive(env, conn, area);
            behind.map(|n| Source::Area { bytes: 0..n, carried: 0 })
        }
        _ if conn.carries() => read_behind(env, conn, area),
        _ => read_own(env, conn, taken),
    }
}

/// Read into the connection's own buffer, and take that if there may be enough for a request.
fn read_own<S: Read>(
    env: &Env<'_>,
    conn: &mut Connection<S>,
    taken: &mut Vec<Buffer>,
) -> Option<Source> {
    let before = conn.input.len();
    conn.read_own(env.counters);
    let enough = conn.input.len() > before && conn.input.len() >= conn.wanted;
    enough.then(|| own_bytes(conn, taken))
}

fn own_bytes<S>(conn: &mut Connection<S>, taken: &mut Vec<Buffer>) -> Source {
    taken.push(std::mem::take(&mut conn.input));
    Source::Own(taken.len() - 1)
}

/// Read behind a copy of the connection's own bytes, if there may be enough for a request.
fn read_behind<S: Read>(
    env: &Env<'_>,
    conn: &mut Connection<S>,
    area: &mut [u8],
) -> Option<Source> {
    let carried = conn.input.len();
    area[..carried].copy_from_slice(conn.input.filled());
    let n = conn.read(&mut area[carried..], env.counters);
    if carried + n < conn.wanted {
        conn.input.append(&area[carried..carried + n]);
        return None;
    }
    (n > 0).then_some(Source::Area { bytes: 0..carried + n, carried })
}

impl Source {
    fn bytes<'a>(&self, area: &'a [u8], taken: &'a [Buffer]) -> &'a [u8] {
        match self {
            Source::Area { bytes, .. } => &area[bytes.clone()],
            Source::Own(index) => taken[*index].filled(),
        }
    }
}

impl Turn {
    /// Give the connection what the turn did not use.
    fn keep_rest<S>(
        &self,
        env: &Env<'_>,
        conn: &mut Connection<S>,
        area: &[u8],
        taken: &mut [Buffer],
    ) {
        let fresh = match &self.source {
            Source::Own(index) => {
                conn.input = std::mem::take(&mut taken[*index]);
                conn.input.consume(self.consumed);
                false
            }
            Source::Area { bytes, carried } if self.consumed == 0 => {
                conn.input.append(&area[bytes.start + carried..bytes.end]);
                *carried == 0
            }
            Source::Area { bytes, .. } => {
                conn.input = Buffer::default();
                let rest = &area[bytes.start + self.consumed..bytes.end];
                if !rest.is_empty() {
                    conn.input.append(rest);
                }
                true
            }
        };
        if fresh || self.consumed > 0 {
            conn.received_at = env.now;
        }
        let whole = self.consumed == self.part.bytes;
        let rest = if whole { self.part.rest } else { Rest::default() };
        conn.hungry = rest.hungry || conn.input.is_empty();
        (conn.wanted, conn.scanned) = (rest.wanted, rest.scanned);
        let short = env.counters.buffer_bytes.get() >= env.buffers_max;
        if conn.input.len() >= READ_SHORT && conn.hungry && !short {
            // Its room is counted from the beginning, so that many such cannot outgrow the limits.
            conn.input.reserve_total(conn.wanted + OWN_SLACK);
        }
    }
}

/// Send each turn its replies, and forget them.
fn send<S: Write>(
    env: &Env<'_>,
    conns: &mut Slab<Connection<S>>,
    turns: &[Turn],
    out: &mut Vec<u8>,
) {
    let before = env.counters.bytes_written.get();
    for turn in turns.iter().filter(|turn| !turn.out.is_empty()) {
        let (conn, bytes) = (&mut conns[turn.token], &out[turn.out.clone()]);
        if !direct::is_due(conn) || conn.blocked || !conn.output.is_empty() {
            conn.send(bytes, env.now, env.counters);
        } else if env.counters.bytes_written.get().wrapping_sub(before) < STAGE_MOVED_MAX {
            direct::send(env, conn, bytes, turn.consumed < turn.part.bytes);
        } else if bytes.len() <= OUTPUT_LOW {
            conn.output.append(bytes); // it goes with the value, in the next turn
        } else {
            conn.send(bytes, env.now, env.counters);
        }
    }
    out.clear();
    // One answer may be far longer than a stage's: do not keep its room for ever.
    out.shrink_to(2 * STAGE_OUTPUT_MAX);
}

/// After a turn: what does the connection wait for now?
pub(super) fn settle<S>(
    env: &Env<'_>,
    conn: &mut Connection<S>,
    token: usize,
    ready: &mut VecDeque<usize>,
    effects: &mut Effects,
) {
    if conn.ended || env.stopping {
        match conn.phase {
            // All that came whole was answered.
            Phase::Commands if conn.hungry => conn.phase = Phase::Flush,
            Phase::Receive(_) | Phase::Swallow { .. } => conn.failed = true,
            Phase::Parked(_) | Phase::Login(_) | Phase::Watch { .. } => conn.failed = true,
            _ => {}
        }
    }
    if matches!(conn.phase, Phase::Flush) {
        conn.input = Buffer::default();
        if conn.output.is_empty() && !conn.failed {
            // To close on unread bytes is to reset, and the peer might lose our last words. At a
            // stop, a client that was busy just now may be sending.
            let busy = env.stopping && conn.last_command.saturating_add(1) >= env.now;
            if !conn.ended && (conn.readable || busy) {
                conn.phase = DRAIN;
                conn.sent_at = env.now;
                effects.half_close.push(token);
            } else {
                conn.failed = true;
            }
        }
    }
    conn.set_low_water(env.now);
    if conn.failed && !conn.doomed {
        conn.doomed = true;
        effects.doomed.push(token);
        return;
    }
    match &mut conn.phase {
        Phase::Watch { known: known @ false, .. } => {
            *known = true;
            effects.watchers.push(token);
        }
        Phase::Parked(parked) if parked.serial == 0 => effects.errands.push(token),
        Phase::Login(login) if login.serial == 0 => effects.errands.push(token),
        _ => {}
    }
    if conn.deferred {
        effects.deferred.push(token);
    } else if !conn.queued && conn.wants_a_turn(env.output_mark) {
        conn.queued = true;
        match conn.phase {
            Phase::Send(Producer::Dump(..)) => effects.dumping.push(token),
            _ => ready.push_back(token),
        }
    }
    if conn.blocked != conn.watched {
        effects.interest.push(token);
    }
    let owned = (conn.input.capacity() + conn.output.capacity()) as u32;
    if owned != conn.owned {
        env.counters.buffer_bytes.sub(u64::from(conn.owned));
        env.counters.buffer_bytes.add(u64::from(owned));
        conn.owned = owned;
    }
    if let Some((at, _)) = conn.deadline(env.config)
        && (conn.armed == 0 || at < conn.armed)
    {
        conn.armed = at;
        effects.timers.push(Entry { token, at });
    }
}

#[cfg(test)]
mod tests;
