//! The accepting thread: takes clients in, counts them against the limit, hands them to the worker
//! that has fewest.
//!
//! Invariant: whatever accepting fails with, the thread looks again after a bounded time, so that
//! a listener is never left off, and never spins.

use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use mio::{Events, Interest, Poll, Token, Waker};

use super::clock::Clock;
use super::common::Common;
use super::inbox::Message;
use super::limits::{ACCEPT_BURST, ACCEPT_RETRY_MAX_MS, ACCEPT_RETRY_MS};
use super::sockets::{Bound, reason};
use super::stream::Stream;
use crate::ops::config::Dialect;

/// Wakes the accepting thread; listeners' tokens come from 0 up.
const WAKE: Token = Token(usize::MAX);

/// What a client beyond the limit is told.
const TOO_MANY: &[u8] = b"ERROR Too many open connections\r\n";

/// Ends the accepting thread.
#[derive(Debug)]
pub(super) struct Stopper {
    waker: Waker,
    stop: Arc<AtomicBool>,
}

impl Stopper {
    /// It closes its listeners and returns.
    pub(super) fn stop(&self) {
        self.stop.store(true, Relaxed);
        // Fails only when the thread has ended.
        let _ = self.waker.wake();
    }
}

/// The accepting thread.
pub(super) struct Acceptor {
    common: Arc<Common>,
    poll: Poll,
    stop: Arc<AtomicBool>,
    listeners: Vec<Listener>,
    /// Given up for a moment, so that a client can be told that there are no descriptors left.
    spare: Option<File>,
    /// Accepting is off.
    off: Option<Off>,
    clock: Clock,
    /// The worker after the one that was given a client last.
    next: usize,
}

struct Listener {
    socket: Bound,
    /// What its clients speak.
    dialect: Dialect,
    /// Clients may be waiting: its event has come and accepting did not yet say that it is empty.
    ready: bool,
}

/// Why and since when accepting is off.
#[derive(Debug, Clone, Copy)]
struct Off {
    since_us: u64,
    /// Look again after this time.
    retry_ms: u64,
    /// At the limit (no_maxconns_fast); otherwise the system refused.
    limit: bool,
}

/// What became of one attempt to accept.
enum Attempt {
    /// Someone was there.
    Taken,
    /// Nobody waits.
    Empty,
    /// Not now.
    Off,
}

impl Acceptor {
    /// Accepts on `bound`, once `run`.
    pub(super) fn new(
        common: Arc<Common>,
        bound: Vec<(Bound, Dialect)>,
    ) -> io::Result<(Self, Stopper)> {
        let poll = Poll::new()?;
        let stop = Arc::new(AtomicBool::new(false));
        let waker = Waker::new(poll.registry(), WAKE)?;
        let mut listeners = Vec::new();
        for (i, (mut socket, dialect)) in bound.into_iter().enumerate() {
            let registry = poll.registry();
            match &mut socket {
                Bound::Tcp(tcp) => registry.register(tcp, Token(i), Interest::READABLE)?,
                Bound::Unix(unix) => registry.register(unix, Token(i), Interest::READABLE)?,
            }
            listeners.push(Listener { socket, dialect, ready: false });
        }
        common.shared.listener.accepting.store(true, Relaxed);
        common.shared.listener.listeners.store(listeners.len() as u64, Relaxed);
        let acceptor = Acceptor {
            common,
            poll,
            stop: Arc::clone(&stop),
            listeners,
            spare: File::open("/dev/null").ok(),
            off: None,
            clock: Clock::start(),
            next: 0,
        };
        Ok((acceptor, Stopper { waker, stop }))
    }

