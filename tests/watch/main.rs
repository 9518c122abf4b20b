//! `watch`: streams of log lines, and watchers that misbehave.

#[path = "../common/mod.rs"]
mod common;

mod limits;
mod slow;
mod streams;

use common::{Client, Server};

/// A client that watches.
fn watcher(server: &Server, streams: &str) -> Client {
    let mut watcher = server.client();
    watcher.send(format!("watch {streams}\r\n")).expect("OK\r\n");
    watcher
}

/// The next line, without its number and time, and without a descriptor.
#[track_caller]
fn line(watcher: &mut Client) -> String {
    let line = watcher.read_until("\n");
    let (time, rest) = line.trim_end_matches('\n').split_once(' ').expect("words");
    let (seconds, micros) = time.strip_prefix("ts=").expect("ts").split_once('.').expect("a dot");
    assert!(seconds.parse::<u64>().unwrap() > 1_600_000_000, "{time}");
    assert!(micros.parse::<u32>().unwrap() < 1_000_000, "{time}");
    let (number, rest) = rest.split_once(' ').expect("words");
    number.strip_prefix("gid=").expect("gid").parse::<u64>().expect("a number");
    let without: Vec<&str> = rest.split(' ').filter(|word| !word.starts_with("cfd=")).collect();
    without.join(" ")
}

/// The next lines are these.
#[track_caller]
fn expect_lines(watcher: &mut Client, lines: &[&str]) {
    for expected in lines {
        assert_eq!(line(watcher), *expected);
    }
}
