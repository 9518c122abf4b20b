//! `stats settings`: what was set, or defaulted.

use std::fmt::Display;
use std::sync::atomic::Ordering::Relaxed;

use super::{Lines, Sources, Visit};

/// TTL up to which items would go to TEMP, when that is off: what memcached shows.
const TEMPORARY_TTL_OFF_S: u32 = 61;

/// All settings in memcached's order, then slabd's own, then what `Config::other_settings` has
/// that has no place of its own.
pub fn settings(from: &Sources<'_>, visit: &mut Visit<'_>) {
    let mut settings = Settings { from, lines: Lines::new(visit), shown: Vec::new() };
    settings.sockets();
    settings.engine();
    settings.background();
    settings.own();
    settings.rest();
}

struct Settings<'v, 'a, 's> {
    from: &'s Sources<'s>,
    lines: Lines<'v, 'a>,
    /// Names of `other_settings` that were shown.
    shown: Vec<&'static str>,
}

impl Settings<'_, '_, '_> {
    fn stat(&mut self, name: &str, value: impl Display) {
        self.lines.stat(name, value);
    }

    fn switch(&mut self, name: &str, on: bool) {
        self.stat(name, if on { "yes" } else { "no" });
    }

    /// Settings that have no field: shown here, if there are such.
    fn others(&mut self, names: &[&str]) {
        for wanted in names {
            for (name, value) in &self.from.config.other_settings {
                if name == wanted {
                    self.lines.stat(name, value);
                    self.shown.push(name);
                }
            }
        }
    }

    fn sockets(&mut self) {
        let config = self.from.config;
        let shared = self.from.shared;
        self.stat("maxbytes", self.from.store.limit_bytes);
        self.stat("maxconns", config.max_connections);
        self.stat("tcpport", config.port);
        self.others(&["udpport"]);
        self.stat("inter", config.listen_text.as_deref().unwrap_or("NULL"));
        self.stat("verbosity", shared.verbosity.load(Relaxed));
        self.stat("oldest", shared.oldest_live.load(Relaxed));
        self.stat("evictions", if config.store.evict { "on" } else { "off" });
        match &config.unix_socket {
            Some(path) => self.stat("domain_socket", path.display()),
            None => self.stat("domain_socket", "NULL"),
        }
        self.stat("umask", format_args!("{:o}", config.unix_mode));
        self.switch("shutdown_command", config.shutdown_command);
    }

    fn engine(&mut self) {
        let config = self.from.config;
        let store = &config.store;
        self.stat("growth_factor", format_args!("{:.2}", store.growth_factor));
        self.stat("chunk_size", store.chunk_size_min);
        self.stat("num_threads", config.threads);
        self.others(&["num_threads_per_udp"]);
        self.stat("stat_key_prefix", char::from(config.prefix_delimiter));
        self.switch("detail_enabled", self.from.shared.detail.load(Relaxed));
        self.stat("reqs_per_event", config.requests_per_event.unwrap_or(0));
        self.switch("cas_enabled", store.use_cas);
        self.stat("tcp_backlog", config.backlog);
        self.stat("binding_protocol", config.dialect.name());
        self.switch("auth_enabled_sasl", config.sasl);
        match &config.auth_file {
            Some(path) => self.stat("auth_enabled_ascii", path.display()),
            None => self.switch("auth_enabled_ascii", false),
        }
        self.stat("item_size_max", store.item_size_max);
        self.switch("maxconns_fast", config.maxconns_fast);
        self.stat("hashpower_init", store.hash_power);
    }

    fn background(&mut self) {
        let config = self.from.config;
        let store = &config.store;
        let tuning = &self.from.store.tuning;
        let background = tuning.background;
        self.switch("slab_reassign", background.reassign);
        self.stat("slab_automove", background.automove);
        self.stat("slab_automove_ratio", format_args!("{:.2}", background.automove_ratio));
        self.stat("slab_automove_window", background.automove_window_s);
        self.stat("slab_chunk_max", store.slab_chunk_max);
        self.switch("lru_crawler", tuning.crawler);
        self.stat("lru_crawler_sleep", background.crawl_pause_us);
        self.stat("lru_crawler_tocrawl", background.crawl_items_max);
        self.others(&["tail_repair_time"]);
        self.switch("flush_enabled", config.flush_enabled);
        self.switch("dump_enabled", config.dump_enabled);
        self.others(&["hash_algorithm"]);
        self.switch("lru_maintainer_thread", store.segmented);
        self.switch("lru_segmented", tuning.segmented);
        self.stat("hot_lru_pct", tuning.hot_pct);
        self.stat("warm_lru_pct", tuning.warm_pct);
        self.stat("hot_max_factor", format_args!("{:.2}", tuning.hot_max_factor));
        self.stat("warm_max_factor", format_args!("{:.2}", tuning.warm_max_factor));
        self.switch("temp_lru", tuning.temporary_ttl.is_some());
        self.stat("temporary_ttl", tuning.temporary_ttl.unwrap_or(TEMPORARY_TTL_OFF_S));
        self.stat("idle_timeout", config.idle_timeout_s);
        self.stat("watcher_logbuf_size", config.watcher_logbuf);
        self.stat("worker_logbuf_size", config.worker_logbuf);
        self.others(&["read_buf_mem_limit"]);
        self.switch("track_sizes", store.track_sizes);
        self.stat("client_flags_size", size_of::<u32>());
    }

    /// What memcached does not have.
    fn own(&mut self) {
        let config = self.from.config;
        self.stat("request_timeout", config.request_timeout_s);
        self.stat("body_timeout", config.body_timeout_s);
        self.stat("write_timeout", config.write_timeout_s);
        self.stat("tcp_user_timeout", config.tcp_user_timeout_s);
        self.stat("memory_total", config.memory_total);
        let cores: Vec<String> = config.worker_cpus.iter().map(usize::to_string).collect();
        self.stat("worker_cpus", if cores.is_empty() { "any".to_owned() } else { cores.join("+") });
        self.switch("strict_framing", config.strict_framing);
        self.switch("udp_public", config.udp_public);
        self.stat("udp_rate", config.udp_rate_kib);
        let tuning = &self.from.store.tuning;
        self.switch("lru_probation", tuning.segmented && tuning.probation);
    }

    fn rest(&mut self) {
        for (name, value) in &self.from.config.other_settings {
            if !self.shown.contains(name) {
                self.lines.stat(name, value);
            }
        }
    }
}
