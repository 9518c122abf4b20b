//! From options in the order they were typed to a [`Config`]: the meaning of each, and what must
//! hold between them.

use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::path::PathBuf;

use super::error::{ConfigError, EXIT_FAILURE, EXIT_USAGE, Origin};
use super::suboptions::SubOptions;
use super::{Config, Dialect, ListenAddress, auth, listen, number, unsupported};
use crate::ops::args::{Flag, Opt};
use crate::store::StoreConfig;

/// memcached's and everyone's port.
const PORT_DEFAULT: i32 = 11211;
/// -m in MiB. One MiB is 16 pages, of which a few classes can live; memcached takes as little.
const MEMORY_MIB: RangeInclusive<i64> = 1..=1 << 20;
/// -c. The upper end is the kernel's default ceiling on file descriptors (fs.nr_open).
const CONNECTIONS: RangeInclusive<i64> = 1..=1 << 20;
/// -t. Each worker has a stack, a poll and buffers of its own; no machine has more cores.
const THREADS: RangeInclusive<i64> = 1..=1024;
/// More workers than this is likely a mistake, says memcached.
const THREADS_ADVISED: usize = 64;
/// -n. A quarter of a page at most, so that the least chunk leaves room for a second class.
const CHUNK_SIZE_MIN: RangeInclusive<i64> = 1..=16 << 10;
/// -b. The kernel cuts it to net.core.somaxconn.
const BACKLOG: RangeInclusive<i64> = 1..=65_535;
/// -R.
const REQUESTS_PER_EVENT: RangeInclusive<i64> = 1..=i32::MAX as i64;
/// -I: memcached's lower and upper limits, in bytes.
const ITEM_SIZE: RangeInclusive<u64> = 1 << 10..=1 << 30;
/// memcached's page, with which slab_chunk_max must agree though slabd's pages are smaller.
const MEMCACHED_PAGE: u32 = 1 << 20;
/// memcached's highest class is 63, and slab_chunk_max is one more than those listed.
const SLAB_SIZES_MAX: usize = 62;

/// A configuration being made.
pub struct Builder {
    config: Config,
    /// -l elements in order, with where each was written.
    listen: Vec<(String, Origin)>,
    /// The next -l replaces those of the files.
    listen_from_file: bool,
    /// -B, if given.
    dialect: Option<Dialect>,
    subs: SubOptions,
    /// -p was given.
    port_given: bool,
}

impl Builder {
    /// Every option at its default.
    pub fn new() -> Self {
        Self {
            config: defaults(),
            listen: Vec::new(),
            listen_from_file: false,
            dialect: None,
            subs: SubOptions::default(),
            port_given: false,
        }
    }

    /// What follows was typed: it overrides.
    pub fn end_of_files(&mut self) {
        self.listen_from_file = true;
    }

    /// One more option. Errors say where it was written.
    pub fn apply(&mut self, flag: &Flag) -> Result<(), ConfigError> {
        self.set(flag).map_err(|error| error.at(flag.origin.clone()))
    }

