//! How UDP is asked for, and when it is refused.

use std::process::{Command, Output};

use super::common::Server;

/// The daemon's end at start.
fn run(options: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_slabd"));
    command.args(["-u", "root", "--check-config"]).args(options);
    command.output().expect("it runs")
}

#[track_caller]
fn refuses(options: &[&str], code: i32, words: &str) {
    let output = run(options);
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(code), "{options:?}: {text}");
    assert!(text.contains(words), "{options:?}: {text}");
}

#[test]
fn other_hosts_may_ask_only_if_that_is_asked_for_twice() {
    for address in ["0.0.0.0", "*", "::", "192.0.2.1", "127.0.0.1,192.0.2.1:5"] {
        refuses(&["-U", "11211", "-l", address], 64, "-o udp_public");
        let output = run(&["-U", "11211", "-l", address, "-o", "udp_public"]);
        assert!(output.status.success(), "{address}");
    }
    for address in ["127.0.0.1", "::1", "127.9.9.9:5", "localhost"] {
        assert!(run(&["-U", "11211", "-l", address]).status.success(), "{address}");
    }
    assert!(run(&["-U", "0", "-l", "0.0.0.0"]).status.success());
    refuses(&["-U", "65536"], 64, "ERROR: Invalid port number 65536.");
}

#[test]
fn a_name_is_looked_at_when_it_is_bound() {
    let hostname = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let Some(address) = resolve_public(hostname.trim()) else {
        eprintln!("skipped: this host's name means loopback, or nothing");
        return;
    };
    let mut command = Command::new(env!("CARGO_BIN_EXE_slabd"));
    command.args(["-u", "root", "-U", "-1", "-p", "0", "-l", hostname.trim()]);
    let output = command.output().expect("it ends by itself");
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(71), "{text}");
    assert!(text.contains(&address) && text.contains("-o udp_public"), "{text}");
}

/// The first address of this name, if it is not of loopback.
fn resolve_public(name: &str) -> Option<String> {
    use std::net::ToSocketAddrs;
    let first = (name, 1).to_socket_addrs().ok()?.next()?;
    (!first.ip().is_loopback()).then(|| first.ip().to_string())
}

#[test]
fn udp_knows_no_passwords() {
    let server = Server::start();
    let users = server.directory().join("users");
    std::fs::write(&users, "a:b\n").unwrap();
    let users = users.to_str().unwrap();
    let text = "Cannot use UDP with ascii authentication enabled (-U 0 to disable)";
    refuses(&["-U", "11211", "-Y", users], 64, text);
    assert!(run(&["-U", "0", "-Y", users]).status.success());
    let sasl = "Cannot use UDP with SASL authentication enabled (-U 0 to disable)";
    refuses(&["-U", "11211", "-S"], 64, sasl);
}

#[test]
fn a_unix_socket_is_instead_of_udp() {
    let server = Server::on_unix_socket(&["-U", "-1"]);
    assert!(!server.client().stats("conns").values().any(|value| value == "UDP"));
}

#[test]
fn udp_may_be_all_there_is() {
    assert!(run(&["-p", "0", "-U", "-1"]).status.success());
    refuses(&["-p", "0"], 64, "Nothing to listen on");
}

#[test]
fn the_tcp_port_follows() {
    // A port that is free now for both; another process may take it before the daemon does.
    let tcp = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = tcp.local_addr().unwrap().port().to_string();
    drop(tcp);
    let directory = std::env::temp_dir().join(format!("slabd-udp-{}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    let ports = directory.join("ports");
    let mut command = Command::new(env!("CARGO_BIN_EXE_slabd"));
    command.args(["-u", "root", "-U", &port, "-l", "127.0.0.1"]);
    command.env("MEMCACHED_PORT_FILENAME", &ports).stderr(std::process::Stdio::null());
    let mut child = command.spawn().expect("it runs");
    let start = std::time::Instant::now();
    while !ports.exists() && start.elapsed() < super::ANSWER_MAX {
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    let text = std::fs::read_to_string(&ports);
    child.kill().unwrap();
    child.wait().unwrap();
    std::fs::remove_dir_all(&directory).unwrap();
    assert_eq!(text.unwrap(), format!("TCP INET: {port}\nUDP INET: {port}\n"));
}
