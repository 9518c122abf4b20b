//! `printf … | nc -N`: the client says that it is done before it has read anything.

use crate::common::{Server, pattern};

#[test]
fn what_was_asked_is_answered_before_the_close() {
    let server = Server::start();
    let mut c = server.client();
    c.send("set k 0 0 5\r\nhello\r\nget k\r\n").finish_sending();
    c.expect("STORED\r\nVALUE k 0 5\r\nhello\r\nEND\r\n").expect_closed();
}

#[test]
fn thousands_of_commands_are_all_answered_before_the_close() {
    let server = Server::start();
    let mut c = server.client();
    c.send("set k 0 0 1\r\nx\r\n").send("get k\r\n".repeat(5000)).finish_sending();
    c.expect("STORED\r\n").expect("VALUE k 0 1\r\nx\r\nEND\r\n".repeat(5000)).expect_closed();
}

#[test]
fn large_values_are_sent_whole_before_the_close() {
    let server = Server::start();
    let value = pattern(1, 1_000_000);
    let mut c = server.client();
    c.send("set k 0 0 1000000\r\n").send(&value).send("\r\nget k k k\r\n").finish_sending();
    c.expect("STORED\r\n");
    for _ in 0..3 {
        c.expect("VALUE k 0 1000000\r\n").expect(&value).expect("\r\n");
    }
    c.expect("END\r\n").expect_closed();
}

#[test]
fn an_unfinished_command_is_dropped() {
    let server = Server::start();
    for rest in ["get k", "set k 0 0 5\r\n", "set k 0 0 5\r\nhel", "set k 0 0 5\r\nhello\r", "x"] {
        let mut c = server.client();
        c.send("get none\r\n").expect("END\r\n");
        c.send(rest).finish_sending().expect_closed();
    }
    server.client().send("get k\r\n").expect("END\r\n");
}

#[test]
fn nothing_said_is_nothing_answered() {
    let server = Server::start();
    server.client().finish_sending().expect_closed();
    server.assert_serves();
}

/// Closing at once, without reading: an error costs nobody anything.
#[test]
fn clients_that_vanish_after_asking_are_forgotten() {
    let server = Server::start();
    server.assert_serves(); // now all its own files are open
    let files = server.open_files();
    for _ in 0..500 {
        server.client().send("set k 0 0 1\r\nx\r\nget k\r\n");
    }
    server.eventually("their sockets are closed", |server| server.open_files() <= files + 2);
    server.assert_serves();
}
