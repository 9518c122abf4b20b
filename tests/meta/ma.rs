//! ma: arithmetic.

use crate::common::{Server, skip_without_clock};
use crate::{newer_than_reference, returned};

#[test]
fn a_number_counts_up_and_down() {
    let server = Server::start();
    server.client().says(&[
        ("ms n 2\r\n10\r\n", "HD\r\n"),
        ("ma n\r\n", "HD\r\n"),
        ("ma n v\r\n", "VA 2\r\n12\r\n"),
        ("ma n v D5 MI\r\n", "VA 2\r\n17\r\n"),
        ("ma n v MD D9\r\n", "VA 1\r\n8\r\n"),
        ("mg n v\r\n", "VA 2\r\n8 \r\n"),
        ("ma n v M+\r\n", "VA 1\r\n9\r\n"),
        ("ma n v M-\r\n", "VA 1\r\n8\r\n"),
        ("ma n v MD D100\r\n", "VA 1\r\n0\r\n"),
        ("ma n v D18446744073709551615\r\n", "VA 20\r\n18446744073709551615\r\n"),
        ("ma n v D2\r\n", "VA 1\r\n1\r\n"),
    ]);
}

#[test]
fn a_miss_creates_only_if_asked() {
    if skip_without_clock() {
        return;
    }
    let server = Server::start();
    let mut c = server.client();
    c.stop_clock().says(&[
        ("ma n v k O1 t c\r\n", "NF kn O1\r\n"),
        ("ma n N30 J13 v t\r\n", "VA 2 t30\r\n13\r\n"),
        ("ma n N60 J99 v t\r\n", "VA 2 t30\r\n14\r\n"),
        ("ma z N0 v\r\n", "VA 1\r\n0\r\n"),
        ("ma a t N30\r\n", "HD t-1\r\n"),
        ("ma b N30 T60 t\r\n", "HD t60\r\n"),
        ("mg b t\r\n", "HD t60\r\n"),
        ("ma c T60 N30 t\r\n", "HD t30\r\n"),
        ("mg c t\r\n", "HD t30\r\n"),
        ("ma n t T90\r\n", "HD t30\r\n"),
        ("ma n t T50\r\n", "HD t90\r\n"),
        ("ma n T0 t\r\n", "HD t-1\r\n"),
    ]);
}

#[test]
fn what_is_no_number_is_said_so_even_quietly() {
    let server = Server::start();
    let refusal = "CLIENT_ERROR cannot increment or decrement non-numeric value\r\n";
    let mut c = server.client();
    c.says(&[("ms n 1\r\nx\r\n", "HD\r\n"), ("ma n q\r\n", refusal), ("ma n N0\r\n", refusal)]);
}

#[test]
fn a_cas_is_looked_at_before_the_number() {
    let server = Server::start();
    let mut c = server.client();
    c.send("ms n 1 c\r\nx\r\n");
    let cas = returned(&c.line(), 'c');
    c.send(format!("ma n C{} k O2 v t c\r\n", cas + 1)).expect("EX kn O2\r\n");
    c.send("ms n 1 c\r\n5\r\n");
    let cas = returned(&c.line(), 'c');
    c.send("ma n C0 v\r\n").expect("VA 1\r\n6\r\n");
    c.send(format!("ma n C{cas}\r\n")).expect("EX\r\n");
}

#[test]
fn the_cas_returned_is_the_new_one() {
    let server = Server::start();
    let mut c = server.client();
    c.send("ms n 1 c\r\n5\r\n");
    let before = returned(&c.line(), 'c');
    c.send("ma n c\r\n");
    let after = returned(&c.line(), 'c');
    assert!(after > before, "{after} after {before}");
    c.send("mg n c\r\n").expect(format!("HD c{after}\r\n"));
}

#[test]
fn a_cas_can_be_chosen() {
    if newer_than_reference() {
        return;
    }
    let server = Server::start();
    server.client().says(&[
        ("ma n N0 J5 E123 c\r\n", "HD c123\r\n"),
        ("ma n E0 c v\r\n", "VA 1 c0\r\n6\r\n"),
        ("ma n D10 E7 c v\r\n", "VA 2 c7\r\n16\r\n"),
        ("set n 3 0 2\r\n20\r\n", "STORED\r\n"),
        ("ma n E9 c v\r\n", "VA 2 c9\r\n21\r\n"),
        ("mg n f v c\r\n", "VA 2 f3 c9\r\n21\r\n"),
        ("ma n MD D15 E10 v\r\n", "VA 1\r\n6\r\n"),
        ("mg n v c\r\n", "VA 2 c10\r\n6 \r\n"),
    ]);
}

#[test]
fn a_mode_is_one_of_four() {
    if newer_than_reference() {
        return;
    }
    let server = Server::start();
    let refusal = "CLIENT_ERROR invalid mode for ma M token\r\n";
    let mut c = server.client();
    c.says(&[("ms n 1\r\n5\r\n", "HD\r\n"), ("ma n Mx\r\n", refusal), ("ma n M\r\n", refusal)]);
    c.send("ma n v\r\n").expect("VA 1\r\n6\r\n");
}
