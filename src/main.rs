//! Arguments → config → server → exit code.

use std::ffi::OsString;
use std::io::{ErrorKind, Write};
use std::process::ExitCode;

use slabd::ops::config::error::{ConfigError, EXIT_FAILURE, EXIT_OS};
use slabd::ops::config::{self, Config, Invocation};
use slabd::ops::passwd;
use slabd::ops::startup::Startup;
use slabd::server;

fn main() -> ExitCode {
    let words: Vec<OsString> = std::env::args_os().collect();
    let invocation = match words.get(1) {
        Some(word) if word == "passwd" => passwd::run(&words[2..]).map(Invocation::Print),
        _ => config::invocation(&words),
    };
    let outcome = match invocation {
        Ok(Invocation::Print(text)) => print(&text),
        Ok(Invocation::Run(config)) => run(*config),
        Err(error) => Err(error),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "{error}"); // with stderr closed, the code says it
            ExitCode::from(error.code)
        }
    }
}

fn run(config: Config) -> Result<(), ConfigError> {
    let startup = Startup::begin(&config)?;
    let mut pid_file = None; // removed when the server has stopped
    let settings = config.clone();
    server::run(config, || {
        pid_file = startup.listening(&settings)?;
        Ok(())
    })
    .map_err(|message| ConfigError::new(EXIT_OS, message))
}

/// A reader that has seen enough, as in `-h | head`, is no error.
fn print(text: &str) -> Result<(), ConfigError> {
    let mut out = std::io::stdout();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(ConfigError::new(EXIT_FAILURE, format!("Cannot print: {error}")))
        }
        _ => Ok(()),
    }
}
