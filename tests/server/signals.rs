//! Signals and the shutdown command (PROTOCOL 8.6): how it ends, and how it does not.

use std::time::Duration;

use crate::common::{Client, Server, foreign_server};

const END_MAX: Duration = Duration::from_secs(5);

#[test]
fn term_int_and_usr1_end_it_well() {
    for signal in ["TERM", "INT", "USR1"] {
        let mut server = Server::start();
        server.assert_serves();
        server.signal(signal);
        let status = server.wait_exit(END_MAX);
        assert!(status.success(), "{signal}: {status}");
    }
}

#[test]
fn hup_and_pipe_do_not_end_it() {
    let server = Server::start();
    for _ in 0..20 {
        server.signal("HUP");
        server.signal("PIPE");
        server.assert_serves();
    }
}

/// Row 16: under load every client sees an orderly end, and every answer it got was whole.
#[test]
fn term_under_load_closes_in_good_order() {
    if foreign_server() {
        eprintln!("skipped: memcached resets its clients");
        return;
    }
    let mut server = Server::start();
    server.client().send("set k 0 0 5\r\nhello\r\n").expect("STORED\r\n");
    let mut clients: Vec<Client> = (0..100).map(|_| server.client()).collect();
    for c in &mut clients {
        c.expect_in_sync();
    }
    let loads: Vec<_> =
        clients.into_iter().map(|c| std::thread::spawn(|| ask_until_end(c))).collect();
    std::thread::sleep(Duration::from_millis(100));
    server.signal("TERM");
    assert!(server.wait_exit(END_MAX).success());
    for load in loads {
        load.join().expect("an orderly end");
    }
}

/// Ask again and again; in the end there must be a FIN, after the whole of an answer.
fn ask_until_end(mut c: Client) {
    const REPLY: &[u8] = b"VALUE k 0 5\r\nhello\r\nEND\r\n";
    loop {
        c.send_lossy("get k\r\n");
        let answer = c.read_or_end(REPLY.len()).expect("no reset");
        if answer.is_empty() {
            return;
        }
        assert_eq!(answer, REPLY);
    }
}

#[test]
fn idle_clients_see_the_end_at_once() {
    let mut server = Server::start();
    let mut c = server.client();
    c.expect_in_sync();
    server.signal("TERM");
    c.expect_closed();
    assert!(server.wait_exit(END_MAX).success());
}

#[test]
fn a_client_that_does_not_read_cannot_hold_it_up() {
    let mut server = Server::start();
    let mut c = Client::tcp_with_window(server.address(), Some(4096));
    c.send(format!("set k 0 0 1000000\r\n{}\r\n", "x".repeat(1_000_000))).expect("STORED\r\n");
    c.send("get k\r\n".repeat(20)).expect("VALUE k ");
    let mut half = server.client();
    half.send("set k 0 0 1000\r\nabc");
    server.signal("TERM");
    assert!(server.wait_exit(END_MAX).success());
}

#[test]
fn what_was_read_before_the_signal_is_answered() {
    if foreign_server() {
        eprintln!("skipped: memcached drops what it has not sent");
        return;
    }
    for _ in 0..20 {
        let mut server = Server::start();
        let mut c = server.client();
        c.send("set k 0 0 1\r\nx\r\n").send("get k\r\n".repeat(1000)).expect("STORED\r\n");
        server.signal("TERM");
        let rest = c.read_to_end();
        let reply = b"VALUE k 0 1\r\nx\r\nEND\r\n";
        assert_eq!(rest.len() % reply.len(), 0, "half an answer");
        assert!(server.wait_exit(END_MAX).success());
    }
}

#[test]
fn the_port_is_free_again_at_once() {
    let mut server = Server::start();
    server.assert_serves();
    server.signal("TERM");
    server.wait_exit(END_MAX);
    let port = server.address().port().to_string();
    let again = Server::on_port(&port);
    again.assert_serves();
}

#[test]
fn shutdown_must_be_enabled() {
    let server = Server::start();
    let mut c = server.client();
    c.send("shutdown\r\n").read_until("\r\n");
    c.expect_in_sync();
    if !foreign_server() {
        c.send("shutdown\r\n").expect("SERVER_ERROR: shutdown not enabled\r\n");
        c.send("shutdown graceful\r\n").expect("SERVER_ERROR: shutdown not enabled\r\n");
    }
}

#[test]
fn shutdown_closes_without_a_word_and_ends_it() {
    for command in ["shutdown\r\n", "shutdown graceful\r\n"] {
        let mut server = Server::with(&["-A"]);
        server.client().send("shutdown sometime\r\n").expect("CLIENT_ERROR invalid shutdown mode");
        server.client().send(command).expect_dropped();
        assert!(server.wait_exit(END_MAX).success());
    }
}
