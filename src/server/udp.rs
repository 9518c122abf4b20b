//! Requests in datagrams. A worker runs them like any others: a datagram is a short connection of
//! its own, whose stream is the payload, and whose replies go back as one numbered series.
//!
//! UDP has no handshake: whoever claims to be the sender gets the answer. So what one address is
//! sent is limited (`budget.rs`), and a datagram that comes from a port of our own kind is not
//! answered, lest two daemons answer each other's errors for ever.
//!
//! A request is whole in its datagram or it is dropped. Nothing is kept between datagrams.

mod budget;

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::sync::Arc;

use mio::net::UdpSocket;
use mio::{Interest, Registry, Token};
use slab::Slab;

pub(super) use budget::Budget;

use super::connection::{Connection, Phase, codec};
use super::env::{Effects, Env};
use super::inbox::INBOX;
use super::limits::{DATAGRAM_REPLY_MAX, DATAGRAM_REQUEST_MAX, DATAGRAMS_MAX};
use super::stage::Stage;
use crate::ops::config::Config;
use crate::ops::watch::Log;
use crate::protocol::{Protocol, datagram};

/// What is said instead of an answer that would be too long.
const TOO_LONG: &[u8] = b"SERVER_ERROR answer too long for UDP\r\n";

/// What is said of requests that wait for something, or go on for ever.
const NOT_HERE: &[u8] = b"SERVER_ERROR not available over UDP\r\n";

/// One worker's part of UDP.
pub(super) struct Udp {
    endpoints: Vec<Endpoint>,
    budget: Arc<Budget>,
    protocol: Option<Protocol>,
    /// Where datagrams are received.
    buffer: Box<[u8]>,
    exchanges: Slab<Connection<Exchange>>,
    ready: VecDeque<usize>,
    effects: Effects,
}

/// A socket, which all workers share.
struct Endpoint {
    socket: UdpSocket,
    /// Its own port.
    port: u16,
    /// It may hold datagrams.
    ready: bool,
}

/// A datagram as a stream: its payload can be read, its answer is collected.
#[derive(Debug)]
struct Exchange {
    id: u16,
    from: SocketAddr,
    payload: Vec<u8>,
    /// Bytes of the payload that were read.
    at: usize,
    answer: Vec<u8>,
}

impl Read for Exchange {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let rest = &self.payload[self.at..];
        let n = rest.len().min(bytes.len());
        if n == 0 {
            return Err(ErrorKind::WouldBlock.into());
        }
        bytes[..n].copy_from_slice(&rest[..n]);
        self.at += n;
        Ok(n)
    }
}

impl Write for Exchange {
    /// All of it or nothing: to take less is to say that there is no more room.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.answer.len() + bytes.len() > DATAGRAM_REPLY_MAX {
            return Err(ErrorKind::WouldBlock.into());
        }
        self.answer.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The token of a worker's `n`th UDP socket: those of connections come from 0 up.
fn token(n: usize) -> Token {
    Token(INBOX.0 - 1 - n)
}

impl Udp {
    /// Serve these sockets, one descriptor each of our own, once an event of `registry` says so.
    /// `None`: there are none.
    pub(super) fn new(
        sockets: &[std::net::UdpSocket],
        budget: &Arc<Budget>,
        config: &Config,
        registry: &Registry,
    ) -> io::Result<Option<Box<Udp>>> {
        if sockets.is_empty() {
            return Ok(None);
        }
        let mut endpoints = Vec::new();
        for (n, socket) in sockets.iter().enumerate() {
            let port = socket.local_addr()?.port();
            let mut socket = UdpSocket::from_std(socket.try_clone()?);
            registry.register(&mut socket, token(n), Interest::READABLE)?;
            endpoints.push(Endpoint { socket, port, ready: false });
        }
        Ok(Some(Box::new(Udp {
            endpoints,
            budget: Arc::clone(budget),
            protocol: codec(config.dialect),
            buffer: vec![0; DATAGRAM_REQUEST_MAX].into_boxed_slice(),
            exchanges: Slab::new(),
            ready: VecDeque::new(),
            effects: Effects { log: Log::new(config.worker_logbuf), ..Effects::default() },
        })))
    }

    /// An event of no connection: one of our sockets may hold datagrams.
    pub(super) fn on_event(&mut self, event: Token) {
        let n = (INBOX.0 - 1).wrapping_sub(event.0);
        if let Some(endpoint) = self.endpoints.get_mut(n) {
            endpoint.ready = true;
        }
    }

    /// There may be datagrams that no event will tell of.
    pub(super) fn is_ready(&self) -> bool {
        self.endpoints.iter().any(|endpoint| endpoint.ready)
    }

