//! Three dialects agree: the same random operations, said to one daemon in text, to another in
//! meta and to a third in binary, have the same outcomes and leave the same items behind.
//!
//! `SLABD_SEED` says other operations, `SLABD_OPERATIONS` more of them.

#[path = "../common/mod.rs"]
mod common;

use common::{Client, Packet, Rng, Server, skip_without_clock};

/// Operations in a run.
const OPERATIONS: u64 = 6_000;
/// Few, so that operations meet.
const KEYS: usize = 40;

/// What is done, in no dialect.
#[derive(Debug, Clone)]
enum Operation {
    Store {
        mode: Mode,
        key: String,
        flags: u32,
        exptime: u32,
        value: Vec<u8>,
    },
    /// Store over the version now there, or over another.
    Swap {
        key: String,
        right: bool,
        flags: u32,
        exptime: u32,
        value: Vec<u8>,
    },
    Get {
        key: String,
    },
    GetAndTouch {
        key: String,
        exptime: u32,
    },
    Touch {
        key: String,
        exptime: u32,
    },
    Delete {
        key: String,
    },
    Count {
        key: String,
        up: bool,
        delta: u64,
    },
    Flush,
    /// The clock moves.
    Wait {
        seconds: i64,
    },
}

/// The letters are those of the mode flag of ms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Set = b'S' as isize,
    Add = b'E' as isize,
    Replace = b'R' as isize,
    Append = b'A' as isize,
    Prepend = b'P' as isize,
}

/// What came of it, as far as all dialects tell.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Outcome {
    Done,
    /// Not so: it is there, or not, or another version, or no number.
    Refused,
    Number(u64),
    Hit {
        flags: u32,
        value: Vec<u8>,
    },
}

/// A daemon and how one talks to it.
struct Partner {
    server: Server,
    client: Client,
    /// Learns CAS values and moves the clock.
    text: Client,
    say: fn(&mut Client, &Operation, u64) -> Outcome,
}

impl Partner {
    fn new(say: fn(&mut Client, &Operation, u64) -> Outcome) -> Partner {
        let server = Server::start();
        let (client, mut text) = (server.client(), server.client());
        text.stop_clock();
        Partner { server, client, text, say }
    }

    fn play(&mut self, operation: &Operation) -> Outcome {
        let mut cas = 0;
        match operation {
            Operation::Wait { seconds } => {
                self.text.advance(*seconds);
                return Outcome::Done;
            }
            Operation::Swap { key, right, .. } => {
                self.text.send(format!("mg {key} c\r\n"));
                let line = self.text.line();
                let known = line.strip_prefix("HD c").map_or(7, |cas| cas.parse().expect("a CAS"));
                cas = if *right { known } else { known + 1 };
            }
            _ => {}
        }
        (self.say)(&mut self.client, operation, cas)
    }

    /// All there is to know of all items.
    fn items(&mut self) -> Vec<String> {
        let keys = (0..KEYS).map(key);
        keys.map(|key| {
            self.text.send(format!("mg {key} k f s t h v\r\n"));
            let head = self.text.line();
            match head.strip_prefix("VA ") {
                None => head,
                Some(rest) => {
                    let len = rest.split(' ').next().expect("a length").parse().expect("a number");
                    let value: Vec<u8> = self.text.read(len);
                    self.text.expect("\r\n");
                    format!("{head} {}", value.escape_ascii())
                }
            }
        })
        .collect()
    }
}

fn key(number: usize) -> String {
    format!("key{number}")
}

fn operation(rng: &mut Rng) -> Operation {
    let key = key(rng.below(KEYS));
    let flags = rng.pick(&[0, 1, 0xffff, u32::MAX]);
    let exptime = rng.pick(&[0, 0, 0, 0, 0, 0, 5, 30, 300, 2_592_000, 2_592_001]);
    let value = value(rng);
    match rng.below(40) {
        0..=13 => {
            let mode = rng.pick(&[
                Mode::Set,
                Mode::Set,
                Mode::Add,
                Mode::Replace,
                Mode::Append,
                Mode::Prepend,
            ]);
            Operation::Store { mode, key, flags, exptime, value }
        }
        14..=18 => Operation::Swap { key, right: !rng.one_in(4), flags, exptime, value },
        19..=25 => Operation::Get { key },
        26..=27 => Operation::GetAndTouch { key, exptime },
        28..=29 => Operation::Touch { key, exptime },
        30..=32 => Operation::Delete { key },
        33..=37 => {
            let delta = rng.pick(&[0, 1, 9, 1000, u64::MAX]);
            Operation::Count { key, up: rng.one_in(2), delta }
        }
        38 if rng.one_in(30) => Operation::Flush,
        _ => Operation::Wait { seconds: 1 + rng.below(3) as i64 },
    }
}