    fn set(&mut self, flag: &Flag) -> Result<(), ConfigError> {
        let config = &mut self.config;
        let text = &*flag.value.to_string_lossy();
        let name = flag.opt.name();
        let whole = |range, message| number::whole(&name, text, range, message);
        match flag.opt {
            Opt::Port => (config.port, self.port_given) = (port(&name, text)?, true),
            Opt::UdpPort => config.udp_port = port(&name, text)?,
            Opt::Listen => self.listen(text, &flag.origin)?,
            Opt::UnixSocket => {
                let path = listen::unix_path("-s", PathBuf::from(&flag.value))?;
                config.unix_socket = Some(path);
            }
            Opt::UnixMask => config.unix_mode = unix_mode(text)?,
            Opt::Backlog => config.backlog = whole(BACKLOG, "")? as u32,
            Opt::Protocol => self.dialect = Some(dialect(text)?),
            Opt::NapiIds => return Err(unsupported("-N (worker by NAPI id)")),
            Opt::EnableSsl => return Err(unsupported("-Z (TLS)")),
            Opt::EnableSasl => config.sasl = true,
            Opt::AuthFile => config.auth_file = Some(file(&name, flag)?),
            Opt::MemoryFile => return Err(unsupported("-e (restartable memory)")),
            Opt::MemoryLimit => config.store.limit_bytes = memory_limit(text)?,
            Opt::MaxItemSize => config.store.item_size_max = item_size(text)?,
            Opt::GrowthFactor => config.store.growth_factor = growth_factor(text)?,
            Opt::MinSize => {
                let message = "Chunk size must be greater than 0";
                config.store.chunk_size_min = whole(CHUNK_SIZE_MIN, message)? as u32;
            }
            Opt::DisableEvictions => config.store.evict = false,
            Opt::DisableCas => config.store.use_cas = false,
            Opt::LockMemory => config.lock_memory = true,
            Opt::LargePages => config.store.preallocate = true,
            Opt::ConnLimit => {
                let message = "Maximum connections must be greater than 0";
                config.max_connections = whole(CONNECTIONS, message)? as u32;
            }
            Opt::Threads => {
                let message = "Number of threads must be greater than 0";
                config.threads = whole(THREADS, message)? as usize;
            }
            Opt::MaxRequests => {
                let message = "Number of requests per event must be greater than 0";
                config.requests_per_event = Some(whole(REQUESTS_PER_EVENT, message)? as u32);
            }
            Opt::EnableShutdown => config.shutdown_command = true,
            Opt::DisableFlushAll => config.flush_enabled = false,
            Opt::DisableDumping => config.dump_enabled = false,
            Opt::DisableWatch => config.watch_enabled = false,
            Opt::Delimiter => {
                let none = || ConfigError::new(EXIT_FAILURE, "No delimiter specified");
                let first = flag.value.as_encoded_bytes().first();
                config.prefix_delimiter = *first.ok_or_else(none)?;
                config.detail_enabled = true;
            }
            Opt::Verbose => config.verbosity = (config.verbosity + flag.count).min(3),
            Opt::Extended => self.subs.apply(text, config)?,
            Opt::PidFile => config.pid_file = Some(file(&name, flag)?),
            Opt::User => config.user = Some(text.to_owned()),
            Opt::CoreDumps => config.core_dumps = true,
            Opt::Daemon if flag.origin == Origin::CommandLine => config.daemonize = true,
            Opt::Daemon | Opt::Help | Opt::License | Opt::Compatible | Opt::Version => {
                self.note_command_line_only(flag, &name);
            }
            Opt::Config | Opt::CheckConfig => self.check_command_line(flag, &name)?,
        }
        Ok(())
    }

    /// Debian's start script drops `-d` and `-h` from the file, whose example has `-d`: what
    /// starts the daemon decides about the background.
    fn note_command_line_only(&mut self, flag: &Flag, name: &str) {
        if let Origin::File(file, line) = &flag.origin {
            let note = format!("{file}, line {line}: {name} counts on the command line only");
            self.config.notes.push(note);
        }
    }

    fn check_command_line(&self, flag: &Flag, name: &str) -> Result<(), ConfigError> {
        if flag.origin == Origin::CommandLine {
            return Ok(());
        }
        let message = format!("{name} is for the command line, not for a configuration file");
        Err(ConfigError::new(EXIT_FAILURE, message))
    }

    fn listen(&mut self, list: &str, origin: &Origin) -> Result<(), ConfigError> {
        if std::mem::take(&mut self.listen_from_file) {
            self.listen.clear();
        }
        let mut elements =
            list.split([',', ';']).map(str::trim).filter(|element| !element.is_empty()).peekable();
        if elements.peek().is_none() {
            return Err(listen::refuse(list, "No address given".to_owned()));
        }
        for element in elements {
            listen::parse_element(element, 0, 0)?;
            if !self.listen.iter().any(|(present, _)| present == element) {
                self.listen.push((element.to_owned(), origin.clone()));
            }
        }
        Ok(())
    }

