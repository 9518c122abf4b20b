//! The meta commands over a real socket, by topic. Each expectation was also put to Debian's
//! memcached 1.6.18 (`SLABD_TEST_SERVER`), as far as that agrees with PROTOCOL.md: tests of what is
//! newer ask `newer_than_reference` first.

#[path = "../common/mod.rs"]
mod common;

mod base64_keys;
mod counters;
mod errors;
mod ma;
mod md;
mod me_mn;
mod mg;
mod ms;
mod opaque_quiet;
mod split;
mod stale_win;

/// The server is an older memcached, which does not have this yet.
fn newer_than_reference() -> bool {
    let skip = common::foreign_server();
    if skip {
        eprintln!("skipped: newer than the reference server");
    }
    skip
}

/// The number behind the return flag `letter` in one line of an answer.
fn returned(line: &str, letter: char) -> u64 {
    let word = line.trim_end().split(' ').find_map(|word| word.strip_prefix(letter));
    word.and_then(|word| word.parse().ok()).unwrap_or_else(|| panic!("no {letter} in {line:?}"))
}
