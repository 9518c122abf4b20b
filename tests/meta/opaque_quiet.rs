//! O and q: what comes back, and what does not.

use crate::common::Server;
use crate::newer_than_reference;

#[test]
fn quiet_suppresses_the_expected_answer_and_no_other() {
    if newer_than_reference() {
        return;
    }
    let server = Server::start();
    let mut c = server.client();
    c.says(&[
        ("mg none q k O1\r\nmn\r\n", "MN\r\n"),
        ("ms k 1 q\r\nx\r\nmn\r\n", "MN\r\n"),
        ("mg k q\r\nmg k v q\r\n", "HD\r\nVA 1\r\nx\r\n"),
        ("ms k 1 ME q\r\nx\r\n", "NS\r\n"),
        ("ms k 1 C1 q k\r\nx\r\n", "EX kk\r\n"),
        ("ms none 1 C1 q O5\r\nx\r\n", "NF O5\r\n"),
        ("md k C1 q\r\n", "EX\r\n"),
        ("md k q\r\nmn\r\n", "MN\r\n"),
        ("md k q O2\r\n", "NF O2\r\n"),
        ("ma n q\r\n", "NF\r\n"),
        ("ma n N0 v q\r\nma n v q\r\nmn\r\n", "MN\r\n"),
        ("ma n v\r\n", "VA 1\r\n2\r\n"),
        ("mg none z q\r\n", "CLIENT_ERROR invalid flag\r\n"),
    ]);
}

#[test]
fn an_opaque_is_up_to_31_bytes_or_none() {
    let server = Server::start();
    let longest = "o".repeat(31);
    let mut c = server.client();
    c.send("ms k 1\r\nx\r\n").expect("HD\r\n");
    c.send("mg k O\r\n").expect("HD O\r\n");
    c.send(format!("mg k O{longest}\r\n")).expect(format!("HD O{longest}\r\n"));
    c.send(format!("mg none O{longest}\r\n")).expect(format!("EN O{longest}\r\n"));
}

#[test]
fn a_longer_opaque_changes_nothing() {
    if newer_than_reference() {
        return; // it has done the arithmetic by then, and moved the TTL
    }
    let server = Server::start();
    let opaque = "o".repeat(32);
    let refusal = "CLIENT_ERROR opaque token too long\r\n";
    let mut c = server.client();
    c.send("ms k 1\r\n5\r\n").expect("HD\r\n");
    for request in ["mg k T5 q", "md k q", "ma k q", "mg none q", "md none", "ma new N0"] {
        c.send(format!("{request} O{opaque}\r\n")).expect(refusal);
    }
    c.send(format!("ms k 1 q O{opaque}\r\n6\r\n")).expect(refusal);
    c.send(format!("ms k 1 MX O{opaque}\r\n6\r\n"));
    c.expect("CLIENT_ERROR invalid mode for ms M token\r\n");
    c.says(&[("mg k v t\r\n", "VA 1 t-1\r\n5\r\n"), ("mg new\r\n", "EN\r\n")]);
}

#[test]
fn hints_for_proxies_are_taken_and_ignored() {
    let server = Server::start();
    let mut c = server.client();
    c.says(&[("ms k 1 Pa L/b/c\r\nx\r\n", "HD\r\n"), ("mg k P L v\r\n", "VA 1\r\nx\r\n")]);
}
