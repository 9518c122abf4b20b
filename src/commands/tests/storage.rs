//! set, add, replace, append, prepend, cas; what is refused, and what is swallowed.

use super::*;

#[test]
fn set_stores_and_get_returns_what_was_stored() {
    let mut cache = Cache::new();
    assert_eq!(cache.ask("set k 7 0 5\r\nhello\r\n"), "STORED\r\n");
    assert_eq!(cache.ask("get k\r\n"), "VALUE k 7 5\r\nhello\r\nEND\r\n");
    assert_eq!(cache.ask("set k 4294967295 0 0\r\n\r\n"), "STORED\r\n");
    assert_eq!(cache.ask("get k\r\n"), "VALUE k 4294967295 0\r\n\r\nEND\r\n");
}

#[test]
fn each_mode_has_its_condition() {
    let mut cache = Cache::new();
    for mode in ["replace", "append", "prepend"] {
        assert_eq!(cache.ask(set(&format!("{mode} k 0 0"), "x")), "NOT_STORED\r\n", "{mode}");
    }
    assert_eq!(cache.ask("get k\r\n"), "END\r\n");
    assert_eq!(cache.ask("add k 5 0 1\r\na\r\n"), "STORED\r\n");
    assert_eq!(cache.ask("add k 6 0 1\r\nb\r\n"), "NOT_STORED\r\n");
    assert_eq!(cache.ask("append k 9 0 2\r\n>>\r\n"), "STORED\r\n");
    assert_eq!(cache.ask("prepend k 9 0 2\r\n<<\r\n"), "STORED\r\n");
    assert_eq!(cache.ask("get k\r\n"), "VALUE k 5 5\r\n<<a>>\r\nEND\r\n");
    assert_eq!(cache.ask("replace k 8 0 1\r\nc\r\n"), "STORED\r\n");
    assert_eq!(cache.ask("get k\r\n"), "VALUE k 8 1\r\nc\r\nEND\r\n");
}

/// The CAS that `gets` shows for a key.
fn cas_of(cache: &mut Cache, key: &str) -> String {
    let answer = cache.ask(format!("gets {key}\r\n"));
    let line = answer.lines().next().expect("a line");
    line.rsplit(' ').next().expect("a word").to_owned()
}

#[test]
fn cas_stores_only_over_what_was_seen() {
    let mut cache = Cache::new();
    assert_eq!(cache.ask("cas k 0 0 1 1\r\na\r\n"), "NOT_FOUND\r\n");
    cache.ask("set k 0 0 1\r\na\r\n");
    let seen = cas_of(&mut cache, "k");
    assert_eq!(cache.ask("cas k 0 0 1 0\r\nb\r\n"), "EXISTS\r\n");
    assert_eq!(cache.ask(format!("cas k 0 0 1 {seen}\r\nb\r\n")), "STORED\r\n");
    assert_eq!(cache.ask(format!("cas k 0 0 1 {seen}\r\nc\r\n")), "EXISTS\r\n");
    assert_eq!(cache.ask("get k\r\n"), "VALUE k 0 1\r\nb\r\nEND\r\n");
    for change in ["append k 0 0 1\r\n1\r\n", "set k 0 0 1\r\n1\r\n", "incr k 1\r\n"] {
        let before = cas_of(&mut cache, "k");
        cache.ask(change);
        assert_ne!(cas_of(&mut cache, "k"), before, "{change:?}");
    }
    for same in ["touch k 100\r\n", "gat 100 k\r\n", "get k\r\n"] {
        let before = cas_of(&mut cache, "k");
        cache.ask(same);
        assert_eq!(cas_of(&mut cache, "k"), before, "{same:?}");
    }
}

#[test]
fn without_cas_gets_shows_0_and_cas_never_matches() {
    let mut cache = Cache::with(|config| config.store.use_cas = false);
    cache.ask("set k 0 0 1\r\na\r\n");
    assert_eq!(cache.ask("gets k\r\n"), "VALUE k 0 1 0\r\na\r\nEND\r\n");
    assert_eq!(cache.ask("cas k 0 0 1 0\r\nb\r\n"), "EXISTS\r\n");
}

#[test]
fn noreply_silences_success_and_failure() {
    let mut cache = Cache::new();
    for silent in [
        "set k 0 0 1 noreply\r\na\r\n",
        "add k 0 0 1 noreply\r\nb\r\n",
        "replace none 0 0 1 noreply\r\nb\r\n",
        "cas k 0 0 1 0 noreply\r\nb\r\n",
        "set n 0 0 1 noreply\r\n5\r\n",
        "incr n 1 noreply\r\n",
        "incr k 1 noreply\r\n",
        "incr none 1 noreply\r\n",
        "touch k 0 noreply\r\n",
        "touch none 0 noreply\r\n",
        "delete none noreply\r\n",
        "set k 0 0 3 noreply\r\nabcde",
        "flush_all 0 noreply\r\n",
        "verbosity 1 noreply\r\n",
        "shutdown noreply\r\n",
    ] {
        assert_eq!(cache.ask(silent), "", "{silent:?}");
    }
}

