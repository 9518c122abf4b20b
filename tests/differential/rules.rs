//! The list of deliberate differences: read from `differences.txt`, matched, counted.

use crate::requests::{self, Predicate};

const LIST: &str = include_str!("differences.txt");

/// One deliberate difference.
pub struct Rule {
    /// What it is called in the report.
    pub name: &'static str,
    /// How often it excused a conversation.
    pub met: usize,
    request: Predicate,
    earlier: bool,
    theirs: &'static str,
    ours: &'static str,
}

/// All of them.
pub fn read() -> Vec<Rule> {
    let lines = LIST.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(parse).collect()
}

fn parse(line: &'static str) -> Rule {
    let fields: Vec<&str> = line.split('|').map(str::trim).collect();
    let [name, request, theirs, ours, section, why] = fields[..] else {
        panic!("differences.txt: not six fields: {line}");
    };
    assert!(section.starts_with(|c: char| c.is_ascii_digit()), "no section of PROTOCOL.md: {line}");
    assert!(!why.is_empty(), "no reason: {line}");
    let (earlier, request) = match request.strip_prefix("earlier ") {
        Some(request) => (true, request),
        None => (false, request),
    };
    let request = requests::predicate(request)
        .unwrap_or_else(|| panic!("differences.txt: no predicate {request}: {line}"));
    Rule { name, met: 0, request, earlier, theirs, ours }
}

impl Rule {
    /// It explains why the answers to the last of what was `said` (from `request` on) differ, as
    /// far as they were not common.
    pub fn explains(&self, said: &[u8], request: usize, theirs: &[u8], ours: &[u8]) -> bool {
        let relevant = if self.earlier { said } else { &said[request..] };
        (self.request)(relevant) && begins(theirs, self.theirs) && begins(ours, self.ours)
    }
}

fn begins(answer: &[u8], pattern: &str) -> bool {
    match pattern {
        "*" => true,
        "" => answer.is_empty(),
        "BADFMT" => answer.starts_with(b"CLIENT_ERROR bad command line format\r\n"),
        _ => answer.starts_with(pattern.as_bytes()),
    }
}
