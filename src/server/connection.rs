//! One client: bytes in, replies out, and what it waits for. Runs over anything that reads and
//! writes, so that a test can script it.
//!
//! A connection owns bytes only while it holds part of a request (`input`) or replies the socket
//! did not take (`output`). It is served in turns (`stage.rs`); between turns it is in the
//! worker's ready queue, or an event or a deadline will bring it back:
//!
//! - `readable` is cleared only by a read that emptied the socket (events are edge-triggered);
//! - `blocked` is set only by a write that filled it, and asks for an event when there is room;
//! - a phase that waits for anything else (`Parked`) is ended by a message.

use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::RawFd;
use std::sync::Arc;

use super::buffer::Buffer;
use super::limits::{
    BULKY_READ, CARRY_MAX, DIRECT_MAX, DRAIN_BYTES_MAX, DRAIN_S, LOW_WATER, LOW_WATER_MIN,
    LOW_WATER_PARTS, LOW_WATER_S, OUTPUT_LOW, OWN_SLACK, READ_MAX, UPLOAD_RATE_MIN,
};
use crate::commands::{Access, ClientState, Credentials, Producer};
use crate::ops::config::{Config, Dialect};
use crate::ops::counters::WorkerCounters;
use crate::ops::watch::Watcher;
use crate::protocol::{ClientError, KeptStyle, Protocol};
use crate::store::{Store, UploadId};
use crate::sys::socket;

/// One client.
#[derive(Debug)]
pub(super) struct Connection<S> {
    pub(super) stream: S,
    /// What it speaks; `None`: its first byte will tell.
    pub(super) protocol: Option<Protocol>,
    /// Received and not yet used: the front of a request, or what a turn cut short left over.
    pub(super) input: Buffer,
    /// Replies the socket did not take.
    pub(super) output: Buffer,
    pub(super) client: ClientState,
    pub(super) phase: Phase,
    /// While `hungry`: the input must hold this many bytes before anything can be decided.
    pub(super) wanted: usize,
    /// While `hungry`: so many bytes of the input are known to hold no line end.
    pub(super) scanned: usize,
    /// When the last command was run.
    pub(super) last_command: u32,
    /// When the request's first byte, or the body's latest, arrived.
    pub(super) received_at: u32,
    /// When the reader last made room while replies wait for it.
    pub(super) sent_at: u32,
    /// The second at which the wheel will look at this connection; 0: never.
    pub(super) armed: u32,
    /// Capacity of both buffers as last counted.
    pub(super) owned: u32,
    /// The input holds no whole request.
    pub(super) hungry: bool,
    /// The socket may hold bytes.
    pub(super) readable: bool,
    /// The peer has shut its side: what a short read leaves behind is the end of the stream.
    pub(super) hangup: bool,
    /// The end of the stream was read.
    pub(super) ended: bool,
    /// The socket took less than it was given.
    pub(super) blocked: bool,
    /// An event is asked for when there is room to write.
    pub(super) watched: bool,
    /// The socket failed: nothing more can be said.
    pub(super) failed: bool,
    /// It has bytes to read, but the worker's buffers are short.
    pub(super) deferred: bool,
    /// It is in the worker's ready queue.
    pub(super) queued: bool,
    /// It is in the worker's list of connections to be closed.
    pub(super) doomed: bool,
    /// Its next request is probably a long value.
    pub(super) bulky: bool,
    /// It was sent a long value, and its next request probably asks for another one.
    pub(super) asks_for_long: bool,
    /// The idle timeout concerns it.
    pub(super) idle_counts: bool,
    /// It came to a bad end.
    pub(super) broken: bool,
    /// `descriptor` is the stream's, and what is written to it needs no other treatment.
    pub(super) gathers: bool,
    /// The socket's number, where there is one.
    pub(super) descriptor: RawFd,
    /// So many bytes are to wait in the socket before an event tells of them; `None`: it cannot be
    /// told.
    pub(super) low_water: Option<u32>,
}

