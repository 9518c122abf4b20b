//! Random conversations in the meta dialect, with some classic requests among them: valid ones,
//! and ones with a few bytes changed.

use crate::common::Rng;
use crate::generator::{Conversation, Step, mutate};

/// The conversation of this seed. Its keys begin with `tag`, so that no two ever meet.
pub fn conversation(seed: u64, tag: &str) -> Conversation {
    let rng = &mut Rng::new(seed);
    let cuts = if rng.one_in(2) { 0 } else { rng.next_u64() | 1 };
    let keys: Vec<String> = (0..3).map(|i| format!("{tag}{i}")).collect();
    let steps = match rng.below(10) {
        0..=1 => with_cas(rng, &keys),
        2..=6 => (0..1 + rng.below(16)).map(|_| Step::Say(valid(rng, &keys))).collect(),
        _ => mutated(rng, &keys),
    };
    Conversation { steps, cuts }
}

fn with_cas(rng: &mut Rng, keys: &[String]) -> Vec<Step> {
    let key = &keys[0];
    let mut steps = vec![Step::Say(format!("ms {key} 1 T1000\r\n5\r\n").into_bytes())];
    for _ in 0..2 + rng.below(4) {
        steps.push(Step::LearnCas(key.clone()));
        if rng.one_in(3) {
            steps.push(Step::Say(valid(rng, keys)));
        }
        let (head, tail) = match rng.below(5) {
            0 => (format!("md {key} C"), format!(" {}\r\n", flags(rng, "kOqIT"))),
            1 => (format!("ma {key} C"), format!(" {}\r\n", flags(rng, "kOqvtcTDNJ"))),
            2 => (format!("ms {key} 2 I T50 C"), " k c\r\n77\r\n".into()),
            _ => (format!("ms {key} 2 {} C", mode(rng)), " k c O1\r\n12\r\n".into()),
        };
        steps.push(Step::UseCas(head, tail));
        let look = format!("mg {key} v t s k\r\n");
        steps.push(Step::Say(look.into_bytes()));
    }
    steps
}

fn mutated(rng: &mut Rng, keys: &[String]) -> Vec<Step> {
    let step = |number: usize, rng: &mut Rng| {
        let mut bytes = if rng.one_in(4) { odd(rng, keys) } else { valid(rng, keys) };
        if rng.one_in(4) {
            mutate(rng, &mut bytes);
        }
        // The first byte of a connection chooses the dialect; 0x80 is not this test's.
        if number == 0 && bytes.first() == Some(&0x80) {
            bytes[0] = b'x';
        }
        Step::Say(bytes)
    };
    (0..1 + rng.below(10)).map(|number| step(number, rng)).collect()
}

fn valid(rng: &mut Rng, keys: &[String]) -> Vec<u8> {
    let key = keys[rng.below(keys.len())].as_str();
    // Plain and base64 requests meet on the same items.
    let encoded = rng.one_in(5);
    let (word, b) = if encoded { (base64(key), " b") } else { (key.to_string(), "") };
    let line = match rng.below(16) {
        0..=4 => format!("mg {word} {}{b}", flags(rng, "vstcfhlkOquTNR")),
        5..=8 => {
            let value = value(rng);
            let with = if encoded { "kcOqTF" } else { "kcOqTFI" };
            let flags = format!("{} {}", mode(rng), flags(rng, with));
            let line = format!("ms {word} {} {flags}{b}\r\n", value.len());
            return [line.as_bytes(), &value, b"\r\n"].concat();
        }
        9 => format!("md {word} {}{b}", flags(rng, "kOqIT")),
        10..=11 => format!("ma {word} {}{b}", flags(rng, "kOqvtcTDNJ")),
        12 => format!("me {key}"),
        13 => "mn".into(),
        14 => format!("get {key} {key}"),
        _ => {
            let number = rng.pick(&["0", "9", "99", "18446744073709551615", "12 3", "x"]);
            return format!("set {key} 5 0 {}\r\n{number}\r\n", number.len()).into_bytes();
        }
    };
    let end = if line != "mn" && rng.one_in(10) { "\n" } else { "\r\n" };
    (line + end).into_bytes()
}

/// Some of these flags in any order, with arguments they take.
fn flags(rng: &mut Rng, from: &str) -> String {
    let mut letters: Vec<char> = from.chars().collect();
    let mut words = Vec::new();
    for _ in 0..rng.below(6).min(letters.len()) {
        let letter = letters.remove(rng.below(letters.len()));
        words.push(match letter {
            // Never so short that it could run out during a conversation.
            'T' | 'N' => format!("{letter}{}", rng.pick(&["0", "1000", "2592000", "500"])),
            'R' => format!("R{}", rng.pick(&["0", "30", "700", "2000000"])),
            'D' | 'J' => {
                let numbers = ["0", "1", "7", "10", "99", "18446744073709551615"];
                format!("{letter}{}", rng.pick(&numbers))
            }
            'F' => format!("F{}", rng.pick(&["0", "1", "42", "4294967295"])),
            'O' => format!("O{}", rng.pick(&["", "1", "abc", "opaque-opaque-opaque-opaque-31-"])),
            letter => letter.to_string(),
        });
    }
    words.join(" ")
}

fn mode(rng: &mut Rng) -> &'static str {
    rng.pick(&["", "", "MS", "ME", "MR", "MA", "MP"])
}

fn value(rng: &mut Rng) -> Vec<u8> {
    match rng.below(20) {
        0 => "y   \n".repeat(rng.below(9000)).into_bytes(),
        1..=6 => rng.pick(&["1", "10", "999", " 7"]).into(),
        7 => "a\r\nb".into(),
        _ => "abcdefg".repeat(rng.below(12)).into_bytes(),
    }
}

/// Lines that are wrong in a way people and programs get wrong.
fn odd(rng: &mut Rng, keys: &[String]) -> Vec<u8> {
    let key = &keys[0];
    let long = "k".repeat(251);
    let lines = [
        format!("mg {key} z"),
        format!("mg {key} s s"),
        format!("mg {key} Tx q"),
        format!("mg {key} Jx Tx"),
        format!("mg {key} Dx Fx"),
        format!("mg {key} Fx"),
        format!("mg {key} C v"),
        format!("mg {long} v"),
        format!("md {long} q"),
        format!("md {key} Tx"),
        format!("ma {key} Dx"),
        format!("ma {key} Mx"),
        format!("ma {key} s s"),
        format!("ms {key} abc"),
        format!("ms {key} -1"),
        format!("ms {key}"),
        format!("ms {key} 2 z\r\nab"),
        format!("ms {key} 2 Tx\r\nab"),
        format!("ms {key} 2 MX\r\nab"),
        format!("ms {key} 2 Ms\r\nab"),
        format!("ms {key} 2\r\nabc"),
        format!("ms {key} 2 q\r\nabcd"),
        format!("ms {key} 2 b\r\nab"),
        format!("ms {key} 2000000 q"),
        format!("mg {key} b"),
        format!("me {long}"),
        "mg".into(),
        "mg ".into(),
        "me".into(),
        "mx k".into(),
        format!("mg {key} v noreply"),
    ];
    (lines[rng.below(lines.len())].clone() + "\r\n").into_bytes()
}

fn base64(bytes: &str) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.as_bytes().chunks(3) {
        let byte = |at: usize| u32::from(chunk.get(at).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for at in 0..4 {
            let digit = char::from(DIGITS[(bits >> (18 - 6 * at) & 63) as usize]);
            text.push(if at <= chunk.len() { digit } else { '=' });
        }
    }
    text
}
