//! One end of a conversation.

use std::collections::BTreeMap;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::path::Path;
use std::time::Duration;

use socket2::{Domain, SockAddr, Socket, Type};

use super::readable;

/// How long an expected answer may take. Generous: it is only ever waited out by a failing test.
const ANSWER_MAX: Duration = Duration::from_secs(10);

/// How long a server is given to see a piece alone.
const SEEN: Duration = Duration::from_micros(300);

/// A connection.
pub struct Client {
    socket: Socket,
}

impl Client {
    /// Over TCP, without Nagle's delay.
    pub fn tcp(address: SocketAddr) -> Client {
        Client::tcp_with_window(address, None)
    }

    /// Over TCP with a receive buffer of at most this many bytes, so that little can be on its way.
    pub fn tcp_with_window(address: SocketAddr, receive_buffer: Option<usize>) -> Client {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, None).expect("socket");
        if let Some(size) = receive_buffer {
            socket.set_recv_buffer_size(size).expect("SO_RCVBUF");
        }
        socket.connect(&address.into()).unwrap_or_else(|error| panic!("{address}: {error}"));
        socket.set_tcp_nodelay(true).expect("TCP_NODELAY");
        Client::over(socket)
    }

    /// Over a unix socket.
    pub fn unix(path: &Path) -> Client {
        let socket = Socket::new(Domain::UNIX, Type::STREAM, None).expect("socket");
        let address = SockAddr::unix(path).expect("a path");
        socket.connect(&address).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        Client::over(socket)
    }

    fn over(socket: Socket) -> Client {
        socket.set_read_timeout(Some(ANSWER_MAX)).expect("timeout");
        socket.set_write_timeout(Some(ANSWER_MAX)).expect("timeout");
        Client { socket }
    }

    /// Say this.
    #[track_caller]
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) -> &mut Client {
        if let Err(error) = self.socket.write_all(bytes.as_ref()) {
            panic!("sending {} bytes: {error}", bytes.as_ref().len());
        }
        self
    }
    /// Say `bytes` in two pieces, cut there. The server may sometimes see both at once: then a test
    /// is weaker, never wrong.
    pub fn send_cut(&mut self, bytes: &[u8], cut: usize) -> &mut Client {
        self.send(&bytes[..cut]);
        std::thread::sleep(SEEN);
        self.send(&bytes[cut..])
    }
    /// Say `bytes` in pieces of `size`, each, as above, seen alone.
    pub fn send_in_pieces(&mut self, bytes: &[u8], size: usize) -> &mut Client {
        for piece in bytes.chunks(size) {
            self.send(piece);
            std::thread::sleep(SEEN);
        }
        self
    }

    /// Say as much of this as is taken; the rest, and an error, are let go.
    pub fn send_lossy(&mut self, bytes: impl AsRef<[u8]>) -> &mut Client {
        let _ = self.socket.write_all(bytes.as_ref());
        self
    }

    /// The next bytes must be these, to the byte.
    #[track_caller]
    pub fn expect(&mut self, expected: impl AsRef<[u8]>) -> &mut Client {
        let expected = expected.as_ref();
        let mut got = vec![0; expected.len()];
        let mut filled = 0;
        let mut end = String::new();
        while filled < got.len() && expected.starts_with(&got[..filled]) {
            match self.socket.read(&mut got[filled..]) {
                Ok(0) => end = "then the connection was closed".into(),
                Ok(n) => filled += n,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => end = format!("then: {error}"),
            }
            if !end.is_empty() {
                break;
            }
        }
        got.truncate(filled);
        if got != expected {
            got.extend(self.leftovers());
            let (want, got) = (readable(expected), readable(&got));
            panic!("\nexpected:\n{want}got:\n{got}{end}");
        }
        self
    }

    /// Send one line's worth and expect its answer: a conversation in pairs.
    #[track_caller]
    pub fn says(&mut self, pairs: &[(&str, &str)]) -> &mut Client {
        for (request, reply) in pairs {
            self.send(request).expect(reply);
        }
        self
    }

    /// The server has closed in good order (FIN), with nothing more to say.
    #[track_caller]
    pub fn expect_closed(&mut self) {
        let mut byte = [0; 64];
        match self.socket.read(&mut byte) {
            Ok(0) => {}
            Ok(n) => panic!("expected the end, got:\n{}", readable(&byte[..n])),
            Err(error) => panic!("expected the end: {error}"),
        }
    }

    /// The server has closed or reset the connection, without a word.
    #[track_caller]
    pub fn expect_dropped(&mut self) {
        let mut byte = [0; 64];
        match self.socket.read(&mut byte) {
            Ok(0) => {}
            Ok(n) => panic!("expected the end, got:\n{}", readable(&byte[..n])),
            Err(error) if error.kind() == ErrorKind::ConnectionReset => {}
            Err(error) => panic!("expected the end: {error}"),
        }
    }

    /// Nothing is left over, and the server takes the next command for a command.
    #[track_caller]
    pub fn expect_in_sync(&mut self) -> &mut Client {
        self.send("get in_sync_probe\r\n").expect("END\r\n")
    }

    /// Nothing arrives for `wait`. The answer that must not come is waited for, so keep it short.
    #[track_caller]
    pub fn expect_silence(&mut self, wait: Duration) -> &mut Client {
        let got = self.read_for(wait);
        assert!(got.is_empty(), "expected nothing, got:\n{}", readable(&got));
        self
    }

    /// The next `len` bytes.
    #[track_caller]
    pub fn read(&mut self, len: usize) -> Vec<u8> {
        let mut bytes = vec![0; len];
        if let Err(error) = self.socket.read_exact(&mut bytes) {
            panic!("reading {len} bytes: {error}");
        }
        bytes
    }

    /// All up to and with the next `end`.
    #[track_caller]
    pub fn read_until(&mut self, end: &str) -> String {
        let mut bytes = Vec::new();
        while !bytes.ends_with(end.as_bytes()) {
            let mut byte = [0];
            match self.socket.read(&mut byte) {
                Ok(1) => bytes.push(byte[0]),
                other => panic!("no {end:?} but {other:?} behind:\n{}", readable(&bytes)),
            }
        }
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// The next line, without its end.
    #[track_caller]
    pub fn line(&mut self) -> String {
        self.read_until("\r\n").trim_end().to_string()
    }

    /// Everything until the end of the stream, however it comes.
    pub fn read_to_end(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let _ = self.socket.read_to_end(&mut bytes); // what came before a reset counts
        bytes
    }

    /// What arrives within `wait`.
    pub fn read_for(&mut self, wait: Duration) -> Vec<u8> {
        self.socket.set_read_timeout(Some(wait)).expect("timeout");
        let bytes = self.read_to_end();
        self.socket.set_read_timeout(Some(ANSWER_MAX)).expect("timeout");
        bytes
    }

    /// `stats <what>`, as a table.
    #[track_caller]
    pub fn stats(&mut self, what: &str) -> BTreeMap<String, String> {
        let lines = self.stat_lines(what);
        lines.into_iter().collect()
    }

    /// `stats <what>`, in the order given.
    #[track_caller]
    pub fn stat_lines(&mut self, what: &str) -> Vec<(String, String)> {
        self.send(format!("stats {what}\r\n").replace(" \r", "\r"));
        let text = self.read_until("END\r\n");
        let mut lines = Vec::new();
        for line in text.split("\r\n").filter(|line| !line.is_empty() && *line != "END") {
            let rest = line.strip_prefix("STAT ").unwrap_or_else(|| panic!("not a STAT: {line}"));
            let (name, value) = rest.split_once(' ').unwrap_or((rest, ""));
            lines.push((name.to_string(), value.to_string()));
        }
        lines
    }

    /// Move the daemon's clock forward.
    #[track_caller]
    pub fn advance(&mut self, seconds: i64) -> &mut Client {
        self.send(format!("debugtime {seconds}\r\n")).expect("OK\r\n")
    }

    /// The daemon's clock stands still until moved by [`Client::advance`].
    #[track_caller]
    pub fn stop_clock(&mut self) -> &mut Client {
        self.send("debugtime p\r\n").expect("OK\r\n")
    }

    /// Say that no more will be said; the answers still come.
    pub fn finish_sending(&mut self) -> &mut Client {
        self.socket.shutdown(Shutdown::Write).expect("shutdown");
        self
    }

    /// As above, to a server that may have gone.
    pub fn shut_lossy(&mut self) {
        let _ = self.socket.shutdown(Shutdown::Write);
    }

    /// Break the connection when dropped: the peer gets a reset.
    pub fn reset(self) {
        self.socket.set_linger(Some(Duration::ZERO)).expect("SO_LINGER");
    }

    /// The next `len` bytes, or nothing if the server closed in good order before the first.
    pub fn read_or_end(&mut self, len: usize) -> std::io::Result<Vec<u8>> {
        let mut bytes = vec![0; len];
        let mut filled = 0;
        while filled < len {
            match self.socket.read(&mut bytes[filled..])? {
                0 => break,
                n => filled += n,
            }
        }
        bytes.truncate(filled);
        Ok(bytes)
    }

    /// Whether the server has closed by now.
    pub fn is_closed(&mut self) -> bool {
        self.socket.set_nonblocking(true).expect("O_NONBLOCK");
        let closed = !matches!(self.socket.read(&mut [0; 1]), Ok(1) | Err(_))
            || self.socket.take_error().is_ok_and(|error| error.is_some());
        self.socket.set_nonblocking(false).expect("O_NONBLOCK");
        closed
    }

    fn leftovers(&mut self) -> Vec<u8> {
        self.read_for(Duration::from_millis(200))
    }
}
