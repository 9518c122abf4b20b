//! The command line as typed: memcached's letters and long names, and slabd's own. The only
//! place that knows clap.
//!
//! The result is a list of [`Flag`]s in the order they were typed, because memcached reads its
//! options from left to right and some depend on that order. Nothing has a meaning yet:
//! `ops::config` gives it one. Every entry of `OPTIONS` appears exactly once in the help.

use std::ffi::OsString;

use clap::builder::StyledStr;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, Command, value_parser};

use super::config::error::{ConfigError, Origin};
use super::config::suboptions;

/// Every option there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)] // each is described by its line in OPTIONS
pub enum Opt {
    Port,
    UdpPort,
    Listen,
    UnixSocket,
    UnixMask,
    Backlog,
    Protocol,
    NapiIds,
    EnableSsl,
    EnableSasl,
    AuthFile,
    MemoryLimit,
    MaxItemSize,
    GrowthFactor,
    MinSize,
    DisableEvictions,
    DisableCas,
    LockMemory,
    LargePages,
    MemoryFile,
    ConnLimit,
    Threads,
    MaxRequests,
    EnableShutdown,
    DisableFlushAll,
    DisableDumping,
    DisableWatch,
    Delimiter,
    Daemon,
    PidFile,
    User,
    CoreDumps,
    Verbose,
    Extended,
    Config,
    CheckConfig,
    Help,
    License,
    Compatible,
    Version,
}

/// One option as typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flag {
    /// Which.
    pub opt: Opt,
    /// Its argument; empty for a switch.
    pub value: OsString,
    /// How often, for a switch (`-vv` is 2); 1 for all others.
    pub count: u32,
    /// Where it was typed.
    pub origin: Origin,
}

/// An option's row in the table: (option, short or `'\0'`, long or "", argument or "", help).
type Row = (Opt, char, &'static str, &'static str, &'static str);

/// The options by group, in the order of the help text.
const OPTIONS: &[(&str, &[Row])] = &[
    ("Network", NETWORK),
    ("Memory", MEMORY),
    ("Connections and threads", CONNECTIONS),
    ("Commands", COMMANDS),
    ("Operation", OPERATION),
];

const NETWORK: &[Row] = &[
    (Opt::Port, 'p', "port", "N", "TCP port; 0: none, -1: any free one [default: 11211]"),
    (
        Opt::Listen,
        'l',
        "listen",
        "LIST",
        "addresses to listen on, separated by commas; may be repeated. HOST, HOST:PORT, IPv6, \
         [IPv6]:PORT, * for all, unix:/PATH[:MODE] [default: 127.0.0.1 and ::1, that is, this \
         machine only]",
    ),
    (Opt::UnixSocket, 's', "unix-socket", "PATH", "listen on this unix socket, and no TCP"),
    (Opt::UnixMask, 'a', "unix-mask", "OCTAL", "permissions of unix sockets [default: 700]"),
    (Opt::Backlog, 'b', "listen-backlog", "N", "connections the kernel may queue [default: 1024]"),
    (Opt::Protocol, 'B', "protocol", "NAME", "auto, ascii or binary [default: auto]"),
    (
        Opt::UdpPort,
        'U',
        "udp-port",
        "N",
        "UDP port; 0: none, -1: any free one; -p follows it [default: 0]",
    ),
    (Opt::EnableSsl, 'Z', "enable-ssl", "", "TLS: not supported yet"),
    (
        Opt::EnableSasl,
        'S',
        "enable-sasl",
        "",
        "binary clients log in by SASL PLAIN: users as in -Y, or in $MEMCACHED_SASL_PWDB",
    ),
    (
        Opt::AuthFile,
        'Y',
        "auth-file",
        "FILE",
        "clients log in: FILE has lines user:password, see slabd passwd; SIGHUP reads it again",
    ),
    (Opt::NapiIds, 'N', "napi-ids", "N", "worker by NAPI id: not supported yet"),
];

const MEMORY: &[Row] = &[
    (Opt::MemoryLimit, 'm', "memory-limit", "MIB", "memory for items, in MiB [default: 64]"),
    (
        Opt::MaxItemSize,
        'I',
        "max-item-size",
        "SIZE",
        "largest item, in bytes or with suffix k, m or g; 1k to 1g, at most half of -m \
         [default: 1m]",
    ),
    (Opt::DisableEvictions, 'M', "disable-evictions", "", "at the limit, refuse instead of evict"),
    (
        Opt::GrowthFactor,
        'f',
        "slab-growth-factor",
        "F",
        "growth of chunk sizes from class to class, above 1 [default: 1.1]",
    ),
    (
        Opt::MinSize,
        'n',
        "slab-min-size",
        "BYTES",
        "least room for key, value and flags [default: 16]",
    ),
    (Opt::DisableCas, 'C', "disable-cas", "", "items have no CAS number"),
    (Opt::LockMemory, 'k', "lock-memory", "", "lock memory: never swapped out"),
    (Opt::LargePages, 'L', "enable-largepages", "", "take all memory at start, on huge pages"),
    (Opt::MemoryFile, 'e', "memory-file", "FILE", "restartable memory: not supported yet"),
];

const CONNECTIONS: &[Row] = &[
    (Opt::ConnLimit, 'c', "conn-limit", "N", "clients at the same time [default: 1024]"),
    (Opt::Threads, 't', "threads", "N", "worker threads [default: 4]"),
    (
        Opt::MaxRequests,
        'R',
        "max-reqs-per-event",
        "N",
        "requests of one client before others get their turn [default: by bytes; memcached: 20]",
    ),
];

const COMMANDS: &[Row] = &[
    (Opt::EnableShutdown, 'A', "enable-shutdown", "", "allow the command shutdown"),
    (Opt::DisableFlushAll, 'F', "disable-flush-all", "", "refuse the command flush_all"),
    (
        Opt::DisableDumping,
        'X',
        "disable-dumping",
        "",
        "refuse stats cachedump, stats detail, metadump and mgdump",
    ),
    (Opt::DisableWatch, 'W', "disable-watch", "", "refuse the command watch"),
    (
        Opt::Delimiter,
        'D',
        "",
        "CHAR",
        "end of a key's prefix, for stats detail, which this turns on [default: ':', off]",
    ),
];

const OPERATION: &[Row] = &[
    (Opt::Config, '\0', "config", "FILE", "read options from FILE first, one a line"),
    (
        Opt::CheckConfig,
        '\0',
        "check-config",
        "",
        "check all options, then exit; names are not looked up",
    ),
    (Opt::Daemon, 'd', "daemon", "", "run in the background"),
    (Opt::PidFile, 'P', "pidfile", "FILE", "write the process id to FILE"),
    (
        Opt::User,
        'u',
        "user",
        "NAME",
        "when started as root, run as this user [default: memcache, memcached or nobody]",
    ),
    (Opt::CoreDumps, 'r', "enable-coredumps", "", "raise the limit on core files"),
    (Opt::Verbose, 'v', "verbose", "", "say more; -vv and -vvv even more"),
    (Opt::Extended, 'o', "extended", "LIST", "sub-options, separated by commas; see below"),
    (Opt::Help, 'h', "help", "", "print this help"),
    (Opt::License, 'i', "license", "", "print the licence"),
    (Opt::Compatible, 'V', "", "", "print the memcached version this answers to"),
    (Opt::Version, '\0', "version", "", "print slabd's own version"),
];

fn rows() -> impl Iterator<Item = &'static Row> {
    OPTIONS.iter().flat_map(|(_, rows)| rows.iter())
}

