//! `--config`: Debian's memcached.conf, and the example.

use std::path::Path;

use crate::{Directory, slabd};

fn example() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("memcached.conf.example");
    path.to_str().expect("plain path").to_owned()
}

#[test]
fn errors_name_file_and_line() {
    let directory = Directory::new("conf-errors");
    for (content, code, text, line) in [
        ("-m 64\n-c 0\n", 1, "Maximum connections must be greater than 0", 2),
        ("\n\nbogus 3\n", 1, "unrecognized option '--bogus'", 3),
        ("-p 11211\n# x\n\n-o hot_lru_pct=80\n", 1, "hot_lru_pct must be > 1 and < 80", 4),
        ("-l \"x\n", 1, "A quotation mark that is not closed", 1),
        ("-l 127.0.0.1:x\n", 71, "Invalid port number: \"x\"", 1),
        ("-m 64 65\n", 1, "Unexpected argument \"65\"", 1),
        ("-Z\n", 1, "not supported yet: -Z", 1),
        ("config other.conf\n", 1, "--config is for the command line", 1),
    ] {
        let file = directory.write("memcached.conf", content);
        let run = slabd(&["--config", &file, "--check-config"]);
        assert_eq!((run.code, &*run.out), (code, ""), "{content:?}");
        assert!(run.err.contains(text), "{content:?}: {}", run.err);
        let place = format!("\n -- in {file}, line {line}\n");
        assert!(run.err.ends_with(&place), "{content:?}: {}", run.err);
    }
}

#[test]
fn a_file_that_is_not_there_is_told() {
    let run = slabd(&["--config", "/nonexistent/x.conf"]);
    assert_eq!(run.code, 1);
    assert!(run.err.starts_with("Cannot read /nonexistent/x.conf: "), "{}", run.err);
}

#[test]
fn the_command_line_overrides_the_file_wherever_it_stands() {
    let directory = Directory::new("conf-override");
    let file = directory.write("memcached.conf", "-m 1\n");
    assert_eq!(slabd(&["--config", &file, "--check-config"]).code, 64, "-I is more than half");
    for arguments in [["-m64", "--config", &file], ["--config", &file, "-m64"]] {
        let run = slabd(&[&arguments[..], &["--check-config"]].concat());
        assert_eq!(run.code, 0, "{}", run.err);
    }
}

#[test]
fn any_bytes_are_an_answer_and_no_panic() {
    let directory = Directory::new("conf-bytes");
    let all: Vec<u8> = (0..=255).collect();
    for content in [&all[..], b"\0", b"\xff\xfe-\0m\0", b"-m \xff", b"--\n-\n=\n"] {
        let file = directory.write("memcached.conf", content);
        let run = slabd(&["--config", &file, "--check-config"]);
        assert_eq!(run.code, 1, "{content:?}: {}", run.err);
        assert!(run.err.contains(" -- in "), "{content:?}: {}", run.err);
    }
}

#[test]
fn the_example_is_valid_line_by_line() {
    let run = slabd(&["--config", &example(), "--check-config"]);
    assert_eq!((run.code, &*run.err), (0, ""));

    let directory = Directory::new("conf-example");
    let text = std::fs::read_to_string(example()).unwrap();
    // The file it names need not be on this machine.
    let text = text.replace("/etc/slabd/users", &directory.write("users", "ann:secret\n"));
    let mut options = 0;
    for line in text.lines().filter_map(|line| line.strip_prefix("#-")) {
        let file = directory.write("one.conf", format!("-{line}\n"));
        let run = slabd(&["--config", &file, "--check-config"]);
        assert_eq!((run.code, &*run.err), (0, ""), "-{line}");
        options += 1;
    }
    assert!(options > 40, "{options}");
}
