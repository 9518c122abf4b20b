//! Every packet, cut at every point: the answer must not depend on how the bytes arrive.

use crate::common::{Client, Packet, Server, pattern};
use crate::op;

/// Requests whose answers do not depend on what ran before, and the statuses they get.
fn script() -> Vec<(Packet, Option<u16>)> {
    vec![
        (Packet::store(op::SET, "k", 5, 0, "hello\r\n"), Some(0)),
        (Packet::keyed(op::GET, "k"), Some(0)),
        (Packet::keyed(op::GETKQ, "none"), None),
        (Packet::keyed(op::GETK, "none"), Some(1)),
        (Packet::store(op::ADD, "k", 0, 0, "\u{80}x"), Some(2)),
        (Packet::store(op::ADD + op::QUIET, "k", 0, 0, "x"), Some(2)),
        (Packet::store(op::SET, "k", 0, 0, "x").cas(1), Some(2)),
        (Packet::keyed(op::APPEND, "none").value("x"), Some(5)),
        (Packet::arith(op::INCREMENT, "k", 1, 1, 0), Some(6)),
        (Packet::arith(op::DECREMENT + op::QUIET, "none", 1, 1, u32::MAX), Some(1)),
        (Packet::touch(op::GAT, "k", 0), Some(0)),
        (Packet::touch(op::TOUCH, "k", 0), Some(0)),
        (Packet::keyed(op::DELETE, "none"), Some(1)),
        (Packet::keyed(0x30, "key").extras("extras").value("value"), Some(0x81)),
        (Packet::keyed(op::STAT, "none"), Some(1)),
        (Packet::new(op::NOOP), Some(0)),
    ]
}

#[track_caller]
fn expect(c: &mut Client, packet: &Packet, status: Option<u16>) {
    if let Some(status) = status {
        let answer = c.packet();
        assert_eq!((answer.opcode, answer.status), (packet.opcode, status), "{packet:?}");
        assert_eq!(answer.opaque, packet.opaque);
    }
}

#[test]
fn every_packet_in_two_pieces_cut_anywhere() {
    let server = Server::start();
    let mut c = server.client();
    for (packet, status) in script() {
        let bytes = packet.bytes();
        for cut in 1..bytes.len() {
            c.send_cut(&bytes, cut);
            expect(&mut c, &packet, status);
        }
    }
    c.ask_status(&Packet::new(op::NOOP), 0);
}

#[test]
fn the_whole_script_in_pieces_of_any_size() {
    let server = Server::start();
    let bytes: Vec<u8> = script().iter().flat_map(|(packet, _)| packet.bytes()).collect();
    for size in [1, 2, 3, 7, 23, 24, 25, 31, 64, 100, 1000] {
        let mut c = server.client();
        c.send_in_pieces(&bytes, size);
        for (packet, status) in script() {
            expect(&mut c, &packet, status);
        }
    }
}

/// A streamed value, cut around its beginning, its slices and its end.
#[test]
fn a_large_set_in_two_pieces() {
    let server = Server::start();
    let mut c = server.client();
    let value = pattern(1, 150_000);
    let set = Packet::store(op::SET, "k", 0, 0, &value);
    let bytes = [set.bytes(), Packet::new(op::NOOP).bytes()].concat();
    let end = bytes.len();
    let near = |at: usize| at - 3..at + 3;
    let cuts = (1..40).chain(near(16_384)).chain(near(32_768)).chain(near(32_801));
    for cut in cuts.chain(near(131_072)).chain(end - 30..end) {
        c.send_cut(&bytes, cut);
        assert_eq!((c.packet().status, c.packet().opcode), (0, op::NOOP));
    }
    assert!(c.ask(&Packet::keyed(op::GET, "k")).value == value);
}
