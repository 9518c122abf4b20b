//! Which counter moves by how much (PROTOCOL 6.2, the measured table).

use std::collections::BTreeMap;

use crate::common::Server;
use crate::newer_than_reference;

const COUNTERS: &str = "cmd_get cmd_set cmd_touch cmd_meta get_hits get_misses delete_misses
    delete_hits incr_misses incr_hits decr_misses decr_hits cas_misses cas_hits cas_badval
    touch_hits touch_misses store_too_large curr_items total_items";

fn counters(server: &Server) -> BTreeMap<String, i64> {
    let stats = server.client().stats("");
    let number = |name: &str| stats[name].parse::<i64>().expect("a number");
    COUNTERS.split_whitespace().map(|name| (name.to_string(), number(name))).collect()
}

/// Each of `moves` is `name` (+1) or `name=n`; every other counter must stand still.
#[track_caller]
fn moves(server: &Server, request: &str, reply: &str, moves: &str) {
    let mut expected = counters(server);
    server.client().send(request).expect(reply);
    for step in moves.split_whitespace() {
        let (name, by) = step.split_once('=').unwrap_or((step, "1"));
        *expected.get_mut(name).expect("a counter") += by.parse::<i64>().expect("a number");
    }
    assert_eq!(counters(server), expected, "after {request:?}");
}

#[test]
fn lookups() {
    let s = Server::start();
    moves(&s, "mg k\r\n", "EN\r\n", "cmd_get get_misses");
    moves(&s, "mg k T30\r\n", "EN\r\n", "cmd_get get_misses");
    moves(&s, "mg k N30\r\n", "HD W\r\n", "cmd_get get_hits curr_items total_items");
    moves(&s, "mg k v q\r\n", "VA 0 Z\r\n\r\n", "cmd_get get_hits");
    moves(&s, "mg k u\r\n", "HD Z\r\n", "cmd_get get_hits");
    moves(&s, "mg k T30\r\n", "HD Z\r\n", "cmd_touch touch_hits");
    moves(&s, "me k\r\n", "ME k ", "cmd_meta");
    moves(&s, "me none\r\n", "EN\r\n", "cmd_meta");
    moves(&s, "mn\r\n", "MN\r\n", "");
    moves(&s, "mg k z\r\n", "CLIENT_ERROR invalid flag\r\n", "");
}

#[test]
fn stores() {
    let s = Server::start();
    moves(&s, "ms k 1\r\n5\r\n", "HD\r\n", "cmd_set curr_items total_items");
    moves(&s, "ms k 1 ME\r\n5\r\n", "NS\r\n", "cmd_set");
    moves(&s, "ms k 1 C999999\r\n5\r\n", "EX\r\n", "cmd_set cas_badval");
    moves(&s, "ms n 1 C9\r\n5\r\n", "NF\r\n", "cmd_set cas_misses");
    moves(&s, "ms n 1 MA C9\r\n5\r\n", "NS\r\n", "cmd_set");
    moves(&s, "ms k 1 MA C999999\r\n5\r\n", "EX\r\n", "cmd_set");
    moves(&s, "ms k 1 MA\r\n5\r\n", "HD\r\n", "cmd_set total_items");
    let large = format!("ms k {}\r\n{}\r\n", 1 << 20, "x".repeat(1 << 20));
    let refusal = "SERVER_ERROR object too large for cache\r\n";
    moves(&s, &large, refusal, "store_too_large curr_items=-1");
}

#[test]
fn removals_and_arithmetic() {
    let s = Server::start();
    moves(&s, "md k\r\n", "NF\r\n", "delete_misses");
    moves(&s, "ma k\r\n", "NF\r\n", "incr_misses");
    moves(&s, "ma k MD\r\n", "NF\r\n", "decr_misses");
    moves(&s, "ma k N0\r\n", "HD\r\n", "curr_items total_items");
    moves(&s, "ma k\r\n", "HD\r\n", "incr_hits");
    moves(&s, "ma k MD\r\n", "HD\r\n", "decr_hits");
    moves(&s, "ma k C999999\r\n", "EX\r\n", "");
    moves(&s, "md k C999999\r\n", "EX\r\n", "delete_misses");
    moves(&s, "md k I T30\r\n", "HD\r\n", "");
    moves(&s, "md k\r\n", "HD\r\n", "delete_hits curr_items=-1");
}

#[test]
fn an_emptied_item_counts_as_deleted() {
    if newer_than_reference() {
        return;
    }
    let s = Server::start();
    moves(&s, "ms k 1\r\n5\r\n", "HD\r\n", "cmd_set curr_items total_items");
    moves(&s, "md k x\r\n", "HD\r\n", "delete_hits total_items");
    moves(&s, "md k x I\r\n", "HD\r\n", "total_items");
}

#[test]
fn prefixes_do_not_count_meta() {
    let server = Server::start();
    server.client().says(&[
        ("stats detail on\r\n", "OK\r\n"),
        ("ms p:k 1\r\nx\r\n", "HD\r\n"),
        ("mg p:k\r\n", "HD\r\n"),
        ("md p:k\r\n", "HD\r\n"),
        ("stats detail dump\r\n", "END\r\n"),
    ]);
}
