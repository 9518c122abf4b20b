//! What every black-box test uses: a daemon of its own, and a client that says bytes and expects
//! bytes.
//!
//! Not tested anywhere, and why:
//!
//! - Real networks: everything runs over loopback, so loss, reordering, path MTU and
//!   TCP_USER_TIMEOUT against a host that vanished are trusted to the kernel.
//! - The seconds between two clock ticks: tests move the daemon's clock by `debugtime`, they never
//!   wait for an expiry. That the clock ticks at all is shown by `uptime`.
//! - 32-bit and big-endian machines, and systems other than Linux.
//! - More than 64 worker threads, more than two cores, NUMA.
//! - Values above 8 MiB and memory above a few hundred MiB over the wire (the store's own tests go
//!   further).
//! - The mlock, core-dump and daemon switches beyond that they are taken (`tests/ops`).
//! - Hash collisions chosen by someone who knows the seed: the seed is random per process.
//!
//! `SLABD_TEST_SERVER=/usr/bin/memcached` plays the same conversations to another server, to test
//! the tests. What that server cannot do (the clock, options of ours) is skipped then, aloud.

#![allow(dead_code, unused_imports)] // each test binary uses its own part of this

mod client;
mod packet;
mod rng;
mod server;

pub use client::Client;
pub use packet::{Answer, HEADER_LEN, Packet, header};
pub use rng::Rng;
pub use server::{Server, foreign_server};

/// memcached's answer to most malformed lines.
pub const BAD_FORMAT: &str = "CLIENT_ERROR bad command line format\r\n";
/// A value larger than `-I` allows.
pub const TOO_LARGE: &str = "SERVER_ERROR object too large for cache\r\n";
/// A data block not followed by CR LF.
pub const BAD_CHUNK: &str = "CLIENT_ERROR bad data chunk\r\n";

/// Bytes as a person reads them, long texts cut in the middle.
pub fn readable(bytes: &[u8]) -> String {
    const SHOWN: usize = 600;
    if bytes.len() > 2 * SHOWN {
        let (head, tail) = (&bytes[..SHOWN], &bytes[bytes.len() - SHOWN..]);
        let cut = bytes.len() - 2 * SHOWN;
        return format!("{}\n… {cut} bytes …\n{}", readable(head), readable(tail));
    }
    let mut text = String::new();
    for line in bytes.split_inclusive(|&b| b == b'\n') {
        text.push_str("    ");
        text.extend(line.iter().flat_map(|&b| std::ascii::escape_default(b)).map(char::from));
        text.push('\n');
    }
    text
}

/// True, said on stderr, if the daemon under test has no clock that can be moved.
pub fn skip_without_clock() -> bool {
    if foreign_server() {
        eprintln!("skipped: the server under test has no debugtime");
        return true;
    }
    false
}

/// A value whose every byte says where it belongs: wrong, shifted or mixed bytes are seen.
pub fn pattern(seed: u64, len: usize) -> Vec<u8> {
    let mut rng = Rng::new(seed);
    let mut value = Vec::with_capacity(len + 8);
    while value.len() < len {
        value.extend(rng.next_u64().to_le_bytes());
    }
    value.truncate(len);
    value
}
