//! Plays a conversation to a server: says all of it, cut as told, says that it is done, and reads
//! what comes until the server closes.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use crate::common::Rng;
use crate::generator::{Conversation, Step};

/// Said at the end, so often that a value cut short is complete: memcached sends no answer while
/// it waits for the rest of a value, and drops what it has not sent if the client ends there.
pub const PADDING: &[u8] = b"version\r\n";
const PADDING_TIMES: usize = 40;

/// What a server said, and how it ended.
pub struct Outcome {
    /// Every byte.
    pub bytes: Vec<u8>,
    /// The connection was reset: bytes may have been lost on the way.
    pub reset: bool,
}

/// What a client waits for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// Nothing.
    Hasty,
    /// A little before it says that it is done: memcached drops the answers it has not sent yet if
    /// the end comes in the middle of a value.
    Patient,
    /// So long before each step as well: memcached holds a reference to what it is still sending,
    /// and a number with one is not written in place (PROTOCOL 1.6).
    Slow(Duration),
}

/// Play the first `steps` steps.
pub fn play(address: SocketAddr, conversation: &Conversation, steps: usize, pace: Pace) -> Outcome {
    let mut stream = TcpStream::connect(address).expect("the server accepts");
    stream.set_nodelay(true).expect("TCP_NODELAY");
    stream.set_read_timeout(Some(Duration::from_secs(20))).expect("timeout");
    let mut heard = Outcome { bytes: Vec::new(), reset: false };
    let mut pending = Vec::new();
    let mut cas = String::from("1");
    for step in &conversation.steps[..steps] {
        if let Pace::Slow(pause) = pace {
            say(&mut stream, &pending, conversation.cuts);
            pending.clear();
            std::thread::sleep(pause);
        }
        match step {
            Step::Say(bytes) => pending.extend_from_slice(bytes),
            Step::UseCas(head, tail) => pending.extend(format!("{head}{cas}{tail}").bytes()),
            Step::LearnCas(key) => {
                pending.extend(format!("gets {key}\r\nversion\r\n").bytes());
                say(&mut stream, &pending, conversation.cuts);
                pending.clear();
                let from = heard.bytes.len();
                hear_version(&mut stream, &mut heard);
                cas = cas_in(&heard.bytes[from..], key).unwrap_or("1".into());
            }
        }
    }
    pending.extend_from_slice(&PADDING.repeat(PADDING_TIMES));
    say(&mut stream, &pending, conversation.cuts);
    match pace {
        Pace::Hasty => {}
        Pace::Patient => std::thread::sleep(Duration::from_millis(1)),
        Pace::Slow(pause) => std::thread::sleep(pause),
    }
    let _ = stream.shutdown(Shutdown::Write); // the server may have closed already
    match stream.read_to_end(&mut heard.bytes) {
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::ConnectionReset => heard.reset = true,
        Err(error) => panic!("no end of the answers: {error}"),
    }
    heard
}

/// In pieces, if there is a seed for cutting. A server that has closed hears nothing more.
fn say(stream: &mut TcpStream, bytes: &[u8], cuts: u64) {
    let mut rng = Rng::new(cuts);
    let mut rest = bytes;
    while cuts != 0 && rest.len() > 1 && !rng.one_in(4) {
        let (piece, behind) = rest.split_at(1 + rng.below(rest.len() - 1));
        let _ = stream.write_all(piece);
        std::thread::yield_now(); // so that the server often sees the piece alone
        rest = behind;
    }
    let _ = stream.write_all(rest);
}

fn hear_version(stream: &mut TcpStream, heard: &mut Outcome) {
    let mut buffer = [0; 16 << 10];
    let from = heard.bytes.len();
    while !ends_with_version(&heard.bytes[from..]) {
        match stream.read(&mut buffer) {
            Ok(0) => return,
            Ok(n) => heard.bytes.extend_from_slice(&buffer[..n]),
            Err(error) => panic!("no answer to version: {error}"),
        }
    }
}

fn ends_with_version(bytes: &[u8]) -> bool {
    let Some(body) = bytes.strip_suffix(b"\r\n") else { return false };
    let line = body.rsplit(|&b| b == b'\n').next().unwrap_or_default();
    line.starts_with(b"VERSION ")
}

fn cas_in(bytes: &[u8], key: &str) -> Option<String> {
    let text = String::from_utf8_lossy(bytes);
    let head = format!("VALUE {key} ");
    let line = text.lines().rfind(|line| line.starts_with(&head))?;
    line.rsplit(' ').next().map(str::to_string)
}
