//! `-o`: the sub-options, memcached's and slabd's own.
//!
//! What memcached offers and slabd answers, one decision a line. *works*: it does what it does in
//! memcached. *no need*: accepted; what it turns on is always so here, or has nothing to act on,
//! and nothing is lost. *noted*: accepted, since it only tunes; a line in the log at start says
//! that it changes nothing. *refused*: `not supported yet`, because a user who asks for it would
//! miss it.
//!
//! | sub-option | here | why |
//! |---|---|---|
//! | maxconns_fast, no_maxconns_fast | works | |
//! | hashpower | works | the index starts with 2^N buckets' room; it grows whatever N is |
//! | no_hashexpand | refused | the index always grows, a bucket at a time |
//! | slab_reassign | works | |
//! | no_slab_reassign | works | noted: pages still move to a class that has none |
//! | slab_automove | works | with 0 noted: pages still move to a class that has none |
//! | no_slab_automove | works | as slab_automove=0 |
//! | slab_automove_ratio | works | |
//! | slab_automove_window | noted | ages are compared when a class evicts, not over a window |
//! | slab_automove_freeratio | refused | belongs to external storage |
//! | tail_repair_time | no need | no item is ever stuck: readers hold pins, not references |
//! | hash_algorithm | no need | the hash is seeded per process and never seen outside |
//! | lru_crawler, no_lru_crawler | works | |
//! | lru_crawler_sleep | noted | the crawler's steps are short, and pauses between them long |
//! | lru_crawler_tocrawl | works | for crawls on request; by itself it finds the dead at once |
//! | lru_maintainer, no_lru_maintainer | works | segmented LRU or flat |
//! | hot_lru_pct, warm_lru_pct | works | memcached's queues instead of a probation |
//! | hot_max_factor, warm_max_factor | works | |
//! | temporary_ttl | works | |
//! | idle_timeout | works | |
//! | watcher_logbuf_size, worker_logbuf_size | works | |
//! | slab_sizes | works | |
//! | slab_chunk_max | works | a chunk is half a page (32 KiB) at most, whatever is asked |
//! | no_chunked_items | noted | slab_chunk_max=1024; items above 32 KiB are chained all the same |
//! | track_sizes | works | |
//! | read_buf_mem_limit | refused, but 0 | buffers are capped, but not by this number yet |
//! | resp_obj_mem_limit | no need | memcached itself only says that it is deprecated |
//! | inline_ascii_resp, no_inline_ascii_resp, modern | no need | no effect in memcached either |
//! | no_modern | works | as the options it stands for |
//! | drop_privileges | refused | a sandbox that is not there protects nobody |
//! | no_drop_privileges | no need | |
//! | relaxed_privileges | no need | known to builds with `debug-commands` only, as in memcached |
//! | sock_cookie_id | refused, but 0 | |
//! | ssl_*, ext_*, proxy_* | refused | TLS, external storage and the proxy |
//!
//! slabd's own: strict_framing, request_timeout, body_timeout, write_timeout, tcp_user_timeout,
//! udp_public, udp_rate, memory_total, worker_cpus.

use std::fmt::Write as _;
use std::ops::RangeInclusive;

use super::error::{ConfigError, EXIT_FAILURE, EXIT_USAGE};
use super::{Config, number, unsupported};
use crate::store::Background;
use crate::sys::cpu::CORES_MAX;

/// memory_total in MiB. The lower end is what the program takes with one thread and small items;
/// `Config::share_total` says what it must be with more.
const MEMORY_TOTAL_MIB: RangeInclusive<i64> = 12..=1 << 20;

