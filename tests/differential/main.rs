//! The same random conversations, played to slabd and to Debian's memcached side by side: every
//! reply byte is compared. What differs on purpose is listed in `differences.txt`, and nowhere
//! else.
//!
//! `SLABD_DIFFERENTIAL_COUNT` plays more conversations; `SLABD_DIFFERENTIAL_SEED` others: a number
//! (a failure prints its own; played alone, all that was said), or `random`.

mod binary;
#[path = "../common/mod.rs"]
mod common;
mod generator;
mod meta;
mod player;
mod requests;
mod rules;

use std::net::SocketAddr;
use std::time::Duration;

use common::{Server, readable};
use generator::{Conversation, Step};
use player::{Outcome, Pace, play};
use rules::Rule;

/// The first conversation, unless told otherwise: a gate should not depend on luck.
const SEED: u64 = 1;
/// Conversations in a run.
const COUNT: u64 = 20_000;
/// At most one in this many may be excused: the test must not excuse itself away.
const EXCUSED_MAX: usize = 5;
/// A slow client's pauses, tried one after the other on a machine that may be busy.
const SLOW: [Duration; 3] =
    [Duration::from_millis(2), Duration::from_millis(20), Duration::from_millis(100)];
/// Deliberate differences in classic text.
const CLASSIC: &str = include_str!("differences.txt");
const MEMCACHED: &str = "/usr/bin/memcached";
/// Its maintainer thread holds a reference to an item it is about to move, and a number with one
/// is not written in place (PROTOCOL 1.6): with it, an answer depends on the moment.
const STILL: &[&str] = &["-o", "no_lru_maintainer"];

/// The two servers, and what was seen of their differences.
struct Comparison {
    ours: SocketAddr,
    theirs: SocketAddr,
    /// Makes a conversation of a seed, whose keys begin with this.
    talk: fn(u64, &str) -> Conversation,
    rules: Vec<Rule>,
    plays: u64,
    resets: usize,
    unsteady: usize,
    slow: usize,
}

#[test]
fn slabd_and_memcached_answer_alike() {
    compare_all(generator::conversation, rules::read(CLASSIC));
}

#[test]
fn slabd_and_memcached_answer_meta_alike() {
    let mut rules = rules::read(include_str!("differences_meta.txt"));
    // Mutated, meta lines become classic ones; not often enough to meet every difference there is.
    rules.extend(rules::read(CLASSIC).into_iter().map(Rule::that_may_rest));
    compare_all(meta::conversation, rules);
}

fn compare_all(talk: fn(u64, &str) -> Conversation, rules: Vec<Rule>) {
    assert!(
        std::path::Path::new(MEMCACHED).exists(),
        "this test compares with {MEMCACHED}, which is not installed: run scripts/test, or \
         `apt-get install memcached`"
    );
    let (ours, theirs) = (Server::start(), Server::of_program(MEMCACHED, STILL));
    let mut comparison = Comparison {
        ours: ours.address(),
        theirs: theirs.address(),
        talk,
        rules,
        plays: 0,
        resets: 0,
        unsteady: 0,
        slow: 0,
    };
    let count = number("SLABD_DIFFERENTIAL_COUNT").unwrap_or(COUNT);
    let first = match std::env::var("SLABD_DIFFERENTIAL_SEED").as_deref() {
        Ok("random") => random_seed(),
        _ => number("SLABD_DIFFERENTIAL_SEED").unwrap_or(SEED),
    };
    println!("{count} conversations from SLABD_DIFFERENTIAL_SEED={first}");
    let mut failures = Vec::new();
    for seed in first..first + count {
        failures.extend(comparison.compare(seed));
        if failures.len() >= 12 {
            break;
        }
    }
    comparison.report(count);
    assert!(failures.is_empty(), "\n{}", failures.join("\n"));
    comparison.assert_sane(count);
}

