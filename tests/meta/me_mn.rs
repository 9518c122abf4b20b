//! me and mn.

use crate::common::{Server, skip_without_clock};
use crate::newer_than_reference;

/// `name=value` of a line of me.
fn field(line: &str, name: &str) -> String {
    let found = line.split(' ').find_map(|word| word.strip_prefix(name)?.strip_prefix('='));
    found.unwrap_or_else(|| panic!("no {name} in {line:?}")).to_string()
}

#[test]
fn an_item_is_described_without_being_used() {
    if skip_without_clock() {
        return;
    }
    let server = Server::start();
    let mut c = server.client();
    c.stop_clock().send("ms k 3 T100 F1\r\nabc\r\n").expect("HD\r\n");
    c.advance(7).send("gets k\r\n").read_until("END\r\n");
    c.send("ms k 3 T100 F1\r\nabc\r\n").expect("HD\r\n");
    c.send("mg k c u\r\n");
    let cas = c.line().replace("HD c", "");
    c.advance(5).send("me k\r\n");
    let line = c.line();
    assert!(line.starts_with("ME k exp=95 la=5 "), "{line}");
    assert_eq!(field(&line, "cas"), cas);
    assert_eq!(field(&line, "fetch"), "no");
    assert_eq!(field(&line, "cls"), "1");
    // Header, flags, key, value.
    assert_eq!(field(&line, "size"), (24 + 4 + 1 + 3).to_string());
    c.send("mg k h\r\n").expect("HD h0\r\n");
    c.send("me k\r\n");
    assert_eq!(field(&c.line(), "fetch"), "yes");
}

#[test]
fn what_is_not_there_is_en() {
    let server = Server::start();
    let mut c = server.client();
    c.says(&[("me none\r\n", "EN\r\n"), ("ms k 1\r\nx\r\n", "HD\r\n")]);
    c.send("me k v t O1 O1\r\n");
    assert!(c.line().starts_with("ME k exp=-1 la="));
}

#[test]
fn a_binary_key_is_shown_encoded() {
    if newer_than_reference() {
        return;
    }
    let server = Server::start();
    let mut c = server.client();
    c.send("ms AQID 1 b\r\nx\r\n").expect("HD\r\n");
    for line in ["me AQID b\r\n", "me AQID b x\r\n", "me AQID v b\r\n"] {
        c.send(line);
        assert!(c.line().starts_with("ME AQID exp=-1 "));
    }
    c.says(&[
        ("me AQID\r\n", "EN\r\n"),
        ("me AQI b\r\n", "CLIENT_ERROR bad command line format\r\n"),
    ]);
}

#[test]
fn a_large_item_shows_the_largest_class() {
    if newer_than_reference() {
        return;
    }
    let server = Server::start();
    let mut c = server.client();
    c.send(format!("ms k 300000\r\n{}\r\nme k\r\n", "x".repeat(300_000))).expect("HD\r\n");
    let line = c.line();
    let last = c.stats("items").keys().filter_map(|k| k.split(':').nth(1)?.parse().ok()).max();
    assert_eq!(field(&line, "cls").parse::<u32>().ok(), last);
    assert!(field(&line, "size").parse::<u64>().expect("a size") > 300_000);
}

#[test]
fn mn_is_mn_whatever_follows() {
    let server = Server::start();
    let mut c = server.client();
    c.says(&[("mn\r\n", "MN\r\n"), ("mn x y\r\n", "MN\r\n"), ("mn noreply\r\n", "MN\r\n")]);
    c.send("mg a q\r\nmg b q\r\nmn\r\n").expect("MN\r\n");
}
