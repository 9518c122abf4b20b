//! One thread, one poll, one table of connections: the event loop.
//!
//! Sleep unless someone is ready; take what arrived; serve the ready ones a stage; tend those
//! whose time has come.

mod watchers;

use std::collections::VecDeque;
use std::io;
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use crossbeam_channel::Receiver;
use mio::event::{Event, Source};
use mio::{Events, Interest, Poll, Token};
use slab::Slab;

use super::clock::{Limit, ticks};
use super::common::Common;
use super::connection::{Connection, Overdue, Phase, codec};
use super::deadlines::{Entry, Wheel};
use super::env::{Effects, Env};
use super::errands::Errand;
use super::inbox::{Asker, INBOX, Message};
use super::limits::{
    BUFFERS_HARD_MAX, BUFFERS_SOFT_MAX, DUMP_PERIOD_MS, EVENTS_MAX, OUTPUT_MARK, OUTPUT_MARK_TIGHT,
    STALLED_S, STOP_DRAIN_MS, STOP_FLUSH_MS, TURN_REQUESTS_MAX, WATCH_PERIOD_MS,
};
use super::stage::{Stage, settle};
use super::stream::Stream;
use super::udp::Udp;
use crate::commands::{self, Next};
use crate::ops::config::Dialect;
use crate::ops::counters::WorkerCounters;
use crate::ops::watch::Log;
use crate::store::Reader;
use crate::sys::signal::Signal;
use watchers::Gone;

/// How long to sleep while a deadline is set: the wheel's seconds, less the clock's coarseness.
const WHEEL_TICK: Duration = Duration::from_millis(500);

/// How long to sleep while somebody watches.
const WATCH_PERIOD: Duration = Duration::from_millis(WATCH_PERIOD_MS);
const DUMP_PERIOD: Duration = Duration::from_millis(DUMP_PERIOD_MS);

/// One worker.
pub(super) struct Worker {
    common: Arc<Common>,
    /// For lookups beside other workers.
    reader: Option<Reader>,
    /// Which one of `common.mailboxes` is ours.
    index: usize,
    poll: Poll,
    inbox: Receiver<Message>,
    conns: Slab<Connection<Stream>>,
    /// Connections that have something to do and wait for no event.
    ready: VecDeque<usize>,
    stage: Stage,
    effects: Effects,
    wheel: Wheel,
    /// Entries of the wheel being looked at.
    due: Vec<Entry>,
    /// The second at which stalled connections were last looked for.
    shed_at: u32,
    /// Numbers the questions to other workers.
    serial: u64,
    stop: Option<Stop>,
    /// Connections that watch.
    watchers: Vec<usize>,
    /// When they are sent what has come for them.
    feed_at: Limit,
    /// When those who dump get their next turn.
    dump_at: Limit,
    /// Room for that.
    lines: Vec<u8>,
    /// Datagrams, if there are to be any.
    udp: Option<Box<Udp>>,
}

/// How far a stop has come.
#[derive(Debug, Clone, Copy)]
enum Stop {
    /// Replies are being sent until then.
    Flushing(Limit),
    /// Clients may see the end of the stream until then.
    Draining(Limit),
}

impl Worker {
    /// A worker whose `poll` its inbox wakes.
    pub(super) fn new(
        common: Arc<Common>,
        index: usize,
        (poll, inbox): (Poll, Receiver<Message>),
        udp: Option<Box<Udp>>,
    ) -> Self {
        let now = common.shared.now.load(Relaxed);
        let log = Log::new(common.config.worker_logbuf);
        let effects = Effects { log, ..Effects::default() };
        let reader = common.store.reader();
        Worker {
            common,
            reader,
            index,
            poll,
            inbox,
            conns: Slab::new(),
            ready: VecDeque::new(),
            stage: Stage::new(),
            effects,
            wheel: Wheel::new(now),
            due: Vec::new(),
            shed_at: now,
            serial: 0,
            stop: None,
            watchers: Vec::new(),
            feed_at: Limit::after_ms(0),
            dump_at: Limit::after_ms(0),
            lines: Vec::new(),
            udp,
        }
    }

