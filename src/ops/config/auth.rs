//! -Y and -S: who may log in, in which dialects, and what does not go with it.

use std::path::{Path, PathBuf};

use super::error::{ConfigError, EXIT_FAILURE, EXIT_USAGE};
use super::{Config, Dialect, listen};
use crate::ops::users::{Format, Users};

/// The environment's file of users for -S without -Y.
const SASL_DATABASE: &str = "MEMCACHED_SASL_PWDB";

/// Reads the users, if there are to be any. `asked` is -B, if it was given; the answer is the
/// protocol that listeners speak.
pub fn settle(config: &mut Config, asked: Option<Dialect>) -> Result<Dialect, ConfigError> {
    let protocol = match (config.auth_file.is_some(), config.sasl) {
        (false, false) => return Ok(asked.unwrap_or(Dialect::Auto)),
        (true, false) => only("-Y", Dialect::Text, asked)?,
        (false, true) => only("-S", Dialect::Binary, asked)?,
        (true, true) => only("-Y with -S", Dialect::Auto, asked)?,
    };
    let (path, format) = match &config.auth_file {
        Some(path) => (path.clone(), Format::AuthFile),
        None => (sasl_database()?, Format::SaslDatabase),
    };
    let users = Users::load(&absolute(&path), format).map_err(|error| {
        let message = error.to_string();
        ConfigError::new(EXIT_FAILURE, message).about(
            if config.auth_file.is_some() { "-Y" } else { SASL_DATABASE },
            &path.to_string_lossy(),
            "a file of lines user:password; slabd passwd makes lines with a hash",
        )
    })?;
    config.users = Some(users);
    Ok(protocol)
}

/// What is spoken at a listener that asks for `asked`. Whatever it is, there is one gate; a
/// protocol in which nobody could log in is refused.
pub fn dialect_at(
    config: &Config,
    element: &str,
    asked: Option<Dialect>,
    notes: &mut Vec<String>,
) -> Result<Dialect, ConfigError> {
    let Some(asked) = asked else { return Ok(config.dialect) };
    match (config.auth_file.is_some(), config.sasl, asked) {
        (true, false, Dialect::Binary) => {
            let message = "Cannot use binary protocol when ascii authentication enabled";
            Err(listen::refuse(element, message.to_owned()))
        }
        (true, false, Dialect::Auto) => {
            notes.push(format!("-l {element}: with -Y and without -S, ascii only"));
            Ok(Dialect::Text)
        }
        (false, true, Dialect::Text | Dialect::Auto) => {
            let message = format!("-S does not go with -l {element}: binary only");
            Err(ConfigError::new(EXIT_USAGE, message))
        }
        _ => Ok(asked),
    }
}

/// The one protocol that goes with `option`.
fn only(option: &str, protocol: Dialect, asked: Option<Dialect>) -> Result<Dialect, ConfigError> {
    match asked {
        Some(other) if other != protocol => {
            let (other, protocol) = (other.name(), protocol.name());
            let message = format!("{option} does not go with -B {other}: {protocol} only");
            Err(ConfigError::new(EXIT_USAGE, message))
        }
        _ => Ok(protocol),
    }
}

fn sasl_database() -> Result<PathBuf, ConfigError> {
    std::env::var_os(SASL_DATABASE).filter(|path| !path.is_empty()).map(PathBuf::from).ok_or_else(
        || {
            let message = format!("-S without users: give -Y FILE, or set {SASL_DATABASE}");
            ConfigError::new(EXIT_USAGE, message)
        },
    )
}

/// A daemon leaves its directory, and is to find the file again.
fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}
