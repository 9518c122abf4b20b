//! Which counter moves by how much (PROTOCOL 6.2, the measured table): a known workload, to the
//! unit.

use std::collections::BTreeMap;

use crate::common::{BAD_CHUNK, Server};

/// The counters that clients move. `bytes*` and connection counts are elsewhere.
const COUNTERS: &str = "cmd_get cmd_set cmd_flush cmd_touch get_hits get_misses get_expired
    get_flushed delete_misses delete_hits incr_misses incr_hits decr_misses decr_hits cas_misses
    cas_hits cas_badval touch_hits touch_misses store_too_large store_no_memory curr_items
    total_items evictions reclaimed";

fn counters(server: &Server) -> BTreeMap<String, i64> {
    let stats = server.client().stats("");
    let number = |name: &str| stats[name].parse::<i64>().expect("a number");
    COUNTERS.split_whitespace().map(|name| (name.to_string(), number(name))).collect()
}

/// Each of `moves` is `name` (+1) or `name=n`; every other counter must stand still.
#[track_caller]
fn assert_moves(server: &Server, request: &str, reply: &str, moves: &str) {
    let before = counters(server);
    let mut c = server.client();
    c.send(request).expect(reply);
    c.send("quit\r\n").expect_closed();
    let mut expected = before;
    for step in moves.split_whitespace() {
        let (name, by) = step.split_once('=').unwrap_or((step, "1"));
        *expected.get_mut(name).expect("a counter") += by.parse::<i64>().expect("a number");
    }
    let after = counters(server);
    assert_eq!(after, expected, "after {request:?}");
}

#[test]
fn gets_count_keys() {
    let s = Server::start();
    assert_moves(&s, "set k 0 0 1\r\n1\r\n", "STORED\r\n", "cmd_set curr_items total_items");
    let hit = "VALUE k 0 1\r\n1\r\nEND\r\n";
    assert_moves(&s, "get k\r\n", hit, "cmd_get get_hits");
    assert_moves(&s, "get none\r\n", "END\r\n", "cmd_get get_misses");
    assert_moves(&s, "get a k b\r\n", hit, "cmd_get=3 get_hits get_misses=2");
    assert_moves(&s, "gat 0 k\r\n", hit, "cmd_touch touch_hits");
    assert_moves(&s, "gat 0 none\r\n", "END\r\n", "cmd_touch touch_misses");
    assert_moves(&s, "touch k 0\r\n", "TOUCHED\r\n", "cmd_touch touch_hits");
    assert_moves(&s, "touch none 0\r\n", "NOT_FOUND\r\n", "cmd_touch touch_misses");
}

#[test]
fn stores_count_whatever_the_outcome() {
    let s = Server::start();
    let failed = "NOT_STORED\r\n";
    assert_moves(&s, "replace k 0 0 1\r\nx\r\n", failed, "cmd_set");
    assert_moves(&s, "append k 0 0 1\r\nx\r\n", failed, "cmd_set");
    assert_moves(&s, "add k 0 0 1\r\nx\r\n", "STORED\r\n", "cmd_set curr_items total_items");
    assert_moves(&s, "add k 0 0 1\r\nx\r\n", failed, "cmd_set");
    assert_moves(&s, "replace k 0 0 1\r\nx\r\n", "STORED\r\n", "cmd_set total_items");
    assert_moves(&s, "append k 0 0 1\r\nx\r\n", "STORED\r\n", "cmd_set total_items");
    assert_moves(&s, "set k 0 0 1\r\nx\r\n", "STORED\r\n", "cmd_set total_items");
    assert_moves(&s, "set k 0 0 1\r\nxYZ", BAD_CHUNK, "cmd_set");
}

#[test]
fn cas_counts_three_ways() {
    let s = Server::start();
    let mut c = s.client();
    c.send("set k 0 0 1\r\nx\r\n").expect("STORED\r\n");
    c.send("gets k\r\n");
    let cas = c.line().rsplit(' ').next().expect("a CAS").to_string();
    c.expect("x\r\nEND\r\n");
    assert_moves(&s, "cas k 0 0 1 0\r\ny\r\n", "EXISTS\r\n", "cmd_set cas_badval");
    assert_moves(&s, "cas none 0 0 1 1\r\ny\r\n", "NOT_FOUND\r\n", "cmd_set cas_misses");
    let good = format!("cas k 0 0 1 {cas}\r\ny\r\n");
    assert_moves(&s, &good, "STORED\r\n", "cmd_set cas_hits total_items");
}

