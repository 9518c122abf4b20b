//! Config: the settings as meant, checked, every default resolved. Nothing past `main` sees an
//! option that means "default".

use std::path::PathBuf;

use crate::store::StoreConfig;

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

/// Everything that can be set.
#[derive(Debug, Clone)]
pub struct Config {
    /// The engine's part.
    pub store: StoreConfig,
    /// Where to listen.
    pub listen: Vec<ListenAddress>,
    /// The text of -l, for `stats settings inter`; `None`: not given.
    pub listen_text: Option<String>,
    /// -p as meant: -1 and 0 included.
    pub port: i32,
    /// -s, if given (also in `listen`).
    pub unix_socket: Option<PathBuf>,
    /// -a, octal mode of unix sockets.
    pub unix_mode: u32,
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
    /// -v count
    pub verbosity: u32,
    /// -P
    pub pid_file: Option<PathBuf>,
    /// -t
    pub threads: usize,
    /// -R as given; `None`: turns are capped by bytes only.
    pub requests_per_event: Option<u32>,
    /// -b
    pub backlog: u32,
    /// -F turns it off.
    pub flush_enabled: bool,
    /// -X turns it off.
    pub dump_enabled: bool,
    /// -D, and `:` by default.
    pub prefix_delimiter: u8,
    /// -D was given: prefix statistics are on from the start.
    pub detail_enabled: bool,
    /// Refuse at the limit (default), or stop accepting until one closes.
    pub maxconns_fast: bool,
    /// Seconds without a command after which a TCP connection is closed; 0: never.
    pub idle_timeout_s: u32,
    /// Seconds a request may take to arrive whole.
    pub request_timeout_s: u32,
    /// Seconds without a byte of progress after which an upload is given up.
    pub body_timeout_s: u32,
    /// Seconds a reply may wait unread.
    pub write_timeout_s: u32,
    /// TCP_USER_TIMEOUT and keepalive idle, seconds; 0: the system's.
    pub tcp_user_timeout_s: u32,
    /// Close after a storage header whose length cannot be believed.
    pub strict_framing: bool,
    /// Lines of `stats settings` that have no field of their own: (name, value).
    pub other_settings: Vec<(&'static str, String)>,
}
