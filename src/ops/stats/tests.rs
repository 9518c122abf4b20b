//! Statistics from hand-made numbers.

use super::*;
use crate::ops::shared::tests::config;
use crate::store::{ClassStats, Tuning, VerbMisses};
use std::sync::atomic::Ordering::Relaxed;

type Report = fn(&Sources<'_>, &mut Visit<'_>);

fn lines(report: Report, config: &Config, shared: &Shared, store: &StoreStats) -> Vec<String> {
    let mut lines = Vec::new();
    let sources = Sources { config, shared, store };
    report(&sources, &mut |name, value| lines.push(format!("{name} {value}")));
    lines
}

fn names(lines: &[String]) -> Vec<&str> {
    lines.iter().map(|line| line.split(' ').next().unwrap_or_default()).collect()
}

/// A store with two classes: the first empty, the second with a number of its own in each field.
fn store() -> StoreStats {
    let second = ClassStats {
        chunk_size: 120,
        chunks_per_page: 546,
        pages: 2,
        used_chunks: 1000,
        items: [1, 20, 300, 4],
        tail_age: [11, 12, 13, 14],
        requested_bytes: 31_000,
        hits: [5, 60, 700, 8],
        cmd_set: 21,
        delete_hits: 22,
        incr_hits: 23,
        decr_hits: 24,
        cas_hits: 25,
        cas_badval: 26,
        touch_hits: 27,
        evicted: 28,
        evicted_nonzero: 29,
        evicted_time: 30,
        evicted_unfetched: 31,
        evicted_active: 32,
        outofmemory: 33,
        reclaimed: 34,
        expired_unfetched: 35,
        crawler_reclaimed: 36,
        crawler_items_checked: 37,
        moves_to_cold: 38,
        moves_to_warm: 39,
        moves_within_lru: 40,
        direct_reclaims: 41,
    };
    StoreStats {
        limit_bytes: 64 << 20,
        pages_used: 2,
        pages_free: 3,
        hash_power: 16,
        misses: VerbMisses { get: 9, touch: 3, ..VerbMisses::default() },
        classes: vec![ClassStats::default(), second],
        sizes: vec![(32, 0), (64, 5), (96, 1)],
        shards: 1,
        tuning: Tuning::new(&config().store),
        ..StoreStats::default()
    }
}

#[test]
fn general_statistics_stand_in_memcacheds_order() {
    let config = config();
    let shared = Shared::new(&config, 1_000_000);
    let lines = lines(general, &config, &shared, &store());
    let expected = "pid uptime time version libevent pointer_size rusage_user rusage_system \
        max_connections curr_connections total_connections rejected_connections \
        connection_structures response_obj_oom read_buf_oom reserved_fds \
        cmd_get cmd_set cmd_flush cmd_touch cmd_meta get_hits get_misses \
        get_expired get_flushed delete_misses delete_hits incr_misses incr_hits decr_misses \
        decr_hits cas_misses cas_hits cas_badval touch_hits touch_misses store_too_large \
        store_no_memory auth_cmds auth_errors \
        bytes_read bytes_written limit_maxbytes accepting_conns listen_disabled_num \
        time_in_listen_disabled_us threads conn_yields hash_power_level hash_bytes \
        hash_is_expanding slab_reassign_rescues slab_reassign_chunk_rescues \
        slab_reassign_inline_reclaim slab_reassign_busy_items slab_reassign_busy_deletes \
        slab_reassign_busy_nomem slab_reassign_last_busy_status slab_reassign_running \
        slabs_moved lru_crawler_running lru_crawler_starts lru_maintainer_juggles malloc_fails \
        log_worker_dropped log_worker_written log_watcher_skipped log_watcher_sent \
        log_watchers unexpected_napi_ids round_robin_fallback bytes curr_items total_items \
        slab_global_page_pool expired_unfetched evicted_unfetched evicted_active evictions \
        reclaimed crawler_reclaimed crawler_items_checked lrutail_reflocked \
        moves_to_cold moves_to_warm \
        moves_within_lru direct_reclaims lru_bumps_dropped slabd_version \
        shards buffer_bytes deadline_kicks \
        uploads upload_bytes pins pinned_dead_bytes slab_reassign_evictions loop_turn_p50_us \
        loop_turn_p99_us loop_turn_p999_us loop_turn_max_us lock_hold_p50_us \
        lock_hold_p99_us lock_hold_p999_us lock_hold_max_us upkeep_hold_p50_us \
        upkeep_hold_p99_us upkeep_hold_p999_us upkeep_hold_max_us";
    assert_eq!(names(&lines), expected.split_whitespace().collect::<Vec<_>>());
}

