//! Where a shard stands: behind its lock, beside what may be known of it without.

use super::Seconds;
use super::foresight::Foresight;
use super::hash::KeyHash;
use super::item::ItemId;
use super::readers::Reader;
use super::shard::Shard;
use crate::sys::biased::{Biased, Guard, ReadGuard};

/// One shard, and what may be read of it without its lock. A cache line pair of its own, so that
/// no lock shares one with another.
#[repr(align(128))]
pub(super) struct Slot {
    pub(super) shard: Biased<Shard>,
    pub(super) foresight: Foresight,
}

/// What requests write that others read: a shard's lock. Two such are never nearer than processors
/// fetch, which is two lines at a time.
const _: () = assert!(align_of::<Slot>() == 128 && size_of::<Slot>().is_multiple_of(128));

impl Slot {
    pub(super) fn publish(&self, shard: &Shard) {
        self.foresight.publish(shard.index.shape());
    }
    /// To change something, as far as readers are concerned.
    #[inline]
    pub(super) fn lock(&self) -> Guard<'_, Shard> {
        let mut shard = self.shard.lock();
        shard.quiet = 0;
        shard
    }
    /// To look, or work in the background: whether it is opened afterwards is not for that to say.
    #[inline]
    pub(super) fn lock_to_look(&self) -> Guard<'_, Shard> {
        self.shard.lock()
    }
    /// A lookup beside others: `id` is the key's item, if there is one. `None`: something would
    /// have to be changed, or the shard is not open to them; then it is the asker's `own`.
    #[inline(always)]
    pub(super) fn look<'a>(
        &'a self,
        reader: &'a Reader,
        (key, hash): (&[u8], KeyHash),
        now: Seconds,
        id: &mut Option<ItemId>,
        own: &mut Option<Guard<'a, Shard>>,
    ) -> Option<ReadGuard<'a, Shard>> {
        let shard = match self.shard.read(&reader.seat) {
            Some(shard) => shard,
            None => match self.shard.read_or_lock(&reader.seat) {
                Ok(shard) => shard,
                Err(alone) => {
                    *own = Some(alone);
                    return None;
                }
            },
        };
        *id = shard.look(key, hash, now)?;
        Some(shard)
    }
}
