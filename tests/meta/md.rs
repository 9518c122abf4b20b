//! md: removal, and what is left in its place.

use crate::common::{Server, skip_without_clock};
use crate::{newer_than_reference, returned};

#[test]
fn a_key_goes_once() {
    let server = Server::start();
    server.client().says(&[
        ("ms k 1\r\nx\r\n", "HD\r\n"),
        ("md k k O1\r\n", "HD kk O1\r\n"),
        ("md k k O1\r\n", "NF kk O1\r\n"),
        ("mg k\r\n", "EN\r\n"),
    ]);
}

#[test]
fn another_cas_keeps_it() {
    let server = Server::start();
    let mut c = server.client();
    c.send("ms k 1 c\r\nx\r\n");
    let cas = returned(&c.line(), 'c');
    c.send(format!("md k C{} O7 k\r\n", cas + 1)).expect("EX O7 kk\r\n");
    c.send("md k C0\r\n").expect("EX\r\n");
    c.send(format!("md k C{cas}\r\n")).expect("HD\r\n");
}

#[test]
fn invalidated_it_stays_for_so_long_under_a_new_cas() {
    if skip_without_clock() {
        return;
    }
    let server = Server::start();
    let mut c = server.client();
    c.stop_clock().send("ms k 1 c\r\nx\r\n");
    let cas = returned(&c.line(), 'c');
    c.send("md k I T30\r\n").expect("HD\r\n");
    c.send("mg k v t\r\n").expect("VA 1 t30 X W\r\nx\r\n");
    c.send(format!("ms k 1 C{cas}\r\ny\r\n")).expect("EX\r\n");
    c.send("md k I\r\n").expect("HD\r\n");
    c.send("mg k t\r\n").expect("HD t30 X W\r\n");
    c.advance(30).send("mg k\r\n").expect("EN\r\n");
}

#[test]
fn emptied_it_loses_value_flags_and_ttl() {
    if newer_than_reference() || skip_without_clock() {
        return;
    }
    let server = Server::start();
    let mut c = server.client();
    c.stop_clock().send("ms k 3 F5 T100 c\r\nabc\r\n");
    let cas = returned(&c.line(), 'c');
    c.send("md k x\r\n").expect("HD\r\n");
    c.send("mg k v f t c\r\n").expect(format!("VA 0 f0 t-1 c{cas}\r\n\r\n"));
    c.says(&[
        ("ms k 3\r\nabc\r\n", "HD\r\n"),
        ("md k x F9 T50 E77\r\n", "HD\r\n"),
        ("mg k v f t c\r\n", "VA 0 f9 t50 c77\r\n\r\n"),
        ("md none x\r\n", "NF\r\n"),
    ]);
}

#[test]
fn a_tombstone_is_empty_and_stale() {
    if newer_than_reference() || skip_without_clock() {
        return;
    }
    let server = Server::start();
    let mut c = server.client();
    c.stop_clock().says(&[
        ("ms k 3\r\nabc\r\n", "HD\r\n"),
        ("md k I x T30 E5\r\n", "HD\r\n"),
        ("mg k v t c\r\n", "VA 0 t30 c5 X W\r\n\r\n"),
        ("mg k\r\n", "HD Z X\r\n"),
    ]);
}

#[test]
fn large_items_can_be_kept_too() {
    if newer_than_reference() {
        return;
    }
    let server = Server::start();
    let mut c = server.client();
    let value = "v".repeat(200_000);
    c.send(format!("ms k {}\r\n{value}\r\n", value.len())).expect("HD\r\n");
    c.send("md k I E9\r\n").expect("HD\r\n");
    c.send("mg k v c\r\n").expect(format!("VA 200000 c9 X W\r\n{value}\r\n"));
    c.send("md k x E10\r\nmg k v c\r\n").expect("HD\r\nVA 0 c10\r\n\r\n");
}
