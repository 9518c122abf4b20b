//! FLUSH, now and later, and where it is not allowed.

use crate::common::{Packet, Server};
use crate::op;

#[test]
fn everything_is_gone_at_once() {
    let server = Server::start();
    let mut c = server.client();
    for packet in [Packet::new(op::FLUSH), Packet::new(op::FLUSH).extras([0; 4])] {
        c.ask_status(&Packet::store(op::SET, "k", 0, 0, "v"), 0);
        c.ask_status(&packet, 0);
        c.ask_status(&Packet::keyed(op::GET, "k"), 1);
        c.ask_status(&Packet::store(op::SET, "k", 0, 0, "v"), 0);
        assert_eq!(c.ask(&Packet::keyed(op::GET, "k")).status, 0);
    }
    assert_eq!(server.client().stats("")["cmd_flush"], "2");
}

#[cfg(feature = "debug-commands")]
#[test]
fn later_means_later() {
    if crate::common::skip_without_clock() {
        return;
    }
    let server = Server::start();
    let (mut c, mut clock) = (server.client(), server.client());
    clock.stop_clock();
    c.ask_status(&Packet::store(op::SET, "k", 0, 0, "v"), 0);
    c.ask_status(&Packet::new(op::FLUSH).extras(10u32.to_be_bytes()), 0);
    clock.advance(9);
    assert_eq!(c.ask(&Packet::keyed(op::GET, "k")).status, 0);
    clock.advance(2);
    c.ask_status(&Packet::keyed(op::GET, "k"), 1);
}

#[test]
fn where_it_is_not_allowed_even_the_quiet_one_is_told() {
    let server = Server::with(&["-F"]);
    let mut c = server.client();
    c.ask_status(&Packet::store(op::SET, "k", 0, 0, "v"), 0);
    c.ask_status(&Packet::new(op::FLUSH), 0x20);
    c.ask_status(&Packet::new(op::FLUSH + op::QUIET), 0x20);
    assert_eq!(c.ask(&Packet::keyed(op::GET, "k")).value, b"v");
}
