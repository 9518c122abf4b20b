//! Row 1: clients that ask for much and read nothing cost themselves only.

use std::time::Duration;

use crate::common::{Client, Server, pattern};

#[test]
fn unread_replies_do_not_pile_up_in_memory() {
    const KB: usize = 100_000;
    let server = Server::start();
    let value = pattern(1, KB);
    let mut c = server.client();
    c.send(format!("set k 0 0 {KB}\r\n")).send(&value).send("\r\n").expect("STORED\r\n");
    let before = server.resident();
    let mut readers: Vec<Client> = (0..20)
        .map(|_| {
            let mut reader = Client::tcp_with_window(server.address(), Some(8 << 10));
            reader.send("get k\r\n".repeat(5000)); // half a gigabyte of replies each
            reader
        })
        .collect();
    for _ in 0..100 {
        server.assert_serves();
    }
    std::thread::sleep(Duration::from_millis(300));
    let grown = server.resident().saturating_sub(before);
    assert!(grown < 8 << 20, "{grown} bytes more for 20 readers that do not read");
    // One that reads after all gets everything, in order.
    let mut last = readers.pop().expect("twenty");
    for _ in 0..5000 {
        last.expect("VALUE k 0 100000\r\n").expect(&value).expect("\r\nEND\r\n");
    }
    last.expect_in_sync();
    drop((readers, last, c));
    server.eventually("they are gone", |server| server.stat("curr_connections") == 1);
}

#[test]
fn replies_of_small_values_do_not_pile_up_either() {
    let server = Server::start();
    let mut c = server.client();
    c.send(format!("set k 0 0 1000\r\n{}\r\n", "x".repeat(1000))).expect("STORED\r\n");
    let before = server.resident();
    let mut reader = Client::tcp_with_window(server.address(), Some(8 << 10));
    // As much as the server takes without being read from: it must stop taking.
    let line = format!("get{}\r\n", " k".repeat(100));
    reader.send(line.repeat(2000));
    for _ in 0..100 {
        server.assert_serves();
    }
    let grown = server.resident().saturating_sub(before);
    assert!(grown < 8 << 20, "{grown} bytes more");
    let reply = format!("VALUE k 0 1000\r\n{}\r\n", "x".repeat(1000)).repeat(100) + "END\r\n";
    for _ in 0..2000 {
        reader.expect(&reply);
    }
    reader.expect_in_sync();
}

/// A reader of one byte at a time still gets a whole, unmixed answer.
#[test]
fn a_reader_by_the_byte_gets_it_all() {
    let server = Server::start();
    let mut c = Client::tcp_with_window(server.address(), Some(1));
    let value = pattern(3, 70_000);
    c.send("set k 0 0 70000\r\n").send(&value).send("\r\n").expect("STORED\r\n");
    c.send("get k\r\n").expect("VALUE k 0 70000\r\n");
    for byte in value {
        c.expect([byte]);
    }
    c.expect("\r\nEND\r\n").expect_in_sync();
}