fn value(rng: &mut Rng) -> Vec<u8> {
    match rng.below(60) {
        0 => common::pattern(rng.next_u64(), 66_000 + rng.below(100_000)),
        1..=5 => common::pattern(rng.next_u64(), rng.below(9000)),
        6..=40 => rng.pick(&["0", "7", "10", "99", "18446744073709551615"]).into(),
        _ => common::pattern(rng.next_u64(), rng.below(100)),
    }
}

#[test]
fn three_dialects_agree() {
    if skip_without_clock() {
        return;
    }
    let variable = |name| std::env::var(name).ok().map(|text| text.parse().expect("a number"));
    let seed = variable("SLABD_SEED").unwrap_or(3);
    let count = variable("SLABD_OPERATIONS").unwrap_or(OPERATIONS);
    println!("{count} operations from SLABD_SEED={seed}");
    let mut partners = [Partner::new(text), Partner::new(meta), Partner::new(binary)];
    let mut rng = Rng::new(seed);
    let mut refused = 0;
    for number in 0..count {
        let operation = operation(&mut rng);
        let [text, meta, binary] = partners.each_mut().map(|partner| partner.play(&operation));
        assert_eq!(text, meta, "{number}: text, meta: {operation:.300?}");
        assert_eq!(text, binary, "{number}: text, binary: {operation:.300?}");
        refused += u64::from(text == Outcome::Refused);
        if number % 500 == 0 {
            assert_same_items(&mut partners);
        }
    }
    assert_same_items(&mut partners);
    assert!((count / 10..count * 2 / 3).contains(&refused), "{refused} of {count} were refused");
    // What was counted of the verbs they have in common: lookups of meta's own kind aside.
    let [text, meta, binary] = partners.map(|partner| partner.server.client().stats(""));
    for name in ["curr_items", "total_items", "cmd_set", "incr_hits", "decr_hits", "delete_hits"] {
        assert_eq!(text[name], meta[name], "{name}: text, meta");
        assert_eq!(text[name], binary[name], "{name}: text, binary");
    }
}

fn assert_same_items(partners: &mut [Partner; 3]) {
    let [text, meta, binary] = partners.each_mut().map(Partner::items);
    for ((text, meta), binary) in text.iter().zip(&meta).zip(&binary) {
        assert!(text == meta && text == binary, "\n{text:.300}\n{meta:.300}\n{binary:.300}");
    }
}

fn text(c: &mut Client, operation: &Operation, cas: u64) -> Outcome {
    let exptime_line = |verb: &str, key: &str, exptime| format!("{verb} {key} {exptime}\r\n");
    let (line, value): (String, &[u8]) = match operation {
        Operation::Store { mode, key, flags, exptime, value } => {
            let verb = match mode {
                Mode::Set => "set",
                Mode::Add => "add",
                Mode::Replace => "replace",
                Mode::Append => "append",
                Mode::Prepend => "prepend",
            };
            (format!("{verb} {key} {flags} {exptime} {}\r\n", value.len()), value)
        }
        Operation::Swap { key, flags, exptime, value, .. } => {
            (format!("cas {key} {flags} {exptime} {} {cas}\r\n", value.len()), value)
        }
        Operation::Get { key } => return hit(c, &format!("get {key}\r\n")),
        Operation::GetAndTouch { key, exptime } => {
            return hit(c, &format!("gat {exptime} {key}\r\n"));
        }
        Operation::Touch { key, exptime } => (exptime_line("touch", key, exptime), b""),
        Operation::Delete { key } => (format!("delete {key}\r\n"), b""),
        Operation::Count { key, up, delta } => {
            (format!("{} {key} {delta}\r\n", if *up { "incr" } else { "decr" }), b"")
        }
        Operation::Flush => ("flush_all\r\n".into(), b""),
        Operation::Wait { .. } => unreachable!("waiting is not said"),
    };
    let has_value = matches!(operation, Operation::Store { .. } | Operation::Swap { .. });
    let end: &[u8] = if has_value { b"\r\n" } else { b"" };
    c.send([line.as_bytes(), value, end].concat());
    match &*c.line() {
        "STORED" | "TOUCHED" | "DELETED" | "OK" => Outcome::Done,
        answer => answer.parse().map_or(Outcome::Refused, Outcome::Number),
    }
}

