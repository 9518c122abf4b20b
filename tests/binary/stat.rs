//! STAT: a packet each, and an empty one behind them.

use std::collections::BTreeMap;

use crate::common::{Answer, Client, Packet, Server};
use crate::op;

/// All statistics under a key.
#[track_caller]
fn stats(c: &mut Client, key: &str) -> BTreeMap<String, String> {
    let packet = Packet::keyed(op::STAT, key);
    c.send(packet.bytes());
    let mut stats = BTreeMap::new();
    loop {
        let answer = c.packet();
        let Answer { key, value, .. } = answer.clone();
        assert_eq!(answer, Answer { key: key.clone(), value: value.clone(), ..packet.answer(0) });
        if key.is_empty() {
            assert!(value.is_empty());
            return stats;
        }
        let text = |bytes| String::from_utf8(bytes).expect("text");
        stats.insert(text(key), text(value));
    }
}

#[test]
fn the_same_statistics_as_in_text() {
    let server = Server::start();
    let (mut text, mut binary) = (server.client(), server.client());
    binary.ask_status(&Packet::store(op::SET, "k", 0, 0, "v"), 0);
    for what in ["", "settings", "items", "slabs", "sizes"] {
        let names = |stats: BTreeMap<String, String>| stats.into_keys().collect::<Vec<_>>();
        assert_eq!(names(stats(&mut binary, what)), names(text.stats(what)), "{what}");
    }
    let general = stats(&mut binary, "");
    assert_eq!((&*general["cmd_set"], &*general["curr_items"]), ("1", "1"));
    assert_eq!(stats(&mut binary, "settings")["binding_protocol"], "auto-negotiate");
    assert_eq!(stats(&mut binary, "settings-anything").len(), stats(&mut binary, "settings").len());
}

#[test]
fn reset_and_detail() {
    let server = Server::start();
    let mut c = server.client();
    assert!(stats(&mut c, "detail on").is_empty());
    c.ask_status(&Packet::store(op::SET, "a:1", 0, 0, "v"), 0);
    c.ask(&Packet::keyed(op::GET, "a:1"));
    c.ask(&Packet::keyed(op::GET, "a:2"));
    let dump = "PREFIX a get 2 hit 1 set 1 del 0\r\nEND\r\n";
    assert_eq!(stats(&mut c, "detail dump")["detailed"], dump);
    assert!(stats(&mut c, "detail off").is_empty());
    assert_eq!(stats(&mut c, "")["get_hits"], "1");
    assert!(stats(&mut c, "reset").is_empty());
    assert_eq!(stats(&mut c, "")["get_hits"], "0");
}

#[test]
fn what_there_is_not() {
    let server = Server::start();
    let mut c = server.client();
    for key in ["x", "item", "itemsx", "detail", "detail x", "conns", "cachedump 1 1", "set"] {
        c.ask_status(&Packet::keyed(op::STAT, key), 1);
    }
    let server = Server::with(&["-X"]);
    server.client().ask_status(&Packet::keyed(op::STAT, "detail on"), 1);
}

#[test]
fn work_in_binary_is_counted_as_any_other() {
    let server = Server::start();
    let mut c = server.client();
    let cas = c.ask_status(&Packet::store(op::SET, "k", 0, 0, "5"), 0).cas;
    c.ask_status(&Packet::store(op::SET, "k", 0, 0, "6").cas(cas), 0);
    c.ask_status(&Packet::store(op::SET, "k", 0, 0, "7").cas(cas), 2);
    c.ask_status(&Packet::store(op::SET, "none", 0, 0, "7").cas(cas), 1);
    c.ask(&Packet::arith(op::INCREMENT, "k", 1, 0, 0));
    c.ask(&Packet::arith(op::DECREMENT, "k", 1, 0, 0));
    c.ask(&Packet::arith(op::INCREMENT, "none", 1, 0, u32::MAX));
    c.ask(&Packet::keyed(op::GETK, "k"));
    c.ask(&Packet::keyed(op::GETK, "none"));
    c.ask(&Packet::keyed(op::DELETE, "none"));
    c.ask(&Packet::keyed(op::DELETE, "k"));
    let stats = stats(&mut c, "");
    for (name, value) in [
        ("cmd_get", "2"),
        ("get_hits", "1"),
        ("get_misses", "1"),
        ("incr_hits", "1"),
        ("incr_misses", "1"),
        ("decr_hits", "1"),
        ("delete_hits", "1"),
        ("delete_misses", "1"),
        ("cas_hits", "1"),
        ("cas_misses", "1"),
        ("cas_badval", "1"),
        ("curr_items", "0"),
    ] {
        assert_eq!(stats[name], value, "{name}");
    }
}
