//! The part of a stage that meets the store: steps in order, in one session, with prefetches
//! running ahead over the keys of all connections of the stage.

mod ahead;
mod observe;

use std::ops::Range;

use self::ahead::Ahead;
use super::connection::{Connection, Due, Login, Parked, Phase, Upload, body_deadline};
use super::direct;
use super::env::{Effects, Env};
use super::limits::{
    DIRECT_MIN, DUMP_PIECES, LOW_WATER_MIN, STREAM_AHEAD, STREAM_PIECES, VISIT_REQUESTS_MAX,
};
use super::plan::{Plan, Refused, Step, What};
use crate::commands::{self, ClientState, Context, Next, NextKey, Produced, Producer};
use crate::ops::watch::{Asker, Streams};
use crate::protocol::{About, Repeat, Reply, Request, Status, Style};
use crate::store::{KeyHash, PREFETCHED, Received, Session};

/// How errors of the parser are answered: it has decided about noreply already.
const LOUD: Style<'static> = Style::Text { noreply: false, with_cas: false };

/// A run of repeats.
struct Run<'a, 'v> {
    steps: &'a [Step<'v>],
    /// The next one.
    at: usize,
    ahead: &'a mut Ahead<'v>,
}

impl<'a> NextKey<'a> for Run<'_, 'a> {
    #[inline(always)]
    fn next(&mut self) -> Option<(Repeat<'a>, KeyHash)> {
        let What::Repeat(key, opaque) = self.steps.get(self.at)?.what else { return None };
        self.ahead.look(self.at);
        let hash = self.ahead.hash(self.at);
        self.at += 1;
        Some((Repeat { key, opaque }, hash))
    }
}

/// One visit to the store.
pub(super) struct Visit<'v, 'e> {
    env: &'v Env<'e>,
    pub(super) session: Session<'e>,
    /// The output of the stage.
    pub(super) out: &'v mut Vec<u8>,
    plan: &'v Plan<'v>,
    ahead: Ahead<'v>,
    effects: &'v mut Effects,
    /// Requests are logged, or watched.
    observed: bool,
    /// Whose doing is what happens.
    asker: Asker,
    /// Requests since the lock was let go.
    since: usize,
}

impl<'v, 'e> Visit<'v, 'e> {
    pub(super) fn new(
        env: &'v Env<'e>,
        out: &'v mut Vec<u8>,
        plan: &'v Plan<'v>,
        long: bool,
        effects: &'v mut Effects,
    ) -> Self {
        let mut session = env.store.session_of(env.reader);
        if env.watched != Streams::NONE {
            session.observe();
        }
        let observed = env.log || env.watched != Streams::NONE;
        let asker = Asker::default();
        let ahead = Ahead::new(env.store, &plan.hashes, long);
        Visit { env, session, out, plan, ahead, effects, observed, asker, since: 0 }
    }
    /// All connections were served, or what they are answered is to be sent. Whether it was long.
    pub(super) fn end(mut self) -> bool {
        self.tell();
        self.ahead.long
    }

    /// A connection was answered `len` bytes in so many steps; the next will be alike.
    #[inline(always)]
    pub(super) fn note_answer(&mut self, len: usize, steps: usize) {
        if len > 0 {
            self.ahead.long = len > PREFETCHED * steps;
        }
    }

