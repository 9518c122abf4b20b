//! Quiet requests: what was expected is not told, what was not is, and all stays in order.

use crate::common::{Packet, Server};
use crate::op;

#[test]
fn success_is_silent() {
    let server = Server::start();
    let mut c = server.client();
    for packet in [
        Packet::store(op::SET + op::QUIET, "k", 0, 0, "5"),
        Packet::store(op::REPLACE + op::QUIET, "k", 0, 0, "6"),
        Packet::store(op::ADD + op::QUIET, "new", 0, 0, "x"),
        Packet::keyed(0x19, "k").value("0"),
        Packet::keyed(0x1a, "k").value("1"),
        Packet::arith(op::INCREMENT + op::QUIET, "k", 4, 0, 0),
        Packet::arith(op::DECREMENT + op::QUIET, "k", 2, 0, 0),
        Packet::arith(op::INCREMENT + op::QUIET, "made", 1, 77, 0),
        Packet::keyed(op::DELETE + op::QUIET, "new"),
    ] {
        c.ask_quietly(&packet);
    }
    assert_eq!(c.ask(&Packet::keyed(op::GET, "k")).value, b"162");
    assert_eq!(c.ask(&Packet::keyed(op::GET, "made")).value, b"77");
    c.ask_status(&Packet::keyed(op::GET, "new"), 1);
    c.ask_quietly(&Packet::new(op::FLUSH + op::QUIET));
    c.ask_status(&Packet::keyed(op::GET, "k"), 1);
}

#[test]
fn failure_is_told() {
    let server = Server::start();
    let mut c = server.client();
    c.ask_status(&Packet::store(op::SET, "k", 0, 0, "text"), 0);
    for (packet, status) in [
        (Packet::store(op::ADD + op::QUIET, "k", 0, 0, "x"), 2),
        (Packet::store(op::SET + op::QUIET, "k", 0, 0, "x").cas(1), 2),
        (Packet::store(op::REPLACE + op::QUIET, "none", 0, 0, "x"), 1),
        (Packet::keyed(0x19, "none").value("x"), 5),
        (Packet::keyed(0x1a, "none").value("x"), 5),
        (Packet::arith(op::INCREMENT + op::QUIET, "k", 1, 0, 0), 6),
        (Packet::arith(op::DECREMENT + op::QUIET, "none", 1, 0, u32::MAX), 1),
        (Packet::keyed(op::DELETE + op::QUIET, "none"), 1),
        (Packet::keyed(op::DELETE + op::QUIET, "k").cas(1), 2),
    ] {
        c.ask_status(&packet, status);
    }
}

/// As clients do it: many GETKQ, and a NOOP to know the end by.
#[test]
fn a_multi_get_answers_hits_in_order() {
    let server = Server::start();
    let mut c = server.client();
    let key = |i: u32| format!("key{i}");
    let odd = (0..500).filter(|i| i % 2 == 1);
    let sets = odd.clone().map(|i| Packet::store(0x11, &key(i), i, 0, key(i)).bytes());
    c.send(sets.collect::<Vec<_>>().concat());
    let gets = (0..500).map(|i| Packet { opaque: i, ..Packet::keyed(op::GETKQ, key(i)) }.bytes());
    c.send([gets.collect::<Vec<_>>().concat(), Packet::new(op::NOOP).bytes()].concat());
    for i in odd {
        let hit = c.packet();
        assert_eq!((hit.opcode, hit.opaque, hit.flags()), (op::GETKQ, i, i));
        assert_eq!((&hit.key, &hit.value), (&key(i).into_bytes(), &key(i).into_bytes()));
    }
    assert_eq!(c.packet(), Packet::new(op::NOOP).answer(0));
}