/// (name, argument or "", help). In the order of the help text.
const HELP: &[(&str, &str, &str)] = &[
    ("maxconns_fast", "", "at -c clients refuse more (default); no_maxconns_fast: let them wait"),
    ("idle_timeout", "S", "close a client that asks nothing for S seconds; 0: never (default)"),
    ("request_timeout", "S", "seconds a request may take to arrive; 0: any time (default: 60)"),
    ("body_timeout", "S", "seconds a value may stop arriving; 0: any time (default: 60)"),
    ("write_timeout", "S", "seconds a reply may wait to be read; 0: any time (default: 60)"),
    ("tcp_user_timeout", "S", "seconds until a vanished peer is given up; 0: system (default: 60)"),
    ("memory_total", "MB", "all memory of the process, instead of -m; items get what is left"),
    ("worker_cpus", "A-B+C", "cores that workers are pinned to, such as 0-3+8 (default: any)"),
    ("strict_framing", "", "close a client whose storage command has an unreadable length"),
    ("udp_public", "", "with -U: UDP may be reached from other hosts; read the README first"),
    ("udp_rate", "KIB", "KiB a second one address may be sent by UDP; 0: any (default: 1024)"),
    ("temporary_ttl", "S", "items that live at most S seconds are never evicted (default: off)"),
    ("lru_crawler", "", "free expired items in the background (default); no_lru_crawler"),
    ("lru_maintainer", "", "queues by use (default); no_lru_maintainer: one flat LRU"),
    ("hot_lru_pct", "N", "memcached's queues; share of the hot one, percent, 1 to 79 (20)"),
    ("warm_lru_pct", "N", "memcached's queues; share of the warm one, percent, 1 to 79 (40)"),
    ("hot_max_factor", "F", "with them: oldest hot item, as part of the cold queue's age (0.2)"),
    ("warm_max_factor", "F", "with them: oldest warm item, as part of the cold queue's age (2.0)"),
    ("hashpower", "N", "start with an index for 2^N items, 12 to 32 (default: small; it grows)"),
    ("slab_sizes", "A-B-C", "explicit chunk sizes in bytes, instead of -f"),
    ("slab_chunk_max", "KIB", "largest chunk, 1 to 1024 KiB; 32 at most is used (default: 512)"),
    ("slab_reassign", "", "pages may move between classes (default); no_slab_reassign"),
    ("slab_automove", "N", "pages move by themselves: 0, 1 (default) or 2, at each eviction"),
    (
        "slab_automove_ratio",
        "F",
        "how much younger evicted items must be, 0.01 to 1 (default: 0.8)",
    ),
    ("track_sizes", "", "count item sizes from the start, for stats sizes"),
    ("no_modern", "", "memcached's settings of before 1.5"),
    ("modern", "", "accepted, like other names of memcached's: see the README"),
];

/// Prefixes of memcached's sub-options for features that are still to come.
const LATER_PREFIXES: &[(&str, &str)] =
    &[("ssl_", "TLS"), ("ext_", "external storage"), ("proxy_", "the proxy")];

/// Seconds; a year is as good as never, and deadlines stay small numbers.
const TIMEOUT_S: RangeInclusive<i64> = 0..=31_536_000;
/// What memcached lets the LRU percentages be.
const LRU_PCT: RangeInclusive<i64> = 1..=79;
/// Both queues together, percent.
const LRU_PCT_SUM_MAX: u32 = 80;
/// log2 of the index's size at start: memcached's limits.
const HASH_POWER: RangeInclusive<i64> = 12..=32;
/// In KiB, memcached's limits.
const SLAB_CHUNK_MAX_KIB: RangeInclusive<i64> = 1..=1024;
/// KiB a second: 1 GiB/s is more than any network gives one host.
const UDP_RATE_KIB: RangeInclusive<i64> = 0..=1 << 20;
/// In KiB.
const LOG_BUFFER_KIB: RangeInclusive<i64> = 0..=1 << 20;

/// The text for the help.
pub fn help() -> String {
    let mut text = String::from("-o sub-options:\n");
    for (name, argument, about) in HELP {
        let typed = match *argument {
            "" => (*name).to_owned(),
            argument => format!("{name}={argument}"),
        };
        let _ = writeln!(text, "  {typed:<22} {about}");
    }
    text
}

/// What the sub-options say that is not in [`Config`] itself.
#[derive(Debug, Default)]
pub struct SubOptions {
    chunk_max_given: bool,
    tail_repair_time_s: i64,
}

/// One sub-option as typed.
#[derive(Clone, Copy)]
struct Sub<'a> {
    text: &'a str,
    name: &'a str,
    value: Option<&'a str>,
}

impl SubOptions {
    /// Takes a list, from left to right.
    pub fn apply(&mut self, list: &str, config: &mut Config) -> Result<(), ConfigError> {
        let list = list.strip_suffix(',').unwrap_or(list); // as getsubopt has it
        for text in list.split(',').filter(|_| !list.is_empty()) {
            let (name, value) = match text.split_once('=') {
                Some((name, value)) => (name, Some(value)),
                None => (text, None),
            };
            let sub = Sub { text, name: name.trim_start(), value };
            if !self.switch(sub, config)? {
                self.valued(sub, config)?;
            }
        }
        Ok(())
    }

