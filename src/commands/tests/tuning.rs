//! slabs, lru, lru_crawler, cache_memlimit: answers, and what `stats settings` shows after them.

use super::*;

const BAD_FORMAT: &str = "CLIENT_ERROR bad command line format\r\n";

impl Cache {
    /// Each line of `pairs` gets its answer.
    #[track_caller]
    fn says(&mut self, pairs: &[(&str, &str)]) {
        for (line, told) in pairs {
            assert_eq!(self.ask(format!("{line}\r\n")), format!("{told}\r\n"), "{line:?}");
            assert_eq!(self.ask(format!("{line} noreply\r\n")), "", "{line:?}");
        }
    }
    #[track_caller]
    fn shows(&mut self, settings: &str) {
        let shown = self.ask("stats settings\r\n");
        for setting in settings.lines() {
            let line = format!("STAT {}\r\n", setting.trim());
            assert!(shown.contains(&line), "{line:?} in\n{shown}");
        }
    }
}

#[test]
fn queues_are_tuned() {
    let mut cache = Cache::new();
    cache.says(&[
        ("lru tune 41 40 0.1 1.0", "ERROR hot and warm pcts must not exceed 80"),
        ("lru tune 4294967295 40 0.1 1.0", "ERROR hot and warm pcts must not exceed 80"),
        ("lru tune 10 40 0 1.0", "ERROR hot/warm age factors must be greater than 0"),
        ("lru tune 10 40 1 -1", "ERROR hot/warm age factors must be greater than 0"),
        ("lru tune 10 30 0.5 3", "OK"),
        ("lru temp_ttl 90", "OK"),
        ("lru mode flat", "OK"),
    ]);
    cache.shows(
        "hot_lru_pct 10
        warm_lru_pct 30
        hot_max_factor 0.50
        warm_max_factor 3.00
        temp_lru yes
        temporary_ttl 90
        lru_segmented no
        lru_maintainer_thread yes",
    );
    cache.says(&[("lru temp_ttl -1", "OK"), ("lru mode segmented", "OK")]);
    cache.shows("temp_lru no\nlru_segmented yes");
}

#[test]
fn without_a_maintainer_the_mode_stays() {
    let mut cache = Cache::with(|config| config.store.segmented = false);
    cache.says(&[
        ("lru mode segmented", "ERROR"),
        ("lru temp_ttl 90", "ERROR"),
        ("lru tune 10 30 0.5 3", "OK"),
    ]);
}

#[test]
fn the_crawler_is_switched_and_asked() {
    let mut cache = Cache::new();
    let busy = "BUSY currently processing crawler request";
    let failed = "ERROR failed to start lru crawler thread";
    cache.says(&[
        ("lru_crawler enable", failed),
        ("lru_crawler sleep 1000001", "CLIENT_ERROR sleep must be one second or less"),
        ("lru_crawler sleep 1000000", "OK"),
        ("lru_crawler tocrawl 500", "OK"),
        ("lru_crawler crawl 64", "BADCLASS invalid class id"),
        ("lru_crawler crawl hash", "ERROR an unknown error happened"),
        ("lru_crawler crawl ,", "NOTSTARTED no items to crawl"),
    ]);
    assert_eq!(cache.ask("lru_crawler crawl all\r\n"), "OK\r\n");
    cache.says(&[("lru_crawler crawl all", busy)]);
    while cache.store.maintain(62) {}
    assert_eq!(cache.ask("lru_crawler crawl 1,2\r\n"), "OK\r\n");
    cache.shows("lru_crawler yes\nlru_crawler_sleep 1000000\nlru_crawler_tocrawl 500");
    let disabled = "CLIENT_ERROR lru crawler disabled";
    cache.says(&[
        ("lru_crawler disable", "OK"),
        ("lru_crawler disable", "OK"),
        ("lru_crawler crawl all", disabled),
        ("lru_crawler crawl x", disabled),
        ("lru_crawler metadump all", disabled),
    ]);
    cache.shows("lru_crawler no");
    assert!(!cache.ask("stats\r\n").contains("lru_crawler_running"));
    assert_eq!(cache.ask("lru_crawler enable\r\n"), "OK\r\n");
}

