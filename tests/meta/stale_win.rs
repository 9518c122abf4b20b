//! Stale items, and who is to renew them.

use crate::common::{Server, skip_without_clock};
use crate::returned;

#[test]
fn a_stale_item_is_won_once() {
    let server = Server::start();
    server.client().says(&[
        ("ms k 1 T300\r\nx\r\n", "HD\r\n"),
        ("md k I\r\n", "HD\r\n"),
        ("mg k v k O7\r\n", "VA 1 kk O7 X W\r\nx\r\n"),
        ("mg k v\r\n", "VA 1 Z X\r\nx\r\n"),
        ("mg k\r\n", "HD Z X\r\n"),
        ("get k\r\n", "VALUE k 0 1\r\nx\r\nEND\r\n"),
        ("md k I\r\n", "HD\r\n"),
        ("mg k\r\n", "HD X W\r\n"),
        ("ms k 1\r\ny\r\n", "HD\r\n"),
        ("mg k v\r\n", "VA 1\r\ny\r\n"),
    ]);
}

#[test]
fn every_store_clears_the_marks_but_arithmetic_in_place() {
    let server = Server::start();
    let mut c = server.client();
    for (store, answer) in [
        ("set k 0 0 1\r\n9\r\n", "STORED\r\n"),
        ("append k 0 0 1\r\n9\r\n", "STORED\r\n"),
        ("ms k 1 MP\r\n9\r\n", "HD\r\n"),
        ("ma k D90000\r\n", "HD\r\n"),
    ] {
        c.says(&[("ms k 1\r\n5\r\n", "HD\r\n"), ("md k I\r\n", "HD\r\n"), (store, answer)]);
        c.send("mg k\r\n").expect("HD\r\n");
    }
    c.says(&[("ms k 1\r\n5\r\n", "HD\r\n"), ("md k I\r\n", "HD\r\n"), ("incr k 1\r\n", "6\r\n")]);
    c.send("mg k v\r\n").expect("VA 1 X W\r\n6\r\n");
}

#[test]
fn what_dies_soon_is_renewed_by_one() {
    if skip_without_clock() {
        return;
    }
    let server = Server::start();
    let mut c = server.client();
    c.stop_clock().says(&[
        ("ms k 1 T100\r\nx\r\n", "HD\r\n"),
        ("mg k R100\r\n", "HD\r\n"),
        ("mg k R101\r\n", "HD W\r\n"),
        ("mg k R101\r\n", "HD Z\r\n"),
        ("ms k 1 T100\r\nx\r\n", "HD\r\n"),
        ("mg k T50 R60\r\n", "HD W\r\n"),
        ("ms k 1 T100\r\nx\r\n", "HD\r\n"),
        ("mg k R60 T50\r\n", "HD\r\n"),
        ("ms forever 1\r\nx\r\n", "HD\r\n"),
        ("mg forever R1000\r\n", "HD\r\n"),
        ("mg new N10 R30\r\n", "HD W\r\n"),
    ]);
    c.send("ms k 1 T100\r\nx\r\n").expect("HD\r\n");
    c.advance(50).send("mg k R30\r\nmg k R60 t\r\n").expect("HD\r\nHD t50 W\r\n");
}

#[test]
fn an_outdated_store_leaves_a_stale_value() {
    if skip_without_clock() {
        return;
    }
    let server = Server::start();
    let mut c = server.client();
    c.stop_clock().send("ms k 1 T100 c\r\na\r\n");
    let old = returned(&c.line(), 'c');
    c.send("ms k 1 T100 c\r\nb\r\n");
    let new = returned(&c.line(), 'c');
    c.send(format!("ms k 1 C{} I\r\nx\r\n", new + 1)).expect("EX\r\n");
    c.send(format!("ms k 2 C{old} I T5 c\r\ncc\r\n"));
    assert!(returned(&c.line(), 'c') > new);
    c.send("mg k v t\r\n").expect("VA 2 t100 X W\r\ncc\r\n");
    // Who won keeps the right: another outdated store changes the value only.
    c.send(format!("ms k 1 C{old} I MR\r\nd\r\n")).expect("HD\r\n");
    c.send("mg k v\r\n").expect("VA 1 Z X\r\nd\r\n");
    c.send(format!("ms k 70000 C{old} I\r\n{}\r\n", "e".repeat(70_000))).expect("HD\r\n");
    c.send("mg k s t\r\n").expect("HD s70000 t100 Z X\r\n");
    c.send(format!("ms k 1 C{old}\r\nf\r\n")).expect("EX\r\n");
}

/// A thousand clients see the same miss: one of them is to fill it. It never does, and when what it
/// was given runs out there is one again.
#[test]
fn of_a_thousand_one_wins() {
    const CLIENTS: usize = 1000;
    if skip_without_clock() {
        return;
    }
    let server = Server::with(&["-c", "1100"]);
    let mut clock = server.client();
    clock.stop_clock();
    let mut clients: Vec<_> = (0..CLIENTS).map(|_| server.client()).collect();
    for _ in 0..2 {
        for c in &mut clients {
            c.send("mg k v N30 t\r\n");
        }
        let mut won = 0;
        for c in &mut clients {
            match c.read_until("\r\n\r\n").as_str() {
                "VA 0 t30 W\r\n\r\n" => won += 1,
                "VA 0 t30 Z\r\n\r\n" => {}
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(won, 1);
        clock.advance(30);
    }
}
