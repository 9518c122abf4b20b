//! Config: the settings as meant, checked, every default resolved. Nothing past `main` sees an
//! option that means "default".
//!
//! Invariants of a [`Config`] that [`invocation`] returns: `listen` or `listen_udp` is not
//! empty; the sizes of
//! `store` agree with each other (`builder::check_sizes`); every number is in its range.

mod auth;
mod builder;
pub mod error;
mod listen;
mod number;
pub mod suboptions;

use std::ffi::OsString;
use std::path::PathBuf;

pub use error::ConfigError;

use super::args::{self, Flag, Opt};
use super::users::Users;
use super::{VERSION, conf_file};
use crate::store::StoreConfig;
use error::{EXIT_FAILURE, Origin};

/// One address to listen on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ListenAddress {
    /// A host name or address, with the port to use. `*` and empty mean any.
    Tcp {
        /// As given.
        host: String,
        /// 0: ephemeral.
        port: u16,
    },
    /// `unix:/path[:mode]`
    Unix {
        /// The socket file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
}

/// What a client may speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// The first byte a client sends decides for as long as it is connected.
    Auto,
    /// Text and meta.
    Text,
    /// Binary.
    Binary,
}

impl Dialect {
    /// As memcached shows it.
    pub fn name(self) -> &'static str {
        match self {
            Dialect::Auto => "auto-negotiate",
            Dialect::Text => "ascii",
            Dialect::Binary => "binary",
        }
    }
}

