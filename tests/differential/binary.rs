//! The same comparison in the binary protocol: answers are compared packet by packet, and each is
//! known by its opaque to the packet it answers.
//!
//! A conversation is a few valid packets and sometimes, at its end and once all else is answered,
//! one whose header or body was changed. memcached drops answers it has not sent yet when it closes
//! (PROTOCOL 1.1), so what is changed stands alone.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use crate::common::{Answer, Packet, Rng, Server, header};
use crate::{COUNT, MEMCACHED, STILL, number};

/// One deliberate difference.
struct Difference {
    /// With its place in PROTOCOL.md, and the reason.
    what: &'static str,
    /// Whether it explains different answers to this changed packet.
    explains: fn(&Sent, theirs: &[Answer], ours: &[Answer]) -> bool,
}

const DIFFERENCES: [Difference; 6] = [
    Difference {
        what: "3.5: memcached swallows an unknown packet's body beyond its end; slabd just it",
        explains: |sent, _, ours| {
            sent.is_unknown() && ours.first().is_some_and(|answer| answer.status == 0x81)
        },
    },
    Difference {
        what: "3.5: where no value belongs memcached takes it for a header; slabd refuses it",
        explains: |sent, _, ours| {
            matches!(sent.opcode(), 0x10 | 0x1c | 0x1d | 0x1e | 0x23 | 0x24)
                && statuses(ours) == [0x04]
        },
    },
    Difference {
        what: "3.5: memcached closes without a word on a key too long for its buffer",
        explains: |sent, theirs, ours| {
            sent.key_len() > 16_000 && theirs.is_empty() && refuses(ours)
        },
    },
    Difference {
        what: "3.5: memcached waits for extras and key before it says what is wrong with them",
        explains: |sent, theirs, ours| !sent.is_whole() && theirs.is_empty() && refuses(ours),
    },
    Difference {
        what: "3.5: a body beyond 1 GiB is refused; the older memcached believes it",
        explains: |sent, _, ours| sent.body_len() > 1 << 30 && statuses(ours) == [0x04],
    },
    Difference {
        what: "1.1, 3.5: where a packet should begin and does not, memcached drops what it owes",
        explains: |sent, theirs, ours| sent.breaks_framing() && ours.starts_with(theirs),
    },
];

/// Looking at a number beyond 2^63 memcached 1.6.18 searches for a minus sign, to the next NUL,
/// wherever that is: what lay in the memory before decides whether it finds a number.
fn looks_behind_a_number(talk: &Talk, ours: &Heard, theirs: &Heard) -> bool {
    let differs = ours.answers.iter().zip(&theirs.answers).find(|(ours, theirs)| ours != theirs);
    let Some((ours, theirs)) = differs else { return false };
    let said = talk.packets.get(ours.opaque as usize);
    let Some(Step::Say(packet) | Step::WithCas(packet)) = said else { return false };
    let number = |bytes: Option<&[u8]>| {
        bytes.and_then(|bytes| bytes.try_into().ok()).map_or(0, u64::from_be_bytes)
    };
    let (delta, result) = (number(packet.extras.get(..8)), number(Some(&ours.value)));
    let before = match packet.opcode & 0x0f {
        0x05 => result.wrapping_sub(delta),
        0x06 => result.saturating_add(delta),
        _ => return false,
    };
    (ours.status, theirs.status) == (0, 0x06) && before >= 1 << 63
}

/// The changed packet has become a question for statistics, which are each server's own.
fn asks_for_statistics(talk: &Talk, ours: &Heard, theirs: &Heard) -> bool {
    let from = ours.before_odd;
    let begins = |heard: &Heard| heard.answers.get(from).is_some_and(|a| a.opcode == 0x10);
    talk.odd.as_ref().is_some_and(|odd| Sent(odd.clone()).opcode() == 0x10)
        && from == theirs.before_odd
        && ours.answers[..from] == theirs.answers[..from]
        && begins(ours)
        && begins(theirs)
}

/// One answer, that of a packet whose lengths are wrong.
fn refuses(answers: &[Answer]) -> bool {
    matches!(statuses(answers)[..], [0x04 | 0x81])
}

fn statuses(answers: &[Answer]) -> Vec<u16> {
    answers.iter().map(|answer| answer.status).collect()
}

