//! Conversations with `execute`: text in, answers and counters out, without a socket.

mod admin;
mod counters;
mod retrieval;
mod storage;
mod tuning;

use std::collections::BTreeMap;
use std::sync::atomic::Ordering::Relaxed;

use super::*;
use crate::ops::shared::tests::config;
use crate::protocol::{self, Parsed, Protocol};
use crate::store::{PinRead, Received};

/// Unix time at which every cache of these tests starts.
const START_UNIX: u64 = 1_800_000_000;

/// A daemon less its sockets: one client, one worker, a clock that only moves when told.
struct Cache {
    store: Store,
    config: Config,
    shared: Shared,
    client: ClientState,
    output_max: usize,
    /// How often a get stopped because the output was full, or for a long value.
    pauses: usize,
}

impl Cache {
    fn new() -> Self {
        Self::with(|_| ())
    }

    fn with(set: impl FnOnce(&mut Config)) -> Self {
        let mut config = config();
        set(&mut config);
        let store = Store::new(config.store.clone()).expect("memory for a small store");
        let shared = Shared::new(&config, START_UNIX);
        let client = ClientState::default();
        Cache { store, config, shared, client, output_max: 1 << 20, pauses: 0 }
    }

    /// Say `input`, whole requests, and hear the answers.
    fn ask(&mut self, input: impl AsRef<[u8]>) -> String {
        let mut rest = input.as_ref();
        let mut out = Vec::new();
        while !rest.is_empty() {
            match protocol::parse(Protocol::Text, rest, 0) {
                Parsed::Complete { request, len } => {
                    let behind = &rest[len..];
                    let taken = self.run(&request, behind, &mut out);
                    rest = &behind[taken..];
                }
                Parsed::Malformed { error, len, swallow, .. } => {
                    rest = &rest[len..];
                    rest = &rest[rest.len().min(swallow as usize)..];
                    if let Some(error) = error {
                        out.extend_from_slice(error.line().as_bytes());
                        out.extend_from_slice(b"\r\n");
                    }
                }
                Parsed::Partial { .. } => panic!("not whole: {:?}", String::from_utf8_lossy(rest)),
                Parsed::Fatal => out.extend_from_slice(b"(closed)"),
            }
        }
        String::from_utf8(out).expect("these tests use printable values")
    }

    /// Execute one request to its end; how many bytes of `behind` its body took.
    fn run(&mut self, request: &Request<'_>, behind: &[u8], out: &mut Vec<u8>) -> usize {
        loop {
            // As the server, which makes it before a request begins.
            let hash = self.hash(request).filter(|_| self.client.resume_at == 0);
            let mut output = Vec::new();
            let next = self.execute(request, hash, &mut output);
            out.append(&mut output);
            match next {
                Next::Continue => return 0,
                Next::Pause => self.pauses += 1,
                Next::SendPinned(pin) => {
                    self.pauses += 1;
                    while self.store.read_pin(&pin, 1000, out) == PinRead::More {}
                    self.store.unpin(pin);
                    out.extend_from_slice(b"\r\n");
                }
                Next::Stream(mut producer) => {
                    let now = self.shared.now.load(Relaxed);
                    let (store, shared) = (&self.store, &self.shared);
                    while producer.produce(store, shared, now, out) == Produced::More {}
                    producer.release(&self.store);
                    return 0;
                }
                Next::Receive { upload, len, style } => {
                    return self.receive(upload, len as usize, &style, behind, out);
                }
                Next::Swallow { len, answer } => {
                    out.extend_from_slice(&answer);
                    return len as usize;
                }
                other => {
                    out.extend_from_slice(format!("({other:?})").as_bytes());
                    return 0;
                }
            }
        }
    }

    fn execute(&mut self, request: &Request<'_>, hash: Option<KeyHash>, out: &mut Vec<u8>) -> Next {
        let cx = Context {
            store: &self.store,
            config: &self.config,
            shared: &self.shared,
            counters: &self.shared.workers[0],
            now: self.shared.now.load(Relaxed),
            output_max: self.output_max,
            output_begin: 0,
        };
        execute(&cx, &mut self.store.session(), &mut self.client, request, hash, out)
    }

    fn receive(
        &mut self,
        upload: UploadId,
        len: usize,
        style: &KeptStyle,
        behind: &[u8],
        out: &mut Vec<u8>,
    ) -> usize {
        let now = self.shared.now.load(Relaxed);
        for piece in behind[..len].chunks(10_000) {
            assert_eq!(self.store.append_upload(&upload, piece, now), Received::Taken);
        }
        let cx = Context {
            store: &self.store,
            config: &self.config,
            shared: &self.shared,
            counters: &self.shared.workers[0],
            now,
            output_max: self.output_max,
            output_begin: 0,
        };
        let terminated = &behind[len..len + 2] == b"\r\n";
        finish_upload(&cx, &mut self.store.session(), upload, terminated, style, len as u32, out);
        len + 2
    }

    /// What the server would have hashed before executing.
    fn hash(&self, request: &Request<'_>) -> Option<KeyHash> {
        let key = match request.command {
            Command::Get(get) => get.keys.first(),
            command => command.key()?,
        };
        Some(self.store.hash(key))
    }

    /// Move the clock.
    fn pass(&mut self, seconds: u32) {
        let now = self.shared.now.load(Relaxed);
        self.shared.tick(u64::from(now + seconds - crate::ops::shared::CLOCK_START));
    }

    /// The general statistics that are numbers.
    fn stats(&mut self) -> BTreeMap<String, i64> {
        let answer = self.ask("stats\r\n");
        let lines = answer.lines().filter_map(|line| line.strip_prefix("STAT "));
        let pairs = lines.filter_map(|line| line.split_once(' '));
        pairs.filter_map(|(name, value)| Some((name.to_owned(), value.parse().ok()?))).collect()
    }

    /// Say `input`, hear `answer`, and see the counters of `names` move, and no others.
    #[track_caller]
    fn moves(&mut self, input: &str, answer: &str, names: &str) {
        let before = self.stats();
        let shown: String = input.chars().take(100).collect();
        assert_eq!(self.ask(input), answer, "{shown:?}");
        let after = self.stats();
        let mut moved: Vec<String> = Vec::new();
        for (name, value) in after.iter().filter(|(name, _)| COUNTERS.contains(&name.as_str())) {
            match value - before[name] {
                0 => {}
                1 => moved.push(name.clone()),
                n => moved.push(format!("{name}+{n}")),
            }
        }
        let mut expected: Vec<_> = names.split_whitespace().collect();
        expected.sort_unstable();
        assert_eq!(moved, expected, "{shown:?}");
    }
}

impl Drop for Cache {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.store.assert_valid();
        }
    }
}

/// What `Cache::moves` watches.
const COUNTERS: [&str; 28] = [
    "cas_badval",
    "cas_hits",
    "cas_misses",
    "cmd_flush",
    "cmd_get",
    "cmd_set",
    "cmd_touch",
    "curr_items",
    "decr_hits",
    "decr_misses",
    "delete_hits",
    "delete_misses",
    "evictions",
    "expired_unfetched",
    "get_expired",
    "get_flushed",
    "get_hits",
    "get_misses",
    "incr_hits",
    "incr_misses",
    "malloc_fails",
    "pins",
    "reclaimed",
    "store_no_memory",
    "store_too_large",
    "total_items",
    "touch_hits",
    "touch_misses",
];

/// A storage command with its value.
fn set(line: &str, value: &str) -> String {
    format!("{line} {}\r\n{value}\r\n", value.len())
}
