//! noreply: who honours it, and what it silences.

use crate::common::{BAD_FORMAT, Server};

#[test]
fn storage_commands_act_in_silence() {
    let server = Server::start();
    let mut c = server.client();
    let steps = [
        ("set k 1 0 1 noreply\r\na\r\n", "VALUE k 1 1\r\na\r\n"),
        ("add k 2 0 1 noreply\r\nb\r\n", "VALUE k 1 1\r\na\r\n"),
        ("replace k 3 0 1 noreply\r\nc\r\n", "VALUE k 3 1\r\nc\r\n"),
        ("append k 0 0 1 noreply\r\nd\r\n", "VALUE k 3 2\r\ncd\r\n"),
        ("prepend k 0 0 1 noreply\r\ne\r\n", "VALUE k 3 3\r\necd\r\n"),
        ("cas k 0 0 1 0 noreply\r\nf\r\n", "VALUE k 3 3\r\necd\r\n"),
        ("touch k 0 noreply\r\n", "VALUE k 3 3\r\necd\r\n"),
        ("delete k noreply\r\n", ""),
        ("delete k noreply\r\n", ""),
        ("cas k 0 0 1 1 noreply\r\nf\r\n", ""),
        ("append k 0 0 1 noreply\r\nf\r\n", ""),
        ("set k 0 0 1 noreply\r\n1\r\n", "VALUE k 0 1\r\n1\r\n"),
        ("incr k 41 noreply\r\n", "VALUE k 0 2\r\n42\r\n"),
        ("decr k 2 noreply\r\n", "VALUE k 0 2\r\n40\r\n"),
        ("verbosity 0 noreply\r\n", "VALUE k 0 2\r\n40\r\n"),
        ("flush_all noreply\r\n", ""),
    ];
    for (request, then) in steps {
        c.send(request).send("get k\r\n").expect(format!("{then}END\r\n"));
    }
}

#[test]
fn errors_are_silent_too() {
    let server = Server::start();
    let mut c = server.client();
    let silent = [
        "incr none 1 noreply\r\n",
        "incr none x noreply\r\n",
        "touch none x noreply\r\n",
        "flush_all x noreply\r\n",
        "verbosity x noreply\r\n",
        "bogus noreply\r\n",
        "bogus word noreply\r\n",
        "set k x 0 1 noreply\r\na\r\n",
        "set k 0 x 1 noreply\r\na\r\n",
        "cas k 0 0 1 x noreply\r\na\r\n",
        "set k 0 0 2000000 noreply\r\n",
    ];
    for request in silent {
        c.send(request);
        if request.contains("2000000") {
            c.send("x".repeat(2_000_000)).send("\r\n");
        }
        c.send("get k\r\n").expect("END\r\n");
    }
}

#[test]
fn a_bad_data_block_is_silent_but_costs_its_line() {
    let server = Server::start();
    // Five bytes are taken, "XY" instead of the line end among them; the rest is a command.
    server.client().send("set k 0 0 3 noreply\r\nabcXY\r\n").expect(BAD_FORMAT).expect_in_sync();
    server.client().send("set k 0 0 3 noreply\r\nabcXYget k\r\n").expect("END\r\n");
}

#[test]
fn structural_errors_are_always_told() {
    let server = Server::start();
    let mut c = server.client();
    c.send("set k 0 noreply\r\n").expect(BAD_FORMAT);
    c.send("set k 0 0 -1 noreply\r\n").expect(BAD_FORMAT);
    c.send("set k 0 0 abc noreply\r\n").expect(BAD_FORMAT);
    c.send("incr noreply\r\n").expect(BAD_FORMAT);
    c.send("touch noreply\r\n").expect(BAD_FORMAT);
    c.expect_in_sync();
}

#[test]
fn it_must_be_the_last_word() {
    let server = Server::start();
    server.client().says(&[
        ("set k 0 0 1 noreply more\r\nx\r\n", "STORED\r\n"),
        ("set k 0 0 1 noreplyx\r\nx\r\n", "STORED\r\n"),
        ("set k 0 0 1 NOREPLY\r\nx\r\n", "STORED\r\n"),
        ("incr k noreply 1\r\n", "CLIENT_ERROR invalid numeric delta argument\r\n"),
    ]);
}

#[test]
fn version_stats_and_get_answer_all_the_same() {
    let server = Server::start();
    let mut c = server.client();
    c.send("version noreply\r\n").expect("VERSION ");
    c.line();
    c.send("get noreply\r\n").expect("END\r\n");
    c.send("set noreply 0 0 1\r\nx\r\n").expect("STORED\r\n");
    c.send("get noreply\r\n").expect("VALUE noreply 0 1\r\nx\r\nEND\r\n");
    c.send("gets k noreply\r\n").read_until("END\r\n");
    c.send("gat 0 noreply\r\n").expect("VALUE noreply 0 1\r\nx\r\nEND\r\n");
    c.send("stats noreply\r\n").expect("ERROR\r\n");
    c.send("delete noreply\r\n").send("get noreply\r\n").expect("END\r\n");
}

#[test]
fn a_storm_of_silent_sets_is_all_stored() {
    let server = Server::start();
    let mut c = server.client();
    let storm: String =
        (0..10_000).map(|i| format!("set k{i} 0 0 4 noreply\r\nabcd\r\n")).collect();
    c.send(storm).expect_in_sync();
    assert_eq!(server.stat("curr_items"), 10_000);
    assert_eq!(server.stat("cmd_set"), 10_000);
}
