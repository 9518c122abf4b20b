//! SASL PLAIN over binary (PROTOCOL 4.1), alone and beside -Y.

use crate::common::{Client, Server, foreign_server};
use crate::packets::{
    AUTH, CONTINUE, FAILED, INVALID, LIST, OK, STEP, UNKNOWN, ask, expect, packet, plain,
};
use crate::{FAILURE, UNAUTHENTICATED, UserFile, ann, cheap_hash, login};

const NOOP: u8 = 0x0a;
const VERSION: u8 = 0x0b;
const NO: &str = "Auth failure.";
const YES: &str = "Authenticated";

/// Users ann (`secret`) and bob (a hash of `to ken`), in both dialects.
fn both() -> Option<(Server, UserFile)> {
    if foreign_server() {
        eprintln!("skipped: memcached's SASL has a configuration of its own");
        return None;
    }
    let file = UserFile::new(&format!("ann:secret\nbob:{}\n", cheap_hash("to ken")));
    let server = Server::with(&["-S", "-Y", file.path()]);
    Some((server, file))
}

/// One that has logged in.
fn inside(server: &Server) -> Client {
    let mut c = server.client();
    ask(&mut c, &plain("ann", "secret"), OK, YES);
    c
}

#[test]
fn who_has_authenticated_may_do_all() {
    let Some((server, _file)) = both() else { return };
    for (user, password) in [("ann", "secret"), ("bob", "to ken"), ("bob", "to ken")] {
        let mut c = server.client();
        ask(&mut c, &packet(LIST, &[], "", ""), OK, "PLAIN");
        ask(&mut c, &plain(user, password), OK, YES);
        ask(&mut c, &packet(NOOP, &[], "", ""), OK, "");
        c.send(packet(0x11, &[0; 8], "k", "hello")); // a quiet set
        c.send(packet(0x0c, &[], "k", "")); // getk
        let answer = c.read(24 + 4 + 1 + 5);
        assert_eq!(&answer[28..], b"khello");
    }
}

#[test]
fn the_response_may_come_in_a_step() {
    let Some((server, _file)) = both() else { return };
    let mut c = server.client();
    ask(&mut c, &packet(AUTH, &[], "plain", ""), CONTINUE, "");
    ask(&mut c, &packet(STEP, &[], "Plain", "\0ann\0secret"), OK, YES);
    ask(&mut c, &packet(NOOP, &[], "", ""), OK, "");
}

#[test]
fn what_is_wrong_is_refused_and_may_be_tried_again() {
    let Some((server, _file)) = both() else { return };
    for request in [
        plain("ann", "Secret"),
        plain("ann", "secret\0"),
        plain("eve", "secret"),
        plain("", ""),
        packet(AUTH, &[], "PLAIN", "ann secret"),
        packet(AUTH, &[], "PLAIN", "bob\0ann\0secret"),
        packet(AUTH, &[], "PLAIN", &format!("\0ann\0{}", "x".repeat(20_000))),
        packet(AUTH, &[], "PLAIN", &format!("\0ann\0{}", "x".repeat(100_000))),
        packet(AUTH, &[], "CRAM-MD5", ""),
        packet(AUTH, &[], "ANONYMOUS", "x"),
        packet(STEP, &[], "PLAIN", "\0ann\0secret"),
    ] {
        let mut c = server.client();
        ask(&mut c, &request, FAILED, NO);
        ask(&mut c, &packet(STEP, &[], "PLAIN", "\0ann\0secret"), FAILED, NO);
        ask(&mut c, &packet(VERSION, &[], "", ""), OK, "1.6.45");
        ask(&mut c, &plain("ann", "secret"), OK, YES);
        ask(&mut c, &packet(NOOP, &[], "", ""), OK, "");
    }
}