/// The packet at the end of a conversation, and what is sent behind it.
struct Sent(Vec<u8>);

impl Sent {
    fn opcode(&self) -> u8 {
        self.0.get(1).copied().unwrap_or(0)
    }
    fn key_len(&self) -> usize {
        self.0.get(2..4).map_or(0, |len| usize::from(u16::from_be_bytes([len[0], len[1]])))
    }
    fn body_len(&self) -> u32 {
        self.0.get(8..12).map_or(0, |len| u32::from_be_bytes(len.try_into().expect("four")))
    }
    /// By the lengths of their headers, one packet after the other, there comes a place where one
    /// should begin and does not.
    fn breaks_framing(&self) -> bool {
        let mut rest = &self.0[..];
        while let [0x80, ..] = rest {
            let Some(body) = rest.get(8..12) else { return false };
            let body = u32::from_be_bytes(body.try_into().expect("four"));
            let Some(behind) = rest.get(24 + body as usize..) else { return false };
            rest = behind;
        }
        !rest.is_empty()
    }
    /// Extras and key are there.
    fn is_whole(&self) -> bool {
        let extras = usize::from(self.0.get(4).copied().unwrap_or(0));
        self.0.len() >= 24 + extras + self.key_len()
    }
    fn is_unknown(&self) -> bool {
        matches!(self.opcode(), 0x1b | 0x1f | 0x25..)
    }
}

/// A conversation: packets, the changed one, and where their bytes are cut.
struct Talk {
    packets: Vec<Step>,
    odd: Option<Vec<u8>>,
    cuts: u64,
}

/// One thing said.
enum Step {
    Say(Packet),
    /// With the CAS that the key of the packet now has.
    WithCas(Packet),
}

/// A clock may tick between the two, and memcached may close a connection before its last words
/// are through: only what happens each time counts.
const ROUNDS: usize = 5;

#[test]
fn slabd_and_memcached_answer_alike_in_binary() {
    assert!(std::path::Path::new(MEMCACHED).exists(), "{MEMCACHED} is not installed");
    let (ours, theirs) = (Server::start(), Server::of_program(MEMCACHED, STILL));
    let count = number("SLABD_DIFFERENTIAL_COUNT").unwrap_or(COUNT);
    let first = number("SLABD_DIFFERENTIAL_SEED").unwrap_or(1);
    println!("{count} conversations from SLABD_DIFFERENTIAL_SEED={first}");
    let mut met = [0; DIFFERENCES.len()];
    let (mut failures, mut resets, mut behind) = (Vec::new(), 0, 0);
    for seed in first..first + count {
        let mut last = None;
        let alike = (0..ROUNDS).any(|round| {
            let talk = talk(seed, &format!("{seed:07}{round}"));
            let (ours, theirs) = (play(ours.address(), &talk), play(theirs.address(), &talk));
            let prefix = theirs.reset && ours.answers.starts_with(&theirs.answers);
            let same = ours.answers == theirs.answers;
            resets += usize::from(prefix && !same);
            last = Some((talk, ours, theirs));
            prefix || same
        });
        if alike {
            continue;
        }
        let (talk, ours, theirs) = last.expect("played");
        match explanation(&talk, &ours, &theirs) {
            Some(difference) => met[difference] += 1,
            None if looks_behind_a_number(&talk, &ours, &theirs) => behind += 1,
            None if asks_for_statistics(&talk, &ours, &theirs) => {}
            None => failures.push(complaint(seed, &talk, &ours, &theirs)),
        }
        if failures.len() >= 8 {
            break;
        }
    }
    for (difference, met) in DIFFERENCES.iter().zip(met) {
        println!("{met:8} {}", difference.what);
    }
    println!("{behind:8} times memcached looked behind a number");
    println!("{resets:8} resets of memcached, answers compared up to there");
    assert!(failures.is_empty(), "\n{}", failures.join("\n"));
    let excused: usize = met.iter().sum();
    assert!(behind <= count as usize / 500 + 1, "{behind} conversations were excused");
    assert!(excused <= count as usize / 10, "{excused} conversations were excused");
    if count >= COUNT {
        for (difference, met) in DIFFERENCES.iter().zip(met) {
            assert!(met > 0, "never happens: {}", difference.what);
        }
    }
}

