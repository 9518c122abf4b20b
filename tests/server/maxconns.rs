//! The limit on connections (PROTOCOL 9.9), and file descriptors running out.

use std::time::Duration;

use crate::common::{Client, Server, foreign_server};

const REFUSAL: &str = "ERROR Too many open connections\r\n";

#[test]
fn one_client_too_many_is_told_so() {
    if foreign_server() {
        eprintln!("skipped: -c counts clients exactly only in slabd");
        return;
    }
    let server = Server::with(&["-c", "20"]);
    let mut clients: Vec<Client> = (0..20).map(|_| server.client()).collect();
    for c in &mut clients {
        c.expect_in_sync();
    }
    for _ in 0..10 {
        server.client().expect(REFUSAL).expect_closed();
    }
    for c in &mut clients {
        c.expect_in_sync();
    }
    let stats = clients[0].stats("");
    assert_eq!((&*stats["rejected_connections"], &*stats["curr_connections"]), ("10", "20"));
    clients.truncate(10);
    let mut admitted = None;
    server.eventually("there is room again", |server| {
        let mut c = server.client();
        let answer = c.send_lossy("version\r\n").line();
        admitted = Some(c);
        answer.starts_with("VERSION")
    });
}

#[test]
fn without_maxconns_fast_a_client_waits_for_room() {
    if foreign_server() {
        eprintln!("skipped: -c counts clients exactly only in slabd");
        return;
    }
    let server = Server::with(&["-c", "5", "-o", "no_maxconns_fast"]);
    let mut clients: Vec<Client> = (0..5).map(|_| server.client()).collect();
    for c in &mut clients {
        c.expect_in_sync();
    }
    let mut waiting = server.client();
    waiting.send("get k\r\n").expect_silence(Duration::from_millis(100));
    let stats = clients[0].stats("");
    assert_eq!(stats["accepting_conns"], "0");
    assert_eq!(stats["listen_disabled_num"], "1");
    clients.pop();
    waiting.expect("END\r\n");
    server.eventually("it was off for a while", |_| {
        let stats = waiting.stats("");
        stats["time_in_listen_disabled_us"] != "0"
    });
}

/// Row 7: `ulimit -n` far below the clients. Refused or left waiting, never spinning, and
/// accepting again as soon as there is room.
#[test]
fn file_descriptors_running_out_stop_nobody_who_is_in() {
    let server = Server::start();
    server.limit_open_files(80);
    let mut clients: Vec<Client> = (0..120).map(|_| server.client()).collect();
    clients[0].expect_in_sync();
    let before = server.cpu_time();
    std::thread::sleep(Duration::from_millis(500));
    let used = server.cpu_time() - before;
    assert!(used < Duration::from_millis(100), "{used:?} of processor time in half a second");
    clients[0].expect_in_sync();
    clients.truncate(1);
    server.eventually("it accepts again", |server| {
        let mut c = server.client();
        c.send_lossy("version\r\n").read_for(Duration::from_millis(300)).starts_with(b"VERSION")
    });
    for _ in 0..50 {
        server.assert_serves();
    }
}

/// Row 7, the hard case: the descriptors run out while nobody is connected.
#[test]
fn it_accepts_again_after_all_who_filled_it_have_left() {
    if foreign_server() {
        eprintln!("skipped: memcached never accepts again");
        return;
    }
    let server = Server::start();
    server.limit_open_files(40);
    for _ in 0..5 {
        let crowd: Vec<Client> = (0..100).map(|_| server.client()).collect();
        drop(crowd);
        server.eventually("it accepts", |server| {
            let mut c = server.client();
            c.send_lossy("version\r\n").read_for(Duration::from_millis(300)).starts_with(b"VER")
        });
    }
}

/// Row 6: thousands come and go; every socket is given back.
#[test]
fn a_flood_of_connections_leaves_nothing_behind() {
    let server = Server::start();
    server.assert_serves(); // now all its own files are open
    let files = server.open_files();
    let before = server.resident();
    for round in 0..3000 {
        let mut c = server.client();
        if round % 3 == 0 {
            c.expect_in_sync();
        }
    }
    server.eventually("all are closed", |server| server.open_files() <= files + 2);
    let grown = server.resident().saturating_sub(before);
    assert!(grown < 4 << 20, "{grown} bytes more");
    server.assert_serves();
}

/// Row 5: an idle crowd costs little and harms nobody.
#[test]
fn nine_hundred_idle_connections_cost_little() {
    let server = Server::start();
    let before = server.resident();
    let mut crowd: Vec<Client> = (0..900).map(|_| server.client()).collect();
    for c in &mut crowd {
        c.expect_in_sync();
    }
    let grown = server.resident().saturating_sub(before);
    if !foreign_server() {
        assert!(grown < 900 * 2048, "{} bytes each", grown / 900);
    }
    server.assert_serves();
}
