//! What operators ask: flush_all, verbosity, shutdown, and the many kinds of stats.

use std::sync::atomic::Ordering::Relaxed;

use super::{Context, Next, exptime, tuning};
use crate::ops::logging;
use crate::ops::stats::{self, Sources};
#[cfg(feature = "debug-commands")]
use crate::protocol::DebugItem;
use crate::protocol::{Admin, ClientError, Exptime, Forbidden, Reply, ShutdownMode, Stats, Style};
#[cfg(feature = "debug-commands")]
use crate::store::{Held, HoldKind};

/// Highest verbosity a client can set (memcached's).
const VERBOSITY_MAX: u32 = 2;

/// Most bytes of a cachedump: 2 MiB, as in memcached. The line that would pass it is not sent.
const CACHEDUMP_BYTES_MAX: usize = 2 << 20;

/// Class numbers below this are looked at by cachedump (memcached's MAX_NUMBER_OF_SLAB_CLASSES).
const CLASS_IDS: u32 = 64;

/// Longest number that cachedump reads, in digits; leading zeros count (PROTOCOL 1.2).
const DIGITS_MAX: usize = 11;

/// Behind this answer nothing counts as unanswered: `mn` sends what came before it.
const FLUSHES: &[u8] = b"MN\r\n";

/// What the settings forbid. A refused flush_all counts all the same.
pub(super) fn refusal(cx: &Context<'_>, admin: &Admin<'_>) -> Option<Forbidden> {
    match admin {
        Admin::FlushAll { .. } if !cx.config.flush_enabled => {
            cx.counters.cmd_flush.add(1);
            Some(Forbidden::FlushAll)
        }
        Admin::Watch(_) if !cx.config.watch_enabled => Some(Forbidden::Watch),
        Admin::Shutdown(_) if !cx.config.shutdown_command => Some(Forbidden::Shutdown),
        Admin::Stats(Stats::Detail(_)) if !cx.config.dump_enabled => Some(Forbidden::Detail),
        Admin::Stats(Stats::CacheDump { .. }) if !cx.config.dump_enabled => {
            Some(Forbidden::CacheDump)
        }
        _ => None,
    }
}

/// Run an operator's request. The caller has let go of the session's lock.
pub(super) fn admin(
    cx: &Context<'_>,
    admin: &Admin<'_>,
    style: Style<'_>,
    out: &mut Vec<u8>,
) -> Next {
    let unanswered = out.len() > cx.output_begin && !out.ends_with(FLUSHES);
    let mut reply = Reply::new(style, out);
    match *admin {
        Admin::FlushAll { delay } => {
            cx.counters.cmd_flush.add(1);
            match delay {
                Ok(delay) => {
                    flush_all(cx, delay);
                    reply.ok();
                }
                Err(error) => reply.error(error),
            }
        }
        Admin::Verbosity(level) => {
            let level = level.min(VERBOSITY_MAX);
            cx.shared.verbosity.store(level, Relaxed);
            logging::set_verbosity(level);
            reply.ok();
        }
        Admin::Shutdown(ShutdownMode::Now) => return Next::Shutdown { graceful: false },
        Admin::Shutdown(ShutdownMode::Graceful) => return Next::Shutdown { graceful: true },
        Admin::Shutdown(ShutdownMode::Invalid) => reply.line("CLIENT_ERROR invalid shutdown mode"),
        Admin::Watch(wanted) => return Next::Watch(wanted),
        Admin::Stats(Stats::Conns) => return Next::DescribeConnections,
        Admin::Stats(stats) => answer_stats(cx, stats, &mut reply),
        Admin::Slabs(slabs) => tuning::slabs(cx, slabs, &mut reply),
        Admin::Lru(lru) => tuning::lru(cx, lru, &mut reply),
        Admin::Crawler(crawler) => return tuning::crawler(cx, crawler, unanswered, &mut reply),
        Admin::MemoryLimit(mebibytes) => tuning::memory_limit(cx, mebibytes, &mut reply),
        #[cfg(feature = "debug-commands")]
        Admin::DebugTime(asked) => {
            use crate::protocol::DebugTime;
            match asked {
                DebugTime::Pause => cx.shared.debug_pause(true),
                DebugTime::Resume => cx.shared.debug_pause(false),
                DebugTime::Add(seconds) => cx.shared.debug_add(seconds),
            }
            reply.line("OK");
        }
        #[cfg(feature = "debug-commands")]
        Admin::DebugItem { what, key } => reply.line(debug_item(cx, what, key)),
        #[cfg(feature = "debug-commands")]
        Admin::DebugCheck => {
            cx.store.assert_valid();
            reply.line("OK");
        }
    }
    Next::Continue
}

