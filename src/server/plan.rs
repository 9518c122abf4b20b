//! What a stage is going to do: requests, parsed and hashed before the first of them is run.
//!
//! One step is one request, or what is answered in place of one, so that limits, pauses and logs
//! count the same things as the client. Steps of a connection stand in the order of its bytes; each
//! has one hash, at the same place. A `Repeat` stands behind the request it repeats, or behind
//! another `Repeat` of it.

use std::ops::Range;

use super::connection::{Connection, Due, Phase};
use super::env::Env;
use super::limits::TURN_BYTES_MAX;
use crate::protocol::{
    self, Admin, Arith, Body, Command, Delete, Fetch, Parsed, Pattern, Refusal, Repeat, Request,
    Set,
};
use crate::store::{KeyHash, Store};

/// The steps of all connections of a stage.
#[derive(Debug, Default)]
pub(super) struct Plan<'a> {
    pub(super) steps: Vec<Step<'a>>,
    /// What those of them that are no repeats stand for.
    pub(super) requests: Vec<Request<'a>>,
    /// What each step's key hashes to (its first one's, of several); 0 without a key.
    pub(super) hashes: Vec<KeyHash>,
}

/// One connection's part of a plan.
#[derive(Debug, Default)]
pub(super) struct Part {
    /// Its steps.
    pub(super) steps: Range<usize>,
    /// What the parser said of the bytes behind the last step, for when all steps were run.
    pub(super) rest: Rest,
    /// Bytes used up if all steps are run.
    pub(super) bytes: usize,
}

/// What stands behind the requests of a plan.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Rest {
    /// No whole request.
    pub(super) hungry: bool,
    pub(super) wanted: usize,
    pub(super) scanned: usize,
}

/// One thing to do for a connection.
#[derive(Debug)]
pub(super) struct Step<'a> {
    pub(super) what: What<'a>,
    /// The turn's bytes are used up to here once it is done.
    pub(super) end: usize,
}

/// What a step does. Most of a multi-get's are repeats, so steps are kept as small as those.
#[derive(Debug)]
pub(super) enum What<'a> {
    /// This one of the plan's requests.
    Request(u32),
    /// The last request before it once more, for another key and with another opaque.
    Repeat(&'a [u8], u32),
    /// A request of a connection that has not proved who it is.
    Knock(u32),
    /// Not a request.
    Refuse(Box<Refused>),
    /// Close.
    Fatal,
}

