//! delete, touch, gat and gats, as far as no clock is needed.

use crate::common::{BAD_FORMAT, Server};

const BAD_EXPTIME: &str = "CLIENT_ERROR invalid exptime argument\r\n";

#[test]
fn delete_removes_once() {
    let server = Server::start();
    server.client().says(&[
        ("set k 0 0 1\r\nx\r\n", "STORED\r\n"),
        ("delete k\r\n", "DELETED\r\n"),
        ("delete k\r\n", "NOT_FOUND\r\n"),
        ("get k\r\n", "END\r\n"),
    ]);
}

#[test]
fn delete_ignores_one_extra_word() {
    let server = Server::start();
    server.client().says(&[
        ("set k 0 0 1\r\nx\r\n", "STORED\r\n"),
        ("delete k 0\r\n", "DELETED\r\n"),
        ("delete k 0\r\n", "NOT_FOUND\r\n"),
        ("delete k 0 noreply\r\ndelete k\r\n", "NOT_FOUND\r\n"),
    ]);
}

#[test]
fn delete_refuses_two_extra_words() {
    let server = Server::start();
    server.client().says(&[
        ("set k 0 0 1\r\nx\r\n", "STORED\r\n"),
        ("delete k 0 0\r\n", "ERROR\r\n"),
        ("get k\r\n", "VALUE k 0 1\r\nx\r\nEND\r\n"),
    ]);
}

#[test]
fn delete_wants_a_key() {
    let server = Server::start();
    server.client().send("delete\r\n").expect(BAD_FORMAT);
}

#[test]
fn touch_finds_or_not() {
    let server = Server::start();
    server.client().says(&[
        ("touch k 10\r\n", "NOT_FOUND\r\n"),
        ("set k 0 0 1\r\nx\r\n", "STORED\r\n"),
        ("touch k 10\r\n", "TOUCHED\r\n"),
        ("get k\r\n", "VALUE k 0 1\r\nx\r\nEND\r\n"),
        ("touch k -1\r\n", "TOUCHED\r\n"),
        ("get k\r\n", "END\r\n"),
        ("touch k 0\r\n", "NOT_FOUND\r\n"),
    ]);
}

#[test]
fn touch_wants_a_key_and_a_number() {
    let server = Server::start();
    server.client().says(&[
        ("touch\r\n", BAD_FORMAT),
        ("touch k\r\n", BAD_FORMAT),
        ("touch k x\r\n", BAD_EXPTIME),
        ("touch k 2147483648\r\n", BAD_EXPTIME),
        ("touch k 1.5\r\n", BAD_EXPTIME),
    ]);
}

#[test]
fn gat_returns_and_touches() {
    let server = Server::start();
    server.client().says(&[
        ("set a 3 0 1\r\nx\r\n", "STORED\r\n"),
        ("set b 4 0 1\r\ny\r\n", "STORED\r\n"),
        ("gat 100 a none b\r\n", "VALUE a 3 1\r\nx\r\nVALUE b 4 1\r\ny\r\nEND\r\n"),
        ("gat 100 none\r\n", "END\r\n"),
    ]);
}

#[test]
fn gat_into_the_past_returns_the_value_once() {
    let server = Server::start();
    server.client().says(&[
        ("set k 3 0 1\r\nx\r\n", "STORED\r\n"),
        ("gat -1 k\r\n", "VALUE k 3 1\r\nx\r\nEND\r\n"),
        ("get k\r\n", "END\r\n"),
    ]);
}

#[test]
fn gat_wants_a_number_and_a_key() {
    let server = Server::start();
    server.client().says(&[
        ("gat x k\r\n", BAD_EXPTIME),
        ("gats 2147483648 k\r\n", BAD_EXPTIME),
        ("gats 99999999999 k\r\n", BAD_EXPTIME),
    ]);
}

#[test]
fn gat_without_a_key_is_a_bad_line() {
    let server = Server::start();
    server.client().says(&[("gat 0\r\n", BAD_FORMAT), ("gats 0\r\n", BAD_FORMAT)]);
    server.client().says(&[("gat\r\n", BAD_FORMAT), ("gats foo\r\n", BAD_FORMAT)]);
}
