//! Packets that are none: each is answered as PROTOCOL 3.5 says, and harms nobody else.

use std::time::Duration;

use crate::common::{Packet, Server, header};
use crate::op;

/// What is answered to this, and then the connection is closed. What follows it is not looked at.
#[track_caller]
fn assert_closes(server: &Server, bytes: &[u8], status: u16) {
    let mut c = server.client();
    c.send_lossy(bytes).send_lossy(Packet::new(op::NOOP).bytes());
    let answer = c.packet();
    assert_eq!((answer.opcode, answer.status), (bytes[1], status), "{bytes:02x?}");
    assert_eq!((answer.cas, answer.extras.len(), answer.key.len()), (0, 0, 0));
    c.expect_dropped();
    assert_eq!(server.client().ask(&Packet::new(op::NOOP)).status, 0);
}

/// CVE-2011-4971, CVE-2016-8704, -8705, -8706, CVE-2017-9951: lengths that contradict each other.
#[test]
fn extras_and_key_longer_than_the_body() {
    let server = Server::start();
    for opcode in [0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x0e, 0x0f, 0x11, 0x19, 0x1a, 0x1d, 0x21] {
        for (extras, key, body) in [(8, 250, 0), (8, 250, 1), (0, 0xffff, 9), (8, 0xffff, 0x10006)]
        {
            assert_closes(&server, &header(opcode, extras, key, body), 0x81);
        }
    }
}

/// CVE-2011-4971: a length that is negative to those who have signs.
#[test]
fn bodies_beyond_a_gigabyte() {
    let server = Server::start();
    for opcode in [op::GET, op::SET, op::APPEND, 0x77] {
        for body in [0x4000_0001, 0x7fff_ffff, 0x8000_0000, 0xffff_ffe8, 0xffff_ffff] {
            assert_closes(&server, &header(opcode, 8, 1, body), 0x04);
        }
    }
}

/// CVE-2013-0179 (a long key), CVE-2020-10931 (long extras), and the like.
#[test]
fn lengths_that_do_not_suit_the_opcode() {
    let server = Server::with(&["-vv"]);
    let long = "k".repeat(251);
    for packet in [
        Packet::keyed(op::GET, &long),
        Packet::keyed(op::DELETE, &long),
        Packet::keyed(op::GET, ""),
        Packet::keyed(op::GETKQ, "k").value("x"),
        Packet::keyed(op::GETK, "k").extras("x"),
        Packet::keyed(op::SET, "k").value("x"),
        Packet::store(op::SET, "", 0, 0, "x"),
        Packet::store(op::ADD, "k", 0, 0, "x").extras([0; 0x30]),
        Packet::keyed(op::APPEND, "k").extras([0; 8]).value("x"),
        Packet::arith(op::INCREMENT, "k", 1, 1, 0).value("x"),
        Packet::arith(op::INCREMENT, "k", 1, 1, 0).extras([0; 19]),
        Packet::touch(op::TOUCH, "k", 1).extras([0; 8]),
        Packet::touch(op::GAT, "", 1),
        Packet::new(op::FLUSH).extras([0; 3]),
        Packet::keyed(op::FLUSH, "k"),
        Packet::keyed(op::NOOP, "k"),
        Packet::new(op::VERSION).value("x"),
        Packet::new(op::QUIT).extras("x"),
        Packet::keyed(op::STAT, "items").extras("x"),
        Packet::keyed(op::STAT, "items").value("x"),
        Packet::touch(op::TOUCH, "k", 1).value("x"),
    ] {
        assert_closes(&server, &packet.bytes(), 0x04);
    }
}

/// The longest key, logged (CVE-2013-0179).
#[test]
fn the_longest_key_while_everything_is_logged() {
    let server = Server::with(&["-vvv"]);
    let mut c = server.client();
    c.ask_status(&Packet::keyed(op::DELETE, "k".repeat(250)), 1);
    c.ask_status(&Packet::store(op::SET, &"%s%n\0".repeat(50), 0, 0, "%s%n".repeat(5000)), 0);
}

#[test]
fn another_magic_ends_the_connection_without_a_word() {
    let server = Server::start();
    for magic in [0x00, 0x81, b'g', 0xff] {
        let mut c = server.client();
        assert_eq!(c.ask(&Packet::new(op::NOOP)).status, 0);
        let mut bytes = Packet::new(op::NOOP).bytes();
        bytes[0] = magic;
        c.send(bytes).expect_dropped();
    }
}

#[test]
fn unknown_opcodes_cost_their_body_only() {
    let server = Server::start();
    let mut c = server.client();
    for opcode in [0x1b, 0x1f, 0x25, 0x30, 0x3c, 0x7f, 0x80, 0xff] {
        c.ask_status(&Packet::new(opcode), 0x81);
        c.ask_status(&Packet::keyed(opcode, "key").extras("extras").value("x".repeat(9999)), 0x81);
        c.ask_status(&Packet::new(op::NOOP), 0);
    }
    c.ask_status(&Packet::keyed(0x1b, "").extras([0, 0, 0, 1]), 0x81);
    let long = Packet::new(0x42).value(vec![0x80; 300_000]);
    c.ask_status(&long, 0x81);
    c.ask_status(&Packet::new(op::NOOP), 0);
}

#[test]
fn without_users_there_is_no_sasl() {
    let server = Server::start();
    let mut c = server.client();
    c.ask_status(&Packet::new(0x20), 0x81);
    for opcode in [0x21, 0x22] {
        c.ask_status(&Packet::keyed(opcode, "PLAIN").value("\0user\0password"), 0x81);
        c.ask_status(&Packet::keyed(opcode, "PLAIN").value("x".repeat(100_000)), 0x81);
        assert_closes(&server, &Packet::new(opcode).bytes(), 0x04);
    }
    let noop = Packet::new(op::NOOP);
    c.send([Packet::new(0x20).bytes(), noop.bytes()].concat());
    assert_eq!((c.packet().status, c.packet()), (0x81, noop.answer(0)));
}

#[test]
fn what_came_before_a_bad_packet_is_answered() {
    let server = Server::start();
    let mut c = server.client();
    let noop = Packet::new(op::NOOP);
    c.send([noop.bytes(), header(op::GET, 0, 9, 8), noop.bytes()].concat());
    assert_eq!(c.packet(), noop.answer(0));
    assert_eq!(c.packet().status, 0x81);
    c.expect_dropped();
}

#[test]
fn half_a_packet_is_waited_for() {
    let server = Server::start();
    let mut c = server.client();
    let set = Packet::store(op::SET, "k", 0, 0, "value");
    let bytes = set.bytes();
    c.send(&bytes[..30]).expect_silence(Duration::from_millis(30));
    c.send(&bytes[30..]);
    assert_eq!(c.packet().status, 0);
}
