//! How anyone speaks to a worker: a channel and a waker.
//!
//! The channel has no limit of its own; what is in it is bounded by what sends: a connection is
//! counted against `max_connections` before it is handed over, a connection that asked for a
//! description or a verdict is parked until it is answered, and there is one stop.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use crossbeam_channel::{Receiver, Sender, unbounded};
use mio::{Registry, Token, Waker};

use super::stream::Stream;
use crate::ops::config::Dialect;

/// The inbox's token in a worker's poll; places in the table of connections come from 0 up.
pub(super) const INBOX: Token = Token(usize::MAX);

/// What a worker can be told.
#[derive(Debug)]
pub(super) enum Message {
    /// Serve this client, who may speak so.
    Connection(Stream, Dialect),
    /// Describe your connections to the one that asks.
    DescribeConnections(Asker),
    /// One worker's answer to the above.
    Described {
        /// Who asked.
        asker: Asker,
        /// Lines of `stats conns`.
        lines: Vec<u8>,
    },
    /// A login was checked.
    Verdict {
        /// Who asked.
        asker: Asker,
        /// It was right.
        right: bool,
    },
    /// Answer what was read, then end.
    Stop,
}

/// A connection that waits for an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Asker {
    /// Its worker.
    pub(super) worker: usize,
    /// Its place in that worker's table.
    pub(super) token: usize,
    /// Which question: the place may belong to another connection by now.
    pub(super) serial: u64,
}

/// The sending end, shared by everyone.
#[derive(Debug)]
pub(super) struct Mailbox {
    sender: Sender<Message>,
    waker: Waker,
    /// Connections handed to this worker and not yet closed. Counted up by the accepting thread,
    /// down by the worker.
    pub(super) load: AtomicUsize,
}

impl Mailbox {
    /// Tell the worker. A worker that has ended drops the message, and with it the connection.
    pub(super) fn send(&self, message: Message) {
        if let Message::Connection(..) = message {
            self.load.fetch_add(1, Relaxed);
        }
        // Errors: the receiver is gone, or the eventfd is; both only when the worker has ended.
        if self.sender.send(message).is_ok() {
            let _ = self.waker.wake();
        }
    }
}

/// A worker's inbox, which wakes the poll of `registry` with `token`.
pub(super) fn inbox(registry: &Registry, token: Token) -> io::Result<(Mailbox, Receiver<Message>)> {
    let (sender, receiver) = unbounded();
    let waker = Waker::new(registry, token)?;
    Ok((Mailbox { sender, waker, load: AtomicUsize::new(0) }, receiver))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use mio::{Events, Poll};

    use super::*;

    #[test]
    fn a_message_from_another_thread_wakes_the_poll_and_is_there() {
        let mut poll = Poll::new().unwrap();
        let (mailbox, inbox) = inbox(poll.registry(), Token(7)).unwrap();
        let asker = Asker { worker: 0, token: 3, serial: 9 };
        let sender = std::thread::spawn(move || {
            mailbox.send(Message::Described { asker, lines: b"x".to_vec() });
            mailbox.send(Message::Stop);
            mailbox
        });
        let mut events = Events::with_capacity(4);
        poll.poll(&mut events, Some(Duration::from_secs(10))).unwrap();
        assert_eq!(events.iter().map(|event| event.token()).collect::<Vec<_>>(), [Token(7)]);
        assert!(matches!(inbox.recv().unwrap(), Message::Described { asker: a, .. } if a == asker));
        assert!(matches!(inbox.recv().unwrap(), Message::Stop));
        drop(inbox);
        sender.join().unwrap().send(Message::Stop);
    }
}
