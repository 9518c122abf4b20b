//! The part of the twin that speaks meta: each command is said as a line, parsed and executed as
//! the daemon does it, and the twin knows the whole answer beforehand, but for a fresh CAS.

use slabd::commands::{self, ClientState, Context, Next, Producer};
use slabd::ops::config::Config;
use slabd::ops::shared::Shared;
use slabd::protocol::{self, Parsed, Protocol};
use slabd::store::{ArithArgs, Count, Counted, PinRead, SetArgs, SetMode, StoreConfig, Stored};

use crate::store_ops::{Look, Mark, ORDERS, Sum};
use crate::store_twin::{Entry, World, key_bytes};

/// Longer values are not part of a line's request.
pub const IN_LINE_MAX: usize = 32_000;
/// Ages up to this one are told to the second.
const AGE_EXACT_MAX: u32 = 16_000;

/// What commands need besides a store.
pub struct Voice {
    config: Config,
    shared: Shared,
}

impl Voice {
    pub fn new(store: &StoreConfig) -> Voice {
        let config = Config { store: store.clone(), threads: 1, ..Config::default() };
        let shared = Shared::new(&config, 0);
        Voice { config, shared }
    }
}

impl World {
    /// The answer to one request.
    fn say(&self, input: &[u8]) -> Vec<u8> {
        let Parsed::Complete { request, .. } = protocol::parse(Protocol::Text, input, 0) else {
            panic!("not a request: {}", input.escape_ascii());
        };
        let cx = Context {
            store: &self.store,
            config: &self.voice.config,
            shared: &self.voice.shared,
            counters: &self.voice.shared.workers[0],
            now: self.now,
            output_max: usize::MAX,
            output_begin: 0,
        };
        let (mut client, mut out) = (ClientState::default(), Vec::new());
        let mut session = self.session();
        match commands::execute(&cx, &mut session, &mut client, &request, None, &mut out) {
            Next::Continue => out,
            Next::Stream(Producer::Value(pin, behind)) => {
                session.release();
                while self.store.read_pin(&pin, 50_000, &mut out) == PinRead::More {}
                self.store.unpin(pin);
                out.extend_from_slice(behind);
                out
            }
            other => panic!("{other:?}"),
        }
    }

    /// A storage command as `ms`.
    pub(crate) fn say_set(&self, args: &SetArgs<'_>, value: &[u8]) -> Stored {
        let mut line = format!("ms {} {} c s", text(args.key), value.len());
        line += match args.mode {
            SetMode::Set => "",
            SetMode::Add => " ME C1", // a CAS it does not look at
            SetMode::Replace => " MR",
            SetMode::Append => " MA",
            SetMode::Prepend => " MP",
        };
        number(&mut line, 'C', args.compare);
        number(&mut line, 'E', args.rare.new_cas);
        number(&mut line, 'F', (args.flags != 0).then_some(args.flags));
        number(&mut line, 'T', Some(self.seconds(args.deadline)));
        number(&mut line, 'N', args.rare.vivify.map(|deadline| self.seconds(deadline)));
        line += if args.rare.invalidate { " I" } else { "" };
        let answer = self.say(&[line.as_bytes(), b"\r\n", value, b"\r\n"].concat());
        let answer = text(&answer);
        match &answer[..2] {
            "HD" => {
                let joins = matches!(args.mode, SetMode::Append | SetMode::Prepend);
                let before = self.twin.get(args.key).filter(|old| joins && !self.is_dead(old));
                let len = value.len() + before.map_or(0, |old| old.value.len());
                assert_eq!(returned(answer, 's'), len as u64, "{answer}");
                Stored::Stored(returned(answer, 'c'))
            }
            "NS" => Stored::NotStored,
            "EX" => Stored::Exists,
            "NF" => Stored::NotFound,
            _ if answer.contains("too large") => Stored::TooLarge,
            _ if answer.contains("out of memory") => Stored::OutOfMemory,
            _ => panic!("{line}: {answer}"),
        }
    }

