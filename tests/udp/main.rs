//! Requests in datagrams, over loopback.

#[path = "../common/mod.rs"]
mod common;

mod bad;
mod options;
mod requests;

use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use common::{Server, readable};
use socket2::SockRef;

/// How long an answer may take. Only a failing test waits for it.
const ANSWER_MAX: Duration = Duration::from_secs(10);

/// How long one that must not come is waited for.
const SILENCE: Duration = Duration::from_millis(100);

/// A server that speaks UDP, on a port of its own.
fn server(options: &[&str]) -> Server {
    Server::with(&[&["-U", "-1"], options].concat())
}

/// Where it does.
fn address(server: &Server) -> SocketAddr {
    let ports = std::fs::read_to_string(server.directory().join("ports")).expect("a port file");
    let port = ports.lines().find_map(|line| line.strip_prefix("UDP INET: ")).expect("UDP");
    SocketAddr::from(([127, 0, 0, 1], port.parse().expect("a number")))
}

/// Someone who asks by datagrams.
struct Asker {
    socket: UdpSocket,
}

impl Asker {
    fn of(server: &Server) -> Asker {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
        socket.connect(address(server)).expect("an address");
        // An answer comes as fast as the server writes it, and what finds no room here is lost.
        SockRef::from(&socket).set_recv_buffer_size(4 << 20).expect("as much as is allowed");
        Asker { socket }
    }

    /// Send these bytes as they are.
    fn send_raw(&self, datagram: &[u8]) {
        self.socket.send(datagram).expect("loopback takes it");
    }

    /// Send a request in its frame.
    fn send(&self, id: u16, payload: impl AsRef<[u8]>) -> &Asker {
        let [high, low] = id.to_be_bytes();
        let mut datagram = vec![high, low, 0, 0, 0, 1, 0, 0];
        datagram.extend_from_slice(payload.as_ref());
        self.send_raw(&datagram);
        self
    }

    /// The answer to request `id`: a whole series, put together.
    #[track_caller]
    fn answer(&self, id: u16) -> Vec<u8> {
        self.socket.set_read_timeout(Some(ANSWER_MAX)).expect("timeout");
        let mut parts: Vec<Option<Vec<u8>>> = Vec::new();
        loop {
            let mut bytes = [0; 2000];
            let len = self.socket.recv(&mut bytes).expect("an answer");
            assert!((9..=1400).contains(&len), "a datagram of {len} bytes");
            let number = |at: usize| u16::from_be_bytes([bytes[at], bytes[at + 1]]);
            assert_eq!((number(0), number(6)), (id, 0));
            let (sequence, total) = (usize::from(number(2)), usize::from(number(4)));
            if parts.is_empty() {
                parts = vec![None; total];
            }
            assert!(total == parts.len() && sequence < total, "{sequence} of {total}");
            assert!(sequence + 1 == total || len == 1400, "all but the last are full");
            let before = parts[sequence].replace(bytes[8..len].to_vec());
            assert!(before.is_none(), "part {sequence} came twice");
            if parts.iter().all(Option::is_some) {
                return parts.into_iter().flatten().flatten().collect();
            }
        }
    }

    #[track_caller]
    fn expect(&self, id: u16, expected: impl AsRef<[u8]>) -> &Asker {
        let (answer, expected) = (self.answer(id), expected.as_ref());
        let (want, got) = (readable(expected), readable(&answer));
        assert!(answer == expected, "\nexpected:\n{want}got:\n{got}");
        self
    }

    /// Nothing comes.
    #[track_caller]
    fn expect_silence(&self) -> &Asker {
        self.socket.set_read_timeout(Some(SILENCE)).expect("timeout");
        let mut bytes = [0; 2000];
        if let Ok(len) = self.socket.recv(&mut bytes) {
            panic!("expected nothing, got:\n{}", readable(&bytes[..len]));
        }
        self
    }
}
