//! incr and decr on decimal numbers.

use crate::common::{BAD_FORMAT, Server};

const NON_NUMERIC: &str = "CLIENT_ERROR cannot increment or decrement non-numeric value\r\n";
const BAD_DELTA: &str = "CLIENT_ERROR invalid numeric delta argument\r\n";

#[test]
fn incr_and_decr_answer_the_new_number() {
    let server = Server::start();
    server.client().says(&[
        ("set n 0 0 1\r\n5\r\n", "STORED\r\n"),
        ("incr n 1\r\n", "6\r\n"),
        ("incr n 100\r\n", "106\r\n"),
        ("decr n 6\r\n", "100\r\n"),
        ("incr n 0\r\n", "100\r\n"),
        ("get n\r\n", "VALUE n 0 3\r\n100\r\nEND\r\n"),
    ]);
}

#[test]
fn absent_keys_are_not_found() {
    let server = Server::start();
    server.client().says(&[("incr n 1\r\n", "NOT_FOUND\r\n"), ("decr n 1\r\n", "NOT_FOUND\r\n")]);
}

#[test]
fn incr_wraps_at_two_to_the_64() {
    let server = Server::start();
    server.client().says(&[
        ("set n 0 0 20\r\n18446744073709551615\r\n", "STORED\r\n"),
        ("incr n 1\r\n", "0\r\n"),
        ("incr n 18446744073709551615\r\n", "18446744073709551615\r\n"),
        ("incr n 2\r\n", "1\r\n"),
    ]);
}

#[test]
fn decr_stops_at_zero() {
    let server = Server::start();
    server.client().says(&[
        ("set n 0 0 1\r\n5\r\n", "STORED\r\n"),
        ("decr n 6\r\n", "0\r\n"),
        ("decr n 18446744073709551615\r\n", "0\r\n"),
        ("incr n 3\r\n", "3\r\n"),
    ]);
}

#[test]
fn a_shorter_number_is_padded_with_spaces() {
    let server = Server::start();
    server.client().says(&[
        ("set n 0 0 2\r\n10\r\n", "STORED\r\n"),
        ("decr n 1\r\n", "9\r\n"),
        ("get n\r\n", "VALUE n 0 2\r\n9 \r\nEND\r\n"),
        ("incr n 1\r\n", "10\r\n"),
        ("get n\r\n", "VALUE n 0 2\r\n10\r\nEND\r\n"),
        ("incr n 90\r\n", "100\r\n"),
        ("get n\r\n", "VALUE n 0 3\r\n100\r\nEND\r\n"),
    ]);
}

#[test]
fn a_longer_number_keeps_the_flags() {
    let server = Server::start();
    server.client().says(&[
        ("set n 77 0 1\r\n9\r\n", "STORED\r\n"),
        ("incr n 999999\r\n", "1000008\r\n"),
        ("get n\r\n", "VALUE n 77 7\r\n1000008\r\nEND\r\n"),
    ]);
}

#[test]
fn what_is_not_a_number_is_refused() {
    let server = Server::start();
    let mut c = server.client();
    for value in ["", "abc", "-1", "12x", "18446744073709551616", "1.5", "x1"] {
        c.send(format!("set n 0 0 {}\r\n{value}\r\n", value.len())).expect("STORED\r\n");
        c.send("incr n 1\r\n").expect(NON_NUMERIC);
        c.send("decr n 1\r\n").expect(NON_NUMERIC);
        c.send("get n\r\n");
        c.expect(format!("VALUE n 0 {}\r\n{value}\r\nEND\r\n", value.len()));
    }
}

#[test]
fn numbers_are_read_as_strtoull_reads_them() {
    let server = Server::start();
    let mut c = server.client();
    for (value, sum) in [("12 3", 13), (" 7", 8), ("007", 8), ("+4", 5), ("9 ", 10)] {
        c.send(format!("set n 0 0 {}\r\n{value}\r\n", value.len())).expect("STORED\r\n");
        c.send("incr n 1\r\n").expect(format!("{sum}\r\n"));
    }
}

#[test]
fn a_bad_delta_changes_nothing() {
    let server = Server::start();
    let mut c = server.client();
    c.send("set n 0 0 1\r\n5\r\n").expect("STORED\r\n");
    for delta in ["x", "-1", "18446744073709551616", "1x", "0x10"] {
        c.send(format!("incr n {delta}\r\n")).expect(BAD_DELTA);
        c.send(format!("decr n {delta}\r\n")).expect(BAD_DELTA);
    }
    c.send("get n\r\n").expect("VALUE n 0 1\r\n5\r\nEND\r\n");
}

#[test]
fn a_plus_sign_is_no_part_of_a_delta() {
    let server = Server::start();
    server.client().says(&[("set n 0 0 1\r\n5\r\n", "STORED\r\n"), ("incr n +1\r\n", BAD_DELTA)]);
}

#[test]
fn missing_words_are_a_bad_line() {
    let server = Server::start();
    server.client().says(&[("incr n\r\n", BAD_FORMAT), ("decr n\r\n", BAD_FORMAT)]);
}

#[test]
fn large_values_are_never_numbers() {
    let server = Server::start();
    let mut c = server.client();
    let value = "1".to_string() + &" ".repeat(599_999);
    c.send(format!("set n 0 0 600000\r\n{value}\r\n")).expect("STORED\r\n");
    c.send("incr n 1\r\n").expect(NON_NUMERIC);
}

#[test]
fn ten_thousand_racing_increments_lose_none() {
    let server = Server::start();
    server.client().send("set n 0 0 1\r\n0\r\n").expect("STORED\r\n");
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let mut c = server.client();
                c.send("incr n 1\r\n".repeat(2500));
                (0..2500).for_each(|_| drop(c.line()));
            });
        }
    });
    server.client().send("get n\r\n").expect("VALUE n 0 5\r\n10000\r\nEND\r\n");
}
