//! Random conversations: valid ones, and ones with a few bytes changed.

use crate::common::Rng;

/// One thing said. Steps are where a difference is looked for.
pub enum Step {
    /// Say this.
    Say(Vec<u8>),
    /// Ask for the CAS of this key and remember it.
    LearnCas(String),
    /// `cas` with the CAS remembered (1 if there is none): what stands before it, and behind.
    UseCas(String, String),
}

/// A conversation, and where its bytes are cut on the way.
pub struct Conversation {
    /// What is said, in order.
    pub steps: Vec<Step>,
    /// Seed of the cuts; 0: sent in one piece.
    pub cuts: u64,
}

/// The conversation of this seed. Its keys begin with `tag`, so that no two ever meet.
pub fn conversation(seed: u64, tag: &str) -> Conversation {
    let rng = &mut Rng::new(seed);
    let cuts = if rng.one_in(2) { 0 } else { rng.next_u64() | 1 };
    let keys: Vec<String> = (0..4).map(|i| key(rng, tag, i)).collect();
    let steps = match rng.below(10) {
        0 => with_cas(rng, &keys),
        1..=5 => (0..1 + rng.below(12)).map(|_| Step::Say(valid(rng, &keys))).collect(),
        _ => mutated(rng, &keys),
    };
    Conversation { steps, cuts }
}

fn key(rng: &mut Rng, tag: &str, index: usize) -> String {
    match rng.below(12) {
        0 => format!("{tag}:{index}:{}", "k".repeat(250 - tag.len() - 3)),
        1 => format!("{tag}:{index}:noreply"),
        2 => format!("{tag}\u{1}\u{7f}ä{index}"),
        _ => format!("{tag}:{index}"),
    }
}

fn with_cas(rng: &mut Rng, keys: &[String]) -> Vec<Step> {
    let mut steps = vec![Step::Say(storage(rng, &keys[0], "set"))];
    for _ in 0..2 + rng.below(4) {
        let key = rng.pick(&[&keys[0], &keys[1]]).clone();
        steps.push(Step::LearnCas(key.clone()));
        if rng.one_in(3) {
            steps.push(Step::Say(valid(rng, keys)));
        }
        let value = value(rng);
        let head = format!("cas {key} {} {} {} ", flags(rng), expiry(rng), value.len());
        let noreply = if rng.one_in(6) { " noreply" } else { "" };
        let value = String::from_utf8(value).expect("values are text");
        steps.push(Step::UseCas(head, format!("{noreply}\r\n{value}\r\n")));
    }
    steps
}

fn mutated(rng: &mut Rng, keys: &[String]) -> Vec<Step> {
    let mut steps = Vec::new();
    for number in 0..1 + rng.below(10) {
        let mut bytes = match rng.below(14) {
            0 => odd(rng, keys),
            _ => valid(rng, keys),
        };
        if rng.one_in(6) {
            for _ in 0..1 + rng.below(3) {
                mutate(rng, &mut bytes);
            }
        }
        // The first byte of a connection chooses the dialect; 0x80 is not this test's.
        if number == 0 && bytes.first() == Some(&0x80) {
            bytes[0] = b'x';
        }
        steps.push(Step::Say(bytes));
    }
    steps
}

fn valid(rng: &mut Rng, keys: &[String]) -> Vec<u8> {
    let key = keys[rng.below(keys.len())].as_str();
    let noreply = if rng.one_in(8) { " noreply" } else { "" };
    let line = match rng.below(20) {
        0..=6 => {
            let verb = rng.pick(&["set", "set", "set", "add", "replace", "append", "prepend"]);
            return storage(rng, key, verb);
        }
        7 => {
            let number = rng.pick(&["0", "9", "10", "99", "18446744073709551615", "007", "12 3"]);
            return format!("set {key} 0 0 {}\r\n{number}\r\n", number.len()).into_bytes();
        }
        8..=10 => format!("get {}", key_list(rng, keys)),
        11 => format!("gat {} {}", expiry(rng), key_list(rng, keys)),
        12 => format!("incr {key} {}{noreply}", delta(rng)),
        13 => format!("decr {key} {}{noreply}", delta(rng)),
        14 => format!("touch {key} {}{noreply}", expiry(rng)),
        15 => format!("delete {key}{noreply}"),
        16 => format!("{} {key}", rng.pick(&["get", "gets"])),
        17 => format!("gats {} {key}", expiry(rng)),
        18 => rng.pick(&["version", "verbosity 0", "flush_all", "flush_all noreply"]).to_string(),
        _ => format!("get  {key}  {key} "),
    };
    let end = if rng.one_in(10) { "\n" } else { "\r\n" };
    (line + end).into_bytes()
}

fn storage(rng: &mut Rng, key: &str, verb: &str) -> Vec<u8> {
    let value = value(rng);
    let noreply = if rng.one_in(8) { " noreply" } else { "" };
    let (flags, expiry, len) = (flags(rng), expiry(rng), value.len());
    let head = format!("{verb} {key} {flags} {expiry} {len}{noreply}\r\n");
    [head.as_bytes(), &value, b"\r\n"].concat()
}

