//! The binary dialect: packets of a 24-byte header, extras, key and value, in network order.
//!
//! Every length is checked against the others, and against what its opcode allows, before anything
//! is waited for or used. A packet that fails is answered and ends the connection, since where the
//! next one would begin is in doubt. An unknown opcode in a believable frame keeps it: the body,
//! and nothing else, is dropped. A value where none belongs is such a fault too; memcached runs the
//! command and takes the value for the next header (PROTOCOL 3.5).

mod header;
mod reply;

pub(super) use reply::{
    auth, end_stats, error, forbidden, hit, hit_value, miss, number, outcome, shows_value, stat,
    success,
};

use std::num::NonZeroU64;

use super::limits::{BODY_MAX, KEY_MAX, VALUE_IN_BUFFER_MAX};
use super::{
    Admin, Arith, Auth, Binary, Body, ClientError, Command, Delete, Direction, Exptime, Fetch,
    Parsed, Refusal, Repeat, Request, Set, SetMode, Stats, Style, Vivify,
};
use header::{HEADER_LEN, Header, MAGIC_REQUEST, opcode};

/// The exptime of an INCREMENT or DECREMENT that is to create nothing.
const NO_VIVIFY: u32 = u32::MAX;

/// Does a connection that begins with this byte speak binary?
pub(super) fn begins_with(byte: u8) -> bool {
    byte == MAGIC_REQUEST
}

/// Parse the front of `input`, which is not empty.
#[inline]
pub(super) fn parse(input: &[u8]) -> Parsed<'_> {
    if input[0] != MAGIC_REQUEST {
        return Parsed::Fatal;
    }
    let Some(bytes) = input.first_chunk::<HEADER_LEN>() else {
        return Parsed::Partial { wanted: HEADER_LEN, scanned: 0 };
    };
    let header = Header::read(bytes);
    if header.value_len().is_none() {
        return refuse(&header, ClientError::UnknownCommand, Then::Close);
    }
    if header.body_len > BODY_MAX || usize::from(header.key_len) > KEY_MAX {
        return refuse(&header, ClientError::BadFormat, Then::Close);
    }
    let packet = Packet { header, input };
    let request = match header.opcode {
        opcode::GET | opcode::GETQ | opcode::GETK | opcode::GETKQ => packet.fetch(),
        opcode::GAT | opcode::GATQ | opcode::GATK | opcode::GATKQ => packet.fetch_and_touch(),
        opcode::SET | opcode::SETQ => packet.store(SetMode::Set),
        opcode::ADD | opcode::ADDQ => packet.store(SetMode::Add),
        opcode::REPLACE | opcode::REPLACEQ => packet.store(SetMode::Replace),
        _ => packet.other(),
    };
    request.unwrap_or_else(|end| match end {
        End::Wait { wanted } => Parsed::Partial { wanted, scanned: 0 },
        End::Unknown => refuse(&header, ClientError::UnknownCommand, Then::Drop(header.body_len)),
        End::Misshapen => refuse(&header, ClientError::BadFormat, Then::Close),
    })
}

/// The lookup at the front of `input`, if it is a whole one of this opcode, whose packets have
/// nothing but a key; and the length of its packet.
#[inline]
pub(super) fn repeat(opcode: u8, input: &[u8]) -> Option<(Repeat<'_>, usize)> {
    let header = Header::read(input.first_chunk().filter(|bytes| bytes[0] == MAGIC_REQUEST)?);
    let key_len = usize::from(header.key_len);
    let bare = header.extras_len == 0 && header.body_len as usize == key_len;
    if header.opcode != opcode || !bare || !(1..=KEY_MAX).contains(&key_len) {
        return None;
    }
    let key = input.get(HEADER_LEN..HEADER_LEN + key_len)?;
    Some((Repeat { key, opaque: header.opaque }, HEADER_LEN + key_len))
}

/// What follows a refusal.
enum Then {
    Close,
    /// The body, of this length.
    Drop(u32),
}

/// Answer the header, whose body is not looked at.
#[cold]
fn refuse<'a>(header: &Header, error: ClientError, then: Then) -> Parsed<'a> {
    let (swallow, close) = match then {
        Then::Close => (0, true),
        Then::Drop(len) => (len, false),
    };
    let command = Command::Refused(Refusal { error, swallow, close });
    Parsed::Complete { request: Request { command, style: style(header) }, len: HEADER_LEN }
}

impl Binary {
    /// The question belongs to SASL.
    pub fn is_auth(&self) -> bool {
        matches!(self.opcode, opcode::SASL_LIST | opcode::SASL_AUTH | opcode::SASL_STEP)
    }
}

