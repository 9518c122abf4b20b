//! Limits of keys, lines, values and numbers: at the limit, and one beyond.

use std::time::Duration;

use crate::common::{BAD_FORMAT, Server, TOO_LARGE};

const MIB: usize = 1 << 20;
/// What an item of a one-byte key without flags may hold at the default -I 1m (PROTOCOL 9.1).
const LARGEST: usize = 1_048_516;

#[test]
fn a_key_of_250_bytes_works_everywhere() {
    let server = Server::start();
    let mut c = server.client();
    let key = "k".repeat(250);
    c.send(format!("set {key} 0 0 1\r\n1\r\n")).expect("STORED\r\n");
    c.send(format!("get {key}\r\n")).expect(format!("VALUE {key} 0 1\r\n1\r\nEND\r\n"));
    c.send(format!("incr {key} 1\r\n")).expect("2\r\n");
    c.send(format!("touch {key} 0\r\n")).expect("TOUCHED\r\n");
    c.send(format!("append {key} 0 0 1\r\n1\r\n")).expect("STORED\r\n");
    c.send(format!("gat 0 {key}\r\n")).expect(format!("VALUE {key} 0 2\r\n21\r\nEND\r\n"));
    c.send(format!("delete {key}\r\n")).expect("DELETED\r\n");
}

#[test]
fn a_key_of_251_bytes_is_a_bad_line() {
    let server = Server::start();
    let mut c = server.client();
    let key = "k".repeat(251);
    let lines = ["get KEY", "gets KEY", "get a KEY b", "gat 0 KEY", "gats 0 a KEY", "delete KEY"];
    for line in lines {
        c.send(line.replace("KEY", &key) + "\r\n").expect(BAD_FORMAT).expect_in_sync();
    }
    for line in ["incr KEY 1", "decr KEY 1", "touch KEY 0"] {
        c.send(line.replace("KEY", &key) + "\r\n").expect(BAD_FORMAT).expect_in_sync();
    }
}

#[test]
fn a_long_key_of_a_storage_command_swallows_its_data() {
    let server = Server::start();
    let mut c = server.client();
    for len in [251, 252, 400, 2000] {
        let key = "k".repeat(len);
        for verb in ["set", "add", "replace", "append", "prepend"] {
            c.send(format!("{verb} {key} 0 0 7\r\nget k\r\n\r\n")).expect(BAD_FORMAT);
            c.expect_in_sync();
        }
        c.send(format!("cas {key} 0 0 7 1\r\nget k\r\n\r\n")).expect(BAD_FORMAT).expect_in_sync();
    }
}

/// The values found before the bad key are not sent.
#[test]
fn one_long_key_spoils_the_whole_get() {
    let server = Server::start();
    let mut c = server.client();
    c.send("set a 0 0 1\r\nx\r\n").expect("STORED\r\n");
    let key = "k".repeat(251);
    c.send(format!("get a {key} a\r\n")).expect(BAD_FORMAT).expect_in_sync();
    c.send(format!("get a a {key}\r\n")).expect(BAD_FORMAT).expect_in_sync();
}

#[test]
fn the_largest_value_fits_and_one_byte_more_does_not() {
    let server = Server::start();
    let mut c = server.client();
    let value = "v".repeat(LARGEST);
    c.send(format!("set k 0 0 {LARGEST}\r\n{value}\r\n")).expect("STORED\r\n");
    c.send("get k\r\n").expect(format!("VALUE k 0 {LARGEST}\r\n{value}\r\nEND\r\n"));
    c.send(format!("set k 0 0 {}\r\n{value}v\r\n", LARGEST + 1)).expect(TOO_LARGE);
    // A longer key, or flags, cost that much.
    c.send(format!("set kk 0 0 {LARGEST}\r\n{value}\r\n")).expect(TOO_LARGE);
    c.send(format!("set k 1 0 {LARGEST}\r\n{value}\r\n")).expect(TOO_LARGE);
    c.send(format!("set k 1 0 {}\r\n{}\r\n", LARGEST - 4, &value[4..])).expect("STORED\r\n");
    c.expect_in_sync();
}

#[test]
fn too_large_a_set_deletes_the_old_item_and_others_keep_it() {
    let server = Server::start();
    let mut c = server.client();
    let body = "v".repeat(2 * MIB);
    for verb in ["add", "replace", "append", "prepend"] {
        c.send("set k 0 0 3\r\nold\r\n").expect("STORED\r\n");
        c.send(format!("{verb} k 0 0 {}\r\n{body}\r\n", body.len())).expect(TOO_LARGE);
        c.send("get k\r\n").expect("VALUE k 0 3\r\nold\r\nEND\r\n");
    }
    c.send(format!("cas k 0 0 {} 1\r\n{body}\r\n", body.len())).expect(TOO_LARGE);
    c.send("get k\r\n").expect("VALUE k 0 3\r\nold\r\nEND\r\n");
    c.send(format!("set k 0 0 {}\r\n{body}\r\n", body.len())).expect(TOO_LARGE);
    c.send("get k\r\n").expect("END\r\n");
}

/// The error comes when the data has been swallowed, not before.
#[test]
fn too_large_is_told_after_the_data() {
    let server = Server::start();
    let mut c = server.client();
    c.send(format!("set k 0 0 {}\r\n", 2 * MIB)).expect_silence(Duration::from_millis(30));
    c.send("v".repeat(2 * MIB)).expect_silence(Duration::from_millis(30));
    c.send("\r\n").expect(TOO_LARGE).expect_in_sync();
}

