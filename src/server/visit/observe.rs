//! What operators see of a visit: requests in the log (-vv), and what they did, for watchers.
//!
//! The store reports what happened; whose request it was is known here. So before a step is run,
//! what the one before it did is written down under its connection's name.

use super::Visit;
use crate::ops::watch::{Asker, Streams};
use crate::protocol::{Command, Stream, Style, Wanted};
use crate::server::connection::{Connection, Phase};
use crate::server::limits::LOG_LINE_MAX;
use crate::server::plan::{Step, What};

/// The end of a reply that flushes: a `watch` behind it is not pipelined.
const FLUSHED: &[u8] = b"MN\r\n";

impl Visit<'_, '_> {
    /// A step of `conn`, whose bytes these are, is about to be run.
    #[cold]
    pub(super) fn look_at<S>(&mut self, conn: &Connection<S>, step: &Step<'_>, bytes: &[u8]) {
        if self.env.log && !matches!(step.what, What::Knock(_)) {
            log_step(bytes);
        }
        let delete = match &step.what {
            &What::Request(number) => {
                let request = &self.plan.requests[number as usize];
                match request.style {
                    _ if !matches!(request.command, Command::Delete(_)) => None,
                    Style::Text { .. } => Some("delete"),
                    Style::Meta(_) => Some("md"),
                    Style::Binary(_) => None,
                }
            }
            _ => None,
        };
        self.ask_for(conn.descriptor, delete);
    }

    /// What happens from now on is this connection's doing.
    pub(super) fn ask_for(&mut self, descriptor: i32, delete: Option<&'static str>) {
        self.tell();
        self.asker = Asker { descriptor, delete };
    }

    /// Write down what happened.
    pub(super) fn tell(&mut self) {
        let (watch, watched) = (&self.env.shared.watch, self.env.watched);
        if watched == Streams::NONE {
            return;
        }
        self.effects.log.lose(watch, self.session.lost());
        if self.effects.log.is_full() {
            // Watchers have locks of their own.
            self.session.release();
            self.effects.log.publish(watch);
        }
        for event in self.session.observed().drain(..) {
            self.effects.log.item(watch, watched, &event, self.asker);
        }
    }

    /// `watch`: the connection becomes a watcher, if it may. `None`: of no stream there is.
    #[cold]
    pub(super) fn watch<S>(
        &mut self,
        conn: &mut Connection<S>,
        wanted: Option<Wanted>,
        begin: usize,
    ) {
        let before = &self.out[begin..];
        let Some(wanted) = wanted.filter(|_| before.is_empty() || before.ends_with(FLUSHED)) else {
            let pipelined = !before.is_empty() && !before.ends_with(FLUSHED);
            let line: &[u8] = match pipelined {
                true => b"ERROR cannot pipeline other commands before watch\r\n",
                false => b"ERROR\r\n",
            };
            return self.out.extend_from_slice(line);
        };
        let streams = streams(wanted);
        let Some(watcher) = self.env.shared.watch.add(streams) else {
            let line = b"WATCHER_TOO_MANY log watcher limit reached\r\n";
            return self.out.extend_from_slice(line);
        };
        if streams.meets(Streams::MEMORY) {
            self.session.release();
            self.env.store.watch_memory(true); // the maintainer turns it off
        }
        self.out.extend_from_slice(b"OK\r\n");
        conn.phase = Phase::Watch { watcher, known: false };
    }
}

fn streams(wanted: Wanted) -> Streams {
    let pairs = [
        (Stream::Evictions, Streams::EVICTIONS),
        (Stream::Fetchers, Streams::FETCHERS),
        (Stream::Mutations, Streams::MUTATIONS),
        (Stream::SysEvents, Streams::SYSEVENTS),
        (Stream::ConnEvents, Streams::CONNEVENTS),
        (Stream::Deletions, Streams::DELETIONS),
    ];
    let chosen = pairs.iter().filter(|(stream, _)| wanted.has(*stream));
    chosen.fold(Streams::NONE, |all, (_, stream)| Streams(all.0 | stream.0))
}

fn log_step(bytes: &[u8]) {
    let line = bytes.split(|&byte| byte == b'\n').next().unwrap_or_default();
    let line = &line[..line.len().min(LOG_LINE_MAX)];
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    log::debug!("< {}", line.escape_ascii());
}