impl Opt {
    fn row(self) -> &'static Row {
        rows().find(|row| row.0 == self).expect("every option has a row, see the tests")
    }

    /// As an error should name it: `-c`, or `--config` where there is no letter.
    pub fn name(self) -> String {
        match self.row() {
            (_, '\0', long, _, _) => format!("--{long}"),
            (_, short, _, _, _) => format!("-{short}"),
        }
    }
}

/// What was typed, in order. `words` is without the program's name, which `program` is.
pub fn parse(program: &str, words: &[OsString], origin: &Origin) -> Result<Vec<Flag>, ConfigError> {
    let matches = command()
        .try_get_matches_from(words)
        .map_err(|error| explain(program, words, &error).at(origin.clone()))?;
    let mut placed: Vec<(usize, Flag)> = Vec::new();
    for &(opt, _, _, argument, _) in rows() {
        let id = format!("{opt:?}");
        if matches.value_source(&id) != Some(ValueSource::CommandLine) {
            continue;
        }
        let mut indices = matches.indices_of(&id).into_iter().flatten();
        if argument.is_empty() {
            let count = match opt {
                Opt::Verbose => u32::from(matches.get_count(&id)),
                _ => 1,
            };
            let at = indices.next_back().unwrap_or(0);
            let value = OsString::new();
            placed.push((at, Flag { opt, value, count, origin: origin.clone() }));
            continue;
        }
        let values = matches.get_many::<OsString>(&id).into_iter().flatten();
        for (at, value) in indices.zip(values) {
            let value = value.clone();
            placed.push((at, Flag { opt, value, count: 1, origin: origin.clone() }));
        }
    }
    placed.sort_by_key(|(at, _)| *at);
    Ok(placed.into_iter().map(|(_, flag)| flag).collect())
}

/// The text of `-h`.
pub fn help() -> String {
    command().render_help().to_string()
}