/// A length one could not hold in memory is swallowed as it comes; here only its beginning does.
#[test]
fn two_gigabytes_announced_cost_nothing() {
    let server = Server::start();
    let mut c = server.client();
    let before = server.resident();
    c.send("set k 0 0 2147483645\r\n").send("v".repeat(8 * MIB));
    c.expect_silence(Duration::from_millis(30));
    assert!(server.resident() < before + (4 << 20), "{} → {}", before, server.resident());
    server.assert_serves();
}

#[test]
fn append_beyond_the_largest_item_is_not_stored() {
    let server = Server::start();
    let mut c = server.client();
    let value = "v".repeat(1_000_000);
    c.send(format!("set k 0 0 1000000\r\n{value}\r\n")).expect("STORED\r\n");
    let more = "w".repeat(100_000);
    c.send(format!("append k 0 0 100000\r\n{more}\r\n")).expect("NOT_STORED\r\n");
    c.send(format!("prepend k 0 0 100000\r\n{more}\r\n")).expect("NOT_STORED\r\n");
    c.send("get k\r\n").expect(format!("VALUE k 0 1000000\r\n{value}\r\nEND\r\n"));
}

#[test]
fn a_long_line_that_arrived_whole_is_read() {
    let server = Server::start();
    let mut c = server.client();
    c.send(format!("bogus {}\r\n", "x".repeat(1900))).expect("ERROR\r\n");
    c.send(format!("get k{}\r\n", " ".repeat(1900))).expect("END\r\n");
    c.send(format!("set k 0 0 1 {}\r\nx\r\n", "y".repeat(1900))).expect("STORED\r\n");
    c.expect_in_sync();
}

#[test]
fn an_endless_line_ends_the_connection() {
    let server = Server::start();
    let before = server.resident();
    for start in ["set ", "x", "delete ", "\0", "gat 0 ", "getx ", "touch "] {
        let mut c = server.client();
        c.send_lossy(start).send_lossy("k".repeat(3000)).expect_dropped();
        let mut c = server.client();
        c.send_lossy(start).send_lossy("k".repeat(MIB)).expect_dropped();
    }
    assert!(server.resident() < before + (8 << 20), "{} → {}", before, server.resident());
    server.assert_serves();
}

#[test]
fn a_get_line_may_be_long_but_not_for_ever_without_keys() {
    let server = Server::start();
    let mut c = server.client();
    c.send("get k").send(" k".repeat(50_000)).send("\r\n").expect("END\r\n").expect_in_sync();
    // One key of a megabyte is a long line too, and a bad one.
    let mut c = server.client();
    c.send("get ").send("k".repeat(MIB)).send("\r\n").expect(BAD_FORMAT).expect_in_sync();
}

/// CVE-2023-46852.
#[test]
fn spaces_before_a_key_are_only_spaces() {
    let server = Server::start();
    let mut c = server.client();
    c.send("set k 0 0 1\r\nx\r\n").expect("STORED\r\n");
    for spaces in [100, 1000, 2040] {
        c.send(format!("get{}k\r\n", " ".repeat(spaces)));
        c.expect("VALUE k 0 1\r\nx\r\nEND\r\n");
    }
}

#[test]
fn numbers_at_their_limits() {
    let server = Server::start();
    let mut c = server.client();
    c.send("set k 4294967295 2147483647 1\r\nx\r\n").expect("STORED\r\n");
    c.send("get k\r\n").expect("VALUE k 4294967295 1\r\nx\r\nEND\r\n");
    c.send("touch k 2147483647\r\n").expect("TOUCHED\r\n");
    c.send("touch k -2147483648\r\n").expect("TOUCHED\r\n");
    c.send("get k\r\n").expect("END\r\n");
    c.send("set k 0 0 00000000001\r\nx\r\n").expect("STORED\r\n");
    c.send("set k 18446744073709551616 0 1\r\nx\r\n").expect(BAD_FORMAT).expect_in_sync();
}

/// The strict parser looks at eleven characters at most, leading zeros among them.
#[test]
fn twelve_digits_are_no_length() {
    let server = Server::start();
    server.client().send("set k 0 0 000000000001\r\n").expect(BAD_FORMAT).expect_in_sync();
    let bad = "CLIENT_ERROR invalid exptime argument\r\n";
    server.client().send("touch k 000000000001\r\n").expect(bad);
}

#[test]
fn many_tokens_do_not_hide_the_first_ones() {
    let server = Server::start();
    let mut c = server.client();
    let words = " w".repeat(40);
    c.send(format!("set k 0 0 1{words}\r\nx\r\n")).expect("STORED\r\n");
    c.send(format!("bogus{words}\r\n")).expect("ERROR\r\n");
    c.send(format!("version{words}\r\n")).expect("VERSION ");
    c.line();
    // A noreply beyond the 23rd word is not seen.
    c.send(format!("set k 0 0 1{words} noreply\r\ny\r\n")).expect("STORED\r\n");
    c.send("get k\r\n").expect("VALUE k 0 1\r\ny\r\nEND\r\n");
}

#[test]
fn the_item_size_limit_is_the_one_given() {
    let server = Server::with(&["-I", "8m", "-m", "64"]);
    let mut c = server.client();
    let largest = 8 * MIB - 60;
    let value = "v".repeat(largest);
    c.send(format!("set k 0 0 {largest}\r\n{value}\r\n")).expect("STORED\r\n");
    c.send("get k\r\n").expect(format!("VALUE k 0 {largest}\r\n{value}\r\nEND\r\n"));
    c.send(format!("set k 0 0 {}\r\n{value}v\r\n", largest + 1)).expect(TOO_LARGE);
    c.expect_in_sync();
}
