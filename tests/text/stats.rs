//! stats and its sub-commands: which fields there are, and of what type.

use std::collections::BTreeMap;

use crate::common::{BAD_FORMAT, Server, foreign_server};

type Table = BTreeMap<String, String>;

/// General statistics that are plain numbers (PROTOCOL 6.2), those that mean something here.
const NUMBERS: &str = "pid uptime time pointer_size max_connections curr_connections
    total_connections rejected_connections connection_structures cmd_get cmd_set cmd_flush
    cmd_touch cmd_meta get_hits get_misses get_expired get_flushed delete_misses delete_hits
    incr_misses incr_hits decr_misses decr_hits cas_misses cas_hits cas_badval touch_hits
    touch_misses store_too_large store_no_memory auth_cmds auth_errors bytes_read bytes_written
    limit_maxbytes
    accepting_conns listen_disabled_num time_in_listen_disabled_us threads conn_yields
    hash_power_level hash_bytes hash_is_expanding slabs_moved lru_crawler_running
    lru_crawler_starts lru_maintainer_juggles malloc_fails bytes curr_items total_items
    slab_global_page_pool expired_unfetched evicted_unfetched evicted_active evictions reclaimed
    crawler_reclaimed crawler_items_checked moves_to_cold moves_to_warm moves_within_lru
    direct_reclaims";

#[track_caller]
fn assert_numbers(table: &Table, names: &str) {
    for name in names.split_whitespace() {
        let value = table.get(name).unwrap_or_else(|| panic!("{name} is missing"));
        assert!(value.parse::<u64>().is_ok(), "{name} is {value:?}");
    }
}

#[test]
fn general_stats_have_every_number() {
    let server = Server::start();
    let stats = server.client().stats("");
    assert_numbers(&stats, NUMBERS);
    assert_eq!(stats["pid"], server.pid().to_string());
    assert_eq!(stats["threads"], "2");
    assert_eq!(stats["pointer_size"], "64");
    assert_eq!(stats["limit_maxbytes"], (64 << 20).to_string());
    assert_eq!(stats["max_connections"], "1024");
    assert_eq!(stats["accepting_conns"], "1");
    assert_eq!(stats["curr_connections"], "1");
    assert!(stats["version"].starts_with("1.6."), "{}", stats["version"]);
    assert!(stats.contains_key("libevent"));
}

#[test]
fn processor_time_is_seconds_and_six_digits() {
    let server = Server::start();
    let stats = server.client().stats("");
    for name in ["rusage_user", "rusage_system"] {
        let (seconds, micros) = stats[name].split_once('.').expect("a point");
        assert!(seconds.parse::<u64>().is_ok() && micros.len() == 6, "{}", stats[name]);
    }
}

#[test]
fn uptime_begins_at_two_and_time_is_the_wall_clock() {
    let server = Server::start();
    let uptime = server.stat("uptime");
    assert!((2..12).contains(&uptime), "{uptime}");
    let unix = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let difference = unix.expect("after 1970").as_secs().abs_diff(server.stat("time"));
    assert!(difference <= 3, "{difference} s off");
}

#[test]
fn names_come_once_each_and_in_memcacheds_order() {
    let server = Server::start();
    let lines = server.client().stat_lines("");
    let names: Vec<&str> = lines.iter().map(|(name, _)| name.as_str()).collect();
    let mut unique = names.clone();
    unique.sort_unstable();
    unique.dedup();
    assert_eq!(unique.len(), names.len());
    let order = ["pid", "uptime", "time", "version", "curr_connections", "cmd_get", "get_hits"];
    let rest = ["delete_misses", "bytes_read", "threads", "hash_power_level", "curr_items"];
    let places = order.iter().chain(&rest).map(|name| names.iter().position(|n| n == name));
    let places: Vec<Option<usize>> = places.collect();
    assert!(places.is_sorted() && places[0].is_some(), "{names:?}");
}

#[test]
fn our_own_version_stands_beside_memcacheds() {
    if foreign_server() {
        eprintln!("skipped: slabd_version is ours");
        return;
    }
    let server = Server::start();
    let stats = server.client().stats("");
    assert_eq!(stats["version"], "1.6.45");
    assert_eq!(stats["slabd_version"], env!("CARGO_PKG_VERSION"));
    server.client().send("version\r\n").expect("VERSION 1.6.45\r\n");
}

/// Names and values of `stats settings` at the defaults (PROTOCOL 6.3).
#[test]
fn settings_say_what_is_set() {
    let server = Server::with(&["-v", "-F"]);
    let settings = server.client().stats("settings");
    let expected = "maxbytes=67108864 maxconns=1024 udpport=0 verbosity=1
        evictions=on domain_socket=NULL umask=700 shutdown_command=no growth_factor=1.10
        chunk_size=16 num_threads=2 stat_key_prefix=: detail_enabled=no
        cas_enabled=yes tcp_backlog=1024 auth_enabled_sasl=no
        item_size_max=1048576 maxconns_fast=yes
        slab_chunk_max=524288 lru_crawler=yes lru_crawler_sleep=100
        lru_crawler_tocrawl=0 tail_repair_time=0 flush_enabled=no dump_enabled=yes
        lru_maintainer_thread=yes lru_segmented=yes hot_lru_pct=20 warm_lru_pct=40
        hot_max_factor=0.20 warm_max_factor=2.00 temp_lru=no idle_timeout=0 track_sizes=no";
    for pair in expected.split_whitespace() {
        let (name, value) = pair.split_once('=').expect("a pair");
        assert_eq!(settings.get(name).map(String::as_str), Some(value), "{name}");
    }
    assert!(settings.contains_key("inter") && settings.contains_key("reqs_per_event"));
}