#[test]
fn arithmetic_and_deletes_count_hits_and_misses() {
    let s = Server::start();
    s.client().send("set n 0 0 1\r\n5\r\n").expect("STORED\r\n");
    assert_moves(&s, "incr n 1\r\n", "6\r\n", "incr_hits");
    assert_moves(&s, "decr n 1\r\n", "5\r\n", "decr_hits");
    assert_moves(&s, "incr n 5\r\n", "10\r\n", "incr_hits total_items");
    assert_moves(&s, "incr none 1\r\n", "NOT_FOUND\r\n", "incr_misses");
    assert_moves(&s, "decr none 1\r\n", "NOT_FOUND\r\n", "decr_misses");
    assert_moves(&s, "delete n\r\n", "DELETED\r\n", "delete_hits curr_items=-1");
    assert_moves(&s, "delete n\r\n", "NOT_FOUND\r\n", "delete_misses");
}

#[test]
fn too_large_counts_only_as_that() {
    let s = Server::start();
    let request = format!("set k 0 0 2000000\r\n{}\r\n", "x".repeat(2_000_000));
    let reply = "SERVER_ERROR object too large for cache\r\n";
    assert_moves(&s, &request, reply, "store_too_large");
}

#[test]
fn large_values_count_once() {
    let s = Server::start();
    let value = "x".repeat(700_000);
    let set = format!("set k 0 0 700000\r\n{value}\r\n");
    assert_moves(&s, &set, "STORED\r\n", "cmd_set curr_items total_items");
    assert_moves(&s, &set, "STORED\r\n", "cmd_set total_items");
    let bad = format!("set k 0 0 700000\r\n{value}XY");
    assert_moves(&s, &bad, BAD_CHUNK, "cmd_set");
    let hit = format!("VALUE k 0 700000\r\n{value}\r\nEND\r\n");
    assert_moves(&s, "get k\r\n", &hit, "cmd_get get_hits");
    assert_moves(&s, "delete k\r\n", "DELETED\r\n", "delete_hits curr_items=-1");
}

#[test]
fn dead_items_found_by_a_lookup_say_why() {
    // Nobody may reap the item before it is asked for.
    let s = Server::with(&["-o", "no_lru_maintainer,no_lru_crawler"]);
    let mut c = s.client();
    c.send("set k 0 -1 1\r\nx\r\n").expect("STORED\r\n");
    let moves = "cmd_get get_misses get_expired curr_items=-1";
    assert_moves(&s, "get k\r\n", "END\r\n", moves);
    assert_moves(&s, "flush_all\r\n", "OK\r\n", "cmd_flush");
}

#[test]
fn network_bytes_are_counted() {
    let server = Server::start();
    let (read, written) = (server.stat("bytes_read"), server.stat("bytes_written"));
    let mut c = server.client();
    let value = "x".repeat(500_000);
    c.send(format!("set k 0 0 500000\r\n{value}\r\n")).expect("STORED\r\n");
    c.send("get k\r\n").expect(format!("VALUE k 0 500000\r\n{value}\r\nEND\r\n"));
    c.send("quit\r\n").expect_closed();
    let (read, written) =
        (server.stat("bytes_read") - read, server.stat("bytes_written") - written);
    assert!((500_000..502_000).contains(&read), "{read}");
    assert!((500_000..520_000).contains(&written), "{written}");
}

#[test]
fn connections_are_counted() {
    let server = Server::start();
    let before = server.stat("total_connections");
    let clients: Vec<_> = (0..10).map(|_| server.client()).collect();
    server.eventually("ten and the asking one", |s| s.stat("curr_connections") == 11);
    assert!(server.stat("total_connections") >= before + 10);
    drop(clients);
    server.eventually("only the asking one", |s| s.stat("curr_connections") == 1);
}

#[test]
fn bytes_and_items_return_to_nothing() {
    let server = Server::start();
    let mut c = server.client();
    assert_eq!(server.stat("bytes"), 0);
    for i in 0..100 {
        let len = 1 << (i % 20);
        c.send(format!("set k{i} 0 0 {len}\r\n{}\r\n", "x".repeat(len))).expect("STORED\r\n");
    }
    assert_eq!(server.stat("curr_items"), 100);
    assert!(server.stat("bytes") > 5 << 20);
    for i in 0..100 {
        c.send(format!("delete k{i}\r\n")).expect("DELETED\r\n");
    }
    assert_eq!((server.stat("curr_items"), server.stat("bytes")), (0, 0));
}

#[test]
fn reset_zeroes_what_counts_and_leaves_what_is() {
    let server = Server::start();
    let mut c = server.client();
    c.says(&[
        ("set k 0 0 1\r\n1\r\n", "STORED\r\n"),
        ("get k none\r\n", "VALUE k 0 1\r\n1\r\nEND\r\n"),
        ("incr k 1\r\n", "2\r\n"),
        ("delete none\r\n", "NOT_FOUND\r\n"),
        ("stats reset\r\n", "RESET\r\n"),
    ]);
    let after = counters(&server);
    let left: Vec<_> = after.iter().filter(|(_, count)| **count != 0).collect();
    assert_eq!(left, [(&"curr_items".to_string(), &1)]);
    c.send("get k\r\n").expect("VALUE k 0 1\r\n2\r\nEND\r\n");
    assert_eq!(counters(&server)["get_hits"], 1);
}