    /// Serve until told to stop.
    pub(super) fn run(mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(EVENTS_MAX);
        loop {
            match self.poll.poll(&mut events, self.patience()) {
                Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error),
                _ => {}
            }
            let begun = ticks();
            let mut mail = false;
            for event in &events {
                if event.token() == INBOX {
                    mail = true;
                } else {
                    self.on_event(event);
                }
            }
            if mail {
                self.take_inbox();
            }
            let now = self.common.shared.now.load(Relaxed);
            if now != self.wheel.visited() {
                self.look_at_deadlines(now);
            }
            if !self.effects.dumping.is_empty() && self.dump_at.passed() {
                self.dump_at = Limit::after_ms(DUMP_PERIOD_MS);
                self.ready.extend(self.effects.dumping.drain(..));
            }
            self.serve(now);
            self.serve_datagrams(now);
            self.feed_watchers();
            let turns = &self.common.shared.workers[self.index].turns;
            turns.record(ticks().saturating_sub(begun));
            if self.stop.is_some() && self.stop_is_over() {
                return Ok(());
            }
        }
    }

    /// How long the poll may sleep.
    fn patience(&self) -> Option<Duration> {
        if !self.ready.is_empty() || self.udp.as_ref().is_some_and(|udp| udp.is_ready()) {
            return Some(Duration::ZERO);
        }
        let pace = match self.stop {
            Some(Stop::Flushing(limit) | Stop::Draining(limit)) => {
                Some(limit.left().min(Duration::from_millis(STOP_DRAIN_MS / 4)))
            }
            None => {
                let waiting = !self.wheel.is_empty() || !self.effects.deferred.is_empty();
                let pace = waiting.then_some(WHEEL_TICK);
                if self.watchers.is_empty() { pace } else { Some(WATCH_PERIOD) }
            }
        };
        let dumping = !self.effects.dumping.is_empty();
        if dumping { Some(pace.map_or(DUMP_PERIOD, |pace| pace.min(DUMP_PERIOD))) } else { pace }
    }

    /// What the system says of a connection. The place may have been vacated, or taken by another
    /// connection, since the event was made: that costs a read that finds nothing.
    fn on_event(&mut self, event: &Event) {
        let token = event.token().0;
        let Some(conn) = self.conns.get_mut(token) else {
            self.udp.iter_mut().for_each(|udp| udp.on_event(event.token()));
            return;
        };
        if event.is_readable() || event.is_read_closed() || event.is_error() {
            conn.readable = true;
            conn.hangup |= event.is_read_closed();
        }
        if event.is_writable() {
            conn.blocked = false;
        }
        let news = !conn.deferred || event.is_read_closed() || event.is_error();
        if news && !conn.queued {
            conn.queued = true;
            self.ready.push_back(token);
        }
    }

    /// One stage over those at the front of the ready queue, and what follows from it.
    fn serve(&mut self, now: u32) {
        let common = Arc::clone(&self.common);
        let counters = &common.shared.workers[self.index];
        if !self.ready.is_empty() {
            let env = env((&common, self.reader.as_ref()), counters, now, self.stop.is_some());
            if let Some(moment) = env.moment() {
                self.effects.log.set_moment(moment);
            }
            self.stage.run(&env, &mut self.conns, &mut self.ready, &mut self.effects);
            self.publish();
            self.carry_out(&common, counters);
        }
        let workers = common.mailboxes.len() as u64;
        let (owned, soft) = (counters.buffer_bytes.get(), BUFFERS_SOFT_MAX / workers);
        // Once a second is soon enough for what stands still, and looks at all connections.
        if owned > soft && now != self.shed_at {
            self.shed_at = now;
            self.shed(counters, soft, now);
        }
        if !self.effects.deferred.is_empty() && owned < BUFFERS_HARD_MAX / workers {
            self.resume_deferred();
        }
    }

    /// What came in datagrams.
    fn serve_datagrams(&mut self, now: u32) {
        let Some(udp) = self.udp.as_mut().filter(|udp| udp.is_ready()) else { return };
        let common = Arc::clone(&self.common);
        let counters = &common.shared.workers[self.index];
        let env = env((&common, self.reader.as_ref()), counters, now, self.stop.is_some());
        self.effects.shutdown = self.effects.shutdown.or(udp.serve(&env, &mut self.stage));
        self.carry_out(&common, counters);
    }

    /// Do what a stage asked for.
    fn carry_out(&mut self, common: &Arc<Common>, counters: &WorkerCounters) {
        for entry in self.effects.timers.drain(..) {
            self.wheel.insert(entry);
        }
        while let Some(token) = self.effects.interest.pop() {
            self.watch(token);
        }
        while let Some(token) = self.effects.half_close.pop() {
            if self.conns[token].stream.shutdown_write().is_err() {
                self.effects.doomed.push(token);
            }
        }
        while let Some(token) = self.effects.errands.pop() {
            self.ask(token);
        }
        self.watchers.append(&mut self.effects.watchers);
        while let Some(token) = self.effects.doomed.pop() {
            self.close(token, counters, Gone::Normal);
        }
        if let Some(graceful) = self.effects.shutdown.take() {
            let signal = if graceful { Signal::Graceful } else { Signal::Stop };
            common.notifier.raise(signal);
        }
    }

    /// Ask for an event when there is room to write, or no longer.
    fn watch(&mut self, token: usize) {
        let Some(conn) = self.conns.get_mut(token) else { return };
        conn.watched = conn.blocked;
        let interest =
            if conn.blocked { Interest::READABLE | Interest::WRITABLE } else { Interest::READABLE };
        let registry = self.poll.registry();
        if conn.stream.reregister(registry, Token(token), interest).is_err() {
            self.effects.doomed.push(token);
        }
    }

    fn close(&mut self, token: usize, counters: &WorkerCounters, why: Gone) {
        let Some(mut conn) = self.conns.try_remove(token) else { return };
        self.note_close(token, &conn, why);
        conn.release(&self.common.store);
        counters.buffer_bytes.sub(u64::from(conn.owned));
        counters.curr_connections.sub(1);
        self.common.mailboxes[self.index].load.fetch_sub(1, Relaxed);
        log::debug!("connection {} closed", conn.stream.as_raw_fd());
        // The descriptor leaves the poll as it is closed, and only then may another come.
        drop(conn);
        self.common.open.fetch_sub(1, Relaxed);
    }

    fn take_inbox(&mut self) {
        while let Ok(message) = self.inbox.try_recv() {
            match message {
                Message::Connection(stream, dialect) => self.accept(stream, dialect),
                Message::DescribeConnections(asker) => {
                    let lines = self.describe();
                    let answer = Message::Described { asker, lines };
                    self.common.mailboxes[asker.worker].send(answer);
                }
                Message::Described { asker, lines } => self.take_answer(asker, &lines),
                Message::Verdict { asker, right } => self.take_verdict(asker, right),
                Message::Stop => self.begin_stop(),
            }
        }
    }

    fn accept(&mut self, mut stream: Stream, dialect: Dialect) {
        let counters = &self.common.shared.workers[self.index];
        let now = self.common.shared.now.load(Relaxed);
        let place = self.conns.vacant_entry();
        let token = place.key();
        let registered = self.stop.is_none()
            && stream.register(self.poll.registry(), Token(token), Interest::READABLE).is_ok();
        if !registered {
            self.common.mailboxes[self.index].load.fetch_sub(1, Relaxed);
            drop(stream);
            self.common.open.fetch_sub(1, Relaxed);
            return;
        }
        log::debug!("connection {} opened by {stream}", stream.as_raw_fd());
        let (is_tcp, descriptor) = (stream.is_tcp(), stream.as_raw_fd());
        let protocol = codec(dialect);
        let locked = self.common.config.requires_login();
        let conn = place.insert(Connection::new(stream, protocol, now, is_tcp, locked));
        (conn.descriptor, conn.gathers) = (descriptor, true);
        conn.low_water = is_tcp.then_some(1);
        if let Some((at, _)) = conn.deadline(&self.common.config) {
            conn.armed = at;
            self.wheel.insert(Entry { token, at });
        }
        counters.curr_connections.add(1);
        let places = self.conns.capacity() as u64;
        let known = counters.connection_structures.get();
        counters.connection_structures.add(places.saturating_sub(known));
        self.note_open(token);
    }

    /// Close those that overstayed; look again later at those that moved on.
    fn look_at_deadlines(&mut self, now: u32) {
        let common = Arc::clone(&self.common);
        let counters = &common.shared.workers[self.index];
        let mut due = std::mem::take(&mut self.due);
        self.wheel.advance(now, &mut due);
        for Entry { token, at } in due.drain(..) {
            let Some(conn) = self.conns.get_mut(token) else { continue };
            if conn.armed != at {
                continue;
            }
            conn.armed = 0;
            match conn.deadline(&common.config) {
                None => {}
                Some((at, _)) if at > now => {
                    conn.armed = at;
                    self.wheel.insert(Entry { token, at });
                }
                Some(_) if conn.may_hold_bytes() => {
                    conn.armed = now + 1;
                    self.wheel.insert(Entry { token, at: now + 1 });
                    if !std::mem::replace(&mut conn.queued, true) {
                        self.ready.push_back(token);
                    }
                }
                Some((_, why)) => {
                    match why {
                        Overdue::Idle => counters.idle_kicks.add(1),
                        Overdue::Slow => counters.deadline_kicks.add(1),
                        Overdue::Drained => {}
                    }
                    self.close(token, counters, why.into());
                }
            }
        }
        self.due = due;
    }

    /// Buffers are short: close those that stand still, longest first, until there is room.
    #[cold]
    fn shed(&mut self, counters: &WorkerCounters, soft: u64, now: u32) {
        let mut holders: Vec<(u32, usize)> = self
            .conns
            .iter()
            .filter(|(_, conn)| conn.owned > 0)
            .map(|(token, conn)| (conn.still_since(), token))
            .filter(|(since, _)| since.saturating_add(STALLED_S) < now)
            .collect();
        holders.sort_unstable();
        for (_, token) in holders {
            if counters.buffer_bytes.get() <= soft / 4 * 3 {
                return;
            }
            counters.deadline_kicks.add(1);
            self.close(token, counters, Gone::Error);
        }
    }

    /// Large requests that were left in their sockets: there may be room for them now.
    fn resume_deferred(&mut self) {
        for token in std::mem::take(&mut self.effects.deferred) {
            let Some(conn) = self.conns.get_mut(token) else { continue };
            if std::mem::take(&mut conn.deferred) && !conn.queued {
                conn.queued = true;
                self.ready.push_back(token);
            }
        }
    }

    /// A connection was parked: `stats conns` asks every worker, ourselves included, to describe
    /// its connections; a login asks the errand thread.
    fn ask(&mut self, token: usize) {
        self.serial += 1;
        let asker = Asker { worker: self.index, token, serial: self.serial };
        match &mut self.conns[token].phase {
            Phase::Parked(parked) => {
                parked.serial = self.serial;
                parked.waiting = self.common.mailboxes.len();
                for mailbox in &self.common.mailboxes {
                    mailbox.send(Message::DescribeConnections(asker));
                }
            }
            Phase::Login(login) => {
                login.serial = self.serial;
                let asked = login.credentials.take().zip(self.common.errands.as_ref());
                let sent = asked.is_some_and(|(credentials, errands)| {
                    errands.send(Errand::Verify { asker, credentials })
                });
                if !sent {
                    log::warn!("too many logins wait to be checked: one client is disconnected");
                    self.effects.doomed.push(token);
                }
            }
            _ => {}
        }
    }

    /// What the errand thread says of a login.
    fn take_verdict(&mut self, asker: Asker, right: bool) {
        let common = Arc::clone(&self.common);
        let Some(conn) = self.conns.get_mut(asker.token) else { return };
        let Phase::Login(login) = &conn.phase else { return };
        if login.serial != asker.serial {
            return;
        }
        let counters = &common.shared.workers[self.index];
        let mut answer = Vec::new();
        let style = login.style.style();
        let next = commands::conclude(counters, &mut conn.client, style, right, &mut answer);
        conn.phase = if next == Next::Close { Phase::Flush } else { Phase::Commands };
        // What waits behind the login is to be parsed anew.
        conn.hungry = conn.input.is_empty();
        (conn.wanted, conn.scanned) = (0, 0);
        let (who, now) = ((&*common, self.reader.as_ref()), self.wheel.visited());
        let env = env(who, counters, now, self.stop.is_some());
        (conn.last_command, conn.received_at) = (env.now, env.now);
        conn.send(&answer, env.now, counters);
        settle(&env, conn, asker.token, &mut self.ready, &mut self.effects);
        self.carry_out(&common, counters);
    }

    /// Lines of `stats conns` for our connections.
    fn describe(&self) -> Vec<u8> {
        let now = self.common.shared.now.load(Relaxed);
        let mut lines = String::new();
        for (_, conn) in &self.conns {
            let n = conn.stream.as_raw_fd();
            let idle = now.saturating_sub(conn.last_command);
            lines.push_str(&format!(
                "STAT {n}:addr {}\r\nSTAT {n}:listen_addr {}\r\n\
                 STAT {n}:state {}\r\nSTAT {n}:secs_since_last_cmd {idle}\r\n",
                conn.stream.peer_text(),
                conn.stream.local_text(),
                conn.state_name(),
            ));
        }
        lines.into_bytes()
    }

    /// One worker's part of an answer; with the last one it is sent.
    fn take_answer(&mut self, asker: Asker, lines: &[u8]) {
        let common = Arc::clone(&self.common);
        let Some(conn) = self.conns.get_mut(asker.token) else { return };
        let Phase::Parked(parked) = &mut conn.phase else { return };
        if parked.serial != asker.serial {
            return;
        }
        parked.lines.extend_from_slice(lines);
        parked.waiting -= 1;
        if parked.waiting > 0 {
            return;
        }
        let mut answer = String::new();
        for listener in &common.listeners {
            let n = listener.descriptor;
            let (udp, state) = match listener.udp {
                true => (format!("STAT {n}:UDP UDP\r\n"), "conn_read"),
                false => (String::new(), "conn_listening"),
            };
            let since = crate::ops::shared::CLOCK_START;
            answer.push_str(&format!(
                "{udp}STAT {n}:addr {}\r\nSTAT {n}:state {state}\r\n\
                 STAT {n}:secs_since_last_cmd {}\r\n",
                listener.address,
                common.shared.now.load(Relaxed).saturating_sub(since),
            ));
        }
        let mut answer = answer.into_bytes();
        answer.append(&mut parked.lines);
        answer.extend_from_slice(b"END\r\n");
        conn.phase = Phase::Commands;
        let counters = &common.shared.workers[self.index];
        let (who, now) = ((&*common, self.reader.as_ref()), self.wheel.visited());
        let env = env(who, counters, now, self.stop.is_some());
        conn.send(&answer, env.now, counters);
        settle(&env, conn, asker.token, &mut self.ready, &mut self.effects);
        self.carry_out(&common, counters);
    }

    /// Answer what has arrived by now, and nothing later: every connection gets one more turn, and
    /// `settle` ends it then.
    fn begin_stop(&mut self) {
        self.stop = Some(Stop::Flushing(Limit::after_ms(STOP_FLUSH_MS)));
        for (token, conn) in &mut self.conns {
            conn.readable = !matches!(conn.phase, Phase::Parked(_));
            if !conn.queued {
                conn.queued = true;
                self.ready.push_back(token);
            }
        }
    }

    /// Move a stop along; whether it is over. First replies have to be taken, then clients that
    /// were busy just now, and may be sending a request, get to see the end of the stream: closing
    /// on that request would reset them.
    fn stop_is_over(&mut self) -> bool {
        let drained = |conn: &Connection<Stream>| matches!(conn.phase, Phase::Drain(_));
        let over = match self.stop {
            Some(Stop::Flushing(limit)) => {
                if self.conns.iter().all(|(_, conn)| drained(conn)) {
                    self.stop = Some(Stop::Draining(Limit::after_ms(STOP_DRAIN_MS)));
                }
                limit.passed()
            }
            Some(Stop::Draining(limit)) => limit.passed(),
            None => false,
        };
        if over {
            let common = Arc::clone(&self.common);
            let tokens: Vec<usize> = self.conns.iter().map(|(token, _)| token).collect();
            let counters = &common.shared.workers[self.index];
            tokens.into_iter().for_each(|t| self.close(t, counters, Gone::Shutdown));
        }
        self.conns.is_empty()
    }
}

/// What a stage may use at second `now`.
fn env<'a>(
    (common, reader): (&'a Common, Option<&'a Reader>),
    counters: &'a WorkerCounters,
    now: u32,
    stopping: bool,
) -> Env<'a> {
    let asked = common.config.requests_per_event.map_or(TURN_REQUESTS_MAX, |n| n as usize);
    let workers = common.mailboxes.len() as u64;
    let tight = counters.buffer_bytes.get() > BUFFERS_SOFT_MAX / workers / 2;
    Env {
        store: &common.store,
        reader,
        config: &common.config,
        shared: &common.shared,
        counters,
        now,
        turn_requests: asked.clamp(1, TURN_REQUESTS_MAX),
        output_mark: if tight { OUTPUT_MARK_TIGHT } else { OUTPUT_MARK },
        buffers_max: BUFFERS_HARD_MAX / workers,
        log: log::log_enabled!(log::Level::Debug),
        watched: common.shared.watch.streams(),
        stopping,
    }
}