#[test]
fn a_bad_data_chunk_leaves_the_old_value() {
    let mut cache = Cache::new();
    cache.ask("set k 0 0 3\r\nold\r\n");
    assert_eq!(cache.ask("set k 0 0 3\r\nnewXX"), "CLIENT_ERROR bad data chunk\r\n");
    assert_eq!(cache.ask("get k\r\n"), "VALUE k 0 3\r\nold\r\nEND\r\n");
    // What follows the announced bytes is read as commands.
    let answer = cache.ask("set k 0 0 3\r\nlonger\r\nget k\r\n");
    assert!(answer.starts_with("CLIENT_ERROR bad data chunk\r\n"), "{answer}");
    assert!(answer.ends_with("VALUE k 0 3\r\nold\r\nEND\r\n"), "{answer}");
}

#[test]
fn a_set_that_is_too_large_is_swallowed_and_takes_the_old_value_with_it() {
    let mut cache = Cache::new();
    let kept = "VALUE k 0 1\r\na\r\nEND\r\n";
    for (verb, cas, left) in [("set", "", "END\r\n"), ("add", "", kept), ("cas", " 1", kept)] {
        for size in [1 << 20, 3 << 20] {
            cache.ask("set k 0 0 1\r\na\r\n");
            let value = "x".repeat(size);
            let large = format!("{verb} k 0 0 {size}{cas}\r\n{value}\r\n");
            let told = "SERVER_ERROR object too large for cache\r\n";
            assert_eq!(cache.ask(large + "get k\r\n"), format!("{told}{left}"), "{verb} {size}");
        }
    }
}

#[test]
fn an_oversized_set_is_refused_before_its_bad_chunk_is() {
    let mut cache = Cache::with(|config| {
        config.store.item_size_max = 1024;
        config.store.slab_chunk_max = 1024;
    });
    let input = format!("set k 0 0 2000\r\n{}XX", "x".repeat(2000));
    assert_eq!(cache.ask(input), "SERVER_ERROR object too large for cache\r\n");
}

#[test]
fn long_values_are_received_and_sent_in_pieces() {
    let mut cache = Cache::new();
    for len in [32_767, 32_768, 32_769, 65_536, 200_000, 1_000_000] {
        let value: String = (0..len).map(|i| char::from(b'a' + (i % 23) as u8)).collect();
        assert_eq!(cache.ask(set("set k 3 0", &value)), "STORED\r\n");
        let hit = format!("VALUE k 3 {len}\r\n{value}\r\n");
        assert!(cache.ask("get k none k\r\n") == format!("{hit}{hit}END\r\n"), "{len}");
    }
}

#[test]
fn a_long_value_with_a_bad_end_is_dropped() {
    let mut cache = Cache::new();
    cache.ask("set k 0 0 3\r\nold\r\n");
    let bad = format!("set k 0 0 100000\r\n{}XX", "x".repeat(100_000));
    cache.moves(&bad, "CLIENT_ERROR bad data chunk\r\n", "cmd_set");
    let quiet = format!("set k 0 0 100000 noreply\r\n{}XX", "x".repeat(100_000));
    cache.moves(&quiet, "", "cmd_set");
    assert_eq!(cache.ask("get k\r\n"), "VALUE k 0 3\r\nold\r\nEND\r\n");
}

#[test]
fn long_values_obey_the_conditions_of_their_mode() {
    let mut cache = Cache::new();
    let long = "y".repeat(100_000);
    assert_eq!(cache.ask(set("replace k 0 0", &long)), "NOT_STORED\r\n");
    assert_eq!(cache.ask(set("append k 0 0", &long)), "NOT_STORED\r\n");
    assert_eq!(cache.ask(set("add k 0 0", &long)), "STORED\r\n");
    assert_eq!(cache.ask(set("add k 0 0", &long)), "NOT_STORED\r\n");
    assert_eq!(cache.ask(set("append k 0 0", &long)), "STORED\r\n");
    assert!(cache.ask("get k\r\n").starts_with("VALUE k 0 200000\r\n"));
    let seen = cas_of(&mut cache, "k");
    let line = format!("cas k 0 0 100000 {seen}\r\n{long}\r\n");
    assert_eq!(cache.ask(&line), "STORED\r\n");
    assert_eq!(cache.ask(&line), "EXISTS\r\n");
}

#[test]
fn without_eviction_a_full_cache_says_so() {
    let mut cache = Cache::with(|config| {
        config.store.limit_bytes = 8 << 20;
        config.store.evict = false;
    });
    let value = "x".repeat(20_000);
    let mut answers = (0..2000).map(|n| cache.ask(set(&format!("set k{n} 0 0"), &value)));
    let refused = answers.find(|answer| answer != "STORED\r\n");
    let told = "SERVER_ERROR out of memory storing object\r\n";
    assert_eq!(refused.as_deref(), Some(told));
    cache.moves(&set("set new 0 0", &value), told, "store_no_memory malloc_fails");
}