/// Which difference on purpose it is; `None` if it is one by mistake.
fn explanation(talk: &Talk, ours: &Heard, theirs: &Heard) -> Option<usize> {
    let sent = Sent([talk.odd.clone()?, mark().repeat(PADDING_TIMES)].concat());
    let from = ours.before_odd;
    if from != theirs.before_odd || ours.answers[..from] != theirs.answers[..from] {
        return None;
    }
    let (ours, theirs) = (&ours.answers[from..], &theirs.answers[from..]);
    DIFFERENCES.iter().position(|difference| (difference.explains)(&sent, theirs, ours))
}

fn complaint(seed: u64, talk: &Talk, ours: &Heard, theirs: &Heard) -> String {
    let pairs = ours.answers.iter().zip(&theirs.answers);
    let common = pairs.take_while(|(a, b)| a == b).count();
    let at = common.min(ours.answers.len().max(1) - 1);
    let packet = |answer: Option<&Answer>| {
        let number = answer.map_or(0, |answer| answer.opaque as usize);
        let said = talk.packets.get(number).map(|(Step::Say(p) | Step::WithCas(p))| p);
        format!("{said:?}")
    };
    format!(
        "SLABD_DIFFERENTIAL_SEED={seed} SLABD_DIFFERENTIAL_COUNT=1, answer {common}\n\
         to {:.600}\nodd {:.300?}\nslabd {:.400?}\nmemcached (reset: {}) {:.400?}\n",
        packet(ours.answers.get(at)),
        talk.odd.as_ref().map(|odd| odd.iter().take(60).collect::<Vec<_>>()),
        &ours.answers[common..].iter().take(3).collect::<Vec<_>>(),
        theirs.reset,
        &theirs.answers[common..].iter().take(3).collect::<Vec<_>>(),
    )
}

/// What a server answered.
struct Heard {
    /// CAS values are numbered in the order of their appearance, versions left out.
    answers: Vec<Answer>,
    /// So many of them came before the changed packet was sent.
    before_odd: usize,
    reset: bool,
}

/// Its opaque marks where waiting ends.
const MARK: u32 = u32::MAX;
/// Said at the end, so often that a packet cut short is complete.
const PADDING_TIMES: usize = 200;

fn mark() -> Vec<u8> {
    Packet { opaque: MARK, ..Packet::new(0x0a) }.bytes()
}

fn play(address: SocketAddr, talk: &Talk) -> Heard {
    let mut line = Line::new(address, talk.cuts);
    let mark = mark();
    for (number, step) in talk.packets.iter().enumerate() {
        let opaque = number as u32;
        let packet = match step {
            Step::Say(packet) => {
                // An answer not yet sent holds a reference in memcached, and a number with one is
                // not written in place (PROTOCOL 1.6).
                if matches!(packet.opcode, 0x05 | 0x06 | 0x15 | 0x16) {
                    line.pending.extend(&mark);
                    line.say_and_hear();
                }
                packet.clone()
            }
            Step::WithCas(packet) => {
                let get = Packet { opaque, ..Packet::keyed(0x00, &packet.key) };
                line.pending.extend([get.bytes(), mark.clone()].concat());
                line.say_and_hear();
                let cas = line.last().map_or(1, |hit| hit.cas.max(1));
                packet.clone().cas(cas)
            }
        };
        line.pending.extend(Packet { opaque, ..packet }.bytes());
    }
    line.pending.extend(&mark);
    line.say_and_hear();
    let before_odd = line.answers().len();
    line.pending.extend(talk.odd.iter().flatten());
    line.pending.extend(mark.repeat(PADDING_TIMES));
    line.say();
    line.finish(before_odd)
}

/// A connection, what is to be said and what was heard.
struct Line {
    stream: TcpStream,
    cuts: u64,
    pending: Vec<u8>,
    heard: Vec<u8>,
    /// How often the mark was said.
    marks: usize,
}

impl Line {
    fn new(address: SocketAddr, cuts: u64) -> Line {
        let stream = TcpStream::connect(address).expect("the server accepts");
        stream.set_nodelay(true).expect("TCP_NODELAY");
        stream.set_read_timeout(Some(Duration::from_secs(20))).expect("timeout");
        Line { stream, cuts, pending: Vec::new(), heard: Vec::new(), marks: 0 }
    }