/// What the bytes of a connection are at present.
#[derive(Debug, Default)]
pub(super) enum Phase {
    /// Requests.
    #[default]
    Commands,
    /// The body of a long value, into its upload.
    Receive(Box<Upload>),
    /// Bytes to be dropped, and the line that is then due.
    Swallow { left: u64, line: Due },
    /// The output is above its mark: the request at the front of the input is to be run again.
    Paused,
    /// The rest of a long answer is due. After a value the request at the front of the input is to
    /// be run again; after anything else the next one is.
    Send(Producer),
    /// Other workers are being asked; theirs and our own lines collect here.
    Parked(Box<Parked>),
    /// A password is being checked.
    Login(Box<Login>),
    /// It watches: what it is sent comes from elsewhere, what it sends is dropped.
    Watch {
        /// Where its lines wait.
        watcher: Arc<Watcher>,
        /// The worker knows that it watches.
        known: bool,
    },
    /// Send what is due, then close.
    Flush,
    /// Our side is shut; what the peer still sends is dropped, up to so many bytes.
    Drain(u32),
}

/// A line that is due once bytes were swallowed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) enum Due {
    #[default]
    Nothing,
    /// As it is.
    Bytes(Box<[u8]>),
    Error(ClientError),
    /// As `Error`, but the framing is lost and the settings say to close then.
    ErrorThenClose(ClientError),
}

/// A body on its way into the store.
#[derive(Debug)]
pub(super) struct Upload {
    /// `None`: the store gave it up, the rest is dropped.
    pub(super) id: Option<UploadId>,
    /// Value bytes still to come.
    pub(super) left: u32,
    /// Of these, the next read straight into chunks asks for at most so many: from `DIRECT_MIN` to
    /// `DIRECT_MAX`, as the earlier ones went.
    pub(super) stride: u32,
    /// So many bytes are to wait in the socket before it is read again; 0: it came slowly once, and
    /// is read as it comes.
    pub(super) low_water: u32,
    /// Since when it is waited for.
    pub(super) awaited_since: u32,
    /// The bytes behind the value, as far as they came, and how many those will be.
    pub(super) terminator: [u8; 2],
    pub(super) terminator_len: u8,
    pub(super) terminator_wanted: u8,
    pub(super) style: KeptStyle,
    /// Announced length of the value.
    pub(super) len: u32,
    /// The whole body must be here by then.
    pub(super) deadline: u32,
}

/// A `stats conns` being answered.
#[derive(Debug)]
pub(super) struct Parked {
    /// Which question; 0: not asked yet.
    pub(super) serial: u64,
    /// Workers that have not answered.
    pub(super) waiting: usize,
    pub(super) lines: Vec<u8>,
}

/// A login being checked.
#[derive(Debug)]
pub(super) struct Login {
    /// Which question; 0: not asked yet.
    pub(super) serial: u64,
    /// How to answer.
    pub(super) style: KeptStyle,
    /// Until asked.
    pub(super) credentials: Option<Box<Credentials>>,
}

/// Why a deadline ended a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Overdue {
    /// No command for too long.
    Idle,
    /// A request, a body or a reader took too long.
    Slow,
    /// The peer did not close its side in time; it was told everything.
    Drained,
}

impl<S> Connection<S> {
    /// A client that has just connected.
    pub(super) fn new(
        stream: S,
        protocol: Option<Protocol>,
        now: u32,
        idle_counts: bool,
        locked: bool,
    ) -> Self {
        Connection {
            stream,
            protocol,
            input: Buffer::default(),
            output: Buffer::default(),
            client: ClientState { access: Access::new(locked), ..ClientState::default() },
            phase: Phase::Commands,
            wanted: 0,
            scanned: 0,
            last_command: now,
            received_at: now,
            sent_at: now,
            armed: 0,
            owned: 0,
            hungry: true,
            readable: false,
            hangup: false,
            ended: false,
            blocked: false,
            watched: false,
            failed: false,
            deferred: false,
            queued: false,
            doomed: false,
            bulky: false,
            asks_for_long: false,
            idle_counts,
            broken: false,
            gathers: false,
            descriptor: -1,
            low_water: None,
        }
    }

