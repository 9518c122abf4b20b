//! One line on standard error that says what is going on; nothing if nobody watches.

use std::io::{IsTerminal, stderr};

/// Replaces the line.
pub fn show(text: &str) {
    if stderr().is_terminal() {
        eprint!("\r\x1b[K{text}");
    }
}

/// A line that stays, also in a log.
pub fn note(text: &str) {
    show("");
    eprintln!("{text}");
}
