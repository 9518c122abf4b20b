//! The first byte of a connection chooses its dialect, unless -B has.

use crate::common::{Packet, Server};
use crate::op;

#[test]
fn the_first_byte_decides_for_good() {
    let server = Server::start();
    let mut text = server.client();
    text.send("get k\r\n").expect("END\r\n");
    text.send(b"\x80\r\n\n").expect("CLIENT_ERROR bad command line format\r\n");
    let mut binary = server.client();
    assert_eq!(binary.ask(&Packet::new(op::NOOP)).status, 0);
    binary.send("get k\r\n").expect_dropped();
}

#[test]
fn text_only() {
    let server = Server::with(&["-B", "ascii"]);
    let mut c = server.client();
    c.send(b"\x80\n").expect("CLIENT_ERROR bad command line format\r\n");
    c.send("get k\r\n").expect("END\r\n");
}

#[test]
fn binary_only() {
    let server = Server::with(&["-B", "binary"]);
    server.client().send("get k\r\n").expect_dropped();
    server.client().ask_status(&Packet::new(op::NOOP), 0);
}
