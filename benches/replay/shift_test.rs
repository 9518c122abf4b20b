//! A change of value sizes: how long until a server that was full of other sizes hits as often as
//! a fresh one does.
//!
//! A server is filled with values of 100 bytes, then gets reads of values of 10 KiB only, then of
//! 100 bytes again. Beside each of the two changes a fresh server plays the same requests; what
//! counts is the time from which on the first is within [`POINTS`] of the second.

use std::io;

use crate::client::Client;
use crate::clock::Pace;
use crate::options::Options;
use crate::progress;
use crate::server::{Kind, Server};
use crate::table::Table;
use crate::windows::Windows;
use crate::wire::Player;
use crate::workloads::workload::KEY_LEN;
use crate::workloads::{Request, Requests, drawn};

/// As near as this is healed, in points of hit ratio (0 to 100).
const POINTS: f64 = 2.0;
/// Requests are paced: so many a millisecond, in real time, which is what policies go by.
const REQUESTS_PER_MS: u64 = 20;
/// Hit ratios are taken over so many milliseconds.
const STEP_MS: u64 = 5_000;
/// Keys of a size: so many times what memory holds, skewed so little that all of it is used.
const KEYS_TO_MEMORY: f64 = 1.5;
const ALPHA: f64 = 0.7;
const SMALL: u32 = 100;
const LARGE: u32 = 10 << 10;

/// Hit ratio step by step, in points.
type Series = Vec<f64>;

/// Plays it on every server.
pub fn run(options: &Options, memory_mb: u32) -> io::Result<Table> {
    let mut table = Table::new(&[
        "server",
        "change to",
        "within 2 points after s",
        "at the end",
        "fresh",
        "first 5 s",
        "fresh",
        "largest gap after 60 s or at the end",
        "pages moved",
        "MiB resident",
    ]);
    for &kind in &options.servers {
        let server = options.start(kind, memory_mb)?;
        fill(&server, memory_mb)?;
        for (change, value_len) in [("10 KiB", LARGE), ("100 B", SMALL)] {
            let title = format!("{} to {change}", kind.name());
            let requests = || requests(value_len, memory_mb, options);
            let shifted = series(&server, requests(), &title)?;
            let moved = server.stat("slabs_moved")?;
            let resident = server.resident_bytes()? as f64 / f64::from(1 << 20);
            let fresh = options.start(kind, memory_mb)?;
            let fresh = series(&fresh, requests(), &format!("{title}, fresh"))?;
            table.rows.push(row(kind, change, &shifted, &fresh, moved, resident));
        }
    }
    Ok(table)
}

fn row(
    kind: Kind,
    change: &str,
    shifted: &Series,
    fresh: &Series,
    moved: u64,
    resident: f64,
) -> Vec<String> {
    let gap = |step: usize| fresh[step] - shifted[step];
    let steps = shifted.len().min(fresh.len());
    let healed = (0..steps).rev().take_while(|&step| gap(step) <= POINTS).last();
    let healed = healed.map(|step| step as u64 * STEP_MS / 1_000);
    let minute = (60_000 / STEP_MS) as usize;
    let late = steps.saturating_sub(1).min(minute)..steps;
    let largest = late.map(gap).fold(f64::MIN, f64::max);
    let of = |series: &Series, step: usize| format!("{:.1}", series[step]);
    vec![
        kind.name().to_string(),
        change.to_string(),
        healed.map_or("never".to_string(), |seconds| seconds.to_string()),
        of(shifted, steps - 1),
        of(fresh, steps - 1),
        of(shifted, 0),
        of(fresh, 0),
        format!("{largest:.1}"),
        moved.to_string(),
        format!("{resident:.1}"),
    ]
}

fn keys(value_len: u32, memory_mb: u32) -> u32 {
    let each = f64::from(value_len + u32::from(KEY_LEN) + 60);
    (f64::from(memory_mb << 20) * KEYS_TO_MEMORY / each) as u32
}

fn request(number: u64, key: u64, value_len: u32) -> Request {
    // Keys of one size are not those of the other.
    let key = u64::from(value_len) << 32 | key;
    let time_ms = number / REQUESTS_PER_MS;
    Request { time_ms, key, key_len: KEY_LEN, value_len, ttl_s: 0, is_write: false }
}

/// Every small key once.
fn fill(server: &Server, memory_mb: u32) -> io::Result<()> {
    let mut client = Client::connect(server)?;
    for key in 0..keys(SMALL, memory_mb) {
        client.set(&request(0, key.into(), SMALL), 0)?;
    }
    client.finish()
}

fn requests(value_len: u32, memory_mb: u32, options: &Options) -> Requests {
    let keys = drawn(keys(value_len, memory_mb), ALPHA, options.seed);
    let count = options.seconds * 1_000 * REQUESTS_PER_MS;
    Box::new((0..count).zip(keys).map(move |(number, key)| request(number, key, value_len)))
}

fn series(server: &Server, requests: Requests, title: &str) -> io::Result<Series> {
    let pace = Pace::Divided(1);
    let mut player = Player::connect(server, pace)?;
    let mut windows = Windows::new(requests, pace);
    let (mut series, mut before) = (Series::new(), player.score);
    while let Some(due_ms) = player.step(&mut windows)? {
        if due_ms >= (series.len() as u64 + 1) * STEP_MS {
            series.push(hit_points(before, &player));
            before = player.score;
            progress::show(&format!(
                "{title}: {} s, {:.1} %",
                due_ms / 1_000,
                series.last().copied().unwrap_or(0.0)
            ));
        }
    }
    player.settle()?;
    if player.score.reads > before.reads {
        series.push(hit_points(before, &player));
    }
    let all: Vec<_> = series.iter().map(|points| format!("{points:.1}")).collect();
    progress::note(&format!("{title}: {}", all.join(" ")));
    Ok(series)
}

fn hit_points(before: crate::score::Score, player: &Player) -> f64 {
    let reads = player.score.reads - before.reads;
    let misses = player.score.misses - before.misses;
    100.0 * (1.0 - misses as f64 / reads.max(1) as f64)
}