/// What an answer repeats of the header.
#[inline]
fn style<'a>(header: &Header) -> Style<'a> {
    let Header { opcode, opaque, .. } = *header;
    Style::Binary(Binary { opcode, quiet: header::is_quiet(opcode), opaque })
}

/// Why a packet is not a request, or not yet.
enum End {
    /// Not whole: parse again when there are so many bytes.
    Wait {
        wanted: usize,
    },
    Unknown,
    /// Its lengths do not suit its opcode.
    Misshapen,
}

/// What an opcode has behind its key.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Value {
    None,
    Any,
}

/// A packet whose lengths agree with each other, `extras + key <= body <= BODY_MAX`, and whose key
/// is at most `KEY_MAX` long.
#[derive(Clone, Copy)]
struct Packet<'a> {
    header: Header,
    /// From the header on.
    input: &'a [u8],
}

/// The parts of a packet's body, as far as it lies in the buffer.
struct Parts<'a, const EXTRAS: usize> {
    extras: &'a [u8; EXTRAS],
    key: &'a [u8],
    value: Body<'a>,
    /// Of the packet, in the buffer.
    len: usize,
}

impl<'a> Packet<'a> {
    #[inline]
    fn complete(&self, command: Command<'a>, len: usize) -> Result<Parsed<'a>, End> {
        Ok(Parsed::Complete { request: Request { command, style: style(&self.header) }, len })
    }
    /// The CAS to compare with, if one is given.
    #[inline]
    fn compare(&self) -> Option<u64> {
        (self.header.cas != 0).then_some(self.header.cas)
    }
    /// The body's parts, if their lengths suit: so many bytes of extras, and a key.
    #[inline]
    fn keyed<const EXTRAS: usize>(&self, value: Value) -> Result<Parts<'a, EXTRAS>, End> {
        if self.header.key_len == 0 {
            return Err(End::Misshapen);
        }
        self.parts(value)
    }
    /// As above, with or without a key.
    #[inline]
    fn parts<const EXTRAS: usize>(&self, value: Value) -> Result<Parts<'a, EXTRAS>, End> {
        let key_len = usize::from(self.header.key_len);
        let body_len = self.header.body_len as usize;
        let front_len = EXTRAS + key_len;
        let fits = match value {
            Value::None => body_len == front_len,
            Value::Any => body_len >= front_len,
        };
        if usize::from(self.header.extras_len) != EXTRAS || !fits {
            return Err(End::Misshapen);
        }
        let value_len = body_len - front_len;
        let streamed = value_len > VALUE_IN_BUFFER_MAX;
        let len = HEADER_LEN + if streamed { front_len } else { body_len };
        let Some(body) = self.input.get(HEADER_LEN..len) else {
            return Err(End::Wait { wanted: len });
        };
        let (front, value) = body.split_at(front_len);
        let (extras, key) = front.split_first_chunk().expect("front_len >= EXTRAS");
        let value = match streamed {
            true => Body::Streamed { len: value_len as u32 },
            false => Body::Whole(value),
        };
        Ok(Parts { extras, key, value, len })
    }

    #[inline]
    fn fetch(&self) -> Result<Parsed<'a>, End> {
        let Parts { key, len, .. } = self.keyed::<0>(Value::None)?;
        self.complete(Command::Fetch(Fetch { key, touch: None }), len)
    }

    fn fetch_and_touch(&self) -> Result<Parsed<'a>, End> {
        let Parts { extras, key, len, .. } = self.keyed::<4>(Value::None)?;
        self.complete(Command::Fetch(Fetch { key, touch: Some(exptime(*extras)) }), len)
    }

    /// With a CAS, all three are one thing: store in the place of that version.
    #[inline]
    fn store(&self, mode: SetMode) -> Result<Parsed<'a>, End> {
        let Parts { extras, key, value: body, len } = self.keyed::<8>(Value::Any)?;
        let [f0, f1, f2, f3, exptime_bytes @ ..] = *extras;
        let flags = u32::from_be_bytes([f0, f1, f2, f3]);
        let compare = self.compare();
        let mode = if compare.is_some() { SetMode::Set } else { mode };
        let exptime = exptime(exptime_bytes);
        self.complete(Command::Set(Set { key, flags, exptime, mode, compare, body }), len)
    }

    /// All but the busiest opcodes.
    fn other(&self) -> Result<Parsed<'a>, End> {
        match self.header.opcode {
            opcode::APPEND | opcode::APPENDQ => self.join(SetMode::Append),
            opcode::PREPEND | opcode::PREPENDQ => self.join(SetMode::Prepend),
            opcode::DELETE | opcode::DELETEQ => {
                let Parts { key, len, .. } = self.keyed::<0>(Value::None)?;
                self.complete(Command::Delete(Delete { key, compare: self.compare() }), len)
            }
            opcode::INCREMENT | opcode::INCREMENTQ => self.arith(Direction::Increment),
            opcode::DECREMENT | opcode::DECREMENTQ => self.arith(Direction::Decrement),
            // The answer shows the flags: a lookup.
            opcode::TOUCH => self.fetch_and_touch(),
            opcode::FLUSH | opcode::FLUSHQ => self.flush(),
            opcode::STAT => {
                let Parts { key, len, .. } = self.parts::<0>(Value::None)?;
                self.complete(Command::Admin(Admin::Stats(stats(key))), len)
            }
            opcode::NOOP => self.bare(Command::Noop),
            opcode::VERSION => self.bare(Command::Version),
            opcode::QUIT | opcode::QUITQ => self.bare(Command::Quit),
            opcode::SASL_LIST => self.bare(Command::Auth(Auth::Mechanisms)),
            opcode::SASL_AUTH => {
                self.auth(|mechanism, response| Auth::Start { mechanism, response })
            }
            opcode::SASL_STEP => {
                self.auth(|mechanism, response| Auth::Step { mechanism, response })
            }
            _ => Err(End::Unknown),
        }
    }

    fn bare(&self, command: Command<'a>) -> Result<Parsed<'a>, End> {
        if self.header.body_len > 0 {
            return Err(End::Misshapen);
        }
        self.complete(command, HEADER_LEN)
    }

    fn join(&self, mode: SetMode) -> Result<Parsed<'a>, End> {
        let Parts { key, value: body, len, .. } = self.keyed::<0>(Value::Any)?;
        let (flags, exptime, compare) = (0, Exptime(0), self.compare());
        self.complete(Command::Set(Set { key, flags, exptime, mode, compare, body }), len)
    }

    fn arith(&self, direction: Direction) -> Result<Parsed<'a>, End> {
        let Parts { extras, key, len, .. } = self.keyed::<20>(Value::None)?;
        let (delta, rest) = extras.split_first_chunk().expect("8 of 20");
        let (initial, rest) = rest.split_first_chunk().expect("8 of 12");
        let seconds = rest.try_into().expect("4 of 4");
        let (delta, initial) = (u64::from_be_bytes(*delta), u64::from_be_bytes(*initial));
        let vivify = (u32::from_be_bytes(seconds) != NO_VIVIFY)
            .then_some(Vivify { initial, exptime: exptime(seconds) });
        let compare = self.compare().and_then(NonZeroU64::new);
        self.complete(Command::Arith(Arith { key, delta, direction, compare, vivify }), len)
    }

    fn flush(&self) -> Result<Parsed<'a>, End> {
        if self.header.key_len > 0 {
            return Err(End::Misshapen);
        }
        let (seconds, len) = match self.header.extras_len {
            0 => ([0; 4], self.parts::<0>(Value::None)?.len),
            _ => {
                let Parts { extras, len, .. } = self.parts::<4>(Value::None)?;
                (*extras, len)
            }
        };
        let delay = Some(exptime(seconds)).filter(|delay| delay.0 > 0);
        self.complete(Command::Admin(Admin::FlushAll { delay: Ok(delay) }), len)
    }

    /// A response longer than any value that is awaited is not one.
    fn auth(&self, step: impl FnOnce(&'a [u8], &'a [u8]) -> Auth<'a>) -> Result<Parsed<'a>, End> {
        let suits = self.header.key_len > 0 && self.header.extras_len == 0;
        if suits && self.header.value_len() > Some(VALUE_IN_BUFFER_MAX as u32) {
            return Err(End::Unknown);
        }
        let Parts { key: mechanism, value, len, .. } = self.keyed::<0>(Value::Any)?;
        let Body::Whole(response) = value else { unreachable!("it is short enough to be awaited") };
        self.complete(Command::Auth(step(mechanism, response)), len)
    }
}

/// Expiries have no sign here: what text would call negative is a time in the next century.
#[inline]
fn exptime(bytes: [u8; 4]) -> Exptime {
    Exptime(u32::from_be_bytes(bytes).into())
}

/// What the key of STAT asks (PROTOCOL 3.4).
fn stats(key: &[u8]) -> Stats<'_> {
    match key {
        b"" => Stats::General,
        b"items" => Stats::Items,
        b"slabs" => Stats::Slabs,
        b"sizes" => Stats::Sizes,
        b"memory" => Stats::Memory,
        _ if key.starts_with(b"reset") => Stats::Reset,
        _ if key.starts_with(b"settings") => Stats::Settings,
        _ if key.starts_with(b"detail ") => Stats::Detail(&key[b"detail ".len()..]),
        _ => Stats::Unknown,
    }
}

#[cfg(test)]
mod tests;
