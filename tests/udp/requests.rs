//! What is asked well is answered.

use socket2::SockRef;

use super::common::{Client, Server, pattern};
use super::{Asker, address, server};

#[test]
fn text_and_meta_are_spoken_by_udp() {
    let server = server(&[]);
    let asker = Asker::of(&server);
    asker.send(1, "set k 5 0 5\r\nhello\r\n").expect(1, "STORED\r\n");
    asker.send(0xffff, "get k\r\n").expect(0xffff, "VALUE k 5 5\r\nhello\r\nEND\r\n");
    asker.send(7, "mg k v f\r\n").expect(7, "VA 5 f5\r\nhello\r\n");
    asker.send(8, "get nope\r\n").expect(8, "END\r\n");
    asker.send(9, "bogus\r\n").expect(9, "ERROR\r\n");
    server.client().send("get k\r\n").expect("VALUE k 5 5\r\nhello\r\nEND\r\n");
}

#[test]
fn binary_is_spoken_by_udp() {
    let server = server(&[]);
    let asker = Asker::of(&server);
    let mut noop = vec![0x80, 0x0a];
    noop.resize(24, 0);
    noop[12..16].copy_from_slice(b"abcd");
    let answer = asker.send(3, &noop).answer(3);
    assert_eq!(
        (answer.len(), answer[0], answer[1], &answer[12..16]),
        (24, 0x81, 0x0a, &b"abcd"[..])
    );
    // The next datagram chooses anew.
    asker.send(4, "get k\r\n").expect(4, "END\r\n");
}

#[test]
fn several_requests_in_a_datagram_are_answered_in_one_series() {
    let server = server(&[]);
    let asker = Asker::of(&server);
    asker
        .send(1, "set a 0 0 1\r\nx\r\nset b 0 0 1\r\ny\r\nget a b nope\r\n")
        .expect(1, "STORED\r\nSTORED\r\nVALUE a 0 1\r\nx\r\nVALUE b 0 1\r\ny\r\nEND\r\n");
}

#[test]
fn noreply_and_quit_are_silence() {
    let server = server(&[]);
    let asker = Asker::of(&server);
    asker.send(1, "set k 0 0 1 noreply\r\nx\r\n").expect_silence();
    asker.send(2, "quit\r\n").expect_silence();
    asker.send(3, "get k\r\nquit\r\nget k\r\n").expect(3, "VALUE k 0 1\r\nx\r\nEND\r\n");
    asker.send(4, "get k\r\n").expect(4, "VALUE k 0 1\r\nx\r\nEND\r\n");
}

#[test]
fn long_answers_come_in_numbered_parts() {
    // A lone worker writes long values straight from their chunks.
    for threads in ["1", "2"] {
        long_answers(&server(&["-o", "udp_rate=0", "-t", threads]));
    }
}

fn long_answers(server: &Server) {
    let asker = Asker::of(server);
    // The kernel counts what it takes to hold a datagram, not quite twice its bytes.
    let room = SockRef::from(&asker.socket).recv_buffer_size().expect("a size") / 2;
    let mut c = server.client();
    for len in [1350, 1365, 1380, 1392, 2000, 100_000, 200_000, 1_000_000] {
        if len > room {
            eprintln!("skipped: {len} bytes need net.core.rmem_max to be raised");
            continue;
        }
        let value = pattern(len as u64, len);
        c.send(format!("set k 0 0 {len}\r\n")).send(&value).send("\r\n").expect("STORED\r\n");
        let mut expected = format!("VALUE k 0 {len}\r\n").into_bytes();
        expected.extend_from_slice(&value);
        expected.extend_from_slice(b"\r\nEND\r\n");
        asker.send(len as u16, "get k\r\n").expect(len as u16, &expected);
    }
}

#[test]
fn requests_up_to_what_a_datagram_takes() {
    let server = server(&[]);
    let asker = Asker::of(&server);
    let value = pattern(4, 60_000);
    let mut set = b"set k 0 0 60000\r\n".to_vec();
    set.extend_from_slice(&value);
    set.extend_from_slice(b"\r\n");
    asker.send(1, &set).expect(1, "STORED\r\n");
    let mut expected = b"VALUE k 0 60000\r\n".to_vec();
    expected.extend_from_slice(&value);
    expected.extend_from_slice(b"\r\nEND\r\n");
    server.client().send("get k\r\n").expect(&expected);
}

#[test]
fn many_askers_at_once_get_their_own() {
    let server = server(&[]);
    let askers: Vec<Asker> = (0..50).map(|_| Asker::of(&server)).collect();
    for (n, asker) in askers.iter().enumerate() {
        asker.send(n as u16, format!("set k{n} 0 0 3\r\n{n:03}\r\n"));
    }
    for (n, asker) in askers.iter().enumerate() {
        asker.expect(n as u16, "STORED\r\n");
        asker.send(n as u16 + 1, format!("get k{n}\r\n"));
    }
    for (n, asker) in askers.iter().enumerate() {
        asker.expect(n as u16 + 1, format!("VALUE k{n} 0 3\r\n{n:03}\r\nEND\r\n"));
    }
}

#[test]
fn stats_count_and_show_udp() {
    let server = server(&[]);
    let asker = Asker::of(&server);
    asker.send(1, "get k\r\n").expect(1, "END\r\n");
    assert_eq!(server.stat("get_misses"), 1);
    let settings = server.client().stats("settings");
    assert_eq!(settings["udpport"], "-1");
    assert_eq!(settings["num_threads_per_udp"], "2");
    let conns = server.client().stats("conns");
    let line = format!("udp:{}", address(&server));
    let n = conns.iter().find(|(_, value)| **value == line).expect("it is shown").0;
    let n = n.strip_suffix(":addr").expect("its address");
    assert_eq!(conns[&format!("{n}:UDP")], "UDP");
    assert_eq!(conns[&format!("{n}:state")], "conn_read");
    let general = String::from_utf8(asker.send(2, "stats\r\n").answer(2)).unwrap();
    assert!(general.starts_with("STAT pid ") && general.ends_with("END\r\n"), "{general}");
}

#[test]
fn watchers_see_what_datagrams_do() {
    let server = server(&[]);
    let mut watcher: Client = server.client();
    watcher.send("watch fetchers\r\n").expect("OK\r\n");
    Asker::of(&server).send(1, "get k\r\n").expect(1, "END\r\n");
    assert!(watcher.read_until("\n").contains(" type=item_get key=k status=not_found "));
}

#[test]
fn udp_goes_on_beside_busy_connections() {
    let server = server(&["-t", "1"]);
    let asker = Asker::of(&server);
    let mut busy = server.client();
    for n in 0..100u16 {
        busy.send("get nope\r\n".repeat(100));
        asker.send(n, "get nope\r\n").expect(n, "END\r\n");
        busy.expect("END\r\n".repeat(100));
    }
}

#[test]
fn without_u_there_is_no_udp() {
    let server = Server::start();
    let ports = std::fs::read_to_string(server.directory().join("ports")).unwrap();
    assert!(!ports.contains("UDP"), "{ports}");
    let inodes = std::fs::read_to_string(format!("/proc/{}/net/udp", server.pid())).unwrap();
    let port = format!(":{:04X} ", server.address().port());
    assert!(!inodes.contains(&port), "{inodes}");
}
