//! Many commands in one write: every one is answered, in order, and others get their turn.

use std::time::{Duration, Instant};

use crate::common::Server;

#[test]
fn thousands_of_commands_in_one_write_are_answered_in_order() {
    const COUNT: usize = 5000;
    let server = Server::start();
    let mut c = server.client();
    let (mut requests, mut replies) = (String::new(), String::new());
    for i in 0..COUNT {
        requests.push_str(&format!("set k{} {i} 0 5\r\n{i:05}\r\nget k{} none\r\n", i % 7, i % 7));
        replies.push_str(&format!("STORED\r\nVALUE k{} {i} 5\r\n{i:05}\r\nEND\r\n", i % 7));
    }
    c.send(requests).expect(replies).expect_in_sync();
}

#[test]
fn errors_keep_their_place_among_answers() {
    let server = Server::start();
    let mut c = server.client();
    let requests = "bogus\r\nset k 0 0 1\r\nx\r\nset k 0 0 1\r\nxYZget k\r\nincr k 1\r\nget k\r\n";
    let replies = "ERROR\r\nSTORED\r\nCLIENT_ERROR bad data chunk\r\nVALUE k 0 1\r\nx\r\nEND\r\n\
        CLIENT_ERROR cannot increment or decrement non-numeric value\r\n\
        VALUE k 0 1\r\nx\r\nEND\r\n";
    c.send(requests.repeat(500)).expect(replies.repeat(500)).expect_in_sync();
}

#[test]
fn a_pipeline_of_mixed_sizes_is_answered_in_order() {
    let server = Server::start();
    let mut c = server.client();
    let sizes = [1, 100, 70_000, 5, 300_000, 1000, 65_536, 2, 600_000, 10];
    let (mut requests, mut replies) = (String::new(), String::new());
    for (i, size) in sizes.into_iter().enumerate() {
        let value = char::from(b'a' + i as u8).to_string().repeat(size);
        requests.push_str(&format!("set k 0 0 {size}\r\n{value}\r\nget k\r\nincr k 1\r\n"));
        replies.push_str(&format!("STORED\r\nVALUE k 0 {size}\r\n{value}\r\nEND\r\n"));
        replies.push_str("CLIENT_ERROR cannot increment or decrement non-numeric value\r\n");
    }
    std::thread::scope(|scope| {
        let mut sender = server.client();
        std::mem::swap(&mut sender, &mut c);
        let reader = scope.spawn(move || {
            sender.send(&requests).expect(&replies).expect_in_sync();
        });
        reader.join().expect("answered in order");
    });
}

/// Row 2: one client's endless pipeline does not make another one wait.
#[test]
fn a_bystander_is_served_during_a_long_pipeline() {
    const COUNT: usize = 200_000;
    let server = Server::with(&["-t", "1"]);
    let mut bystander = server.client();
    bystander.send("set k 0 0 1\r\nx\r\n").expect("STORED\r\n");
    std::thread::scope(|scope| {
        let flood = scope.spawn(|| {
            let mut c = server.client();
            let reply = "VALUE k 0 1\r\nx\r\nEND\r\n".repeat(1000);
            for _ in 0..COUNT / 1000 {
                c.send("get k\r\n".repeat(1000)).expect(&reply);
            }
        });
        let mut waits = Vec::new();
        while !flood.is_finished() || waits.is_empty() {
            let asked = Instant::now();
            bystander.send("get k\r\n").expect("VALUE k 0 1\r\nx\r\nEND\r\n");
            waits.push(asked.elapsed());
        }
        waits.sort_unstable();
        let nearly_worst = waits[waits.len() * 95 / 100];
        assert!(nearly_worst < Duration::from_millis(100), "{nearly_worst:?}");
    });
}

#[test]
fn requests_per_event_may_be_one() {
    let server = Server::with(&["-R", "1", "-t", "1"]);
    let mut c = server.client();
    c.send("set k 0 0 1\r\nx\r\n").expect("STORED\r\n");
    let reply = "VALUE k 0 1\r\nx\r\nEND\r\n".repeat(3000);
    c.send("get k\r\n".repeat(3000)).expect(reply).expect_in_sync();
}

#[test]
fn fifty_connections_at_once_do_not_mix() {
    let server = Server::start();
    std::thread::scope(|scope| {
        for id in 0..50 {
            let server = &server;
            scope.spawn(move || {
                let mut c = server.client();
                for i in 0..200 {
                    let request = format!("set k{id} {id} 0 6\r\n{i:06}\r\nget k{id}\r\n");
                    let reply = format!("STORED\r\nVALUE k{id} {id} 6\r\n{i:06}\r\nEND\r\n");
                    c.send(request).expect(reply);
                }
            });
        }
    });
}
