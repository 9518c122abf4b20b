//! Every thread and every socket. (contract stubs)

use crate::ops::config::Config;

/// Bind, start the threads, wait for a signal, stop in order. The exit code.
pub fn run(_config: Config) -> Result<(), String> {
    todo!()
}
