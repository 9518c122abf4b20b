//! Answers that are too long for one turn: a producer makes the next piece whenever the socket has
//! room for it, so that an answer costs what one piece does, however long it is.

use crate::ops::shared::Shared;
use crate::protocol::{DumpFormat, Dumped};
use crate::store::{Dump, PinId, PinRead, Store};

/// Bytes of a value that are copied under one lock.
const PIN_SLICE: usize = 64 << 10;

/// Makes an answer piece by piece. To be given back with [`Producer::release`], also when it was
/// not finished.
#[derive(Debug, PartialEq, Eq)]
pub enum Producer {
    /// The value, and what stands behind it.
    Value(PinId, &'static [u8]),
    /// `lru_crawler metadump` and `mgdump`.
    Dump(Dump, DumpFormat),
}

/// What [`Producer::produce`] says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Produced {
    /// More follows; this piece may have been empty.
    More,
    /// That was all.
    Done,
    /// It cannot be finished, and half of it was sent: nothing can be said but goodbye.
    Broken,
}

impl Producer {
    /// Append the next piece to `out`: up to 64 KiB, and one lock.
    pub fn produce(
        &mut self,
        store: &Store,
        shared: &Shared,
        now: u32,
        out: &mut Vec<u8>,
    ) -> Produced {
        match self {
            Producer::Value(pin, behind) => match store.read_pin(pin, PIN_SLICE, out) {
                PinRead::More => Produced::More,
                PinRead::Done => {
                    out.extend_from_slice(behind);
                    Produced::Done
                }
                PinRead::Revoked => Produced::Broken,
            },
            Producer::Dump(dump, format) => {
                let unix = |second: u32| shared.epoch_unix + u64::from(second);
                let more = store.dump(dump, now, |item| {
                    let dumped = Dumped {
                        key: item.key,
                        binary: item.binary,
                        expiry: (item.deadline != 0).then(|| unix(item.deadline)),
                        accessed: unix(now.saturating_sub(item.age)),
                        cas: item.cas,
                        fetched: item.fetched,
                        class: item.class,
                        size: item.size,
                        flags: item.flags,
                    };
                    format.line(&dumped, out);
                });
                if more {
                    return Produced::More;
                }
                format.end(out);
                Produced::Done
            }
        }
    }

    /// Give back what it holds in the store.
    pub fn release(self, store: &Store) {
        match self {
            Producer::Value(pin, _) => store.unpin(pin),
            Producer::Dump(dump, _) => store.end_dump(dump),
        }
    }
}
