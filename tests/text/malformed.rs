//! Lines that mean nothing, and what is swallowed after each kind of error.

use crate::common::{BAD_CHUNK, BAD_FORMAT, Server};

#[track_caller]
fn all_answer(server: &Server, lines: &[&str], reply: &str) {
    let mut c = server.client();
    for line in lines {
        c.send(line).expect(reply);
    }
    c.expect_in_sync();
}

#[test]
fn unknown_words_are_errors() {
    let server = Server::start();
    let lines = ["bogus\r\n", "SET k 0 0 1\r\n", "Get k\r\n", "getx k\r\n", "ab\r\n", "abc\n"];
    all_answer(&server, &lines, "ERROR\r\n");
}

#[test]
fn lines_too_short_to_be_commands_are_bad_lines() {
    let server = Server::start();
    all_answer(&server, &["\r\n", "\n", "a\r\n", " \n", "ab\n", "a\n"], BAD_FORMAT);
}

#[test]
fn a_leading_space_or_a_tab_makes_another_word() {
    let server = Server::start();
    let lines = [" get k\r\n", "   \r\n", "set\tk 0 0 1\r\n", "get\tk\r\n", "\tget k\r\n"];
    all_answer(&server, &lines, "ERROR\r\n");
}

#[test]
fn control_bytes_and_high_bytes_are_unknown_words() {
    let server = Server::start();
    let mut c = server.client();
    c.send("x\r\n").expect(BAD_FORMAT); // the first byte of a connection chooses the dialect
    for byte in (0..=255_u8).filter(|byte| *byte != b'\n') {
        c.send([byte, b'z', b'z', b'z', b'\r', b'\n']).expect("ERROR\r\n");
    }
    c.expect_in_sync();
}

#[test]
fn get_wants_a_key() {
    let server = Server::start();
    all_answer(&server, &["get\r\n", "get \r\n", "gets\r\n", "gets  \r\n"], BAD_FORMAT);
}

/// Too few words, or a length that is none: nothing is swallowed, the data is read as commands.
#[test]
fn a_header_that_cannot_be_believed_swallows_nothing() {
    let server = Server::start();
    let mut c = server.client();
    let headers = ["set k 0 0", "set k", "set", "add k 0 0", "append k 0 0", "cas k 0 0"];
    for header in headers {
        c.send(format!("{header}\r\n")).expect(BAD_FORMAT).expect_in_sync();
    }
    for len in ["-1", "abc", "2147483646", "4294967295", "99999999999999999999", "+3", "3x", "1.0"]
    {
        c.send(format!("set k 0 0 {len}\r\nabc\r\n")).expect(format!("{BAD_FORMAT}ERROR\r\n"));
        c.expect_in_sync();
    }
    c.send("get k\r\n").expect("END\r\n");
}

/// The data of a command refused for its flags, expiry or CAS is swallowed.
#[test]
fn bad_numbers_in_a_storage_line_swallow_the_data() {
    let server = Server::start();
    let mut c = server.client();
    let headers = [
        "set k x 0",
        "set k -1 0",
        "set k 1x 0",
        "set k 0 x",
        "set k 0 1x",
        "add k 0 1.5",
        "replace k 0x10 0",
        "append k y 0",
        "prepend k 0 y",
    ];
    for header in headers {
        c.send(format!("{header} 8\r\nget k12\n\r\n")).expect(BAD_FORMAT).expect_in_sync();
    }
    for cas in ["x", "-1", "18446744073709551616", "1x"] {
        c.send(format!("cas k 0 0 8 {cas}\r\nget k12\n\r\n")).expect(BAD_FORMAT).expect_in_sync();
    }
    c.send("cas k 0 0 8\r\nget k12\n\r\n").expect(BAD_FORMAT).expect_in_sync();
    c.send("get k\r\n").expect("END\r\n");
}

#[test]
fn a_plus_before_flags_and_expiry_is_tolerated() {
    let server = Server::start();
    server.client().says(&[
        ("set k +5 +100 1\r\nx\r\n", "STORED\r\n"),
        ("get k\r\n", "VALUE k 5 1\r\nx\r\nEND\r\n"),
    ]);
}

