//! Row 29: a failing command, a hundred thousand times, leaves nothing behind.

use crate::common::Server;

/// Each is a request and its answer; neither stores anything that stays.
const FAILURES: [(&str, &str); 12] = [
    ("bogus\r\n", "ERROR\r\n"),
    ("get\r\n", "CLIENT_ERROR bad command line format\r\n"),
    ("set k 0 0 10\r\n0123456789XY", "CLIENT_ERROR bad data chunk\r\n"),
    ("set k x 0 10\r\n0123456789\r\n", "CLIENT_ERROR bad command line format\r\n"),
    ("cas none 0 0 1 1\r\nx\r\n", "NOT_FOUND\r\n"),
    ("cas kept 0 0 1 999999999999\r\nx\r\n", "EXISTS\r\n"),
    ("add kept 0 0 1\r\nx\r\n", "NOT_STORED\r\n"),
    ("replace none 0 0 1\r\nx\r\n", "NOT_STORED\r\n"),
    ("append none 0 0 1\r\nx\r\n", "NOT_STORED\r\n"),
    ("incr kept 1\r\n", "CLIENT_ERROR cannot increment or decrement non-numeric value\r\n"),
    ("touch kept x\r\n", "CLIENT_ERROR invalid exptime argument\r\n"),
    ("set k 0 0 -1\r\n", "CLIENT_ERROR bad command line format\r\n"),
];
const TIMES: usize = 100_000;
const BATCH: usize = 500;

fn repeat(server: &Server, request: &str, reply: &str, times: usize) {
    let mut c = server.client();
    let (requests, replies) = (request.repeat(BATCH), reply.repeat(BATCH));
    for _ in 0..times / BATCH {
        c.send(&requests).expect(&replies);
    }
    c.send("quit\r\n").expect_closed();
}

#[test]
fn failing_commands_leave_no_memory_behind() {
    let server = Server::start();
    server.client().send("set kept 0 0 1\r\nx\r\n").expect("STORED\r\n");
    for (request, reply) in FAILURES {
        repeat(&server, request, reply, 5000); // buffers find their size
    }
    let (before, bytes) = (server.resident(), server.stat("bytes"));
    for (request, reply) in FAILURES {
        repeat(&server, request, reply, TIMES);
    }
    let grown = server.resident().saturating_sub(before);
    assert!(grown < 1 << 20, "{grown} bytes more");
    assert_eq!((server.stat("curr_items"), server.stat("bytes")), (1, bytes));
}

#[test]
fn failing_large_sets_leave_no_memory_behind() {
    let server = Server::start();
    let body = "x".repeat(300_000);
    let mut c = server.client();
    c.send(format!("set kept 0 0 300000\r\n{body}\r\n")).expect("STORED\r\n");
    let attempts = [
        (format!("set k 0 0 300000\r\n{body}XY"), "CLIENT_ERROR bad data chunk\r\n"),
        (format!("cas none 0 0 300000 1\r\n{body}\r\n"), "NOT_FOUND\r\n"),
        (format!("cas kept 0 0 300000 999999999999\r\n{body}\r\n"), "EXISTS\r\n"),
        (format!("add kept 0 0 300000\r\n{body}\r\n"), "NOT_STORED\r\n"),
        (format!("append none 0 0 300000\r\n{body}\r\n"), "NOT_STORED\r\n"),
    ];
    for (request, reply) in &attempts {
        for _ in 0..300 {
            c.send(request).expect(reply);
        }
    }
    let too_large = format!("set k 0 0 2000000\r\n{}\r\n", "x".repeat(2_000_000));
    for _ in 0..50 {
        c.send(&too_large).expect("SERVER_ERROR object too large for cache\r\n");
    }
    assert_eq!((server.stat("curr_items"), server.stat("evictions")), (1, 0));
    c.send("get kept\r\n").expect(format!("VALUE kept 0 300000\r\n{body}\r\nEND\r\n"));
}
