//! Settings that change while the daemon runs, and the answers of a daemon as started.

use crate::common::{BAD_FORMAT, Server};

#[test]
fn settings_show_what_was_changed() {
    let server = Server::start();
    let mut c = server.client();
    for line in [
        "lru tune 10 25 0.5 1.5",
        "lru temp_ttl 45",
        "lru mode flat",
        "lru_crawler sleep 5",
        "lru_crawler tocrawl 6",
        "slabs automove 0",
        "slabs automove ratio 0.6",
        "slabs automove window 60",
        "cache_memlimit 100",
        "verbosity 2",
        "lru_crawler disable",
    ] {
        c.send(format!("{line}\r\n")).expect("OK\r\n");
    }
    let settings = c.stats("settings");
    let expected = "hot_lru_pct=10 warm_lru_pct=25 hot_max_factor=0.50 warm_max_factor=1.50
        temp_lru=yes temporary_ttl=45 lru_segmented=no lru_crawler=no lru_crawler_sleep=5
        lru_crawler_tocrawl=6 slab_automove=0 slab_automove_ratio=0.60 slab_automove_window=60
        maxbytes=104857600 verbosity=2";
    for pair in expected.split_whitespace() {
        let (name, value) = pair.split_once('=').expect("a pair");
        assert_eq!(settings.get(name).map(String::as_str), Some(value), "{name}");
    }
}

#[test]
fn what_builds_without_it_do_not_know_is_an_error() {
    let server = Server::start();
    server.client().says(&[
        ("refresh_certs\r\n", "ERROR\r\n"),
        ("extstore item_size 512\r\n", "ERROR\r\n"),
        ("extstore item_size 512 noreply\r\nmn_is_no_command\r\n", "ERROR\r\n"),
        ("slabs automove x\r\n", BAD_FORMAT),
        ("lru\r\nlru mode\r\nlru temp_ttl\r\n", "ERROR\r\nERROR\r\nERROR\r\n"),
    ]);
}

#[test]
fn the_probation_comes_back_when_it_is_asked_for() {
    let server = Server::start();
    let mut c = server.client();
    // Where an item stands that is alone: on probation it waits in HOT; memcached's segments let it
    // drift to COLD, since it is more than HOT's share; in flat mode there is only COLD.
    let steps = [
        ("probation", "yes", "yes", "hot"),
        ("flat", "no", "no", "cold"),
        ("segmented", "yes", "no", "cold"),
        ("flat", "no", "no", "cold"),
        ("probation", "yes", "yes", "hot"),
    ];
    for (mode, segmented, probation, queue) in steps {
        c.send(format!("lru mode {mode}\r\n")).expect("OK\r\n");
        let settings = c.stats("settings");
        assert_eq!(settings["lru_segmented"], segmented, "{mode}");
        assert_eq!(settings["lru_probation"], probation, "{mode}");
        c.send(format!("flush_all\r\nset {mode} 0 0 1\r\nx\r\n")).expect("OK\r\nSTORED\r\n");
        server.eventually("it stands where the mode has it", |s| {
            let items = s.client().stats("items");
            let there = items.iter().filter(|(_, count)| *count == "1").map(|(name, _)| name);
            let (name, all) = (format!(":number_{queue}"), s.stat("curr_items"));
            all == 1 && there.into_iter().any(|one| one.ends_with(&name))
        });
    }
    c.send("lru tune 20 40 0.2 2\r\n").expect("OK\r\n");
    assert_eq!(c.stats("settings")["lru_probation"], "no");
    c.send("lru mode probationary\r\n").expect("ERROR\r\n");
}

/// A crawl finds what nobody asks for.
#[test]
fn a_crawl_reaps_flushed_items() {
    let server = Server::start();
    let mut c = server.client();
    for n in 0..1000 {
        c.send(format!("set k{n} 0 0 1 noreply\r\nx\r\n"));
    }
    c.send("flush_all\r\nlru_crawler crawl all\r\n").expect("OK\r\nOK\r\n");
    server.eventually("all are gone", |s| s.stat("curr_items") == 0);
    assert_eq!(server.stat("crawler_reclaimed"), 1000);
}

/// An item that is fetched or not, stands in HOT, WARM, COLD or TEMP: after the change, in COLD.
#[test]
fn flat_mode_drains_the_other_queues() {
    let server = Server::start();
    let mut c = server.client();
    for n in 0..1000 {
        c.send(format!("set k{n} 0 0 1 noreply\r\nx\r\nget k{n}\r\n"));
        c.expect(format!("VALUE k{n} 0 1\r\nx\r\nEND\r\n"));
    }
    c.send("lru mode flat\r\n").expect("OK\r\n");
    server.eventually("all in COLD", |s| {
        let items = s.client().stats("items");
        let sum = |field: &str| -> u64 {
            let fields = items.iter().filter(|(name, _)| name.ends_with(field));
            fields.map(|(_, value)| value.parse::<u64>().expect("a number")).sum()
        };
        (sum(":number_cold"), sum(":number_hot"), sum(":number_warm")) == (1000, 0, 0)
    });
    c.send("lru mode segmented\r\nset new 0 0 1\r\nx\r\n").expect("OK\r\nSTORED\r\n");
}
