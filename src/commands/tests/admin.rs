//! flush_all, verbosity, shutdown, version, quit, and the stats that are not counters.

use super::*;

#[test]
fn flush_all_forgets_everything_at_once() {
    let mut cache = Cache::new();
    for line in ["flush_all\r\n", "flush_all 0\r\n", "flush_all -1\r\n", "flush_all 2592001\r\n"] {
        cache.ask("set k 0 0 1\r\na\r\n");
        cache.pass(1);
        assert_eq!(cache.ask(line), "OK\r\n", "{line:?}");
        assert_eq!(cache.ask("get k\r\n"), "END\r\n", "{line:?}");
        assert_eq!(cache.ask("set k 0 0 1\r\nb\r\n"), "STORED\r\n");
        assert_eq!(cache.ask("get k\r\n"), "VALUE k 0 1\r\nb\r\nEND\r\n", "{line:?}");
    }
}

#[test]
fn flush_all_later_waits_for_its_second() {
    let mut cache = Cache::new();
    cache.ask("set k 0 0 1\r\na\r\n");
    assert_eq!(cache.ask("flush_all 10\r\n"), "OK\r\n");
    cache.pass(9);
    assert_eq!(cache.ask("get k\r\n"), "VALUE k 0 1\r\na\r\nEND\r\n");
    cache.pass(1);
    assert_eq!(cache.ask("get k\r\n"), "END\r\n");
    cache.pass(1);
    cache.ask("set k 0 0 1\r\nb\r\n");
    assert_eq!(cache.ask("get k\r\n"), "VALUE k 0 1\r\nb\r\nEND\r\n");
}

#[test]
fn what_the_settings_forbid_is_refused() {
    let mut cache = Cache::with(|config| {
        config.flush_enabled = false;
        config.dump_enabled = false;
    });
    for (line, told) in [
        ("flush_all\r\n", "CLIENT_ERROR flush_all not allowed\r\n"),
        ("flush_all noreply\r\n", ""),
        ("shutdown\r\n", "SERVER_ERROR: shutdown not enabled\r\n"),
        ("stats detail on\r\n", "CLIENT_ERROR stats detail not allowed\r\n"),
        ("stats cachedump 1 1\r\n", "CLIENT_ERROR stats cachedump not allowed\r\n"),
        ("stats cachedump\r\n", "CLIENT_ERROR stats cachedump not allowed\r\n"),
    ] {
        assert_eq!(cache.ask(line), told, "{line:?}");
    }
    assert!(!cache.shared.detail.load(Relaxed));
}

#[test]
fn shutdown_is_for_the_server_to_carry_out() {
    let mut cache = Cache::with(|config| config.shutdown_command = true);
    assert_eq!(cache.ask("shutdown\r\n"), "(Shutdown { graceful: false })");
    assert_eq!(cache.ask("shutdown graceful\r\n"), "(Shutdown { graceful: true })");
    let told = "CLIENT_ERROR invalid shutdown mode\r\n";
    assert_eq!(cache.ask("shutdown now\r\n"), told);
}

#[test]
fn small_talk() {
    let mut cache = Cache::new();
    assert_eq!(cache.ask("version\r\n"), "VERSION 1.6.45\r\n");
    assert_eq!(cache.ask("quit\r\n"), "(Close)");
    assert_eq!(cache.ask("verbosity 1\r\n"), "OK\r\n");
    assert_eq!(cache.shared.verbosity.load(Relaxed), 1);
    assert_eq!(cache.ask("verbosity 9\r\n"), "OK\r\n");
    assert_eq!(cache.shared.verbosity.load(Relaxed), 2);
    assert_eq!(cache.ask("stats conns\r\n"), "(DescribeConnections)");
    assert_eq!(cache.ask("stats extstore\r\n"), "END\r\n");
    assert_eq!(cache.ask("stats sizes\r\n"), "STAT sizes_status disabled\r\nEND\r\n");
}

#[test]
fn sizes_are_counted_when_asked_for() {
    let mut cache = Cache::with(|config| config.store.track_sizes = true);
    cache.ask("set a 0 0 1\r\na\r\n");
    cache.ask("set b 0 0 1\r\na\r\n");
    cache.ask(set("set c 0 0", &"x".repeat(1000)));
    let answer = cache.ask("stats sizes\r\n");
    let lines: Vec<_> = answer.lines().collect();
    assert_eq!(lines.len(), 3, "{answer}");
    assert!(lines[0].ends_with(" 2"), "{answer}");
    assert!(lines[1].ends_with(" 1"), "{answer}");
}

#[test]
fn settings_tell_of_the_last_flush() {
    let mut cache = Cache::new();
    assert!(cache.ask("stats settings\r\n").contains("STAT oldest 0\r\n"));
    cache.pass(38);
    cache.ask("flush_all\r\n");
    assert!(cache.ask("stats settings\r\n").contains("STAT oldest 99\r\n"));
    cache.ask("flush_all 50\r\n");
    assert!(cache.ask("stats settings\r\n").contains("STAT oldest 149\r\n"));
}

