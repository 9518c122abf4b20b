//! Who may watch, when, and how many.

use super::common::{Server, skip_without_clock};
use super::{line, watcher};

#[test]
fn unknown_streams_are_errors_and_the_connection_goes_on() {
    let server = Server::start();
    let mut c = server.client();
    for line in ["watch x", "watch fetchers x", "watch noreply", "watch fetchersx"] {
        c.send(format!("{line}\r\n")).expect("ERROR\r\n");
    }
    c.expect_in_sync();
    assert_eq!(server.stat("log_watchers"), 0);
}

#[test]
fn watching_may_be_forbidden() {
    let server = Server::with(&["-W"]);
    let mut c = server.client();
    c.send("watch\r\n").expect("CLIENT_ERROR watch commands not allowed\r\n");
    c.send("watch x\r\n").expect("CLIENT_ERROR watch commands not allowed\r\n");
    c.expect_in_sync();
}

#[test]
fn watch_cannot_stand_behind_another_request() {
    let server = Server::start();
    let mut c = server.client();
    let pipelined = "ERROR cannot pipeline other commands before watch\r\n";
    c.send("get a\r\nwatch\r\n").expect(format!("END\r\n{pipelined}"));
    c.send("get a\r\nwatch x\r\n").expect(format!("END\r\n{pipelined}"));
    c.expect_in_sync();
    c.send("watch\r\n").expect("OK\r\n");
}

#[test]
fn what_a_watcher_says_is_ignored() {
    let server = Server::start();
    let mut watcher = watcher(&server, "fetchers\r\nget ignored");
    watcher.send("get ignored\r\nquit\r\n");
    server.client().send("get seen\r\n").expect("END\r\n");
    assert_eq!(line(&mut watcher), "type=item_get key=seen status=not_found clsid=0 size=0");
}

#[test]
fn there_are_twenty_watchers_at_most() {
    let server = Server::start();
    let mut watchers: Vec<_> = (0..20).map(|_| watcher(&server, "fetchers")).collect();
    let mut c = server.client();
    c.send("watch\r\n").expect("WATCHER_TOO_MANY log watcher limit reached\r\n");
    c.expect_in_sync();
    assert_eq!(server.stat("log_watchers"), 20);
    for watcher in &mut watchers {
        // In sync: its own line first, and it is not lost.
        assert!(line(watcher).starts_with("type=item_get key=in_sync_probe "));
    }
    watchers.pop();
    server.eventually("a place is free", |server| server.stat("log_watchers") == 19);
    c.send("watch\r\n").expect("OK\r\n");
}

#[test]
fn a_watcher_is_not_idle() {
    if skip_without_clock() {
        return;
    }
    let server = Server::with(&["-o", "idle_timeout=10"]);
    let mut watcher = watcher(&server, "fetchers");
    let mut c = server.client();
    c.stop_clock();
    let mut idle = server.client();
    idle.expect_in_sync();
    line(&mut watcher);
    c.advance(1000);
    idle.expect_dropped();
    server.client().send("get k\r\n").expect("END\r\n");
    assert!(line(&mut watcher).starts_with("type=item_get key=k "));
}

#[test]
fn counters_and_settings_tell_of_watchers() {
    let options = ["-o", "watcher_logbuf_size=100,worker_logbuf_size=10"];
    let server = Server::with(&options);
    let settings = server.client().stats("settings");
    assert_eq!(settings["watcher_logbuf_size"], "102400");
    assert_eq!(settings["worker_logbuf_size"], "10240");
    let mut watcher = watcher(&server, "fetchers mutations");
    let conns = server.client().stats("conns");
    assert!(conns.values().any(|state| state == "conn_watch"), "{conns:?}");
    server.client().send("set k 0 0 1\r\nx\r\n").expect("STORED\r\n");
    line(&mut watcher);
    line(&mut watcher);
    assert_eq!(server.stat("log_worker_written"), 2);
    assert_eq!(server.stat("log_watcher_sent"), 2);
    assert_eq!(server.stat("log_watcher_skipped"), 0);
    assert_eq!(server.stat("log_worker_dropped"), 0);
    assert_eq!(server.stat("log_watchers"), 1);
    server.client().send("stats reset\r\n").expect("RESET\r\n");
    assert_eq!(server.stat("log_worker_written"), 0);
    drop(watcher);
    server.eventually("it has gone", |server| server.stat("log_watchers") == 0);
}
