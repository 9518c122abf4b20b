//! What happens to the process between its configuration and its sockets, and right after.
//!
//! In this order: background, limits, locked memory, user (before any socket is opened); then, when
//! the sockets are open, the pid file, and the parent of a daemon may go.

use std::io;

use super::config::Config;
use super::config::error::{ConfigError, EXIT_NO_USER, EXIT_OS, EXIT_USAGE};
use super::logging;
use crate::sys::process::{self, Daemon, PidFile, User};

/// Files open besides clients: standard ones, listeners, polls, wakers, and what libraries open.
/// With many addresses or threads there are more, see [`file_limit`].
const FILES_RESERVED: u64 = 64;
/// A worker's poll and waker, and one to spare.
const FILES_PER_THREAD: u64 = 3;
/// Listening sockets an address may open: a name can mean several addresses.
const FILES_PER_ADDRESS: u64 = 8;
/// Whom to run as when started as root without -u: Debian's and Red Hat's users for memcached,
/// then the one that exists everywhere.
const UNPRIVILEGED_USERS: [&str; 3] = ["memcache", "memcached", "nobody"];

/// The process, set up, before its sockets.
#[derive(Debug)]
#[must_use = "a daemon's parent waits for listening()"]
pub struct Startup {
    daemon: Option<Daemon>,
}

impl Startup {
    /// Everything that comes before sockets and threads.
    pub fn begin(config: &Config) -> Result<Startup, ConfigError> {
        let os =
            |what: &str, error: io::Error| ConfigError::new(EXIT_OS, format!("{what}: {error}"));
        let user = choose_user(config)?;
        let mut daemon = None;
        if config.daemonize {
            let stay = config.core_dumps;
            daemon = Some(process::daemonize(stay).map_err(|e| os("failed to daemonize", e))?);
        }
        logging::init(config.verbosity);
        for note in &config.notes {
            log::warn!("{note}");
        }
        if config.core_dumps {
            process::raise_core_limit()
                .map_err(|_| ConfigError::new(EXIT_OS, "failed to ensure corefile creation"))?;
        }
        raise_file_limit(config)?;
        if config.lock_memory
            && let Err(error) = process::lock_memory(process::is_root() && user.is_none())
        {
            log::warn!("-k: memory is not locked; it takes root or ulimit -l unlimited: {error}");
        }
        if let Some((user, name)) = user {
            user.become_it()
                .map_err(|error| os(&format!("failed to assume identity of user {name}"), error))?;
            if config.core_dumps {
                process::allow_core_dumps().map_err(|e| os("failed to ensure core files", e))?;
            }
            if config.user.is_none() {
                log::info!("started as root without -u: running as {name} (-u root to stay root)");
            }
        }
        Ok(Startup { daemon })
    }

    /// The sockets are open and where they listen is logged: log at the asked verbosity from here
    /// on, write the pid file, let a daemon's parent go. The pid file goes with what is
    /// returned.
    pub fn listening(self, config: &Config) -> Result<Option<PidFile>, String> {
        logging::set_verbosity(config.verbosity);
        let pid_file = config.pid_file.as_deref().map(|path| {
            if let Some(pid) = PidFile::running(path) {
                log::warn!("The pid file contained the following (running) pid: {pid}");
            }
            PidFile::create(path, config.daemonize).map_err(|error| {
                format!("Could not write the pid file {}: {error}", path.display())
            })
        });
        let pid_file = pid_file.transpose()?;
        if let Some(daemon) = self.daemon {
            daemon
                .ready(config.verbosity > 0)
                .map_err(|error| format!("failed to daemonize: {error}"))?;
        }
        Ok(pid_file)
    }
}

/// Fewer files than clients is an error, as in memcached. Too few for all that comes on top is
/// not: at the limit clients wait until others leave.
fn raise_file_limit(config: &Config) -> Result<(), ConfigError> {
    let wanted = file_limit(config);
    let clients = u64::from(config.max_connections);
    match process::raise_file_limit(wanted) {
        Ok(limit) if limit >= wanted => Ok(()),
        Ok(limit) if limit >= clients => {
            log::warn!(
                "open files are limited to {limit}: some less than -c {clients} can connect"
            );
            Ok(())
        }
        _ => {
            let message = "failed to set rlimit for open files. Try starting as root or \
                           requesting smaller maxconns value.";
            let allowed = "fewer clients, or a higher limit on open files (ulimit -n)";
            Err(ConfigError::new(EXIT_OS, message).about("-c", &clients.to_string(), allowed))
        }
    }
}

/// Whom to become, if anyone.
fn choose_user(config: &Config) -> Result<Option<(User, String)>, ConfigError> {
    if !process::is_root() {
        return Ok(None);
    }
    if let Some(name) = &config.user {
        let user = User::find(name).ok_or_else(|| {
            let message = format!("can't find the user {name} to switch to");
            ConfigError::new(EXIT_NO_USER, message).about("-u", name, "a user of this host")
        })?;
        return Ok((!user.is_root()).then(|| (user, name.clone())));
    }
    let mut users = UNPRIVILEGED_USERS.iter().filter_map(|name| Some((User::find(name)?, *name)));
    match users.next() {
        Some((user, name)) => Ok(Some((user, name.to_owned()))),
        None => {
            let message = "must add '-u root' to start as root";
            Err(ConfigError::new(EXIT_USAGE, message))
        }
    }
}

fn file_limit(config: &Config) -> u64 {
    u64::from(config.max_connections)
        + config.threads as u64 * FILES_PER_THREAD
        + config.listen.len() as u64 * FILES_PER_ADDRESS
        + FILES_RESERVED
}
