//! ms: modes, conditions, what it returns.

use crate::common::{Server, skip_without_clock};
use crate::{newer_than_reference, returned};

#[test]
fn modes_ask_for_presence_or_absence() {
    let server = Server::start();
    server.client().says(&[
        ("ms k 1 MR\r\na\r\n", "NS\r\n"),
        ("ms k 1 ME\r\nb\r\n", "HD\r\n"),
        ("ms k 1 ME\r\nc\r\n", "NS\r\n"),
        ("ms k 1 MR\r\nd\r\n", "HD\r\n"),
        ("mg k v\r\n", "VA 1\r\nd\r\n"),
        ("ms k 1 MS\r\ne\r\n", "HD\r\n"),
        ("ms k 2 MA\r\nfg\r\n", "HD\r\n"),
        ("ms k 2 MP\r\nxy\r\n", "HD\r\n"),
        ("mg k v\r\n", "VA 5\r\nxyefg\r\n"),
        ("ms none 1 MA\r\nx\r\n", "NS\r\n"),
        ("ms none 1 MP\r\nx\r\n", "NS\r\n"),
    ]);
}

#[test]
fn only_the_first_letter_of_a_mode_counts() {
    if newer_than_reference() {
        return;
    }
    let server = Server::start();
    server.client().says(&[
        ("ms k 1 MSet\r\nx\r\n", "HD\r\n"),
        ("ms k 1 Mset\r\nx\r\n", "CLIENT_ERROR invalid mode for ms M token\r\n"),
        ("ms k 1 M\r\nx\r\n", "CLIENT_ERROR invalid mode for ms M token\r\n"),
        ("ms k 1 MX\r\nx\r\n", "CLIENT_ERROR invalid mode for ms M token\r\n"),
        ("mn\r\n", "MN\r\n"),
    ]);
}

#[test]
fn a_cas_decides_for_set_and_replace() {
    let server = Server::start();
    let mut c = server.client();
    for mode in ["", " MS", " MR"] {
        c.send(format!("ms none 1{mode} C5\r\nx\r\n")).expect("NF\r\n");
        c.send("ms k 1 c\r\na\r\n");
        let cas = returned(&c.line(), 'c');
        c.send(format!("ms k 1{mode} C{}\r\nb\r\n", cas + 1)).expect("EX\r\n");
        c.send(format!("ms k 1{mode} C{cas}\r\nc\r\n")).expect("HD\r\n");
        c.send(format!("ms k 1{mode} C{cas}\r\nd\r\n")).expect("EX\r\n");
        c.send("mg k v\r\n").expect("VA 1\r\nc\r\n");
    }
}

#[test]
fn a_cas_of_zero_never_fits_a_set_and_never_hinders_an_append() {
    if newer_than_reference() {
        return;
    }
    let server = Server::start();
    server.client().says(&[
        ("ms k 1\r\na\r\n", "HD\r\n"),
        ("ms k 1 C0\r\nb\r\n", "EX\r\n"),
        ("ms none 1 C0\r\nb\r\n", "NF\r\n"),
        ("ms k 1 MA C0\r\nb\r\n", "HD\r\n"),
        ("ms k 1 MP C5\r\nc\r\n", "EX\r\n"),
        ("ms k 1 ME C0\r\nb\r\n", "NS\r\n"),
        ("ms new 1 ME C5\r\nb\r\n", "HD\r\n"),
        ("mg k v\r\n", "VA 2\r\nab\r\n"),
    ]);
}

#[test]
fn an_append_that_misses_may_create() {
    if newer_than_reference() || skip_without_clock() {
        return;
    }
    let server = Server::start();
    let mut c = server.client();
    c.stop_clock().says(&[
        ("ms k 2 MA N30 F5 T99\r\nab\r\n", "HD\r\n"),
        ("mg k v t f\r\n", "VA 2 t30 f5\r\nab\r\n"),
        ("ms k 2 MA N60 F6 T99 s\r\ncd\r\n", "HD s4\r\n"),
        ("mg k v t f\r\n", "VA 4 t30 f5\r\nabcd\r\n"),
        ("ms p 1 MP N30 C7\r\nx\r\n", "HD\r\n"),
        ("ms q 1 MS N30\r\nx\r\n", "HD\r\n"),
        ("mg q t\r\n", "HD t-1\r\n"),
    ]);
}

