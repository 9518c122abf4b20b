//! flush_all, now and later.

use crate::common::Server;

const BAD_EXPTIME: &str = "CLIENT_ERROR invalid exptime argument\r\n";

#[test]
fn flush_all_forgets_everything_at_once() {
    let server = Server::start();
    let mut c = server.client();
    for i in 0..100 {
        c.send(format!("set k{i} 0 0 1\r\nx\r\n")).expect("STORED\r\n");
    }
    c.send("flush_all\r\n").expect("OK\r\n");
    for i in 0..100 {
        c.send(format!("get k{i}\r\n")).expect("END\r\n");
    }
}

#[test]
fn what_is_stored_right_after_a_flush_lives() {
    let server = Server::start();
    let mut c = server.client();
    for i in 0..50 {
        c.send(format!("set k 0 0 2\r\n{i:02}\r\n")).expect("STORED\r\n");
        c.send("flush_all\r\n").expect("OK\r\n");
        c.send("get k\r\n").expect("END\r\n");
        c.send(format!("set k 0 0 2\r\n{i:02}\r\n")).expect("STORED\r\n");
        c.send("get k\r\n").expect(format!("VALUE k 0 2\r\n{i:02}\r\nEND\r\n"));
    }
}

#[test]
fn zero_and_negative_delays_mean_now() {
    let server = Server::start();
    server.client().says(&[
        ("set k 0 0 1\r\nx\r\n", "STORED\r\n"),
        ("flush_all 0\r\n", "OK\r\n"),
        ("get k\r\n", "END\r\n"),
        ("set k 0 0 1\r\nx\r\n", "STORED\r\n"),
        ("flush_all -1\r\n", "OK\r\n"),
        ("get k\r\n", "END\r\n"),
    ]);
}

#[test]
fn noreply_is_silent_and_flushes() {
    let server = Server::start();
    server.client().says(&[
        ("set k 0 0 1\r\nx\r\n", "STORED\r\n"),
        ("flush_all noreply\r\nget k\r\n", "END\r\n"),
        ("set k 0 0 1\r\nx\r\n", "STORED\r\n"),
        ("flush_all 0 noreply\r\nget k\r\n", "END\r\n"),
    ]);
}

#[test]
fn a_word_is_no_delay() {
    let server = Server::start();
    server.client().says(&[
        ("set k 0 0 1\r\nx\r\n", "STORED\r\n"),
        ("flush_all soon\r\n", BAD_EXPTIME),
        ("get k\r\n", "VALUE k 0 1\r\nx\r\nEND\r\n"),
    ]);
}

#[test]
fn a_flushed_item_is_absent_for_every_verb() {
    let server = Server::start();
    server.client().says(&[
        ("set k 0 0 1\r\n1\r\n", "STORED\r\n"),
        ("flush_all\r\n", "OK\r\n"),
        ("incr k 1\r\n", "NOT_FOUND\r\n"),
        ("append k 0 0 1\r\nx\r\n", "NOT_STORED\r\n"),
        ("touch k 0\r\n", "NOT_FOUND\r\n"),
        ("delete k\r\n", "NOT_FOUND\r\n"),
        ("add k 0 0 1\r\nx\r\n", "STORED\r\n"),
    ]);
}

#[test]
fn large_values_are_flushed_too() {
    let server = Server::start();
    let mut c = server.client();
    let value = "v".repeat(900_000);
    c.send(format!("set k 0 0 900000\r\n{value}\r\n")).expect("STORED\r\n");
    c.send("flush_all\r\nget k\r\n").expect("OK\r\nEND\r\n");
}

#[test]
fn flush_all_can_be_forbidden() {
    let server = Server::with(&["-F"]);
    server.client().says(&[
        ("set k 0 0 1\r\nx\r\n", "STORED\r\n"),
        ("flush_all\r\n", "CLIENT_ERROR flush_all not allowed\r\n"),
        ("flush_all soon\r\n", "CLIENT_ERROR flush_all not allowed\r\n"),
        ("get k\r\n", "VALUE k 0 1\r\nx\r\nEND\r\n"),
    ]);
    assert_eq!(server.stat("cmd_flush"), 2, "refused ones count");
}

#[cfg(feature = "debug-commands")]
mod later {
    //! Delayed flushes, by a clock that the test moves.

    use crate::common::{Server, skip_without_clock};

    const HIT: &str = "VALUE k 0 1\r\nx\r\nEND\r\n";

    #[test]
    fn a_delayed_flush_waits() {
        if skip_without_clock() {
            return;
        }
        let server = Server::start();
        let mut c = server.client();
        c.stop_clock().send("set k 0 0 1\r\nx\r\n").expect("STORED\r\n");
        c.send("flush_all 100\r\n").expect("OK\r\n");
        c.send("get k\r\n").expect(HIT);
        c.advance(98).send("get k\r\n").expect(HIT);
        c.advance(2).send("get k\r\n").expect("END\r\n");
        c.send("set k 0 0 1\r\nx\r\n").expect("STORED\r\n");
        c.advance(10).send("get k\r\n").expect(HIT);
    }

    #[test]
    fn a_later_flush_replaces_a_pending_one() {
        if skip_without_clock() {
            return;
        }
        let server = Server::start();
        let mut c = server.client();
        c.stop_clock().send("set k 0 0 1\r\nx\r\n").expect("STORED\r\n");
        c.send("flush_all 10\r\n").expect("OK\r\n");
        c.send("flush_all 100\r\n").expect("OK\r\n");
        c.advance(50).send("get k\r\n").expect(HIT);
        c.advance(51).send("get k\r\n").expect("END\r\n");
    }

    #[test]
    fn an_immediate_flush_also_forgets_the_pending_one() {
        if skip_without_clock() {
            return;
        }
        let server = Server::start();
        let mut c = server.client();
        c.stop_clock().send("flush_all 10\r\n").expect("OK\r\n");
        c.send("flush_all\r\n").expect("OK\r\n");
        c.advance(2).send("set k 0 0 1\r\nx\r\n").expect("STORED\r\n");
        c.advance(20).send("get k\r\n").expect(HIT);
    }
}
