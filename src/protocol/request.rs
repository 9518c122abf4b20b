//! What was asked, in any dialect. One vocabulary, that of the meta commands: text and binary
//! translate into it. A request borrows the bytes it was parsed from.
//!
//! Operands that two dialects have are fields of the command; those that only meta has are read
//! from its [`Flags`] by the command that knows them, so that a request stays small.

use std::num::NonZeroU64;

use super::base64::Decoded;
use super::token::{find_space, skip_spaces};
use super::{ClientError, Crawler, Flags, Lru, Protocol, Repeat, Slabs, Wanted, binary};

/// One request: what to do, and what the answer needs to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Request<'a> {
    /// What to do.
    pub command: Command<'a>,
    /// What only the answer needs.
    pub style: Style<'a>,
}

impl<'a> Request<'a> {
    /// The request that `repeat` stands for.
    pub fn repeated(&self, repeat: &Repeat<'a>) -> Request<'a> {
        let command = match self.command {
            Command::Get(get) => Command::Get(Get { keys: Keys::new(repeat.key), ..get }),
            command => command.with_key(repeat.key),
        };
        let style = match self.style {
            Style::Binary(to) => Style::Binary(Binary { opaque: repeat.opaque, ..to }),
            style => style,
        };
        Request { command, style }
    }
}

/// How the asker wants to be answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style<'a> {
    /// Classic text.
    Text {
        /// `noreply`: neither success nor error lines are sent.
        noreply: bool,
        /// `gets`/`gats`: VALUE lines carry the CAS.
        with_cas: bool,
    },
    /// Meta: the flags, which hold the rarer operands too. With `b` among them the command's key
    /// is still in base64 (`Flags::decode`).
    Meta(Flags<'a>),
    /// Binary.
    Binary(Binary),
}

impl Style<'_> {
    /// Neither success nor error is answered: `noreply`.
    #[inline]
    pub fn is_silent(&self) -> bool {
        matches!(self, Style::Text { noreply: true, .. })
    }
    /// Do hits show their value? Not those of a binary touch.
    #[inline]
    pub fn shows_value(&self) -> bool {
        match self {
            Style::Binary(to) => binary::shows_value(to.opcode),
            _ => true,
        }
    }
    /// The codec of this style.
    #[inline]
    pub fn protocol(&self) -> Protocol {
        match self {
            Style::Text { .. } | Style::Meta(_) => Protocol::Text,
            Style::Binary(_) => Protocol::Binary,
        }
    }
    /// The bytes of a key that came in base64; `None` for one that is as it should be.
    #[inline]
    pub fn decoded(&self, key: &[u8]) -> Option<Decoded> {
        match self {
            Style::Meta(flags) if flags.base64_key => flags.decode(key),
            _ => None,
        }
    }
    /// The key came in base64, and the command still has it so.
    #[inline]
    pub fn has_base64_key(&self) -> bool {
        matches!(self, Style::Meta(flags) if flags.base64_key)
    }
}

/// What an answer in the binary dialect repeats of its request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Binary {
    /// As asked, quiet or not.
    pub opcode: u8,
    /// The expected outcome needs no answer.
    pub quiet: bool,
    /// Any four bytes.
    pub opaque: u32,
}

/// A style that outlives its line: for the answer to a value that comes in pieces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptStyle {
    style: Style<'static>,
    /// Text of the flags, and the key they may show.
    flags: Box<[u8]>,
    key: Box<[u8]>,
}

impl KeptStyle {
    /// Keep a style, and what it needs of the request with this key (decoded).
    pub fn new(style: Style<'_>, key: &[u8]) -> Self {
        match style {
            Style::Text { noreply, with_cas } => Style::Text { noreply, with_cas }.into(),
            Style::Binary(binary) => Style::Binary(binary).into(),
            Style::Meta(flags) => KeptStyle {
                style: Style::Meta(flags.over(b"")),
                flags: flags.text().into(),
                key: key.into(),
            },
        }
    }
    /// As it was.
    pub fn style(&self) -> Style<'_> {
        match self.style {
            Style::Meta(flags) => Style::Meta(flags.over(&self.flags)),
            other => other,
        }
    }
    /// The key, where an answer may show it.
    pub fn key(&self) -> &[u8] {
        &self.key
    }
}

