//! lru_crawler metadump and mgdump: streams beside other clients' requests.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use crate::common::{Client, Server, foreign_server};

fn fill(c: &mut Client, count: usize) {
    for chunk in (0..count).collect::<Vec<_>>().chunks(1000) {
        let sets = chunk.iter().map(|n| format!("set key:{n} 7 0 5 noreply\r\nvalue\r\n"));
        c.send(sets.collect::<String>());
    }
    c.expect_in_sync();
}

/// A metadump, read as fast as it comes.
fn whole_dump(mut c: Client) -> String {
    c.send("lru_crawler metadump all\r\n").finish_sending();
    String::from_utf8(c.read_to_end()).expect("text")
}

/// How often each key is listed in a metadump.
fn listed(dump: &str) -> HashMap<&str, usize> {
    let mut keys = HashMap::new();
    for line in dump.lines().filter(|line| line.starts_with("key=")) {
        let key = line[4..].split(' ').next().expect("a key");
        *keys.entry(key).or_insert(0) += 1;
    }
    keys
}

#[test]
fn a_metadump_lists_every_key_once_and_the_connection_goes_on() {
    let server = Server::start();
    let mut c = server.client();
    fill(&mut c, 20_000);
    c.send("lru_crawler metadump all\r\nget key:7\r\n");
    let dump = c.read_until("END\r\n");
    assert!(dump.starts_with("OK\r\n"), "{:.100}", dump);
    assert!(dump.ends_with(" \nEND\r\n"));
    let keys = listed(&dump);
    assert_eq!(keys.len(), 20_000);
    assert!(keys.values().all(|&count| count == 1));
    let line = dump.lines().nth(1).expect("a first item");
    let names: Vec<&str> = line.split_whitespace().filter_map(|f| f.split('=').next()).collect();
    assert_eq!(names, ["key", "exp", "la", "cas", "fetch", "cls", "size", "flags"]);
    c.expect("VALUE key:7 7 5\r\nvalue\r\nEND\r\n");
    c.send("lru_crawler mgdump all\r\n");
    let dump = c.read_until("EN\r\n");
    assert_eq!(dump.matches("\r\nmg key:").count(), 20_000);
    c.expect_in_sync();
}

#[test]
fn keys_are_written_as_one_word() {
    let server = Server::start();
    let mut c = server.client();
    c.send(b"set a%b\xff:/x 0 0 1\r\nx\r\n").expect("STORED\r\n");
    c.send("lru_crawler metadump all\r\n").expect("OK\r\nkey=a%25b%FF%3A%2Fx exp=-1 la=");
    c.read_until("END\r\n");
    c.send(b"delete a%b\xff:/x\r\n");
    c.expect("DELETED\r\n");
    c.send("ms /v79 1 b\r\nx\r\nlru_crawler mgdump all\r\n").expect("HD\r\nERROR cannot");
    c.line();
    c.send("lru_crawler mgdump all\r\n").expect("OK\r\nmg /v79 b\r\nEN\r\n");
    c.send("lru_crawler metadump all\r\n").expect("OK\r\nkey=%FE%FE%FD exp=-1 ");
    c.read_until("END\r\n");
}

#[test]
fn nothing_is_dumped_behind_an_answer_that_was_not_sent() {
    let server = Server::start();
    let mut c = server.client();
    let told = "ERROR cannot pipeline other commands before";
    c.send("get none\r\nlru_crawler metadump all\r\n");
    c.expect(format!("END\r\n{told} metadump\r\n"));
    c.send("get none\r\nlru_crawler mgdump all\r\n").expect(format!("END\r\n{told} mgdump\r\n"));
    c.send("mn\r\nlru_crawler metadump all\r\n").expect("MN\r\nOK\r\nEND\r\n");
}

#[test]
fn a_dump_survives_the_end_of_its_senders_side() {
    let server = Server::start();
    let mut c = server.client();
    fill(&mut c, 10_000);
    c.send("lru_crawler metadump all\r\n").finish_sending();
    assert_eq!(listed(&c.read_until("END\r\n")).len(), 10_000);
    c.expect_closed();
}

/// Dumpers that vanish in mid-dump, or never read: a place for the next one comes free, and
/// neither memory nor anybody's request is held up (FAULTS 26).
#[test]
fn dumpers_that_stop_reading_or_vanish_hold_up_nobody() {
    let server = Server::with(&["-o", "write_timeout=2"]);
    let mut c = server.client();
    fill(&mut c, 100_000);
    for _ in 0..20 {
        let mut gone = Client::tcp_with_window(server.address(), Some(4096));
        gone.send("lru_crawler metadump all\r\n").read(1000);
        gone.reset();
    }
    let ask = "lru_crawler metadump all\r\n";
    let mut silent: Vec<Client> = (0..4)
        .map(|_| {
            let mut c = Client::tcp_with_window(server.address(), Some(4096));
            // Places come free as the vanished are noticed.
            server.eventually("a dump begins", |_| c.send(ask).line() == "OK");
            c
        })
        .collect();
    c.send(ask).expect("BUSY currently processing crawler request\r\n");
    assert!(server.stat("buffer_bytes") < 2 << 20, "{}", server.stat("buffer_bytes"));
    c.expect_in_sync();
    server.eventually("they are closed", |s| s.stat("deadline_kicks") == 4);
    silent.iter_mut().for_each(|c| drop(c.read_to_end()));
    assert_eq!(listed(&whole_dump(c)).len(), 100_000);
}

/// A million items dumped while a bystander asks every now and then (FAULTS 27).
#[test]
fn a_bystander_is_served_while_a_million_items_are_dumped() {
    if foreign_server() {
        eprintln!("skipped: a claim of ours");
        return;
    }
    let server = Server::with(&["-m", "256"]);
    fill(&mut server.client(), 1_000_000);
    assert_eq!(server.stat("curr_items"), 1_000_000);
    let address = server.address();
    let dumper = std::thread::spawn(move || whole_dump(Client::tcp(address)));
    let mut c = server.client();
    let mut times = Vec::new();
    while !dumper.is_finished() || times.len() < 100 {
        let start = Instant::now();
        c.send("set by 0 0 1\r\nx\r\nget by\r\n").expect("STORED\r\nVALUE by 0 1\r\nx\r\nEND\r\n");
        times.push(start.elapsed());
        std::thread::sleep(Duration::from_millis(1));
    }
    let dump = dumper.join().expect("the dumper");
    times.sort_unstable();
    let (half, most) = (times[times.len() / 2], times[times.len() * 99 / 100]);
    println!("{} requests meanwhile, p50 {half:?}, p99 {most:?}", times.len());
    // On a machine that others load, too: a stall would take as long as the dump.
    assert!(most < Duration::from_millis(250), "p99 {most:?}");
    let mut keys = listed(&dump);
    keys.remove("by");
    assert_eq!(keys.len(), 1_000_000);
    assert!(keys.values().all(|&count| count == 1));
    assert!(dump.ends_with("END\r\n"));
}