    /// Settles what depends on several options.
    pub fn finish(mut self) -> Result<Config, ConfigError> {
        self.subs.finish(&mut self.config)?;
        self.config.share_total()?;
        check_sizes(&self.config.store)?;
        if self.config.udp_port != 0 && !self.port_given {
            self.config.port = self.config.udp_port;
        }
        self.config.listen_udp = self.udp_addresses()?;
        let texts: Vec<&str> = self.listen.iter().map(|(text, _)| &**text).collect();
        self.config.listen_text = (!texts.is_empty()).then(|| texts.join(","));
        self.config.store.threads = self.config.threads;
        self.config.dialect = auth::settle(&mut self.config, self.dialect)?;
        self.config.listen = self.addresses()?;
        let udp_threads = if self.config.listen_udp.is_empty() { 0 } else { self.config.threads };
        self.config.other_settings.extend([
            ("udpport", self.config.udp_port.to_string()),
            ("num_threads_per_udp", udp_threads.to_string()),
        ]);
        if self.config.threads > THREADS_ADVISED {
            self.config.notes.push(format!(
                "-t {}: more than {THREADS_ADVISED} threads rarely help; as many as cores is best",
                self.config.threads
            ));
        }
        Ok(self.config)
    }

    /// Where datagrams are awaited: at the hosts of -l, at the ports given there or that of -U.
    fn udp_addresses(&mut self) -> Result<Vec<ListenAddress>, ConfigError> {
        let config = &self.config;
        if config.udp_port == 0 || config.unix_socket.is_some() {
            return Ok(Vec::new());
        }
        let usage = |message| Err(ConfigError::new(EXIT_USAGE, message));
        if config.auth_file.is_some() {
            return usage("Cannot use UDP with ascii authentication enabled (-U 0 to disable)");
        }
        if config.sasl {
            return usage("Cannot use UDP with SASL authentication enabled (-U 0 to disable)");
        }
        let port = config.udp_port.max(0) as u16;
        let mut addresses = Vec::new();
        for (element, origin) in &self.listen {
            let (address, _) = listen::parse_element(element, port, config.unix_mode)
                .map_err(|error| error.at(origin.clone()))?;
            if let ListenAddress::Tcp { host, .. } = &address {
                // What a name means is found out when it is bound.
                let known = match &**host {
                    "" | "*" => Some(false),
                    host => host.parse().ok().map(|address: IpAddr| address.is_loopback()),
                };
                if known == Some(false) && !config.udp_public {
                    let error = ConfigError::new(EXIT_USAGE, config.udp_is_public(host));
                    return Err(error.at(origin.clone()));
                }
                addresses.push(address);
            }
        }
        if self.listen.is_empty() {
            let host = |host: &str| ListenAddress::Tcp { host: host.to_owned(), port };
            addresses.extend(["127.0.0.1", "::1"].map(host));
        }
        if config.udp_public {
            self.config.notes.push(
                "-o udp_public: whoever can forge a sender can have this host flood it; see -o \
                 udp_rate"
                    .to_owned(),
            );
        }
        Ok(addresses)
    }

    fn addresses(&mut self) -> Result<Vec<(ListenAddress, Dialect)>, ConfigError> {
        let config = &self.config;
        let dialect = config.dialect;
        let mut notes = Vec::new();
        if let Some(path) = &config.unix_socket {
            let address = ListenAddress::Unix { path: path.clone(), mode: config.unix_mode };
            return Ok(vec![(address, dialect)]);
        }
        // -1 is written as 0 in an address: any free port.
        let port = config.port.max(0) as u16;
        let mut addresses = Vec::new();
        for (element, origin) in &self.listen {
            let address = listen::parse_element(element, port, config.unix_mode)
                .and_then(|(address, asked)| {
                    let dialect = auth::dialect_at(config, element, asked, &mut notes)?;
                    Ok((address, dialect))
                })
                .map_err(|error| error.at(origin.clone()))?;
            addresses.push(address);
        }
        if self.listen.is_empty() {
            for host in ["127.0.0.1", "::1"] {
                addresses.push((ListenAddress::Tcp { host: host.to_owned(), port }, dialect));
            }
        }
        if config.port == 0 {
            addresses.retain(|(address, _)| matches!(address, ListenAddress::Unix { .. }));
        }
        if addresses.is_empty() && config.listen_udp.is_empty() {
            let message = "Nothing to listen on";
            return Err(ConfigError::new(EXIT_USAGE, message).about(
                "-p",
                "0",
                "no TCP; give -s PATH or -l unix:PATH, or another -p",
            ));
        }
        self.config.notes.append(&mut notes);
        Ok(addresses)
    }
}

