//! get and gets with many keys.

use crate::common::{Server, pattern};

#[test]
fn found_keys_come_in_the_order_asked() {
    let server = Server::start();
    server.client().says(&[
        ("set a 1 0 1\r\nx\r\n", "STORED\r\n"),
        ("set b 2 0 2\r\nyy\r\n", "STORED\r\n"),
        ("get b none a\r\n", "VALUE b 2 2\r\nyy\r\nVALUE a 1 1\r\nx\r\nEND\r\n"),
    ]);
}

#[test]
fn a_key_asked_twice_is_answered_twice() {
    let server = Server::start();
    server.client().says(&[
        ("set a 0 0 1\r\nx\r\n", "STORED\r\n"),
        ("get a a\r\n", "VALUE a 0 1\r\nx\r\nVALUE a 0 1\r\nx\r\nEND\r\n"),
    ]);
}

#[test]
fn a_hundred_keys_in_one_line() {
    let server = Server::start();
    let mut c = server.client();
    let (mut line, mut reply) = (String::from("get"), String::new());
    for i in 0..100 {
        line.push_str(&format!(" key{i}"));
        if i % 3 != 0 {
            c.send(format!("set key{i} {i} 0 7\r\nval{i:04}\r\n")).expect("STORED\r\n");
            reply.push_str(&format!("VALUE key{i} {i} 7\r\nval{i:04}\r\n"));
        }
    }
    c.send(line + "\r\n").expect(reply + "END\r\n");
}

/// Long get lines are the one kind of line that may outgrow a buffer.
#[test]
fn ten_thousand_keys_in_one_line() {
    let server = Server::start();
    let mut c = server.client();
    c.send("set key00077 0 0 1\r\nx\r\n").expect("STORED\r\n");
    c.send("set key09999 0 0 1\r\ny\r\n").expect("STORED\r\n");
    let line: String = (0..10_000).map(|i| format!(" key{i:05}")).collect();
    let reply = "VALUE key00077 0 1\r\nx\r\nVALUE key09999 0 1\r\ny\r\nEND\r\n";
    c.send(format!("get{line}\r\n")).expect(reply);
    c.expect_in_sync();
    c.send(format!("gets{line}\r\n")).read_until("END\r\n");
    c.expect_in_sync();
}

#[test]
fn a_thousand_keys_of_the_greatest_length() {
    let server = Server::start();
    let mut c = server.client();
    let key = |i: usize| format!("{i:0>250}");
    c.send(format!("set {} 0 0 1\r\nx\r\n", key(999))).expect("STORED\r\n");
    let line: String = (0..1000).map(|i| " ".to_string() + &key(i)).collect();
    c.send(format!("get{line}\r\n")).expect(format!("VALUE {} 0 1\r\nx\r\nEND\r\n", key(999)));
}

/// The reply is far larger than any buffer; small, middle and chained values take turns.
#[test]
fn values_of_all_sizes_in_one_reply() {
    let server = Server::start();
    let mut c = server.client();
    let sizes = [0, 10, 100_000, 1, 600_000, 65_536, 65_537, 1_000_000, 3, 33_000, 70_000];
    let (mut line, mut reply) = (String::from("get"), Vec::new());
    for (i, size) in sizes.into_iter().enumerate() {
        let value = pattern(i as u64, size);
        c.send(format!("set k{i} 0 0 {size}\r\n")).send(&value).send("\r\n").expect("STORED\r\n");
        line.push_str(&format!(" k{i} none"));
        reply.extend(format!("VALUE k{i} 0 {size}\r\n").bytes());
        reply.extend(value);
        reply.extend(b"\r\n");
    }
    reply.extend(b"END\r\n");
    c.send(line + "\r\n").expect(&reply).expect_in_sync();
}

#[test]
fn a_value_of_100_kb_asked_a_hundred_times_in_one_line() {
    let server = Server::start();
    let mut c = server.client();
    let value = pattern(1, 100_000);
    c.send("set k 0 0 100000\r\n").send(&value).send("\r\n").expect("STORED\r\n");
    c.send(format!("get{}\r\n", " k".repeat(100)));
    for _ in 0..100 {
        c.expect("VALUE k 0 100000\r\n").expect(&value).expect("\r\n");
    }
    c.expect("END\r\n").expect_in_sync();
}

#[test]
fn gets_without_a_second_word_and_get_of_a_verb() {
    let server = Server::start();
    server.client().says(&[
        ("set get 0 0 1\r\nx\r\n", "STORED\r\n"),
        ("get get\r\n", "VALUE get 0 1\r\nx\r\nEND\r\n"),
        ("get HTTP/1.1\r\n", "END\r\n"),
    ]);
}
