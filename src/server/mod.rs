//! Every thread and every socket.
//!
//! ```text
//! main        binds, starts the others, waits for signals, stops them in order
//! accept      takes clients in and hands them to workers
//! worker 0..  each one poll, one table of connections
//! maintain    ticks the clock, lets the store tend itself
//! errands     only if clients log in: checks passwords, reads their file
//! ```
//!
//! Nothing else spawns a thread. They share `Common`; a worker is spoken to through its inbox.

mod buffer;
mod clock;
mod common;
mod connection;
mod deadlines;
mod direct;
mod env;
mod errands;
mod inbox;
mod limits;
mod listener;
mod maintainer;
mod plan;
#[cfg(any(test, fuzzing))]
pub mod scripted;
mod sockets;
mod stage;
mod stream;
mod total;
mod udp;
mod visit;
mod worker;

use std::io;
use std::net::UdpSocket;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::thread::{Builder, JoinHandle};

use mio::Poll;

use crate::ops::config::{Config, Dialect};
use crate::ops::shared::Shared;
use crate::store::Store;
use crate::sys::cpu;
use crate::sys::signal::{Signal, Signals};
use common::Common;
use errands::Errands;
use inbox::Message;
use listener::Acceptor;
use sockets::Described;
use udp::{Budget, Udp};
use worker::Worker;

/// Bind, log where we listen, start the threads, call `ready`, wait for a signal, stop in order.
/// `ready` writes the pid file and lets the parent of a daemon go; an error from it ends the run.
/// Error texts are whole sentences for the operator; main exits with 71 (EX_OSERR) on any.
pub fn run(config: Config, ready: impl FnOnce() -> Result<(), String>) -> Result<(), String> {
    let bound = sockets::bind(&config)?;
    let datagrams = sockets::bind_udp(&config)?;
    for (listener, _) in &bound {
        log::info!("listening on {}", listener.describe().address);
    }
    for socket in &datagrams {
        log::info!("listening on {}", Described::of_udp(socket).address);
    }
    if config.listen_text.is_none() && config.unix_socket.is_none() {
        log::info!("reachable from this host only; -l 0.0.0.0,:: (or addresses) opens it");
    }
    if let Some(name) = std::env::var_os("MEMCACHED_PORT_FILENAME")
        && config.unix_socket.is_none()
    {
        sockets::write_port_file(Path::new(&name), &bound, &datagrams)
            .map_err(|error| failed("write the port file", &error))?;
    }
    let signals = Signals::catch().map_err(|error| failed("catch signals", &error))?;
    let threads = Threads::start(config, (bound, &datagrams), &signals)
        .map_err(|error| failed("start the threads", &error))?;
    if let Err(error) = ready() {
        threads.stop();
        return Err(error);
    }
    wait(&signals, &threads.common);
    threads.stop();
    Ok(())
}

fn failed(what: &str, error: &io::Error) -> String {
    format!("failed to {what}: {}", sockets::reason(error))
}

/// Until a signal says stop.
fn wait(signals: &Signals, common: &Common) {
    loop {
        match signals.wait() {
            Ok(Signal::Reload) => reload(common),
            Ok(Signal::Stop) => {
                log::info!("Exiting normally");
                return;
            }
            Ok(Signal::Graceful) => {
                log::warn!("Gracefully stopping");
                return;
            }
            Err(error) => {
                log::error!("stopping, for signals cannot be read: {error}");
                return;
            }
        }
    }
}

/// What SIGHUP asks for (and `refresh_certs`, by raising it).
fn reload(common: &Common) {
    match &common.errands {
        Some(errands) => errands.reload(),
        None => log::info!("SIGHUP: nothing to reload"),
    }
}

/// Everything that runs beside the main thread.
struct Threads {
    common: Arc<Common>,
    acceptor: JoinHandle<()>,
    stopper: listener::Stopper,
    workers: Vec<JoinHandle<()>>,
    /// Upkeep of the store, and of memory for it.
    background: [JoinHandle<()>; 2],
    errands: Option<JoinHandle<()>>,
    /// Dropped to stop the maintainer.
    maintained: crossbeam_channel::Sender<()>,
}