    /// Go on with a connection: `bytes` are what it holds, `steps` their part of the plan. How many
    /// of the bytes are used up.
    #[inline]
    pub(super) fn serve<S>(
        &mut self,
        conn: &mut Connection<S>,
        bytes: &[u8],
        steps: Range<usize>,
    ) -> usize {
        let begin = self.out.len();
        self.since += steps.len();
        if self.since > VISIT_REQUESTS_MAX {
            self.session.release();
            self.since = steps.len();
        }
        match conn.phase {
            Phase::Commands => {}
            Phase::Paused => conn.phase = Phase::Commands,
            Phase::Send(_) => {
                if !self.pump(conn, begin) {
                    return 0;
                }
            }
            _ => return self.absorb(conn, bytes, begin),
        }
        let (cx, plan) = (self.context(conn, begin), self.plan);
        let mut used = 0;
        // What a `Repeat` repeats.
        let mut asked = None;
        self.ahead.jump(steps.start);
        let mut at = steps.start;
        while let Some(step) = plan.steps[..steps.end].get(at) {
            if self.out.len() >= cx.output_max {
                conn.phase = Phase::Paused;
                return used;
            }
            if self.observed {
                self.look_at(conn, step, &bytes[used..step.end]);
            }
            let done = match (&step.what, asked) {
                (What::Repeat(..), Some(asked)) => {
                    // What is observed is looked at one by one.
                    let run = if self.observed { at..at + 1 } else { at..steps.end };
                    self.repeat(&cx, conn, asked, run)
                }
                (&What::Request(number), _) => {
                    let request = &plan.requests[number as usize];
                    asked = Some(request);
                    self.step(&cx, conn, request, at)
                }
                (what, _) => usize::from(self.refuse(&cx, conn, what)),
            };
            at += done;
            if done > 0 {
                used = plan.steps[at - 1].end;
            }
            if !matches!(conn.phase, Phase::Commands) {
                return self.leave(conn, bytes, used, begin);
            }
        }
        if !steps.is_empty() {
            conn.last_command = self.env.now;
        }
        used
    }

    /// The plan ends early: what becomes of the bytes behind it?
    #[cold]
    fn leave<S>(
        &mut self,
        conn: &mut Connection<S>,
        bytes: &[u8],
        used: usize,
        begin: usize,
    ) -> usize {
        conn.last_command = self.env.now;
        match conn.phase {
            Phase::Flush | Phase::Watch { .. } => bytes.len(),
            _ => used + self.absorb(conn, &bytes[used..], begin),
        }
    }

    /// Run the request of step `at`; how many steps that was: 1, or 0 if it is to be run again. If
    /// the phase is not `Commands` afterwards, the connection is to leave the stage.
    #[inline]
    fn step<S>(
        &mut self,
        cx: &Context<'_>,
        conn: &mut Connection<S>,
        request: &Request<'_>,
        at: usize,
    ) -> usize {
        self.ahead.look(at);
        let (session, client) = (&mut self.session, &mut conn.client);
        let hash = self.ahead.hash(at);
        match commands::execute(cx, session, client, request, Some(hash), self.out) {
            Next::Continue => 1,
            next => usize::from(self.go_on(cx, conn, request, next)),
        }
    }

    /// As `step`, for those steps at the front of `run` that repeat an earlier request.
    fn repeat<S>(
        &mut self,
        cx: &Context<'_>,
        conn: &mut Connection<S>,
        asked: &Request<'_>,
        run: Range<usize>,
    ) -> usize {
        let begin = run.start;
        let (done, next) = self.run_repeats(cx, &mut conn.client, asked, run);
        match next {
            Next::Continue => done,
            next => {
                let What::Repeat(key, opaque) = self.plan.steps[begin + done].what else {
                    unreachable!("only a repeat asks for more")
                };
                let request = asked.repeated(&Repeat { key, opaque });
                done + usize::from(self.go_on(cx, conn, &request, next))
            }
        }
    }

    /// Run the repeats at the front of `run`: how many are done, and what the next one asks. It is
    /// here once for all kinds of connections, so that lookups are inlined in its loops.
    fn run_repeats(
        &mut self,
        cx: &Context<'_>,
        client: &mut ClientState,
        asked: &Request<'_>,
        run: Range<usize>,
    ) -> (usize, Next) {
        let Visit { session, ahead, out, .. } = self;
        let mut keys = Run { steps: &self.plan.steps[..run.end], at: run.start, ahead };
        commands::repeat(cx, session, client, asked, &mut keys, out)
    }

    /// Do what a request asks of its connection, and run it again for as long as that takes.
    #[cold]
    fn go_on<S>(
        &mut self,
        cx: &Context<'_>,
        conn: &mut Connection<S>,
        request: &Request<'_>,
        mut next: Next,
    ) -> bool {
        loop {
            if let Some(done) = self.obey(conn, next, cx.output_begin) {
                return done;
            }
            // A long value was sent whole; the rest of its get makes its own hashes.
            let (session, client) = (&mut self.session, &mut conn.client);
            next = commands::execute(cx, session, client, request, None, self.out);
        }
    }