    /// What reads its requests, of which `bytes` are the next. Its very first byte decides, if the
    /// listener does not.
    pub(super) fn codec(&mut self, bytes: &[u8]) -> Protocol {
        let protocol = match (self.protocol, bytes) {
            (None, [first, ..]) => *self.protocol.insert(Protocol::of_first_byte(*first)),
            (known, _) => known.unwrap_or(Protocol::Text),
        };
        match protocol {
            Protocol::Text if self.client.access.is_locked() => Protocol::Login,
            protocol => protocol,
        }
    }

    /// Give back what it holds in the store.
    pub(super) fn release(&mut self, store: &Store) {
        match std::mem::take(&mut self.phase) {
            Phase::Receive(upload) => {
                if let Some(id) = upload.id {
                    store.drop_upload(id);
                }
            }
            Phase::Send(producer) => producer.release(store),
            _ => {}
        }
    }

    /// There may be something to do that needs no event.
    pub(super) fn wants_a_turn(&self, output_mark: usize) -> bool {
        if self.failed || self.doomed {
            return false;
        }
        match self.phase {
            Phase::Commands => self.output.len() < output_mark && (self.readable || !self.hungry),
            Phase::Receive(_) | Phase::Swallow { .. } => self.readable,
            Phase::Drain(_) | Phase::Watch { .. } => self.readable,
            Phase::Paused | Phase::Send(_) => !self.blocked && self.output.len() <= OUTPUT_LOW,
            Phase::Parked(_) | Phase::Login(_) | Phase::Flush => false,
        }
    }

    /// When it must have moved on, and what it is then; `None`: it may stay for ever. Computed
    /// when asked, so that progress need not touch the wheel.
    pub(super) fn deadline(&self, config: &Config) -> Option<(u32, Overdue)> {
        let slow = |since, timeout| after(since, timeout).map(|at| (at, Overdue::Slow));
        let unread = match self.phase {
            Phase::Send(_) | Phase::Paused => true,
            _ => !self.output.is_empty(),
        };
        if unread {
            return slow(self.sent_at, config.write_timeout_s);
        }
        match &self.phase {
            Phase::Receive(upload) => {
                let end = slow(self.received_at, config.body_timeout_s);
                let end = end.map(|(at, why)| (at.min(upload.deadline), why));
                // Nothing stays below the mark for longer: see `may_hold_bytes`.
                let look = upload.awaited_since.saturating_add(LOW_WATER_S);
                match self.low_water > Some(1) {
                    true => Some((end.map_or(look, |(at, _)| at.min(look)), Overdue::Slow)),
                    false => end,
                }
            }
            Phase::Swallow { .. } => slow(self.received_at, config.body_timeout_s),
            // Strangers do not hold a place for longer than a request may take.
            Phase::Commands if !self.input.is_empty() || self.client.access.is_locked() => {
                slow(self.received_at, config.request_timeout_s)
            }
            Phase::Commands if self.idle_counts => {
                after(self.last_command, config.idle_timeout_s).map(|at| (at, Overdue::Idle))
            }
            Phase::Drain(_) => after(self.sent_at, DRAIN_S).map(|at| (at, Overdue::Drained)),
            _ => None,
        }
    }

    /// Since when nothing moved, for choosing whom to close when buffers are short.
    pub(super) fn still_since(&self) -> u32 {
        let received = if self.input.is_empty() { u32::MAX } else { self.received_at };
        let sent = if self.output.is_empty() { u32::MAX } else { self.sent_at };
        received.min(sent)
    }

    /// Its turn is over: if it waits now, then for how many bytes?
    #[inline]
    pub(super) fn set_low_water(&mut self, now: u32) {
        let Some(before) = self.low_water.filter(|_| !self.readable) else { return };
        let mark = match &mut self.phase {
            Phase::Receive(upload) => upload.next_low_water(now),
            _ => 1,
        };
        if mark != before {
            let done = socket::set_low_water(self.descriptor, mark);
            self.low_water = done.is_ok().then_some(mark);
            self.failed |= done.is_err() && before > 1;
        }
    }

    /// A deadline has passed: bytes of a value may wait below the low-water mark. Whether it is to
    /// be read before that is said again; from now on it is read as they come.
    pub(super) fn may_hold_bytes(&mut self) -> bool {
        let may = matches!(self.phase, Phase::Receive(_)) && self.low_water > Some(1);
        self.readable |= may;
        may
    }

