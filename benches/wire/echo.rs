//! The limit: a server that frames requests by their known length and answers fixed bytes.
//!
//! Each thread has one epoll and the staged loop that measured best: every ready connection of one
//! poll is read once (a short read means drained), then all answers are sent. No request is looked
//! at beyond its first byte, and that only where a workload has two kinds of request. What a cache
//! costs above this is its own; what is below is the kernel's. For large values, answers may
//! instead be made of [`Values`]. Threads share nothing: one accepts and deals out connections.

use std::io::{self, ErrorKind, Read, Write};
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::Duration;

use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token, Waker};

use crate::dialects;
use crate::server;
use crate::values::Values;
use crate::workloads::{FILLED, Kind, Verb, Workload};

/// Larger than any pipeline of small requests, and than a value of 100 KiB.
const READ_BYTES: usize = 256 << 10;
/// Answers up to this many bytes are prepared in one piece.
const PREPARED_BYTES: usize = 128 << 10;
/// A connection's first value lies this many values behind the one before's: digits of the golden
/// ratio, so that they all begin far apart in any number of values. Side by side, each would send
/// what another has just brought into the processor's cache, which no cache server could count on.
const APART: usize = 6_180_339;
/// Connections come: from the listener, or from the thread that has it.
const INTAKE: Token = Token(usize::MAX);

/// Serves `workload` by so many threads on an ephemeral loopback port, printed to standard output,
/// until standard input ends (as it does when the bench is gone).
pub fn serve(workload: &'static Workload, kind: server::Kind, threads: usize) -> io::Result<()> {
    let mut listener = TcpListener::bind(([127, 0, 0, 1], 0).into())?;
    println!("{}", listener.local_addr()?.port());
    std::thread::spawn(|| {
        let _ = io::stdin().read_to_end(&mut Vec::new());
        std::process::exit(0);
    });
    let poll = Poll::new()?;
    poll.registry().register(&mut listener, INTAKE, Interest::READABLE)?;
    let peers = (1..threads).map(|_| Peer::start(workload, kind)).collect::<io::Result<_>>()?;
    run(Echo::new(workload, kind), poll, Intake::Listener { listener, peers, accepted: 0 })
}

fn run(mut echo: Echo, mut poll: Poll, mut intake: Intake) -> io::Result<()> {
    let mut events = Events::with_capacity(1024);
    loop {
        let timeout = if echo.ready.is_empty() { None } else { Some(Duration::ZERO) };
        match poll.poll(&mut events, timeout) {
            // As when strace attaches.
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            outcome => outcome?,
        }
        for event in &events {
            match event.token() {
                INTAKE => {
                    while let Some(stream) = intake.next() {
                        echo.take(stream, &poll)?;
                    }
                }
                Token(index) => echo.ready.push(index),
            }
        }
        echo.stage();
    }
}

/// Where a thread's connections come from.
enum Intake {
    /// Those it accepts: every thread gets its share, in turn.
    Listener { listener: TcpListener, peers: Vec<Peer>, accepted: usize },
    /// Those it is given.
    Given(Receiver<TcpStream>),
}

impl Intake {
    /// The next one for this thread.
    fn next(&mut self) -> Option<TcpStream> {
        match self {
            Intake::Given(receiver) => receiver.try_recv().ok(),
            Intake::Listener { listener, peers, accepted } => loop {
                let (stream, _) = listener.accept().ok()?;
                let turn = *accepted % (peers.len() + 1);
                *accepted += 1;
                match turn.checked_sub(1) {
                    None => return Some(stream),
                    Some(peer) => peers[peer].give(stream),
                }
            },
        }
    }
}

/// Another thread of the server.
struct Peer {
    sender: Sender<TcpStream>,
    waker: Waker,
}

impl Peer {
    fn start(workload: &'static Workload, kind: server::Kind) -> io::Result<Peer> {
        let poll = Poll::new()?;
        let waker = Waker::new(poll.registry(), INTAKE)?;
        let (sender, receiver) = mpsc::channel();
        let echo = Echo::new(workload, kind);
        std::thread::spawn(|| run(echo, poll, Intake::Given(receiver)));
        Ok(Peer { sender, waker })
    }

    fn give(&self, stream: TcpStream) {
        // A thread that has ended closes what it had: the load sees that.
        if self.sender.send(stream).is_ok() {
            let _ = self.waker.wake();
        }
    }
}

/// A kind of request: how it begins, how long it is, what it is answered.
struct Frame {
    first: u8,
    request_len: usize,
    reply: Vec<u8>,
}

/// The kinds of request of a workload.
fn frames(workload: &Workload) -> Vec<Frame> {
    let (kinds, keys): (&[Kind], usize) = match workload.verb {
        Verb::Get => (&[Kind::Get], 1),
        Verb::Miss => (&[Kind::Miss], 1),
        Verb::Set => (&[Kind::Set], 1),
        Verb::Mix { .. } => (&[Kind::Get, Kind::Set], 1),
        Verb::MultiGet { keys } => (&[Kind::Get], keys),
    };
    let frame = |&kind| {
        let (dialect, value_len) = (workload.dialect, workload.key_set.value_len);
        let (mut request, mut reply) = (Vec::new(), Vec::new());
        dialects::push_request(dialect, kind, &vec![0; keys], value_len, &mut request);
        dialects::push_reply(dialect, kind, &vec![0; keys], FILLED, value_len, &mut reply);
        Frame { first: request[0], request_len: request.len(), reply }
    };
    kinds.iter().map(frame).collect()
}