    /// `mg`.
    pub(crate) fn look(&mut self, look: Look) {
        let key = key_bytes(look.key);
        let compare = self.compare(&key, look.compare);
        let (touch, vivify) = (look.touch.map(|l| self.deadline(l)), look.vivify);
        let vivify = vivify.map(|life| self.deadline(life));
        let mut line = format!("mg {} c f h l s", text(&key));
        line += if look.early { " t" } else { "" };
        for flag in ORDERS[look.order].chars() {
            match flag {
                'T' => number(&mut line, 'T', touch.map(|deadline| self.seconds(deadline))),
                'N' => number(&mut line, 'N', vivify.map(|deadline| self.seconds(deadline))),
                _ => number(&mut line, 'R', look.recache),
            }
        }
        number(&mut line, 'C', compare);
        number(&mut line, 'E', look.new_cas);
        line += if look.early { "" } else { " t" };
        line += if look.value { " v" } else { "" };
        line += if look.no_bump { " u" } else { "" };
        let answer = self.say(format!("{line}\r\n").as_bytes());
        self.absorb(Some(&key));
        // The last of them counts for what is created.
        let last = if ORDERS[look.order].find('T') > ORDERS[look.order].find('N') {
            touch.or(vivify)
        } else {
            vivify.or(touch)
        };
        if self.find(&key).is_some() {
            self.judge_found(&look, &key, (touch, compare), &answer);
        } else if answer == b"EN\r\n" {
            self.tally.misses += 1;
            if vivify.is_some() {
                self.allow_no_memory(key.len());
            }
        } else {
            assert!(vivify.is_some(), "{line}: an item should not be there");
            self.judge_created(&look, &key, last.unwrap_or(0), &answer);
        }
    }
    fn judge_created(&mut self, look: &Look, key: &[u8], deadline: u32, answer: &[u8]) {
        let cas = self.check_cas(returned(text(answer), 'c'), look.new_cas);
        let ttl = self.left(if look.early { 0 } else { deadline });
        // (A CAS to compare with that is the new one's takes the value away.)
        let value = look.value && answer.starts_with(b"VA");
        let (front, end) = if value { ("VA 0", "\r\n") } else { ("HD", "") };
        let want = format!("{front} c{cas} f0 h0 l0 s0 t{ttl} W\r\n{end}");
        assert_eq!(text(answer), want, "what a miss creates");
        let entry = self.enter(key, Vec::new(), 0, deadline, cas);
        (entry.won, entry.fetched) = (true, !look.no_bump);
        entry.chosen = look.new_cas.is_some();
        self.tally.vivified += 1;
    }
    fn judge_found(
        &mut self,
        look: &Look,
        key: &[u8],
        (touch, compare): (Option<u32>, Option<u64>),
        answer: &[u8],
    ) {
        let order = ORDERS[look.order];
        let entry = self.find(key).expect("it was found");
        let idle = returned_idle(answer);
        let (longest, shortest) = (self.now - entry.written, self.now - entry.used);
        if longest < AGE_EXACT_MAX {
            assert!((shortest..=longest).contains(&idle), "{idle} s since the last use");
        }
        let touched_first = touch.filter(|_| order.find('T') < order.find('R'));
        let due = touched_first.unwrap_or(entry.deadline);
        // (R0 is the deadline of what never dies: nothing is before it.)
        let limit = look.recache.filter(|&seconds| seconds != 0).map(|s| self.now + s);
        let late = due != 0 && limit.is_some_and(|limit| due < limit);
        let wins = !entry.won && (entry.stale || late);
        let shown = touch.filter(|_| !look.early).unwrap_or(entry.deadline);
        let with_value = look.value && compare != Some(entry.cas);
        let want = self.found(entry, (with_value, idle, shown, wins));
        let begin = |bytes: &[u8]| bytes[..bytes.len().min(100)].escape_ascii().to_string();
        assert!(answer == want, "{} is not {}: {look:?}", begin(answer), begin(&want));
        let entry = self.twin.get_mut(key).expect("it was found");
        entry.won |= wins;
        if !look.no_bump {
            (entry.fetched, entry.used) = (true, self.now);
        }
        self.tally.hits += 1;
        self.tally.won += u64::from(wins);
        if let Some(deadline) = touch {
            self.set_deadline(key, deadline);
        }
    }
    fn found(
        &self,
        entry: &Entry,
        (with_value, idle, deadline, wins): (bool, u32, u32, bool),
    ) -> Vec<u8> {
        let (len, cas, flags) = (entry.value.len(), entry.cas, entry.flags);
        let front = if with_value { format!("VA {len}") } else { "HD".into() };
        let fetched = u8::from(entry.fetched);
        let ttl = self.left(deadline);
        let mut want = format!("{front} c{cas} f{flags} h{fetched} l{idle} s{len} t{ttl}");
        for (mark, given) in [(" Z", entry.won), (" X", entry.stale), (" W", wins)] {
            want += if given { mark } else { "" };
        }
        let mut want = (want + "\r\n").into_bytes();
        if with_value {
            want.extend_from_slice(&entry.value);
            want.extend_from_slice(b"\r\n");
        }
        want
    }