#[test]
fn settings_follow_the_options() {
    let options = "-m 100 -c 77 -M -A -n 64 -f 1.5 -R 33 -C -b 50 -I 2m -X -D |";
    let server = Server::with(&options.split(' ').collect::<Vec<_>>());
    let settings = server.client().stats("settings");
    let expected = "maxbytes=104857600 maxconns=77 evictions=off shutdown_command=yes
        growth_factor=1.50 chunk_size=64 reqs_per_event=33 cas_enabled=no tcp_backlog=50
        item_size_max=2097152 dump_enabled=no stat_key_prefix=| detail_enabled=yes";
    for pair in expected.split_whitespace() {
        let (name, value) = pair.split_once('=').expect("a pair");
        assert_eq!(settings.get(name).map(String::as_str), Some(value), "{name}");
    }
}

const ITEM_FIELDS: &str = "number number_hot number_warm number_cold age_hot age_warm age
    mem_requested evicted evicted_nonzero evicted_time outofmemory tailrepairs reclaimed
    expired_unfetched evicted_unfetched evicted_active crawler_reclaimed crawler_items_checked
    moves_to_cold moves_to_warm moves_within_lru direct_reclaims hits_to_hot
    hits_to_warm hits_to_cold hits_to_temp";

#[test]
fn items_are_listed_by_class() {
    let server = Server::start();
    let mut c = server.client();
    assert!(c.stats("items").is_empty(), "an empty server has no classes with items");
    c.send("set small 0 0 1\r\nx\r\n").expect("STORED\r\n");
    c.send(format!("set larger 0 0 5000\r\n{}\r\n", "x".repeat(5000))).expect("STORED\r\n");
    let items = c.stats("items");
    let mut classes: Vec<u32> = Vec::new();
    for name in items.keys() {
        let class = name.strip_prefix("items:").and_then(|rest| rest.split(':').next());
        classes.push(class.expect("items:<class>:<field>").parse().expect("a class"));
    }
    classes.dedup();
    assert_eq!(classes.len(), 2, "{classes:?}");
    for class in classes {
        let names: Vec<String> =
            ITEM_FIELDS.split_whitespace().map(|field| format!("items:{class}:{field}")).collect();
        assert_numbers(&items, &names.join(" "));
        assert_eq!(items[&format!("items:{class}:number")], "1");
    }
}

const SLAB_FIELDS: &str = "chunk_size chunks_per_page total_pages total_chunks used_chunks
    free_chunks free_chunks_end get_hits cmd_set delete_hits incr_hits decr_hits cas_hits
    cas_badval touch_hits";

#[test]
fn slabs_are_listed_by_class_with_totals() {
    let server = Server::start();
    let mut c = server.client();
    c.send("set k 0 0 1\r\nx\r\n").expect("STORED\r\n");
    let slabs = c.stats("slabs");
    let used: Vec<&String> = slabs.keys().filter(|name| name.ends_with(":used_chunks")).collect();
    let in_use = used.iter().find(|name| slabs[**name] == "1").expect("a class in use");
    let class = in_use.split(':').next().expect("a class");
    let names: Vec<String> =
        SLAB_FIELDS.split_whitespace().map(|field| format!("{class}:{field}")).collect();
    assert_numbers(&slabs, &names.join(" "));
    assert_numbers(&slabs, "active_slabs total_malloced");
    let number = |field: &str| slabs[&format!("{class}:{field}")].parse::<u64>().expect("number");
    assert_eq!(number("total_chunks"), number("chunks_per_page") * number("total_pages"));
    assert_eq!(number("used_chunks") + number("free_chunks"), number("total_chunks"));
    assert_eq!(number("cmd_set"), 1);
}

#[test]
fn sub_commands_are_known_by_prefix_and_others_are_errors() {
    let server = Server::start();
    let mut c = server.client();
    assert!(c.stats("settings").contains_key("maxbytes"));
    assert!(c.stats("s").contains_key("maxbytes"));
    assert!(c.stats("settings and words").contains_key("maxbytes"));
    c.send("stats slab\r\n").expect("ERROR\r\n");
    c.send("stats bogus\r\n").expect("ERROR\r\n");
    c.send("stats itemsx\r\n").expect("ERROR\r\n");
    c.send("stats re\r\n").expect("RESET\r\n");
    c.send("stats extstore\r\n").expect("END\r\n");
}