    /// The state, in memcached's words.
    pub(super) fn state_name(&self) -> &'static str {
        match self.phase {
            Phase::Watch { .. } => "conn_watch",
            _ if !self.output.is_empty() => "conn_mwrite",
            Phase::Commands if self.input.filled().contains(&b'\n') => "conn_nread",
            Phase::Commands => "conn_read",
            Phase::Receive(_) => "conn_nread",
            Phase::Swallow { .. } => "conn_swallow",
            Phase::Paused | Phase::Send(_) => "conn_mwrite",
            Phase::Parked(_) | Phase::Login(_) => "conn_parse_cmd",
            Phase::Flush | Phase::Drain(_) => "conn_closing",
        }
    }
}

impl Upload {
    /// It is waited for again: until how many bytes are there? Many, if the last ones came within a
    /// second or two, so that a call takes many; but at the end no more than there will be.
    fn next_low_water(&mut self, now: u32) -> u32 {
        if now.saturating_sub(self.awaited_since) >= LOW_WATER_S {
            self.low_water = 0;
        }
        self.awaited_since = now;
        let rest = self.left + u32::from(self.terminator_wanted - self.terminator_len);
        let mark = self.low_water.min(rest).max(1);
        self.stride = self.stride.max(mark.min(DIRECT_MAX as u32));
        if self.low_water > 0 {
            self.low_water = (self.len / LOW_WATER_PARTS).clamp(LOW_WATER_MIN, LOW_WATER);
        }
        mark
    }
}

/// The second at which a `timeout` that began in second `since` is surely over; 0 means never.
fn after(since: u32, timeout: u32) -> Option<u32> {
    (timeout > 0).then(|| since.saturating_add(timeout).saturating_add(1))
}

/// When a body of `len` bytes that begins now must be here, however slowly it may come.
pub(super) fn body_deadline(config: &Config, len: u32, now: u32) -> u32 {
    after(now, config.body_timeout_s)
        .map_or(u32::MAX, |at| at.saturating_add(len / UPLOAD_RATE_MIN))
}

impl<S: Read> Connection<S> {
    /// Read once into `area`, asking for at most `READ_MAX` bytes.
    pub(super) fn read(&mut self, area: &mut [u8], counters: &WorkerCounters) -> usize {
        let bulky = std::mem::take(&mut self.bulky) && self.input.is_empty();
        let room = area.len().min(if bulky { BULKY_READ } else { READ_MAX });
        let n = retry(|| self.stream.read(&mut area[..room]));
        self.note_read(n, room, counters)
    }

    /// Read once behind the input's own bytes, which want more than the read area gives.
    pub(super) fn read_own(&mut self, counters: &WorkerCounters) {
        let mut total = self.wanted;
        if self.input.room() <= self.wanted.max(self.input.len()) {
            total = self.wanted.max(self.input.len() + self.input.len() / 2) + OWN_SLACK;
        }
        let spare = self.input.room_to_read(total);
        let room = spare.len().min(READ_MAX);
        let n = retry(|| self.stream.read(&mut spare[..room]));
        let n = self.note_read(n, room, counters);
        self.input.commit(n);
    }

    /// The input's own bytes are worth copying in front of the next read.
    pub(super) fn carries(&self) -> bool {
        self.input.len() <= CARRY_MAX && self.wanted <= READ_MAX / 2
    }

    /// Drop what the peer still sends; `area` is only a place to read to.
    pub(super) fn drain(&mut self, area: &mut [u8], counters: &WorkerCounters) {
        let n = self.read(area, counters);
        if let Phase::Drain(left) = &mut self.phase {
            *left = left.saturating_sub(n as u32);
            self.failed |= *left == 0;
        }
        self.failed |= self.ended;
    }

    /// What a read into `room` bytes came to; how many were read.
    pub(super) fn note_read(
        &mut self,
        n: io::Result<usize>,
        room: usize,
        counters: &WorkerCounters,
    ) -> usize {
        match n {
            Ok(0) => {
                self.ended = true;
                self.readable = false;
                0
            }
            Ok(n) => {
                counters.bytes_read.add(n as u64);
                // A short read has emptied the socket: no second read to be told so.
                self.readable = n == room || self.hangup;
                n
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                self.readable = false;
                0
            }
            Err(_) => {
                (self.failed, self.broken) = (true, true);
                0
            }
        }
    }
}