fn defaults() -> Config {
    Config {
        store: StoreConfig::default(),
        listen: Vec::new(),
        listen_text: None,
        port: PORT_DEFAULT,
        udp_port: 0,
        listen_udp: Vec::new(),
        udp_public: false,
        udp_rate_kib: 1024,
        unix_socket: None,
        unix_mode: 0o700,
        auth_file: None,
        sasl: false,
        users: None,
        shutdown_command: false,
        daemonize: false,
        core_dumps: false,
        user: None,
        max_connections: 1024,
        lock_memory: false,
        verbosity: 0,
        pid_file: None,
        threads: 4,
        worker_cpus: Vec::new(),
        requests_per_event: None,
        backlog: 1024,
        dialect: Dialect::Auto,
        flush_enabled: true,
        dump_enabled: true,
        watch_enabled: true,
        watcher_logbuf: 256 << 10,
        worker_logbuf: 64 << 10,
        prefix_delimiter: b':',
        detail_enabled: false,
        maxconns_fast: true,
        idle_timeout_s: 0,
        request_timeout_s: 60,
        body_timeout_s: 60,
        write_timeout_s: 60,
        tcp_user_timeout_s: 60,
        memory_total: 0,
        strict_framing: false,
        other_settings: Vec::new(),
        notes: Vec::new(),
    }
}

fn port(name: &str, text: &str) -> Result<i32, ConfigError> {
    let allowed = "0 to 65535; 0: none, -1: any free one";
    match number::digits(text) {
        Some(port @ -1..=65_535) => Ok(port as i32),
        Some(_) => {
            let message = format!("ERROR: Invalid port number {}.", text.trim());
            Err(ConfigError::new(EXIT_USAGE, message).about(name, text, allowed))
        }
        None => {
            let message = format!("ERROR: Invalid port number {text}.");
            Err(ConfigError::new(EXIT_USAGE, message).about(name, text, allowed))
        }
    }
}

fn unix_mode(text: &str) -> Result<u32, ConfigError> {
    number::mode(text).ok_or_else(|| {
        let allowed = "permissions in octal, 0 to 777";
        ConfigError::new(EXIT_FAILURE, "Invalid value for -a").about("-a", text, allowed)
    })
}

fn dialect(text: &str) -> Result<Dialect, ConfigError> {
    match text {
        "auto" => Ok(Dialect::Auto),
        "ascii" => Ok(Dialect::Text),
        "binary" => Ok(Dialect::Binary),
        _ => Err(ConfigError::new(
            EXIT_USAGE,
            format!(
                "Invalid value for binding protocol: {text}\n \
                 -- should be one of auto, binary, or ascii"
            ),
        )),
    }
}

fn item_size(text: &str) -> Result<u64, ConfigError> {
    let error = |message: &str| {
        let allowed = "bytes, or with suffix k, m or g; 1k to 1g, at most half of -m";
        ConfigError::new(EXIT_USAGE, message).about("-I", text, allowed)
    };
    match number::size(text) {
        None => Err(error("Invalid value for -I")),
        Some(size) if size < *ITEM_SIZE.start() => {
            Err(error("Item max size cannot be less than 1024 bytes."))
        }
        Some(size) if size > *ITEM_SIZE.end() => {
            Err(error("Cannot set item size limit higher than a gigabyte."))
        }
        Some(size) => Ok(size),
    }
}

/// -m, in bytes.
fn memory_limit(text: &str) -> Result<u64, ConfigError> {
    let allowed = format!("MiB, from {} to {}", MEMORY_MIB.start(), MEMORY_MIB.end());
    let mib = number::whole("-m", text, MEMORY_MIB, "");
    mib.map(|mib| (mib as u64) << 20).map_err(|error| error.about("-m", text, &allowed))
}

