//! `stats` without a word: the process, the connections, and the sums over all classes.

use std::sync::atomic::Ordering::Relaxed;

use super::{Lines, Sources, Visit};
use crate::ops::VERSION;
use crate::ops::counters::{Totals, WorkerCounters};
use crate::ops::shared::UPTIME_OFFSET;
use crate::store::times::Times;
use crate::store::{ClassStats, StoreStats};
use crate::sys::process;

/// What turns readiness into events; memcached names its libevent here.
const EVENT_LIBRARY: &str = "mio";

/// All general statistics, in memcached's order, then slabd's own.
pub fn general(from: &Sources<'_>, visit: &mut Visit<'_>) {
    let mut lines = Lines::new(visit);
    let totals = from.shared.totals();
    process_stats(from, &mut lines);
    connections(from, &totals, &mut lines);
    commands(from.store, &totals, &mut lines);
    network(from, &totals, &mut lines);
    memory(from, &totals, &mut lines);
    queues(from, &mut lines);
    own(from, &totals, &mut lines);
}

/// The sum of one count over all classes.
fn sum(store: &StoreStats, count: impl Fn(&ClassStats) -> u64) -> u64 {
    store.classes.iter().map(count).sum()
}

/// The sum of one gauge over all workers.
fn workers(from: &Sources<'_>, gauge: impl Fn(&WorkerCounters) -> u64) -> u64 {
    from.shared.workers.iter().map(gauge).sum()
}

fn process_stats(from: &Sources<'_>, lines: &mut Lines<'_, '_>) {
    let now = from.shared.now.load(Relaxed);
    lines.stat("pid", std::process::id());
    lines.stat("uptime", now.saturating_sub(UPTIME_OFFSET));
    lines.stat("time", from.shared.unix_now());
    lines.stat("version", VERSION);
    lines.stat("libevent", EVENT_LIBRARY);
    lines.stat("pointer_size", usize::BITS);
    let (user_us, system_us) = process::rusage();
    for (name, us) in [("rusage_user", user_us), ("rusage_system", system_us)] {
        lines.stat(name, format_args!("{}.{:06}", us / 1_000_000, us % 1_000_000));
    }
}

/// As in memcached, listening sockets are connections, and one is taken off the current ones, so
/// that with one listener the number is that of clients.
fn connections(from: &Sources<'_>, totals: &Totals, lines: &mut Lines<'_, '_>) {
    let listeners = from.shared.listener.listeners.load(Relaxed);
    let open = workers(from, |w| w.curr_connections.get()) + listeners;
    lines.stat("max_connections", from.config.max_connections);
    lines.stat("curr_connections", open.saturating_sub(1));
    lines.stat("total_connections", totals.total_connections);
    if from.config.maxconns_fast {
        lines.stat("rejected_connections", totals.rejected_connections);
    }
    let structures = workers(from, |w| w.connection_structures.get()) + listeners;
    lines.stat("connection_structures", structures);
    // What takes memory here waits for it, and nothing is taken from -c.
    for name in ["response_obj_oom", "read_buf_oom", "reserved_fds"] {
        lines.stat(name, 0);
    }
}

fn commands(store: &StoreStats, totals: &Totals, lines: &mut Lines<'_, '_>) {
    let get_hits = sum(store, |c| c.hits.iter().sum());
    let touch_hits = sum(store, |c| c.touch_hits);
    let misses = &store.misses;
    lines.stat("cmd_get", get_hits + misses.get);
    lines.stat("cmd_set", sum(store, |c| c.cmd_set));
    lines.stat("cmd_flush", totals.cmd_flush);
    lines.stat("cmd_touch", touch_hits + misses.touch);
    lines.stat("cmd_meta", totals.cmd_meta);
    lines.stat("get_hits", get_hits);
    lines.stat("get_misses", misses.get);
    lines.stat("get_expired", store.get_expired);
    lines.stat("get_flushed", store.get_flushed);
    lines.stat("delete_misses", misses.delete);
    lines.stat("delete_hits", sum(store, |c| c.delete_hits));
    lines.stat("incr_misses", misses.incr);
    lines.stat("incr_hits", sum(store, |c| c.incr_hits));
    lines.stat("decr_misses", misses.decr);
    lines.stat("decr_hits", sum(store, |c| c.decr_hits));
    lines.stat("cas_misses", misses.cas);
    lines.stat("cas_hits", sum(store, |c| c.cas_hits));
    lines.stat("cas_badval", sum(store, |c| c.cas_badval));
    lines.stat("touch_hits", touch_hits);
    lines.stat("touch_misses", misses.touch);
    lines.stat("store_too_large", store.store_too_large);
    lines.stat("store_no_memory", store.store_no_memory);
}

fn network(from: &Sources<'_>, totals: &Totals, lines: &mut Lines<'_, '_>) {
    lines.stat("auth_cmds", totals.auth_cmds);
    lines.stat("auth_errors", totals.auth_errors);
    if from.config.idle_timeout_s != 0 {
        lines.stat("idle_kicks", totals.idle_kicks);
    }
    lines.stat("bytes_read", totals.bytes_read);
    lines.stat("bytes_written", totals.bytes_written);
    lines.stat("limit_maxbytes", from.store.limit_bytes);
    let accepting = from.shared.listener.accepting.load(Relaxed);
    lines.stat("accepting_conns", u8::from(accepting));
    lines.stat("listen_disabled_num", totals.listen_disabled);
    lines.stat("time_in_listen_disabled_us", totals.time_in_listen_disabled_us);
    lines.stat("threads", from.config.threads);
    lines.stat("conn_yields", totals.conn_yields);
}

