//! `slabd passwd`, and what it makes.

use std::io::Write;
use std::process::{Command, Stdio};

use crate::common::foreign_server;
use crate::{FAILURE, UserFile, login, server_of};

/// Exit code, standard output, standard error.
fn passwd(arguments: &[&str], input: &str) -> (i32, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_slabd"));
    command.arg("passwd").args(arguments);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the program runs");
    let mut stdin = child.stdin.take().expect("piped");
    let _ = stdin.write_all(input.as_bytes()); // it may have refused its arguments and gone
    drop(stdin);
    let output = child.wait_with_output().expect("it ends");
    let text = |bytes| String::from_utf8(bytes).expect("text");
    (output.status.code().unwrap_or(-1), text(output.stdout), text(output.stderr))
}

#[test]
fn a_line_is_all_it_prints() {
    for (arguments, input) in [
        (&["--user", "ann"][..], "pass word\n"),
        (&["--user=ann"], "pass word"),
        (&[], "ann\r\npass word\r\n"),
    ] {
        let (code, line, errors) = passwd(arguments, input);
        assert_eq!((code, &*errors), (0, ""), "{arguments:?}");
        assert!(line.starts_with("ann:$argon2id$v=19$m=19456,t=2,p=1$"), "{line}");
        assert_eq!(line.lines().count(), 1);
        assert!(line.ends_with('\n'));
    }
}

#[test]
fn what_makes_no_line_is_refused() {
    for (arguments, input, code, text) in [
        (&["--user", "a:b"][..], "x\n", 1, "A user's name is not empty"),
        (&["--user", "a b"], "x\n", 1, "A user's name is not empty"),
        (&["--user", ""], "x\n", 1, "A user's name is not empty"),
        (&["--user", "ann"], "", 1, "An empty password"),
        (&["--user", "ann"], "\n", 1, "An empty password"),
        (&["--user"], "x\n", 64, "Usage: slabd passwd [--user NAME]"),
        (&["ann"], "x\n", 64, "Usage: slabd passwd [--user NAME]"),
    ] {
        let (got, line, errors) = passwd(arguments, input);
        assert_eq!((got, &*line), (code, ""), "{arguments:?}");
        assert!(errors.starts_with(text), "{arguments:?}: {errors}");
    }
}

#[test]
fn the_daemon_takes_its_lines() {
    if foreign_server() {
        eprintln!("skipped: memcached has no hashes");
        return;
    }
    let lines = ["ann", "bob"].map(|user| passwd(&["--user", user], "pass word\n").1);
    let (server, _file): (_, UserFile) = server_of(&lines.concat());
    for user in ["ann", "bob"] {
        let mut c = server.client();
        c.send(login(user, "password")).expect(FAILURE);
        c.send(login(user, "pass word")).expect("STORED\r\n").expect_in_sync();
    }
    server.client().send(login("eve", "pass word")).expect(FAILURE);
}