/// Every opcode there can be, quiet or not: one answer, and the end.
#[test]
fn strangers_are_answered_nothing_else() {
    let Some((server, _file)) = both() else { return };
    let mut owner = inside(&server);
    owner.send(packet(0x11, &[0; 8], "canary", "42"));
    ask(&mut owner, &packet(NOOP, &[], "", ""), OK, "");
    for opcode in (0..=0xff).filter(|opcode| ![VERSION, LIST, AUTH, STEP].contains(opcode)) {
        for request in [
            packet(opcode, &[], "", ""),
            packet(opcode, &[], "canary", ""),
            packet(opcode, &[0; 4], "canary", ""),
            packet(opcode, &[0; 8], "canary", "1"),
            packet(opcode, &[0; 20], "canary", ""),
        ] {
            let mut c = server.client();
            c.send([&*request, &*request].concat());
            expect(&mut c, opcode, FAILED, NO);
            c.expect_closed();
        }
    }
    owner.send(packet(0x00, &[], "canary", ""));
    assert_eq!(&owner.read(24 + 4 + 2)[28..], b"42");
}

#[test]
fn a_packet_that_makes_no_sense_is_told_so() {
    let Some((server, _file)) = both() else { return };
    // A long name is forgiven; no name, or extras, are not.
    let mut c = server.client();
    ask(&mut c, &packet(AUTH, &[], &"x".repeat(33), "\0ann\0secret"), INVALID, "Invalid arguments");
    ask(&mut c, &plain("ann", "secret"), OK, YES);
    for request in [packet(AUTH, &[], "", "\0ann\0secret"), packet(AUTH, b"1234", "PLAIN", "x")] {
        let mut c = server.client();
        ask(&mut c, &request, INVALID, "Invalid arguments");
        c.expect_closed();
    }
    // CVE-2016-8706: a key longer than its body.
    for body in [0, 1] {
        let mut bytes = packet(AUTH, &[], &"k".repeat(250), "");
        bytes[8..12].copy_from_slice(&u32::to_be_bytes(body));
        let mut c = server.client();
        ask(&mut c, &bytes, UNKNOWN, "Unknown command");
        c.expect_closed();
    }
}

/// CVE-2013-7239, and its like: an attempt that fails takes away what one before had given.
#[test]
fn a_failed_attempt_locks_again() {
    let Some((server, _file)) = both() else { return };
    for attempt in [
        plain("ann", "wrong"),
        packet(AUTH, &[], "CRAM-MD5", "x"),
        packet(STEP, &[], "PLAIN", "\0ann\0secret"),
    ] {
        let mut c = inside(&server);
        c.send([attempt.clone(), packet(NOOP, &[], "", "")].concat());
        expect(&mut c, attempt[1], FAILED, NO);
        expect(&mut c, NOOP, FAILED, NO);
        c.expect_closed();
    }
    // A beginning is an attempt as well; asking for the mechanisms is none.
    let mut c = inside(&server);
    ask(&mut c, &packet(LIST, &[], "", ""), OK, "PLAIN");
    ask(&mut c, &packet(NOOP, &[], "", ""), OK, "");
    ask(&mut c, &packet(AUTH, &[], "PLAIN", ""), CONTINUE, "");
    ask(&mut c, &packet(NOOP, &[], "", ""), FAILED, NO);
    c.expect_closed();
}

#[test]
fn each_connection_has_a_state_of_its_own() {
    let Some((server, _file)) = both() else { return };
    let (mut one, mut two) = (server.client(), server.client());
    ask(&mut one, &packet(AUTH, &[], "PLAIN", ""), CONTINUE, "");
    ask(&mut two, &packet(STEP, &[], "PLAIN", "\0ann\0secret"), FAILED, NO);
    ask(&mut one, &packet(STEP, &[], "PLAIN", "\0ann\0secret"), OK, YES);
    ask(&mut two, &packet(NOOP, &[], "", ""), FAILED, NO);
    ask(&mut one, &packet(NOOP, &[], "", ""), OK, "");
}

#[test]
fn attempts_are_counted_as_memcached_counts_them() {
    let Some((server, _file)) = both() else { return };
    let mut c = server.client();
    ask(&mut c, &packet(LIST, &[], "", ""), OK, "PLAIN");
    ask(&mut c, &packet(AUTH, &[], "PLAIN", ""), CONTINUE, "");
    ask(&mut c, &packet(AUTH, &[], &"x".repeat(33), "y"), INVALID, "Invalid arguments");
    ask(&mut c, &packet(STEP, &[], "PLAIN", ""), FAILED, NO);
    ask(&mut c, &plain("ann", "wrong"), FAILED, NO);
    ask(&mut c, &plain("ann", "secret"), OK, YES);
    let stats = ann(&server).stats("");
    assert_eq!((&*stats["auth_cmds"], &*stats["auth_errors"]), ("4", "2"));
    let settings = ann(&server).stats("settings");
    assert_eq!(settings["auth_enabled_sasl"], "yes");
    assert_eq!(settings["binding_protocol"], "auto-negotiate");
}