    /// Settles what depends on several, and lists what `stats settings` shows.
    pub fn finish(&self, config: &mut Config) -> Result<(), ConfigError> {
        let store = &config.store;
        if store.hot_pct + store.warm_pct > LRU_PCT_SUM_MAX {
            let message = "hot_lru_pct + warm_lru_pct cannot be more than 80% combined";
            return Err(ConfigError::new(EXIT_USAGE, message));
        }
        if store.temporary_ttl.is_some() && !store.segmented {
            let message = "temporary_ttl requires lru_maintainer to be enabled";
            return Err(ConfigError::new(EXIT_USAGE, message));
        }
        config.other_settings = vec![
            ("hash_algorithm", "foldhash".to_owned()), // ours, whatever was asked
            ("tail_repair_time", self.tail_repair_time_s.to_string()),
            ("read_buf_mem_limit", "0".to_owned()),
        ];
        Ok(())
    }

    /// Those without a value; whether it was one.
    fn switch(&mut self, sub: Sub<'_>, config: &mut Config) -> Result<bool, ConfigError> {
        match sub.name {
            "maxconns_fast" => config.maxconns_fast = true,
            "no_maxconns_fast" => config.maxconns_fast = false,
            "no_hashexpand" => {
                return Err(unsupported("-o no_hashexpand (the index always grows)"));
            }
            "slab_reassign" => config.store.background.reassign = true,
            "no_slab_reassign" => {
                config.store.background.reassign = false;
                note(config, sub, "pages still move to a class that has none");
            }
            "no_slab_automove" => {
                config.store.background.automove = 0;
                note(config, sub, "pages still move to a class that has none");
            }
            "lru_crawler" => config.store.crawler = true,
            "no_lru_crawler" => config.store.crawler = false,
            "lru_maintainer" => config.store.segmented = true,
            "no_lru_maintainer" => config.store.segmented = false,
            "no_chunked_items" => {
                config.store.slab_chunk_max = 1 << 20;
                self.chunk_max_given = true;
                note(config, sub, "items above 32 KiB are chained all the same");
            }
            "track_sizes" => config.store.track_sizes = true,
            "strict_framing" => config.strict_framing = true,
            "udp_public" => config.udp_public = true,
            "no_strict_framing" => config.strict_framing = false,
            "inline_ascii_resp" | "no_inline_ascii_resp" | "modern" => (),
            "no_modern" => self.no_modern(config),
            "drop_privileges" => return Err(unsupported("-o drop_privileges (a sandbox)")),
            "no_drop_privileges" => (),
            #[cfg(feature = "debug-commands")]
            "relaxed_privileges" => (),
            _ => return Ok(false),
        }
        match sub.value {
            None => Ok(true),
            Some(value) => {
                Err(ConfigError::new(EXIT_FAILURE, format!("Illegal suboption \"{}\"", sub.text))
                    .about(&format!("-o {}", sub.name), value, "takes no value"))
            }
        }
    }

    /// memcached as it was before 1.5, in the order it does so.
    fn no_modern(&mut self, config: &mut Config) {
        if !self.chunk_max_given {
            config.store.slab_chunk_max = 1 << 20;
        }
        config.store.background.reassign = false;
        config.store.background.automove = 0;
        config.maxconns_fast = false;
        config.store.segmented = false;
        config.store.crawler = false;
    }

