//! What -Y and -S say at start.

use std::process::Command;

use crate::UserFile;
use crate::common::foreign_server;

/// Exit code, and standard error. The options must be such that it does not start.
fn refused(options: &[&str]) -> (i32, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_slabd"));
    command.args(["-u", "root", "-p", "-1"]).args(options).env_remove("MEMCACHED_SASL_PWDB");
    let output = command.output().expect("the program runs");
    let errors = String::from_utf8(output.stderr).expect("text");
    (output.status.code().unwrap_or(-1), errors)
}

#[test]
fn a_file_that_is_not_right_is_refused() {
    if foreign_server() {
        return;
    }
    let file = UserFile::new("");
    let path = file.path();
    let malformed = format!("Authfile [{path}] has a malformed entry. Should be 'user:password'");
    for content in ["", "\n", "\n\n\n\n", "ann", "ann:x\nbob\n", ":x", "ann:", "\0\u{1}\u{ff}"] {
        file.write(content);
        let (code, errors) = refused(&["-Y", path]);
        assert_eq!(code, 1, "{content:?}");
        assert_eq!(errors.lines().next(), Some(&*malformed), "{content:?}");
    }
    file.write(&format!("ann:{}\n", "x".repeat(2000)));
    let (code, errors) = refused(&["-Y", path]);
    assert_eq!(code, 1);
    assert!(errors.contains("line 1: longer than 1024 bytes"), "{errors}");
    let (code, errors) = refused(&["-Y", "/nowhere/at/all"]);
    assert_eq!(code, 1);
    assert!(errors.starts_with("Could not open authfile [/nowhere/at/all] for reading, error "));
}

#[test]
fn what_does_not_go_with_it_is_refused() {
    let file = UserFile::new("ann:x\n");
    let (code, errors) = refused(&["-Y", file.path(), "-B", "auto"]);
    assert_eq!(code, 64, "{errors}");
    let (code, _) = refused(&["-Y", file.path(), "-U", "11211"]);
    assert_ne!(code, 0);
    let (code, errors) = refused(&["-Y", ""]);
    assert_eq!((code, errors.lines().next()), (1, Some("Invalid value for -Y")));
}

#[test]
fn sasl_needs_users_and_binary() {
    let (code, errors) = refused(&["-S"]);
    assert_eq!(code, 64);
    assert!(errors.starts_with("-S without users: give -Y FILE, or set MEMCACHED_SASL_PWDB"));
    let file = UserFile::new("ann:x\n");
    for protocol in ["ascii", "binary"] {
        let (code, errors) = refused(&["-S", "-Y", file.path(), "-B", protocol]);
        assert_eq!(code, 64, "{errors}");
    }
}

#[test]
fn check_config_looks_at_the_file() {
    let file = UserFile::new("ann:x\n");
    let (code, errors) = refused(&["-Y", file.path(), "--check-config"]);
    assert_eq!((code, &*errors), (0, ""));
    file.write("ann");
    assert_eq!(refused(&["-Y", file.path(), "--check-config"]).0, 1);
}
