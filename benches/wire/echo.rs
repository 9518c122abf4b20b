//! The limit: a server that frames requests by their known length and answers fixed bytes.
//!
//! One thread, one epoll, the staged loop that measured best: every ready connection of one poll
//! is read once (a short read means drained), then all answers are sent. No request is looked at
//! beyond its first byte, and that only where a workload has two kinds of request. What a cache
//! costs above this is its own; what is below is the kernel's.

use std::io::{self, ErrorKind, Read, Write};
use std::ops::Range;
use std::time::Duration;

use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};

use crate::workloads::{self, FILLED, Kind, Verb, Workload};

/// Larger than any pipeline of small requests, and than a value of 100 KiB.
const READ_BYTES: usize = 256 << 10;
/// Answers up to this many bytes are prepared in one piece.
const PREPARED_BYTES: usize = 128 << 10;
const LISTENER: Token = Token(usize::MAX);

/// Serves `workload` on an ephemeral loopback port, printed to standard output, until standard
/// input ends (as it does when the bench is gone).
pub fn serve(workload: &Workload) -> io::Result<()> {
    let mut listener = TcpListener::bind(([127, 0, 0, 1], 0).into())?;
    println!("{}", listener.local_addr()?.port());
    std::thread::spawn(|| {
        let _ = io::stdin().read_to_end(&mut Vec::new());
        std::process::exit(0);
    });
    let mut poll = Poll::new()?;
    poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
    let mut events = Events::with_capacity(1024);
    let mut echo = Echo::new(workload);
    loop {
        let timeout = if echo.ready.is_empty() { None } else { Some(Duration::ZERO) };
        match poll.poll(&mut events, timeout) {
            // As when strace attaches.
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            outcome => outcome?,
        }
        for event in &events {
            match event.token() {
                LISTENER => echo.accept(&listener, &poll)?,
                Token(index) => echo.ready.push(index),
            }
        }
        echo.stage();
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
        let value_len = workload.key_set.value_len;
        let (mut request, mut reply) = (Vec::new(), Vec::new());
        workloads::push_request(kind, &vec![0; keys], value_len, &mut request);
        workloads::push_reply(kind, &vec![0; keys], FILLED, value_len, &mut reply);
        Frame { first: request[0], request_len: request.len(), reply }
    };
    kinds.iter().map(frame).collect()
}

struct Connection {
    stream: TcpStream,
    /// The frame that is partly here, and how many of its bytes are.
    frame: usize,
    have: usize,
    /// Answers the socket did not take yet.
    unsent: Vec<u8>,
}

/// Where the answer to one connection stands until it is sent.
enum Answer {
    Prepared(Range<usize>),
    Output(Range<usize>),
}

struct Echo {
    frames: Vec<Frame>,
    /// Copies of the first frame's answer, to be sent many at a time.
    prepared: Vec<u8>,
    connections: Vec<Option<Connection>>,
    /// Connections with bytes to read or room to write.
    ready: Vec<usize>,
    answers: Vec<(usize, Answer)>,
    input: Vec<u8>,
    output: Vec<u8>,
}

impl Echo {
    fn new(workload: &Workload) -> Self {
        let frames = frames(workload);
        let copies = (PREPARED_BYTES / frames[0].reply.len()).max(1);
        Echo {
            prepared: frames[0].reply.repeat(copies),
            frames,
            connections: Vec::new(),
            ready: Vec::new(),
            answers: Vec::new(),
            input: vec![0; READ_BYTES],
            output: Vec::new(),
        }
    }

    fn accept(&mut self, listener: &TcpListener, poll: &Poll) -> io::Result<()> {
        while let Ok((mut stream, _)) = listener.accept() {
            stream.set_nodelay(true)?;
            let free = self.connections.iter().position(Option::is_none);
            let index = free.unwrap_or_else(|| {
                self.connections.push(None);
                self.connections.len() - 1
            });
            let interest = Interest::READABLE | Interest::WRITABLE;
            poll.registry().register(&mut stream, Token(index), interest)?;
            let connection = Connection { stream, frame: 0, have: 0, unsent: Vec::new() };
            self.connections[index] = Some(connection);
        }
        Ok(())
    }

    /// Reads from all that are ready, then answers them.
    fn stage(&mut self) {
        self.output.clear();
        let ready = std::mem::take(&mut self.ready);
        for &index in &ready {
            if self.read(index).is_err() {
                self.connections[index] = None;
            }
        }
        let mut answers = std::mem::take(&mut self.answers);
        for (index, answer) in answers.drain(..) {
            let bytes = match answer {
                Answer::Prepared(range) => &self.prepared[range],
                Answer::Output(range) => &self.output[range],
            };
            let Some(connection) = &mut self.connections[index] else { continue };
            if send(connection, bytes).is_err() {
                self.connections[index] = None;
            }
        }
        self.answers = answers;
    }

    /// Sends what is left, reads once, and notes what is to be answered. An error closes.
    fn read(&mut self, index: usize) -> io::Result<()> {
        // A slot may have been closed by an earlier event of the same poll.
        let Some(connection) = &mut self.connections[index] else { return Ok(()) };
        if !connection.unsent.is_empty() {
            let unsent = std::mem::take(&mut connection.unsent);
            send(connection, &unsent)?;
        }
        let len = match connection.stream.read(&mut self.input) {
            Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
            Ok(len) => len,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(error),
        };
        if len == self.input.len() {
            self.ready.push(index);
        }
        let answer = match &self.frames[..] {
            [only] => {
                let count = (connection.have + len) / only.request_len;
                connection.have = (connection.have + len) % only.request_len;
                let reply_len = count * only.reply.len();
                if reply_len <= self.prepared.len() {
                    Answer::Prepared(0..reply_len)
                } else {
                    let start = self.output.len();
                    self.output.extend((0..count).flat_map(|_| &only.reply));
                    Answer::Output(start..self.output.len())
                }
            }
            several => {
                let start = self.output.len();
                frame_by_first_byte(several, connection, &self.input[..len], &mut self.output);
                Answer::Output(start..self.output.len())
            }
        };
        self.answers.push((index, answer));
        Ok(())
    }
}

/// Walks over requests of several kinds, appending the answer of each that ends here.
fn frame_by_first_byte(frames: &[Frame], at: &mut Connection, input: &[u8], out: &mut Vec<u8>) {
    let mut rest = input;
    while let Some(&first) = rest.first() {
        if at.have == 0 {
            let known = frames.iter().position(|frame| frame.first == first);
            at.frame = known.expect("only the bench speaks to its echo server");
        }
        let frame = &frames[at.frame];
        let missing = frame.request_len - at.have;
        if rest.len() < missing {
            at.have += rest.len();
            return;
        }
        out.extend_from_slice(&frame.reply);
        at.have = 0;
        rest = &rest[missing..];
    }
}

/// Sends what the socket takes and keeps the rest, in order.
fn send(connection: &mut Connection, bytes: &[u8]) -> io::Result<()> {
    let mut sent = 0;
    while connection.unsent.is_empty() && sent < bytes.len() {
        match connection.stream.write(&bytes[sent..]) {
            Ok(len) => sent += len,
            Err(error) if error.kind() == ErrorKind::WouldBlock => break,
            Err(error) => return Err(error),
        }
    }
    connection.unsent.extend_from_slice(&bytes[sent..]);
    Ok(())
}