#[test]
fn what_is_returned_stands_in_the_order_asked() {
    if newer_than_reference() {
        return;
    }
    let server = Server::start();
    let mut c = server.client();
    c.send("ms k 3 k s c O9 b2\r\nabc\r\n").expect("CLIENT_ERROR error decoding key\r\n");
    c.send("ms k 3 k s c O9 t v f h l\r\nabc\r\n");
    let line = c.line();
    let cas = returned(&line, 'c');
    assert_eq!(line, format!("HD kk s3 c{cas} O9"));
    c.says(&[
        ("ms k 2 s MA\r\nde\r\n", "HD s5\r\n"),
        ("ms k 2 ME O9 s k c\r\nde\r\n", "NS O9 s2 kk c0\r\n"),
        ("ms k 2 C1 c k s\r\nde\r\n", "EX c0 kk s2\r\n"),
        ("ms n 2 C1 c k s\r\nde\r\n", "NF c0 kn s2\r\n"),
    ]);
}

#[test]
fn a_chosen_cas_is_the_items_cas() {
    if newer_than_reference() {
        return;
    }
    let server = Server::start();
    let mut c = server.client();
    c.says(&[
        ("ms k 1 E18446744073709551615 c\r\na\r\n", "HD c18446744073709551615\r\n"),
        ("gets k\r\n", "VALUE k 0 1 18446744073709551615\r\na\r\nEND\r\n"),
        ("ms k 1 C18446744073709551615 E3 F1\r\nb\r\n", "HD\r\n"),
        ("mg k c v f\r\n", "VA 1 c3 f1\r\nb\r\n"),
        ("cas k 0 0 1 3\r\nd\r\n", "STORED\r\n"),
        ("ms k 1 C3\r\ne\r\n", "EX\r\n"),
        ("ms k 1 E9\r\ne\r\n", "HD\r\n"),
        ("ms k 2 MA E10 c s\r\nfg\r\n", "HD c10 s3\r\n"),
        ("append k 0 0 1\r\nh\r\n", "STORED\r\n"),
    ]);
    // An append without E has a CAS of the server's again, and E0 is none.
    c.send("mg k v c\r\n");
    assert_ne!(returned(&c.line(), 'c'), 10);
    c.expect("efgh\r\n").send("ms k 1 E0 c\r\nx\r\n");
    assert_ne!(returned(&c.line(), 'c'), 0);
}

#[test]
fn a_value_that_fills_its_chunk_finds_room_for_a_cas() {
    if newer_than_reference() {
        return;
    }
    let server = Server::start();
    let mut c = server.client();
    for len in (32_700..32_745).chain([40, 41, 42, 43, 44, 45, 46, 47, 48, 70_000]) {
        let value = "7".repeat(len);
        c.send(format!("ms k {len} F3\r\n{value}\r\n")).expect("HD\r\n");
        c.send("md k I E5 T100\r\n").expect("HD\r\n");
        c.send("mg k c f v u\r\n").expect(format!("VA {len} c5 f3 X W\r\n{value}\r\n"));
        c.send(format!("ms k {len} E6\r\n{value}\r\n")).expect("HD\r\n");
        c.send("ms k 1 MP E8 c s\r\n-\r\n").expect(format!("HD c8 s{}\r\n", len + 1));
        c.send("mg k v c\r\n").expect(format!("VA {} c8\r\n-{value}\r\n", len + 1));
    }
}

#[test]
fn too_large_takes_the_old_item_along_in_every_mode() {
    let server = Server::start();
    let mut c = server.client();
    let big = "x".repeat(1 << 20);
    for mode in ["MS", "ME", "MR", "MA", "MP"] {
        c.send("ms k 1\r\nx\r\n").expect("HD\r\n");
        c.send(format!("ms k {} {mode} q\r\n{big}\r\n", big.len()));
        c.expect("SERVER_ERROR object too large for cache\r\n");
        c.send("mg k\r\n").expect("EN\r\n");
    }
}

#[test]
fn a_join_beyond_the_limit_stores_nothing() {
    let server = Server::start();
    let mut c = server.client();
    let half = "x".repeat(600_000);
    c.send(format!("ms k {}\r\n{half}\r\n", half.len())).expect("HD\r\n");
    c.send(format!("ms k {} MA\r\n{half}\r\n", half.len())).expect("NS\r\n");
    c.send("mg k s\r\n").expect(format!("HD s{}\r\n", half.len()));
}

#[test]
fn a_block_without_its_end_is_a_bad_chunk_even_when_quiet() {
    let server = Server::start();
    let mut c = server.client();
    c.send("ms k 2 q\r\nabcd").expect("CLIENT_ERROR bad data chunk\r\n");
    c.send("mg k\r\n").expect("EN\r\n");
}
