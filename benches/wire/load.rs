//! The load: connections that each send a batch and await its answer. At saturation the next one
//! follows at once; [`crate::paced`] sends when a batch is due.
//!
//! One thread, one epoll. Requests are prepared bytes, answers are counted and their last bytes
//! compared; [`crate::client`] has checked the rest before. An answer of another length than
//! expected ends the run with an error: it would mean that the server did other work.

use std::io::{self, ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};

use crate::histogram::Histogram;
use crate::script::Script;
use crate::server::{self, CpuTime, Server};

const READ_BYTES: usize = 256 << 10;
/// Runs before the clock starts, so that caches, buffers and congestion windows are warm.
pub const WARM_UP: Duration = Duration::from_millis(150);
/// A server from which nothing comes for so long has failed.
const SILENCE_MAX: Duration = Duration::from_secs(10);

/// What one run measured.
#[derive(Debug, Clone, Copy)]
pub struct Sample {
    /// Requests answered within the time, and that time.
    pub requests: u64,
    pub seconds: f64,
    /// Processor time of the server per request, in microseconds, and the user part of it, 0 to 1.
    pub cpu_us: f64,
    pub user_share: f64,
    /// Latency of a batch at the median, 99 %, 99.9 % and worst, in microseconds.
    pub p50_us: f64,
    pub p99_us: f64,
    pub p999_us: f64,
    pub max_us: f64,
    /// Share of the time that the load generator was busy: near 1 it may be what limits.
    pub load_busy: f64,
    /// Share of the time that a paced load generator was kept from its work, and did not count.
    pub load_away: f64,
}

impl Sample {
    pub fn per_second(&self) -> f64 {
        self.requests as f64 / self.seconds
    }

    /// Processor time of the server per request in user space, in microseconds.
    pub fn user_us(&self) -> f64 {
        self.cpu_us * self.user_share
    }

    /// The same in the kernel.
    pub fn system_us(&self) -> f64 {
        self.cpu_us - self.user_us()
    }

    /// Share of one core that the server used.
    pub fn core_share(&self) -> f64 {
        self.cpu_us * self.per_second() / 1e6
    }
}

/// Runs `script` from its beginning for `duration` after a warm-up: every connection sends its next
/// batch when the last one is answered.
pub fn run(
    server: &Server,
    script: &Script,
    connections: usize,
    duration: Duration,
) -> io::Result<Sample> {
    let mut load = Load::connect(server.address, script, connections)?;
    measure(server, &mut load, (WARM_UP, duration), Load::run_until)
}

/// Lets `run` play until an instant given, once to warm up and once by the clock: for so long each.
pub fn measure<'a>(
    server: &Server,
    load: &mut Load<'a>,
    (warm_up, duration): (Duration, Duration),
    mut run: impl FnMut(&mut Load<'a>, Instant) -> io::Result<()>,
) -> io::Result<Sample> {
    run(load, Instant::now() + warm_up)?;
    load.requests = 0;
    load.latency = Histogram::default();
    load.away = Duration::ZERO;
    let (cpu, own, begun) = (server.cpu_time()?, server::own_cpu_ns(), Instant::now());
    run(load, begun + duration)?;
    let (wall, own_ns) = (begun.elapsed(), server::own_cpu_ns() - own);
    let used = difference(server.cpu_time()?, cpu);
    let ticks = (used.user_ticks + used.system_ticks).max(1);
    let microseconds = |part| load.latency.quantile(part) as f64 / 1e3;
    Ok(Sample {
        requests: load.requests,
        seconds: wall.as_secs_f64(),
        cpu_us: used.total_ns as f64 / 1e3 / load.requests.max(1) as f64,
        user_share: used.user_ticks as f64 / ticks as f64,
        p50_us: microseconds(0.5),
        p99_us: microseconds(0.99),
        p999_us: microseconds(0.999),
        max_us: load.latency.max() as f64 / 1e3,
        load_busy: own_ns as f64 / wall.as_nanos() as f64,
        load_away: load.away.as_secs_f64() / wall.as_secs_f64(),
    })
}

fn difference(after: CpuTime, before: CpuTime) -> CpuTime {
    CpuTime {
        total_ns: after.total_ns.saturating_sub(before.total_ns),
        user_ticks: after.user_ticks - before.user_ticks,
        system_ticks: after.system_ticks - before.system_ticks,
    }
}

struct Connection {
    stream: TcpStream,
    /// The batch in flight, as an index into the script, and its bytes not yet sent.
    batch: usize,
    unsent: usize,
    /// Bytes of its answer not yet here.
    awaited: usize,
    /// When it was sent, or should have been.
    since: Instant,
}

/// A set of connections at work on one script.
pub struct Load<'a> {
    script: &'a Script,
    poll: Poll,
    events: Events,
    connections: Vec<Connection>,
    input: Vec<u8>,
    next_batch: usize,
    /// Requests answered so far.
    pub requests: u64,
    latency: Histogram,
    away: Duration,
}

impl<'a> Load<'a> {
    /// Connects; nothing is sent before `run_until`.
    pub fn connect(address: SocketAddr, script: &'a Script, count: usize) -> io::Result<Self> {
        let poll = Poll::new()?;
        let mut connections = Vec::with_capacity(count);
        for index in 0..count {
            let stream = std::net::TcpStream::connect(address)?;
            stream.set_nodelay(true)?;
            stream.set_nonblocking(true)?;
            let mut stream = TcpStream::from_std(stream);
            let interest = Interest::READABLE | Interest::WRITABLE;
            poll.registry().register(&mut stream, Token(index), interest)?;
            let since = Instant::now();
            connections.push(Connection { stream, batch: 0, unsent: 0, awaited: 0, since });
        }
        Ok(Load {
            script,
            poll,
            events: Events::with_capacity(1024),
            connections,
            input: vec![0; READ_BYTES],
            next_batch: 0,
            requests: 0,
            latency: Histogram::default(),
            away: Duration::ZERO,
        })
    }

