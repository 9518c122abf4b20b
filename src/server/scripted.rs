//! A worker without thread, poll or socket: connections over scripted peers, for the stage's own
//! tests and for the fuzzer. Compiled for these only.
//!
//! Everything of a connection's life runs as in the daemon (reads, plan, visit, writes, settling),
//! but nobody carries out what the stage asks of its worker (`Effects`): what waits for another
//! thread waits for ever.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, IoSliceMut, Read, Write};

use slab::Slab;

use super::connection::Connection;
use super::env::{Effects, Env};
use super::limits::{OUTPUT_MARK, TURN_REQUESTS_MAX};
use super::stage::Stage;
use crate::ops::{config::Config, shared::Shared};
use crate::store::{Reader, Store};

/// Seconds on the clock, which stands still.
const NOW: u32 = crate::ops::shared::CLOCK_START;

/// A peer that sends a script in pieces and takes what it is given in pieces.
pub(super) struct Script {
    pub(super) input: Vec<u8>,
    /// Sent already.
    pub(super) at: usize,
    /// Bytes that reads return at most, in turn; a read gets at least one.
    pub(super) pieces: Vec<usize>,
    /// The stream ends behind the script; otherwise it goes on, silent.
    pub(super) ends: bool,
    /// Bytes that may be written before the socket is full.
    pub(super) room: usize,
    pub(super) written: Vec<u8>,
    pub(super) reads: usize,
    pub(super) writes: usize,
}

impl Read for Script {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let piece = self.pieces[self.reads % self.pieces.len()].max(1);
        self.reads += 1;
        let rest = &self.input[self.at..];
        let n = rest.len().min(piece).min(bytes.len());
        if n == 0 && !self.ends {
            return Err(ErrorKind::WouldBlock.into());
        }
        bytes[..n].copy_from_slice(&rest[..n]);
        self.at += n;
        Ok(n)
    }

    fn read_vectored(&mut self, slices: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        let mut joined = vec![0; slices.iter().map(|slice| slice.len()).sum()];
        let n = self.read(&mut joined)?;
        let mut rest = &joined[..n];
        for slice in slices {
            let part = rest.len().min(slice.len());
            slice[..part].copy_from_slice(&rest[..part]);
            rest = &rest[part..];
        }
        Ok(n)
    }
}

impl Write for Script {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.writes += 1;
        let n = bytes.len().min(self.room);
        if n == 0 {
            return Err(ErrorKind::WouldBlock.into());
        }
        self.room -= n;
        self.written.extend_from_slice(&bytes[..n]);
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What came of a conversation.
#[derive(Debug)]
pub struct Talk {
    /// Everything the peer was sent.
    pub replies: Vec<u8>,
    /// Bytes that the connection holds still: part of a request, or replies that were not taken.
    pub left: usize,
    /// Most bytes of replies that the connection owed its peer.
    pub owed_max: usize,
}

/// A worker, its store, and connections to it.
pub struct World {
    pub(super) config: Config,
    pub(super) shared: Shared,
    pub(super) store: Store,
    /// If the settings are for several workers: then it finds all shards open, before each stage.
    pub(super) reader: Option<Reader>,
    pub(super) stage: Stage,
    pub(super) conns: Slab<Connection<Script>>,
    pub(super) ready: VecDeque<usize>,
    pub(super) effects: Effects,
    pub(super) turn_requests: usize,
}

impl World {
    /// A daemon of these settings.
    pub fn new(config: Config) -> Self {
        let store = Store::new(config.store.clone()).expect("memory for a small store");
        World {
            shared: Shared::new(&config, 1_000_000),
            reader: store.reader(),
            store,
            config,
            stage: Stage::new(),
            conns: Slab::new(),
            ready: VecDeque::new(),
            effects: Effects::default(),
            turn_requests: TURN_REQUESTS_MAX,
        }
    }

    /// What it stores.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Everything `input` says, in pieces of these sizes, and everything it is answered. The peer
    /// takes `room` bytes at a time, and `total` in all.
    pub fn talk(&mut self, input: &[u8], pieces: &[usize], room: usize, total: usize) -> Talk {
        let token = self.connect(input, pieces);
        let (mut idle, mut owed_max) = (0, 0);
        // Two rounds without a byte moved: nothing more will come.
        while idle < 2 {
            let conn = &mut self.conns[token];
            conn.stream.room = room.min(total - conn.stream.written.len());
            let before = (conn.stream.at, conn.stream.written.len());
            self.wake(token);
            while !self.ready.is_empty() {
                self.stage();
                owed_max = owed_max.max(self.conns[token].output.len());
            }
            let conn = &self.conns[token];
            let moved = before != (conn.stream.at, conn.stream.written.len());
            idle = if moved { 0 } else { idle + 1 };
        }
        let mut conn = self.conns.remove(token);
        conn.release(&self.store);
        self.shared.workers[0].buffer_bytes.sub(u64::from(conn.owned));
        let left = conn.input.len() + conn.output.len();
        Talk { replies: conn.stream.written, left, owed_max }
    }

    /// A client.
    pub(super) fn connect(&mut self, input: &[u8], pieces: &[usize]) -> usize {
        let (input, pieces, room) = (input.to_vec(), pieces.to_vec(), usize::MAX);
        let (at, reads, writes, ends, written) = (0, 0, 0, false, Vec::new());
        let script = Script { input, at, pieces, ends, room, written, reads, writes };
        self.conns.insert(Connection::new(script, None, NOW, true, false))
    }

    /// An event: it may be read, and written if there is room.
    pub(super) fn wake(&mut self, token: usize) {
        let conn = &mut self.conns[token];
        conn.readable = true;
        conn.blocked = conn.stream.room == 0;
        if !std::mem::replace(&mut conn.queued, true) {
            self.ready.push_back(token);
        }
    }

    /// One stage.
    pub(super) fn stage(&mut self) {
        if self.reader.is_some() {
            self.store.open_shards();
        }
        let env = Env {
            store: &self.store,
            reader: self.reader.as_ref(),
            config: &self.config,
            shared: &self.shared,
            counters: &self.shared.workers[0],
            now: NOW,
            turn_requests: self.turn_requests,
            output_mark: OUTPUT_MARK,
            buffers_max: u64::MAX,
            log: false,
            watched: self.shared.watch.streams(),
            stopping: false,
        };
        self.stage.run(&env, &mut self.conns, &mut self.ready, &mut self.effects);
        self.ready.extend(self.effects.dumping.drain(..));
        let held: u64 = self.conns.iter().map(|(_, conn)| u64::from(conn.owned)).sum();
        assert_eq!(self.shared.workers[0].buffer_bytes.get(), held);
    }
}
