//! Connections that live for one request: connect, get, close, some at a time, over and over; and
//! the start of a server until it answers its first.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};
use socket2::{Domain, Protocol, Socket, Type};

use crate::figures::Figures;
use crate::options::Options;
use crate::progress;
use crate::rounds::alternated;
use crate::server::{Kind, Room, Server};

/// The names of what is measured.
pub const CYCLES: &str = "connect, get, close: k/s";
pub const CYCLE_CPU: &str = "connect, get, close: CPU µs";
pub const START_MS: &str = "start to first reply: ms";

/// Cycles in flight.
const AT_ONCE: usize = 16;
/// A closed connection keeps its port for a minute: so many addresses of loopback have enough.
const SOURCES: u8 = 200;
/// How often each server is started.
const STARTS: usize = 10;
const SILENCE_MAX: Duration = Duration::from_secs(10);

/// A miss, which needs no filled server.
const REQUEST: &[u8] = b"get nothing-is-here\r\n";
const REPLY: &[u8] = b"END\r\n";

/// Connections that come and go, on every cache.
pub fn measure(options: &Options, figures: &mut Figures) -> io::Result<()> {
    let mut servers = Vec::new();
    for &kind in options.servers.iter().filter(|kind| kind.is_cache()) {
        let room = Room::new(64, options.connections);
        servers.push(Server::start_under(&[], kind, &options.programs, &room)?);
    }
    for (round, index) in alternated(options.rounds, servers.len()) {
        let server = &servers[index];
        progress::show(&format!("churn: round {} {}", round + 1, server.kind.name()));
        let mut churn = Churn::new(server.address)?;
        churn.run_until(Instant::now() + options.duration / 10)?;
        churn.cycles = 0;
        let (cpu, begun) = (server.cpu_time()?.total_ns, Instant::now());
        churn.run_until(begun + options.duration)?;
        let used = server.cpu_time()?.total_ns.saturating_sub(cpu);
        let cycles = churn.cycles.max(1) as f64;
        figures.add(CYCLES, server.kind, cycles / begun.elapsed().as_secs_f64() / 1e3);
        figures.add(CYCLE_CPU, server.kind, used as f64 / 1e3 / cycles);
    }
    Ok(())
}

/// Starts every cache some times, from nothing to the first answer.
pub fn measure_start(options: &Options, figures: &mut Figures) -> io::Result<()> {
    let kinds: Vec<Kind> = options.servers.iter().copied().filter(|kind| kind.is_cache()).collect();
    for (round, index) in alternated(STARTS, kinds.len()) {
        let kind = kinds[index];
        progress::show(&format!("start: {} {}", kind.name(), round + 1));
        let took = Server::time_start(kind, &options.programs)?;
        figures.add(START_MS, kind, took.as_secs_f64() * 1e3);
    }
    Ok(())
}

struct Churn {
    address: SocketAddr,
    poll: Poll,
    slots: Vec<Slot>,
    /// Source addresses are used in turn.
    source: u8,
    cycles: u64,
}

struct Slot {
    stream: TcpStream,
    sent: bool,
    received: usize,
}

impl Churn {
    fn new(address: SocketAddr) -> io::Result<Churn> {
        let mut churn =
            Churn { address, poll: Poll::new()?, slots: Vec::new(), source: 0, cycles: 0 };
        for index in 0..AT_ONCE {
            let slot = churn.open(index)?;
            churn.slots.push(slot);
        }
        Ok(churn)
    }

    fn open(&mut self, index: usize) -> io::Result<Slot> {
        self.source = self.source % SOURCES + 1;
        let from = SocketAddr::from((Ipv4Addr::new(127, 0, 1, self.source), 0));
        let socket = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP))?;
        socket.set_nonblocking(true)?;
        socket.set_tcp_nodelay(true)?;
        socket.bind(&from.into())?;
        match socket.connect(&self.address.into()) {
            // Whether it came about is seen when it can be written to.
            Err(error) if error.raw_os_error() == Some(libc::EINPROGRESS) => {}
            outcome => outcome?,
        }
        let mut stream = TcpStream::from_std(socket.into());
        let interest = Interest::READABLE | Interest::WRITABLE;
        self.poll.registry().register(&mut stream, Token(index), interest)?;
        Ok(Slot { stream, sent: false, received: 0 })
    }

    fn run_until(&mut self, end: Instant) -> io::Result<()> {
        let mut events = Events::with_capacity(AT_ONCE);
        while Instant::now() < end {
            self.poll.poll(&mut events, Some(SILENCE_MAX))?;
            if events.is_empty() {
                return Err(io::Error::other(format!("silence for {SILENCE_MAX:?}")));
            }
            for event in &events {
                let index = event.token().0;
                if self.slots[index].advance()? {
                    // The old stream is closed when the new one takes its place.
                    self.slots[index] = self.open(index)?;
                    self.cycles += 1;
                }
            }
        }
        Ok(())
    }
}

impl Slot {
    /// Goes as far as the socket lets it. True when the answer is whole.
    fn advance(&mut self) -> io::Result<bool> {
        let outcome = if self.sent { Ok(0) } else { self.stream.write(REQUEST) };
        match outcome {
            Ok(_) => self.sent = true,
            Err(error)
                if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::NotConnected) =>
            {
                return Ok(false);
            }
            Err(error) => return Err(error),
        }
        let mut reply = [0; 64];
        match self.stream.read(&mut reply) {
            Ok(0) => Err(io::Error::other("the server closed a connection")),
            Ok(len) => {
                self.received += len;
                Ok(self.received >= REPLY.len())
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(false),
            Err(error) => Err(error),
        }
    }
}
