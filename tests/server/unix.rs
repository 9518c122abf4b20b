//! Unix sockets: -s, -a, and `unix:` among the -l addresses.

use std::os::unix::fs::{FileTypeExt, PermissionsExt};

use crate::common::{Client, Server, foreign_server, pattern};

fn mode_of(path: &std::path::Path) -> u32 {
    std::fs::metadata(path).expect("the socket").permissions().mode() & 0o777
}

#[test]
fn conversations_over_a_unix_socket() {
    let server = Server::on_unix_socket(&[]);
    let value = pattern(1, 700_000);
    let mut c = server.client();
    c.send("set k 0 0 700000\r\n").send(&value).send("\r\n").expect("STORED\r\n");
    c.send("get k\r\n").expect("VALUE k 0 700000\r\n").expect(&value).expect("\r\nEND\r\n");
    c.send("get none\r\n".repeat(3000)).expect("END\r\n".repeat(3000));
    let settings = c.stats("settings");
    assert_eq!(settings["domain_socket"], server.socket_path().display().to_string());
    c.finish_sending().expect_closed();
}

#[test]
fn its_mode_is_700_or_the_one_given() {
    let server = Server::on_unix_socket(&[]);
    assert_eq!(mode_of(&server.socket_path()), 0o700);
    let server = Server::on_unix_socket(&["-a", "0666"]);
    assert_eq!(mode_of(&server.socket_path()), 0o666);
}

#[test]
fn an_old_socket_file_is_replaced_and_another_file_is_not() {
    let server = Server::on_unix_socket(&[]);
    let path = server.directory().join("other");
    drop(std::os::unix::net::UnixListener::bind(&path).expect("a socket file stays behind"));
    let text = path.display().to_string();
    let second = Server::with_socket_at(&text);
    assert!(std::fs::metadata(&path).expect("the socket").file_type().is_socket());
    Client::unix(&path).expect_in_sync();
    drop(second);
}

#[test]
fn a_unix_socket_stands_beside_tcp_with_its_own_mode() {
    if foreign_server() {
        eprintln!("skipped: -l unix: is ours");
        return;
    }
    let directory = Server::on_unix_socket(&[]);
    let path = directory.directory().join("beside");
    let server = Server::with(&["-l", &format!("unix:{}:660", path.display())]);
    assert_eq!(mode_of(&path), 0o660);
    Client::unix(&path).send("set k 0 0 1\r\nx\r\n").expect("STORED\r\n");
    server.client().send("get k\r\n").expect("VALUE k 0 1\r\nx\r\nEND\r\n");
    let conns = Client::unix(&path).stats("conns");
    assert!(conns.values().any(|value| *value == format!("unix:{}", path.display())), "{conns:?}");
}
