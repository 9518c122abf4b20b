//! Rows 9 and 10 of the faults: values of every length, and a change of heart about lengths.

use std::time::{Duration, Instant};

use super::LIMIT_MIB;
use super::talk::Talk;
use super::value::block;
use crate::common::{Rng, Server};

const LIMIT: u64 = LIMIT_MIB << 20;

fn start() -> (Server, Talk) {
    let server = Server::with(&["-m", &LIMIT_MIB.to_string()]);
    let talk = Talk::to(server.address());
    (server, talk)
}

fn set(talk: &mut Talk, key: u64, len: usize) {
    let head = format!("set k{key} 0 0 {len}\r\n");
    talk.send(&[head.as_bytes(), &block(key, 1, len), b"\r\n"].concat());
    assert_eq!(talk.line(), "STORED", "{len} bytes, with so much to evict");
}

/// Whether the key is there with a value of this length; if so, with the right one.
fn get(talk: &mut Talk, key: u64, len: usize) -> bool {
    talk.send(format!("get k{key}\r\n").as_bytes());
    let Some(hit) = talk.hit() else {
        return false;
    };
    assert!(hit.value == block(key, 1, len), "k{key}: wrong bytes");
    assert!(talk.hit().is_none());
    true
}

/// Row 9: a minute (or 3 GiB) of lengths from 1 byte to 1 MB, each decade as likely as any other.
#[test]
fn every_length_finds_room_at_full_memory() {
    let (server, mut talk) = start();
    let mut rng = Rng::new(9);
    let mut lens = Vec::new();
    let mut written = 0;
    let begin = Instant::now();
    while written < 3 << 30 && begin.elapsed() < Duration::from_secs(60) {
        let decade = 10_usize.pow(rng.below(6) as u32);
        let len = decade + rng.below(9 * decade + 1);
        set(&mut talk, lens.len() as u64, len);
        lens.push(len);
        written += len as u64;
        if rng.one_in(4) {
            let key = lens.len() - 1 - rng.below(lens.len().min(1000));
            get(&mut talk, key as u64, lens[key]);
        }
        if lens.len().is_multiple_of(1000) {
            let resident = server.resident();
            assert!(resident <= LIMIT + LIMIT / 4 + (16 << 20), "{resident} bytes resident");
        }
    }
    for (key, &len) in lens.iter().enumerate().rev().take(5) {
        assert!(get(&mut talk, key as u64, len), "k{key} of {} is gone already", lens.len());
    }
    assert!(server.stat("evictions") > 0);
}

/// Row 10: memory full of small values becomes memory full of larger ones, in a minute of load.
#[test]
fn memory_follows_a_change_of_sizes() {
    const LARGE: usize = 10 << 10;
    let (server, mut talk) = start();
    let first = fill(&mut talk, 0, 100, LIMIT);
    assert!(server.stat("evictions") > 0);
    assert_eq!(pages(&server, LARGE).0, 0);
    let mut next = first;
    let begin = Instant::now();
    loop {
        next = fill(&mut talk, next, LARGE, LIMIT / 2);
        let (large, all) = pages(&server, LARGE);
        if 10 * large >= 9 * all {
            break;
        }
        let late = begin.elapsed() > Duration::from_secs(60);
        assert!(!late, "{large} pages of {all} are of the new size");
    }
    // What these pages can hold is held.
    let end = fill(&mut talk, next, LARGE, LIMIT);
    let held = (first..end).filter(|&key| get(&mut talk, key, LARGE)).count();
    assert!(held * LARGE > LIMIT as usize * 3 / 4, "{held} values of 10 KiB");
}

/// Store so many bytes of values of this length, under keys from `next` on; the next free one.
fn fill(talk: &mut Talk, next: u64, len: usize, bytes: u64) -> u64 {
    let end = next + bytes / len as u64;
    let mut batch = Vec::new();
    for key in next..end {
        batch.extend(format!("set k{key} 0 0 {len} noreply\r\n").as_bytes());
        batch.extend(block(key, 1, len));
        batch.extend(b"\r\n");
        if batch.len() > 64 << 10 || key + 1 == end {
            talk.send(&batch);
            batch.clear();
        }
    }
    assert_eq!(talk.ask("version\r\n"), "VERSION 1.6.45");
    end
}

/// Pages of the classes whose chunks hold more than `len` bytes, and of all.
fn pages(server: &Server, len: usize) -> (u64, u64) {
    let stats = server.client().stats("slabs");
    let (mut large, mut all) = (0, 0);
    for (name, pages) in &stats {
        let Some(class) = name.strip_suffix(":total_pages") else {
            continue;
        };
        let pages: u64 = pages.parse().expect("a number");
        let chunk_size = &stats[&format!("{class}:chunk_size")];
        if chunk_size.parse::<usize>().expect("a number") > len {
            large += pages;
        }
        all += pages;
    }
    (large, all)
}
