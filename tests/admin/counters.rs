//! Every statistic, after a known workload: what should have moved has, by how much, and nothing
//! else has.

use std::collections::BTreeMap;

use crate::common::{BAD_CHUNK, Server, foreign_server};

/// What moves by itself, or by asking; and words.
const RESTLESS: &str = "pid uptime time version slabd_version libevent rusage_user rusage_system
    curr_connections total_connections connection_structures bytes_read bytes_written
    hash_bytes bytes slab_global_page_pool lru_maintainer_juggles moves_to_cold moves_to_warm
    moves_within_lru lru_crawler_running lru_crawler_starts crawler_items_checked
    slab_reassign_last_busy_status buffer_bytes";

fn numbers(server: &Server) -> BTreeMap<String, i64> {
    let restless: Vec<&str> = RESTLESS.split_whitespace().collect();
    let stats = server.client().stats("");
    let restless = |name: &str| restless.contains(&name) || name.ends_with("_us");
    let counts = stats.into_iter().filter(|(name, _)| !restless(name));
    counts.map(|(name, value)| (name, value.parse().expect("a number"))).collect()
}

/// What a conversation of every command moves.
#[test]
fn a_known_workload_moves_every_counter_by_what_was_done() {
    if foreign_server() {
        eprintln!("skipped: the list is of our statistics");
        return;
    }
    let server = Server::with(&["-o", "no_lru_crawler,slab_automove=0"]);
    let before = numbers(&server);
    let big = "x".repeat(1_100_000);
    let mut c = server.client();
    c.says(&[
        ("set a 0 0 1\r\n1\r\n", "STORED\r\n"),
        ("add a 0 0 1\r\n1\r\n", "NOT_STORED\r\n"),
        ("replace none 0 0 1\r\n1\r\n", "NOT_STORED\r\n"),
        ("append a 0 0 1\r\n2\r\n", "STORED\r\n"),
        ("cas a 0 0 1 0\r\n2\r\n", "EXISTS\r\n"),
        ("cas none 0 0 1 1\r\n2\r\n", "NOT_FOUND\r\n"),
        ("set b 0 0 1\r\nbad", BAD_CHUNK),
        ("get a none none\r\n", "VALUE a 0 2\r\n12\r\nEND\r\n"),
        ("gat 0 a\r\n", "VALUE a 0 2\r\n12\r\nEND\r\n"),
        ("touch a 0\r\n", "TOUCHED\r\n"),
        ("touch none 0\r\n", "NOT_FOUND\r\n"),
        ("incr a 1\r\n", "13\r\n"),
        ("decr a 1\r\n", "12\r\n"),
        ("incr none 1\r\n", "NOT_FOUND\r\n"),
        ("decr none 1\r\n", "NOT_FOUND\r\n"),
        ("set dead 0 -1 1\r\n1\r\n", "STORED\r\n"),
        ("get dead\r\n", "END\r\n"),
        ("set c 0 0 1\r\n1\r\n", "STORED\r\n"),
        ("delete c\r\n", "DELETED\r\n"),
        ("delete c\r\n", "NOT_FOUND\r\n"),
    ]);
    c.send("gets a\r\n");
    let cas = c.line().rsplit(' ').next().expect("a cas").to_owned();
    c.expect("12\r\nEND\r\n");
    c.send(format!("cas a 0 0 1 {cas}\r\n2\r\n")).expect("STORED\r\n");
    c.send(format!("set big 0 0 {}\r\n{big}\r\n", big.len()));
    c.expect("SERVER_ERROR object too large for cache\r\n");
    c.send("flush_all\r\nget a\r\n").expect("OK\r\nEND\r\n");
    c.send("quit\r\n").expect_closed();
    let moved: BTreeMap<&str, i64> = "cmd_get=6 get_hits=2 get_misses=4 cmd_set=10 cmd_flush=1
        cmd_touch=3 touch_hits=2 touch_misses=1 cas_badval=1 cas_misses=1 cas_hits=1 incr_hits=1
        incr_misses=1 decr_hits=1 decr_misses=1 delete_hits=1 delete_misses=1 get_expired=1
        get_flushed=1 store_too_large=1 total_items=5"
        .split_whitespace()
        .map(|pair| pair.split_once('=').expect("a pair"))
        .map(|(name, by)| (name, by.parse().expect("a number")))
        .collect();
    let after = numbers(&server);
    assert_eq!(before.len(), after.len());
    for (name, was) in &before {
        let expected = moved.get(name.as_str()).copied().unwrap_or(0);
        assert_eq!(after[name] - was, expected, "{name}");
    }
    assert!(moved.keys().all(|name| before.contains_key(*name)));
    // And by class they add up to the same.
    let slabs = server.client().stats("slabs");
    for field in ["get_hits", "cmd_set", "delete_hits", "incr_hits", "decr_hits", "touch_hits"] {
        let of_classes = slabs.iter().filter(|(name, _)| name.ends_with(&format!(":{field}")));
        let sum: i64 = of_classes.map(|(_, value)| value.parse::<i64>().expect("a number")).sum();
        assert_eq!(sum, moved[field], "{field}");
    }
}

/// What memory under pressure counts, and that it adds up.
#[test]
fn evictions_and_what_is_stored_add_up() {
    let server = Server::with(&["-m", "8"]);
    let mut c = server.client();
    let value = "x".repeat(500);
    for n in 0..40_000 {
        c.send(format!("set key{n} 0 0 500 noreply\r\n{value}\r\n"));
    }
    c.expect_in_sync();
    let stats = c.stats("");
    let number = |name: &str| stats[name].parse::<u64>().expect("a number");
    assert_eq!(number("total_items"), 40_000);
    assert_eq!(number("curr_items") + number("evictions"), 40_000);
    assert_eq!(number("evicted_unfetched"), number("evictions"));
    assert!(number("evictions") > 20_000 && number("curr_items") > 10_000);
    assert_eq!((number("reclaimed"), number("store_no_memory")), (0, 0));
    let items = c.stats("items");
    let sum = |field: &str| -> u64 {
        let fields = items.iter().filter(|(name, _)| name.ends_with(&format!(":{field}")));
        fields.map(|(_, value)| value.parse::<u64>().expect("a number")).sum()
    };
    assert_eq!((sum("number"), sum("evicted")), (number("curr_items"), number("evictions")));
    assert_eq!(sum("number_hot") + sum("number_warm") + sum("number_cold"), sum("number"));
    assert_eq!(sum("mem_requested"), number("bytes"));
}