    /// Those with a value.
    fn valued(&mut self, sub: Sub<'_>, config: &mut Config) -> Result<(), ConfigError> {
        match sub.name {
            "hashpower" => config.store.hash_power = hash_power(sub)?,
            "slab_automove" => self.automove(sub, config)?,
            "slab_automove_ratio" | "slab_automove_window" => self.automove_tuning(sub, config)?,
            "tail_repair_time" => {
                let message = "Cannot set tail_repair_time to less than 10 seconds";
                self.tail_repair_time_s = sub.whole(10..=i32::MAX as i64, message)?;
            }
            "hash_algorithm" => {
                if !["jenkins", "murmur3", "xxh3"].contains(&sub.value()?) {
                    let message = "Unknown hash_algorithm option (jenkins, murmur3, xxh3)";
                    return Err(sub.error(message, "jenkins, murmur3 or xxh3"));
                }
            }
            "lru_crawler_sleep" => {
                let message = "LRU crawler sleep must be between 0 and 1 second";
                let pause = sub.whole(0..=1_000_000, message)? as u32;
                config.store.background.crawl_pause_us = pause;
                note_unless(config, sub, pause == Background::default().crawl_pause_us);
            }
            "lru_crawler_tocrawl" => {
                let message = "lru_crawler_tocrawl takes a numeric 32bit value";
                let items = sub.whole(0..=u32::MAX as i64, message)? as u32;
                config.store.background.crawl_items_max = items;
            }
            "hot_lru_pct" => {
                config.store.probation = false;
                config.store.hot_pct = sub.percent()?;
            }
            "warm_lru_pct" => {
                config.store.probation = false;
                config.store.warm_pct = sub.percent()?;
            }
            "hot_max_factor" => config.store.hot_max_factor = sub.factor()?,
            "warm_max_factor" => config.store.warm_max_factor = sub.factor()?,
            "temporary_ttl" => config.store.temporary_ttl = Some(sub.timeout()?),
            "idle_timeout" => config.idle_timeout_s = sub.timeout()?,
            "memory_total" => {
                config.memory_total = (sub.whole(MEMORY_TOTAL_MIB, "")? as u64) << 20;
            }
            "request_timeout" => config.request_timeout_s = sub.timeout()?,
            "body_timeout" => config.body_timeout_s = sub.timeout()?,
            "write_timeout" => config.write_timeout_s = sub.timeout()?,
            "tcp_user_timeout" => config.tcp_user_timeout_s = sub.timeout()?,
            "udp_rate" => config.udp_rate_kib = sub.whole(UDP_RATE_KIB, "")? as u32,
            "watcher_logbuf_size" => {
                config.watcher_logbuf = (sub.whole(LOG_BUFFER_KIB, "")? as usize) << 10;
            }
            "worker_logbuf_size" => {
                config.worker_logbuf = (sub.whole(LOG_BUFFER_KIB, "")? as usize) << 10;
            }
            "worker_cpus" => config.worker_cpus = cores(sub)?,
            "slab_sizes" => config.store.slab_sizes = slab_sizes(sub)?,
            "slab_chunk_max" => {
                config.store.slab_chunk_max = slab_chunk_max(sub)?;
                self.chunk_max_given = true;
            }
            "read_buf_mem_limit" | "sock_cookie_id" => {
                if sub.whole(0..=u32::MAX as i64, "")? != 0 {
                    return Err(unsupported(&format!("-o {}", sub.text)));
                }
            }
            "resp_obj_mem_limit" => config.notes.push(
                "DEPRECATED: resp_obj_mem_limit no longer used. See read_buf_mem_limit,".to_owned(),
            ),
            _ => return Err(unknown(sub)),
        }
        Ok(())
    }

    fn automove(&mut self, sub: Sub<'_>, config: &mut Config) -> Result<(), ConfigError> {
        let message = "slab_automove must be between 0 and 2";
        let level = match sub.value {
            None => 1,
            Some(_) => sub.whole(0..=2, message)? as u8,
        };
        config.store.background.automove = level;
        if level == 0 {
            note(config, sub, "pages still move to a class that has none");
        }
        Ok(())
    }

    fn automove_tuning(&mut self, sub: Sub<'_>, config: &mut Config) -> Result<(), ConfigError> {
        if sub.name == "slab_automove_ratio" {
            let message = "slab_automove_ratio must be > 0 and < 1";
            let ratio =
                number::fraction(sub.value()?).filter(|ratio| *ratio > 0.0 && *ratio <= 1.0);
            let ratio = ratio.ok_or_else(|| sub.error(message, "0.01 to 1"))?;
            config.store.background.automove_ratio = ratio;
        } else {
            let message = "slab_automove_window must be > 2 and < 1800";
            let window = sub.whole(3..=1800, message)? as u32;
            config.store.background.automove_window_s = window;
            note_unless(config, sub, window == Background::default().automove_window_s);
        }
        Ok(())
    }
}

impl<'a> Sub<'a> {
    fn error(&self, message: &str, allowed: &str) -> ConfigError {
        ConfigError::new(EXIT_FAILURE, message).about(
            &format!("-o {}", self.name),
            self.value.unwrap_or_default(),
            allowed,
        )
    }