fn hit(c: &mut Client, line: &str) -> Outcome {
    c.send(line);
    let head = c.line();
    let Some(rest) = head.strip_prefix("VALUE ") else { return Outcome::Refused };
    let words: Vec<&str> = rest.split(' ').collect();
    let value = c.read(words[2].parse().expect("a length"));
    c.expect("\r\nEND\r\n");
    Outcome::Hit { flags: words[1].parse().expect("flags"), value }
}

fn meta(c: &mut Client, operation: &Operation, cas: u64) -> Outcome {
    let (line, value): (String, Option<&[u8]>) = match operation {
        Operation::Store { mode, key, flags, exptime, value } => {
            let mode = char::from(*mode as u8);
            let line = format!("ms {key} {} F{flags} T{exptime} M{mode}\r\n", value.len());
            (line, Some(value))
        }
        Operation::Swap { key, flags, exptime, value, .. } => {
            (format!("ms {key} {} F{flags} T{exptime} C{cas}\r\n", value.len()), Some(value))
        }
        Operation::Get { key } => (format!("mg {key} f v\r\n"), None),
        Operation::GetAndTouch { key, exptime } => (format!("mg {key} f v T{exptime}\r\n"), None),
        Operation::Touch { key, exptime } => (format!("mg {key} T{exptime}\r\n"), None),
        Operation::Delete { key } => (format!("md {key}\r\n"), None),
        Operation::Count { key, up, delta } => {
            (format!("ma {key} D{delta} M{} v\r\n", if *up { 'I' } else { 'D' }), None)
        }
        Operation::Flush => return text(c, operation, cas),
        Operation::Wait { .. } => unreachable!("waiting is not said"),
    };
    let bytes = match value {
        Some(value) => [line.as_bytes(), value, b"\r\n"].concat(),
        None => line.into_bytes(),
    };
    c.send(bytes);
    let head = c.line();
    let words: Vec<&str> = head.split(' ').collect();
    match words[..] {
        ["HD", ..] => Outcome::Done,
        ["VA", len, ref flags @ ..] => {
            let value = c.read(len.parse().expect("a length"));
            c.expect("\r\n");
            match flags.first() {
                Some(flags) => Outcome::Hit { flags: flags[1..].parse().expect("flags"), value },
                None => {
                    let digits = String::from_utf8(value).expect("digits");
                    Outcome::Number(digits.parse().expect("a number"))
                }
            }
        }
        _ => Outcome::Refused,
    }
}

fn binary(c: &mut Client, operation: &Operation, cas: u64) -> Outcome {
    let packet = match operation {
        Operation::Store { mode, key, flags, exptime, value } => match mode {
            Mode::Set => Packet::store(0x01, key, *flags, *exptime, value),
            Mode::Add => Packet::store(0x02, key, *flags, *exptime, value),
            Mode::Replace => Packet::store(0x03, key, *flags, *exptime, value),
            Mode::Append => Packet::keyed(0x0e, key).value(value),
            Mode::Prepend => Packet::keyed(0x0f, key).value(value),
        },
        Operation::Swap { key, flags, exptime, value, .. } => {
            Packet::store(0x01, key, *flags, *exptime, value).cas(cas)
        }
        Operation::Get { key } => Packet::keyed(0x00, key),
        Operation::GetAndTouch { key, exptime } => Packet::touch(0x1d, key, *exptime),
        Operation::Touch { key, exptime } => Packet::touch(0x1c, key, *exptime),
        Operation::Delete { key } => Packet::keyed(0x04, key),
        Operation::Count { key, up, delta } => {
            Packet::arith(if *up { 0x05 } else { 0x06 }, key, *delta, 0, u32::MAX)
        }
        Operation::Flush => Packet::new(0x08),
        Operation::Wait { .. } => unreachable!("waiting is not said"),
    };
    let answer = c.ask(&packet);
    match (answer.status, packet.opcode) {
        (0, 0x00 | 0x1d) => Outcome::Hit { flags: answer.flags(), value: answer.value },
        (0, 0x05 | 0x06) => {
            let number = answer.value[..].try_into().expect("eight bytes");
            Outcome::Number(u64::from_be_bytes(number))
        }
        (0, _) => Outcome::Done,
        _ => Outcome::Refused,
    }
}