fn memory(from: &Sources<'_>, totals: &Totals, lines: &mut Lines<'_, '_>) {
    let store = from.store;
    lines.stat("hash_power_level", store.hash_power);
    lines.stat("hash_bytes", store.hash_bytes);
    lines.stat("hash_is_expanding", u8::from(store.hash_expanding));
    if store.tuning.background.reassign {
        lines.stat("slab_reassign_rescues", store.reassign_rescues);
        lines.stat("slab_reassign_chunk_rescues", store.reassign_chunk_rescues);
        lines.stat("slab_reassign_inline_reclaim", store.reassign_reclaimed);
        lines.stat("slab_reassign_busy_items", store.reassign_busy);
        lines.stat("slab_reassign_busy_deletes", 0); // readers and uploads are waited for
        lines.stat("slab_reassign_busy_nomem", store.reassign_no_room);
    }
    let status = if store.reassign_busy > 0 { "busy_active" } else { "none" };
    lines.stat("slab_reassign_last_busy_status", status);
    lines.stat("slab_reassign_running", u8::from(store.moving));
    lines.stat("slabs_moved", store.slabs_moved);
    if store.tuning.crawler {
        lines.stat("lru_crawler_running", u8::from(store.crawler_running));
        lines.stat("lru_crawler_starts", store.crawler_starts);
    }
    if from.config.store.segmented {
        lines.stat("lru_maintainer_juggles", store.juggles);
    }
    lines.stat("malloc_fails", store.malloc_fails);
    lines.stat("log_worker_dropped", totals.watch.dropped);
    lines.stat("log_worker_written", totals.watch.written);
    lines.stat("log_watcher_skipped", totals.watch.skipped);
    lines.stat("log_watcher_sent", totals.watch.sent);
    lines.stat("log_watchers", from.shared.watch.len());
    // Connections go to the worker with the fewest.
    lines.stat("unexpected_napi_ids", 0);
    lines.stat("round_robin_fallback", 0);
    lines.stat("bytes", store.bytes);
    lines.stat("curr_items", store.items);
    lines.stat("total_items", store.total_items);
    lines.stat("slab_global_page_pool", store.pages_free);
}

fn queues(from: &Sources<'_>, lines: &mut Lines<'_, '_>) {
    let store = from.store;
    let segmented = from.config.store.segmented;
    lines.stat("expired_unfetched", sum(store, |c| c.expired_unfetched));
    lines.stat("evicted_unfetched", sum(store, |c| c.evicted_unfetched));
    if segmented {
        lines.stat("evicted_active", sum(store, |c| c.evicted_active));
    }
    lines.stat("evictions", sum(store, |c| c.evicted));
    lines.stat("reclaimed", sum(store, |c| c.reclaimed));
    lines.stat("crawler_reclaimed", sum(store, |c| c.crawler_reclaimed));
    lines.stat("crawler_items_checked", sum(store, |c| c.crawler_items_checked));
    lines.stat("lrutail_reflocked", 0); // readers hold pins, not references
    if segmented {
        lines.stat("moves_to_cold", sum(store, |c| c.moves_to_cold));
        lines.stat("moves_to_warm", sum(store, |c| c.moves_to_warm));
        lines.stat("moves_within_lru", sum(store, |c| c.moves_within_lru));
        lines.stat("direct_reclaims", sum(store, |c| c.direct_reclaims));
        lines.stat("lru_bumps_dropped", 0); // there is no queue of them
    }
}

/// What memcached does not have.
fn own(from: &Sources<'_>, totals: &Totals, lines: &mut Lines<'_, '_>) {
    let store = from.store;
    lines.stat("slabd_version", env!("CARGO_PKG_VERSION"));
    lines.stat("shards", store.shards);
    lines.stat("buffer_bytes", workers(from, |w| w.buffer_bytes.get()));
    lines.stat("deadline_kicks", totals.deadline_kicks);
    if from.config.udp_port != 0 {
        lines.stat("udp_malformed", workers(from, |w| w.udp_malformed.get()));
        lines.stat("udp_limited", workers(from, |w| w.udp_limited.get()));
    }
    lines.stat("uploads", store.uploads);
    lines.stat("upload_bytes", store.upload_bytes);
    lines.stat("pins", store.pins);
    lines.stat("pinned_dead_bytes", store.pinned_dead_bytes);
    lines.stat("slab_reassign_evictions", store.reassign_evictions);
    times("loop_turn", &from.shared.turns(), from, lines);
    times("lock_hold", &store.holds, from, lines);
    times("upkeep_hold", &store.upkeep, from, lines);
}

/// How long something takes, in microseconds rounded up.
fn times(name: &str, times: &Times, from: &Sources<'_>, lines: &mut Lines<'_, '_>) {
    let per_ms = from.shared.ticks_per_ms.load(Relaxed).max(1);
    for (part, one_in) in [("p50", 2), ("p99", 100), ("p999", 1000), ("max", u64::MAX)] {
        let us = (times.below(one_in) * 1000).div_ceil(per_ms);
        lines.stat(format_args!("{name}_{part}_us"), us);
    }
}