    /// Accept until stopped.
    pub(super) fn run(mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(64);
        while !self.stop.load(Relaxed) {
            let patience = match self.off {
                Some(off) => Some(Duration::from_millis(off.retry_ms)),
                None => self.listeners.iter().any(|l| l.ready).then_some(Duration::ZERO),
            };
            match self.poll.poll(&mut events, patience) {
                Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error),
                _ => {}
            }
            for event in &events {
                if let Some(listener) = self.listeners.get_mut(event.token().0) {
                    listener.ready = true;
                }
            }
            for i in 0..self.listeners.len() {
                self.accept_burst(i);
            }
        }
        self.common.shared.listener.accepting.store(false, Relaxed);
        Ok(())
    }

    fn accept_burst(&mut self, i: usize) {
        for _ in 0..ACCEPT_BURST {
            if !self.listeners[i].ready {
                return;
            }
            if self.at_limit() && !self.common.config.maxconns_fast {
                self.turn_off(true);
                return;
            }
            match self.attempt(i) {
                Attempt::Taken => self.turn_on(),
                Attempt::Empty => {
                    self.listeners[i].ready = false;
                    self.turn_on();
                }
                Attempt::Off => return,
            }
        }
    }

    fn at_limit(&self) -> bool {
        self.common.open.load(Relaxed) >= self.common.config.max_connections as usize
    }

    fn attempt(&mut self, i: usize) -> Attempt {
        match accept(&self.listeners[i].socket) {
            Ok(stream) => {
                if self.at_limit() {
                    self.refuse(stream);
                } else {
                    self.hand_over(stream, self.listeners[i].dialect);
                }
                Attempt::Taken
            }
            Err(error) => match error.kind() {
                ErrorKind::WouldBlock => Attempt::Empty,
                // The client was gone before we came.
                ErrorKind::Interrupted
                | ErrorKind::ConnectionAborted
                | ErrorKind::ConnectionReset
                | ErrorKind::TimedOut => Attempt::Taken,
                _ => self.refused_by_system(i, &error),
            },
        }
    }

    /// No descriptors or no memory. The spare descriptor lets clients be told, one at a time; if
    /// even that fails, wait.
    fn refused_by_system(&mut self, i: usize, error: &io::Error) -> Attempt {
        if self.common.config.maxconns_fast && self.spare.take().is_some() {
            // The system wants a descriptor before it looks whether anybody waits.
            let attempt = match accept(&self.listeners[i].socket) {
                Ok(stream) => {
                    self.refuse(stream);
                    Attempt::Taken
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => Attempt::Empty,
                Err(_) => Attempt::Off,
            };
            self.spare = File::open("/dev/null").ok();
            if !matches!(attempt, Attempt::Off) && self.spare.is_some() {
                return attempt;
            }
        } else if self.spare.is_none() {
            self.spare = File::open("/dev/null").ok();
        }
        if self.off.is_none() {
            log::warn!("accepting fails, will try again: {}", reason(error));
        }
        self.turn_off(false);
        Attempt::Off
    }

    fn turn_off(&mut self, limit: bool) {
        let counts = &self.common.shared.listener;
        match &mut self.off {
            Some(off) if !limit => off.retry_ms = (off.retry_ms * 2).min(ACCEPT_RETRY_MAX_MS),
            Some(off) => off.limit = true,
            None => {
                counts.accepting.store(false, Relaxed);
                counts.listen_disabled.fetch_add(1, Relaxed);
                let since_us = self.clock.elapsed_us();
                self.off = Some(Off { since_us, retry_ms: ACCEPT_RETRY_MS, limit });
            }
        }
    }

    fn turn_on(&mut self) {
        let Some(off) = self.off.take() else { return };
        let counts = &self.common.shared.listener;
        let us = self.clock.elapsed_us() - off.since_us;
        counts.time_in_listen_disabled_us.fetch_add(us, Relaxed);
        counts.accepting.store(true, Relaxed);
        if !off.limit {
            log::warn!("accepting again after {us} us");
        }
    }

    /// Say why and close. Best effort: what the client has sent already is read, so that closing
    /// does not reset the connection under our words.
    fn refuse(&mut self, mut stream: Stream) {
        self.common.shared.listener.rejected_connections.fetch_add(1, Relaxed);
        let _ = stream.write(TOO_MANY);
        let _ = stream.shutdown_write();
        let _ = stream.read(&mut [0; 2048]);
    }

    fn hand_over(&mut self, stream: Stream, dialect: Dialect) {
        self.common.shared.listener.total_connections.fetch_add(1, Relaxed);
        self.common.open.fetch_add(1, Relaxed);
        let mailboxes = &self.common.mailboxes;
        let n = mailboxes.len();
        let first = self.next;
        let least =
            (0..n).map(|i| (first + i) % n).min_by_key(|&i| mailboxes[i].load.load(Relaxed));
        let least = least.expect("there is a worker");
        self.next = (least + 1) % n;
        mailboxes[least].send(Message::Connection(stream, dialect));
    }
}

fn accept(socket: &Bound) -> io::Result<Stream> {
    match socket {
        Bound::Tcp(tcp) => tcp.accept().map(|(stream, _)| Stream::Tcp(stream)),
        Bound::Unix(unix) => unix.accept().map(|(stream, _)| Stream::Unix(stream)),
    }
}
