//! The log: lines on standard error, through env_logger.
//!
//! | verbosity | what is logged |
//! |---|---|
//! | 0 | warnings and errors; at start also where the daemon listens and as whom it runs |
//! | 1 (-v) | and what the daemon does: start, stop, reload |
//! | 2 (-vv) | and what each connection does |
//! | 3 (-vvv) | and everything else |
//!
//! What a client sent is never logged but through [`escape`].

use std::fmt::Write as _;
use std::io::Write as _;

use log::LevelFilter;

/// The highest verbosity there is.
pub const VERBOSITY_MAX: u32 = 3;

/// Starts logging, with the lines about the start shown whatever the verbosity is. To be followed
/// by [`set_verbosity`] when the start is over. A second call changes nothing.
pub fn init(verbosity: u32) {
    let started = env_logger::Builder::new()
        .filter_level(LevelFilter::Trace) // log::set_max_level decides
        .format(|out, record| {
            let level = record.level().as_str().to_ascii_lowercase();
            writeln!(out, "{} {level}: {}", out.timestamp_seconds(), record.args())
        })
        .try_init();
    if started.is_ok() {
        log::set_max_level(level(verbosity).max(LevelFilter::Info));
    }
}

/// From now on log at this verbosity: -v at start, `verbosity N` later.
pub fn set_verbosity(verbosity: u32) {
    log::set_max_level(level(verbosity));
}

/// Bytes as text fit for a log line: what is not printable ASCII becomes an escape.
pub fn escape(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for &byte in bytes {
        match byte {
            b'\\' => text.push_str("\\\\"),
            b' '..=b'~' => text.push(byte as char),
            _ => {
                let _ = write!(text, "\\x{byte:02x}");
            }
        }
    }
    text
}

fn level(verbosity: u32) -> LevelFilter {
    match verbosity {
        0 => LevelFilter::Warn,
        1 => LevelFilter::Info,
        2 => LevelFilter::Debug,
        VERBOSITY_MAX.. => LevelFilter::Trace,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_control_byte_reaches_the_log() {
        assert_eq!(escape(b"get a b"), "get a b");
        assert_eq!(escape(b"a\r\n\x1b[2J\0\x7f\xff\\"), "a\\x0d\\x0a\\x1b[2J\\x00\\x7f\\xff\\\\");
        let all: Vec<u8> = (0..=255).collect();
        assert!(escape(&all).bytes().all(|byte| (b' '..=b'~').contains(&byte)));
    }

    #[test]
    fn each_v_says_more() {
        let levels: Vec<LevelFilter> = (0..5).map(level).collect();
        assert!(levels.is_sorted());
        assert_eq!((levels[0], levels[4]), (LevelFilter::Warn, LevelFilter::Trace));
    }
}