/// One gate for both dialects: text beside binary, on the same listener.
#[test]
fn with_both_options_each_listener_takes_both_dialects() {
    let Some((server, file)) = both() else { return };
    let mut text = server.client();
    text.send("get key\r\n").expect(UNAUTHENTICATED);
    text.send(login("bob", "wrong")).expect(FAILURE);
    text.send(login("bob", "to ken")).expect("STORED\r\n").expect_in_sync();
    inside(&server);
    // A connection does not change its dialect.
    let mut c = server.client();
    c.send("get key\r\n").expect(UNAUTHENTICATED).send(plain("ann", "secret")).send("\r\n");
    assert!(!c.read_for(std::time::Duration::from_millis(300)).starts_with(&[0x81]));
    let mut c = server.client();
    ask(&mut c, &packet(VERSION, &[], "", ""), OK, "1.6.45");
    c.send(login("ann", "secret")).expect_dropped();
    // A reload concerns both.
    file.write("eve:x\n");
    server.signal("HUP");
    server.eventually("eve", |s| {
        s.client().send(login("eve", "x")).read_until("\r\n") == "STORED\r\n"
    });
    ask(&mut server.client(), &plain("eve", "x"), OK, YES);
    ask(&mut server.client(), &plain("ann", "secret"), FAILED, NO);
}

#[test]
fn sasl_alone_speaks_binary_only() {
    if foreign_server() {
        return;
    }
    let file = UserFile::new("ann:secret:ignored\nbob:b\n");
    let server = Server::with_environment("MEMCACHED_SASL_PWDB", file.path(), &["-S"]);
    ask(&mut server.client(), &plain("ann", "secret"), OK, YES);
    ask(&mut server.client(), &plain("bob", "b"), OK, YES);
    ask(&mut server.client(), &plain("ann", "secret:ignored"), FAILED, NO);
    server.client().send(login("ann", "secret")).expect_dropped();
    server.client().send("get key\r\n").expect_dropped();
}

#[test]
fn without_it_nobody_is_asked() {
    if foreign_server() {
        return;
    }
    let server = Server::start();
    let mut c = server.client();
    for request in [packet(LIST, &[], "", ""), plain("ann", "secret"), packet(STEP, &[], "P", "x")]
    {
        ask(&mut c, &request, UNKNOWN, "Unknown command");
    }
    ask(&mut c, &packet(NOOP, &[], "", ""), OK, "");
}

/// A listener may speak less than the others; the gate is before it all the same.
#[test]
fn a_listener_with_a_protocol_of_its_own_has_the_gate() {
    if foreign_server() {
        return;
    }
    let file = UserFile::new("ann:secret\n");
    let list = "proto[ascii]:127.0.0.1:0,proto[binary]:127.0.0.1:0";
    let server = Server::with(&["-S", "-Y", file.path(), "-l", list]);
    let ports = std::fs::read_to_string(server.directory().join("ports")).expect("port file");
    let ports: Vec<u16> =
        ports.lines().filter_map(|line| line.strip_prefix("TCP INET: ")?.parse().ok()).collect();
    let at = |n: usize| Client::tcp(([127, 0, 0, 1], ports[n]).into());
    at(1).send("get key\r\n").expect(UNAUTHENTICATED);
    at(1).send(login("ann", "secret")).expect("STORED\r\n").expect_in_sync();
    at(1).send(plain("ann", "secret")).send("\r\n").expect(UNAUTHENTICATED);
    ask(&mut at(2), &packet(NOOP, &[], "", ""), FAILED, NO);
    ask(&mut at(2), &plain("ann", "secret"), OK, YES);
    at(2).send(login("ann", "secret")).expect_dropped();
}
