//! The well-behaved clients of the soak. Each has keys of its own, and knows of each what it holds
//! if it holds anything: a wrong, stale, expired or flushed value fails the test. Some keys belong
//! to all; of these it is known that every byte under them is theirs.

use std::net::SocketAddr;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use super::Shared;
use super::talk::{Hit, Talk};
use super::value::{HEAD, block, check};
use crate::common::Rng;

/// Keys of one client, values and numbers: several times what fits, with those of all clients.
const KEYS: usize = 8000;
/// Every so many keys one holds a number.
const NUMBER_EVERY: usize = 16;
/// Keys that belong to all.
pub const COMMON_KEYS: usize = 2000;
/// Owner of the keys that belong to all.
pub const COMMON: u64 = 0xffff;
/// How long after its end an item may still be answered: one clock tick each for storing and
/// looking, and some for a loaded machine.
const SLACK: Duration = Duration::from_secs(3);

/// The name of key `n` of `owner` in values, and on the wire: of many lengths.
pub fn key_id(owner: u64, n: usize) -> u64 {
    owner << 32 | n as u64
}
pub fn key_name(owner: u64, n: usize) -> String {
    format!("{owner:x}:{n}{}", "-".repeat(n * 7 % 90))
}

/// What a key holds, if anything.
#[derive(Clone)]
enum Content {
    /// Blocks: sequence number and length.
    Blocks(Vec<(u64, usize)>),
    Number(u64),
}

#[derive(Clone)]
struct Known {
    content: Content,
    expires: Option<Instant>,
    /// When it was last stored, touched or read: a flush keeps what is as young as itself.
    contact: Instant,
}

impl Known {
    /// The answer is there: its time began at the latest now.
    fn confirmed(self) -> Known {
        let late = self.contact.elapsed();
        let expires = self.expires.map(|at| at + late);
        Known { content: self.content, expires, contact: Instant::now() }
    }
}

/// One client.
pub struct Client<'a> {
    owner: u64,
    rng: Rng,
    talk: Talk,
    address: SocketAddr,
    shared: &'a Shared,
    seq: u64,
    /// By key; `None`: the key holds nothing.
    known: Vec<Option<Known>>,
}

impl<'a> Client<'a> {
    pub fn new(owner: u64, address: SocketAddr, shared: &'a Shared) -> Client<'a> {
        let talk = Talk::to(address);
        let (rng, known) = (Rng::new(owner), vec![None; KEYS]);
        Client { owner, rng, talk, address, shared, seq: 0, known }
    }

    /// Work until told to stop.
    pub fn run(mut self) -> Client<'a> {
        while !self.shared.stop.load(Relaxed) {
            self.step();
            self.shared.requests.fetch_add(1, Relaxed);
        }
        self
    }

    /// How many keys are there that will not expire; all values are looked at once more.
    pub fn count_lasting(&mut self) -> usize {
        let lasting = |known: &Option<Known>| known.as_ref().is_some_and(|k| k.expires.is_none());
        (0..KEYS).filter(|&n| self.get(&[n]) == 1 && lasting(&self.known[n])).count()
    }

    fn step(&mut self) {
        let n = self.key();
        match self.rng.below(100) {
            0..30 => self.set(n),
            30..33 => self.set_common(),
            33..55 => _ = self.get(&[n]),
            55..63 => {
                let keys: Vec<usize> = (0..2 + self.rng.below(60)).map(|_| self.key()).collect();
                _ = self.get(&keys);
            }
            63..68 => self.get_common(),
            68..74 => self.extend(n),
            74..80 => self.cas(n),
            80..86 => self.count(n / NUMBER_EVERY * NUMBER_EVERY),
            86..91 => self.delete(n),
            91..95 => self.touch(n),
            95..98 => self.pipeline(),
            98 => self.set_silently(n),
            _ if self.rng.one_in(20) => self.talk = Talk::to(self.address),
            _ => assert_eq!(self.talk.ask("version\r\n"), "VERSION 1.6.45"),
        }
    }

    /// Some keys are used more than others.
    fn key(&mut self) -> usize {
        self.rng.below(KEYS).min(self.rng.below(KEYS))
    }

    fn name(&self, n: usize) -> String {
        key_name(self.owner, n)
    }