    /// Keeps every connection busy until `end`. Leaves batches in flight, so it can go on.
    pub fn run_until(&mut self, end: Instant) -> io::Result<()> {
        for index in 0..self.connections.len() {
            if self.is_idle(index) {
                self.begin_batch(index, Instant::now())?;
            }
        }
        while Instant::now() < end {
            if !self.turn(SILENCE_MAX, &mut Load::begin_batch)? {
                return Err(self.silent());
            }
        }
        Ok(())
    }

    /// Awaits what is in flight.
    pub fn settle(&mut self) -> io::Result<()> {
        while (0..self.len()).any(|index| !self.is_idle(index)) {
            if !self.turn(SILENCE_MAX, &mut |_, _, _| Ok(()))? {
                return Err(self.silent());
            }
        }
        Ok(())
    }

    pub fn len(&self) -> usize {
        self.connections.len()
    }

    /// Requests a batch.
    pub fn depth(&self) -> usize {
        self.script.depth
    }

    /// Has the connection nothing in flight?
    pub fn is_idle(&self, index: usize) -> bool {
        self.connections[index].awaited == 0
    }

    /// Leaves so much out of the latency of everything in flight: the generator was not there.
    pub fn forgive(&mut self, away: Duration) {
        for connection in self.connections.iter_mut().filter(|connection| connection.awaited > 0) {
            connection.since += away;
        }
        self.away += away;
    }

    /// Bytes of the first batch and its answer.
    pub fn batch_bytes(&self) -> usize {
        let first = &self.script.batches[0];
        first.end - first.start + first.reply_len
    }

    /// Waits this long for anything to happen, and answers it; `next` is told which connection has
    /// its whole answer, and when. False if nothing happened.
    pub fn turn(
        &mut self,
        timeout: Duration,
        next: &mut impl FnMut(&mut Self, usize, Instant) -> io::Result<()>,
    ) -> io::Result<bool> {
        let mut events = std::mem::replace(&mut self.events, Events::with_capacity(0));
        self.poll.poll(&mut events, Some(timeout))?;
        for event in &events {
            let index = event.token().0;
            if self.connections[index].unsent > 0 {
                self.send(index)?;
            }
            self.receive(index, next)?;
        }
        self.events = events;
        Ok(!self.events.is_empty())
    }

    /// Sends the next batch over a connection that is idle; its latency counts from `since`.
    pub fn begin_batch(&mut self, index: usize, since: Instant) -> io::Result<()> {
        let batch = &self.script.batches[self.next_batch];
        let connection = &mut self.connections[index];
        connection.batch = self.next_batch;
        connection.unsent = batch.end - batch.start;
        connection.awaited = batch.reply_len;
        connection.since = since;
        self.next_batch = (self.next_batch + 1) % self.script.batches.len();
        self.send(index)
    }

    fn send(&mut self, index: usize) -> io::Result<()> {
        let connection = &mut self.connections[index];
        let end = self.script.batches[connection.batch].end;
        while connection.unsent > 0 {
            let rest = &self.script.bytes[end - connection.unsent..end];
            match connection.stream.write(rest) {
                Ok(len) => connection.unsent -= len,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Reads until a short read, or until the answer is whole: nothing can follow it.
    fn receive(
        &mut self,
        index: usize,
        next: &mut impl FnMut(&mut Self, usize, Instant) -> io::Result<()>,
    ) -> io::Result<()> {
        loop {
            let connection = &mut self.connections[index];
            let len = match connection.stream.read(&mut self.input) {
                Ok(0) => return Err(io::Error::other("the server closed a connection")),
                Ok(len) => len,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            };
            let batch = &self.script.batches[connection.batch];
            let whole = connection.awaited == len;
            let as_known = |tail: [u8; 4]| tail.ends_with(last(&self.input[..len]));
            if connection.awaited < len || (whole && !batch.tail.is_none_or(as_known)) {
                return Err(self.unexpected(len));
            }
            connection.awaited -= len;
            if whole {
                let now = Instant::now();
                self.latency.add((now - connection.since).as_nanos() as u64);
                self.requests += self.script.depth as u64;
                return next(self, index, now);
            }
            if len < self.input.len() {
                return Ok(());
            }
        }
    }

    fn unexpected(&self, len: usize) -> io::Error {
        let end = &self.input[len.saturating_sub(80)..len];
        io::Error::other(format!("an answer of unexpected length ends {}", end.escape_ascii()))
    }

    fn silent(&self) -> io::Error {
        let waiting = self.connections.iter().find(|connection| connection.awaited > 0);
        let (awaited, unsent) = waiting.map_or((0, 0), |c| (c.awaited, c.unsent));
        io::Error::other(format!(
            "silence for {SILENCE_MAX:?}; a connection awaits {awaited} bytes, {unsent} are unsent"
        ))
    }
}

/// The last bytes, as many as a tail has if there are so many.
fn last(input: &[u8]) -> &[u8] {
    &input[input.len().saturating_sub(4)..]
}
