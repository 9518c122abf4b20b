//! What is stored comes back, byte for byte.

use crate::common::{Packet, Server, pattern};
use crate::op;

#[test]
fn a_value_comes_back_with_flags_and_cas() {
    let server = Server::start();
    let mut c = server.client();
    let cas = c.ask_status(&Packet::store(op::SET, "key", 0xdead_beef, 0, "value"), 0).cas;
    assert_ne!(cas, 0);
    for (opcode, key) in [(op::GET, ""), (op::GETQ, ""), (op::GETK, "key"), (op::GETKQ, "key")] {
        let hit = c.ask(&Packet::keyed(opcode, "key"));
        assert_eq!((hit.opcode, hit.status, hit.cas), (opcode, 0, cas));
        assert_eq!(
            (hit.flags(), &*hit.key, &*hit.value),
            (0xdead_beef, key.as_bytes(), &b"value"[..])
        );
        assert_eq!(hit.opaque, Packet::new(opcode).opaque);
    }
}

#[test]
fn a_miss_says_so_or_which_or_nothing() {
    let server = Server::start();
    let mut c = server.client();
    c.ask_status(&Packet::keyed(op::GET, "none"), 1);
    let miss = c.ask(&Packet::keyed(op::GETK, "none"));
    assert_eq!((miss.status, &*miss.key, &*miss.value), (1, &b"none"[..], &b""[..]));
    c.ask_quietly(&Packet::keyed(op::GETQ, "none"));
    c.ask_quietly(&Packet::keyed(op::GETKQ, "none"));
}

#[test]
fn any_bytes_are_a_key_and_any_bytes_a_value() {
    let server = Server::start();
    let mut c = server.client();
    let keys: [&[u8]; 4] = [b" a key\r\nwith \0 anything\xff", b"\x80", &[b'k'; 250], b"\n"];
    for (n, key) in keys.into_iter().enumerate() {
        let value = pattern(n as u64, 1 + 700 * n);
        let set = Packet::store(op::SET, "", 0, 0, &value);
        c.ask_status(&Packet { key: key.to_vec(), ..set }, 0);
        let hit = c.ask(&Packet::keyed(op::GETK, key));
        assert_eq!((&*hit.key, hit.value), (key, value));
    }
    c.ask_status(&Packet::store(op::SET, "empty", 0, 0, ""), 0);
    assert_eq!(c.ask(&Packet::keyed(op::GET, "empty")).value, b"");
}

#[test]
fn add_and_replace_and_delete_look_at_what_is_there() {
    let server = Server::start();
    let mut c = server.client();
    c.ask_status(&Packet::store(op::REPLACE, "k", 0, 0, "x"), 1);
    c.ask_status(&Packet::store(op::ADD, "k", 1, 0, "first"), 0);
    c.ask_status(&Packet::store(op::ADD, "k", 2, 0, "second"), 2);
    c.ask_status(&Packet::store(op::REPLACE, "k", 3, 0, "third"), 0);
    let hit = c.ask(&Packet::keyed(op::GET, "k"));
    assert_eq!((hit.flags(), &*hit.value), (3, &b"third"[..]));
    assert_eq!(c.ask_status(&Packet::keyed(op::DELETE, "k"), 0).cas, 0);
    c.ask_status(&Packet::keyed(op::DELETE, "k"), 1);
    c.ask_status(&Packet::keyed(op::GET, "k"), 1);
}

#[test]
fn append_and_prepend_keep_the_flags() {
    let server = Server::start();
    let mut c = server.client();
    c.ask_status(&Packet::keyed(op::APPEND, "k").value("x"), 5);
    c.ask_status(&Packet::keyed(op::PREPEND, "k").value("x"), 5);
    let first = c.ask_status(&Packet::store(op::SET, "k", 9, 0, "b"), 0).cas;
    let second = c.ask_status(&Packet::keyed(op::APPEND, "k").value("c"), 0).cas;
    let third = c.ask_status(&Packet::keyed(op::PREPEND, "k").value("a"), 0).cas;
    let hit = c.ask(&Packet::keyed(op::GET, "k"));
    assert_eq!((hit.flags(), &*hit.value, hit.cas), (9, &b"abc"[..], third));
    assert!(first < second && second < third);
}

#[test]
fn text_and_binary_see_the_same_items() {
    let server = Server::start();
    let (mut text, mut binary) = (server.client(), server.client());
    text.send("set k 7 0 5\r\nhello\r\n").expect("STORED\r\n");
    let hit = binary.ask(&Packet::keyed(op::GET, "k"));
    assert_eq!((hit.flags(), &*hit.value), (7, &b"hello"[..]));
    text.send("gets k\r\n").expect(format!("VALUE k 7 5 {}\r\nhello\r\nEND\r\n", hit.cas));
    binary.ask_status(&Packet::store(op::SET, "k", 1, 0, "there"), 0);
    text.send("get k\r\n").expect("VALUE k 1 5\r\nthere\r\nEND\r\n");
}

#[test]
fn version_noop_and_quit() {
    let server = Server::start();
    let mut c = server.client();
    c.ask_status(&Packet::new(op::NOOP), 0);
    assert!(c.ask(&Packet::new(op::VERSION)).value.starts_with(b"1.6."));
    c.ask_status(&Packet::new(op::QUIT), 0);
    c.expect_closed();
    let mut c = server.client();
    let (quitq, noop) = (Packet::new(op::QUIT + op::QUIET), Packet::new(op::NOOP));
    c.send([quitq.bytes(), noop.bytes()].concat()).expect_closed();
}