    /// A storage command with its value, and what it leaves behind.
    fn storing(&mut self, verb: &str, n: usize, tail: &str) -> (Vec<u8>, Known) {
        self.seq += 1;
        let phase = self.shared.phase();
        let ttl = phase.ttl(&mut self.rng);
        let (content, value) = if n.is_multiple_of(NUMBER_EVERY) {
            (Content::Number(self.seq), self.seq.to_string().into_bytes())
        } else {
            let len = phase.size(&mut self.rng);
            let value = block(key_id(self.owner, n), self.seq, len);
            (Content::Blocks(vec![(self.seq, len)]), value)
        };
        let head = format!("{verb} {} 0 {ttl} {}{tail}\r\n", self.name(n), value.len());
        let contact = Instant::now();
        let expires = (ttl > 0).then(|| contact + Duration::from_secs(ttl as u64));
        ([head.as_bytes(), &value, b"\r\n"].concat(), Known { content, expires, contact })
    }

    fn set(&mut self, n: usize) {
        let (request, known) = self.storing("set", n, "");
        self.talk.send(&request);
        self.stored(n, known, request.len());
    }

    /// Take the answer of a set. What could not be stored leaves nothing.
    fn stored(&mut self, n: usize, known: Known, len: usize) {
        let answer = self.talk.line();
        self.known[n] = if answer == "STORED" {
            Some(known.confirmed())
        } else {
            self.shared.refusal(&answer, len);
            None
        };
    }

    fn set_silently(&mut self, n: usize) {
        let (request, known) = self.storing("set", n, " noreply");
        self.talk.send(&request);
        if request.len() < 32 << 10 {
            self.known[n] = Some(known.confirmed());
            self.get(&[n]);
        } else {
            // Received in pieces: it may have been refused, silently.
            self.known[n] = Some(known);
            self.delete(n);
        }
    }

    fn pipeline(&mut self) {
        let mut batch = Vec::new();
        let mut expected = Vec::new();
        for _ in 0..1 + self.rng.below(40) {
            let n = self.key();
            let (request, known) = self.storing("set", n, "");
            if request.len() < 8 << 10 {
                batch.extend(&request);
                expected.push((n, known, request.len()));
            }
        }
        self.talk.send(&batch);
        for (n, known, len) in expected {
            self.stored(n, known, len);
        }
    }

    /// Get these keys in one command; how many there were.
    fn get(&mut self, keys: &[usize]) -> usize {
        let names: Vec<String> = keys.iter().map(|&n| self.name(n)).collect();
        let flushed = self.shared.flushed();
        let asked = Instant::now();
        self.talk.send(format!("get {}\r\n", names.join(" ")).as_bytes());
        let mut hits = 0;
        let mut next = 0;
        while let Some(hit) = self.talk.hit() {
            let at = names[next..].iter().position(|name| *name == hit.key);
            next += at.unwrap_or_else(|| panic!("{} was not asked here", hit.key));
            self.verify(keys[next], &hit, asked, flushed);
            next += 1;
            hits += 1;
        }
        self.shared.hits.fetch_add(hits as u64, Relaxed);
        self.shared.lookups.fetch_add(keys.len() as u64, Relaxed);
        hits
    }

    fn verify(&mut self, n: usize, hit: &Hit, asked: Instant, flushed: Option<Instant>) {
        let (owner, name) = (self.owner, &hit.key);
        let known = self.known[n].as_mut().unwrap_or_else(|| panic!("{name} holds nothing"));
        match &known.content {
            Content::Number(number) => {
                let text = String::from_utf8_lossy(&hit.value);
                assert_eq!(text.trim_end(), number.to_string(), "{name}");
            }
            Content::Blocks(blocks) => {
                let mut rest = &hit.value[..];
                for &(seq, len) in blocks {
                    let expected = block(key_id(owner, n), seq, len);
                    assert!(rest.starts_with(&expected), "{name}: block {seq} of {len} bytes");
                    rest = &rest[len..];
                }
                assert!(rest.is_empty(), "{name}: {} bytes too many", rest.len());
            }
        }
        let over = known.expires.is_some_and(|at| at + SLACK < asked);
        assert!(!over, "{name} was answered after its time");
        let gone = flushed.is_some_and(|at| known.contact + SLACK < at);
        assert!(!gone, "{name} was answered after a flush");
        known.contact = Instant::now();
    }

    fn set_common(&mut self) {
        let n = self.rng.below(COMMON_KEYS);
        self.seq += 1;
        let len = self.shared.phase().size(&mut self.rng);
        let value = block(key_id(COMMON, n), self.owner << 32 | self.seq, len);
        let head = format!("set {} 7 0 {}\r\n", key_name(COMMON, n), value.len());
        self.talk.send(&[head.as_bytes(), &value, b"\r\n"].concat());
        let answer = self.talk.line();
        if answer != "STORED" {
            self.shared.refusal(&answer, value.len());
        }
    }

