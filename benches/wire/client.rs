//! The careful client: fills a server and checks every byte it answers, outside the clock.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use crate::dialects;
use crate::script::Picks;
use crate::workloads::{Dialect, FILLED, KEY_LEN, KeySet, Kind, REWRITTEN, Verb, Workload};

/// What is in flight at once: below what sockets buffer, so neither side can wait for the other.
const IN_FLIGHT_BYTES: usize = 16 << 10;
/// A server that takes longer for one batch has failed.
const REPLY_DEADLINE: Duration = Duration::from_secs(30);
/// Keys and bytes of each workload that are played carefully before it is timed.
const CHECKED_KEYS: usize = 1_000;
const CHECKED_BYTES: usize = 8 << 20;

/// One blocking connection.
pub struct Client {
    stream: TcpStream,
    request: Vec<u8>,
    expected: Vec<u8>,
    reply: Vec<u8>,
}

impl Client {
    pub fn connect(address: SocketAddr) -> io::Result<Client> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(REPLY_DEADLINE))?;
        Ok(Client { stream, request: Vec::new(), expected: Vec::new(), reply: Vec::new() })
    }

    /// Stores every key of the set, and reads all of them back.
    pub fn fill(&mut self, set: &KeySet, progress: impl Fn(&str, u32)) -> io::Result<()> {
        let at_once = (IN_FLIGHT_BYTES / (KEY_LEN + set.value_len)).max(1);
        let text = Dialect::Text;
        let indices: Vec<u32> = (0..set.keys).collect();
        for keys in indices.chunks(at_once) {
            for &key in keys {
                let (len, expected) = (set.value_len, &mut self.expected);
                dialects::push_set(text, key, FILLED, len, &mut self.request);
                dialects::push_reply(text, Kind::Set, &[], FILLED, len, expected);
            }
            self.exchange(text)?;
            progress("filling", keys[0]);
        }
        for keys in indices.chunks(at_once.min(100)) {
            self.ask((text, Kind::Get), keys, FILLED, set.value_len)?;
            progress("reading back", keys[0]);
        }
        Ok(())
    }

    /// Plays the first requests of a workload and checks the answers; what was set is read back.
    pub fn check(&mut self, workload: &Workload, seed: u64) -> io::Result<()> {
        let (dialect, value_len) = (workload.dialect, workload.key_set.value_len);
        let mut picks = Picks::new(workload, seed);
        let keys_each = if let Verb::MultiGet { keys } = workload.verb { keys } else { 1 };
        for _ in 0..CHECKED_KEYS.min(CHECKED_BYTES / value_len) / keys_each {
            let kind = picks.next();
            self.ask((dialect, kind), &picks.keys, FILLED, value_len)?;
            if kind == Kind::Set {
                self.ask((dialect, Kind::Get), &picks.keys, REWRITTEN, value_len)?;
            }
        }
        Ok(())
    }

    fn ask(
        &mut self,
        (dialect, kind): (Dialect, Kind),
        keys: &[u32],
        generation: u8,
        value_len: usize,
    ) -> io::Result<()> {
        let (request, expected) = (&mut self.request, &mut self.expected);
        dialects::push_request(dialect, kind, keys, value_len, request);
        dialects::push_reply(dialect, kind, keys, generation, value_len, expected);
        self.exchange(dialect)
    }

    /// Sends the request and compares what comes back. A value that was filled may have been
    /// rewritten by an earlier workload since.
    fn exchange(&mut self, dialect: Dialect) -> io::Result<()> {
        self.stream.write_all(&self.request)?;
        self.reply.resize(self.expected.len(), 0);
        let (mut have, mut right_until) = (0, 0);
        let same = |(&want, &got): (&u8, &u8)| want == got || (want == FILLED && got == REWRITTEN);
        while have < self.expected.len() {
            let outcome = self.stream.read(&mut self.reply[have..]);
            have += *outcome.as_ref().unwrap_or(&0);
            let whole = have == self.expected.len();
            if whole && dialect == Dialect::Binary {
                dialects::blank_cas(&mut self.reply);
            }
            let news = if dialect == Dialect::Binary { 0..have } else { right_until..have };
            let (want, got) = (&self.expected[news.clone()], &self.reply[news]);
            right_until = have;
            // A line of text that is wrong is seen before the rest of the answer stays away.
            let judged = whole || dialect != Dialect::Binary;
            let right = !judged || want == got || want.iter().zip(got).all(same);
            if !right || matches!(outcome, Ok(0) | Err(_)) {
                return Err(self.wrong(have, outcome.err()));
            }
        }
        self.request.clear();
        self.expected.clear();
        Ok(())
    }

    fn wrong(&self, have: usize, error: Option<io::Error>) -> io::Error {
        let start = |bytes: &[u8]| bytes[..bytes.len().min(160)].escape_ascii().to_string();
        io::Error::other(format!(
            "wrong answer{}\n  to   {}\n  got  {}\n  want {}",
            error.map(|error| format!(" ({error})")).unwrap_or_default(),
            start(&self.request),
            start(&self.reply[..have]),
            start(&self.expected),
        ))
    }
}