impl From<Style<'static>> for KeptStyle {
    fn from(style: Style<'static>) -> Self {
        KeptStyle { style, flags: Box::default(), key: Box::default() }
    }
}

/// A verb with its operands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command<'a> {
    /// Look up a list of keys (get gets gat gats): may be answered in parts.
    Get(Get<'a>),
    /// Look up one key (mg; binary get getk gat and their quiet twins).
    Fetch(Fetch<'a>),
    /// Store a value (set add replace append prepend cas).
    Set(Set<'a>),
    /// Remove a key.
    Delete(Delete<'a>),
    /// Add to, or subtract from, a decimal number.
    Arith(Arith<'a>),
    /// Change a key's expiry without fetching it.
    Touch {
        /// 1 to 250 bytes.
        key: &'a [u8],
        /// The new expiry, as on the wire.
        exptime: Exptime,
    },
    /// Describe an item without using it (me).
    Debug {
        /// 1 to 250 bytes.
        key: &'a [u8],
    },
    /// Answer what came before, and this (mn; binary noop).
    Noop,
    /// Everything operators ask.
    Admin(Admin<'a>),
    /// Prove who is asking.
    Auth(Auth<'a>),
    /// `version`
    Version,
    /// Answer what came before, then close.
    Quit,
    /// A packet that is not a request (binary).
    Refused(Refusal),
}

/// What a binary packet that is not a request is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refusal {
    /// What is wrong with it.
    pub error: ClientError,
    /// Drop so many bytes before the answer: they are not part of the request's length.
    pub swallow: u32,
    /// Close behind the answer: where the next packet begins is in doubt.
    pub close: bool,
}

impl<'a> Command<'a> {
    /// Its key, if it has one and no more.
    pub fn key(&self) -> Option<&'a [u8]> {
        match *self {
            Command::Fetch(Fetch { key, .. })
            | Command::Set(Set { key, .. })
            | Command::Delete(Delete { key, .. })
            | Command::Arith(Arith { key, .. })
            | Command::Touch { key, .. }
            | Command::Debug { key } => Some(key),
            _ => None,
        }
    }
    /// The same for another spelling of the key, if it has one key.
    pub fn with_key<'k>(self, key: &'k [u8]) -> Command<'k>
    where
        'a: 'k,
    {
        match self {
            Command::Fetch(asked) => Command::Fetch(Fetch { key, ..asked }),
            Command::Set(asked) => Command::Set(Set { key, ..asked }),
            Command::Delete(asked) => Command::Delete(Delete { key, ..asked }),
            Command::Arith(asked) => Command::Arith(Arith { key, ..asked }),
            Command::Touch { exptime, .. } => Command::Touch { key, exptime },
            Command::Debug { .. } => Command::Debug { key },
            other => other,
        }
    }
}

/// A lookup of one or more keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Get<'a> {
    /// The keys, all of legal length.
    pub keys: Keys<'a>,
    /// `gat`: also set this expiry.
    pub touch: Option<Exptime>,
}

/// A lookup of one key. Of meta, `T` `N` `R` `C` `E` and `u` are read from the flags.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fetch<'a> {
    /// 1 to 250 bytes.
    pub key: &'a [u8],
    /// Binary: also set this expiry.
    pub touch: Option<Exptime>,
}

/// A removal. Of meta, `I` `x` `T` `F` and `E` are read from the flags.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Delete<'a> {
    /// 1 to 250 bytes.
    pub key: &'a [u8],
    /// Only if the item still has this CAS.
    pub compare: Option<u64>,
}

