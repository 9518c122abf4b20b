//! A well-behaved connection: buffered, blocking, fails aloud.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// Longest wait for an answer; only a failing test waits so long.
const ANSWER_MAX: Duration = Duration::from_secs(30);

/// A connection.
pub struct Talk {
    stream: BufReader<TcpStream>,
}

/// One hit of a get.
pub struct Hit {
    pub key: String,
    pub cas: u64,
    pub value: Vec<u8>,
}

impl Talk {
    pub fn to(address: SocketAddr) -> Talk {
        let stream = TcpStream::connect(address).expect("connect");
        stream.set_nodelay(true).expect("TCP_NODELAY");
        stream.set_read_timeout(Some(ANSWER_MAX)).expect("timeout");
        stream.set_write_timeout(Some(ANSWER_MAX)).expect("timeout");
        Talk { stream: BufReader::with_capacity(64 << 10, stream) }
    }

    /// Say this.
    pub fn send(&mut self, bytes: &[u8]) {
        self.stream.get_mut().write_all(bytes).expect("the daemon listens");
    }

    /// The next line, without its end.
    pub fn line(&mut self) -> String {
        let mut line = String::new();
        self.stream.read_line(&mut line).expect("a line");
        assert!(line.ends_with("\r\n"), "the daemon closed behind {line:?}");
        line.truncate(line.len() - 2);
        line
    }

    /// Send, and take one line of answer.
    pub fn ask(&mut self, request: &str) -> String {
        self.send(request.as_bytes());
        self.line()
    }

    /// The next hit of a get; `None` at its end.
    pub fn hit(&mut self) -> Option<Hit> {
        let line = self.line();
        if line == "END" {
            return None;
        }
        let words: Vec<&str> = line.split(' ').collect();
        assert!(words.len() >= 4 && words[0] == "VALUE", "not a VALUE line: {line:?}");
        let len: usize = words[3].parse().expect("a length");
        let mut value = vec![0; len + 2];
        self.stream.read_exact(&mut value).expect("a value");
        assert!(value.ends_with(b"\r\n"), "the value of {} ends in CR LF", words[1]);
        value.truncate(len);
        let cas = words.get(4).map_or(0, |word| word.parse().expect("a CAS"));
        Some(Hit { key: words[1].to_string(), cas, value })
    }
}
