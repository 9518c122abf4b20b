//! Deadlines: for an idle connection, a request, a value, and an unread reply. These tests wait
//! for real seconds, as few as the options allow.

use std::time::{Duration, Instant};

use crate::common::{Client, Server, foreign_server};

/// A deadline of one second, the coarse clock's tick and some patience.
const SOON: Duration = Duration::from_secs(3);

/// It is open now, and closed by the server before long.
#[track_caller]
fn expect_closed_soon(c: &mut Client) {
    let start = Instant::now();
    let rest = c.read_for(Duration::from_secs(8));
    assert!(start.elapsed() < SOON + Duration::from_secs(2), "still open");
    assert!(start.elapsed() > Duration::from_millis(300), "closed at once");
    assert_eq!(rest, b"", "closed without a word");
}

#[test]
fn an_idle_connection_is_closed_and_a_busy_one_is_not() {
    let server = Server::with(&["-o", "idle_timeout=1"]);
    let (mut idle, mut busy) = (server.client(), server.client());
    idle.expect_in_sync();
    let closed = std::thread::spawn(move || expect_closed_soon(&mut idle));
    while !closed.is_finished() {
        busy.expect_in_sync();
        std::thread::sleep(Duration::from_millis(100));
    }
    closed.join().expect("it was closed");
    assert_eq!(busy.stats("")["idle_kicks"], "1");
}

#[test]
fn idle_timeout_leaves_unix_sockets_alone() {
    let server = Server::on_unix_socket(&["-o", "idle_timeout=1"]);
    let mut c = server.client();
    c.expect_in_sync().expect_silence(Duration::from_millis(2500)).expect_in_sync();
}

/// Row 3: half a command, or a byte now and then, is closed at the request's deadline.
#[test]
fn a_request_that_never_ends_is_closed() {
    if foreign_server() {
        eprintln!("skipped: request_timeout is ours");
        return;
    }
    let server = Server::with(&["-o", "request_timeout=1"]);
    let mut c = server.client();
    c.send("get k");
    expect_closed_soon(&mut c);
    let mut slow = server.client();
    let start = Instant::now();
    while start.elapsed() < SOON + Duration::from_secs(2) {
        slow.send_lossy("x");
        if slow.is_closed() {
            break;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    assert!(start.elapsed() < SOON, "a byte now and then keeps it open");
    server.assert_serves();
}

#[test]
fn a_value_that_stops_arriving_is_given_up() {
    if foreign_server() {
        eprintln!("skipped: body_timeout is ours");
        return;
    }
    let server = Server::with(&["-o", "body_timeout=1,request_timeout=1"]);
    for len in [1000, 900_000] {
        let mut c = server.client();
        c.send(format!("set k 0 0 {len}\r\n{}", "x".repeat(len / 2)));
        expect_closed_soon(&mut c); // small values are part of the request, large ones are bodies
    }
    server.client().send("get k\r\n").expect("END\r\n");
    assert_eq!(server.stat("curr_items"), 0);
}

#[test]
fn a_reply_that_nobody_reads_is_given_up() {
    if foreign_server() {
        eprintln!("skipped: write_timeout is ours");
        return;
    }
    let server = Server::with(&["-o", "write_timeout=1"]);
    let mut c = server.client();
    c.send(format!("set k 0 0 1000000\r\n{}\r\n", "x".repeat(1_000_000))).expect("STORED\r\n");
    c.send("quit\r\n").expect_closed();
    let mut reader = Client::tcp_with_window(server.address(), Some(4096));
    reader.send("get k\r\n".repeat(50));
    server.eventually("it is closed", |server| server.stat("curr_connections") == 1);
    server.assert_serves();
}

#[test]
fn deadlines_do_not_touch_those_who_keep_them() {
    if foreign_server() {
        eprintln!("skipped: these options are ours");
        return;
    }
    let options = "request_timeout=1,body_timeout=1,write_timeout=1";
    let server = Server::with(&["-o", options]);
    let mut c = server.client();
    let value = "x".repeat(400_000);
    c.expect_in_sync();
    std::thread::sleep(Duration::from_millis(2200)); // idle is not slow
    c.expect_in_sync();
    c.send("set k 0 0 400000\r\n");
    for piece in value.as_bytes().chunks(100_000) {
        c.send(piece); // progress, now and then
        std::thread::sleep(Duration::from_millis(400));
    }
    c.send("\r\n").expect("STORED\r\n");
    // What came quickly at first may go on slowly.
    let value = "x".repeat(1_000_000);
    c.send(format!("set k 0 0 1000000\r\n{}", &value[..600_000]));
    for piece in value.as_bytes()[600_000..999_900].chunks(40_000) {
        c.send(piece);
        std::thread::sleep(Duration::from_millis(400));
    }
    c.send(&value[999_900..]).send("\r\n").expect("STORED\r\n").expect_in_sync();
}