    /// The value, or memcached's complaint that there is none.
    fn value(&self) -> Result<&'a str, ConfigError> {
        self.value.ok_or_else(|| {
            let name = self.name;
            let message = match name {
                "hashpower" | "tail_repair_time" | "idle_timeout" => {
                    format!("Missing numeric argument for {name}")
                }
                "lru_crawler_sleep" | "lru_crawler_tocrawl" => format!("Missing {name} value"),
                _ => format!("Missing {name} argument"),
            };
            ConfigError::new(EXIT_FAILURE, message)
        })
    }

    fn whole(&self, range: RangeInclusive<i64>, message: &str) -> Result<i64, ConfigError> {
        let unparsable = format!("could not parse argument to {}", self.name);
        let message = if message.is_empty() { &unparsable } else { message };
        number::whole(&format!("-o {}", self.name), self.value()?, range, message)
    }

    fn timeout(&self) -> Result<u32, ConfigError> {
        Ok(self.whole(TIMEOUT_S, "")? as u32)
    }

    fn percent(&self) -> Result<u32, ConfigError> {
        let message = format!("{} must be > 1 and < 80", self.name);
        Ok(self.whole(LRU_PCT, &message)? as u32)
    }

    fn factor(&self) -> Result<f64, ConfigError> {
        let message = format!("{} must be > 0", self.name);
        let factor = number::fraction(self.value()?).filter(|factor| *factor > 0.0);
        factor.ok_or_else(|| self.error(&message, "a number above 0, such as 0.5"))
    }
}

fn hash_power(sub: Sub<'_>) -> Result<u32, ConfigError> {
    let value = sub.value()?;
    let allowed = "12 to 32; each step doubles the items the index starts with";
    let message = match number::digits(value) {
        Some(power) if HASH_POWER.contains(&power) => return Ok(power as u32),
        Some(power) if power > *HASH_POWER.end() => {
            format!("Initial hashtable multiplier of {power} is too high")
        }
        Some(power) => format!("Initial hashtable multiplier of {power} is too low"),
        None => "could not parse argument to hashpower".to_owned(),
    };
    Err(sub.error(&message, allowed))
}

fn slab_chunk_max(sub: Sub<'_>) -> Result<u32, ConfigError> {
    let value = sub.value()?;
    let message = match number::digits(value) {
        Some(kib) if SLAB_CHUNK_MAX_KIB.contains(&kib) => return Ok((kib as u32) << 10),
        Some(kib) if kib > *SLAB_CHUNK_MAX_KIB.end() => {
            "slab_chunk_max must be specified in kilobytes."
        }
        Some(_) => "slab_chunk_max must be >= 0",
        None => "could not parse argument to slab_chunk_max",
    };
    Err(sub.error(message, "KiB, 1 to 1024"))
}

/// Cores and ranges of them, joined by `+`: a comma would end the sub-option. Whether the machine
/// has them is seen at the start.
fn cores(sub: Sub<'_>) -> Result<Vec<usize>, ConfigError> {
    let allowed = format!("cores from 0 to {} or ranges, joined by +: 0-3+8", CORES_MAX - 1);
    let wrong = || sub.error("could not parse argument to worker_cpus", &allowed);
    let core = |text| {
        let number = number::digits(text).and_then(|number| usize::try_from(number).ok());
        number.filter(|&number| number < CORES_MAX).ok_or_else(wrong)
    };
    let mut cores = Vec::new();
    for part in sub.value()?.split('+') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let range = core(first)?..=core(last)?;
        if range.is_empty() {
            return Err(wrong());
        }
        cores.extend(range);
    }
    Ok(cores)
}

/// The list as numbers; how they must agree is checked when all options are known.
fn slab_sizes(sub: Sub<'_>) -> Result<Vec<u32>, ConfigError> {
    let number = |text: &str| {
        let size = number::digits(text).and_then(|size| u32::try_from(size).ok());
        size.ok_or_else(|| {
            let message = format!("slab size {text} is out of valid range");
            let mut error = sub.error(&message, "sizes in bytes, rising, joined by -");
            error.code = EXIT_USAGE;
            error
        })
    };
    sub.value()?.split('-').map(number).collect()
}

fn unknown(sub: Sub<'_>) -> ConfigError {
    for (prefix, feature) in LATER_PREFIXES {
        if sub.name.starts_with(prefix) {
            return unsupported(&format!("-o {} ({feature})", sub.name));
        }
    }
    if sub.name == "slab_automove_freeratio" {
        return unsupported("-o slab_automove_freeratio (external storage)");
    }
    ConfigError::new(EXIT_FAILURE, format!("Illegal suboption \"{}\"", sub.text)).about(
        "-o",
        sub.text,
        "no such sub-option; -h lists them",
    )
}

fn note(config: &mut Config, sub: Sub<'_>, effect: &str) {
    config.notes.push(format!("-o {}: {effect}", sub.text));
}

fn note_unless(config: &mut Config, sub: Sub<'_>, is_default: bool) {
    if !is_default {
        note(config, sub, "accepted, but it changes nothing here");
    }
}
