//! What is wrong with an option: the text memcached prints, its exit code, and below it which
//! option, which value, what is allowed and where it was written.

use std::fmt;

/// Where an option was written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Origin {
    /// On the command line.
    #[default]
    CommandLine,
    /// In a configuration file: its name and the line, from 1.
    File(String, usize),
}

/// A bad option value, a conflict between options.
pub const EXIT_FAILURE: u8 = 1;
/// `EX_USAGE`: options that do not go together.
pub const EXIT_USAGE: u8 = 64;
/// `EX_NOUSER`: `-u` names nobody.
pub const EXIT_NO_USER: u8 = 67;
/// `EX_OSERR`: the system refused.
pub const EXIT_OS: u8 = 71;

/// Why the daemon does not start. Printed by main, which exits with `code`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    /// The exit code.
    pub code: u8,
    /// memcached's text where it has one. May be two lines.
    pub message: String,
    /// The option as typed (`-c`, `-o idle_timeout`), its value, and what would be right.
    pub about: Option<Box<[String; 3]>>,
    /// Where it was written.
    pub origin: Origin,
}

impl ConfigError {
    /// An error that has no more to say than `message`.
    pub fn new(code: u8, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), about: None, origin: Origin::CommandLine }
    }

    /// It concerns this option and value; `allowed` says what would be right.
    pub fn about(mut self, option: &str, value: &str, allowed: &str) -> Self {
        self.about = Some(Box::new([option, value, allowed].map(str::to_owned)));
        self
    }

    /// It was written there.
    pub fn at(mut self, origin: Origin) -> Self {
        self.origin = origin;
        self
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.message)?;
        if let Some([option, value, allowed]) = self.about.as_deref() {
            write!(f, "\n -- {option} \"{}\": {allowed}", value.escape_default())?;
        }
        if let Origin::File(name, line) = &self.origin {
            write!(f, "\n -- in {name}, line {line}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigError {}
