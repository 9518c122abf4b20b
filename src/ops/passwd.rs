//! `slabd passwd [--user NAME]`: a line for the file of -Y, with the password as a hash.
//!
//! What is not given is asked for on the terminal, or read from standard input: a line each, the
//! user first. Only the line goes to standard output, so that `>> users` does what it says.

use std::ffi::OsString;
use std::io::{self, BufRead, IsTerminal, Write};

use super::config::error::{ConfigError, EXIT_FAILURE, EXIT_USAGE};
use super::users;
use crate::sys::terminal;

/// The line, with its end. `words` stand behind `passwd`.
pub fn run(words: &[OsString]) -> Result<String, ConfigError> {
    let user = match user_of(words)? {
        Some(user) => user,
        None => ask("User: ", false)?,
    };
    // A text client sends user and password with a space between.
    if user.is_empty() || user.iter().any(|byte| b": \r\n\0".contains(byte)) {
        return Err(failure("A user's name is not empty, and has no colon and no space"));
    }
    let password = ask("Password: ", true)?;
    if password.is_empty() {
        return Err(failure("An empty password"));
    }
    if io::stdin().is_terminal() && ask("Again: ", true)? != password {
        return Err(failure("The passwords differ"));
    }
    let hash = users::hash_password(&password).map_err(|error| failure(&error.to_string()))?;
    let user = String::from_utf8(user).map_err(|_| failure("A user's name is UTF-8"))?;
    Ok(format!("{user}:{hash}\n"))
}

fn user_of(words: &[OsString]) -> Result<Option<Vec<u8>>, ConfigError> {
    let bytes: Vec<&[u8]> = words.iter().map(|word| word.as_encoded_bytes()).collect();
    match bytes[..] {
        [] => Ok(None),
        [b"--user", name] => Ok(Some(name.to_vec())),
        [word] if word.starts_with(b"--user=") => Ok(Some(word[b"--user=".len()..].to_vec())),
        _ => Err(ConfigError::new(EXIT_USAGE, "Usage: slabd passwd [--user NAME]")),
    }
}

/// A line of standard input, prompted for if somebody types it.
fn ask(prompt: &str, hidden: bool) -> Result<Vec<u8>, ConfigError> {
    let unreadable = |error| failure(&format!("Cannot read what was typed: {error}"));
    let typed = io::stdin().is_terminal();
    if typed && hidden {
        let line = terminal::read_hidden(prompt);
        eprintln!();
        return line.map_err(unreadable);
    }
    if typed {
        eprint!("{prompt}");
    }
    let _ = io::stderr().flush(); // a prompt that is not seen is no failure
    let mut line = Vec::new();
    io::stdin().lock().read_until(b'\n', &mut line).map_err(unreadable)?;
    while line.pop_if(|byte| matches!(byte, b'\n' | b'\r')).is_some() {}
    Ok(line)
}

fn failure(message: &str) -> ConfigError {
    ConfigError::new(EXIT_FAILURE, message)
}