struct Connection {
    stream: TcpStream,
    /// The frame that is partly here, and how many of its bytes are.
    frame: usize,
    have: usize,
    /// Bytes still to send of a run of equal answers, where there is only one frame.
    owed: usize,
    /// Answers sent whole so far, where they are made of values.
    sent: usize,
    /// Bytes still to send where there are several.
    unsent: Vec<u8>,
}

struct Echo {
    frames: Vec<Frame>,
    /// Copies of the first frame's answer, to be sent many at a time.
    prepared: Vec<u8>,
    /// What they are made of instead.
    values: Option<Values>,
    connections: Vec<Option<Connection>>,
    /// Connections with bytes to read or room to write.
    ready: Vec<usize>,
    input: Vec<u8>,
}

impl Echo {
    fn new(workload: &Workload, kind: server::Kind) -> Self {
        let frames = frames(workload);
        let copies = (PREPARED_BYTES / frames[0].reply.len()).max(1);
        let of_values = matches!(kind, server::Kind::Copy | server::Kind::Scatter);
        Echo {
            prepared: frames[0].reply.repeat(copies),
            frames,
            values: of_values.then(|| Values::new(workload, kind == server::Kind::Scatter)),
            connections: Vec::new(),
            ready: Vec::new(),
            input: vec![0; READ_BYTES],
        }
    }

    fn take(&mut self, mut stream: TcpStream, poll: &Poll) -> io::Result<()> {
        stream.set_nodelay(true)?;
        let free = self.connections.iter().position(Option::is_none);
        let index = free.unwrap_or_else(|| {
            self.connections.push(None);
            self.connections.len() - 1
        });
        let interest = Interest::READABLE | Interest::WRITABLE;
        poll.registry().register(&mut stream, Token(index), interest)?;
        let unsent = Vec::new();
        let sent = index.wrapping_mul(APART);
        let connection = Connection { stream, frame: 0, have: 0, owed: 0, sent, unsent };
        self.connections[index] = Some(connection);
        Ok(())
    }

    /// Reads from all that are ready, then answers them. An error closes.
    fn stage(&mut self) {
        let ready = std::mem::take(&mut self.ready);
        for &index in &ready {
            if self.read(index).is_err() {
                self.connections[index] = None;
            }
        }
        for &index in &ready {
            // It may have been closed just now.
            let Some(connection) = &mut self.connections[index] else { continue };
            let Connection { stream, owed, sent, .. } = connection;
            let outcome = match &mut self.values {
                Some(values) => values.send(stream, owed, sent),
                None => connection.send(&self.prepared, self.frames[0].reply.len()),
            };
            if outcome.is_err() {
                self.connections[index] = None;
            }
        }
    }

    /// Reads once and notes what is to be answered.
    fn read(&mut self, index: usize) -> io::Result<()> {
        // A slot may have been closed by an earlier event of the same poll.
        let Some(connection) = &mut self.connections[index] else { return Ok(()) };
        let len = match connection.stream.read(&mut self.input) {
            Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
            Ok(len) => len,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(error),
        };
        if len == self.input.len() {
            self.ready.push(index);
        }
        if let [only] = &self.frames[..] {
            let have = connection.have + len;
            connection.owed += have / only.request_len * only.reply.len();
            connection.have = have % only.request_len;
        } else {
            connection.frame_by_first_byte(&self.frames, &self.input[..len]);
        }
        Ok(())
    }
}

impl Connection {
    /// Walks over requests of several kinds, appending the answer of each that ends here.
    fn frame_by_first_byte(&mut self, frames: &[Frame], input: &[u8]) {
        let mut rest = input;
        while let Some(&first) = rest.first() {
            if self.have == 0 {
                let known = frames.iter().position(|frame| frame.first == first);
                self.frame = known.expect("only the bench speaks to its echo server");
            }
            let frame = &frames[self.frame];
            let missing = frame.request_len - self.have;
            if rest.len() < missing {
                self.have += rest.len();
                return;
            }
            self.unsent.extend_from_slice(&frame.reply);
            self.have = 0;
            rest = &rest[missing..];
        }
    }

    /// Sends what the socket takes. What is owed are the last bytes of a run of answers of
    /// `reply_len`, of which `prepared` is a number of copies.
    fn send(&mut self, prepared: &[u8], reply_len: usize) -> io::Result<()> {
        loop {
            let start = (reply_len - self.owed % reply_len) % reply_len;
            let bytes = match self.owed {
                0 => &self.unsent[..],
                owed => &prepared[start..prepared.len().min(start + owed)],
            };
            if bytes.is_empty() {
                return Ok(());
            }
            match self.stream.write(bytes) {
                Ok(len) if self.owed > 0 => self.owed -= len,
                Ok(len) => drop(self.unsent.drain(..len)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
    }
}
