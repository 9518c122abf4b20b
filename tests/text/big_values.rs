//! Values around every chunk edge, streamed in and out, good and bad.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::common::{BAD_CHUNK, Client, Rng, Server, foreign_server, pattern};

const KIB: usize = 1 << 10;
const MIB: usize = 1 << 20;

/// Where something changes: chunk sizes, the value copied whole, memcached's own edges, -I.
const EDGES: [usize; 7] =
    [16 * KIB, 32 * KIB, 64 * KIB, 128 * KIB, 256 * KIB, 512 * KIB, MIB - 120];

fn set(key: &str, value: &[u8], tail: &str) -> Vec<u8> {
    let head = format!("set {key} 0 0 {}\r\n", value.len());
    [head.as_bytes(), value, tail.as_bytes()].concat()
}

#[track_caller]
fn expect_value(c: &mut Client, key: &str, value: &[u8]) {
    c.send(format!("get {key}\r\n")).expect(format!("VALUE {key} 0 {}\r\n", value.len()));
    c.expect(value).expect("\r\nEND\r\n");
}

/// Lengths from 140 below to 20 above each edge: all of the last 8, every seventh of the others.
fn lengths() -> impl Iterator<Item = usize> {
    let offsets = (-140..=20).filter(|offset| offset % 7 == 0 || (-4..4).contains(offset));
    let offsets: Vec<i64> = offsets.collect();
    EDGES.into_iter().flat_map(move |edge| {
        offsets.clone().into_iter().map(move |offset| (edge as i64 + offset) as usize)
    })
}

#[test]
fn every_length_around_an_edge_comes_back_whole() {
    let server = Server::start();
    let mut c = server.client();
    for (i, len) in lengths().enumerate() {
        let value = pattern(i as u64, len);
        c.send(set("k", &value, "\r\n")).expect("STORED\r\n");
        expect_value(&mut c, "k", &value);
    }
}

/// memcached#1306: a bad tail must cost exactly its own block, whatever the length.
#[test]
fn every_length_around_an_edge_with_a_bad_tail_stays_in_sync() {
    let server = Server::start();
    let mut c = server.client();
    c.send("set k 0 0 3\r\nold\r\n").expect("STORED\r\n");
    for (i, len) in lengths().enumerate() {
        let value = pattern(i as u64, len);
        let tail = ["XY", "\rX", "X\n", "\n\r"][i % 4];
        c.send(set("k", &value, tail)).expect(BAD_CHUNK);
        c.send("get k\r\n").expect("VALUE k 0 3\r\nold\r\nEND\r\n");
    }
}

#[test]
fn eight_megabytes_go_in_and_out() {
    let server = Server::with(&["-I", "8m", "-m", "100"]);
    let mut c = server.client();
    for (i, len) in [MIB + 1, 3 * MIB + 17, 5_000_000, 8 * MIB - 100].into_iter().enumerate() {
        let value = pattern(i as u64, len);
        let key = format!("k{i}");
        c.send(set(&key, &value, "\r\n")).expect("STORED\r\n");
        expect_value(&mut c, &key, &value);
    }
}

#[test]
fn append_and_prepend_carry_a_value_over_every_edge() {
    let server = Server::start();
    let mut c = server.client();
    let mut value = pattern(1, 10);
    let mut rng = Rng::new(2);
    c.send(set("k", &value, "\r\n")).expect("STORED\r\n");
    while value.len() < 900 * KIB {
        let part = pattern(rng.next_u64(), 1 + rng.below(40 * KIB));
        let verb = rng.pick(&["append", "prepend"]);
        let head = format!("{verb} k 0 0 {}\r\n", part.len());
        c.send([head.as_bytes(), &part, b"\r\n"].concat()).expect("STORED\r\n");
        value = if verb == "append" { [value, part].concat() } else { [part, value].concat() };
        expect_value(&mut c, "k", &value);
    }
}

#[test]
fn large_parts_join_large_values() {
    let server = Server::with(&["-I", "4m"]);
    let mut c = server.client();
    let (old, part) = (pattern(1, 700_000), pattern(2, 650_000));
    c.send(set("k", &old, "\r\n")).expect("STORED\r\n");
    c.send([b"append k 0 0 650000\r\n", &part[..], b"\r\n"].concat()).expect("STORED\r\n");
    c.send([b"prepend k 0 0 650000\r\n", &part[..], b"\r\n"].concat()).expect("STORED\r\n");
    expect_value(&mut c, "k", &[&part[..], &old, &part].concat());
    c.send([b"append k 0 0 650000\r\n", &part[..], b"XX"].concat()).expect(BAD_CHUNK);
    expect_value(&mut c, "k", &[&part[..], &old, &part].concat());
}