const _: () = assert!(size_of::<Step<'_>>() == 32, "two to a cache line");

/// What is no request: drop so many bytes that have not come yet, then answer.
#[derive(Debug)]
pub(super) struct Refused {
    pub(super) due: Due,
    pub(super) swallow: u64,
}

impl<'a> Plan<'a> {
    /// The same allocations, for steps that borrow something else.
    pub(super) fn recycled<'b>(mut self) -> Plan<'b> {
        self.steps.clear();
        self.requests.clear();
        self.hashes.clear();
        // Collecting in place keeps the allocation; there is nothing to convert.
        let steps = self.steps.into_iter().map(|_| unreachable!("cleared above")).collect();
        let requests = self.requests.into_iter().map(|_| unreachable!("cleared above")).collect();
        Plan { steps, requests, hashes: self.hashes }
    }

    /// Parse what is whole of a connection's `bytes`, up to a turn's share, and hash its keys.
    pub(super) fn add<S>(
        &mut self,
        env: &Env<'_>,
        conn: &mut Connection<S>,
        bytes: &'a [u8],
    ) -> Part {
        let begin = self.steps.len();
        let alone = std::mem::take(&mut conn.asks_for_long);
        let requests = match conn.phase {
            // A long value ends its turn: what were planned behind it would be again.
            Phase::Paused if alone => 1,
            Phase::Commands | Phase::Paused => env.turn_requests,
            // Most of its turns are for the value, and would plan the same again.
            Phase::Send(_) => 1,
            _ => 0,
        };
        let mut scanned = if conn.hungry { conn.scanned } else { 0 };
        let mut at = 0;
        let protocol = conn.codec(bytes);
        let locked = conn.client.access.is_locked();
        let mut rest = Rest { hungry: true, ..Rest::default() };
        // Something stands behind the last step that is to be planned anew once that was run.
        let mut behind = false;
        while at < bytes.len() {
            if self.steps.len() - begin >= requests || at >= TURN_BYTES_MAX {
                rest.hungry = false;
                break;
            }
            let last = match protocol::parse(protocol, &bytes[at..], scanned) {
                Parsed::Complete { request, len } => {
                    let first = at;
                    at += len;
                    let number = self.requests.len() as u32;
                    self.push(What::Request(number), hash_key(env.store, &request), at);
                    let pattern = match at < bytes.len() && !locked {
                        true => Pattern::of(&request, &bytes[first..at]),
                        false => None,
                    };
                    let last = ends_plan(&request);
                    self.requests.push(request);
                    if let Some(pattern) = pattern {
                        let steps_max = begin.saturating_add(requests);
                        at = self.add_repeats(env.store, &pattern, bytes, at, steps_max);
                    }
                    last
                }
                Parsed::Partial { wanted, scanned } => {
                    rest = Rest { hungry: true, wanted, scanned };
                    break;
                }
                wrong => {
                    let (what, len) = refused(env, wrong, bytes.len() - at);
                    at += len;
                    let last = !matches!(&what, What::Refuse(refused) if refused.swallow == 0);
                    self.push(what, KeyHash::default(), at);
                    last
                }
            };
            scanned = 0;
            if last {
                behind = at < bytes.len();
                break;
            }
        }
        if !rest.hungry && requests > 1 {
            env.counters.conn_yields.add(1);
        }
        rest.hungry &= !behind;
        if locked {
            lock(&mut self.steps[begin..]);
        }
        Part { steps: begin..self.steps.len(), rest, bytes: at }
    }

    /// Add the requests of this shape from `at` on, until there are `steps_max` steps; where they
    /// end.
    fn add_repeats(
        &mut self,
        store: &Store,
        pattern: &Pattern<'a>,
        bytes: &'a [u8],
        mut at: usize,
        steps_max: usize,
    ) -> usize {
        while self.steps.len() < steps_max
            && at < TURN_BYTES_MAX
            && let Some((repeat, len)) = pattern.front(&bytes[at..])
        {
            at += len;
            let Repeat { key, opaque } = repeat;
            self.push(What::Repeat(key, opaque), store.hash(key), at);
        }
        at
    }

    #[inline(always)]
    fn push(&mut self, what: What<'a>, hash: KeyHash, end: usize) {
        self.hashes.push(hash);
        self.steps.push(Step { what, end });
    }
}

/// The step for what is no request, and how many of the `here` bytes it takes up.
#[cold]
fn refused<'a>(env: &Env<'_>, wrong: Parsed<'a>, here: usize) -> (What<'a>, usize) {
    let Parsed::Malformed { error, len, swallow, framing_lost } = wrong else {
        return (What::Fatal, here);
    };
    let swallowed = (here - len).min(swallow as usize);
    let due = match error {
        None => Due::Nothing,
        Some(error) if framing_lost && env.config.strict_framing => Due::ErrorThenClose(error),
        Some(error) => Due::Error(error),
    };
    let swallow = swallow - swallowed as u64;
    (What::Refuse(Box::new(Refused { due, swallow })), len + swallowed)
}

/// Steps of a connection that has not proved who it is: none of them gets to `execute`.
#[cold]
fn lock(steps: &mut [Step<'_>]) {
    for step in steps {
        if let What::Request(request) = step.what {
            step.what = What::Knock(request);
        }
    }
}

/// Nothing can be planned behind it: its body follows, or nothing does.
fn ends_plan(request: &Request<'_>) -> bool {
    match &request.command {
        Command::Set(set) => matches!(set.body, Body::Streamed { .. }),
        Command::Refused(Refusal { swallow, close, .. }) => *close || *swallow > 0,
        // What follows is understood differently after a verdict.
        Command::Auth(_) | Command::Quit | Command::Admin(Admin::Watch(_)) => true,
        _ => false,
    }
}

/// Hash the key of a request, or its first one.
#[inline(always)]
fn hash_key(store: &Store, request: &Request<'_>) -> KeyHash {
    match &request.command {
        Command::Get(get) => store.hash(get.keys.first()),
        Command::Set(Set { key, .. })
        | Command::Fetch(Fetch { key, .. })
        | Command::Delete(Delete { key, .. })
        | Command::Arith(Arith { key, .. })
        | Command::Touch { key, .. }
        | Command::Debug { key } => match request.style.decoded(key) {
            None => store.hash(key),
            Some(key) => store.hash(key.bytes()),
        },
        Command::Noop | Command::Admin(_) | Command::Auth(_) => KeyHash::default(),
        Command::Version | Command::Quit | Command::Refused(_) => KeyHash::default(),
    }
}
