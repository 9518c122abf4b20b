//! What an item and an idle connection cost in process memory: resident bytes before and after.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::client::Client;
use crate::options::Options;
use crate::progress;
use crate::server::{Kind, Server};
use crate::workloads::KeySet;

/// `-m` for the items: nothing may be evicted.
const MEMORY_MB: u32 = 1024;
/// How long a server may take to accept what has connected.
const ACCEPT_DEADLINE: Duration = Duration::from_secs(30);

/// What one server's memory grew by.
#[derive(Debug, Clone, Copy)]
pub struct Growth {
    pub kind: Kind,
    /// Items or connections.
    pub count: u64,
    /// Resident bytes of the server when it had just started.
    pub base: u64,
    /// Bytes more with all there.
    pub grown: u64,
    /// Bytes more after each was used once; items are not measured so.
    pub grown_in_use: Option<u64>,
}

impl Growth {
    pub fn each(&self) -> f64 {
        self.grown as f64 / self.count as f64
    }

    pub fn each_in_use(&self) -> Option<f64> {
        self.grown_in_use.map(|grown| grown as f64 / self.count as f64)
    }
}

/// Loads items of a 16-byte key and a 32-byte value over the wire, and reads every one back.
pub fn memory(options: &Options, growths: &mut Vec<Growth>) -> io::Result<()> {
    let keys = options.items;
    let set = KeySet { name: "memory", keys, value_len: 32, memory_mb: MEMORY_MB, big: false };
    let measure = |kind: Kind| {
        let server = Server::start(kind, &options.programs, set.memory_mb, 1)?;
        let base = server.resident_bytes()?;
        Client::connect(server.address)?.fill(&set, |step, key| {
            if key.is_multiple_of(1 << 14) {
                progress::show(&format!("memory: {} {step} {key} of {keys}", kind.name()));
            }
        })?;
        let grown = server.resident_bytes()?.saturating_sub(base);
        Ok(Growth { kind, count: u64::from(keys), base, grown, grown_in_use: None })
    };
    caches(options).try_for_each(|kind| measure(kind).map(|growth| tell(growth, growths)))
}

/// Opens idle connections, then sends one request over each.
pub fn idle(options: &Options, growths: &mut Vec<Growth>) -> io::Result<()> {
    let measure = |kind| idle_one(kind, options);
    caches(options).try_for_each(|kind| measure(kind).map(|growth| tell(growth, growths)))
}

fn tell(growth: Growth, growths: &mut Vec<Growth>) {
    progress::note(&format!("{}: {:.1} bytes each", growth.kind.name(), growth.each()));
    growths.push(growth);
}

fn idle_one(kind: Kind, options: &Options) -> io::Result<Growth> {
    let server = Server::start(kind, &options.programs, 64, options.idle)?;
    let base = server.resident_bytes()?;
    let mut connections = open(&server, options.idle)?;
    let grown = server.resident_bytes()?.saturating_sub(base);
    for connection in &mut connections {
        connection.write_all(b"get nothing\r\n")?;
        let mut reply = [0; 5];
        connection.read_exact(&mut reply)?;
        if reply != *b"END\r\n" {
            return Err(io::Error::other(format!("{}: {}", kind.name(), reply.escape_ascii())));
        }
    }
    let grown_in_use = Some(server.resident_bytes()?.saturating_sub(base));
    Ok(Growth { kind, count: options.idle as u64, base, grown, grown_in_use })
}

/// Opens so many connections, and waits until the server has accepted them all.
pub fn open(server: &Server, count: usize) -> io::Result<Vec<TcpStream>> {
    let connected = server.stat("curr_connections")?;
    let mut connections = Vec::with_capacity(count);
    for opened in 0..count {
        let connection = TcpStream::connect(server.address).map_err(|error| {
            let text = format!("{error} after {opened} connections (is `ulimit -n` too low?)");
            io::Error::new(error.kind(), text)
        })?;
        connection.set_read_timeout(Some(ACCEPT_DEADLINE))?;
        connections.push(connection);
        if opened.is_multiple_of(500) {
            progress::show(&format!("idle: {} {opened} of {count}", server.kind.name()));
        }
    }
    let wanted = connected + count as u64;
    let begun = Instant::now();
    while server.stat("curr_connections")? < wanted {
        if begun.elapsed() > ACCEPT_DEADLINE {
            return Err(io::Error::other(format!("{} does not accept all", server.kind.name())));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(connections)
}

fn caches(options: &Options) -> impl Iterator<Item = Kind> {
    options.servers.iter().copied().filter(|kind| kind.is_cache())
}
