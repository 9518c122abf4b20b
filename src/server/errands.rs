//! The errand thread: what may wait, and would hold up a worker's other clients. It exists only if
//! clients log in; it checks their passwords, and reads the users' file again when told to.
//!
//! It owns the users outright, so that a reload needs no lock and concerns whole checks only. A
//! verdict goes to the worker that asked; a bad one only after a while.
//!
//! Invariant: of each connection at most one login is here, and of all at most `LOGINS_MAX` are
//! not looked at yet.

use std::collections::VecDeque;
use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};

use super::clock::Limit;
use super::inbox::{Asker, Mailbox, Message};
use super::limits::{LOGIN_DELAY_MS, LOGINS_MAX};
use crate::commands::Credentials;
use crate::ops::users::Users;
use crate::sys::process;

/// What the thread can be asked.
#[derive(Debug)]
pub(super) enum Errand {
    /// Is this so? Answered by `Message::Verdict`.
    Verify {
        /// Who wants to know.
        asker: Asker,
        /// What is claimed.
        credentials: Box<Credentials>,
    },
    /// Nothing; but look whether to reload, or to stop.
    Wake,
}

/// The asking end.
#[derive(Debug)]
pub(super) struct Errands {
    sender: Sender<Errand>,
    /// The file is to be read again, before anything else is looked at.
    reload: Arc<AtomicBool>,
    /// What is left is to be left.
    stop: Arc<AtomicBool>,
}

/// The working end.
#[derive(Debug)]
pub(super) struct ErrandThread {
    receiver: Receiver<Errand>,
    reload: Arc<AtomicBool>,
    stop: Arc<AtomicBool>,
    users: Users,
    /// Those who are to be told no, and when: in order, for all wait for the same time.
    refused: VecDeque<(Limit, Asker)>,
}

/// Both ends; `users` as they were read at start.
pub(super) fn errands(users: Users) -> (Errands, ErrandThread) {
    let (sender, receiver) = bounded(LOGINS_MAX);
    let (reload, stop) = <(Arc<AtomicBool>, Arc<AtomicBool>)>::default();
    let asking = Errands { sender, reload: Arc::clone(&reload), stop: Arc::clone(&stop) };
    (asking, ErrandThread { receiver, reload, stop, users, refused: VecDeque::new() })
}

impl Errands {
    /// Ask. `false`: too many wait already.
    pub(super) fn send(&self, errand: Errand) -> bool {
        self.sender.try_send(errand).is_ok()
    }

    /// Read the users' file again, soon.
    pub(super) fn reload(&self) {
        self.reload.store(true, Relaxed);
        self.send(Errand::Wake); // if it is full, the thread does not sleep
    }

    /// End, without looking at what waits.
    pub(super) fn stop(&self) {
        self.stop.store(true, Relaxed);
        self.send(Errand::Wake); // as above
    }
}

impl ErrandThread {
    /// Work until stopped; verdicts go to these, one a worker.
    pub(super) fn run(mut self, mailboxes: &[Mailbox]) {
        // Whoever serves comes first: strangers may have it compute as much as they like.
        process::lower_priority();
        if let Err(error) = File::open(self.users.path()) {
            let path = self.users.path().display();
            log::warn!("{path} cannot be read as this user: SIGHUP will change nothing: {error}");
        }
        while let Some(errand) = self.next(mailboxes) {
            if self.stop.load(Relaxed) {
                return;
            }
            if self.reload.swap(false, Relaxed) {
                self.read_again();
            }
            match errand {
                Errand::Verify { asker, credentials } => {
                    let right = self.users.verify(&credentials.user, &credentials.password);
                    if right {
                        tell(mailboxes, asker, true);
                    } else {
                        self.refused.push_back((Limit::after_ms(LOGIN_DELAY_MS), asker));
                    }
                }
                Errand::Wake => {}
            }
        }
    }

    /// The next errand. Meanwhile those whose time has come are told no.
    fn next(&mut self, mailboxes: &[Mailbox]) -> Option<Errand> {
        loop {
            let Some(&(at, asker)) = self.refused.front() else {
                return self.receiver.recv().ok();
            };
            if at.passed() {
                self.refused.pop_front();
                tell(mailboxes, asker, false);
                continue;
            }
            match self.receiver.recv_timeout(at.left()) {
                Ok(errand) => return Some(errand),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return None,
            }
        }
    }

    fn read_again(&mut self) {
        match self.users.reload() {
            Ok(()) => log::info!("{} read again", self.users.path().display()),
            Err(error) => log::error!("the users stay as they were: {error}"),
        }
    }
}

fn tell(mailboxes: &[Mailbox], asker: Asker, right: bool) {
    mailboxes[asker.worker].send(Message::Verdict { asker, right });
}