#[test]
fn a_dump_lists_live_items() {
    let mut cache = Cache::new();
    cache.ask("set a%20b 5 100 2\r\nxx\r\n");
    cache.ask("set dead 0 -1 1\r\nx\r\n");
    let cas = cache.ask("gets a%20b\r\n");
    let cas = cas.split(['\r', ' ']).nth(4).expect("a cas").to_owned();
    let (exp, la) = (START_UNIX + 100, START_UNIX);
    cache.pass(9);
    let dump = cache.ask("lru_crawler metadump all\r\n");
    let expected = format!("OK\r\nkey=a%2520b exp={exp} la={la} cas={cas} fetch=yes cls=");
    assert!(dump.starts_with(&expected), "{dump}");
    assert!(dump.ends_with(" flags=5 \nEND\r\n"), "{dump}");
    assert_eq!(dump.matches('\n').count(), 3);
    assert_eq!(cache.ask("lru_crawler metadump hash\r\n"), dump);
    assert_eq!(cache.ask("lru_crawler mgdump all\r\n"), "OK\r\nmg a%20b\r\nEN\r\n");
    assert_eq!(cache.ask("lru_crawler metadump 63\r\n"), "OK\r\nEND\r\n");
    cache.says(&[("lru_crawler metadump 0", "BADCLASS invalid class id")]);
}

#[test]
fn dumps_may_be_forbidden() {
    let mut cache = Cache::with(|config| config.dump_enabled = false);
    cache.says(&[
        ("lru_crawler metadump all", "ERROR metadump not allowed"),
        ("lru_crawler mgdump x", "ERROR key dump not allowed"),
        ("lru_crawler crawl all", "OK"),
    ]);
}

#[test]
fn pages_are_moved_by_request_and_by_policy() {
    let mut cache = Cache::new();
    let window = "CLIENT_ERROR automove window too low or too high";
    cache.says(&[
        ("slabs reassign 1 1", "SAME src and dst class are identical"),
        ("slabs reassign 1 64", "BADCLASS invalid src or dst class id"),
        ("slabs reassign 31 -60", "BADCLASS invalid src or dst class id"),
        ("slabs reassign -1 1", "BADCLASS invalid src or dst class id"),
        ("slabs reassign 1 2", "NOSPARE source class has no spare pages"),
        ("slabs reassign x 2", BAD_FORMAT.trim_end()),
        ("slabs automove 3", "ERROR"),
        ("slabs automove 2", "OK"),
        ("slabs automove ratio 0", "ERROR"),
        ("slabs automove ratio 0.5", "OK"),
        ("slabs automove freeratio 0.5", "OK"),
        ("slabs automove window 0", window),
        ("slabs automove window 1801", window),
        ("slabs automove window 67108864", window),
        ("slabs automove window 1800", "OK"),
    ]);
    cache.shows(
        "slab_reassign yes
        slab_automove 2
        slab_automove_ratio 0.50
        slab_automove_window 1800",
    );
    let busy = "BUSY currently processing reassign request\r\n";
    assert_eq!(cache.ask("slabs reassign 0 1\r\nslabs reassign 0 1\r\n"), format!("OK\r\n{busy}"));
    while cache.store.move_pages(62) {}
    assert!(cache.ask("stats slabs\r\n").contains("STAT 1:total_pages 1\r\n"));
    assert!(cache.ask("stats\r\n").contains("STAT slabs_moved 1\r\n"));
}

#[test]
fn page_moves_may_be_forbidden() {
    let mut cache = Cache::with(|config| config.store.background.reassign = false);
    let disabled = "CLIENT_ERROR slab reassignment disabled";
    cache.says(&[
        ("slabs reassign 1 2", disabled),
        ("slabs reassign x 2", disabled),
        ("slabs automove 1", "OK"),
    ]);
    assert!(!cache.ask("stats\r\n").contains("slab_reassign_rescues"));
}

#[test]
fn the_memory_limit_moves() {
    let mut cache = Cache::new();
    let too_much = "MEMLIMIT_ADJUST_FAILED out of bounds or unable to adjust: at most 1024 \
                    megabytes without a restart";
    cache.says(&[
        ("cache_memlimit 7", "MEMLIMIT_TOO_SMALL cannot set maxbytes to less than 8m"),
        ("cache_memlimit 1000000001", "MEMLIMIT_ADJUST_FAILED input value is megabytes not bytes"),
        ("cache_memlimit 1000000000", too_much),
        ("cache_memlimit 1025", too_much),
        ("cache_memlimit 100", "OK"),
    ]);
    assert_eq!(cache.stats()["limit_maxbytes"], 100 << 20);
    cache.shows("maxbytes 104857600");
    let mut fixed = Cache::with(|config| config.store.preallocate = true);
    fixed.says(&[("cache_memlimit 8", "MEMLIMIT_ADJUST_FAILED out of bounds or unable to adjust")]);
}