#[test]
fn sums_and_clocks_are_what_they_say() {
    let config = config();
    let shared = Shared::new(&config, 1_000_000);
    shared.tick(8);
    shared.listener.listeners.store(2, Relaxed);
    shared.listener.accepting.store(true, Relaxed);
    shared.workers[0].curr_connections.add(4);
    shared.workers[1].curr_connections.add(1);
    shared.workers[0].connection_structures.add(6);
    shared.workers[1].buffer_bytes.add(4096);
    let lines = lines(general, &config, &shared, &store());
    for expected in [
        "uptime 10",
        "time 1000008",
        "version 1.6.45",
        "curr_connections 6",
        "total_connections 2",
        "connection_structures 8",
        "cmd_get 782",
        "get_hits 773",
        "get_misses 9",
        "cmd_touch 30",
        "cmd_set 21",
        "accepting_conns 1",
        "threads 2",
        "limit_maxbytes 67108864",
        "hash_power_level 16",
        "slab_global_page_pool 3",
        "evictions 28",
        "buffer_bytes 4096",
    ] {
        assert!(lines.iter().any(|line| line == expected), "{expected} in {lines:#?}");
    }
}

#[test]
fn cpu_times_are_seconds_and_six_digits() {
    let config = config();
    let shared = Shared::new(&config, 1_000_000);
    for line in lines(general, &config, &shared, &store()) {
        if let Some((name, value)) = line.split_once(' ').filter(|(n, _)| n.starts_with("rusage")) {
            let (seconds, micros) = value.split_once('.').expect(name);
            assert!(seconds.parse::<u64>().is_ok(), "{line}");
            assert_eq!(micros.len(), 6, "{line}");
            assert!(micros.parse::<u64>().is_ok(), "{line}");
        }
    }
}

#[test]
fn what_is_switched_off_is_not_shown() {
    let mut config = config();
    config.store.segmented = false;
    config.store.crawler = false;
    config.maxconns_fast = false;
    let shared = Shared::new(&config, 1_000_000);
    let mut counts = store();
    counts.tuning.crawler = false;
    let general_lines = lines(general, &config, &shared, &counts);
    for absent in [
        "rejected_connections",
        "lru_crawler_running",
        "lru_maintainer_juggles",
        "evicted_active",
        "moves_to_cold",
        "idle_kicks",
    ] {
        assert!(!names(&general_lines).contains(&absent), "{absent}");
    }
    config.idle_timeout_s = 10;
    assert!(names(&lines(general, &config, &shared, &store())).contains(&"idle_kicks"));
    let expected = "number age mem_requested evicted evicted_nonzero evicted_time outofmemory \
        tailrepairs reclaimed expired_unfetched evicted_unfetched crawler_reclaimed \
        crawler_items_checked lrutail_reflocked";
    let expected: Vec<_> = expected.split_whitespace().map(|n| format!("items:2:{n}")).collect();
    assert_eq!(names(&lines(items, &config, &shared, &store())), expected);
}

#[test]
fn items_are_listed_for_classes_that_hold_some() {
    let config = config();
    let shared = Shared::new(&config, 1_000_000);
    let mut store = store();
    store.tuning.temporary_ttl = Some(61);
    let lines = lines(items, &config, &shared, &store);
    let expected = "number 325,number_hot 1,number_warm 20,number_cold 300,number_temp 4,\
        age_hot 11,age_warm 12,age 13,mem_requested 31000,evicted 28,evicted_nonzero 29,\
        evicted_time 30,outofmemory 33,tailrepairs 0,reclaimed 34,expired_unfetched 35,\
        evicted_unfetched 31,evicted_active 32,crawler_reclaimed 36,crawler_items_checked 37,\
        lrutail_reflocked 0,moves_to_cold 38,moves_to_warm 39,moves_within_lru 40,\
        direct_reclaims 41,\
        hits_to_hot 5,hits_to_warm 60,hits_to_cold 700,hits_to_temp 8";
    let expected: Vec<_> = expected.split(',').map(|line| format!("items:2:{line}")).collect();
    assert_eq!(lines, expected);
}