    /// As `step`, for what is no request of an open connection.
    #[cold]
    fn refuse<S>(&mut self, cx: &Context<'_>, conn: &mut Connection<S>, what: &What<'_>) -> bool {
        match what {
            What::Request(_) | What::Repeat(..) => unreachable!("these are run"),
            &What::Knock(number) => {
                return self.knock(cx, conn, &self.plan.requests[number as usize]);
            }
            What::Refuse(refused) => match &**refused {
                Refused { due, swallow: 0 } => self.answer(conn, due),
                Refused { due, swallow } => {
                    conn.phase = Phase::Swallow { left: *swallow, line: due.clone() };
                }
            },
            What::Fatal => {
                conn.broken = true;
                conn.phase = Phase::Flush;
            }
        }
        true
    }

    /// What a command of this connection may use; its output in this stage began at `begin`.
    #[inline]
    fn context<S>(&self, conn: &Connection<S>, begin: usize) -> Context<'e> {
        let env = self.env;
        Context {
            store: env.store,
            config: env.config,
            shared: env.shared,
            counters: env.counters,
            now: env.now,
            output_max: begin + env.output_mark.saturating_sub(conn.output.len()),
            output_begin: begin,
        }
    }

    /// As `step`, for a connection that has not proved who it is.
    #[cold]
    fn knock<S>(
        &mut self,
        cx: &Context<'_>,
        conn: &mut Connection<S>,
        request: &Request<'_>,
    ) -> bool {
        self.session.release();
        let next = commands::knock(cx, &mut conn.client, request, self.out);
        self.obey(conn, next, cx.output_begin).unwrap_or(true)
    }

    /// What a request asks of its connection. Whether the request is done; `None`: run it again.
    #[cold]
    fn obey<S>(&mut self, conn: &mut Connection<S>, next: Next, begin: usize) -> Option<bool> {
        match next {
            Next::Continue => return Some(true),
            Next::Close => conn.phase = Phase::Flush,
            Next::Pause => {
                conn.phase = Phase::Paused;
                return Some(false);
            }
            Next::SendPinned(pin) => {
                let protocol = conn.protocol.expect("something was asked");
                conn.phase = Phase::Send(Producer::Value(pin, protocol.value_end()));
                return if self.pump(conn, begin) { None } else { Some(false) };
            }
            Next::Stream(producer) => {
                conn.phase = Phase::Send(producer);
                self.pump(conn, begin);
            }
            Next::Receive { upload, len, style } => {
                conn.bulky = direct::pays(self.env);
                let deadline = body_deadline(self.env.config, len, self.env.now);
                conn.phase = Phase::Receive(Box::new(Upload {
                    id: Some(upload),
                    left: len,
                    stride: DIRECT_MIN as u32,
                    low_water: LOW_WATER_MIN,
                    awaited_since: self.env.now,
                    terminator: [0; 2],
                    terminator_len: 0,
                    terminator_wanted: style.style().protocol().value_end().len() as u8,
                    style,
                    len,
                    deadline,
                }));
            }
            Next::Swallow { len, answer } => {
                conn.phase = Phase::Swallow { left: len, line: Due::Bytes(answer.into()) };
            }
            Next::Verify(credentials) => {
                let (style, credentials) = (credentials.style.clone(), Some(credentials));
                conn.phase = Phase::Login(Box::new(Login { serial: 0, style, credentials }));
            }
            Next::Watch(wanted) => self.watch(conn, wanted, begin),
            Next::DescribeConnections => {
                let parked = Parked { serial: 0, waiting: 0, lines: Vec::new() };
                conn.phase = Phase::Parked(Box::new(parked));
            }
            Next::Shutdown { graceful } => {
                self.effects.shutdown = Some(graceful);
                conn.phase = Phase::Flush;
            }
        }
        Some(true)
    }

    /// Append pieces of a long answer, up to what a connection may be ahead of its socket; whether
    /// that was all of it. A long value for a socket is not among them: it is sent from its chunks.
    fn pump<S>(&mut self, conn: &mut Connection<S>, begin: usize) -> bool {
        self.session.release();
        if direct::is_due(conn) {
            conn.sent_at = self.env.now;
            return false;
        }
        let Phase::Send(mut producer) = std::mem::take(&mut conn.phase) else { return true };
        let (store, shared, now) = (self.env.store, self.env.shared, self.env.now);
        // The reader has taken what was made before, or this would not be its turn.
        conn.sent_at = now;
        let pieces = match producer {
            Producer::Value(..) => STREAM_PIECES,
            Producer::Dump(..) => DUMP_PIECES,
        };
        for _ in 0..pieces {
            if conn.output.len() + self.out.len() - begin >= STREAM_AHEAD {
                break;
            }
            match producer.produce(store, shared, now, self.out) {
                Produced::More => {}
                Produced::Done => {
                    producer.release(store);
                    return true;
                }
                Produced::Broken => {
                    conn.failed = true;
                    break;
                }
            }
        }
        conn.phase = Phase::Send(producer);
        false
    }

    /// Use bytes that are not requests; how many were used.
    fn absorb<S>(&mut self, conn: &mut Connection<S>, bytes: &[u8], begin: usize) -> usize {
        self.session.release();
        conn.received_at = self.env.now;
        match &mut conn.phase {
            Phase::Swallow { left, line } => {
                let n = bytes.len().min(usize::try_from(*left).unwrap_or(usize::MAX));
                *left -= n as u64;
                if *left == 0 {
                    let line = std::mem::take(line);
                    conn.phase = Phase::Commands;
                    self.answer(conn, &line);
                }
                n
            }
            Phase::Receive(upload) => {
                let (used, whole) = self.receive(upload, bytes);
                if whole {
                    let Phase::Receive(upload) = std::mem::take(&mut conn.phase) else {
                        unreachable!("matched above")
                    };
                    self.finish(conn, *upload, begin);
                }
                used
            }
            // The request at the front of the input is to be run again, or waited for.
            _ => 0,
        }
    }

    /// The next bytes of an upload: how many were used, and whether that completes it.
    fn receive(&mut self, upload: &mut Upload, bytes: &[u8]) -> (usize, bool) {
        let (value, behind) = bytes.split_at(bytes.len().min(upload.left as usize));
        if let Some(id) = &upload.id
            && !value.is_empty()
            && self.env.store.append_upload(id, value, self.env.now) == Received::Dropped
        {
            upload.id = None;
        }
        upload.left -= value.len() as u32;
        let mut used = value.len();
        if upload.left == 0 {
            let wanted = upload.terminator_wanted - upload.terminator_len;
            for &byte in behind.iter().take(wanted.into()) {
                upload.terminator[usize::from(upload.terminator_len)] = byte;
                upload.terminator_len += 1;
                used += 1;
            }
        }
        (used, upload.left == 0 && upload.terminator_len == upload.terminator_wanted)
    }

    fn finish<S>(&mut self, conn: &Connection<S>, upload: Upload, begin: usize) {
        let Some(id) = upload.id else {
            let (key, cas, len) = (upload.style.key(), 0, upload.len as usize);
            Reply::new(upload.style.style(), self.out)
                .outcome(Status::NoMemoryToStore, &About { key, cas, len, stores: true });
            return;
        };
        let cx = self.context(conn, begin);
        let terminated = upload.terminator_wanted == 0 || upload.terminator == *b"\r\n";
        if self.observed {
            self.ask_for(conn.descriptor, None);
        }
        let (style, len) = (&upload.style, upload.len);
        commands::finish_upload(&cx, &mut self.session, id, terminated, style, len, self.out);
    }

    /// The line that a refused request is owed.
    fn answer<S>(&mut self, conn: &mut Connection<S>, due: &Due) {
        let mut reply = Reply::new(LOUD, self.out);
        match due {
            Due::Nothing => {}
            Due::Bytes(bytes) => self.out.extend_from_slice(bytes),
            Due::Error(error) => reply.error(*error),
            Due::ErrorThenClose(error) => {
                reply.error(*error);
                conn.phase = Phase::Flush;
            }
        }
    }
}