/// `debugitem`. A lock holds the item, not its clients (see `store/holds.rs`): it may be taken of a
/// key without an item, which changes nothing, and undone without having been taken.
#[cfg(feature = "debug-commands")]
fn debug_item(cx: &Context<'_>, what: DebugItem, key: &[u8]) -> &'static str {
    let told = |held: Held, missing: &'static str| match held {
        Held::Held => "OK",
        Held::Missing => missing,
        Held::TooMany => "ERROR",
    };
    match what {
        DebugItem::Lock => told(cx.store.hold(key, HoldKind::Lock, cx.now), "OK"),
        DebugItem::Reference => told(cx.store.hold(key, HoldKind::Reference, cx.now), "MISS"),
        DebugItem::Unlock => {
            cx.store.let_go(key, HoldKind::Lock);
            "OK"
        }
        DebugItem::Unreference if cx.store.let_go(key, HoldKind::Reference) => "OK",
        DebugItem::Unreference => "MISS",
    }
}

/// Absent, 0 and negative: now. A unix time that is over flushes at once too; memcached ignores it
/// (a quirk: whoever computes "in two seconds" a little late means a flush).
fn flush_all(cx: &Context<'_>, delay: Option<Exptime>) {
    let delay = delay.unwrap_or(Exptime(0));
    let at = exptime::deadline(delay, cx.now, cx.shared.epoch_unix).max(cx.now);
    cx.shared.oldest_live.store(at - 1, Relaxed);
    cx.store.flush(at, cx.now);
}

/// Every kind of stats but conns, framing included.
fn answer_stats(cx: &Context<'_>, asked: Stats<'_>, reply: &mut Reply<'_>) {
    match asked {
        Stats::Reset => {
            cx.store.reset_stats();
            cx.shared.reset_totals();
            cx.shared.prefixes().clear();
            return reply.stats_done("RESET");
        }
        Stats::Detail(word) => return detail(cx, word, reply),
        Stats::CacheDump { class, limit } => return cachedump(cx, class, limit, reply),
        Stats::Unknown => return reply.stats_usage("ERROR"),
        Stats::Extstore | Stats::Conns => {}
        Stats::General
        | Stats::Settings
        | Stats::Items
        | Stats::Slabs
        | Stats::Sizes
        | Stats::Memory => {
            let store = cx.store.stats(cx.now);
            let from = Sources { config: cx.config, shared: cx.shared, store: &store };
            let visit = &mut |name: &str, value: &str| reply.stat(name, value);
            match asked {
                Stats::Settings => stats::settings(&from, visit),
                Stats::Items => stats::items(&from, visit),
                Stats::Slabs => stats::slabs(&from, visit),
                Stats::Sizes => stats::sizes(&from, visit),
                Stats::Memory => stats::memory(&from, visit),
                _ => stats::general(&from, visit),
            }
        }
    }
    reply.end();
}

fn detail(cx: &Context<'_>, word: &[u8], reply: &mut Reply<'_>) {
    match word {
        b"on" | b"off" => {
            cx.shared.detail.store(word == b"on", Relaxed);
            reply.stats_done("OK");
        }
        b"dump" => {
            let mut lines = Vec::new();
            cx.shared.prefixes().for_each(|prefix, n| {
                lines.extend_from_slice(b"PREFIX ");
                lines.extend_from_slice(prefix);
                let (gets, hits, sets, deletes) = (n.gets, n.hits, n.sets, n.deletes);
                let counts = format!(" get {gets} hit {hits} set {sets} del {deletes}\r\n");
                lines.extend_from_slice(counts.as_bytes());
            });
            reply.detail(&lines);
        }
        _ => reply.stats_usage("CLIENT_ERROR usage: stats detail on|off|dump"),
    }
}

fn cachedump(cx: &Context<'_>, class: Option<&[u8]>, limit: Option<&[u8]>, reply: &mut Reply<'_>) {
    let (Some(class), Some(limit)) = (class, limit) else {
        return reply.line_always("CLIENT_ERROR bad command line");
    };
    let (Some(class), Some(limit)) = (number(class), number(limit)) else {
        return reply.error(ClientError::BadFormat);
    };
    if class >= CLASS_IDS {
        return reply.line_always("CLIENT_ERROR Illegal slab id");
    }
    let out = reply.value();
    let bytes_max = out.len() + CACHEDUMP_BYTES_MAX;
    cx.store.cachedump(class as usize, limit, cx.now, |key, len, deadline| {
        let expiry = match deadline {
            0 => 0,
            _ => cx.shared.epoch_unix + u64::from(deadline),
        };
        let rest = format!(" [{len} b; {expiry} s]\r\n");
        if out.len() + "ITEM ".len() + key.len() + rest.len() > bytes_max {
            return false;
        }
        out.extend_from_slice(b"ITEM ");
        out.extend_from_slice(key);
        out.extend_from_slice(rest.as_bytes());
        true
    });
    reply.end();
}

/// A strict unsigned number: digits only.
fn number(word: &[u8]) -> Option<u32> {
    if word.len() > DIGITS_MAX || !word.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(word).ok()?.parse().ok()
}
