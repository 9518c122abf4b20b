//! SIGHUP reads the file again: what is good takes effect, what is bad does not, and nobody who is
//! in notices.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::common::{Client, Server, foreign_server};
use crate::{FAILURE, ann, cheap_hash, login, server};

/// The answer to a login on a connection of its own.
fn try_login(server: &Server, user: &str, password: &str) -> String {
    server.client().send(login(user, password)).read_until("\r\n")
}

#[test]
fn a_new_password_replaces_the_old_one() {
    let (server, file) = server();
    let mut before = ann(&server);
    file.write("ann:fresh\n");
    assert_eq!(try_login(&server, "ann", "secret"), "STORED\r\n", "not before SIGHUP");
    server.signal("HUP");
    server.eventually("the new password", |s| try_login(s, "ann", "fresh") == "STORED\r\n");
    assert_eq!(try_login(&server, "ann", "secret"), FAILURE);
    assert_eq!(try_login(&server, "bob", "to ken"), FAILURE);
    before.expect_in_sync();
    // One that has already failed gets in with the new one.
    let mut c = server.client();
    c.send(login("bob", "new")).expect(FAILURE);
    let secret = if foreign_server() { "new".to_string() } else { cheap_hash("new") };
    file.write(&format!("bob:{secret}\n"));
    server.signal("HUP");
    server.eventually("bob", |s| try_login(s, "bob", "new") == "STORED\r\n");
    c.send(login("bob", "new")).expect("STORED\r\n");
}

#[test]
fn a_bad_file_changes_nothing() {
    let (server, file) = server();
    for (content, complaint) in [
        ("ann:new\nnonsense\n", "line 2: no colon"),
        ("", "line 1: no colon"),
        ("\n\n\n", "line 1: no colon"),
        ("ann:$argon2id$v=19$nonsense\n", "line 1: not a hash"),
    ] {
        file.write(content);
        server.signal("HUP");
        if !foreign_server() {
            server.eventually(complaint, |s| s.log().contains(complaint));
        }
        ann(&server).expect_in_sync();
        assert_eq!(try_login(&server, "ann", "new"), FAILURE);
    }
    if !foreign_server() {
        assert!(server.log().contains("the users stay as they were: Authfile ["));
        assert!(!server.log().contains("nonsense"), "the log repeats the file");
    }
    std::fs::remove_file(file.path()).expect("it is there");
    server.signal("HUP");
    if !foreign_server() {
        server.eventually("a complaint", |s| s.log().contains("Could not open authfile ["));
    }
    ann(&server).expect_in_sync();
}

/// While the file changes between good and bad, clients log in and work: whoever has a password
/// that every good version has always gets in, others never.
#[test]
fn reload_while_clients_log_in() {
    let (server, file) = server();
    let done = AtomicBool::new(false);
    let hash = if foreign_server() { "hashed".into() } else { cheap_hash("hashed") };
    let contents = [
        format!("ann:secret\nhash:{hash}\n"),
        format!("hash:{hash}\nann:secret\nbob:x\n"),
        "ann:secret\nbroken".to_string(),
        format!("x:y\nann:secret\nann:other\nhash:{hash}\n"),
    ];
    file.write(&contents[0]);
    server.signal("HUP");
    server.eventually("the hash", |s| try_login(s, "hash", "hashed") == "STORED\r\n");
    let mut inside = ann(&server);
    std::thread::scope(|scope| {
        for client in 0..4 {
            let (server, done) = (&server, &done);
            scope.spawn(move || {
                while !done.load(Ordering::Relaxed) {
                    let (user, password) =
                        if client % 2 == 0 { ("ann", "secret") } else { ("hash", "hashed") };
                    let mut c: Client = server.client();
                    c.send(login(user, password)).send("get key\r\n").expect("STORED\r\nEND\r\n");
                }
            });
        }
        let (server, done) = (&server, &done);
        scope.spawn(move || {
            while !done.load(Ordering::Relaxed) {
                assert_eq!(try_login(server, "ann", "hashed"), FAILURE);
            }
        });
        for round in 0..100 {
            // Into place at once: a reload must not see half a file.
            let fresh = format!("{}.new", file.path());
            std::fs::write(&fresh, &contents[round % contents.len()]).expect("a file");
            std::fs::rename(&fresh, file.path()).expect("renamed");
            server.signal("HUP");
            inside.expect_in_sync();
        }
        done.store(true, Ordering::Relaxed);
    });
    server.eventually("all quiet", |s| {
        let stats = ann(s).stats("");
        stats["auth_errors"].parse::<u64>().is_ok_and(|n| n > 0)
    });
}