#[test]
fn detail_counts_by_prefix_while_it_is_on() {
    let mut cache = Cache::new();
    cache.ask("set user:1 0 0 1\r\na\r\n");
    assert_eq!(cache.ask("stats detail dump\r\n"), "END\r\n");
    assert_eq!(cache.ask("stats detail on\r\n"), "OK\r\n");
    cache.ask("set user:1 0 0 1\r\na\r\nadd user:1 0 0 1\r\na\r\nget user:1 user:2 plain\r\n");
    cache.ask("gat 0 user:1\r\ndelete page:1\r\nincr user:1 1\r\ntouch user:1 0\r\n");
    let dump =
        "PREFIX page get 0 hit 0 set 0 del 1\r\nPREFIX user get 3 hit 2 set 2 del 0\r\nEND\r\n";
    assert_eq!(cache.ask("stats detail dump\r\n"), dump);
    assert_eq!(cache.ask("stats detail off\r\n"), "OK\r\n");
    cache.ask("get user:1\r\n");
    assert_eq!(cache.ask("stats detail dump\r\n"), dump);
    let usage = "CLIENT_ERROR usage: stats detail on|off|dump\r\n";
    assert_eq!(cache.ask("stats detail\r\n"), usage);
    assert_eq!(cache.ask("stats detail maybe\r\n"), usage);
    assert_eq!(cache.ask("stats reset\r\nstats detail dump\r\n"), "RESET\r\nEND\r\n");
}

#[test]
fn cachedump_lists_cold_items_newest_first() {
    let mut cache = Cache::with(|config| {
        config.store.segmented = false;
        config.store.threads = 1; // one shard, so one order
    });
    cache.ask("set a 0 0 1\r\na\r\nset b 0 100 2\r\nbb\r\n");
    let class = cache.ask("stats items\r\n");
    let class = class.strip_prefix("STAT items:").and_then(|rest| rest.split(':').next());
    let class = class.expect("a class with items").to_owned();
    let deadline = START_UNIX + 100;
    let both = format!("ITEM b [2 b; {deadline} s]\r\nITEM a [1 b; 0 s]\r\nEND\r\n");
    assert_eq!(cache.ask(format!("stats cachedump {class} 0\r\n")), both);
    let one = format!("ITEM b [2 b; {deadline} s]\r\nEND\r\n");
    assert_eq!(cache.ask(format!("stats cachedump {class} 1\r\n")), one);
}

#[test]
fn cachedump_refuses_what_is_not_a_class() {
    let mut cache = Cache::new();
    let bad_format = "CLIENT_ERROR bad command line format\r\n";
    for (words, told) in [
        ("", "CLIENT_ERROR bad command line\r\n"),
        ("1", "CLIENT_ERROR bad command line\r\n"),
        ("x 1", bad_format),
        ("1 x", bad_format),
        ("-1 1", bad_format),
        ("1 4294967296", bad_format),
        ("000000000001 1", bad_format),
        ("64 1", "CLIENT_ERROR Illegal slab id\r\n"),
        ("0 1", "END\r\n"),
        ("63 1", "END\r\n"),
        ("1 0", "END\r\n"),
    ] {
        assert_eq!(cache.ask(format!("stats cachedump {words}\r\n")), told, "{words:?}");
    }
}

#[test]
fn a_cachedump_ends_at_two_mebibytes() {
    let mut cache = Cache::with(|config| config.store.segmented = false);
    for n in 0..9000 {
        cache.ask(format!("set {n:0250} 0 0 1\r\na\r\n"));
    }
    let items = cache.ask("stats items\r\n");
    let class = items.strip_prefix("STAT items:").and_then(|rest| rest.split(':').next());
    let answer = cache.ask(format!("stats cachedump {} 0\r\n", class.expect("a class")));
    let line_len = "ITEM ".len() + 250 + " [1 b; 0 s]\r\n".len();
    assert_eq!(answer.len(), (2 << 20) / line_len * line_len + "END\r\n".len());
}

#[cfg(feature = "debug-commands")]
#[test]
fn debugtime_moves_the_clock() {
    let mut cache = Cache::new();
    cache.ask("set k 0 100 1\r\na\r\n");
    assert_eq!(cache.ask("debugtime 99\r\n"), "OK\r\n");
    assert_eq!(cache.ask("get k\r\n"), "VALUE k 0 1\r\na\r\nEND\r\n");
    assert_eq!(cache.ask("debugtime 1\r\n"), "OK\r\n");
    assert_eq!(cache.ask("get k\r\n"), "END\r\n");
    assert_eq!(cache.ask("debugcheck\r\n"), "OK\r\n");
}