impl Threads {
    fn start(
        mut config: Config,
        (bound, datagrams): (Vec<(sockets::Bound, Dialect)>, &[UdpSocket]),
        signals: &Signals,
    ) -> io::Result<Self> {
        check_cores(&config.worker_cpus)?;
        let clock = clock::Clock::start();
        let shared = Shared::new(&config, clock::unix_now());
        let store = Store::new(config.store.clone())?.timed(clock::ticks);
        let mut mailboxes = Vec::new();
        let mut polls = Vec::new();
        for _ in 0..config.threads {
            let poll = Poll::new()?;
            let (mailbox, inbox) = inbox::inbox(poll.registry(), inbox::INBOX)?;
            mailboxes.push(mailbox);
            polls.push((poll, inbox));
        }
        let (errands, todo) = config.users.take().map(errands::errands).unzip();
        let common = Arc::new(Common {
            config,
            store,
            shared,
            mailboxes,
            open: AtomicUsize::new(0),
            listeners: bound
                .iter()
                .map(|(listener, _)| listener.describe())
                .chain(datagrams.iter().map(Described::of_udp))
                .collect(),
            errands,
            notifier: signals.notifier()?,
        });
        let mut workers = Vec::new();
        let budget = Arc::new(Budget::new(u64::from(common.config.udp_rate_kib) << 10));
        for (index, (poll, inbox)) in polls.into_iter().enumerate() {
            let udp = Udp::new(datagrams, &budget, &common.config, poll.registry())?;
            let worker = Worker::new(Arc::clone(&common), index, (poll, inbox), udp);
            let core = common.config.worker_cpus.iter().cycle().nth(index).copied();
            workers.push(spawn(format!("worker-{index}"), move || {
                if let Some(Err(error)) = core.map(cpu::pin_current_thread) {
                    log::warn!("worker {index} runs on any core: {error}");
                }
                worker.run().expect("a worker's poll works");
            })?);
        }
        let errands = todo.map(|todo| {
            let common = Arc::clone(&common);
            spawn("errands".to_owned(), move || todo.run(&common.mailboxes))
        });
        let errands = errands.transpose()?;
        let (maintained, until) = crossbeam_channel::bounded(0);
        let maintain = Arc::clone(&common);
        let maintainer = spawn("maintain".to_owned(), move || {
            wait_for_turn();
            maintainer::run(&maintain, clock, &until);
        })?;
        let provide = Arc::clone(&common);
        let provider = spawn("provide".to_owned(), move || provide_memory(&provide.store))?;
        let (acceptor, stopper) = Acceptor::new(Arc::clone(&common), bound)?;
        let descriptors = (datagrams.len() * common.config.threads) as u64;
        common.shared.listener.listeners.fetch_add(descriptors, Relaxed);
        let acceptor = spawn("accept".to_owned(), move || {
            acceptor.run().expect("the accepting thread's poll works");
        })?;
        let background = [maintainer, provider];
        Ok(Threads { common, acceptor, stopper, workers, background, errands, maintained })
    }

    /// Take nobody in, answer what was read, end.
    fn stop(self) {
        self.stopper.stop();
        join(self.acceptor);
        self.common.mailboxes.iter().for_each(|mailbox| mailbox.send(Message::Stop));
        self.workers.into_iter().for_each(join);
        self.common.errands.iter().for_each(Errands::stop);
        self.errands.into_iter().for_each(join);
        drop(self.maintained);
        self.common.store.end_providing();
        self.background.into_iter().for_each(join);
    }
}

/// What a thread of the background does first: it is woken by workers that hold a lock, or while
/// they do.
fn wait_for_turn() {
    if let Err(error) = cpu::wait_for_turn() {
        log::debug!("a thread of the background may interrupt workers: {error}");
    }
}

/// Have memory there before it is needed, until that is ended. With its share of the cores: while
/// it works it holds what workers wait for, the pool's lock or the kernel's on the map of the
/// process; at the lowest priority it was seen to hold that for seconds.
fn provide_memory(store: &Store) {
    wait_for_turn();
    while store.provide() {}
}

/// The cores that workers are to be pinned to are there, and ours to use.
fn check_cores(asked: &[usize]) -> io::Result<()> {
    if asked.is_empty() {
        return Ok(());
    }
    let ours = cpu::allowed_cores()?;
    let Some(core) = asked.iter().find(|core| !ours.contains(core)) else { return Ok(()) };
    let ours: Vec<String> = ours.iter().map(usize::to_string).collect();
    let reason = format!("-o worker_cpus: no core {core} for us; allowed: {}", ours.join(", "));
    Err(io::Error::new(io::ErrorKind::InvalidInput, reason))
}

fn spawn(name: String, work: impl FnOnce() + Send + 'static) -> io::Result<JoinHandle<()>> {
    Builder::new().name(name).spawn(work)
}

/// A thread that panicked has ended the process, or (where panics unwind) has said why.
fn join(thread: JoinHandle<()>) {
    let _ = thread.join();
}