    /// Serve some datagrams of each socket. Whether the daemon is to stop, and gracefully.
    pub(super) fn serve(&mut self, env: &Env<'_>, stage: &mut Stage) -> Option<bool> {
        let mut shutdown = None;
        for n in 0..self.endpoints.len() {
            if !self.endpoints[n].ready || env.stopping {
                continue;
            }
            self.receive(env, n);
            while !self.ready.is_empty() {
                stage.run(env, &mut self.exchanges, &mut self.ready, &mut self.effects);
                self.ready.extend(self.effects.dumping.drain(..));
            }
            for (_, exchange) in self.exchanges.iter_mut() {
                let answer = conclude(env, exchange);
                send(env, &self.endpoints[n], &self.budget, &exchange.stream, &answer);
            }
            self.exchanges.clear();
            shutdown = shutdown.or(self.effects.shutdown);
            if !self.effects.log.is_empty() {
                self.effects.log.publish(&env.shared.watch);
            }
            // The rest concerns connections that are gone.
            let log = std::mem::take(&mut self.effects.log);
            self.effects = Effects { log, ..Effects::default() };
        }
        shutdown
    }

    /// Take datagrams in; those that are to be answered become exchanges.
    fn receive(&mut self, env: &Env<'_>, n: usize) {
        let endpoint = &mut self.endpoints[n];
        if let Some(moment) = env.moment() {
            self.effects.log.set_moment(moment);
        }
        for _ in 0..DATAGRAMS_MAX {
            let (len, from) = match endpoint.socket.recv_from(&mut self.buffer) {
                Ok(received) => received,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    endpoint.ready = false;
                    return;
                }
                // An earlier answer of ours was refused, for instance.
                Err(_) => continue,
            };
            env.counters.bytes_read.add(len as u64);
            let echo = from.port() == endpoint.port || from.port() == 0;
            let Some(frame) = datagram::parse(&self.buffer[..len]).filter(|_| !echo) else {
                env.counters.udp_malformed.add(1);
                continue;
            };
            if !self.budget.allows(from.ip(), env.now) {
                env.counters.udp_limited.add(1);
                continue;
            }
            let (id, payload) = (frame.id, frame.payload.to_vec());
            let exchange = Exchange { id, from, payload, at: 0, answer: Vec::new() };
            let mut conn = Connection::new(exchange, self.protocol, env.now, false, false);
            conn.descriptor = endpoint.socket.as_raw_fd();
            (conn.readable, conn.queued) = (true, true);
            self.ready.push_back(self.exchanges.insert(conn));
        }
    }
}

/// All that could be answered was; what is to be sent? What the exchange holds is given back.
fn conclude(env: &Env<'_>, conn: &mut Connection<Exchange>) -> Vec<u8> {
    let mut answer = std::mem::take(&mut conn.stream.answer);
    let is_text = !conn.stream.payload.starts_with(&[0x80]);
    let excuse = match &conn.phase {
        Phase::Watch { watcher, .. } => {
            env.shared.watch.remove(watcher);
            Some(NOT_HERE)
        }
        Phase::Parked(_) | Phase::Login(_) => Some(NOT_HERE),
        _ if conn.blocked || !conn.output.is_empty() => Some(TOO_LONG),
        _ => None,
    };
    if let Some(excuse) = excuse {
        answer.clear();
        answer.extend_from_slice(if is_text { excuse } else { b"" });
    }
    conn.release(env.store);
    env.counters.buffer_bytes.sub(u64::from(conn.owned));
    answer
}

/// Send an answer as a series of datagrams. What the socket has no room for is lost, as in any
/// network.
fn send(env: &Env<'_>, at: &Endpoint, budget: &Budget, to: &Exchange, answer: &[u8]) {
    let mut bytes = 0;
    let mut packet = [0; datagram::DATAGRAM_MAX];
    for (header, part) in datagram::split(to.id, answer) {
        let len = header.len() + part.len();
        packet[..header.len()].copy_from_slice(&header);
        packet[header.len()..len].copy_from_slice(part);
        bytes += budget::cost(len);
        if at.socket.send_to(&packet[..len], to.from).is_err() {
            break;
        }
    }
    budget.charge(to.from.ip(), bytes, env.now);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_takes_all_or_nothing() {
        let from = SocketAddr::from(([127, 0, 0, 1], 1));
        let mut exchange = Exchange { id: 1, from, payload: vec![], at: 0, answer: vec![] };
        let chunk = vec![b'v'; DATAGRAM_REPLY_MAX / 16];
        for _ in 0..15 {
            assert_eq!(exchange.write(&chunk).unwrap(), chunk.len());
        }
        let error = exchange.write(&[chunk.clone(), chunk.clone()].concat()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::WouldBlock);
        assert_eq!(exchange.write(&chunk).unwrap(), chunk.len());
        assert_eq!(exchange.answer.len(), DATAGRAM_REPLY_MAX);
        assert!(exchange.write(b"v").is_err());
    }
}
