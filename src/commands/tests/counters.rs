//! Which counter moves, to the unit (PROTOCOL 6.2).

use super::*;

const HIT: &str = "VALUE k 0 1\r\n5\r\nEND\r\n";

#[test]
fn lookups_count_hits_and_misses() {
    let mut cache = Cache::new();
    cache.moves("get k\r\n", "END\r\n", "cmd_get get_misses");
    cache.moves("gat 0 k\r\n", "END\r\n", "cmd_touch touch_misses");
    cache.moves("touch k 0\r\n", "NOT_FOUND\r\n", "cmd_touch touch_misses");
    cache.moves("set k 0 0 1\r\n5\r\n", "STORED\r\n", "cmd_set curr_items total_items");
    cache.moves("get k\r\n", HIT, "cmd_get get_hits");
    cache.moves("gat 0 k\r\n", HIT, "cmd_touch touch_hits");
    cache.moves("touch k 0\r\n", "TOUCHED\r\n", "cmd_touch touch_hits");
    cache.moves("get k x y\r\n", HIT, "cmd_get+3 get_hits get_misses+2");
}

#[test]
fn stores_count_whatever_their_outcome() {
    let mut cache = Cache::new();
    cache.moves("replace k 0 0 1\r\n5\r\n", "NOT_STORED\r\n", "cmd_set");
    cache.moves("append k 0 0 1\r\n5\r\n", "NOT_STORED\r\n", "cmd_set");
    cache.moves("add k 0 0 1\r\n5\r\n", "STORED\r\n", "cmd_set curr_items total_items");
    cache.moves("add k 0 0 1\r\n5\r\n", "NOT_STORED\r\n", "cmd_set");
    cache.moves("set k 0 0 1\r\n5\r\n", "STORED\r\n", "cmd_set total_items");
    cache.moves("append k 0 0 1\r\n5\r\n", "STORED\r\n", "cmd_set total_items");
    cache.moves("set k 0 0 1\r\n5xx", "CLIENT_ERROR bad data chunk\r\n", "cmd_set");
    let large = set("add k 0 0", &"x".repeat(1 << 20));
    cache.moves(&large, "SERVER_ERROR object too large for cache\r\n", "store_too_large");
}

#[test]
fn cas_counts_its_three_outcomes() {
    let mut cache = Cache::new();
    cache.moves("cas k 0 0 1 5\r\n5\r\n", "NOT_FOUND\r\n", "cmd_set cas_misses");
    cache.ask("set k 0 0 1\r\n5\r\n");
    cache.moves("cas k 0 0 1 0\r\n5\r\n", "EXISTS\r\n", "cmd_set cas_badval");
    let answer = cache.ask("gets k\r\n");
    let seen = answer.lines().next().and_then(|line| line.rsplit(' ').next()).expect("a CAS");
    let good = format!("cas k 0 0 1 {seen}\r\n5\r\n");
    cache.moves(&good, "STORED\r\n", "cmd_set cas_hits total_items");
}

#[test]
fn arithmetic_and_deletes_count_hits_and_misses() {
    let mut cache = Cache::new();
    cache.moves("incr k 1\r\n", "NOT_FOUND\r\n", "incr_misses");
    cache.moves("decr k 1\r\n", "NOT_FOUND\r\n", "decr_misses");
    cache.moves("delete k\r\n", "NOT_FOUND\r\n", "delete_misses");
    cache.ask("set k 0 0 1\r\n5\r\n");
    cache.moves("incr k 1\r\n", "6\r\n", "incr_hits");
    cache.moves("decr k 1\r\n", "5\r\n", "decr_hits");
    cache.moves("delete k\r\n", "DELETED\r\n", "delete_hits curr_items+-1");
}

#[test]
fn flushes_count_and_so_do_the_lookups_that_meet_the_flushed() {
    let mut cache = Cache::new();
    cache.ask("set k 0 0 1\r\n5\r\n");
    cache.pass(10);
    assert_eq!(cache.ask("flush_all 5\r\n"), "OK\r\n");
    cache.moves("get k\r\n", HIT, "cmd_get get_hits");
    cache.pass(5);
    cache.moves("get k\r\n", "END\r\n", "cmd_get get_misses get_flushed curr_items+-1");
    cache.moves("flush_all x\r\n", "CLIENT_ERROR invalid exptime argument\r\n", "cmd_flush");
    let mut cache = Cache::with(|config| config.flush_enabled = false);
    cache.moves("flush_all x\r\n", "CLIENT_ERROR flush_all not allowed\r\n", "cmd_flush");
    cache.moves("flush_all\r\n", "CLIENT_ERROR flush_all not allowed\r\n", "cmd_flush");
}

#[test]
fn what_a_class_counts_adds_up_to_what_all_count() {
    let mut cache = Cache::new();
    cache.ask("set a 0 0 1\r\n5\r\nget a a b\r\nincr a 1\r\ntouch a 0\r\ndelete a\r\n");
    cache.ask(set("set b 0 0", &"x".repeat(5000)));
    let answer = cache.ask("stats slabs\r\nget b\r\n");
    let field = |name: &str| -> i64 {
        let lines = answer.lines().filter_map(|line| line.strip_prefix("STAT "));
        let ours = lines.filter(|line| line.contains(&format!(":{name} ")));
        ours.map(|line| line.rsplit(' ').next().and_then(|v| v.parse::<i64>().ok()).unwrap()).sum()
    };
    assert_eq!(field("cmd_set"), 2);
    assert_eq!(field("get_hits"), 2);
    assert_eq!(field("incr_hits"), 1);
    assert_eq!(field("touch_hits"), 1);
    assert_eq!(field("delete_hits"), 1);
    assert_eq!(field("used_chunks"), 1);
}

#[test]
fn a_reset_zeroes_counts_and_leaves_gauges() {
    let mut cache = Cache::new();
    cache.ask("set k 0 0 1\r\n5\r\nget k none\r\nincr k 1\r\nincr none 1\r\nflush_all 100\r\n");
    cache.ask("cas k 0 0 1 0\r\n5\r\ntouch k 0\r\ntouch none 0\r\ndelete none\r\n");
    let gauges = ["curr_items", "pins"];
    let before = cache.stats();
    assert_eq!(cache.ask("stats reset\r\n"), "RESET\r\n");
    let after = cache.stats();
    for name in COUNTERS {
        let expected = if gauges.contains(&name) { before[name] } else { 0 };
        assert_eq!(after[name], expected, "{name}");
    }
    for name in ["curr_items", "bytes", "limit_maxbytes", "hash_bytes", "threads"] {
        assert_eq!(after[name], before[name], "{name}");
        assert_ne!(after[name], 0, "{name}");
    }
}
