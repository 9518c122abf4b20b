//! Listing what is stored, a little at a time: for `lru_crawler metadump` and `mgdump`, which may
//! list everything, and for `stats cachedump`, which lists a part of one queue.
//!
//! A [`Dump`] walks the indexes, not the pages: whatever is rewritten, moved to another page or
//! promoted meanwhile, a key that is there from beginning to end is listed exactly once. A key
//! that comes or goes meanwhile is listed once or not at all; one that goes and comes back
//! likewise, for it stands in the same place of the same index.

use super::index::Index;
use super::item::{Queue, mark, state};
use super::{Deadline, Ordering, Seconds, Store};
use crate::sys::cpu::prefetch;

/// Items after which a step of a dump lets go of the lock, give or take a bucket. Listing one takes
/// some 100 ns, and up to 500 with the longest key all escaped: 7 to 35 microseconds. Others wait
/// for a step or two, and a lone request takes no longer than that.
const ITEMS: usize = 64;

/// Buckets after which it does, though there was little in them.
const BUCKETS: usize = 64;

/// Dumps that may go on at once. Each takes its turns with everybody else's requests, so that
/// many would slow down all.
const DUMPS_MAX: usize = 4;

/// How far a dump has come. To be handed to [`Store::end_dump`] in the end.
#[derive(Debug, PartialEq, Eq)]
pub struct Dump {
    /// A bit for each class that is listed.
    classes: u64,
    shard: usize,
    /// See [`Index::walk`].
    position: u64,
}

/// What a dump tells of an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DumpedItem<'a> {
    /// The key.
    pub key: &'a [u8],
    /// It was given in base64.
    pub binary: bool,
    /// When it dies; 0: never.
    pub deadline: Deadline,
    /// Seconds since its last use.
    pub age: u32,
    /// Its CAS.
    pub cas: u64,
    /// It was fetched.
    pub fetched: bool,
    /// Its class, from 1.
    pub class: usize,
    /// Bytes.
    pub size: usize,
    /// Client flags.
    pub flags: u32,
}

impl Store {
    /// Begin to list the items of the classes (from 1) whose bits are set. `None`: too many dumps
    /// are going on.
    pub fn begin_dump(&self, classes: u64) -> Option<Dump> {
        let begun = |dumps: usize| (dumps < DUMPS_MAX).then_some(dumps + 1);
        self.dumps.fetch_update(Ordering::Relaxed, Ordering::Relaxed, begun).ok()?;
        Some(Dump { classes, shard: 0, position: 0 })
    }
    /// List some more live items: few, possibly none. `false`: that was all.
    pub fn dump(
        &self,
        dump: &mut Dump,
        now: Seconds,
        mut visit: impl FnMut(DumpedItem<'_>),
    ) -> bool {
        let Some(slot) = self.slots.get(dump.shard) else { return false };
        let shard = slot.lock();
        let mut ids = Vec::with_capacity(2 * ITEMS);
        for _ in 0..BUCKETS {
            dump.position = shard.index.walk(dump.position, |id| {
                prefetch(shard.slabs.arena.address(id));
                prefetch(shard.slabs.arena.address(id) + 64);
                ids.push(id);
            });
            if dump.position == Index::WALK_END {
                (dump.shard, dump.position) = (dump.shard + 1, 0);
                break;
            }
            if ids.len() >= ITEMS {
                break;
            }
        }
        for id in ids {
            let header = shard.header(id);
            let class = shard.line(id) + 1;
            if dump.classes & 1 << class != 0 && !shard.is_dead(header, now) {
                visit(DumpedItem {
                    key: shard.key(id),
                    binary: header.marks(mark::BINARY_KEY) != 0,
                    deadline: header.deadline(),
                    age: header.accessed.age(now),
                    cas: shard.cas(id),
                    fetched: header.is(state::FETCHED),
                    class,
                    size: shard.size(id),
                    flags: shard.flags(id),
                });
            }
        }
        dump.shard < self.slots.len()
    }
    /// It is over, or nobody listens any more.
    pub fn end_dump(&self, dump: Dump) {
        let Dump { .. } = dump;
        self.dumps.fetch_sub(1, Ordering::Relaxed);
    }

    /// `stats cachedump`: key, value length and deadline of the COLD items of a class (from 1),
    /// newest first, until `limit` items (0: all) or `visit` returns false. Ten thousand items a
    /// shard are looked at, so that the lock is short.
    pub fn cachedump(
        &self,
        class: usize,
        limit: u32,
        now: Seconds,
        mut visit: impl FnMut(&[u8], usize, Deadline) -> bool,
    ) {
        const ITEMS_MAX: u32 = 10_000;
        let mut left = if limit == 0 { u32::MAX } else { limit };
        for slot in &self.slots {
            let shard = slot.lock();
            let Some(lru) = class.checked_sub(1).and_then(|c| shard.lru.get(c)) else { return };
            let mut at = lru.list(Queue::Cold).head;
            // The dead count as looks too: after a flush a whole queue may be dead.
            let mut looks = ITEMS_MAX;
            while let (Some(id), 1.., 1..) = (at, looks, left) {
                let header = shard.header(id);
                at = header.next;
                looks -= 1;
                if shard.is_dead(header, now) {
                    continue;
                }
                if !visit(shard.key(id), shard.value_len(id), header.deadline()) {
                    return;
                }
                left -= 1;
            }
        }
    }
}