fn key_list(rng: &mut Rng, keys: &[String]) -> String {
    let list = (0..1 + rng.below(8)).map(|_| keys[rng.below(keys.len())].as_str());
    list.collect::<Vec<_>>().join(" ")
}

/// Large values have short lines: read as commands, after an error, they never look like a line
/// that does not end, whose fate depends on how the bytes arrive.
fn value(rng: &mut Rng) -> Vec<u8> {
    let len = match rng.below(200) {
        0 => 20_000 + rng.below(60_000),
        1..=5 => 1000 + rng.below(9000),
        6..=40 => rng.below(300),
        _ => rng.below(12),
    };
    let text =
        rng.pick(&["abcdefg", "get x\r\n", "1234567890", "a\r\nb", "END\r\nVALUE\n", "y   \n"]);
    let line = if text.contains('\n') { text.to_string() } else { format!("{text}{text}\r\n") };
    let mut bytes = if len > 60 { line.repeat(len / line.len() + 1) } else { text.repeat(len) };
    bytes.truncate(len);
    bytes.into_bytes()
}

fn flags(rng: &mut Rng) -> u32 {
    rng.pick(&[0, 0, 0, 1, 42, 65_535, u32::MAX])
}

/// Never so short that it could run out during a conversation, or so long ago in doubt.
fn expiry(rng: &mut Rng) -> i32 {
    rng.pick(&[0, 0, 0, 0, 1000, 2_592_000, 2_592_001, -1, -100, i32::MAX])
}

fn delta(rng: &mut Rng) -> String {
    rng.pick(&["0", "1", "1", "10", "18446744073709551615", "18446744073709551616", "x", "-1"])
        .into()
}

/// Lines that are wrong in a way people and programs get wrong.
fn odd(rng: &mut Rng, keys: &[String]) -> Vec<u8> {
    let key = &keys[0];
    let long = "k".repeat(251 + rng.below(100));
    let lines = [
        "bogus".into(),
        "stats bogus".into(),
        format!("get {key} {long}"),
        format!("delete {long}"),
        format!("incr {long} 1"),
        format!("touch {long} 0"),
        format!("set {key} 0 0 -1"),
        format!("set {key} 0 0 2147483647"),
        format!("set {long} 0 0 3\r\nabc"),
        format!("set {key} 0 0 3\r\nabcd"),
        format!("set {key} 0 0 3\r\nab"),
        format!("set {key} 0 0 2000000"),
        format!("set {key} x 0 3\r\nabc"),
        format!("set {key} 0 0 3 junk\r\nabc"),
        format!("cas {key} 0 0 3 1\r\nabc"),
        format!("cas {key} 0 0 3\r\nabc"),
        format!("touch {key} x"),
        format!("gat x {key}"),
        format!("delete {key} 0"),
        format!("delete {key} 0 0"),
        "delete noreply".into(),
        "flush_all x".into(),
        "flush_all -1".into(),
        "verbosity".into(),
        "bogus noreply".into(),
        "get".into(),
        String::new(),
        "GET / HTTP/1.1".into(),
        format!("{}get {key}", " ".repeat(rng.below(3))),
        "quit".into(),
        "shutdown".into(),
        "stats s".into(),
        format!("set {key} 0 0 5000\r\nabc"),
        "flush_all 0 x".into(),
        "verbosity x y z".into(),
        "flush_all noreply 0".into(),
        "verbosity 0\t".into(),
        "flush_all 0 0".into(),
        "flush_all 0\r0".into(),
        "gat 0".into(),
        format!("bget {key}"),
        format!("touch {key} 0 0"),
        format!("set {key} 0 0 +3\r\nabc"),
        format!("incr {key} +1"),
        format!("get {key}\0 {key}"),
    ];
    (lines[rng.below(lines.len())].clone() + "\r\n").into_bytes()
}

/// Change a byte or a few.
pub fn mutate(rng: &mut Rng, bytes: &mut Vec<u8>) {
    const INTERESTING: [u8; 14] = *b"\r\n  0919-x\0\t\x80\xff";
    if bytes.is_empty() {
        return;
    }
    // Mostly in the first line: that is where bytes mean something.
    let line = bytes.iter().position(|&b| b == b'\n').unwrap_or(bytes.len() - 1);
    let at = if rng.one_in(4) { rng.below(bytes.len()) } else { rng.below(line + 1) };
    match rng.below(6) {
        0 => bytes[at] = rng.pick(&INTERESTING),
        1 => bytes.insert(at, rng.pick(&INTERESTING)),
        2 => drop(bytes.remove(at)),
        3 => bytes[at] ^= 1 << rng.below(8),
        4 => bytes.truncate(at),
        _ => {
            let end = (at + 1 + rng.below(6)).min(bytes.len());
            let copy = bytes[at..end].to_vec();
            bytes.splice(at..at, copy);
        }
    }
}
