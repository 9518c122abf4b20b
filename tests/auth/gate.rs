//! Whatever a stranger says, on whatever listener, in whatever dialect: nothing is answered,
//! nothing is changed.

use std::net::{Ipv4Addr, SocketAddr};

use crate::common::{Client, Server, foreign_server};
use crate::packets::packet;
use crate::{UNAUTHENTICATED, UserFile, ann, login, server};

/// Every verb there is or ever was, and some that are none.
const LINES: &[&str] = &[
    "get canary",
    "gets canary",
    "gat 0 canary",
    "gats 0 canary",
    "mg canary v",
    "mg canary v q",
    "me canary",
    "md canary",
    "ma canary",
    "mn         ",
    "add canary 0 0 1",
    "replace canary 0 0 1",
    "append canary 0 0 1",
    "prepend canary 0 0 1",
    "cas canary 0 0 1 1",
    "ms canary 1",
    "delete canary",
    "delete canary noreply",
    "incr canary 1",
    "decr canary 1",
    "touch canary 1",
    "flush_all",
    "flush_all noreply",
    "version",
    "verbosity 3",
    "stats",
    "stats reset",
    "stats settings",
    "stats items",
    "stats cachedump 1 1",
    "stats conns",
    "stats detail on",
    "shutdown",
    "shutdown graceful",
    "slabs reassign 1 2",
    "slabs automove 0",
    "lru mode flat",
    "lru_crawler disable",
    "lru_crawler metadump all",
    "lru_crawler mgdump all",
    "cache_memlimit 8",
    "refresh_certs",
    "watch fetchers",
    "extstore free_memchunks 1 1",
    "debugtime 100000",
    "debugitem canary",
    "misbehave",
    "config get cluster",
    "quit now",
    "GET / HTTP/1.1",
    "setcanary 0 0 1",
    "setx canary 0 0 1",
    "SET canary 0 0 1",
    "set\tcanary 0 0 1",
    " get canary",
];

/// A daemon with a listener of each kind, and where they are.
fn everywhere() -> (Server, Vec<Listener>, UserFile) {
    let file = UserFile::new("ann:secret\n");
    let socket = std::env::temp_dir().join(format!("slabd-gate-{}", std::process::id()));
    let unix = format!("unix:{}", socket.display());
    let listeners = ["proto[ascii]:127.0.0.1:0", "proto[negotiating]:tag[web]:127.0.0.1:0", &unix];
    let server = Server::with(&["-Y", file.path(), "-A", "-l", &listeners.join(",")]);
    let ports = std::fs::read_to_string(server.directory().join("ports")).expect("port file");
    let ports = ports.lines().filter_map(|line| line.strip_prefix("TCP INET: "));
    let mut places: Vec<Listener> = ports
        .map(|port| Listener::Tcp((Ipv4Addr::LOCALHOST, port.parse().expect("port")).into()))
        .collect();
    assert_eq!(places.len(), 3);
    places.push(Listener::Unix(socket));
    (server, places, file)
}

enum Listener {
    Tcp(SocketAddr),
    Unix(std::path::PathBuf),
}

impl Listener {
    fn client(&self) -> Client {
        match self {
            Listener::Tcp(address) => Client::tcp(*address),
            Listener::Unix(path) => Client::unix(path),
        }
    }
}

#[test]
fn strangers_get_nothing_on_any_listener() {
    if foreign_server() {
        eprintln!("skipped: the listeners are ours");
        return;
    }
    let (server, listeners, _file) = everywhere();
    let mut owner = ann(&server);
    owner.send("set canary 7 0 2\r\n42\r\n").expect("STORED\r\n");
    let cas = owner.send("gets canary\r\n").read_until("END\r\n");
    for listener in &listeners {
        let mut all = listener.client();
        for line in LINES {
            let mut c = listener.client();
            c.send(format!("{line}\r\n")).expect(UNAUTHENTICATED);
            c.send(format!("{line} \n")).expect(UNAUTHENTICATED);
            all.send(format!("{line}\r\n")).expect(UNAUTHENTICATED);
        }
        // All in one packet, a login between them that fails, and one that does not.
        let lines = LINES.join("\r\n");
        let answers = UNAUTHENTICATED.repeat(LINES.len());
        let mut c = listener.client();
        c.send(format!("{lines}\r\n{}{lines}\r\n", login("ann", "wrong"))).expect(&answers);
        c.expect(crate::FAILURE).expect(&answers);
        c.send(login("ann", "secret")).expect("STORED\r\n").expect_in_sync();
    }
    assert_eq!(owner.send("gets canary\r\n").read_until("END\r\n"), cas);
    assert_eq!(owner.stats("")["cmd_flush"], "0");
    assert_eq!(owner.stats("settings")["verbosity"], "0");
    if let Some(Listener::Unix(path)) = listeners.last() {
        let _ = std::fs::remove_file(path);
    }
}

/// -Y alone speaks text: a binary packet is a line that has not ended yet, or a wrong one.
#[test]
fn binary_packets_are_not_understood() {
    let (server, _file) = server();
    ann(&server).send("set canary 7 0 2\r\n42\r\n").expect("STORED\r\n");
    for opcode in 0..=0x24 {
        let mut c = server.client();
        c.send_lossy(packet(opcode, &[], "canary", ""));
        c.send_lossy(packet(opcode, &[0; 8], "canary", "1")).send_lossy("\r\n").shut_lossy();
        let answer = String::from_utf8(c.read_to_end()).expect("text");
        assert_eq!(answer.replace(UNAUTHENTICATED, ""), "", "{opcode}");
    }
    ann(&server).send("get canary\r\n").expect("VALUE canary 7 2\r\n42\r\nEND\r\n");
}

/// The data of a `set` that is too long for a login are lines, not data; none of them passes.
#[test]
fn a_body_that_is_not_swallowed_does_nothing() {
    let (server, _file) = server();
    let mut c = server.client();
    c.send("set k 0 0 100000\r\nget key\r\nflush_all\r\nset k 0 0 99999\r\n");
    c.expect("CLIENT_ERROR auth token too long\r\n")
        .expect(UNAUTHENTICATED)
        .expect(UNAUTHENTICATED)
        .expect("CLIENT_ERROR auth token too long\r\n");
    let mut c = server.client();
    c.send("set k 0 0 11\r\nget ann\r\nab\r\n").expect("CLIENT_ERROR authentication failure\r\n");
    assert_eq!(ann(&server).stats("")["curr_items"], "0");
}

/// A stranger that says nothing, or never stops, holds a place for a request's time at most.
#[test]
fn strangers_are_sent_away_in_time() {
    if crate::common::skip_without_clock() {
        return;
    }
    let (server, _file) = server();
    let mut owner = ann(&server);
    owner.stop_clock();
    let mut silent = server.client();
    let mut half = server.client();
    half.send("set k 0 0 10\r\nann");
    let mut slow = ann(&server);
    server.eventually("three more connections", |_| owner.stats("")["curr_connections"] == "4");
    owner.advance(65);
    silent.expect_dropped();
    half.expect_dropped();
    slow.expect_in_sync();
}