    /// `md`.
    pub(crate) fn mark(&mut self, mark: Mark) {
        let key = key_bytes(mark.key);
        let compare = self.compare(&key, mark.compare);
        let deadline = mark.life.map(|life| self.deadline(life));
        let mut line = format!("md {}", text(&key));
        number(&mut line, 'C', compare);
        number(&mut line, 'E', mark.new_cas);
        number(&mut line, 'F', mark.flags);
        number(&mut line, 'T', deadline.map(|deadline| self.seconds(deadline)));
        line += if mark.invalidate { " I" } else { "" };
        line += if mark.empty { " x" } else { "" };
        let answer = self.say(format!("{line}\r\n").as_bytes());
        self.absorb(Some(&key));
        let entry = self.find(&key);
        let want = match entry {
            None => "NF\r\n",
            Some(entry) if compare.is_some_and(|cas| cas != entry.cas) => "EX\r\n",
            Some(entry) if answer.starts_with(b"SERVER_ERROR") => {
                assert!(mark.empty || mark.invalidate && mark.new_cas.is_some());
                return self.allow_no_memory(entry.value.len());
            }
            Some(_) => "HD\r\n",
        };
        assert_eq!(text(&answer), want, "{line}");
        if want == "HD\r\n" {
            self.marked(&mark, &key, deadline);
        }
    }
    fn marked(&mut self, mark: &Mark, key: &[u8], deadline: Option<u32>) {
        if !mark.empty && !mark.invalidate {
            self.twin.remove(key);
            return;
        }
        self.tally.marked += 1;
        let hash = self.store.hash(key);
        if mark.empty {
            let cas = self.twin[key].cas;
            let cas = mark.new_cas.filter(|_| self.config.use_cas).unwrap_or(cas);
            let flags = mark.flags.unwrap_or(0);
            self.enter(key, Vec::new(), flags, 0, cas).chosen = true;
        }
        if let Some(deadline) = deadline {
            self.set_deadline(key, deadline);
        }
        if mark.invalidate && !self.lost && !self.is_dead(&self.twin[key]) {
            let cas = self.session().peek(key, hash, self.now, |hit| hit.cas());
            let cas = self.check_cas(cas.expect("it is marked, not deleted"), mark.new_cas);
            let entry = self.twin.get_mut(key).expect("it is there");
            (entry.cas, entry.stale, entry.won) = (cas, true, false);
        }
        if mark.new_cas.is_some()
            && let Some(entry) = self.twin.get_mut(key)
        {
            entry.chosen = true;
        }
    }