/// Exactly `bytes + 2` are consumed; what follows is a command.
#[test]
fn a_bad_terminator_resumes_right_behind_it() {
    let server = Server::start();
    let mut c = server.client();
    c.send("set k 0 0 3\r\nabcdefgh\r\n").expect(format!("{BAD_CHUNK}ERROR\r\n"));
    c.send("set k 0 0 3\r\nabcdeget k\r\n").expect(format!("{BAD_CHUNK}END\r\n"));
    c.send("set k 0 0 3\r\nabc\n\r\n").expect(BAD_CHUNK).send("\r\n").expect(BAD_FORMAT);
}

/// The announced length rules, whatever the data looks like.
#[test]
fn shorter_data_than_announced_eats_the_next_line() {
    let server = Server::start();
    server.client().says(&[
        ("set k 0 0 10\r\nabc\r\nget k\r\n", "STORED\r\n"),
        ("get k\r\n", "VALUE k 0 10\r\nabc\r\nget k\r\nEND\r\n"),
        ("set k 0 0 12\r\nabc\r\nget k\r\n\r\n", "STORED\r\n"),
        ("set k 0 0 11\r\nabc\r\nget k\r\n\r\n", BAD_CHUNK),
    ]);
}

#[test]
fn touch_incr_and_delete_with_too_few_words() {
    let server = Server::start();
    all_answer(&server, &["incr\r\n", "incr k\r\n", "decr\r\n"], BAD_FORMAT);
    all_answer(&server, &["touch\r\n", "touch k\r\n", "delete\r\n"], BAD_FORMAT);
}

#[test]
fn verbosity_wants_a_number() {
    let server = Server::start();
    let lines = ["verbosity x\r\n", "verbosity -1\r\n", "verbosity 1x\r\n", "verbosity\r\n"];
    all_answer(&server, &lines, BAD_FORMAT);
}

#[test]
fn an_http_request_ends_the_connection_without_a_word() {
    let server = Server::start();
    for line in ["GET / HTTP/1.1\r\n", "POST /x HTTP/1.0\r\n", "GET / HTTP/\r\n"] {
        server.client().send(line).expect_dropped();
        let request = format!("{line}Host: localhost\r\n\r\nset k 0 0 1\r\nx\r\n");
        server.client().send(request).expect_dropped();
    }
    server.client().send("get k\r\n").expect("END\r\n");
}

/// CVE-2009-1255 and -1494: memory maps are nobody's business.
#[test]
fn stats_maps_and_malloc_do_not_exist() {
    let server = Server::start();
    all_answer(&server, &["stats maps\r\n", "stats malloc\r\n"], "ERROR\r\n");
}

/// CVE-2019-11596, CVE-2020-22570: verbs of other dialects with words missing.
#[test]
fn odd_management_lines_harm_nobody() {
    let server = Server::start();
    let lines = ["lru\r\n", "lru mode\r\n", "lru temp_ttl\r\n", "slabs\r\n", "slabs reassign\r\n"];
    for line in lines {
        let mut c = server.client();
        c.send(line).expect("ERROR\r\n");
        c.expect_in_sync();
    }
    for line in ["mg\r\n", "ms\r\n", "ms k\r\n", "ms k S100\r\n", "md\r\n", "ma\r\n"] {
        let mut c = server.client();
        c.send(line).read_until("\r\n");
        c.expect_in_sync();
    }
}

#[test]
fn strict_framing_closes_after_a_header_that_cannot_be_believed() {
    if crate::common::foreign_server() {
        eprintln!("skipped: strict_framing is ours");
        return;
    }
    let server = Server::with(&["-o", "strict_framing"]);
    for header in ["set k 0 0 -1", "set k 0 0 abc", "set k 0 0", "add k 0 0 2147483646"] {
        let mut c = server.client();
        c.send(format!("{header}\r\nset smuggled 0 0 1\r\nx\r\n"));
        c.expect(BAD_FORMAT).expect_closed();
    }
    let mut c = server.client();
    c.send("get smuggled\r\n").expect("END\r\n");
    c.send("set k x 0 3\r\nabc\r\n").expect(BAD_FORMAT).expect_in_sync();
    c.send("set k 0 0 3\r\nabcde").expect(BAD_CHUNK).expect_in_sync();
}
