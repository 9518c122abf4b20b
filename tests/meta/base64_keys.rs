//! Keys in base64.

use crate::common::Server;
use crate::newer_than_reference;

#[test]
fn the_marker_follows_the_item() {
    let server = Server::start();
    server.client().says(&[
        ("ms Zm9v 3 b\r\nxyz\r\n", "HD\r\n"),
        ("mg foo k v\r\n", "VA 3 kZm9v b\r\nxyz\r\n"),
        ("mg Zm9v b k v\r\n", "VA 3 kZm9v b\r\nxyz\r\n"),
        ("get foo\r\n", "VALUE foo 0 3\r\nxyz\r\nEND\r\n"),
        ("set foo 0 0 1\r\nx\r\n", "STORED\r\n"),
        ("mg Zm9v b k v\r\n", "VA 1 kfoo\r\nx\r\n"),
        ("mg Zm9v k\r\n", "EN kZm9v\r\n"),
    ]);
}

#[test]
fn misses_and_changes_show_the_key_as_asked() {
    let server = Server::start();
    server.client().says(&[
        ("mg Zm9v b k O1\r\n", "EN kZm9v b O1\r\n"),
        ("ms Zm9v 1 k b\r\n5\r\n", "HD kZm9v b\r\n"),
        ("ma Zm9v b k v\r\n", "VA 1 kZm9v b\r\n6\r\n"),
        ("ma foo k\r\n", "HD kfoo\r\n"),
        ("md foo k C1\r\n", "EX kfoo\r\n"),
        ("md Zm9v b k\r\n", "HD kZm9v b\r\n"),
        ("md Zm9v b k\r\n", "NF kZm9v b\r\n"),
    ]);
}

#[test]
fn any_bytes_can_be_a_key() {
    let server = Server::start();
    let mut c = server.client();
    // " \r\n\0" and 0xff: bytes that no line could carry.
    c.says(&[
        ("ms IA0KAP8= 2 b\r\nab\r\n", "HD\r\n"),
        ("mg IA0KAP8= b v k\r\n", "VA 2 kIA0KAP8= b\r\nab\r\n"),
    ]);
    let longest = "QUJD".repeat(62);
    c.send(format!("ms {longest} 1 b\r\nx\r\nmg {longest} v b\r\n")).expect("HD\r\nVA 1\r\nx\r\n");
    c.send(format!("get {}\r\n", "ABC".repeat(62)));
    c.expect(format!("VALUE {} 0 1\r\nx\r\nEND\r\n", "ABC".repeat(62)));
}

#[test]
fn what_is_not_base64_is_an_error() {
    let server = Server::start();
    let mut c = server.client();
    for key in ["Zg", "Zm9", "Z", "Zm9vZ"] {
        c.send(format!("mg {key} b v\r\n")).expect("CLIENT_ERROR error decoding key\r\n");
        c.send(format!("ms {key} 2 b\r\nab\r\n")).expect("CLIENT_ERROR error decoding key\r\n");
        c.send(format!("ma {key} b\r\n")).expect("CLIENT_ERROR invalid or duplicate flag\r\n");
    }
    c.expect_in_sync();
}

#[test]
fn nothing_in_a_key_is_skipped() {
    if newer_than_reference() {
        return; // it skips what is not of the alphabet
    }
    let server = Server::start();
    let mut c = server.client();
    for key in ["A.Q.I.=", "====", "A===", "AQI=AQI="] {
        c.send(format!("mg {key} b\r\n")).expect("CLIENT_ERROR error decoding key\r\n");
    }
}

#[test]
fn created_items_carry_the_marker_too() {
    if newer_than_reference() {
        return; // it forgets it for these
    }
    let server = Server::start();
    server.client().says(&[
        ("mg Zm9v b N30 k\r\n", "HD kZm9v b W\r\n"),
        ("mg foo k\r\n", "HD kZm9v b Z\r\n"),
        ("ma YmFy b N0 k\r\n", "HD kYmFy b\r\n"),
        ("mg bar k\r\n", "HD kYmFy b\r\n"),
        ("append bar 0 0 1\r\n0\r\n", "STORED\r\n"),
        ("mg bar k v\r\n", "VA 2 kYmFy b\r\n00\r\n"),
    ]);
}

#[test]
fn a_long_value_under_such_a_key() {
    let server = Server::start();
    let mut c = server.client();
    let value = "v".repeat(100_000);
    c.send(format!("ms Zm9v 100000 b k O1\r\n{value}\r\n")).expect("HD kZm9v b O1\r\n");
    c.send("mg Zm9v b k v\r\nmg Zm9v b\r\n");
    c.expect(format!("VA 100000 kZm9v b\r\n{value}\r\nHD\r\n"));
}