    /// In pieces, if there is a seed for cutting. A server that has closed hears nothing more.
    fn say(&mut self) {
        let mut rng = Rng::new(self.cuts);
        let mut rest = &self.pending[..];
        while self.cuts != 0 && rest.len() > 1 && !rng.one_in(4) {
            let (piece, behind) = rest.split_at(1 + rng.below(rest.len() - 1));
            let _ = self.stream.write_all(piece);
            std::thread::yield_now(); // so that the server often sees the piece alone
            rest = behind;
        }
        let _ = self.stream.write_all(rest);
        self.pending.clear();
    }

    /// What ends in the mark, up to the answer to the mark.
    fn say_and_hear(&mut self) {
        self.say();
        self.marks += 1;
        let mut buffer = [0; 16 << 10];
        let is_mark = |answer: &Answer| answer.opaque == MARK;
        while self.answers().into_iter().filter(is_mark).count() < self.marks {
            match self.stream.read(&mut buffer) {
                Ok(0) => return,
                Ok(n) => self.heard.extend_from_slice(&buffer[..n]),
                Err(error) if error.kind() == ErrorKind::ConnectionReset => return,
                Err(error) => panic!("no answer to the mark: {:?}: {error}", self.stream),
            }
        }
    }

    fn answers(&self) -> Vec<Answer> {
        let mut rest = &self.heard[..];
        let mut answers = Vec::new();
        while let Some((answer, len)) = Answer::read(rest) {
            answers.push(answer);
            rest = &rest[len..];
        }
        answers
    }

    /// The answer before that to the mark.
    fn last(&self) -> Option<Answer> {
        self.answers().into_iter().rev().nth(1)
    }

    fn finish(mut self, before_odd: usize) -> Heard {
        let _ = self.stream.shutdown(Shutdown::Write); // the server may have closed already
        let reset = match self.stream.read_to_end(&mut self.heard) {
            Ok(_) => false,
            Err(error) if error.kind() == ErrorKind::ConnectionReset => true,
            Err(error) => panic!("no end of the answers: {error}"),
        };
        let mut seen = vec![0];
        let mut answers = self.answers();
        for answer in &mut answers {
            let place = seen.iter().position(|&cas| cas == answer.cas).unwrap_or(seen.len());
            if place == seen.len() {
                seen.push(answer.cas);
            }
            answer.cas = place as u64;
            if answer.opcode == 0x0b {
                answer.value.clear();
            }
        }
        Heard { answers, before_odd, reset }
    }
}

/// The conversation of this seed. Its keys begin with `tag`, so that no two ever meet.
fn talk(seed: u64, tag: &str) -> Talk {
    let rng = &mut Rng::new(seed ^ 0x80);
    let cuts = if rng.one_in(2) { 0 } else { rng.next_u64() | 1 };
    let keys: Vec<String> = (0..3).map(|i| key(rng, tag, i)).collect();
    let steps = 1 + rng.below(14);
    let packets = (0..steps).map(|_| match rng.below(8) {
        0 => Step::WithCas(changing(rng, &keys)),
        _ => Step::Say(valid(rng, &keys)),
    });
    let packets = packets.collect();
    let odd = rng.one_in(3).then(|| odd(rng, &keys));
    Talk { packets, odd, cuts }
}

fn key(rng: &mut Rng, tag: &str, index: usize) -> String {
    match rng.below(12) {
        0 => format!("{tag}:{index}:{}", "k".repeat(250 - tag.len() - 3)),
        1 => format!("{tag} \r\n\0{index}"),
        _ => format!("{tag}:{index}"),
    }
}

