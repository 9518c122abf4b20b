//! A CAS in a request: only that version is replaced or removed.

use crate::common::{Packet, Server};
use crate::op;

#[test]
fn storage_with_a_cas_is_compare_and_swap() {
    let server = Server::start();
    let mut c = server.client();
    for opcode in [op::SET, op::ADD, op::REPLACE] {
        c.ask_status(&Packet::store(opcode, "none", 0, 0, "x").cas(1), 1);
        let cas = c.ask_status(&Packet::store(op::SET, "k", 0, 0, "old"), 0).cas;
        c.ask_status(&Packet::store(opcode, "k", 0, 0, "x").cas(cas + 1), 2);
        assert_eq!(c.ask(&Packet::keyed(op::GET, "k")).value, b"old");
        let new = c.ask_status(&Packet::store(opcode, "k", 0, 0, "new").cas(cas), 0).cas;
        assert_ne!(new, cas);
        let hit = c.ask(&Packet::keyed(op::GET, "k"));
        assert_eq!((&*hit.value, hit.cas), (&b"new"[..], new));
    }
}

#[test]
fn append_prepend_and_delete_compare_too() {
    let server = Server::start();
    let mut c = server.client();
    let first = c.ask_status(&Packet::store(op::SET, "k", 0, 0, "b"), 0).cas;
    c.ask_status(&Packet::keyed(op::APPEND, "k").value("x").cas(first + 1), 2);
    let second = c.ask_status(&Packet::keyed(op::APPEND, "k").value("c").cas(first), 0).cas;
    c.ask_status(&Packet::keyed(op::PREPEND, "k").value("x").cas(first), 2);
    let third = c.ask_status(&Packet::keyed(op::PREPEND, "k").value("a").cas(second), 0).cas;
    assert_eq!(c.ask(&Packet::keyed(op::GET, "k")).value, b"abc");
    c.ask_status(&Packet::keyed(op::APPEND, "none").value("x").cas(third), 5);
    c.ask_status(&Packet::keyed(op::DELETE, "k").cas(second), 2);
    c.ask_status(&Packet::keyed(op::DELETE, "k").cas(third), 0);
    c.ask_status(&Packet::keyed(op::DELETE, "k").cas(third), 1);
}

#[test]
fn without_cas_there_is_none_and_none_is_looked_at() {
    let server = Server::with(&["-C"]);
    let mut c = server.client();
    assert_eq!(c.ask_status(&Packet::store(op::SET, "k", 0, 0, "1"), 0).cas, 0);
    assert_eq!(c.ask_status(&Packet::store(op::SET, "k", 0, 0, "2").cas(99), 0).cas, 0);
    let hit = c.ask(&Packet::keyed(op::GET, "k"));
    assert_eq!((hit.cas, &*hit.value), (0, &b"2"[..]));
    assert_eq!(c.ask(&Packet::arith(op::INCREMENT, "k", 1, 0, 0)).cas, 0);
}
