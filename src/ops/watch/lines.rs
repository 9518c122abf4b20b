//! What watchers read: events as lines, in memcached's words (PROTOCOL 7.5).

use std::fmt::{self, Write as _};

use super::{Log, Streams, Watch, url_encode};
use crate::store::{Event, Found, SetMode, Stored};

/// Whose verb it was.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Asker {
    /// Its connection's descriptor.
    pub descriptor: i32,
    /// The word for a removal that is shown; `None`: it is not.
    pub delete: Option<&'static str>,
}

/// One end of a connection, as shown.
pub struct Peer<'a> {
    /// An address, or `unix`.
    pub ip: &'a dyn fmt::Display,
    /// 0 if it has none.
    pub port: u16,
    /// `tcp`, `udp` or `local`.
    pub transport: &'static str,
    /// The descriptor.
    pub descriptor: i32,
}

/// A line's text: a `Vec<u8>` that takes formatted text.
struct Text<'a>(&'a mut Vec<u8>);

impl fmt::Write for Text<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.extend_from_slice(text.as_bytes());
        Ok(())
    }
}

impl Log {
    /// What happened to an item, if somebody watches that.
    pub fn item(&mut self, watch: &Watch, watched: Streams, event: &Event, asker: Asker) {
        let stream = match event {
            Event::Evicted { .. } => Streams::EVICTIONS,
            Event::PageMoved { .. } | Event::Crawled { .. } => Streams::SYSEVENTS,
            Event::LookedUp { .. } => Streams::FETCHERS,
            Event::Stored { .. } => Streams::MUTATIONS,
            Event::Deleted { .. } if asker.delete.is_some() => Streams::DELETIONS,
            Event::Deleted { .. } | Event::Reclaimed { .. } => return,
        };
        if watched.meets(stream) {
            self.write(watch, stream, |line| item(line, event, asker));
        }
    }

    /// A connection has come.
    pub fn connected(&mut self, watch: &Watch, peer: &Peer<'_>) {
        self.write(watch, Streams::CONNEVENTS, |line| {
            let _ = write!(Text(line), "type=conn_new {peer} cfd={}", peer.descriptor);
        });
    }
    /// A connection has gone; why, in one of memcached's words.
    pub fn closed(&mut self, watch: &Watch, peer: &Peer<'_>, reason: &str) {
        self.write(watch, Streams::CONNEVENTS, |line| {
            let descriptor = peer.descriptor;
            let _ = write!(Text(line), "type=conn_close {peer} reason={reason} cfd={descriptor}");
        });
    }
}

impl fmt::Display for Peer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "rip={} rport={} transport={}", self.ip, self.port, self.transport)
    }
}

/// The line of an event, from `type=` on.
fn item(line: &mut Vec<u8>, event: &Event, asker: Asker) {
    let cfd = asker.descriptor;
    // Writing to a vector cannot fail.
    let _ = match event {
        Event::Evicted { key, fetched, ttl, idle, class, len } => {
            with_key(line, "eviction", key);
            let fetch = if *fetched { "yes" } else { "no" };
            let ttl = ttl.map_or(-1, i64::from);
            write!(Text(line), " fetch={fetch} ttl={ttl} la={idle} clsid={class} size={len}")
        }
        Event::PageMoved { from, to, done } => {
            let state = if *done { "ok" } else { "fail" };
            write!(Text(line), "type=slab_move src={from} dst={to} state={state}")
        }
        // The crawler goes by deadlines, so it has no watermark, and foresees no number.
        Event::Crawled { class, queue, since, next, elapsed, examined, reclaimed } => write!(
            Text(line),
            "type=lru_crawler crawler={class} lru={queue} low_mark=0 next_reclaims=0 \
             since_run={since} next_run={next} elapsed={elapsed} examined={examined} \
             reclaimed={reclaimed}"
        ),
        Event::LookedUp { key, found, class, len } => {
            with_key(line, "item_get", key);
            let status = found_name(*found);
            write!(Text(line), " status={status} clsid={class} cfd={cfd} size={len}")
        }
        Event::Stored { key, mode, compared, outcome, ttl, class, len } => {
            with_key(line, "item_store", key);
            let (status, cmd) = (outcome_name(*outcome), command_name(*mode, *compared));
            write!(
                Text(line),
                " status={status} cmd={cmd} ttl={ttl} clsid={class} cfd={cfd} size={len}"
            )
        }
        Event::Deleted { key, class, len } => {
            with_key(line, "deleted", key);
            let cmd = asker.delete.unwrap_or("delete");
            write!(Text(line), " cmd={cmd} clsid={class} size={len}")
        }
        Event::Reclaimed { .. } => Ok(()),
    };
}

