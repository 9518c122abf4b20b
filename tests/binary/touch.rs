//! TOUCH, GAT and GATK: a new expiry, and what one wants to see of the item.

use crate::common::{Packet, Server};
use crate::op;

#[test]
fn each_shows_what_it_should() {
    let server = Server::start();
    let mut c = server.client();
    let cas = c.ask_status(&Packet::store(op::SET, "k", 77, 0, "value"), 0).cas;
    for (opcode, key, value) in [
        (op::TOUCH, "", ""),
        (op::GAT, "", "value"),
        (op::GATQ, "", "value"),
        (op::GATK, "k", "value"),
        (op::GATKQ, "k", "value"),
    ] {
        let hit = c.ask(&Packet::touch(opcode, "k", 1000));
        assert_eq!((hit.opcode, hit.status, hit.flags(), hit.cas), (opcode, 0, 77, cas));
        assert_eq!((&*hit.key, &*hit.value), (key.as_bytes(), value.as_bytes()));
    }
}

#[test]
fn a_miss_is_told_as_that_of_a_get() {
    let server = Server::start();
    let mut c = server.client();
    c.ask_status(&Packet::touch(op::TOUCH, "none", 0), 1);
    c.ask_status(&Packet::touch(op::GAT, "none", 0), 1);
    let miss = c.ask(&Packet::touch(op::GATK, "none", 0));
    assert_eq!((miss.status, &*miss.key, &*miss.value), (1, &b"none"[..], &b""[..]));
    c.ask_quietly(&Packet::touch(op::GATQ, "none", 0));
    c.ask_quietly(&Packet::touch(op::GATKQ, "none", 0));
}

#[test]
fn they_count_as_touches() {
    let server = Server::start();
    let mut c = server.client();
    c.ask_status(&Packet::store(op::SET, "k", 0, 0, "v"), 0);
    for opcode in [op::TOUCH, op::GAT, op::GATKQ] {
        c.ask(&Packet::touch(opcode, "k", 0));
        c.send(Packet::touch(opcode, "none", 0).bytes());
    }
    c.ask(&Packet::keyed(op::GET, "k"));
    let stats = server.client().stats("");
    for (name, value) in [
        ("cmd_touch", "6"),
        ("touch_hits", "3"),
        ("touch_misses", "3"),
        ("cmd_get", "1"),
        ("get_hits", "1"),
        ("get_misses", "0"),
    ] {
        assert_eq!(stats[name], value, "{name}");
    }
}

/// Expiries have no sign: all ones is a time in 2106.
#[cfg(feature = "debug-commands")]
#[test]
fn expiries_are_relative_absolute_and_unsigned() {
    if crate::common::skip_without_clock() {
        return;
    }
    let server = Server::start();
    let (mut c, mut clock) = (server.client(), server.client());
    clock.stop_clock();
    c.ask_status(&Packet::store(op::SET, "short", 0, 10, "v"), 0);
    c.ask_status(&Packet::store(op::SET, "month", 0, 2_592_000, "v"), 0);
    c.ask_status(&Packet::store(op::SET, "past", 0, 2_592_001, "v"), 0);
    c.ask_status(&Packet::store(op::SET, "far", 0, u32::MAX, "v"), 0);
    c.ask_status(&Packet::store(op::SET, "touched", 0, 0, "v"), 0);
    c.ask(&Packet::touch(op::TOUCH, "touched", 20));
    c.ask_status(&Packet::keyed(op::GET, "past"), 1);
    for (advance, dead) in [(9, ""), (1, "short"), (9, "short"), (1, "touched")] {
        clock.advance(advance);
        if !dead.is_empty() {
            c.ask_status(&Packet::keyed(op::GET, dead), 1);
        }
        assert_eq!(c.ask(&Packet::keyed(op::GET, "month")).status, 0);
    }
    clock.advance(2_592_000);
    c.ask_status(&Packet::keyed(op::GET, "month"), 1);
    assert_eq!(c.ask(&Packet::keyed(op::GET, "far")).status, 0);
}
