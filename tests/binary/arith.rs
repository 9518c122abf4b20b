//! INCREMENT and DECREMENT.

use crate::common::{Answer, Packet, Server};
use crate::op;

#[track_caller]
fn number(answer: &Answer) -> u64 {
    assert_eq!((answer.status, answer.extras.len(), answer.key.len()), (0, 0, 0));
    u64::from_be_bytes(answer.value[..].try_into().expect("eight bytes"))
}

#[test]
fn a_miss_creates_the_initial_number() {
    let server = Server::start();
    let mut c = server.client();
    for (opcode, key) in [(op::INCREMENT, "up"), (op::DECREMENT, "down")] {
        let made = c.ask(&Packet::arith(opcode, key, 10, 500, 0));
        assert_eq!(number(&made), 500);
        let hit = c.ask(&Packet::keyed(op::GET, key));
        assert_eq!((hit.flags(), &*hit.value, hit.cas), (0, &b"500"[..], made.cas));
    }
    c.ask_status(&Packet::arith(op::INCREMENT, "never", 1, 500, u32::MAX), 1);
    c.ask_status(&Packet::keyed(op::GET, "never"), 1);
}

#[test]
fn numbers_wrap_and_stop_at_zero() {
    let server = Server::start();
    let mut c = server.client();
    c.ask_status(&Packet::store(op::SET, "n", 3, 0, "18446744073709551615"), 0);
    assert_eq!(number(&c.ask(&Packet::arith(op::INCREMENT, "n", 3, 0, 0))), 2);
    assert_eq!(number(&c.ask(&Packet::arith(op::DECREMENT, "n", 9, 0, 0))), 0);
    let hit = c.ask(&Packet::keyed(op::GET, "n"));
    assert_eq!((hit.flags(), hit.value.trim_ascii_end()), (3, &b"0"[..]));
    assert_eq!(number(&c.ask(&Packet::arith(op::INCREMENT, "n", u64::MAX, 0, 0))), u64::MAX);
}

#[test]
fn the_cas_is_new_each_time() {
    let server = Server::start();
    let mut c = server.client();
    let first = c.ask(&Packet::arith(op::INCREMENT, "n", 1, 1, 0)).cas;
    let second = c.ask(&Packet::arith(op::INCREMENT, "n", 1, 1, 0)).cas;
    assert!(first != 0 && second > first);
    assert_eq!(c.ask(&Packet::keyed(op::GET, "n")).cas, second);
}

#[test]
fn what_is_no_number_stays() {
    let server = Server::start();
    let mut c = server.client();
    c.ask_status(&Packet::store(op::SET, "k", 0, 0, "abc"), 0);
    c.ask_status(&Packet::arith(op::INCREMENT, "k", 1, 5, 0), 6);
    c.ask_status(&Packet::arith(op::DECREMENT, "k", 1, 5, 0), 6);
    assert_eq!(c.ask(&Packet::keyed(op::GET, "k")).value, b"abc");
}

#[test]
fn a_cas_that_differs_changes_nothing() {
    let server = Server::start();
    let mut c = server.client();
    let cas = c.ask(&Packet::arith(op::INCREMENT, "n", 1, 7, 0)).cas;
    c.ask_status(&Packet::arith(op::INCREMENT, "n", 1, 7, 0).cas(cas + 1), 2);
    assert_eq!(number(&c.ask(&Packet::arith(op::INCREMENT, "n", 1, 7, 0).cas(cas))), 8);
    c.ask_status(&Packet::arith(op::DECREMENT, "n", 1, 7, 0).cas(cas), 2);
    assert_eq!(c.ask(&Packet::keyed(op::GET, "n")).value, b"8");
}