fn with_key(line: &mut Vec<u8>, kind: &str, key: &[u8]) {
    let _ = write!(Text(line), "type={kind} key=");
    url_encode(key, line);
}

fn found_name(found: Found) -> &'static str {
    match found {
        Found::Nothing => "not_found",
        Found::Alive => "found",
        Found::Flushed => "flushed",
        Found::Expired => "expired",
    }
}

fn outcome_name(outcome: Stored) -> &'static str {
    match outcome {
        Stored::NotStored => "not_stored",
        Stored::Stored(_) => "stored",
        Stored::Exists => "exists",
        Stored::NotFound => "not_found",
        Stored::TooLarge => "too_large",
        Stored::OutOfMemory => "no_memory",
    }
}

fn command_name(mode: SetMode, compared: bool) -> &'static str {
    match mode {
        _ if compared => "cas",
        SetMode::Set => "set",
        SetMode::Add => "add",
        SetMode::Replace => "replace",
        SetMode::Append => "append",
        SetMode::Prepend => "prepend",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ASKER: Asker = Asker { descriptor: 30, delete: Some("md") };

    fn line(event: &Event) -> String {
        let mut line = Vec::new();
        item(&mut line, event, ASKER);
        String::from_utf8(line).unwrap()
    }
    fn key() -> Box<[u8]> {
        b"a b".as_slice().into()
    }

    #[test]
    fn every_event_has_memcacheds_line() {
        let (class, len) = (3, 7);
        assert_eq!(
            line(&Event::LookedUp { key: key(), found: Found::Flushed, class: 0, len: 0 }),
            "type=item_get key=a%20b status=flushed clsid=0 cfd=30 size=0"
        );
        let (mode, compared, ttl) = (SetMode::Append, false, 60);
        let outcome = Stored::Stored(9);
        assert_eq!(
            line(&Event::Stored { key: key(), mode, compared, outcome, ttl, class, len }),
            "type=item_store key=a%20b status=stored cmd=append ttl=60 clsid=3 cfd=30 size=7"
        );
        let event = |fetched, ttl| Event::Evicted { key: key(), fetched, ttl, idle: 5, class, len };
        assert_eq!(
            line(&event(true, None)),
            "type=eviction key=a%20b fetch=yes ttl=-1 la=5 clsid=3 size=7"
        );
        assert_eq!(
            line(&event(false, Some(60))),
            "type=eviction key=a%20b fetch=no ttl=60 la=5 clsid=3 size=7"
        );
        assert_eq!(
            line(&Event::Deleted { key: key(), class, len }),
            "type=deleted key=a%20b cmd=md clsid=3 size=7"
        );
        let moved = |done| Event::PageMoved { from: 0, to: 4, done };
        assert_eq!(line(&moved(true)), "type=slab_move src=0 dst=4 state=ok");
        assert_eq!(line(&moved(false)), "type=slab_move src=0 dst=4 state=fail");
        let (queue, since, next, elapsed, examined, reclaimed) = ("warm", 60, 7, 2, 90, 30);
        assert_eq!(
            line(&Event::Crawled { class, queue, since, next, elapsed, examined, reclaimed }),
            "type=lru_crawler crawler=3 lru=warm low_mark=0 next_reclaims=0 since_run=60 \
             next_run=7 elapsed=2 examined=90 reclaimed=30"
        );
    }

    #[test]
    fn a_removal_without_a_word_is_not_shown() {
        let watch = Watch::new(100);
        let mut log = Log::new(1000);
        let event = Event::Deleted { key: key(), class: 1, len: 1 };
        log.item(&watch, Streams::DELETIONS, &event, Asker { delete: None, ..ASKER });
        assert!(log.is_empty());
        log.item(&watch, Streams::FETCHERS, &event, ASKER);
        assert!(log.is_empty());
        log.item(&watch, Streams::DELETIONS, &event, ASKER);
        assert!(!log.is_empty());
    }
}
