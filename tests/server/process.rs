//! What the process leaves in the file system, and how it fails to start.

use std::process::Command;
use std::time::Duration;

use crate::common::Server;

#[test]
fn the_port_file_names_the_port() {
    let server = Server::start();
    let text = std::fs::read_to_string(server.directory().join("ports")).expect("a port file");
    assert_eq!(text.trim_end(), format!("TCP INET: {}", server.address().port()));
    assert!(!server.directory().join("ports.lck").exists());
}

#[test]
fn the_pid_file_holds_the_pid() {
    let directory = Server::start();
    let path = directory.directory().join("pid");
    let server = Server::with(&["-P", &path.display().to_string()]);
    server.eventually("it is written", |_| path.exists());
    let text = std::fs::read_to_string(&path).expect("a pid file");
    assert_eq!(text, format!("{}\n", server.pid()));
}

#[test]
fn a_port_in_use_is_an_error_that_says_so() {
    let server = Server::start();
    let port = server.address().port().to_string();
    let mut command = Command::new(env!("CARGO_BIN_EXE_slabd"));
    if let Some(other) = std::env::var_os("SLABD_TEST_SERVER") {
        command = Command::new(other);
    }
    let output = command.args(["-u", "root", "-l", "127.0.0.1", "-p", &port]).output();
    let output = output.expect("it runs");
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(71), "{text}");
    assert!(text.contains("ddress already in use"), "{text}");
}

#[test]
fn an_idle_daemon_uses_no_processor() {
    let server = Server::start();
    let _clients: Vec<_> = (0..20).map(|_| server.client()).collect();
    std::thread::sleep(Duration::from_millis(200));
    let before = server.cpu_time();
    std::thread::sleep(Duration::from_secs(2));
    let used = server.cpu_time() - before;
    assert!(used <= Duration::from_millis(60), "{used:?} in two idle seconds");
}

#[test]
fn memory_stays_within_the_limit_when_it_is_full() {
    let server = Server::with(&["-m", "32"]);
    let mut c = server.client();
    for i in 0..120 {
        let storm: String = (0..1000)
            .map(|j| format!("set k{} 0 0 500 noreply\r\n{}\r\n", i * 1000 + j, "x".repeat(500)))
            .collect();
        c.send(storm).expect_in_sync();
    }
    assert!(server.stat("evictions") > 10_000);
    let limit = (32 << 20) + (32 << 18) + (16 << 20);
    assert!(server.resident() < limit, "{} bytes resident", server.resident());
}

#[test]
fn without_evictions_a_full_memory_is_an_error() {
    let server = Server::with(&["-m", "8", "-M"]);
    let mut c = server.client();
    let value = "x".repeat(5000);
    let mut refused = None;
    for i in 0..5000 {
        c.send(format!("set k{i} 0 0 5000\r\n{value}\r\n"));
        match c.line().as_str() {
            "STORED" => {}
            "SERVER_ERROR out of memory storing object" => refused = refused.or(Some(i)),
            other => panic!("{other}"),
        }
    }
    let refused = refused.expect("8 MB do not hold 25");
    assert!(refused > 1000, "{refused}");
    c.send("get k0\r\n").expect(format!("VALUE k0 0 5000\r\n{value}\r\nEND\r\n"));
    assert_eq!(server.stat("evictions"), 0);
    assert!(server.stat("store_no_memory") > 0);
    c.send("delete k0\r\n").expect("DELETED\r\n");
    c.send(format!("set again 0 0 5000\r\n{value}\r\n")).expect("STORED\r\n");
}
