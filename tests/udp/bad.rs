//! What is asked badly, or by whoever is not the one it seems to be, costs nobody else.

use std::net::UdpSocket;

use super::common::{pattern, skip_without_clock};
use super::{Asker, address, server};

#[test]
fn what_is_no_frame_is_dropped_and_counted() {
    let server = server(&[]);
    let asker = Asker::of(&server);
    let bad: [&[u8]; 7] = [
        b"",
        b"get k\r\n",
        b"\0\x01\0\0\0\x01\0\0",
        b"\0\x01\0\0\0\x02\0\0get k\r\n",
        b"\0\x01\0\0\0\0\0\0get k\r\n",
        b"\0\x01\0\0\0\0\0\0\0", // of a CVE: a request of no parts
        b"\0\x01\0\0\xff\xff\0\0get k\r\n",
    ];
    bad.iter().for_each(|datagram| asker.send_raw(datagram));
    asker.expect_silence();
    server.eventually("they are counted", |server| server.stat("udp_malformed") == 7);
    asker.send(1, "get k\r\n").expect(1, "END\r\n");
}

#[test]
fn a_value_that_is_not_whole_is_dropped_and_spoils_nothing() {
    let server = server(&[]);
    let asker = Asker::of(&server);
    asker.send(1, "set k 0 0 100\r\nshort").expect_silence();
    asker.send(2, "set k 0 0 100000\r\nlong").expect_silence();
    asker.send(3, "get k").expect_silence();
    asker.send(4, "get k\r\nset k 0 0 9\r\n").expect(4, "END\r\n");
    asker.send(5, "get k\r\n").expect(5, "END\r\n");
    assert_eq!((server.stat("uploads"), server.stat("buffer_bytes")), (0, 0));
}

#[test]
fn what_waits_or_never_ends_is_refused() {
    let server = server(&[]);
    let asker = Asker::of(&server);
    let refused = "SERVER_ERROR not available over UDP\r\n";
    asker.send(1, "watch\r\n").expect(1, refused);
    asker.send(2, "stats conns\r\n").expect(2, refused);
    assert_eq!(server.stat("log_watchers"), 0);
    asker.send(3, "get k\r\n").expect(3, "END\r\n");
}

#[test]
fn an_answer_that_is_too_long_is_refused() {
    let server = server(&["-o", "udp_rate=0"]);
    let asker = Asker::of(&server);
    let value = pattern(1, 500_000);
    let mut c = server.client();
    c.send("set k 0 0 500000\r\n").send(&value).send("\r\n").expect("STORED\r\n");
    let refused = "SERVER_ERROR answer too long for UDP\r\n";
    for id in 0..20 {
        asker.send(id, "get k k k k k\r\n").expect(id, refused);
    }
    asker.send(21, "get nope\r\n").expect(21, "END\r\n");
    assert_eq!((server.stat("pins"), server.stat("buffer_bytes")), (0, 0));
}

#[test]
fn one_address_is_sent_so_much_and_no_more() {
    if skip_without_clock() {
        return;
    }
    // One worker: two could each begin an answer while the budget still allows it.
    let server = server(&["-o", "udp_rate=64", "-t", "1"]);
    let mut c = server.client();
    c.stop_clock();
    let value = pattern(1, 30_000);
    c.send("set k 0 0 30000\r\n").send(&value).send("\r\n").expect("STORED\r\n");
    // Whoever can forge an address can choose the port too: all of an address are one.
    let mut answers = 0;
    for _ in 0..10 {
        let asker = Asker::of(&server);
        asker.send(1, "get k\r\n");
        answers += usize::from(wait_for_any(&asker));
    }
    // 64 KiB are two answers of 30 KB, and the third overdraws.
    assert_eq!(answers, 3);
    assert_eq!(server.stat("udp_limited"), 7);
    // Others are served, by TCP for instance; and a second later the address is even again.
    c.send("get nope\r\n").expect("END\r\n");
    c.advance(2);
    let asker = Asker::of(&server);
    asker.send(1, "get nope\r\n").expect(1, "END\r\n");
}

fn wait_for_any(asker: &Asker) -> bool {
    asker.socket.set_read_timeout(Some(super::SILENCE)).unwrap();
    asker.socket.recv(&mut [0; 2000]).is_ok()
}

#[test]
fn a_port_of_our_own_kind_is_not_answered() {
    let server = server(&[]);
    let mut port = address(&server);
    // Another daemon on another host would have the same port: here another address stands for it.
    port.set_ip([127, 0, 0, 2].into());
    let twin = Asker { socket: UdpSocket::bind(port).expect("another address of loopback") };
    twin.socket.connect(address(&server)).unwrap();
    twin.send(1, "ERROR\r\n").expect_silence();
    assert_eq!(server.stat("udp_malformed"), 1);
}
