//! Lines that are wrong: which error, and what is swallowed with it.

use crate::common::Server;
use crate::newer_than_reference;

const BADFMT: &str = "CLIENT_ERROR bad command line format\r\n";

#[test]
fn flags_are_looked_at_from_left_to_right() {
    let server = Server::start();
    server.client().says(&[
        ("mg k s s\r\n", "CLIENT_ERROR duplicate flag\r\n"),
        ("mg k s s Tx z\r\n", "CLIENT_ERROR duplicate flag\r\n"),
        ("mg k z s s\r\n", "CLIENT_ERROR invalid flag\r\n"),
        ("mg k 1\r\n", "CLIENT_ERROR invalid flag\r\n"),
        ("mg k ^\r\n", "CLIENT_ERROR invalid flag\r\n"),
        ("mg k noreply\r\n", "CLIENT_ERROR invalid flag\r\n"),
        ("mg k Tx\r\n", "CLIENT_ERROR bad token in command line format\r\n"),
        ("mg k T\r\n", "CLIENT_ERROR bad token in command line format\r\n"),
        ("mg k N\r\n", "CLIENT_ERROR bad token in command line format\r\n"),
        ("mg k R1x\r\n", "CLIENT_ERROR bad token in command line format\r\n"),
        ("mg k C\r\n", "CLIENT_ERROR bad token in command line format\r\n"),
        ("mg k Jx\r\n", "CLIENT_ERROR invalid numeric initial value\r\n"),
        ("mg k Dx\r\n", "CLIENT_ERROR invalid numeric delta value\r\n"),
        ("mg k Tx Dx\r\n", "CLIENT_ERROR invalid numeric delta value\r\n"),
        ("mg k Dx Tx\r\n", "CLIENT_ERROR bad token in command line format\r\n"),
        ("mg k Dx s s\r\n", "CLIENT_ERROR duplicate flag\r\n"),
        ("mg k Fx\r\n", BADFMT),
        ("mg k Jx Fx\r\n", "CLIENT_ERROR invalid numeric initial value\r\n"),
        ("mg k q z\r\n", "CLIENT_ERROR invalid flag\r\n"),
        ("mn\r\n", "MN\r\n"),
    ]);
}

#[test]
fn of_arithmetic_every_fault_is_one() {
    if newer_than_reference() {
        return;
    }
    let server = Server::start();
    let mut c = server.client();
    let refusal = "CLIENT_ERROR invalid or duplicate flag\r\n";
    for flags in ["s s", "z", "Tx", "Jx", "Dx", "Fx", "C", "N"] {
        c.send(format!("ma k {flags}\r\n")).expect(refusal);
    }
    c.send(format!("ma {}\r\n", "k".repeat(251))).expect(refusal);
}

#[test]
fn a_line_without_the_shape_swallows_nothing() {
    if newer_than_reference() {
        return;
    }
    let server = Server::start();
    let mut c = server.client();
    for line in ["mg", "md", "ma", "me", "mg ", "ms", "ms k", "ms k x", "ms k -1", "ms k S100"] {
        c.send(format!("{line}\r\nmn\r\n")).expect(format!("{BADFMT}MN\r\n"));
    }
    for flag in ["!", "-", "{", "~", "\u{e9}", "@", ".x"] {
        c.send(format!("mg k v {flag}\r\n")).expect(BADFMT);
        c.send(format!("mg k v v {flag}\r\n")).expect(BADFMT);
        c.send(format!("ma k {flag}\r\n")).expect(BADFMT);
        c.send(format!("ms k 2 {flag}\r\nmn\r\n")).expect(format!("{BADFMT}MN\r\n"));
    }
    c.send("ms k 2147483646\r\nmn\r\n").expect(format!("{BADFMT}MN\r\n"));
}

#[test]
fn a_line_that_is_only_wrong_swallows_its_block() {
    if newer_than_reference() {
        return;
    }
    let server = Server::start();
    let mut c = server.client();
    let long = "k".repeat(251);
    c.send(format!("ms {long} 4\r\nmn\r\n\r\n")).expect(BADFMT);
    for (flags, error) in [
        ("z", "invalid flag"),
        ("q q", "duplicate flag"),
        ("Tx", "bad token in command line format"),
        ("MX", "invalid mode for ms M token"),
        ("b", "error decoding key"),
    ] {
        c.send(format!("ms k 4 {flags}\r\nmn\r\n\r\n"));
        c.expect(format!("CLIENT_ERROR {error}\r\n"));
    }
    let body = "get x\r\n".repeat(20_000);
    c.send(format!("ms k {} z\r\n{body}\r\n", body.len()));
    c.expect("CLIENT_ERROR invalid flag\r\n").expect_in_sync();
}

#[test]
fn keys_are_up_to_250_bytes() {
    let server = Server::start();
    let mut c = server.client();
    let longest = "k".repeat(250);
    c.send(format!("ms {longest} 1\r\nx\r\n")).expect("HD\r\n");
    c.send(format!("mg {longest} v k\r\n")).expect(format!("VA 1 k{longest}\r\nx\r\n"));
    c.send(format!("mg {longest}k v\r\nmd {longest}k\r\n")).expect(format!("{BADFMT}{BADFMT}"));
}

#[test]
fn twenty_tokens_are_the_most() {
    if newer_than_reference() {
        return;
    }
    let server = Server::start();
    let mut c = server.client();
    let flags = "v s t c f h l k O1 u q T0 R1 I x P L D1 J1";
    let words: Vec<&str> = flags.split(' ').collect();
    c.send("ms k 1\r\nx\r\n").expect("HD\r\n");
    c.send(format!("mg k {}\r\n", words[..18].join(" ")));
    assert!(c.read_until("x\r\n").starts_with("VA 1 s1 t-1 c"));
    let refusal = "CLIENT_ERROR options flags are too long\r\n";
    c.send(format!("mg k {}\r\n", words.join(" "))).expect(refusal);
    c.send(format!("ms k 4 {}\r\nmn\r\n\r\n", words[..18].join(" "))).expect(refusal);
    c.expect_in_sync();
}

#[test]
fn client_flags_are_32_bits() {
    if newer_than_reference() {
        return;
    }
    let server = Server::start();
    server.client().says(&[
        ("ms k 1 F4294967295\r\nx\r\n", "HD\r\n"),
        ("mg k f\r\n", "HD f4294967295\r\n"),
        ("ms k 1 F4294967296\r\nx\r\n", BADFMT),
        ("ms k 1 F\r\nx\r\n", BADFMT),
        ("ms k 1 F-1\r\nx\r\n", BADFMT),
        ("mn\r\n", "MN\r\n"),
    ]);
}