#[test]
fn sizes_are_counted_only_when_asked_for() {
    let server = Server::start();
    server.client().send("stats sizes\r\n").expect("STAT sizes_status disabled\r\nEND\r\n");
    let server = Server::with(&["-o", "track_sizes"]);
    let mut c = server.client();
    for i in 0..10 {
        c.send(format!("set k{i} 0 0 100\r\n{}\r\n", "x".repeat(100))).expect("STORED\r\n");
    }
    let sizes = c.stats("sizes");
    assert_eq!(sizes.values().map(String::as_str).collect::<Vec<_>>(), ["10"], "{sizes:?}");
    assert!(sizes.keys().all(|size| size.parse::<u32>().expect("a size") % 32 == 0));
    c.send("flush_all\r\nget k0 k1 k2 k3 k4 k5 k6 k7 k8 k9\r\n").expect("OK\r\nEND\r\n");
    assert!(c.stats("sizes").values().all(|count| count == "0") || c.stats("sizes").is_empty());
}

#[test]
fn connections_are_described() {
    let server = Server::start();
    let (mut a, mut b) = (server.client(), server.client());
    b.send("set k 0 0 10\r\nabc"); // in the middle of a value
    server.eventually("both are seen", |_| {
        let conns = a.stats("conns");
        let states: Vec<&String> =
            conns.iter().filter(|(name, _)| name.ends_with(":state")).map(|(_, v)| v).collect();
        let has = |state: &str| states.iter().any(|s| *s == state);
        has("conn_listening") && has("conn_parse_cmd") && has("conn_nread")
    });
    let conns = a.stats("conns");
    let addresses = conns.iter().filter(|(name, _)| name.ends_with(":addr"));
    assert!(addresses.clone().count() >= 3);
    assert!(addresses.clone().all(|(_, address)| address.starts_with("tcp:127.0.0.1:")));
    assert!(conns.keys().any(|name| name.ends_with(":secs_since_last_cmd")));
    assert!(conns.keys().any(|name| name.ends_with(":listen_addr")));
}

#[test]
fn detail_counts_by_prefix() {
    let server = Server::start();
    let mut c = server.client();
    c.send("stats detail dump\r\n").expect("END\r\n");
    c.send("stats detail on\r\n").expect("OK\r\n");
    c.says(&[
        ("set foo:1 0 0 1\r\nx\r\n", "STORED\r\n"),
        ("get foo:1\r\n", "VALUE foo:1 0 1\r\nx\r\nEND\r\n"),
        ("get foo:2\r\n", "END\r\n"),
        ("delete foo:1\r\n", "DELETED\r\n"),
        ("get plain\r\n", "END\r\n"),
        ("stats detail dump\r\n", "PREFIX foo get 2 hit 1 set 1 del 1\r\nEND\r\n"),
        ("stats detail off\r\n", "OK\r\n"),
        ("get foo:2\r\n", "END\r\n"),
        ("stats detail dump\r\n", "PREFIX foo get 2 hit 1 set 1 del 1\r\nEND\r\n"),
        ("stats reset\r\n", "RESET\r\n"),
        ("stats detail dump\r\n", "END\r\n"),
    ]);
    let usage = "CLIENT_ERROR usage: stats detail on|off|dump\r\n";
    c.says(&[("stats detail\r\n", usage), ("stats detail x\r\n", usage)]);
}

#[test]
fn cachedump_lists_cold_items() {
    let server = Server::with(&["-o", "no_lru_maintainer"]); // then every item is in COLD
    let mut c = server.client();
    for i in 0..3 {
        c.send(format!("set k{i} 0 0 {}\r\n{}\r\n", i + 1, "x".repeat(i + 1))).expect("STORED\r\n");
    }
    let class =
        c.stats("items").keys().next().expect("a class").split(':').nth(1).map(str::to_string);
    let class = class.expect("a class");
    let all = ["END", "ITEM k0 [1 b; 0 s]", "ITEM k1 [2 b; 0 s]", "ITEM k2 [3 b; 0 s]"];
    c.send(format!("stats cachedump {class} 0\r\n"));
    let text = c.read_until("END\r\n");
    let mut lines: Vec<&str> = text.lines().collect();
    lines.sort_unstable(); // newest first within a shard; the shards follow each other
    assert_eq!(lines, all);
    c.send(format!("stats cachedump {class} 1\r\n"));
    assert_eq!(c.read_until("END\r\n").lines().count(), 2);
    c.send("stats cachedump 60 0\r\n").expect("END\r\n");
    c.send("stats cachedump 1\r\n").expect("CLIENT_ERROR bad command line\r\n");
    c.send("stats cachedump x 0\r\n").expect(BAD_FORMAT);
    c.send("stats cachedump 64 0\r\n").expect("CLIENT_ERROR Illegal slab id\r\n");
}

#[test]
fn dumping_can_be_forbidden() {
    let server = Server::with(&["-X"]);
    server.client().says(&[
        ("stats cachedump 1 0\r\n", "CLIENT_ERROR stats cachedump not allowed\r\n"),
        ("stats detail dump\r\n", "CLIENT_ERROR stats detail not allowed\r\n"),
    ]);
}
