//! Row 12: the connection breaks in the middle of a value, at any byte.

use crate::common::{Client, Server, pattern};

const OLD: &str = "VALUE k 0 3\r\nold\r\nEND\r\n";

/// What is stored under k is the old value, or all of the new one.
#[track_caller]
fn expect_old_or_whole(c: &mut Client, new: &[u8]) -> bool {
    c.send("get k\r\n");
    let head = c.line();
    if head == "VALUE k 0 3" {
        c.expect("old\r\nEND\r\n");
        return false;
    }
    assert_eq!(head, format!("VALUE k 0 {}", new.len()));
    c.expect(new).expect("\r\nEND\r\n");
    true
}

#[test]
fn a_set_broken_off_anywhere_stores_nothing_or_everything() {
    for len in [100, 5000, 60_000, 65_536, 200_000, 1_000_000] {
        let server = Server::start();
        let mut observer = server.client();
        let value = pattern(len as u64, len);
        let bytes = [format!("set k 0 0 {len}\r\n").as_bytes(), &value, b"\r\n"].concat();
        let whole = bytes.len();
        let offsets = (0..20).map(|i| whole * i / 20).chain(whole - 4..=whole);
        for offset in offsets {
            observer.send("set k 0 0 3\r\nold\r\n").expect("STORED\r\n");
            let mut c = server.client();
            c.send(&bytes[..offset]);
            c.reset();
            let stored = expect_old_or_whole(&mut observer, &value);
            assert!(!stored || offset == whole, "stored {offset} of {whole} bytes");
        }
    }
}

#[test]
fn memory_of_broken_sets_returns() {
    let server = Server::start();
    let value = pattern(1, 900_000);
    for i in 0..300 {
        let mut c = server.client();
        c.send("set k 0 0 900000\r\n").send(&value[..3000 * i]);
        c.reset();
    }
    server.eventually("they are gone", |server| server.stat("curr_connections") == 1);
    assert_eq!((server.stat("curr_items"), server.stat("bytes")), (0, 0));
    let mut c = server.client();
    for i in 0..40 {
        c.send(format!("set k{i} 0 0 900000\r\n")).send(&value).send("\r\n").expect("STORED\r\n");
    }
    assert_eq!(server.stat("evictions"), 0, "40 of 64 MB are used");
}

#[test]
fn a_reader_that_breaks_off_leaves_the_value_alone() {
    let server = Server::start();
    let value = pattern(1, 1_000_000);
    let mut observer = server.client();
    observer.send("set k 0 0 1000000\r\n").send(&value).send("\r\n").expect("STORED\r\n");
    for i in 0..50 {
        let mut c = Client::tcp_with_window(server.address(), Some(4096));
        c.send("get k k k\r\n").read(1 + i * 15_000);
        c.reset();
    }
    observer.send("get k\r\n").expect("VALUE k 0 1000000\r\n").expect(&value).expect("\r\nEND\r\n");
    observer.send("set k 0 0 3\r\nold\r\n").expect("STORED\r\n");
    observer.send("get k\r\n").expect(OLD);
}