#[test]
fn conditions_hold_for_streamed_values() {
    let server = Server::start();
    let mut c = server.client();
    let (one, two) = (pattern(1, 200_000), pattern(2, 200_000));
    let block = |verb: &str, tail: &str, value: &[u8]| {
        let head = format!("{verb} k 0 0 200000{tail}\r\n");
        [head.as_bytes(), value, b"\r\n"].concat()
    };
    c.send(block("replace", "", &one)).expect("NOT_STORED\r\n");
    c.send(block("append", "", &one)).expect("NOT_STORED\r\n");
    c.send(block("cas", " 1", &one)).expect("NOT_FOUND\r\n");
    c.send(block("add", "", &one)).expect("STORED\r\n");
    c.send(block("add", "", &two)).expect("NOT_STORED\r\n");
    c.send(block("cas", " 0", &two)).expect("EXISTS\r\n");
    expect_value(&mut c, "k", &one);
    c.send(block("replace", " noreply", &two));
    expect_value(&mut c, "k", &two);
    c.send("gets k\r\n");
    let head = c.line();
    c.read(200_000 + 2);
    c.expect("END\r\n");
    let cas = head.rsplit(' ').next().expect("a CAS");
    c.send(block("cas", &format!(" {cas}"), &one)).expect("STORED\r\n");
    expect_value(&mut c, "k", &one);
    c.send("delete k\r\nget k\r\n").expect("DELETED\r\nEND\r\n");
}

/// PROTOCOL 1.5: a transfer that has begun ends with the bytes it began with.
#[test]
fn a_slow_reader_gets_the_value_it_began() {
    let server = Server::with(&["-I", "8m"]);
    let (old, new) = (pattern(1, 6 * MIB), pattern(2, 6 * MIB));
    let mut writer = server.client();
    writer.send(set("k", &old, "\r\n")).expect("STORED\r\n");
    let mut reader = Client::tcp_with_window(server.address(), Some(8 * KIB));
    reader.send("get k\r\n").expect(format!("VALUE k 0 {}\r\n", old.len()));
    reader.expect(&old[..100 * KIB]);
    writer.send(set("k", &new, "\r\n")).expect("STORED\r\n");
    expect_value(&mut writer, "k", &new);
    reader.expect(&old[100 * KIB..200 * KIB]);
    writer.send("delete k\r\nget k\r\n").expect("DELETED\r\nEND\r\n");
    reader.expect(&old[200 * KIB..]).expect("\r\nEND\r\n");
    reader.send("get k\r\n").expect("END\r\n");
}

#[test]
fn slow_readers_cost_the_store_nothing_once_they_are_done() {
    let server = Server::with(&["-I", "8m"]);
    // Well below an eighth of -m, the most that readers may hold of values that are gone.
    let value = pattern(1, 2 * MIB);
    let mut writer = server.client();
    for round in 0..40 {
        writer.send(set("k", &value, "\r\n")).expect("STORED\r\n");
        let mut reader = Client::tcp_with_window(server.address(), Some(8 * KIB));
        reader.send("get k\r\n").expect(format!("VALUE k 0 {}\r\n", value.len()));
        writer.send("delete k\r\n").expect("DELETED\r\n");
        if round % 2 == 0 {
            reader.expect(&value).expect("\r\nEND\r\n");
        } else {
            reader.reset();
        }
    }
    // Eighty megabytes have passed through 64: all of it must have come back.
    for i in 0..20 {
        writer.send(set(&format!("k{i}"), &value, "\r\n")).expect("STORED\r\n");
        expect_value(&mut writer, &format!("k{i}"), &value);
    }
}

/// Two halves of a block, and another writer in between: the last to finish wins.
#[test]
fn an_upload_replaces_what_was_stored_meanwhile() {
    let server = Server::start();
    let (slow, fast) = (pattern(1, 500_000), pattern(2, 500_000));
    let (mut a, mut b) = (server.client(), server.client());
    a.send(&set("k", &slow, "")[..250_000]);
    b.send(set("k", &fast, "\r\n")).expect("STORED\r\n");
    expect_value(&mut b, "k", &fast);
    a.send(&set("k", &slow, "\r\n")[250_000..]).expect("STORED\r\n");
    expect_value(&mut b, "k", &slow);
}

/// What has come of a long value may wait in its socket for more of it; its end may not, nor what
/// comes behind it.
#[test]
fn long_values_in_long_pieces_end_when_they_end() {
    let server = Server::with(&["-I", "8m"]);
    let mut c = server.client();
    for len in [100 * KIB, 300 * KIB, MIB - 200, MIB + 5, 2 * MIB, 5 * MIB] {
        for piece in [17 * KIB, 250 * KIB, 2 * MIB] {
            let value = pattern((len + piece) as u64, len);
            for part in set("k", &value, "\r").chunks(piece) {
                c.send(part);
            }
            c.send("\n").expect("STORED\r\n").expect_in_sync();
            c.send([&set("k", &value, "\r\n"), &b"mn\r\n"[..]].concat());
            c.expect("STORED\r\nMN\r\n");
            expect_value(&mut c, "k", &value);
        }
    }
}

