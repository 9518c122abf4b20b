//! Expiry, by a clock that the test moves.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::common::{Server, skip_without_clock};

const HIT: &str = "VALUE k 0 1\r\nx\r\nEND\r\n";
const MISS: &str = "END\r\n";

fn unix_now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs()
}

#[test]
fn an_item_lives_as_long_as_told() {
    if skip_without_clock() {
        return;
    }
    let server = Server::start();
    let mut c = server.client();
    c.stop_clock().send("set k 0 10 1\r\nx\r\n").expect("STORED\r\n");
    c.advance(9).send("get k\r\n").expect(HIT);
    c.advance(1).send("get k\r\n").expect(MISS);
}

#[test]
fn zero_means_for_ever() {
    if skip_without_clock() {
        return;
    }
    let server = Server::start();
    let mut c = server.client();
    c.stop_clock().send("set k 0 0 1\r\nx\r\n").expect("STORED\r\n");
    c.advance(1_000_000_000).send("get k\r\n").expect(HIT);
}

#[test]
fn a_negative_expiry_stores_and_misses() {
    let server = Server::start();
    server.client().says(&[
        ("set k 0 -1 1\r\nx\r\n", "STORED\r\n"),
        ("get k\r\n", MISS),
        ("set k 0 -2147483648 1\r\nx\r\n", "STORED\r\n"),
        ("get k\r\n", MISS),
    ]);
}

#[test]
fn thirty_days_is_the_longest_relative_time() {
    if skip_without_clock() {
        return;
    }
    let server = Server::start();
    let mut c = server.client();
    c.stop_clock().send("set k 0 2592000 1\r\nx\r\n").expect("STORED\r\n");
    c.advance(2_591_999).send("get k\r\n").expect(HIT);
    c.advance(1).send("get k\r\n").expect(MISS);
    // One second more is a date in January 1970.
    c.send("set k 0 2592001 1\r\nx\r\n").expect("STORED\r\n");
    c.send("get k\r\n").expect(MISS);
}

#[test]
fn a_large_number_is_a_date() {
    if skip_without_clock() {
        return;
    }
    let server = Server::start();
    let mut c = server.client();
    c.stop_clock();
    c.send(format!("set k 0 {} 1\r\nx\r\n", unix_now() + 100)).expect("STORED\r\n");
    c.advance(90).send("get k\r\n").expect(HIT);
    c.advance(15).send("get k\r\n").expect(MISS); // five more: the two clocks may differ a little
    c.send(format!("set k 0 {} 1\r\nx\r\n", unix_now() - 100)).expect("STORED\r\n");
    c.send("get k\r\n").expect(MISS);
}

#[test]
fn touch_and_gat_move_the_deadline_both_ways() {
    if skip_without_clock() {
        return;
    }
    let server = Server::start();
    let mut c = server.client();
    c.stop_clock().send("set k 0 10 1\r\nx\r\n").expect("STORED\r\n");
    c.send("touch k 100\r\n").expect("TOUCHED\r\n");
    c.advance(50).send("get k\r\n").expect(HIT);
    c.send("gat 10 k\r\n").expect(HIT);
    c.advance(9).send("get k\r\n").expect(HIT);
    c.send("touch k 0\r\n").expect("TOUCHED\r\n");
    c.advance(1_000_000).send("get k\r\n").expect(HIT);
    c.send("gats 5 k\r\n").read_until("END\r\n");
    c.advance(5).send("get k\r\n").expect(MISS);
    c.send("touch k 5\r\n").expect("NOT_FOUND\r\n");
}

#[test]
fn the_dead_count_as_absent_for_every_verb() {
    if skip_without_clock() {
        return;
    }
    let server = Server::start();
    let mut c = server.client();
    let absent = [
        ("replace k 0 0 1\r\ny\r\n", "NOT_STORED\r\n"),
        ("append k 0 0 1\r\ny\r\n", "NOT_STORED\r\n"),
        ("prepend k 0 0 1\r\ny\r\n", "NOT_STORED\r\n"),
        ("cas k 0 0 1 5\r\ny\r\n", "NOT_FOUND\r\n"),
        ("incr k 1\r\n", "NOT_FOUND\r\n"),
        ("decr k 1\r\n", "NOT_FOUND\r\n"),
        ("touch k 1\r\n", "NOT_FOUND\r\n"),
        ("gat 1 k\r\n", MISS),
        ("delete k\r\n", "NOT_FOUND\r\n"),
        ("add k 0 0 1\r\nx\r\n", "STORED\r\n"),
    ];
    c.stop_clock();
    for (request, reply) in absent {
        c.send("set k 0 5 1\r\n1\r\n").expect("STORED\r\n");
        c.advance(5).send(request).expect(reply);
    }
    c.send("get k\r\n").expect(HIT);
}

#[test]
fn arithmetic_and_append_keep_the_deadline() {
    if skip_without_clock() {
        return;
    }
    let server = Server::start();
    let mut c = server.client();
    c.stop_clock().send("set k 0 10 1\r\n9\r\n").expect("STORED\r\n");
    c.send("incr k 1\r\n").expect("10\r\n");
    c.send("append k 0 0 1\r\n0\r\n").expect("STORED\r\n");
    c.send("prepend k 0 1000 1\r\n1\r\n").expect("STORED\r\n");
    c.advance(9).send("get k\r\n").expect("VALUE k 0 4\r\n1100\r\nEND\r\n");
    c.advance(1).send("get k\r\n").expect(MISS);
}

#[test]
fn a_large_value_expires_too() {
    if skip_without_clock() {
        return;
    }
    let server = Server::start();
    let mut c = server.client();
    let value = "v".repeat(300_000);
    c.stop_clock().send(format!("set k 0 10 300000\r\n{value}\r\n")).expect("STORED\r\n");
    c.advance(9).send("get k\r\n").expect(format!("VALUE k 0 300000\r\n{value}\r\nEND\r\n"));
    c.advance(1).send("get k\r\n").expect(MISS);
}

#[test]
fn the_crawler_reclaims_what_nobody_asks_for() {
    if skip_without_clock() {
        return;
    }
    let server = Server::start();
    let mut c = server.client();
    c.send("set keep 0 0 1\r\nx\r\n").expect("STORED\r\n");
    for i in 0..1000 {
        c.send(format!("set k{i} 0 10 1\r\nx\r\n")).expect("STORED\r\n");
    }
    c.advance(4000); // beyond the longest wait between two of the crawler's visits
    server.eventually("only the live item is left", |server| server.stat("curr_items") == 1);
    c.send("get keep\r\n").expect("VALUE keep 0 1\r\nx\r\nEND\r\n");
}

#[test]
fn debugtime_refuses_nonsense() {
    if skip_without_clock() {
        return;
    }
    let server = Server::start();
    server.client().says(&[
        ("debugtime\r\n", "ERROR\r\n"),
        ("debugtime x\r\n", "ERROR\r\n"),
        ("debugtime p\r\n", "OK\r\n"),
        ("debugtime r\r\n", "OK\r\n"),
    ]);
}

#[test]
fn the_clock_goes_by_itself() {
    let server = Server::start();
    let (first, mut c) = (server.stat("uptime"), server.client());
    server.eventually("a second has passed", |_| {
        c.stats("")["uptime"].parse::<u64>().expect("a number") > first
    });
}
