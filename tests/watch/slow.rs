//! Watchers that do not read, or are gone: nobody waits for them, and memory stays bounded.

use std::time::{Duration, Instant};

use super::common::{Client, Server};
use super::watcher;

/// Bytes of memory that a watcher may cost: its buffer twice, and what the allocator keeps.
const MEMORY_MAX: u64 = 8 << 20;

/// Gets that miss, in pipelines; how long that took.
fn load(server: &Server, requests: usize) -> Duration {
    let mut c = server.client();
    let (request, reply) = ("get a_key_that_misses\r\n".repeat(100), "END\r\n".repeat(100));
    let start = Instant::now();
    for _ in 0..requests / 100 {
        c.send(&request).expect(&reply);
    }
    start.elapsed()
}

#[test]
fn a_slow_watcher_loses_lines_and_is_told_how_many() {
    let server = Server::with(&["-o", "watcher_logbuf_size=16"]);
    let mut slow = Client::tcp_with_window(server.address(), Some(4 << 10));
    slow.send("watch fetchers\r\n").expect("OK\r\n");
    let before = server.resident();
    load(&server, 100_000);
    let skipped = server.stat("log_watcher_skipped");
    assert!(skipped > 0, "100,000 lines cannot have gone into sockets");
    assert!(server.resident() < before + MEMORY_MAX);
    assert!(server.stat("buffer_bytes") < 1 << 20);

    // What it reads is whole lines, and the gaps add up: each line's number says how many there
    // were before it.
    let mut text = slow.read_for(Duration::from_millis(300));
    server.client().send("get one_more\r\n").expect("END\r\n");
    text.extend(slow.read_until("\n").bytes());
    if !text.ends_with(b"size=0\n") || !text.windows(8).any(|word| word == b"one_more") {
        text.extend(slow.read_until("\n").bytes());
    }
    let mut count = 0;
    for line in String::from_utf8(text).unwrap().lines() {
        if let Some(n) = line.strip_prefix("skipped=") {
            count += n.parse::<u64>().unwrap();
            continue;
        }
        count += 1;
        assert!(line.contains(&format!(" gid={count} type=item_get key=")), "{count}: {line}");
        assert!(line.starts_with("ts=") && line.ends_with(" size=0"), "{line}");
    }
    assert_eq!(count, 100_001);
    assert_eq!(server.stat("log_worker_dropped"), 0);
}

#[test]
fn nobody_waits_for_watchers_that_never_read() {
    let server = Server::start();
    let alone = load(&server, 50_000);
    let _deaf: Vec<Client> = (0..20)
        .map(|_| {
            let mut deaf = Client::tcp_with_window(server.address(), Some(4 << 10));
            deaf.send("watch fetchers mutations connevents\r\n").expect("OK\r\n");
            deaf
        })
        .collect();
    let watched = load(&server, 50_000);
    assert!(server.stat("log_watcher_skipped") > 0);
    // Twenty copies of each line cost something; a single wait would cost seconds.
    let max = alone * 40 + Duration::from_secs(1);
    assert!(watched < max, "alone {alone:?}, watched {watched:?}");
}

#[test]
fn a_watcher_that_vanishes_is_noticed() {
    let server = Server::start();
    for round in 0..20 {
        let mut gone = watcher(&server, "fetchers");
        load(&server, 200);
        match round % 3 {
            0 => gone.reset(),
            1 => drop(gone),
            _ => {
                gone.finish_sending();
                load(&server, 200);
            }
        }
    }
    load(&server, 1000);
    server.eventually("nobody watches", |server| server.stat("log_watchers") == 0);
    server.assert_serves();
}

#[test]
fn a_watcher_that_stops_reading_is_closed_in_time() {
    if super::common::skip_without_clock() {
        return;
    }
    let server = Server::with(&["-o", "write_timeout=30"]);
    let mut deaf = Client::tcp_with_window(server.address(), Some(4 << 10));
    deaf.send("watch fetchers\r\n").expect("OK\r\n");
    load(&server, 50_000);
    // What is on its way may still count as progress: more than one timeout may have to pass.
    server.eventually("it is closed", |server| {
        server.client().advance(100);
        load(server, 100);
        server.stat("log_watchers") == 0
    });
}