impl<S: Write> Connection<S> {
    /// Send `bytes`, behind what waits already; what the socket does not take waits.
    #[inline]
    pub(super) fn send(&mut self, bytes: &[u8], now: u32, counters: &WorkerCounters) {
        if !self.output.is_empty() || self.blocked {
            self.output.append(bytes);
            self.send_waiting(now, counters);
            return;
        }
        let taken = self.write(bytes, counters);
        if taken < bytes.len() && !self.failed {
            self.sent_at = now;
            self.output.append(&bytes[taken..]);
        }
    }

    /// Send what waits, if there may be room for it.
    pub(super) fn send_waiting(&mut self, now: u32, counters: &WorkerCounters) {
        if self.output.is_empty() || self.blocked || self.failed {
            return;
        }
        let mut output = std::mem::take(&mut self.output);
        let taken = self.write(output.filled(), counters);
        output.consume(taken);
        self.output = output;
        if taken > 0 {
            self.sent_at = now;
        }
    }

    #[inline]
    fn write(&mut self, bytes: &[u8], counters: &WorkerCounters) -> usize {
        let n = retry(|| self.stream.write(bytes));
        self.note_write(n, bytes.len(), counters)
    }

    /// What a write of `len` bytes came to; how many were taken.
    #[inline]
    pub(super) fn note_write(
        &mut self,
        n: io::Result<usize>,
        len: usize,
        counters: &WorkerCounters,
    ) -> usize {
        let taken = match n {
            Err(error) if error.kind() == ErrorKind::WouldBlock => 0,
            Ok(n) => n,
            Err(_) => {
                (self.failed, self.broken) = (true, true);
                return 0;
            }
        };
        counters.bytes_written.add(taken as u64);
        self.blocked = taken < len;
        taken
    }
}

/// A system call, again if a signal came in between.
#[inline]
pub(super) fn retry(mut call: impl FnMut() -> io::Result<usize>) -> io::Result<usize> {
    loop {
        match call() {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            done => return done,
        }
    }
}

/// How many bytes may still be drained when a connection half-closes.
pub(super) const DRAIN: Phase = Phase::Drain(DRAIN_BYTES_MAX);

/// The codec of new connections; `None`: their first byte decides.
pub(super) fn codec(dialect: Dialect) -> Option<Protocol> {
    match dialect {
        Dialect::Auto => None,
        Dialect::Text => Some(Protocol::Text),
        Dialect::Binary => Some(Protocol::Binary),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::Style;

    fn upload(left: u32) -> Upload {
        Upload {
            id: None,
            left,
            stride: 1,
            low_water: 1000,
            awaited_since: 10,
            terminator: [0; 2],
            terminator_len: 0,
            terminator_wanted: 2,
            style: Style::Text { noreply: false, with_cas: false }.into(),
            len: left,
            deadline: 0,
        }
    }

    #[test]
    fn a_quick_value_is_waited_for_in_large_parts_and_to_its_end() {
        let mut upload = upload(12 * LOW_WATER);
        assert_eq!(
            [10, 11, 12].map(|now| upload.next_low_water(now)),
            [1000, LOW_WATER, LOW_WATER]
        );
        upload.len = 4 * LOW_WATER;
        upload.next_low_water(12);
        assert_eq!(upload.next_low_water(12), LOW_WATER / 2, "of a shorter one, an eighth");
        upload.len = LOW_WATER / 2;
        upload.next_low_water(12);
        assert_eq!(upload.next_low_water(12), LOW_WATER_MIN);
        upload.left = 500;
        assert_eq!(upload.next_low_water(12), 502);
        (upload.left, upload.terminator_len) = (0, 1);
        assert_eq!(upload.next_low_water(12), 1);
    }

    #[test]
    fn a_value_that_came_slowly_once_is_read_as_it_comes() {
        let mut upload = upload(2 * LOW_WATER);
        assert_eq!([11, 13, 13, 14].map(|now| upload.next_low_water(now)), [1000, 1, 1, 1]);
    }
}