/// An increment or decrement. Of meta, `T` and `E` are read from the flags.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arith<'a> {
    /// 1 to 250 bytes.
    pub key: &'a [u8],
    /// How much.
    pub delta: u64,
    /// Which way.
    pub direction: Direction,
    /// Only if the item still has this CAS; 0 is no CAS in any dialect.
    pub compare: Option<NonZeroU64>,
    /// What a miss creates.
    pub vivify: Option<Vivify>,
}

/// The number that an arithmetic miss creates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Vivify {
    /// Its value; the delta is not applied.
    pub initial: u64,
    /// Its expiry.
    pub exptime: Exptime,
}

/// The key list of a get: space-separated bytes, each key 1 to 250 long (the parser checked).
/// `Iterator`; `offset` says how far it has come, so that a get can be resumed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keys<'a> {
    list: &'a [u8],
    /// `0 <= at <= list.len()`, and never inside a key.
    at: usize,
    /// Length of the first key, which begins the list; most lists end there.
    first: usize,
}

impl<'a> Keys<'a> {
    /// The keys of `list`, from its beginning. Their lengths are the caller's to check.
    #[inline]
    pub fn new(list: &'a [u8]) -> Self {
        let list = skip_spaces(list);
        Keys { list, at: 0, first: find_space(list) }
    }
    /// The first key of the list; empty if there is none.
    #[inline]
    pub fn first(&self) -> &'a [u8] {
        &self.list[..self.first]
    }
    /// The key, if the list ends behind the first.
    #[inline]
    pub fn only(&self) -> Option<&'a [u8]> {
        (self.first == self.list.len()).then_some(self.list)
    }
    /// Bytes of the list behind us: where the keys not yet yielded begin.
    #[inline]
    pub fn offset(&self) -> usize {
        self.at
    }
    /// The same list from `offset` on, which an iterator over it gave.
    #[inline]
    pub fn skip_to(mut self, offset: usize) -> Self {
        self.at = offset.min(self.list.len());
        self
    }
}

impl<'a> Iterator for Keys<'a> {
    type Item = &'a [u8];

    #[inline]
    fn next(&mut self) -> Option<&'a [u8]> {
        let rest = skip_spaces(&self.list[self.at..]);
        let key = &rest[..find_space(rest)];
        self.at = self.list.len() - rest.len() + key.len();
        if key.is_empty() { None } else { Some(key) }
    }
}

/// A value to be stored. Of meta, `I` `N` and `E` are read from the flags.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Set<'a> {
    /// 1 to 250 bytes.
    pub key: &'a [u8],
    /// Opaque to us, returned on get.
    pub flags: u32,
    /// As on the wire.
    pub exptime: Exptime,
    /// Under what condition, and where the bytes go.
    pub mode: SetMode,
    /// `cas`: store only if the item still has this CAS.
    pub compare: Option<u64>,
    /// The value.
    pub body: Body<'a>,
}

/// Where the value of a storage command is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Body<'a> {
    /// In the buffer, whole, terminator seen and dropped.
    Whole(&'a [u8]),
    /// Was in the buffer, but the two bytes behind it were not CR LF. Dropped; answer
    /// `CLIENT_ERROR bad data chunk`.
    Unterminated {
        /// Announced length, without the terminator.
        len: u32,
    },
    /// Longer than `VALUE_IN_BUFFER_MAX`: this many bytes and CR LF follow the request on the
    /// stream, and are not part of its `len`.
    Streamed {
        /// Announced length, without the terminator.
        len: u32,
    },
}

/// The storage modes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SetMode {
    /// Whatever is there.
    Set,
    /// Only if absent.
    Add,
    /// Only if present.
    Replace,
    /// Behind the present value.
    Append,
    /// Before the present value.
    Prepend,
}

/// Up or down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Wraps at 2^64.
    Increment,
    /// Stops at 0.
    Decrement,
}

/// An expiry as it stood on the wire (PROTOCOL 1.3): 0 never, negative already over, up to 30
/// days relative seconds, beyond that unix time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Exptime(pub i64);

