//! Memory and queues at run time: slabs, lru, lru_crawler, cache_memlimit (PROTOCOL 7).

use super::stream::Producer;
use super::{Context, Next};
use crate::protocol::{Classes, ClientError, Crawler, DumpFormat, Lru, LruMode, Reply, Slabs};
use crate::store::Reassigned;

/// Seconds that slab_automove_window may be.
const WINDOW_S: std::ops::RangeInclusive<u32> = 3..=1800;
/// Both queues together, percent.
const LRU_PCT_SUM_MAX: u32 = 80;
/// Microseconds.
const CRAWLER_SLEEP_MAX_US: u32 = 1_000_000;
/// In MiB: memcached accepts no less.
const MEMORY_MIN_MIB: u32 = 8;
/// A number above this was meant in bytes.
const MEMORY_MAX_MIB: u32 = 1_000_000_000;

/// Every class there may be.
const ALL_CLASSES: u64 = !1;

pub(super) fn slabs(cx: &Context<'_>, slabs: Slabs, reply: &mut Reply<'_>) {
    let line = match slabs {
        Slabs::Reassign(_) if !cx.config.store.background.reassign => {
            "CLIENT_ERROR slab reassignment disabled"
        }
        Slabs::Reassign(None) => return reply.error(ClientError::BadFormat),
        Slabs::Reassign(Some((from, to))) => match cx.store.reassign(from, to) {
            Reassigned::Queued => "OK",
            Reassigned::Busy => "BUSY currently processing reassign request",
            Reassigned::BadClass => "BADCLASS invalid src or dst class id",
            Reassigned::NoSpare => "NOSPARE source class has no spare pages",
            Reassigned::Same => "SAME src and dst class are identical",
        },
        Slabs::Automove(level @ 0..=2) => {
            cx.store.tune(|tuning| tuning.background.automove = level as u8);
            "OK"
        }
        Slabs::Automove(_) => "ERROR",
        Slabs::Ratio(ratio) if ratio.value() > 0.0 => {
            cx.store.tune(|tuning| tuning.background.automove_ratio = ratio.value());
            "OK"
        }
        Slabs::Ratio(_) => "ERROR",
        Slabs::FreeRatio(_) => "OK",
        Slabs::Window(seconds) if WINDOW_S.contains(&seconds) => {
            cx.store.tune(|tuning| tuning.background.automove_window_s = seconds);
            "OK"
        }
        Slabs::Window(_) => "CLIENT_ERROR automove window too low or too high",
    };
    reply.line(line);
}

pub(super) fn lru(cx: &Context<'_>, lru: Lru, reply: &mut Reply<'_>) {
    // Without a maintainer there is one queue for good.
    let maintained = cx.config.store.segmented;
    let line = match lru {
        Lru::Tune { hot_pct, warm_pct, .. }
            if u64::from(hot_pct) + u64::from(warm_pct) > LRU_PCT_SUM_MAX.into() =>
        {
            "ERROR hot and warm pcts must not exceed 80"
        }
        Lru::Tune { hot_factor, warm_factor, .. }
            if hot_factor.value() <= 0.0 || warm_factor.value() <= 0.0 =>
        {
            "ERROR hot/warm age factors must be greater than 0"
        }
        Lru::Tune { hot_pct, warm_pct, hot_factor, warm_factor } => {
            cx.store.tune(|tuning| {
                tuning.probation = false;
                (tuning.hot_pct, tuning.warm_pct) = (hot_pct, warm_pct);
                tuning.hot_max_factor = hot_factor.value();
                tuning.warm_max_factor = warm_factor.value();
            });
            "OK"
        }
        _ if !maintained => "ERROR",
        Lru::Mode(mode) => {
            cx.store.tune(|tuning| {
                tuning.segmented = mode != LruMode::Flat;
                tuning.probation = mode == LruMode::Probation;
            });
            "OK"
        }
        Lru::TempTtl(ttl) => {
            cx.store.tune(|tuning| tuning.temporary_ttl = u32::try_from(ttl).ok());
            "OK"
        }
    };
    reply.line(line);
}