#[test]
fn slabs_are_listed_for_classes_that_own_pages() {
    let config = config();
    let shared = Shared::new(&config, 1_000_000);
    let lines = lines(slabs, &config, &shared, &store());
    let expected = "2:chunk_size 120,2:chunks_per_page 546,2:total_pages 2,2:total_chunks 1092,\
        2:used_chunks 1000,2:free_chunks 92,2:free_chunks_end 0,2:get_hits 773,2:cmd_set 21,\
        2:delete_hits 22,2:incr_hits 23,2:decr_hits 24,2:cas_hits 25,2:cas_badval 26,\
        2:touch_hits 27,active_slabs 1,total_malloced 131072";
    assert_eq!(lines, expected.split(',').collect::<Vec<_>>());
}

#[test]
fn sizes_are_shown_when_they_are_tracked() {
    let mut config = config();
    let shared = Shared::new(&config, 1_000_000);
    assert_eq!(lines(sizes, &config, &shared, &store()), ["sizes_status disabled"]);
    config.store.track_sizes = true;
    assert_eq!(lines(sizes, &config, &shared, &store()), ["64 5", "96 1"]);
}

#[test]
fn settings_show_every_field_and_others_in_their_place() {
    let mut config = config();
    config.other_settings = vec![
        ("hash_algorithm", "foldhash".into()),
        ("of_our_own", "1".into()),
        ("udpport", "0".into()),
    ];
    let shared = Shared::new(&config, 1_000_000);
    shared.verbosity.store(1, Relaxed);
    shared.oldest_live.store(77, Relaxed);
    let expected = "maxbytes 67108864,maxconns 1024,tcpport 11211,udpport 0,inter NULL,\
        verbosity 1,oldest 77,evictions on,domain_socket NULL,umask 700,shutdown_command no,\
        growth_factor 1.10,chunk_size 16,num_threads 2,stat_key_prefix :,detail_enabled no,\
        reqs_per_event 0,cas_enabled yes,tcp_backlog 1024,binding_protocol auto-negotiate,\
        auth_enabled_sasl no,auth_enabled_ascii no,item_size_max 1048576,\
        maxconns_fast yes,hashpower_init 0,slab_reassign yes,slab_automove 1,\
        slab_automove_ratio 0.80,slab_automove_window 10,slab_chunk_max 524288,lru_crawler yes,\
        lru_crawler_sleep 100,lru_crawler_tocrawl 0,\
        flush_enabled yes,dump_enabled yes,hash_algorithm foldhash,lru_maintainer_thread yes,\
        lru_segmented yes,hot_lru_pct 20,warm_lru_pct 40,hot_max_factor 0.20,\
        warm_max_factor 2.00,temp_lru no,temporary_ttl 61,idle_timeout 0,\
        watcher_logbuf_size 262144,worker_logbuf_size 65536,track_sizes no,\
        client_flags_size 4,request_timeout 60,body_timeout 60,write_timeout 60,\
        tcp_user_timeout 60,memory_total 0,worker_cpus any,strict_framing no,udp_public no,\
        udp_rate 1024,lru_probation yes,of_our_own 1";
    let lines = lines(settings, &config, &shared, &store());
    assert_eq!(lines, expected.split(',').collect::<Vec<_>>());
}

#[test]
fn settings_show_what_was_given() {
    let mut config = config();
    config.listen_text = Some("127.0.0.1".into());
    config.unix_socket = Some("/run/slabd.sock".into());
    config.unix_mode = 0o766;
    config.port = 0;
    config.requests_per_event = Some(20);
    config.store.evict = false;
    config.prefix_delimiter = b'/';
    let shared = Shared::new(&config, 1_000_000);
    let mut store = store();
    store.tuning.temporary_ttl = Some(30);
    let lines = lines(settings, &config, &shared, &store);
    for expected in [
        "inter 127.0.0.1",
        "domain_socket /run/slabd.sock",
        "umask 766",
        "tcpport 0",
        "reqs_per_event 20",
        "evictions off",
        "temp_lru yes",
        "temporary_ttl 30",
        "stat_key_prefix /",
    ] {
        assert!(lines.iter().any(|line| line == expected), "{expected}");
    }
}