/// A packet that may change an item.
fn changing(rng: &mut Rng, keys: &[String]) -> Packet {
    let key = keys[rng.below(keys.len())].as_str();
    let quiet = if rng.one_in(3) { 0x10 } else { 0 };
    let packet = match rng.below(12) {
        0..=5 => {
            let opcode = rng.pick(&[0x01, 0x01, 0x01, 0x02, 0x03]);
            let flags = rng.pick(&[0, 0, 1, 0xffff, u32::MAX]);
            Packet::store(opcode + quiet, key, flags, exptime(rng), value(rng))
        }
        6 => {
            let opcode = rng.pick(&[0x0e, 0x0f, 0x19, 0x1a]);
            Packet::keyed(opcode, key).value(value(rng))
        }
        7 => Packet::keyed(0x04 + quiet, key),
        8 => {
            let number = rng.pick(&["0", "9", "10", "99", "18446744073709551615", "007", "12 3"]);
            Packet::store(0x01 + quiet, key, 0, 0, number)
        }
        _ => {
            let opcode = rng.pick(&[0x05, 0x06]);
            let delta = rng.pick(&[0, 1, 1, 10, u64::MAX]);
            let initial = rng.pick(&[0, 1, 500, u64::MAX]);
            let exptime = if rng.one_in(3) { u32::MAX } else { exptime(rng) };
            Packet::arith(opcode + quiet, key, delta, initial, exptime)
        }
    };
    if rng.one_in(12) { packet.cas(1 + rng.next_u64() % 3) } else { packet }
}

fn valid(rng: &mut Rng, keys: &[String]) -> Packet {
    let key = keys[rng.below(keys.len())].as_str();
    match rng.below(20) {
        0..=8 => changing(rng, keys),
        9..=14 => Packet::keyed(rng.pick(&[0x00, 0x09, 0x0c, 0x0d]), key),
        15..=16 => Packet::touch(rng.pick(&[0x1c, 0x1d, 0x1e, 0x23, 0x24]), key, exptime(rng)),
        17 => Packet::new(rng.pick(&[0x0a, 0x0b, 0x0a, 0x30, 0x1b, 0x7f])),
        18 if rng.one_in(20) => Packet::new(rng.pick(&[0x08, 0x18])).extras(b""),
        18 => Packet::keyed(0x10, rng.pick(&["nonsense", "detail x", "cachedump 1 1", "item"])),
        _ => match rng.below(4) {
            0 => Packet::keyed(0x21, "PLAIN").value("\0user\0password"),
            1 => Packet::new(0x20),
            _ => Packet::keyed(0x00, key).cas(7),
        },
    }
}

/// Never so short that it could run out during a conversation, or so long ago in doubt.
fn exptime(rng: &mut Rng) -> u32 {
    rng.pick(&[0, 0, 0, 0, 1000, 2_592_000, 2_592_001, 0x7fff_ffff])
}

fn value(rng: &mut Rng) -> Vec<u8> {
    let len = match rng.below(300) {
        0 => 60_000 + rng.below(20_000),
        1..=5 => 1000 + rng.below(9000),
        6..=60 => rng.below(300),
        _ => rng.below(12),
    };
    let bytes: &[u8] = rng.pick(&[&b"abc"[..], b"\x80\x01\x00", b"12345", b"x \r\n"]);
    bytes.iter().copied().cycle().take(len).collect()
}

/// A packet that is wrong, or is not what it was.
fn odd(rng: &mut Rng, keys: &[String]) -> Vec<u8> {
    match rng.below(8) {
        0 => Packet::new(rng.pick(&[0x07, 0x17])).bytes(),
        1 => {
            let lens = [0, 1, 4, 8, 20, 250, 251, 300, 0x7fff, 0xffff];
            let bodies = [0, 1, 8, 24, 300, 1 << 20, (1 << 30) + 1, 1 << 31, 0xffff_ffe8, u32::MAX];
            let opcode = rng.below(0x28) as u8;
            header(opcode, rng.pick(&[0, 4, 8, 20, 255]), rng.pick(&lens), rng.pick(&bodies))
        }
        2 => {
            let mut bytes = valid(rng, keys).bytes();
            bytes.truncate(1 + rng.below(bytes.len()));
            bytes
        }
        _ => {
            let mut bytes = valid(rng, keys).bytes();
            for _ in 0..1 + rng.below(2) {
                let at = rng.below(bytes.len().min(24));
                match rng.below(3) {
                    0 => bytes[at] ^= 1 << rng.below(8),
                    1 => bytes[at] = rng.pick(&[0, 1, 4, 8, 20, 0x7f, 0x80, 0x81, 0xff]),
                    _ => bytes[at] = bytes[at].wrapping_add(1),
                }
            }
            bytes
        }
    }
}
