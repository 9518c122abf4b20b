//! What the operator sees: options, the configuration file, exit codes. Black box: every test runs
//! the built program.

#[path = "../common/mod.rs"]
mod common;

mod conf_file;
mod options;
mod startup;

use std::path::{Path, PathBuf};
use std::process::Command;

/// What a run printed, and how it ended.
#[derive(Debug)]
pub struct Run {
    /// The exit code; -1 if a signal ended it.
    pub code: i32,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

/// Runs the program to its end.
pub fn slabd(arguments: &[&str]) -> Run {
    run(Path::new(env!("CARGO_BIN_EXE_slabd")), arguments)
}

/// As [`slabd`], under another name.
pub fn run(program: &Path, arguments: &[&str]) -> Run {
    let output = Command::new(program).args(arguments).output().expect("the program runs");
    Run {
        code: output.status.code().unwrap_or(-1),
        out: String::from_utf8(output.stdout).expect("prints text"),
        err: String::from_utf8(output.stderr).expect("complains in text"),
    }
}

/// A directory of one test's own, removed with it.
pub struct Directory(PathBuf);

impl Directory {
    /// An empty one. `test` is the test's name.
    pub fn new(test: &str) -> Directory {
        let path = std::env::temp_dir().join(format!("slabd-{test}-{}", std::process::id()));
        std::fs::create_dir_all(&path).expect("temporary directory");
        Directory(path)
    }

    /// The path of a file in it.
    pub fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Writes a file in it; its path as text.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        std::fs::write(self.file(name), content).expect("temporary file");
        self.file(name).to_str().expect("plain path").to_owned()
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
