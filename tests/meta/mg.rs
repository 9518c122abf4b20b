//! mg: what it returns, and what it does on the way.

use crate::common::{Server, pattern, skip_without_clock};
use crate::{newer_than_reference, returned};

#[test]
fn a_hit_shows_what_was_asked_in_that_order() {
    let server = Server::start();
    server.client().says(&[
        ("ms k 5 F42 T0\r\nhello\r\n", "HD\r\n"),
        ("mg k\r\n", "HD\r\n"),
        ("mg k v\r\n", "VA 5\r\nhello\r\n"),
        ("mg k s v f t k\r\n", "VA 5 s5 f42 t-1 kk\r\nhello\r\n"),
        ("mg k t k f s\r\n", "HD t-1 kk f42 s5\r\n"),
        ("mg  k   v \r\n", "VA 5\r\nhello\r\n"),
        ("mg k v\n", "VA 5\r\nhello\r\n"),
    ]);
}

#[test]
fn a_miss_is_en_with_key_and_opaque_only() {
    let server = Server::start();
    server.client().says(&[
        ("mg none\r\n", "EN\r\n"),
        ("mg none v t s c f\r\n", "EN\r\n"),
        ("mg none O9 v k\r\n", "EN O9 knone\r\n"),
        ("mg none T30 k\r\n", "EN knone\r\n"),
    ]);
}

#[test]
fn classic_and_meta_see_the_same_items() {
    let server = Server::start();
    server.client().says(&[
        ("set k 7 0 2\r\nab\r\n", "STORED\r\n"),
        ("mg k v f\r\n", "VA 2 f7\r\nab\r\n"),
        ("ms k 3 F9\r\nxyz\r\n", "HD\r\n"),
        ("get k\r\n", "VALUE k 9 3\r\nxyz\r\nEND\r\n"),
        ("ms e 0\r\n\r\n", "HD\r\n"),
        ("mg e v s\r\n", "VA 0 s0\r\n\r\n"),
    ]);
}

#[test]
fn the_cas_is_the_one_that_gets_shows() {
    let server = Server::start();
    let mut c = server.client();
    c.send("ms k 1 c\r\nx\r\n");
    let cas = returned(&c.line(), 'c');
    c.send("gets k\r\n").expect(format!("VALUE k 0 1 {cas}\r\nx\r\nEND\r\n"));
    c.send("mg k c\r\n").expect(format!("HD c{cas}\r\n"));
}

#[test]
fn a_cas_the_client_has_spares_it_the_value() {
    if newer_than_reference() {
        return;
    }
    let server = Server::start();
    let mut c = server.client();
    c.send("ms k 2 c\r\nab\r\n");
    let cas = returned(&c.line(), 'c');
    c.send(format!("mg k v s C{cas}\r\n")).expect("HD s2\r\n");
    c.send(format!("mg k v s C{}\r\n", cas + 1)).expect("VA 2 s2\r\nab\r\n");
}

#[test]
fn fetched_and_idle_are_told_as_they_were_before() {
    if skip_without_clock() {
        return;
    }
    let server = Server::start();
    let mut c = server.client();
    c.stop_clock().send("ms k 1\r\nx\r\n").expect("HD\r\n");
    c.advance(5).send("mg k h l u\r\n").expect("HD h0 l5\r\n");
    c.send("mg k h l\r\n").expect("HD h0 l5\r\n");
    c.send("mg k h l\r\n").expect("HD h1 l5\r\n");
    // The second fetch is the one that counts as a use.
    c.send("mg k h l\r\n").expect("HD h1 l0\r\n");
}

#[test]
fn a_ttl_is_shown_and_moved_at_its_place() {
    if skip_without_clock() {
        return;
    }
    let server = Server::start();
    let mut c = server.client();
    c.stop_clock().says(&[
        ("ms k 1 T100\r\nx\r\n", "HD\r\n"),
        ("mg k t\r\n", "HD t100\r\n"),
        ("mg k t T30\r\n", "HD t100\r\n"),
        ("mg k T60 t\r\n", "HD t60\r\n"),
        ("mg k T0 t\r\n", "HD t-1\r\n"),
        ("mg k T10 v\r\n", "VA 1\r\nx\r\n"),
    ]);
    c.advance(9).send("mg k t\r\n").expect("HD t1\r\n");
    c.advance(1).send("mg k t\r\n").expect("EN\r\n");
}

#[test]
fn a_ttl_in_the_past_still_answers_once() {
    if newer_than_reference() {
        return; // it shows a negative number without its sign
    }
    let server = Server::start();
    server.client().says(&[
        ("ms k 1\r\nx\r\n", "HD\r\n"),
        ("mg k T-1 v t\r\n", "VA 1 t0\r\nx\r\n"),
        ("mg k v\r\n", "EN\r\n"),
    ]);
}

#[test]
fn a_miss_may_create_an_empty_item() {
    if skip_without_clock() {
        return;
    }
    let server = Server::start();
    let mut c = server.client();
    c.stop_clock().says(&[
        ("mg k N30 v t s f\r\n", "VA 0 t30 s0 f0 W\r\n\r\n"),
        ("mg k N30 v t\r\n", "VA 0 t30 Z\r\n\r\n"),
        ("mg k t\r\n", "HD t30 Z\r\n"),
        ("get k\r\n", "VALUE k 0 0\r\n\r\nEND\r\n"),
        ("mg a t N30\r\n", "HD t-1 W\r\n"),
        ("mg b N30 T60 t\r\n", "HD t60 W\r\n"),
        ("mg b t\r\n", "HD t60 Z\r\n"),
        ("mg c T60 N30 t\r\n", "HD t30 W\r\n"),
        ("mg c t\r\n", "HD t30 Z\r\n"),
    ]);
    c.advance(30).send("mg k\r\n").expect("EN\r\n");
}

#[test]
fn a_created_item_takes_the_cas_it_is_given() {
    if newer_than_reference() {
        return;
    }
    let server = Server::start();
    server.client().says(&[
        ("mg k N30 E777 c\r\n", "HD c777 W\r\n"),
        ("gets k\r\n", "VALUE k 0 0 777\r\n\r\nEND\r\n"),
        ("mg k N30 E778 c\r\n", "HD c777 Z\r\n"),
        ("mg z N30 E0 c\r\n", "HD c0 W\r\n"),
    ]);
}

#[test]
fn large_values_are_whole() {
    let server = Server::start();
    let mut c = server.client();
    for len in [32_000, 32_768, 32_769, 65_536, 700_000] {
        let value = pattern(len as u64, len);
        let head = format!("ms k {len} c T300\r\n");
        c.send([head.as_bytes(), &value, b"\r\n"].concat());
        let cas = returned(&c.line(), 'c');
        c.send("mg k v c Oab\r\nmg k v s q\r\nmg none\r\nmn\r\n");
        c.expect(format!("VA {len} c{cas} Oab\r\n")).expect(&value).expect("\r\n");
        c.expect(format!("VA {len} s{len}\r\n")).expect(&value).expect("\r\nEN\r\nMN\r\n");
    }
}

#[test]
fn pipelined_lookups_answer_in_order() {
    let server = Server::start();
    let mut c = server.client();
    let (mut asked, mut answered) = (String::new(), String::new());
    for n in 0..500 {
        if n % 3 != 0 {
            c.send(format!("ms key{n} 4 q\r\n{n:04}\r\n"));
            answered += &format!("VA 4 kkey{n} O{n}\r\n{n:04}\r\n");
        }
        asked += &format!("mg key{n} v k q O{n}\r\n");
    }
    c.send(asked + "mn\r\n").expect(answered + "MN\r\n");
}
