//! The list of deliberate differences: read from a list, matched, counted.

use crate::requests::{self, Predicate};

/// One deliberate difference.
pub struct Rule {
    /// What it is called in the report.
    pub name: &'static str,
    /// How often it excused a conversation.
    pub met: usize,
    /// Nobody minds if it never happens.
    pub may_rest: bool,
    request: Predicate,
    earlier: bool,
    theirs: &'static str,
    ours: &'static str,
}

/// All of a list.
pub fn read(list: &'static str) -> Vec<Rule> {
    let lines = list.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(parse).collect()
}

fn parse(line: &'static str) -> Rule {
    let fields: Vec<&str> = line.split('|').map(str::trim).collect();
    let [name, request, theirs, ours, section, why] = fields[..] else {
        panic!("not six fields: {line}");
    };
    assert!(section.starts_with(|c: char| c.is_ascii_digit()), "no section of PROTOCOL.md: {line}");
    assert!(!why.is_empty(), "no reason: {line}");
    let (earlier, request) = match request.strip_prefix("earlier ") {
        Some(request) => (true, request),
        None => (false, request),
    };
    let request =
        requests::predicate(request).unwrap_or_else(|| panic!("no predicate {request}: {line}"));
    let (name, may_rest) = match name.strip_suffix('?') {
        Some(name) => (name, true),
        None => (name, false),
    };
    Rule { name, met: 0, may_rest, request, earlier, theirs, ours }
}

impl Rule {
    /// The same, and nobody minds if it never happens.
    pub fn that_may_rest(self) -> Rule {
        Rule { may_rest: true, ..self }
    }
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