/// Authentication (PROTOCOL 4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Auth<'a> {
    /// Text: what the data of the `set` said.
    Login {
        /// Up to the first space.
        user: &'a [u8],
        /// All behind it.
        password: &'a [u8],
    },
    /// SASL: which mechanisms there are.
    Mechanisms,
    /// SASL: begin.
    Start {
        /// The mechanism's name, in any case.
        mechanism: &'a [u8],
        /// The initial response; may be empty.
        response: &'a [u8],
    },
    /// SASL: go on.
    Step {
        /// As in `Start`.
        mechanism: &'a [u8],
        /// The answer to the challenge.
        response: &'a [u8],
    },
}

/// What operators ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admin<'a> {
    /// Forget everything, now or later.
    FlushAll {
        /// As on the wire and above 0; absent, 0 and negative ones mean now, which is `None`. What
        /// is wrong with it is told only where flush_all is allowed, and counts as one either way.
        delay: Result<Option<Exptime>, ClientError>,
    },
    /// `stats …`
    Stats(Stats<'a>),
    /// `verbosity n`
    Verbosity(u32),
    /// `shutdown [graceful]`
    Shutdown(ShutdownMode),
    /// `slabs …`
    Slabs(Slabs),
    /// `lru …`
    Lru(Lru),
    /// `lru_crawler …`
    Crawler(Crawler),
    /// `cache_memlimit <MiB>`
    MemoryLimit(u32),
    /// `watch [stream…]`; `None`: a word is no stream, which is told only to who may watch.
    Watch(Option<Wanted>),
    /// Feature `debug-commands`: move the daemon's clock.
    #[cfg(feature = "debug-commands")]
    DebugTime(DebugTime),
    /// Feature `debug-commands`: recount every shard, and end the daemon if it does not add up.
    #[cfg(feature = "debug-commands")]
    DebugCheck,
    /// Feature `debug-commands`: hold an item, or let it go.
    #[cfg(feature = "debug-commands")]
    DebugItem {
        /// What to do.
        what: DebugItem,
        /// Whose item.
        key: &'a [u8],
    },
}

/// The `stats` sub-commands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stats<'a> {
    /// `stats`
    General,
    /// `stats settings`
    Settings,
    /// `stats items`
    Items,
    /// `stats slabs`
    Slabs,
    /// `stats sizes`
    Sizes,
    /// `stats memory`
    Memory,
    /// `stats conns`
    Conns,
    /// `stats reset`
    Reset,
    /// `stats detail on|off|dump`; the word as given (may be empty or wrong)
    Detail(&'a [u8]),
    /// `stats cachedump class limit`; absent or unparsable numbers are the command's to refuse
    CacheDump {
        /// The words behind `cachedump`, at most two, as given.
        class: Option<&'a [u8]>,
        /// See `class`.
        limit: Option<&'a [u8]>,
    },
    /// `stats extstore`: there is none, the answer is empty.
    Extstore,
    /// A topic that this dialect does not have (binary; text refuses the line).
    Unknown,
}

/// How `shutdown` was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ShutdownMode {
    /// As SIGINT.
    Now,
    /// As SIGUSR1.
    Graceful,
    /// An argument that is neither.
    Invalid,
}

/// What `debugtime` asks.
#[cfg(feature = "debug-commands")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DebugTime {
    /// `p`
    Pause,
    /// `r`
    Resume,
    /// Move by seconds.
    Add(i64),
}

/// What `debugitem` asks.
#[cfg(feature = "debug-commands")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DebugItem {
    /// `lock`
    Lock,
    /// `unlock`
    Unlock,
    /// `ref`
    Reference,
    /// `unref`
    Unreference,
}

/// A request is moved from the parser into a plan, and read from there: two cache lines, with room
/// for where its keys' hashes are.
const _: () = assert!(size_of::<Request<'_>>() <= 96);