impl Comparison {
    /// Play one conversation to both; what was not explained.
    fn compare(&mut self, seed: u64) -> Option<String> {
        let (conversation, ours, theirs) = self.play_both(seed, usize::MAX, Pace::Hasty);
        if self.alike(&ours, &theirs) {
            return None;
        }
        // An expiry of a second or two may have come between, or the end of the conversation
        // before an answer was sent: only what happens twice, to a patient client, counts.
        // Step by step, and not by halves: a reset in the middle of a conversation hides what
        // differed before it, and whether there is one depends on the moment.
        let differs = |steps: &usize| {
            let (_, ours, theirs) = self.play_both(seed, *steps, Pace::Patient);
            !self.alike(&ours, &theirs)
        };
        let culprit = (1..=conversation.steps.len()).find(differs)?;
        let (conversation, ours, theirs) = self.play_both(seed, culprit, Pace::Patient);
        if self.alike(&ours, &theirs) {
            return None;
        }
        let (said, request) = said_in_context(&conversation.steps[..culprit]);
        let common = ours.bytes.iter().zip(&theirs.bytes).take_while(|(a, b)| a == b).count();
        let at_line = ours.bytes[..common].iter().rposition(|&b| b == b'\n').map_or(0, |at| at + 1);
        let (our_rest, their_rest) = (&ours.bytes[at_line..], &theirs.bytes[at_line..]);
        let explanation =
            self.rules.iter_mut().find(|rule| rule.explains(&said, request, their_rest, our_rest));
        if let Some(rule) = explanation {
            rule.met += 1;
            return None;
        }
        if SLOW.iter().any(|pause| {
            let (_, ours, theirs) = self.play_both(seed, culprit, Pace::Slow(*pause));
            self.alike(&ours, &theirs)
        }) {
            self.slow += 1;
            return None;
        }
        if self.reference_is_unsteady(seed, culprit) {
            self.unsteady += 1;
            return None;
        }
        if std::env::var("SLABD_DIFFERENTIAL_COUNT").as_deref() == Ok("1") {
            println!("All that was said:\n{}", readable(&said));
        }
        // A delayed flush, asked for in passing by a mutated line, may just be due on one side.
        std::thread::sleep(Duration::from_millis(2100));
        let (_, our_second, their_second) = self.play_both(seed, culprit, Pace::Patient);
        if self.alike(&our_second, &their_second) {
            self.unsteady += 1;
            return None;
        }
        Some(format!(
            "SLABD_DIFFERENTIAL_SEED={seed} SLABD_DIFFERENTIAL_COUNT=1, step {culprit}:\n{}\
             slabd:\n{}memcached{}:\n{}",
            readable(&said[request..]),
            beginning(our_rest),
            if theirs.reset { " (then a reset)" } else { "" },
            beginning(their_rest),
        ))
    }

    /// The first `steps` steps to both servers, with keys that were never used before.
    fn play_both(
        &mut self,
        seed: u64,
        steps: usize,
        pace: Pace,
    ) -> (Conversation, Outcome, Outcome) {
        self.plays += 1;
        let conversation = (self.talk)(seed, &format!("{:07}", self.plays));
        let steps = steps.min(conversation.steps.len());
        let mut ours = play(self.ours, &conversation, steps, pace);
        let mut theirs = play(self.theirs, &conversation, steps, pace);
        ours.bytes = normalised(&ours.bytes);
        theirs.bytes = normalised(&theirs.bytes);
        (conversation, ours, theirs)
    }

    /// memcached does not answer the same twice: it reads memory behind a value of spaces when
    /// asked to increment it, and closes at different points of what it has not read.
    fn reference_is_unsteady(&mut self, seed: u64, steps: usize) -> bool {
        let mut answers = Vec::new();
        for round in 0..12 {
            let pace = if round % 2 == 0 { Pace::Patient } else { Pace::Hasty };
            self.plays += 1;
            let conversation = (self.talk)(seed, &format!("{:07}", self.plays));
            let outcome = play(self.theirs, &conversation, steps, pace);
            let tag = format!("{:07}", self.plays);
            let text = String::from_utf8_lossy(&normalised(&outcome.bytes)).replace(&tag, "");
            answers.push(text);
        }
        answers.windows(2).any(|pair| pair[0] != pair[1])
    }

    /// Equal, but for what a reset on memcached's side has swallowed (it closes with bytes
    /// unread).
    fn alike(&mut self, ours: &Outcome, theirs: &Outcome) -> bool {
        if theirs.reset && ours.bytes.starts_with(&theirs.bytes) {
            self.resets += 1;
            return true;
        }
        ours.bytes == theirs.bytes
    }

    fn report(&self, count: u64) {
        println!("{count} conversations, {} plays; explained differences:", self.plays);
        for rule in self.rules.iter().filter(|rule| rule.met > 0 || !rule.may_rest) {
            println!("{:8} {}", rule.met, rule.name);
        }
        println!("{:8} times only a client that waits is answered alike", self.slow);
        println!("{:8} times memcached did not answer the same twice", self.unsteady);
        println!("{:8} resets of memcached, answers compared up to there", self.resets);
    }

    /// Every listed difference was met, and few conversations were excused.
    fn assert_sane(&self, count: u64) {
        let excused: usize = self.rules.iter().map(|rule| rule.met).sum();
        let most = count as usize / EXCUSED_MAX;
        assert!(self.unsteady <= count as usize / 500 + 1, "{} unsteady answers", self.unsteady);
        assert!(self.slow <= count as usize / 500 + 1, "{} alike to the slow alone", self.slow);
        assert!(excused <= most, "{excused} of {count} conversations were excused");
        if count >= COUNT {
            for rule in &self.rules {
                assert!(rule.met > 0 || rule.may_rest, "{} is listed but never happens", rule.name);
            }
        }
    }
}

