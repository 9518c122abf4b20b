//! A whole connection without its socket: any bytes, in any dialect, cut anywhere, to a peer of any
//! speed. No panic; the same bytes cut otherwise get the same answers; a peer that does not read
//! is owed no more than the limits say; in the end the store adds up, and nobody holds a part of
//! it.

#![no_main]

use libfuzzer_sys::fuzz_target;
use slabd::ops::config::Config;
use slabd::server::scripted::{Talk, World};
use slabd::store::StoreConfig;

/// This byte of an input and the next one become a run of bytes, so that short inputs store long
/// values. The run has line ends: no line gets longer than a line may be.
const RUN: u8 = 0xf5;
/// Bytes of a run for each unit of the byte behind [`RUN`].
const RUN_UNIT: usize = 400;
/// Longest script, runs included.
const SCRIPT_MAX: usize = 200 << 10;
/// Replies that the peer takes in all; what would follow is of the same kind.
const TAKEN_MAX: usize = 1 << 20;
/// A connection may owe its mark (256 KiB), and the answer that passed it: a value of 64 KiB, or a
/// set of statistics.
const OWED_MAX: usize = (256 + 128) << 10;
/// What tells of time, of what others do, or of how bytes came.
const UNEVEN: [&[u8]; 4] = [b"stats", b"lru_crawler", b"watch", b"\x80\x10"];

fuzz_target!(|data: &[u8]| {
    let [room, cuts, data @ ..] = data else { return };
    let (pieces, data) = data.split_at(data.len().min(usize::from(cuts % 8)));
    let pieces: Vec<usize> = pieces.iter().map(|&n| 1 + usize::from(n)).chain([1 << 20]).collect();
    let room = 1 << (room % 21);
    let script = script(data);
    let whole = talk(&script, &[usize::MAX], usize::MAX);
    let cut = talk(&script, &pieces, room);
    if !UNEVEN.iter().any(|word| data.windows(word.len()).any(|window| window == *word)) {
        assert!(whole.replies == cut.replies, "cuts change the answers");
    }
});

/// One conversation with a daemon of its own.
fn talk(script: &[u8], pieces: &[usize], room: usize) -> Talk {
    let base = Config::default();
    let (limit_bytes, item_size_max, seed) = (2 << 20, 150_000, Some(1));
    let store = StoreConfig { limit_bytes, item_size_max, seed, threads: 1, ..base.store };
    let mut world = World::new(Config { store, threads: 1, ..base });
    let talk = world.talk(script, pieces, room, TAKEN_MAX);
    assert!(talk.replies.len() <= TAKEN_MAX && talk.owed_max <= OWED_MAX, "{}", talk.owed_max);
    world.store().assert_valid();
    let stats = world.store().stats(62);
    assert_eq!((stats.uploads, stats.upload_bytes, stats.pins), (0, 0, 0), "given back");
    talk
}

fn script(data: &[u8]) -> Vec<u8> {
    let mut script = Vec::new();
    let mut bytes = data.iter().copied();
    while let Some(byte) = bytes.next() {
        match byte {
            RUN => {
                let len = usize::from(bytes.next().unwrap_or(0)) * RUN_UNIT;
                script.extend(b"\nvalue-of-some-length-and-a-line-end".iter().cycle().take(len));
            }
            byte => script.push(byte),
        }
        if script.len() >= SCRIPT_MAX {
            break;
        }
    }
    script
}
