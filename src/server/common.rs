//! What all threads of the server hold together.

use std::sync::atomic::AtomicUsize;

use super::errands::Errands;
use super::inbox::Mailbox;
use super::sockets::Described;
use crate::ops::config::Config;
use crate::ops::shared::Shared;
use crate::store::Store;
use crate::sys::signal::Notifier;

/// Read-mostly: everything in it is either constant after the start or its own synchronisation.
pub(super) struct Common {
    /// The settings.
    pub(super) config: Config,
    /// All items.
    pub(super) store: Store,
    /// Clock, switches, counters.
    pub(super) shared: Shared,
    /// One a worker.
    pub(super) mailboxes: Vec<Mailbox>,
    /// Clients connected: counted up by the accepting thread, down by workers.
    pub(super) open: AtomicUsize,
    /// The listening sockets, as `stats conns` shows them.
    pub(super) listeners: Vec<Described>,
    /// To the errand thread; `None`: it is not needed, and there is none.
    pub(super) errands: Option<Errands>,
    /// Stops the daemon as a signal would.
    pub(super) notifier: Notifier,
}