fn beginning(answer: &[u8]) -> String {
    readable(&answer[..answer.len().min(200)])
}

/// All that was said, and where in it the last step begins, with the unfinished line before it
/// that it continues.
fn said_in_context(steps: &[Step]) -> (Vec<u8>, usize) {
    let (last, before) = steps.split_last().expect("a step");
    let mut said: Vec<u8> = before.iter().flat_map(step_bytes).collect();
    let line = said.iter().rposition(|&b| b == b'\n').map_or(0, |at| at + 1);
    said.extend(step_bytes(last));
    said.extend_from_slice(player::PADDING);
    (said, line)
}

fn step_bytes(step: &Step) -> Vec<u8> {
    match step {
        Step::Say(bytes) => bytes.clone(),
        Step::LearnCas(key) => format!("gets {key}\r\nversion\r\n").into_bytes(),
        Step::UseCas(head, tail) => format!("{head}<cas>{tail}").into_bytes(),
    }
}

/// The version is each server's own; CAS values are compared by where they reappear.
fn normalised(answers: &[u8]) -> Vec<u8> {
    let mut seen: Vec<Vec<u8>> = Vec::new();
    let mut out = Vec::with_capacity(answers.len());
    let mut rest = answers;
    while let Some(end) = rest.iter().position(|&b| b == b'\n') {
        let (line, behind) = rest.split_at(end + 1);
        rest = behind;
        if line.starts_with(b"VERSION ") {
            out.extend_from_slice(b"VERSION *\r\n");
            continue;
        }
        let words: Vec<&[u8]> = line.trim_ascii_end().split(|&b| b == b' ').collect();
        if matches!(words[0], b"VA" | b"HD" | b"NS" | b"EX" | b"NF" | b"ME") {
            normalise_meta(&words, &mut seen, &mut out);
            let len = if words[0] == b"VA" { number_in(words.get(1)) } else { 0 };
            let (data, behind) = rest.split_at(len.min(rest.len()));
            out.extend_from_slice(data);
            rest = behind;
            continue;
        }
        let len = words.get(3).and_then(|word| std::str::from_utf8(word).ok()?.parse().ok());
        let (b"VALUE", Some(len)) = (words[0], len) else {
            out.extend_from_slice(line);
            continue;
        };
        if let [.., cas] = &words[..]
            && words.len() == 5
        {
            let place = seen.iter().position(|known| known == cas).unwrap_or(seen.len());
            if place == seen.len() {
                seen.push(cas.to_vec());
            }
            out.extend(words[..4].join(&b' '));
            out.extend(format!(" cas#{place}\r\n").bytes());
        } else {
            out.extend_from_slice(line);
        }
        let data: usize = len;
        let (data, behind) = rest.split_at(data.min(rest.len()));
        out.extend_from_slice(data);
        rest = behind;
    }
    out.extend_from_slice(rest);
    out
}

/// In a line of a meta answer, CAS values by where they reappear; sizes and classes are each
/// server's own.
fn normalise_meta(words: &[&[u8]], seen: &mut Vec<Vec<u8>>, out: &mut Vec<u8>) {
    for word in words {
        let cas = word.strip_prefix(b"cas=").or(word.strip_prefix(b"c")).unwrap_or(b"0");
        if cas.iter().all(u8::is_ascii_digit) && !cas.is_empty() && cas != b"0" {
            let place = seen.iter().position(|known| known == cas).unwrap_or(seen.len());
            if place == seen.len() {
                seen.push(cas.to_vec());
            }
            out.extend(format!("cas#{place} ").bytes());
        } else if let Some(left) = word.strip_prefix(b"exp=") {
            // 1.6.18 subtracts the other way round.
            let left = if left == b"-1" { left } else { left.strip_prefix(b"-").unwrap_or(left) };
            out.extend([b"exp=", left, b" "].concat());
        } else if !word.starts_with(b"cls=") && !word.starts_with(b"size=") {
            out.extend_from_slice(word);
            out.push(b' ');
        }
    }
    out.extend_from_slice(b"\r\n");
}

fn number_in(word: Option<&&[u8]>) -> usize {
    word.and_then(|word| std::str::from_utf8(word).ok()?.parse().ok()).unwrap_or(0)
}

fn number(variable: &str) -> Option<u64> {
    let value = std::env::var(variable).ok()?;
    Some(value.parse().unwrap_or_else(|_| panic!("{variable}={value} is no number")))
}

fn random_seed() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.expect("after 1970").as_nanos() as u64 >> 10
}
