//! Rows 8, 13, 28, 34 of the faults: unfinished huge sets, one key asked tens of thousands of
//! times while it changes, random bytes.

use std::time::Duration;

use crate::common::{Client, Rng, Server, foreign_server, pattern};

/// Row 8: 200 × 900 KB announced, one byte sent, at -m 64: others still store large values.
#[test]
fn unfinished_huge_sets_do_not_starve_others() {
    if foreign_server() {
        eprintln!("skipped: in memcached they do");
        return;
    }
    let server = Server::with(&["-m", "64"]);
    let before = server.resident();
    let mut unfinished: Vec<Client> = (0..200).map(|_| server.client()).collect();
    for (i, c) in unfinished.iter_mut().enumerate() {
        c.send(format!("set u{i} 0 0 900000\r\nx"));
    }
    let value = pattern(1, 900_000);
    let mut c = server.client();
    for i in 0..20 {
        c.send(format!("set k{i} 0 0 900000\r\n")).send(&value).send("\r\n").expect("STORED\r\n");
    }
    let grown = server.resident().saturating_sub(before);
    assert!(grown < 40 << 20, "{grown} bytes more");
    for (i, c) in unfinished.iter_mut().enumerate().take(3) {
        c.send(&value[1..]).send("\r\n").expect("STORED\r\n");
        c.send(format!("get none u{i} \r\n")).expect(format!("VALUE u{i} 0 900000\r\nx"));
    }
}

/// As above, with nearly all of each value sent: bytes in flight have a cap.
#[test]
fn nearly_finished_huge_sets_do_not_starve_others() {
    if foreign_server() {
        eprintln!("skipped: in memcached they do");
        return;
    }
    let server = Server::with(&["-m", "64"]);
    let value = pattern(1, 900_000);
    let mut unfinished: Vec<Client> = (0..200).map(|_| server.client()).collect();
    for (i, c) in unfinished.iter_mut().enumerate() {
        c.send(format!("set u{i} 0 0 900000\r\n")).send(&value[..800_000]);
    }
    // While they still arrive, they make progress as anybody does.
    server.eventually("all has arrived", |server| server.stat("bytes_read") > 200 * 800_000);
    let mut c = server.client();
    for i in 0..20 {
        c.send(format!("set k{i} 0 0 900000\r\n")).send(&value).send("\r\n").expect("STORED\r\n");
        c.send(format!("get k{i}\r\n")).expect(format!("VALUE k{i} 0 900000\r\n"));
        c.expect(&value).expect("\r\nEND\r\n");
    }
    assert!(server.resident() < 64 << 21, "{} bytes resident", server.resident());
}

/// Row 28: 70,000 pipelined gets of one key while it is overwritten and deleted.
#[test]
fn a_storm_on_one_key_leaks_nothing() {
    let server = Server::start();
    let mut writer = server.client();
    for len in [10, 100_000] {
        let value = "x".repeat(len);
        let set = format!("set k 0 0 {len}\r\n{value}\r\n");
        writer.send(&set).expect("STORED\r\n");
        let mut readers: Vec<Client> =
            (0..7).map(|_| Client::tcp_with_window(server.address(), Some(4096))).collect();
        for reader in &mut readers {
            reader.send("get k\r\n".repeat(10_000));
        }
        for _ in 0..200 {
            writer.send(&set).expect("STORED\r\n");
            writer.send("delete k\r\n").expect("DELETED\r\n");
        }
        for reader in readers {
            reader.reset();
        }
        server.eventually("they are gone", |server| server.stat("curr_connections") <= 2);
        assert_eq!((server.stat("curr_items"), server.stat("bytes")), (0, 0));
    }
    let before = server.stat("evictions");
    let value = "x".repeat(900_000);
    for i in 0..40 {
        writer.send(format!("set k{i} 0 0 900000\r\n{value}\r\n")).expect("STORED\r\n");
    }
    assert_eq!(server.stat("evictions"), before, "all memory has come back");
}

/// One line that asks 100,000 times for one key.
#[test]
fn one_key_a_hundred_thousand_times_in_one_line() {
    let server = Server::start();
    let mut c = server.client();
    c.send("set k 0 0 1\r\nx\r\n").expect("STORED\r\n");
    let mut other = server.client();
    c.send(format!("get{}\r\n", " k".repeat(100_000)));
    other.expect_in_sync();
    let text = c.read_for(Duration::from_millis(1500));
    assert!(text.ends_with(b"END\r\n"));
    if !foreign_server() {
        assert_eq!(text.len(), 100_000 * "VALUE k 0 1\r\nx\r\n".len() + "END\r\n".len());
    }
    c.expect_in_sync();
}

/// Row 34: random bytes, and random pieces of protocols, on many connections.
#[test]
fn random_soup_harms_nobody() {
    const PIECES: [&[u8]; 16] = [
        b"get ",
        b"set k 0 0 ",
        b"10\r\n",
        b"\r\n",
        b"\n",
        b"k ",
        b"cas ",
        b" noreply\r\n",
        b"\x80\x00\x00\x01\x00\x00\x00\x00",
        b"\x80\x01\xff\xff\xff\xff\xff\xe8",
        b"\x00\x01",
        b"GET / HTTP/1.1\r\n",
        b"18446744073709551616",
        b"-1",
        b"mg k v\r\n",
        b"stats ",
    ];
    let server = Server::start();
    let before = server.resident();
    let mut rng = Rng::new(34);
    for _ in 0..400 {
        let mut soup = Vec::new();
        while soup.len() < 4000 {
            match rng.below(3) {
                0 => soup.extend(rng.next_u64().to_le_bytes()),
                _ => soup.extend_from_slice(rng.pick(&PIECES)),
            }
        }
        let mut c = server.client();
        c.send_lossy(&soup);
        if rng.one_in(4) {
            c.reset();
        } else {
            c.shut_lossy();
            c.read_to_end();
        }
    }
    server.assert_serves();
    let grown = server.resident().saturating_sub(before);
    assert!(grown < 16 << 20, "{grown} bytes more");
}

/// The bystander of row 34 and all others: answers stay quick while others misbehave.
#[test]
fn half_commands_on_hundreds_of_connections_slow_nobody() {
    let server = Server::start();
    let mut crowd: Vec<Client> = (0..300).map(|_| server.client()).collect();
    for (i, c) in crowd.iter_mut().enumerate() {
        c.send(&"set k 0 0 100\r\nabcdefgh"[..1 + i % 23]);
    }
    let mut c = server.client();
    let start = std::time::Instant::now();
    for _ in 0..2000 {
        c.expect_in_sync();
    }
    assert!(start.elapsed() < Duration::from_secs(2), "{:?} for 2000", start.elapsed());
}
