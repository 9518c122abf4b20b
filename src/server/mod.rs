//! Every thread and every socket. (contract stubs)

use crate::ops::config::Config;

/// Bind, log where we listen, call `ready`, start the threads, wait for a signal, stop in order.
/// `ready` writes the pid file and lets the parent of a daemon go; an error from it ends the run.
/// Error texts are whole sentences for the operator; main exits with 71 (EX_OSERR) on any.
pub fn run(_config: Config, _ready: impl FnOnce() -> Result<(), String>) -> Result<(), String> {
    todo!()
}
