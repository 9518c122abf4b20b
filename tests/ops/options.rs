//! The command line as a user or a script meets it.

use crate::{Directory, run, slabd};

#[test]
fn version_and_help_say_what_clients_gate_on() {
    let version = slabd(&["-V"]);
    assert_eq!((version.code, &*version.out, &*version.err), (0, "memcached 1.6.45\n", ""));
    for option in ["-h", "--help", "-i", "--license"] {
        let help = slabd(&[option]);
        assert_eq!((help.code, &*help.err), (0, ""), "{option}");
        assert_eq!(help.out.lines().next(), Some("memcached 1.6.45"), "{option}");
    }
    let own = slabd(&["--version"]);
    assert_eq!(own.out, format!("slabd {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn the_licence_is_printed_whole() {
    let licence = slabd(&["-i"]).out;
    for text in ["MIT License", "the slabd authors", "Apache License", "Version 2.0"] {
        assert!(licence.contains(text), "{text}");
    }
}

#[test]
fn the_help_has_every_group_and_the_sub_options() {
    let help = slabd(&["-h"]).out;
    for text in [
        "Network:",
        "Memory:",
        "Connections and threads:",
        "Commands:",
        "Operation:",
        "-o sub-options:",
        "  request_timeout=S ",
        "-m, --memory-limit <MIB>",
        "[default: 64]",
    ] {
        assert!(help.contains(text), "{text}");
    }
}

/// What follows getopt's line: memcached's second one, and where to look.
const AFTER: &str = "Illegal argument \"?\"\n -- -h lists the options\n";

#[test]
fn a_program_called_memcached_is_the_same() {
    let directory = Directory::new("symlink");
    let program = directory.file("memcached");
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_slabd"), &program).unwrap();
    assert_eq!(run(&program, &["-V"]).out, "memcached 1.6.45\n");
    assert_eq!(run(&program, &["-h"]).out, slabd(&["-h"]).out);
    let error = run(&program, &["-q"]);
    let name = program.display();
    assert_eq!(error.err, format!("{name}: invalid option -- 'q'\n{AFTER}"));
}

#[test]
fn errors_go_to_standard_error_with_memcacheds_exit_code() {
    for (arguments, code, text) in [
        (&["-c", "0"][..], 1, "Maximum connections must be greater than 0\n"),
        (&["-p", "70000"], 64, "ERROR: Invalid port number 70000.\n"),
        (&["-I", "1000"], 64, "Item max size cannot be less than 1024 bytes.\n"),
        (&["-l", "127.0.0.1:x"], 71, "Invalid port number: \"x\"\n"),
        (&["-o", "bogus=1"], 1, "Illegal suboption \"bogus=1\"\n"),
        (&["-Z"], 1, "not supported yet: -Z"),
        (&["stray"], 1, "Unexpected argument \"stray\""),
        (&["-c", "0", "-h"], 1, "Maximum connections"),
    ] {
        let run = slabd(arguments);
        assert_eq!((run.code, &*run.out), (code, ""), "{arguments:?}");
        assert!(run.err.starts_with(text), "{arguments:?}: {}", run.err);
    }
}

#[test]
fn an_unknown_option_is_told_in_getopts_words() {
    let program = env!("CARGO_BIN_EXE_slabd");
    for (arguments, text) in [
        (&["-q"][..], "invalid option -- 'q'"),
        (&["-vq"], "invalid option -- 'q'"),
        (&["--foo"], "unrecognized option '--foo'"),
        (&["--foo=3"], "unrecognized option '--foo'"),
        (&["--verbose=3"], "option '--verbose' doesn't allow an argument"),
        (&["-p"], "option requires an argument -- 'p'"),
        (&["-vp"], "option requires an argument -- 'p'"),
        (&["--port"], "option '--port' requires an argument"),
        (
            &["--enable-s"],
            "option '--enable-s' is ambiguous; possibilities: '--enable-ssl' '--enable-sasl' \
             '--enable-shutdown'",
        ),
    ] {
        let run = slabd(arguments);
        let text = format!("{program}: {text}\n{AFTER}");
        assert_eq!((run.code, run.err), (1, text), "{arguments:?}");
    }
}

#[test]
fn check_config_tells_right_from_wrong() {
    let right = slabd(&["--check-config", "-vvdrp-1", "--thr=8", "-o", "modern,idle_timeout=5"]);
    assert_eq!((right.code, &*right.out), (0, "The configuration is valid.\n"));
    let wrong = slabd(&["-m", "1", "--check-config"]);
    assert_eq!((wrong.code, &*wrong.out), (64, ""));
}