fn command() -> Command {
    let mut command = Command::new("slabd")
        .no_binary_name(true)
        .infer_long_args(true)
        .disable_help_flag(true)
        .disable_version_flag(true)
        .help_template(format!(
            "memcached {}\nslabd {}, a cache that speaks memcached's protocol\n\n\
             Usage: slabd [OPTION]...\n       \
             slabd passwd [--user NAME]    make a line for the file of -Y\n\n\
             {{all-args}}{{after-help}}",
            super::VERSION,
            env!("CARGO_PKG_VERSION"),
        ))
        .after_help(StyledStr::from(suboptions::help()));
    for (group, rows) in OPTIONS {
        for &(opt, short, long, argument, help) in *rows {
            let mut arg = Arg::new(format!("{opt:?}")).help(help).help_heading(*group);
            if short != '\0' {
                arg = arg.short(short);
            }
            if !long.is_empty() {
                arg = arg.long(long);
            }
            if argument.is_empty() {
                arg = match opt {
                    Opt::Verbose => arg.action(ArgAction::Count),
                    _ => arg.action(ArgAction::SetTrue).overrides_with(format!("{opt:?}")),
                };
            } else {
                arg = arg
                    .action(ArgAction::Append)
                    .value_name(argument)
                    .value_parser(value_parser!(OsString))
                    .allow_hyphen_values(true);
            }
            command = command.arg(arg);
        }
    }
    command
}

/// Behind memcached's two lines.
const HINT: &str = " -- -h lists the options";

/// clap's complaint in getopt's words, as memcached prints it.
fn explain(program: &str, words: &[OsString], error: &clap::Error) -> ConfigError {
    let context = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => text.clone(),
        _ => String::new(),
    };
    let culprit = context(ContextKind::InvalidArg);
    let name = culprit.split([' ', '=', '.']).next().unwrap_or_default();
    let last = words.last().map(|word| word.to_string_lossy().into_owned()).unwrap_or_default();
    let complaint = match error.kind() {
        ErrorKind::UnknownArgument if !name.starts_with('-') || name == "-" => {
            let reason = "slabd takes options only; see -h";
            return ConfigError::new(1, format!("Unexpected argument \"{culprit}\": {reason}"));
        }
        ErrorKind::UnknownArgument if name.starts_with("--") => {
            match candidates(name.trim_start_matches('-')) {
                names if names.len() > 1 => {
                    format!("option '{name}' is ambiguous; possibilities: {}", names.join(" "))
                }
                _ => format!("unrecognized option '{name}'"),
            }
        }
        ErrorKind::UnknownArgument => {
            format!("invalid option -- '{}'", name.trim_start_matches('-'))
        }
        ErrorKind::TooManyValues => format!("option '{name}' doesn't allow an argument"),
        ErrorKind::InvalidValue if last.starts_with("--") => {
            format!("option '{last}' requires an argument")
        }
        ErrorKind::InvalidValue => {
            format!("option requires an argument -- '{}'", last.chars().last().unwrap_or('?'))
        }
        _ => error.render().to_string().lines().next().unwrap_or_default().to_owned(),
    };
    ConfigError::new(1, format!("{program}: {complaint}\nIllegal argument \"?\"\n{HINT}"))
}

/// The long names that `prefix` may stand for.
fn candidates(prefix: &str) -> Vec<String> {
    rows()
        .filter(|row| !row.2.is_empty() && row.2.starts_with(prefix))
        .map(|row| format!("'--{}'", row.2))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXAMPLE: &str = include_str!("../../memcached.conf.example");

    fn typed(words: &[&str]) -> Vec<(Opt, String, u32)> {
        let words: Vec<OsString> = words.iter().map(OsString::from).collect();
        let flags = parse("slabd", &words, &Origin::CommandLine).unwrap();
        let plain = |flag: Flag| (flag.opt, flag.value.into_string().unwrap(), flag.count);
        flags.into_iter().map(plain).collect()
    }

    #[test]
    fn clap_finds_no_fault_with_the_table() {
        command().debug_assert();
    }

    #[test]
    fn every_option_is_in_the_example_file() {
        for row in rows() {
            let mentioned = match row {
                (_, '\0', long, _, _) => EXAMPLE.contains(&format!("--{long}")),
                (_, short, _, "", _) => EXAMPLE.contains(&format!("-{short}")),
                (_, short, _, _, _) => {
                    EXAMPLE.contains(&format!("-{short} ")) || {
                        EXAMPLE.contains(&format!("-{short},"))
                    }
                }
            };
            assert!(mentioned, "{row:?}");
        }
    }

    #[test]
    fn options_keep_the_order_they_were_typed_in() {
        let flags = typed(&["-vp1", "-o", "a", "-c", "2", "-p", "-1", "-oa=b,c", "-vv", "--po=3"]);
        let expected = [
            (Opt::Port, "1", 1),
            (Opt::Extended, "a", 1),
            (Opt::ConnLimit, "2", 1),
            (Opt::Port, "-1", 1),
            (Opt::Extended, "a=b,c", 1),
            (Opt::Verbose, "", 3),
            (Opt::Port, "3", 1),
        ];
        assert_eq!(flags, expected.map(|(opt, value, count)| (opt, value.to_owned(), count)));
    }

    #[test]
    fn a_switch_may_be_repeated() {
        assert_eq!(typed(&["-A", "-AF", "-A"]).len(), 2);
    }

    #[test]
    fn names_are_as_typed() {
        assert_eq!(Opt::ConnLimit.name(), "-c");
        assert_eq!(Opt::Config.name(), "--config");
        for row in rows() {
            assert!(row.0.name().len() > 1, "{row:?}");
        }
    }
}