    /// `ma`.
    pub(crate) fn sum(&mut self, sum: Sum) {
        let key = key_bytes(sum.key);
        let compare = self.compare(&key, sum.compare).filter(|&cas| cas != 0);
        let touch = sum.touch.map(|life| self.deadline(life));
        let vivify = sum.vivify.map(|(number, life)| (number, self.deadline(life)));
        let mode = if sum.decrement { "D" } else { "I" };
        let mut line = format!("ma {} M{mode} D{} v c", text(&key), sum.delta);
        for flag in ORDERS[sum.order].chars() {
            match flag {
                'T' => number(&mut line, 'T', touch.map(|deadline| self.seconds(deadline))),
                'N' => number(&mut line, 'N', vivify.map(|(_, deadline)| self.seconds(deadline))),
                _ => number(&mut line, 'J', vivify.map(|(number, _)| number)),
            }
        }
        number(&mut line, 'C', compare);
        number(&mut line, 'E', sum.new_cas);
        let answer = self.say(format!("{line} t\r\n").as_bytes());
        self.absorb(Some(&key));
        let touched_last = ORDERS[sum.order].find('T') > ORDERS[sum.order].find('N');
        let args = ArithArgs {
            compare,
            vivify: vivify.map(|(n, life)| (n, touch.filter(|_| touched_last).unwrap_or(life))),
            touch,
            new_cas: sum.new_cas,
            ..ArithArgs::new(&key, self.store.hash(&key), sum.delta, sum.decrement)
        };
        let before = self.find(&key).map(|entry| entry.deadline);
        let due = touch.or(before).filter(|_| before.is_some()).or(args.vivify.map(|(_, d)| d));
        let counted = self.read_counted(text(&answer), due.unwrap_or(0), before.is_none());
        self.judge_counted(&args, counted);
    }
    /// What `ma` told; an item it changed dies at `deadline`.
    fn read_counted(&self, answer: &str, deadline: u32, created: bool) -> Counted {
        match &answer[..2] {
            "VA" => {
                let ttl = self.left(deadline);
                let (front, digits) = answer.split_once("\r\n").expect("a line, and a number");
                let (cas, digits) = (returned(front, 'c'), digits.trim_end());
                assert_eq!(front, format!("VA {} c{cas} t{ttl}", digits.len()));
                let number = digits.parse().expect("a number");
                Counted::Value(Count { number, cas, deadline, created })
            }
            "NF" => Counted::NotFound,
            "EX" => Counted::Exists,
            "CL" => Counted::NonNumeric,
            "SE" if created => Counted::NoMemoryToCreate,
            "SE" => Counted::OutOfMemory,
            _ => panic!("{answer}"),
        }
    }

    /// A deadline as it stands in a request.
    fn seconds(&self, deadline: u32) -> i64 {
        match deadline {
            0 => 0,
            _ if deadline <= self.now => -1,
            _ => i64::from(deadline - self.now),
        }
    }
    /// The time until it, as it stands in an answer.
    fn left(&self, deadline: u32) -> i64 {
        if deadline == 0 { -1 } else { i64::from(deadline.saturating_sub(self.now)) }
    }
}

/// A flag with its number, if there is one.
fn number(line: &mut String, flag: char, number: Option<impl std::fmt::Display>) {
    if let Some(number) = number {
        *line += &format!(" {flag}{number}");
    }
}
fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("keys and answers of these tests are text")
}
/// The number behind a flag of an answer's line.
fn returned(line: &str, flag: char) -> u64 {
    let number = line.split_ascii_whitespace().skip(1).find_map(|word| word.strip_prefix(flag));
    number.and_then(|n| n.parse().ok()).unwrap_or_else(|| panic!("no {flag} in {line}"))
}
/// `l` of an answer that a value may follow.
fn returned_idle(answer: &[u8]) -> u32 {
    let line = answer.split(|&byte| byte == b'\r').next().unwrap_or_default();
    returned(text(line), 'l') as u32
}