    fn get_common(&mut self) {
        let keys: Vec<usize> =
            (0..1 + self.rng.below(8)).map(|_| self.rng.below(COMMON_KEYS)).collect();
        let names: Vec<String> = keys.iter().map(|&n| key_name(COMMON, n)).collect();
        self.talk.send(format!("get {}\r\n", names.join(" ")).as_bytes());
        while let Some(hit) = self.talk.hit() {
            let at = names.iter().position(|name| *name == hit.key).expect("a key that was asked");
            if let Err(wrong) = check(key_id(COMMON, keys[at]), &hit.value) {
                panic!("{}: {wrong}", hit.key);
            }
        }
    }

    /// append or prepend
    fn extend(&mut self, n: usize) {
        let front = self.rng.one_in(2);
        let verb = if front { "prepend" } else { "append" };
        self.seq += 1;
        let (seq, len) = (self.seq, HEAD + self.rng.below(3000));
        match &self.known[n] {
            Some(Known { content: Content::Number(_), .. }) => return self.count(n),
            Some(Known { content: Content::Blocks(blocks), .. }) if blocks.len() > 8 => return,
            _ => {}
        }
        let value = block(key_id(self.owner, n), seq, len);
        let head = format!("{verb} {} 0 0 {len}\r\n", self.name(n));
        self.talk.send(&[head.as_bytes(), &value, b"\r\n"].concat());
        match (self.talk.line().as_str(), &mut self.known[n]) {
            ("STORED", Some(Known { content: Content::Blocks(blocks), contact, .. })) => {
                blocks.insert(if front { 0 } else { blocks.len() }, (seq, len));
                *contact = Instant::now();
            }
            ("STORED", _) => panic!("{verb} to {}, which held nothing", self.name(n)),
            ("NOT_STORED", known) => *known = None,
            // As long as the longest upload, and joined under one lock: it may find no room.
            (other, _) => self.shared.refusal(other, 1 << 20),
        }
    }

    fn cas(&mut self, n: usize) {
        self.talk.send(format!("gets {}\r\n", self.name(n)).as_bytes());
        let Some(hit) = self.talk.hit() else {
            return;
        };
        assert!(self.talk.hit().is_none());
        let stale = self.rng.one_in(3);
        let cas = if stale { hit.cas ^ 1 << 40 } else { hit.cas };
        let (request, known) = self.storing("cas", n, &format!(" {cas}"));
        self.talk.send(&request);
        match self.talk.line().as_str() {
            "STORED" => {
                assert!(!stale, "{}: a stale CAS stores nothing", hit.key);
                self.known[n] = Some(known.confirmed());
            }
            "EXISTS" => assert!(stale, "{}: nobody else stores here", hit.key),
            "NOT_FOUND" => self.known[n] = None,
            other => self.shared.refusal(other, request.len()),
        }
    }

    /// incr or decr
    fn count(&mut self, n: usize) {
        let delta = self.rng.below(1000) as u64;
        let up = self.rng.one_in(2);
        let verb = if up { "incr" } else { "decr" };
        let answer = self.talk.ask(&format!("{verb} {} {delta}\r\n", self.name(n)));
        if answer == "NOT_FOUND" {
            self.known[n] = None;
            return;
        }
        match &mut self.known[n] {
            Some(Known { content: Content::Number(number), contact, .. }) => {
                *number = if up { *number + delta } else { number.saturating_sub(delta) };
                *contact = Instant::now();
                assert_eq!(answer, number.to_string(), "{verb} {}", key_name(self.owner, n));
            }
            _ => panic!("{verb} of {}: {answer}", key_name(self.owner, n)),
        }
    }

    fn delete(&mut self, n: usize) {
        let answer = self.talk.ask(&format!("delete {}\r\n", self.name(n)));
        let held = self.known[n].take().is_some();
        assert!(answer == "NOT_FOUND" || (answer == "DELETED" && held), "{answer}, {held}");
    }

    fn touch(&mut self, n: usize) {
        let ttl = 1 + self.rng.below(8);
        let answer = self.talk.ask(&format!("touch {} {ttl}\r\n", self.name(n)));
        match (answer.as_str(), &mut self.known[n]) {
            ("TOUCHED", Some(known)) => {
                known.contact = Instant::now();
                known.expires = Some(known.contact + Duration::from_secs(ttl as u64));
            }
            ("NOT_FOUND", known) => *known = None,
            (other, _) => panic!("touch: {other}"),
        }
    }
}
