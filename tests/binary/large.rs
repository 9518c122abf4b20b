//! Values beyond 32 KiB, which come and go in pieces, and values beyond what an item may be.

use crate::common::{Packet, Server, pattern};
use crate::op;

#[test]
fn large_values_come_back() {
    let server = Server::start();
    let mut c = server.client();
    let sizes = [32_767, 32_768, 32_769, 65_536, 100_000, 131_072, 1_000_000];
    for (n, len) in sizes.into_iter().enumerate() {
        let value = pattern(n as u64, len);
        let set = Packet::store(op::SET, "k", 5, 0, &value);
        let cas = c.ask_status(&set, 0).cas;
        for opcode in [op::GET, op::GETK, op::GETKQ] {
            let hit = c.ask(&Packet::keyed(opcode, "k"));
            assert_eq!((hit.status, hit.flags(), hit.cas), (0, 5, cas));
            assert!(hit.value == value, "{len} bytes");
        }
        let touched = c.ask(&Packet::touch(op::TOUCH, "k", 0));
        assert_eq!((touched.flags(), touched.value.len()), (5, 0));
        c.ask_status(&Packet::new(op::NOOP), 0);
    }
}

#[test]
fn a_pipeline_of_large_values_stays_in_order() {
    let server = Server::start();
    let mut c = server.client();
    let value = pattern(1, 300_000);
    c.ask_quietly(&Packet::store(op::SET + op::QUIET, "k", 0, 0, &value));
    let get = Packet::keyed(op::GETQ, "k").bytes();
    let none = Packet::keyed(op::GETQ, "none").bytes();
    c.send([get.clone(), none, get, Packet::new(op::NOOP).bytes()].concat());
    assert!(c.packet().value == value);
    assert!(c.packet().value == value);
    assert_eq!(c.packet().opcode, op::NOOP);
}

#[test]
fn a_value_that_is_too_large_is_swallowed_and_refused() {
    let server = Server::start();
    let mut c = server.client();
    for len in [1_048_576, 2_000_000] {
        c.ask_status(&Packet::store(op::SET, "k", 0, 0, "old"), 0);
        for opcode in [op::ADD, op::REPLACE] {
            c.ask_status(&Packet::store(opcode, "k", 0, 0, vec![0x80; len]), 3);
            assert_eq!(c.ask(&Packet::keyed(op::GET, "k")).value, b"old");
        }
        c.ask_status(&Packet::store(op::SET + op::QUIET, "k", 0, 0, vec![0x80; len]), 3);
        c.ask_status(&Packet::keyed(op::GET, "k"), 1);
    }
    let counted = [server.stat("store_too_large"), server.stat("store_no_memory")];
    assert_eq!(counted, [0, 0], "counted in the other dialects only");
    let mut text = server.client();
    text.send("set k 0 0 1048576\r\n").send(vec![b'x'; 1_048_576]).send("\r\n");
    text.expect("SERVER_ERROR object too large for cache\r\n");
    assert_eq!(server.stat("store_too_large"), 1);
}

#[test]
fn large_values_are_compared_and_joined() {
    let server = Server::start();
    let mut c = server.client();
    let value = pattern(2, 200_000);
    let cas = c.ask_status(&Packet::store(op::SET, "k", 0, 0, "x"), 0).cas;
    c.ask_status(&Packet::store(op::SET, "k", 0, 0, &value).cas(cas + 1), 2);
    c.ask_status(&Packet::store(op::SET, "k", 0, 0, &value).cas(cas), 0);
    c.ask_status(&Packet::keyed(op::APPEND, "k").value(&value), 0);
    c.ask_status(&Packet::keyed(op::PREPEND, "none").value(&value), 5);
    assert!(c.ask(&Packet::keyed(op::GET, "k")).value == [&value[..], &value].concat());
    c.ask_status(&Packet::arith(op::INCREMENT, "k", 1, 0, 0), 6);
}
