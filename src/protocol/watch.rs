//! `watch [stream…]`: the names of streams (PROTOCOL 7.5).

use super::token::Words;

/// The streams, in the order in which a name that was cut short is looked for.
const NAMES: [&str; 10] = [
    "rawcmds",
    "evictions",
    "fetchers",
    "mutations",
    "sysevents",
    "connevents",
    "proxyreqs",
    "proxyevents",
    "proxyuser",
    "deletions",
];

/// A stream that says something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Stream {
    /// Items removed to make room.
    Evictions = 1,
    /// Lookups.
    Fetchers = 2,
    /// Storage commands.
    Mutations = 3,
    /// Background work.
    SysEvents = 4,
    /// Connections that come and go.
    ConnEvents = 5,
    /// Items that clients removed.
    Deletions = 9,
}

/// The streams a client wants, those that never say anything among them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted(u16);

impl Wanted {
    /// This one is among them.
    pub fn has(self, stream: Stream) -> bool {
        self.0 & 1 << stream as u8 != 0
    }

    /// As named; `None`: one of them is no stream.
    pub(super) fn parse(words: Words<'_>) -> Option<Wanted> {
        let mut bits = 0;
        for word in words {
            let named = NAMES.iter().position(|name| name.as_bytes().starts_with(word))?;
            bits |= 1 << named;
        }
        Some(Wanted(if bits == 0 { 1 << Stream::Fetchers as u8 } else { bits }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(words: &str) -> Option<u16> {
        Wanted::parse(Words::new(words.as_bytes())).map(|wanted| wanted.0)
    }

    #[test]
    fn streams_are_named_whole_or_in_part() {
        assert_eq!(parse(" rawcmds proxyuser"), Some(1 | 1 << 8));
        assert_eq!(parse(" f  mut"), Some(1 << 2 | 1 << 3));
        assert_eq!(parse(" e d c s proxye"), Some(1 << 1 | 1 << 9 | 1 << 5 | 1 << 4 | 1 << 7));
        assert_eq!(parse(" p"), Some(1 << 6));
        for unknown in [" x", " fetchersx", " fetchers x", " noreply", " Fetchers"] {
            assert_eq!(parse(unknown), None, "{unknown}");
        }
    }

    #[test]
    fn without_a_name_it_is_the_fetchers() {
        for none in ["", "  "] {
            let wanted = Wanted::parse(Words::new(none.as_bytes())).unwrap();
            assert!(wanted.has(Stream::Fetchers) && !wanted.has(Stream::Mutations));
        }
    }

    #[test]
    fn each_stream_has_its_name() {
        for (stream, name) in [
            (Stream::Evictions, " evictions"),
            (Stream::Fetchers, " fetchers"),
            (Stream::Mutations, " mutations"),
            (Stream::SysEvents, " sysevents"),
            (Stream::ConnEvents, " connevents"),
            (Stream::Deletions, " deletions"),
        ] {
            assert!(Wanted::parse(Words::new(name.as_bytes())).unwrap().has(stream), "{name}");
        }
    }
}