/// `unanswered`: replies to earlier requests have not been sent yet.
pub(super) fn crawler(
    cx: &Context<'_>,
    crawler: Crawler,
    unanswered: bool,
    reply: &mut Reply<'_>,
) -> Next {
    let enabled = cx.store.tuning().crawler;
    let line = match crawler {
        Crawler::Enable(true) if enabled => "ERROR failed to start lru crawler thread",
        Crawler::Enable(on) => {
            cx.store.tune(|tuning| tuning.crawler = on);
            "OK"
        }
        Crawler::Sleep(pause) if pause > CRAWLER_SLEEP_MAX_US => {
            "CLIENT_ERROR sleep must be one second or less"
        }
        Crawler::Sleep(pause) => {
            cx.store.tune(|tuning| tuning.background.crawl_pause_us = pause);
            "OK"
        }
        Crawler::ToCrawl(items) => {
            cx.store.tune(|tuning| tuning.background.crawl_items_max = items);
            "OK"
        }
        Crawler::Crawl(_) | Crawler::Dump(..) if !enabled => "CLIENT_ERROR lru crawler disabled",
        Crawler::Crawl(classes) => crawl(cx, classes),
        Crawler::Dump(classes, format) => match dump(cx, classes, format, unanswered) {
            Ok(producer) => {
                reply.line_always("OK");
                return Next::Stream(producer);
            }
            Err(line) => line,
        },
    };
    reply.line(line);
    Next::Continue
}

fn crawl(cx: &Context<'_>, classes: Classes) -> &'static str {
    let classes = match classes {
        Classes::Hash => return "ERROR an unknown error happened",
        Classes::Invalid => return "BADCLASS invalid class id",
        Classes::Listed(0) => return "NOTSTARTED no items to crawl",
        Classes::Listed(bits) => bits,
        Classes::All => ALL_CLASSES,
    };
    if cx.store.crawl(classes) { "OK" } else { "BUSY currently processing crawler request" }
}

fn dump(
    cx: &Context<'_>,
    classes: Classes,
    format: DumpFormat,
    unanswered: bool,
) -> Result<Producer, &'static str> {
    if !cx.config.dump_enabled {
        return Err(match format {
            DumpFormat::Meta => "ERROR metadump not allowed",
            DumpFormat::Mg => "ERROR key dump not allowed",
        });
    }
    if unanswered {
        return Err(match format {
            DumpFormat::Meta => "ERROR cannot pipeline other commands before metadump",
            DumpFormat::Mg => "ERROR cannot pipeline other commands before mgdump",
        });
    }
    let classes = match classes {
        Classes::Invalid => return Err("BADCLASS invalid class id"),
        Classes::Listed(0) => return Err("NOTSTARTED no items to crawl"),
        Classes::Listed(bits) => bits,
        Classes::All | Classes::Hash => ALL_CLASSES,
    };
    let dump = cx.store.begin_dump(classes).ok_or("BUSY currently processing crawler request")?;
    Ok(Producer::Dump(dump, format))
}

pub(super) fn memory_limit(cx: &Context<'_>, mebibytes: u32, reply: &mut Reply<'_>) {
    if mebibytes < MEMORY_MIN_MIB {
        return reply.line("MEMLIMIT_TOO_SMALL cannot set maxbytes to less than 8m");
    }
    if mebibytes > MEMORY_MAX_MIB {
        return reply.line("MEMLIMIT_ADJUST_FAILED input value is megabytes not bytes");
    }
    if cx.store.set_limit(u64::from(mebibytes) << 20) {
        return reply.line("OK");
    }
    let failed = "MEMLIMIT_ADJUST_FAILED out of bounds or unable to adjust";
    if cx.config.store.preallocate {
        return reply.line(failed);
    }
    let most = cx.store.limit_bytes_max() >> 20;
    reply.line(&format!("{failed}: at most {most} megabytes without a restart"));
}