/// Everything that can be set.
#[derive(Debug, Clone)]
pub struct Config {
    /// The engine's part.
    pub store: StoreConfig,
    /// Where to listen, and what is spoken there. Without -l and -s: 127.0.0.1 and ::1, of which a
    /// host without IPv6 lacks the second, so then (`listen_text` is `None`) one of the two is
    /// enough.
    pub listen: Vec<(ListenAddress, Dialect)>,
    /// The text of -l, for `stats settings inter`; `None`: not given.
    pub listen_text: Option<String>,
    /// -p as meant: -1 and 0 included.
    pub port: i32,
    /// -U as meant: -1 included; 0: no UDP.
    pub udp_port: i32,
    /// Where to listen for datagrams: never a unix socket.
    pub listen_udp: Vec<ListenAddress>,
    /// UDP may be reached from other hosts.
    pub udp_public: bool,
    /// KiB a second that one address may be sent by UDP; 0: any number.
    pub udp_rate_kib: u32,
    /// -s, if given (also in `listen`).
    pub unix_socket: Option<PathBuf>,
    /// -a, octal mode of unix sockets.
    pub unix_mode: u32,
    /// -Y as given: text clients log in.
    pub auth_file: Option<PathBuf>,
    /// -S: binary clients log in.
    pub sasl: bool,
    /// Who may log in; `None`: anyone may ask anything. To be taken by whoever checks passwords.
    pub users: Option<Users>,
    /// -A
    pub shutdown_command: bool,
    /// -d
    pub daemonize: bool,
    /// -r
    pub core_dumps: bool,
    /// -u
    pub user: Option<String>,
    /// -c
    pub max_connections: u32,
    /// -k
    pub lock_memory: bool,
    /// -v count, at most 3
    pub verbosity: u32,
    /// -P
    pub pid_file: Option<PathBuf>,
    /// -t
    pub threads: usize,
    /// Cores that workers are pinned to, one each, from the front again when there are more
    /// workers; none: the system chooses.
    pub worker_cpus: Vec<usize>,
    /// -R as given; `None`: turns are capped by bytes only.
    pub requests_per_event: Option<u32>,
    /// -b
    pub backlog: u32,
    /// -B
    pub dialect: Dialect,
    /// -F turns it off.
    pub flush_enabled: bool,
    /// -X turns it off.
    pub dump_enabled: bool,
    /// -W turns it off.
    pub watch_enabled: bool,
    /// Bytes of lines a watcher may leave untaken before it loses some.
    pub watcher_logbuf: usize,
    /// Bytes of lines a worker collects before it gives them to watchers.
    pub worker_logbuf: usize,
    /// -D, and `:` by default.
    pub prefix_delimiter: u8,
    /// -D was given: prefix statistics are on from the start.
    pub detail_enabled: bool,
    /// Refuse at the limit (default), or stop accepting until one closes.
    pub maxconns_fast: bool,
    /// Seconds without a command after which a TCP connection is closed; 0: never.
    pub idle_timeout_s: u32,
    /// Seconds a request may take to arrive whole; 0: any time.
    pub request_timeout_s: u32,
    /// Seconds without a byte of progress after which an upload is given up; 0: never.
    pub body_timeout_s: u32,
    /// Seconds a reply may wait unread; 0: for ever.
    pub write_timeout_s: u32,
    /// TCP_USER_TIMEOUT and keepalive idle, seconds; 0: the system's.
    pub tcp_user_timeout_s: u32,
    /// Bytes that the whole process may take, items' limit following; 0: -m is all there is.
    pub memory_total: u64,
    /// Close after a storage header whose length cannot be believed.
    pub strict_framing: bool,
    /// What memcached shows in `stats settings` and slabd accepts though it has no such knob, as
    /// asked: (name, value), formatted as memcached prints it.
    pub other_settings: Vec<(&'static str, String)>,
    /// What was accepted but will not do what one may expect, for the log at start.
    pub notes: Vec<String>,
}

impl Config {
    /// Clients have to prove who they are.
    pub fn requires_login(&self) -> bool {
        self.auth_file.is_some() || self.sasl
    }
}

impl Default for Config {
    /// What an empty command line means.
    fn default() -> Self {
        builder::Builder::new().finish().expect("the defaults are valid, see the tests")
    }
}

impl Config {
    /// Why UDP does not go with an address (of which `host` is the text).
    pub fn udp_is_public(&self, host: &str) -> String {
        format!(
            "UDP on {host} can be reached from other hosts, and misused to flood third ones: give \
             -o udp_public to have it all the same, or -U 0"
        )
    }
}

/// What the command line asks for.
#[derive(Debug)]
pub enum Invocation {
    /// Run the daemon.
    Run(Box<Config>),
    /// Print this on standard output and end well.
    Print(String),
}

/// The command line's meaning. `words` begins with the program's name.
pub fn invocation(words: &[OsString]) -> Result<Invocation, ConfigError> {
    let (program, words) = words.split_first().map_or(("slabd".into(), words), |(first, rest)| {
        (first.to_string_lossy().into_owned(), rest)
    });
    let typed = args::parse(&program, words, &Origin::CommandLine)?;
    let mut builder = builder::Builder::new();
    for flag in typed.iter().filter(|flag| flag.opt == Opt::Config) {
        for flag in file_flags(&program, flag)? {
            builder.apply(&flag)?;
        }
    }
    builder.end_of_files();
    for flag in &typed {
        if let Some(text) = printed(flag) {
            return Ok(Invocation::Print(text));
        }
        builder.apply(flag)?;
    }
    let config = builder.finish()?;
    if typed.iter().any(|flag| flag.opt == Opt::CheckConfig) {
        return Ok(Invocation::Print("The configuration is valid.\n".to_owned()));
    }
    Ok(Invocation::Run(Box::new(config)))
}

/// The options in a configuration file, in order.
fn file_flags(program: &str, flag: &Flag) -> Result<Vec<Flag>, ConfigError> {
    let name = flag.value.to_string_lossy().into_owned();
    let bytes = std::fs::read(&flag.value).map_err(|error| {
        ConfigError::new(EXIT_FAILURE, format!("Cannot read {name}: {error}")).about(
            "--config",
            &name,
            "a readable file of options, one a line",
        )
    })?;
    let mut flags = Vec::new();
    for line in conf_file::lines(&name, &bytes)? {
        let origin = Origin::File(name.clone(), line.number);
        flags.extend(args::parse(program, &line.words, &origin)?);
    }
    Ok(flags)
}

/// What the options print that only print.
fn printed(flag: &Flag) -> Option<String> {
    match flag.opt {
        Opt::Help => Some(args::help()),
        Opt::Compatible => Some(format!("memcached {VERSION}\n")),
        Opt::Version => Some(format!("slabd {}\n", env!("CARGO_PKG_VERSION"))),
        Opt::License => {
            let licence = include_str!("../../../LICENSE");
            Some(format!("memcached {VERSION}\n\n{licence}"))
        }
        _ => None,
    }
}

/// A feature of memcached that slabd does not have yet.
fn unsupported(what: &str) -> ConfigError {
    ConfigError::new(EXIT_FAILURE, format!("not supported yet: {what}"))
}

#[cfg(test)]
mod tests;
