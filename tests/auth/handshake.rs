//! The text handshake, line by line (PROTOCOL 4.2).

use crate::common::{Server, foreign_server};
use crate::{FAILURE, UNAUTHENTICATED, UserFile, ann, cheap_hash, login, server, server_of};

#[test]
fn who_has_logged_in_may_do_all() {
    let (server, _file) = server();
    let mut c = server.client();
    c.send(login("ann", "secret")).expect("STORED\r\n");
    c.says(&[
        ("set k 0 0 5\r\nhello\r\n", "STORED\r\n"),
        ("get k auth\r\n", "VALUE k 0 5\r\nhello\r\nEND\r\n"),
        ("quit nonsense\r\n", ""),
    ]);
    let mut bob = server.client();
    bob.send(login("bob", "to ken")).expect("STORED\r\n").send("get k\r\n").expect("VALUE k 0 5");
}

#[test]
fn key_flags_and_exptime_may_be_anything() {
    let (server, _file) = server();
    for front in [
        "set k 0 0 10".to_string(),
        "set k foo bar 10".to_string(),
        "set k -1 99999999999999999999 10 noreply".to_string(),
        "set k 0 0 0010 and more words".to_string(),
        format!("set {} 0 0 10", "k".repeat(300)),
    ] {
        let mut c = server.client();
        c.send(format!("{front}\r\nann secret\r\n")).expect("STORED\r\n").expect_in_sync();
    }
}

#[test]
fn a_wrong_login_may_be_tried_again() {
    let (server, _file) = server();
    for (user, password) in [
        ("ann", "Secret"),
        ("ann", "secre"),
        ("ann", "secret "),
        ("ann", ""),
        ("eve", "secret"),
        ("", ""),
        ("bob", "to"),
        ("ann secret", ""),
    ] {
        let mut c = server.client();
        c.send(login(user, password)).expect(FAILURE);
        c.send("get key\r\n").expect(UNAUTHENTICATED);
        c.send(login("ann", "secret")).expect("STORED\r\n").expect_in_sync();
    }
}

#[test]
fn what_is_wrong_with_a_line_is_told() {
    let (server, _file) = server();
    for (sent, told) in [
        ("get key\r\n", UNAUTHENTICATED),
        ("version\r\n", UNAUTHENTICATED),
        ("set k 0 0\r\n", UNAUTHENTICATED),
        ("set k 0 0 -1\r\n", UNAUTHENTICATED),
        ("set k 0 0 ten\r\n", UNAUTHENTICATED),
        ("set k 0 0 99999999999\r\n", UNAUTHENTICATED),
        ("add k 0 0 10\r\n", UNAUTHENTICATED),
        (" set k 0 0 10\r\n", UNAUTHENTICATED),
        ("set k 0 0 16385\r\n", "CLIENT_ERROR auth token too long\r\n"),
        ("set foo 0 0 2147483646\r\n", "CLIENT_ERROR auth token too long\r\n"),
        ("set k 0 0 10\r\nann secretXX", "CLIENT_ERROR bad command line termination\r\n"),
        ("set k 0 0 3\r\nann\r\n", "CLIENT_ERROR bad authentication token format\r\n"),
        ("set k 0 0 0\r\n\r\n", "CLIENT_ERROR bad authentication token format\r\n"),
    ] {
        let mut c = server.client();
        c.send(sent).expect(told);
        c.send(login("ann", "secret")).expect("STORED\r\n").expect_in_sync();
    }
}

#[test]
fn short_and_endless_lines_end_it() {
    let (server, _file) = server();
    for sent in ["\r\n", "\n\n\n\n", "quit\r\n", "mn\r\n", "get a\n"] {
        server.client().send(sent).expect_dropped();
    }
    server.client().send("x".repeat(2049)).expect_dropped();
    let mut c = server.client();
    c.send("x".repeat(2047)).send("\r\n").expect(UNAUTHENTICATED);
    // Line and data together must fit 16 KiB.
    let most = 16384 - "set k 0 0 16365\r\n\r\n".len();
    let token = format!("ann {}", "x".repeat(most - 4));
    c.send(format!("set k 0 0 {most}\r\n{token}\r\n")).expect(FAILURE);
    c.send(format!("set k 0 0 {}\r\n{token}x\r\n", most + 1)).expect_dropped();
}

