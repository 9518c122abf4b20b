//! gets and cas: a value is replaced only if nobody else did.

use crate::common::{Client, Server};

/// The CAS of a key, by gets.
fn cas_of(c: &mut Client, key: &str) -> u64 {
    c.send(format!("gets {key}\r\n"));
    let text = c.read_until("END\r\n");
    let line = text.lines().next().expect("a VALUE line");
    line.rsplit(' ').next().expect("a CAS").parse().expect("a number")
}

#[test]
fn gets_tells_a_number_that_cas_accepts_once() {
    let server = Server::start();
    let mut c = server.client();
    c.send("set k 0 0 3\r\none\r\n").expect("STORED\r\n");
    let cas = cas_of(&mut c, "k");
    c.send(format!("cas k 5 0 3 {cas}\r\ntwo\r\n")).expect("STORED\r\n");
    c.send(format!("cas k 6 0 5 {cas}\r\nthree\r\n")).expect("EXISTS\r\n");
    c.send("get k\r\n").expect("VALUE k 5 3\r\ntwo\r\nEND\r\n");
}

#[test]
fn cas_of_an_absent_key_is_not_found() {
    let server = Server::start();
    server.client().says(&[("cas k 0 0 1 1\r\nx\r\n", "NOT_FOUND\r\n"), ("get k\r\n", "END\r\n")]);
}

#[test]
fn cas_zero_and_the_largest_number_are_just_wrong() {
    let server = Server::start();
    server.client().says(&[
        ("set k 0 0 1\r\nx\r\n", "STORED\r\n"),
        ("cas k 0 0 1 0\r\ny\r\n", "EXISTS\r\n"),
        ("cas k 0 0 1 18446744073709551615\r\ny\r\n", "EXISTS\r\n"),
        ("get k\r\n", "VALUE k 0 1\r\nx\r\nEND\r\n"),
    ]);
}

#[test]
fn every_change_gives_a_new_number_and_a_touch_does_not() {
    let server = Server::start();
    let mut c = server.client();
    c.send("set k 0 0 2\r\n10\r\n").expect("STORED\r\n");
    let mut last = cas_of(&mut c, "k");
    let changes = [
        ("incr k 1\r\n", "11\r\n"),
        ("decr k 1\r\n", "10\r\n"),
        ("append k 0 0 1\r\n0\r\n", "STORED\r\n"),
        ("prepend k 0 0 1\r\n1\r\n", "STORED\r\n"),
        ("replace k 0 0 1\r\n1\r\n", "STORED\r\n"),
        ("set k 0 0 1\r\n1\r\n", "STORED\r\n"),
    ];
    for (request, reply) in changes {
        c.send(request).expect(reply);
        let now = cas_of(&mut c, "k");
        assert!(now > last, "{request:?}: {now} after {last}");
        last = now;
    }
    c.send("touch k 0\r\n").expect("TOUCHED\r\n");
    c.send("gat 0 k\r\n").expect("VALUE k 0 1\r\n1\r\nEND\r\n");
    c.send("add k 0 0 1\r\n2\r\n").expect("NOT_STORED\r\n");
    assert_eq!(cas_of(&mut c, "k"), last);
}

#[test]
fn gets_lists_a_number_for_each_key() {
    let server = Server::start();
    let mut c = server.client();
    c.send("set a 1 0 1\r\nx\r\n").expect("STORED\r\n");
    c.send("set b 2 0 1\r\ny\r\n").expect("STORED\r\n");
    let (a, b) = (cas_of(&mut c, "a"), cas_of(&mut c, "b"));
    assert_ne!(a, b);
    let reply = format!("VALUE a 1 1 {a}\r\nx\r\nVALUE b 2 1 {b}\r\ny\r\nEND\r\n");
    c.send("gets a none b\r\n").expect(reply);
    c.send("gats 0 a\r\n").expect(format!("VALUE a 1 1 {a}\r\nx\r\nEND\r\n"));
}

#[test]
fn a_deleted_item_does_not_come_back_by_its_number() {
    let server = Server::start();
    let mut c = server.client();
    c.send("set k 0 0 1\r\nx\r\n").expect("STORED\r\n");
    let cas = cas_of(&mut c, "k");
    c.send("delete k\r\n").expect("DELETED\r\n");
    c.send(format!("cas k 0 0 1 {cas}\r\ny\r\n")).expect("NOT_FOUND\r\n");
    c.send("set k 0 0 1\r\nz\r\n").expect("STORED\r\n");
    c.send(format!("cas k 0 0 1 {cas}\r\ny\r\n")).expect("EXISTS\r\n");
}

#[test]
fn a_thousand_racing_increments_by_cas_lose_none() {
    const EACH: usize = 250;
    let server = Server::start();
    server.client().send("set k 0 0 1\r\n0\r\n").expect("STORED\r\n");
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..EACH).for_each(|_| increment_by_cas(&mut server.client())));
        }
    });
    server.client().send("get k\r\n").expect("VALUE k 0 4\r\n1000\r\nEND\r\n");
}

fn increment_by_cas(c: &mut Client) {
    loop {
        c.send("gets k\r\n");
        let text = c.read_until("END\r\n");
        let lines: Vec<&str> = text.lines().collect();
        let cas = lines[0].rsplit(' ').next().expect("a CAS");
        let next = (lines[1].parse::<u32>().expect("a number") + 1).to_string();
        c.send(format!("cas k 0 0 {} {cas}\r\n{next}\r\n", next.len()));
        match c.line().as_str() {
            "STORED" => return,
            "EXISTS" => {}
            other => panic!("{other}"),
        }
    }
}

#[test]
fn without_cas_gets_prints_zero_and_cas_never_matches() {
    let server = Server::with(&["-C"]);
    server.client().says(&[
        ("set k 0 0 1\r\nx\r\n", "STORED\r\n"),
        ("gets k\r\n", "VALUE k 0 1 0\r\nx\r\nEND\r\n"),
        ("cas k 0 0 1 0\r\ny\r\n", "EXISTS\r\n"),
        ("cas k 0 0 1 5\r\ny\r\n", "EXISTS\r\n"),
        ("cas none 0 0 1 5\r\ny\r\n", "NOT_FOUND\r\n"),
        ("get k\r\n", "VALUE k 0 1\r\nx\r\nEND\r\n"),
    ]);
}
