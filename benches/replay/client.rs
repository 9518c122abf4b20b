//! One connection to a server, pipelining: sets go out with the reads that follow them, so that a
//! window costs one round trip.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use crate::server::Server;
use crate::workloads::Request;

/// A server that takes longer for one answer has failed.
const REPLY_DEADLINE: Duration = Duration::from_secs(60);
/// Sets are sent when so many bytes of them have come together. Their answers are short: neither
/// side can come to wait for the other.
const OUT_MARK: usize = 64 << 10;

/// A connection.
pub struct Client {
    stream: TcpStream,
    input: BufReader<TcpStream>,
    out: Vec<u8>,
    /// Sets in `out` or on their way, whose answers are still to be read.
    sets: u64,
    /// Of the sets answered so far.
    stored: u64,
    refused: u64,
    line: Vec<u8>,
    value: Vec<u8>,
}

impl Client {
    pub fn connect(server: &Server) -> io::Result<Client> {
        let stream = TcpStream::connect(server.address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(REPLY_DEADLINE))?;
        let input = BufReader::with_capacity(256 << 10, stream.try_clone()?);
        let (out, line, value) = (Vec::new(), Vec::new(), Vec::new());
        Ok(Client { stream, input, out, sets: 0, stored: 0, refused: 0, line, value })
    }

    /// Stores the request's value for `ttl_s` seconds (0: for ever), at the latest before the next
    /// read.
    pub fn set(&mut self, request: &Request, ttl_s: u32) -> io::Result<()> {
        let len = request.value_len as usize;
        self.out.extend_from_slice(b"set ");
        request.push_key(&mut self.out);
        write!(self.out, " 0 {ttl_s} {len}\r\n")?;
        self.out.resize(self.out.len() + len, letter(request.key));
        self.out.extend_from_slice(b"\r\n");
        self.sets += 1;
        if self.out.len() >= OUT_MARK {
            self.finish()?;
        }
        Ok(())
    }

    /// Reads all of these, and says of each whether it was there.
    pub fn get<'r>(
        &mut self,
        reads: impl Iterator<Item = &'r Request> + Clone,
        hits: &mut Vec<bool>,
    ) -> io::Result<()> {
        for request in reads.clone() {
            self.out.extend_from_slice(b"get ");
            request.push_key(&mut self.out);
            self.out.extend_from_slice(b"\r\n");
        }
        self.finish()?;
        hits.clear();
        for request in reads {
            let hit = self.value(request)?;
            hits.push(hit);
        }
        Ok(())
    }

    /// Sends what waits, and awaits the answers to all sets.
    pub fn finish(&mut self) -> io::Result<()> {
        self.stream.write_all(&self.out)?;
        self.out.clear();
        for _ in 0..std::mem::take(&mut self.sets) {
            self.next_line()?;
            match self.line.as_slice() {
                b"STORED\r\n" => self.stored += 1,
                line if line.starts_with(b"SERVER_ERROR ") => self.refused += 1,
                _ => return Err(self.wrong("set")),
            }
        }
        Ok(())
    }

    /// Sets that were answered since the last call: how many were stored, and how many refused.
    pub fn take_answered(&mut self) -> (u64, u64) {
        (std::mem::take(&mut self.stored), std::mem::take(&mut self.refused))
    }

    fn value(&mut self, request: &Request) -> io::Result<bool> {
        self.next_line()?;
        if self.line == b"END\r\n" {
            return Ok(false);
        }
        // Of any length: in a trace a key may change its size between two writes.
        let Some(len) = value_len(&self.line) else { return Err(self.wrong("get")) };
        self.value.resize(len + 2, 0);
        self.input.read_exact(&mut self.value)?;
        let (value, end) = self.value.split_at(len);
        let letter = letter(request.key);
        let right = value.first().is_none_or(|&first| first == letter)
            && value.last().is_none_or(|&last| last == letter);
        let right = right && end == b"\r\n";
        self.next_line()?;
        if right && self.line == b"END\r\n" { Ok(true) } else { Err(self.wrong("get")) }
    }

    fn next_line(&mut self) -> io::Result<()> {
        self.line.clear();
        self.input.read_until(b'\n', &mut self.line)?;
        Ok(())
    }

    fn wrong(&self, verb: &str) -> io::Error {
        io::Error::other(format!("{verb} was answered {:?}", self.line.escape_ascii().to_string()))
    }
}

/// What a key's value is made of.
fn letter(key: u64) -> u8 {
    b'a' + (key % 26) as u8
}

/// The length in `VALUE key flags length`.
fn value_len(line: &[u8]) -> Option<usize> {
    let text = std::str::from_utf8(line).ok()?.strip_prefix("VALUE ")?;
    text.trim_end().rsplit(' ').next()?.parse().ok()
}
