//! set, add, replace, append, prepend and what get says of them.

use crate::common::{BAD_CHUNK, Server};

#[test]
fn set_then_get_returns_flags_and_value() {
    let server = Server::start();
    server.client().says(&[
        ("set k 42 0 5\r\nhello\r\n", "STORED\r\n"),
        ("get k\r\n", "VALUE k 42 5\r\nhello\r\nEND\r\n"),
    ]);
}

#[test]
fn get_of_an_absent_key_is_just_end() {
    let server = Server::start();
    server.client().send("get absent\r\n").expect("END\r\n");
}

#[test]
fn set_replaces_value_and_flags() {
    let server = Server::start();
    server.client().says(&[
        ("set k 1 0 3\r\none\r\n", "STORED\r\n"),
        ("set k 2 0 6\r\nsecond\r\n", "STORED\r\n"),
        ("get k\r\n", "VALUE k 2 6\r\nsecond\r\nEND\r\n"),
        ("set k 0 0 1\r\nx\r\n", "STORED\r\n"),
        ("get k\r\n", "VALUE k 0 1\r\nx\r\nEND\r\n"),
    ]);
}

#[test]
fn an_empty_value_is_a_value() {
    let server = Server::start();
    server.client().says(&[
        ("set k 7 0 0\r\n\r\n", "STORED\r\n"),
        ("get k\r\n", "VALUE k 7 0\r\n\r\nEND\r\n"),
        ("append k 0 0 2\r\nab\r\n", "STORED\r\n"),
        ("get k\r\n", "VALUE k 7 2\r\nab\r\nEND\r\n"),
    ]);
}

#[test]
fn every_byte_may_stand_in_a_value() {
    let server = Server::start();
    let value: Vec<u8> = (0..=255).chain(*b"\r\nget k\r\n\0").collect();
    let block = [format!("k 0 0 {}\r\n", value.len()).as_bytes(), &value, b"\r\n"].concat();
    let mut c = server.client();
    c.send([b"set ", &block[..]].concat()).expect("STORED\r\n");
    let head = format!("VALUE k 0 {}\r\n", value.len());
    c.send("get k\r\n").expect([head.as_bytes(), &value, b"\r\nEND\r\n"].concat());
}

#[test]
fn every_byte_but_space_and_line_end_may_stand_in_a_key() {
    let server = Server::start();
    let mut c = server.client();
    for byte in (0..=255_u8).filter(|byte| !b" \n\r".contains(byte)) {
        let key = [b'k', byte, b'z'];
        c.send([b"set ", &key[..], b" 0 0 1\r\n", &[byte], b"\r\n"].concat()).expect("STORED\r\n");
        let reply = [b"VALUE ", &key[..], b" 0 1\r\n", &[byte], b"\r\nEND\r\n"].concat();
        c.send([b"get ", &key[..], b"\r\n"].concat()).expect(reply);
    }
}

#[test]
fn a_carriage_return_inside_a_key_belongs_to_it() {
    let server = Server::start();
    server.client().says(&[
        ("set a\rb 0 0 1\r\nx\r\n", "STORED\r\n"),
        ("get a\rb\r\n", "VALUE a\rb 0 1\r\nx\r\nEND\r\n"),
        ("get a\r\n", "END\r\n"),
    ]);
}

#[test]
fn a_bare_line_feed_ends_a_command_line() {
    let server = Server::start();
    server.client().says(&[
        ("set k 0 0 1\nx\r\n", "STORED\r\n"),
        ("get k\n", "VALUE k 0 1\r\nx\r\nEND\r\n"),
        ("version \n", "VERSION "),
    ]);
}

#[test]
fn runs_of_spaces_and_trailing_spaces_do_not_matter() {
    let server = Server::start();
    server.client().says(&[
        ("set   k  3   0    1  \r\nx\r\n", "STORED\r\n"),
        ("get    k   \r\n", "VALUE k 3 1\r\nx\r\nEND\r\n"),
        ("delete   k  \r\n", "DELETED\r\n"),
    ]);
}

#[test]
fn add_stores_only_what_is_absent() {
    let server = Server::start();
    server.client().says(&[
        ("add k 1 0 3\r\none\r\n", "STORED\r\n"),
        ("add k 2 0 3\r\ntwo\r\n", "NOT_STORED\r\n"),
        ("get k\r\n", "VALUE k 1 3\r\none\r\nEND\r\n"),
        ("delete k\r\n", "DELETED\r\n"),
        ("add k 3 0 5\r\nthree\r\n", "STORED\r\n"),
        ("get k\r\n", "VALUE k 3 5\r\nthree\r\nEND\r\n"),
    ]);
}

#[test]
fn replace_stores_only_what_is_present() {
    let server = Server::start();
    server.client().says(&[
        ("replace k 0 0 3\r\none\r\n", "NOT_STORED\r\n"),
        ("get k\r\n", "END\r\n"),
        ("set k 1 0 3\r\none\r\n", "STORED\r\n"),
        ("replace k 2 0 3\r\ntwo\r\n", "STORED\r\n"),
        ("get k\r\n", "VALUE k 2 3\r\ntwo\r\nEND\r\n"),
    ]);
}