#[test]
fn an_upload_that_never_ends_changes_nothing() {
    let server = Server::start();
    let mut c = server.client();
    c.send("set k 0 0 3\r\nold\r\n").expect("STORED\r\n");
    for _ in 0..100 {
        let mut other = server.client();
        other.send(&set("k", &pattern(1, 900_000), "")[..800_000]);
    }
    c.send("get k\r\n").expect("VALUE k 0 3\r\nold\r\nEND\r\n");
    let value = pattern(3, 900_000);
    c.send(set("k", &value, "\r\n")).expect("STORED\r\n");
    expect_value(&mut c, "k", &value);
}

/// Filling memory many times over with large values evicts and never fails.
#[test]
fn large_values_evict_large_values() {
    let server = Server::start();
    let mut c = server.client();
    let mut rng = Rng::new(5);
    let mut latest = Vec::new();
    for i in 0..300_u64 {
        let value = pattern(i, 200_000 + rng.below(800_000));
        let key = format!("k{}", i % 150);
        c.send(set(&key, &value, "\r\n")).expect("STORED\r\n");
        expect_value(&mut c, &key, &value);
        latest = value;
    }
    expect_value(&mut c, &format!("k{}", 299 % 150), &latest);
    assert!(server.stat("evictions") > 0);
}

/// Half a block, silence, the other half: it is just slow.
#[test]
fn a_pause_in_the_middle_of_a_value_does_no_harm() {
    let server = Server::start();
    let mut c = server.client();
    let value = pattern(1, 300_000);
    let bytes = set("k", &value, "\r\n");
    for piece in bytes.chunks(60_000) {
        c.send(piece);
        std::thread::sleep(Duration::from_millis(2));
    }
    c.expect("STORED\r\n");
    expect_value(&mut c, "k", &value);
    if !foreign_server() {
        assert_eq!(server.stat("cmd_set"), 1);
    }
}

/// Long values are sent while nobody holds their lock. They are replaced, deleted and evicted
/// meanwhile, and pages are moved: whoever reads one gets the one that was there, whole. Its flags
/// say which it is.
#[test]
fn long_values_are_read_whole_while_they_change_and_go() {
    const KEYS: usize = 200;
    let server = Server::with(&["-t", "4", "-m", "128", "-I", "4m"]);
    let writers_left = AtomicUsize::new(2);
    std::thread::scope(|threads| {
        for writer in 0..2 {
            let (server, writers_left) = (&server, &writers_left);
            threads.spawn(move || {
                let (mut c, mut rng) = (server.client(), Rng::new(writer));
                for _ in 0..150 {
                    let (key, seed) = (rng.below(KEYS), 1 + rng.below(1 << 30));
                    let value = pattern(seed as u64, 100_000 + rng.below(2 * MIB));
                    c.send(format!("set k{key} {seed} 0 {}\r\n", value.len()));
                    c.send(&value).send("\r\n").expect("STORED\r\n");
                    if rng.one_in(4) {
                        c.send(format!("delete k{} noreply\r\n", rng.below(KEYS)));
                        c.send("slabs reassign -1 1\r\n").line();
                    }
                }
                writers_left.fetch_sub(1, Ordering::Relaxed);
            });
        }
        for window in [None, Some(300_000), None] {
            let (server, writers_left) = (&server, &writers_left);
            threads.spawn(move || {
                let mut c = Client::tcp_with_window(server.address(), window);
                let mut rng = Rng::new(7);
                while writers_left.load(Ordering::Relaxed) > 0 {
                    let mut key = || rng.below(KEYS);
                    c.send(format!("get k{} k{}\r\nget k{}\r\n", key(), key(), key()));
                    expect_whole_values(&mut c);
                    expect_whole_values(&mut c);
                }
                c.expect_in_sync();
            });
        }
    });
    if !foreign_server() {
        assert!(server.stat("evictions") > 0 && server.stat("get_hits") > 0);
    }
}

/// The values up to END are what their flags say.
fn expect_whole_values(c: &mut Client) {
    loop {
        let line = c.line();
        if line.trim_end() == "END" {
            return;
        }
        let words: Vec<&str> = line.split_whitespace().collect();
        let [_, _, seed, len] = words[..] else { panic!("{line}") };
        let value = pattern(seed.parse().unwrap(), len.parse().unwrap());
        c.expect(value).expect("\r\n");
    }
}
