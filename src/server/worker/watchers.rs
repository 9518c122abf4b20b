//! Connections that watch: their lines are sent at a steady pace, whatever happens; and what
//! watchers are told of connections.

use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use super::{Worker, env};
use crate::ops::watch::{Peer, Streams};
use crate::server::clock::{self, Limit};
use crate::server::connection::{Connection, Overdue, Phase};
use crate::server::limits::WATCH_PERIOD_MS;
use crate::server::stage::settle;
use crate::server::stream::Stream;

/// Why a connection is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Gone {
    /// Its client has left, or was told all it asked for.
    Normal,
    /// It failed, or the client did.
    Error,
    /// It asked for nothing for too long.
    Idle,
    /// The daemon stops.
    Shutdown,
}

impl Worker {
    /// Send watchers what has come for them, once a period. One that still has lines to read
    /// leaves its next ones where they are.
    pub(super) fn feed_watchers(&mut self) {
        if self.watchers.is_empty() || !self.feed_at.passed() {
            return;
        }
        self.feed_at = Limit::after_ms(WATCH_PERIOD_MS);
        let common = Arc::clone(&self.common);
        let counters = &common.shared.workers[self.index];
        let now = common.shared.now.load(Relaxed);
        let env = env((&common, self.reader.as_ref()), counters, now, self.stop.is_some());
        let mut lines = std::mem::take(&mut self.lines);
        for &token in &self.watchers {
            let conn = &mut self.conns[token];
            let Phase::Watch { watcher, .. } = &conn.phase else { continue };
            if conn.doomed || !conn.output.is_empty() {
                continue;
            }
            watcher.take(&mut lines);
            if !lines.is_empty() {
                conn.send(&lines, now, counters);
                settle(&env, conn, token, &mut self.ready, &mut self.effects);
            }
        }
        lines.clear();
        self.lines = lines;
        self.carry_out(&common, counters);
    }

    /// Lines of this worker, to whom they concern.
    pub(super) fn publish(&mut self) {
        if !self.effects.log.is_empty() {
            self.effects.log.publish(&self.common.shared.watch);
        }
    }

    /// A connection has come.
    pub(super) fn note_open(&mut self, token: usize) {
        let watch = &self.common.shared.watch;
        if watch.streams().meets(Streams::CONNEVENTS) {
            self.effects.log.set_moment(clock::unix_moment());
            let stream = &self.conns[token].stream;
            show(stream, |peer| self.effects.log.connected(watch, peer));
        }
        self.publish();
    }

    /// A connection goes; if it watched, it does so no longer.
    pub(super) fn note_close(&mut self, token: usize, conn: &Connection<Stream>, why: Gone) {
        let watch = &self.common.shared.watch;
        if let Phase::Watch { watcher, .. } = &conn.phase {
            watch.remove(watcher);
            self.watchers.retain(|&present| present != token);
        }
        if watch.streams().meets(Streams::CONNEVENTS) {
            let reason = match why {
                _ if self.stop.is_some() => "shutdown",
                Gone::Normal if conn.broken => "error",
                Gone::Normal => "normal",
                Gone::Error => "error",
                Gone::Idle => "idle_timeout",
                Gone::Shutdown => "shutdown",
            };
            self.effects.log.set_moment(clock::unix_moment());
            show(&conn.stream, |peer| self.effects.log.closed(watch, peer, reason));
        }
        self.publish();
    }
}

/// A connection's other end, as watchers see it.
fn show(stream: &Stream, to: impl FnOnce(&Peer<'_>)) {
    let descriptor = stream.as_raw_fd();
    match stream.peer() {
        Some(address) => {
            to(&Peer { ip: &address.ip(), port: address.port(), transport: "tcp", descriptor })
        }
        // A peer that broke the connection has no address any more.
        None if stream.is_tcp() => {
            to(&Peer { ip: &"unknown", port: 0, transport: "tcp", descriptor });
        }
        None => to(&Peer { ip: &"unix", port: 0, transport: "local", descriptor }),
    }
}

impl From<Overdue> for Gone {
    fn from(why: Overdue) -> Self {
        match why {
            Overdue::Idle => Gone::Idle,
            Overdue::Slow => Gone::Error,
            Overdue::Drained => Gone::Normal,
        }
    }
}