#[test]
fn append_and_prepend_keep_the_flags_of_the_item() {
    let server = Server::start();
    server.client().says(&[
        ("set k 9 0 3\r\nmid\r\n", "STORED\r\n"),
        ("append k 1 0 4\r\ntail\r\n", "STORED\r\n"),
        ("prepend k 2 0 4\r\nhead\r\n", "STORED\r\n"),
        ("get k\r\n", "VALUE k 9 11\r\nheadmidtail\r\nEND\r\n"),
        ("append k 0 0 0\r\n\r\n", "STORED\r\n"),
        ("get k\r\n", "VALUE k 9 11\r\nheadmidtail\r\nEND\r\n"),
    ]);
}

#[test]
fn append_and_prepend_to_nothing_store_nothing() {
    let server = Server::start();
    server.client().says(&[
        ("append k 0 0 1\r\nx\r\n", "NOT_STORED\r\n"),
        ("prepend k 0 0 1\r\nx\r\n", "NOT_STORED\r\n"),
        ("get k\r\n", "END\r\n"),
    ]);
}

#[test]
fn append_grows_an_item_through_many_sizes() {
    let server = Server::start();
    let mut c = server.client();
    c.send("set k 5 0 0\r\n\r\n").expect("STORED\r\n");
    let mut value = String::new();
    for i in 0..300 {
        let part = format!("<part number {i}>");
        c.send(format!("append k 0 0 {}\r\n{part}\r\n", part.len())).expect("STORED\r\n");
        value.push_str(&part);
    }
    c.send("get k\r\n").expect(format!("VALUE k 5 {}\r\n{value}\r\nEND\r\n", value.len()));
}

#[test]
fn flags_go_up_to_32_bits() {
    let server = Server::start();
    server.client().says(&[
        ("set k 4294967295 0 1\r\nx\r\n", "STORED\r\n"),
        ("get k\r\n", "VALUE k 4294967295 1\r\nx\r\nEND\r\n"),
        ("set k 0004 0 1\r\nx\r\n", "STORED\r\n"),
        ("get k\r\n", "VALUE k 4 1\r\nx\r\nEND\r\n"),
    ]);
}

#[test]
fn words_behind_a_storage_command_are_ignored() {
    let server = Server::start();
    server.client().says(&[
        ("set k 0 0 3 junk\r\nabc\r\n", "STORED\r\n"),
        ("set k 1 0 3 more junk here\r\nabd\r\n", "STORED\r\n"),
        ("get k\r\n", "VALUE k 1 3\r\nabd\r\nEND\r\n"),
    ]);
}

#[test]
fn a_failed_add_keeps_the_stream_in_sync_with_any_data() {
    let server = Server::start();
    server.client().says(&[
        ("set k 0 0 1\r\nx\r\n", "STORED\r\n"),
        ("add k 0 0 10\r\nget k\r\nabc\r\n", "NOT_STORED\r\n"),
        ("get k\r\n", "VALUE k 0 1\r\nx\r\nEND\r\n"),
    ]);
}

#[test]
fn a_bad_data_block_stores_nothing_and_keeps_the_old_item() {
    let server = Server::start();
    let mut c = server.client();
    c.send("set k 0 0 3\r\nold\r\n").expect("STORED\r\n");
    c.send("set k 0 0 3\r\nabcXY").expect(BAD_CHUNK);
    c.send("get k\r\n").expect("VALUE k 0 3\r\nold\r\nEND\r\n");
    c.send("set other 0 0 3\r\nabc\n\n").expect(BAD_CHUNK);
    c.send("get other\r\n").expect("END\r\n");
}

#[test]
fn version_and_quit() {
    let server = Server::start();
    let mut c = server.client();
    c.send("version and words\r\n").expect("VERSION 1.6.");
    c.line();
    c.send("quit now\r\nset k 0 0 1\r\nx\r\n").expect_closed();
    server.client().send("get k\r\n").expect("END\r\n");
}

#[test]
fn quit_sends_what_was_answered_before_it() {
    let server = Server::start();
    let mut c = server.client();
    c.send("set k 0 0 1\r\nx\r\nget k\r\nquit\r\n");
    c.expect("STORED\r\nVALUE k 0 1\r\nx\r\nEND\r\n").expect_closed();
}

#[test]
fn verbosity_takes_a_number() {
    let server = Server::start();
    server.client().says(&[
        ("verbosity 1\r\n", "OK\r\n"),
        ("verbosity 0 junk\r\n", "OK\r\n"),
        ("verbosity 999\r\n", "OK\r\n"),
        ("verbosity 0\r\n", "OK\r\n"),
    ]);
}

#[test]
fn stored_values_survive_many_neighbours() {
    let server = Server::start();
    let mut c = server.client();
    for i in 0..5000_u32 {
        c.send(format!("set key{i} {i} 0 {}\r\n{i:0>w$}\r\n", 8 + i % 90, w = 8 + i as usize % 90));
        c.expect("STORED\r\n");
    }
    for i in (0..5000_u32).rev() {
        let len = 8 + i as usize % 90;
        c.send(format!("get key{i}\r\n"));
        c.expect(format!("VALUE key{i} {i} {len}\r\n{i:0>len$}\r\nEND\r\n"));
    }
}