fn growth_factor(text: &str) -> Result<f64, ConfigError> {
    number::fraction(text).filter(|factor| *factor > 1.0).ok_or_else(|| {
        let allowed = "a number above 1, such as 1.25";
        ConfigError::new(EXIT_FAILURE, "Factor must be greater than 1").about("-f", text, allowed)
    })
}

fn file(name: &str, flag: &Flag) -> Result<PathBuf, ConfigError> {
    if flag.value.is_empty() {
        let message = format!("Invalid value for {name}");
        return Err(ConfigError::new(EXIT_FAILURE, message).about(name, "", "a file name"));
    }
    Ok(PathBuf::from(&flag.value))
}

impl Config {
    /// Of memory_total, what items may take to begin with: an eighth is left for index, buffers and
    /// connections until they are measured, and what the program and its workers take at rest.
    fn share_total(&mut self) -> Result<(), ConfigError> {
        let total = self.memory_total;
        if total == 0 {
            return Ok(());
        }
        if self.store.preallocate {
            let message = "-o memory_total and -L exclude each other: -L keeps what it has taken";
            return Err(ConfigError::new(EXIT_USAGE, message));
        }
        let at_rest = (8 + self.threads as u64) << 20;
        let items = (total - total / 8).saturating_sub(at_rest) >> 20 << 20;
        if items < 2 * self.store.item_size_max {
            let two = (2 * self.store.item_size_max).next_multiple_of(1 << 20);
            let least = (at_rest + two).div_ceil(7) * 8;
            let allowed = format!(
                "at least {} MB with {} threads and items of {} bytes",
                least.div_ceil(1 << 20),
                self.threads,
                self.store.item_size_max
            );
            let given = (total >> 20).to_string();
            return Err(ConfigError::new(EXIT_USAGE, "Too little memory").about(
                "-o memory_total",
                &given,
                &allowed,
            ));
        }
        self.store.limit_bytes = items;
        Ok(())
    }
}

/// What must hold between -m, -I, -n, slab_chunk_max and slab_sizes.
pub fn check_sizes(store: &StoreConfig) -> Result<(), ConfigError> {
    let usage = |message: String| Err(ConfigError::new(EXIT_USAGE, message));
    let item = store.item_size_max;
    let chunk = u64::from(store.slab_chunk_max);
    let unfit = |message: String| {
        let allowed =
            format!("multiples of {}k; more with a smaller -o slab_chunk_max", chunk >> 10);
        Err(ConfigError::new(EXIT_USAGE, message).about("-I", &item.to_string(), &allowed))
    };
    if item > store.limit_bytes / 2 {
        let message = "Cannot set item size limit higher than 1/2 of memory max.";
        let half = store.limit_bytes / 2;
        let limit = format!("at most {half}, half of -m; give a smaller -I or a larger -m");
        return Err(ConfigError::new(EXIT_USAGE, message).about("-I", &item.to_string(), &limit));
    }
    if chunk > item {
        return unfit(format!(
            "slab_chunk_max (bytes: {chunk}) cannot be larger than -I (item_size_max {item})"
        ));
    }
    if !item.is_multiple_of(chunk) {
        return unfit(format!(
            "-I (item_size_max: {item}) must be evenly divisible by slab_chunk_max (bytes: {chunk})"
        ));
    }
    if !u64::from(MEMCACHED_PAGE).is_multiple_of(chunk) {
        return usage(format!(
            "slab_chunk_max (bytes: {chunk}) must divide evenly into {MEMCACHED_PAGE} \
             (slab_page_size)"
        ));
    }
    let mut previous = 0;
    for &size in &store.slab_sizes {
        if !(store.chunk_size_min..=store.slab_chunk_max).contains(&size) {
            return usage(format!("slab size {size} is out of valid range"));
        }
        if size <= previous {
            return usage(format!(
                "slab size {size} cannot be lower than or equal to a previous class size"
            ));
        }
        if previous > 0 && size - previous <= 8 {
            return usage(format!(
                "slab size {size} must be at least 8 bytes larger than previous class"
            ));
        }
        previous = size;
    }
    if store.slab_sizes.len() > SLAB_SIZES_MAX {
        return usage("too many slab classes specified".to_owned());
    }
    Ok(())
}