/// memcached sends the last of the answers only; a client that counts would be out of step.
#[test]
fn each_line_of_a_packet_gets_its_own_answer() {
    if foreign_server() {
        eprintln!("skipped: memcached sends the last answer only");
        return;
    }
    let (server, _file) = server();
    let mut c = server.client();
    let wrong = login("ann", "wrong");
    let right = login("ann", "secret");
    c.send(format!(
        "get key\r\nset k 0 0 3\r\nann\r\nversion\r\n{wrong}{right}get key\r\nset k 0 0 1\r\nx\r\n"
    ));
    c.expect(UNAUTHENTICATED)
        .expect("CLIENT_ERROR bad authentication token format\r\n")
        .expect(UNAUTHENTICATED)
        .expect(FAILURE)
        .expect("STORED\r\n")
        .expect("END\r\n")
        .expect("STORED\r\n")
        .expect_in_sync();
}

#[test]
fn a_login_may_come_in_pieces_and_with_what_follows() {
    let (server, _file) = server();
    let script = format!("{}get no\r\nset k 0 0 1\r\nx\r\n", login("ann", "secret"));
    for cut in 1..script.len() {
        let mut c = server.client();
        let (front, rest) = script.split_at(cut);
        c.send(front).send(rest).expect("STORED\r\nEND\r\nSTORED\r\n");
    }
    let mut c = server.client();
    for byte in script.bytes() {
        c.send([byte]);
    }
    c.expect("STORED\r\nEND\r\nSTORED\r\n");
}

#[test]
fn after_ten_failures_the_connection_is_closed() {
    if foreign_server() {
        eprintln!("skipped: memcached lets one guess for ever");
        return;
    }
    let (server, _file) = server();
    let mut c = server.client();
    for _ in 0..10 {
        c.send(login("ann", "guess")).expect(FAILURE);
    }
    c.expect_closed();
    // One that succeeds now and then may fail as often as it likes.
    ann(&server).expect_in_sync();
}

#[test]
fn logins_are_counted() {
    let (server, _file) = server();
    let mut c = ann(&server);
    server.client().send(login("ann", "wrong")).expect(FAILURE);
    server.client().send("get key\r\n").expect(UNAUTHENTICATED);
    let stats = c.stats("");
    assert_eq!((&*stats["auth_cmds"], &*stats["auth_errors"]), ("2", "1"));
    c.send("stats reset\r\n").expect("RESET\r\n");
    ann(&server);
    let stats = c.stats("");
    assert_eq!((&*stats["auth_cmds"], &*stats["auth_errors"]), ("1", "0"));
}

#[test]
fn settings_name_the_file() {
    let (server, file) = server();
    let settings = ann(&server).stats("settings");
    assert_eq!(settings["auth_enabled_ascii"], file.path());
    assert_eq!(settings["auth_enabled_sasl"], "no");
    assert_eq!(settings["binding_protocol"], "ascii");
    let without = Server::start().client().stats("settings");
    assert_eq!(without["auth_enabled_ascii"], "no");
}

#[test]
fn a_login_on_an_open_daemon_is_an_item() {
    let server = Server::start();
    let mut c = server.client();
    c.send(login("ann", "secret")).expect("STORED\r\n");
    c.send("get auth\r\n").expect("VALUE auth 0 10\r\nann secret\r\nEND\r\n");
    assert_eq!(server.stat("auth_cmds"), 0);
}

#[test]
fn files_may_have_many_users_and_hashes() {
    if foreign_server() {
        eprintln!("skipped: memcached has eight users and no hashes");
        return;
    }
    let mut text: String = (0..1000).map(|n| format!("user{n}:password {n}\r\n")).collect();
    text.push_str(&format!("last:{}", cheap_hash("hash ed")));
    let (server, _file) = server_of(&text);
    for n in [0, 7, 8, 500, 999] {
        let mut c = server.client();
        c.send(login(&format!("user{n}"), "password")).expect(FAILURE);
        c.send(login(&format!("user{n}"), &format!("password {n}"))).expect("STORED\r\n");
    }
    let mut c = server.client();
    c.send(login("last", &cheap_hash("hash ed"))).expect(FAILURE);
    c.send(login("last", "hash ed")).expect("STORED\r\n");
    server.client().send(login("last", "hash ed")).expect("STORED\r\n");
}

#[test]
fn a_client_that_is_gone_before_the_verdict_harms_nobody() {
    let file = UserFile::new("ann:secret\n");
    let server = Server::with(&["-Y", file.path()]);
    for _ in 0..50 {
        let mut c = server.client();
        c.send(login("ann", "wrong"));
        c.reset();
        let mut c = server.client();
        c.send(login("ann", "wrong")).finish_sending();
        drop(c);
    }
    ann(&server).expect_in_sync();
    // What a client said before it shut its side is answered.
    let mut c = server.client();
    c.send(login("ann", "secret")).send("get key\r\n").finish_sending();
    c.expect("STORED\r\nEND\r\n").expect_closed();
}
