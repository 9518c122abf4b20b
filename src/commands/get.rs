//! get, gets, gat, gats: one key or many.
//!
//! A get may stop in its key list, because the output is full or because a long value has to be
//! sent first. `ClientState::resume_at` then stands behind the last key answered, so no key is
//! answered or counted twice.

use std::sync::atomic::Ordering::Relaxed;

use super::{ClientState, Context, Next, exptime};
use crate::protocol::limits::VALUE_IN_BUFFER_MAX;
use crate::protocol::{Get, Keys, Reply, Style};
use crate::store::{Deadline, KeyHash, PinId, Session};

/// Item headers are fetched this many keys ahead of the key being answered: about one memory
/// latency at some 15 ns a key.
const ITEM_AHEAD: usize = 8;

/// Buckets are fetched this many keys ahead: they must be there when `ITEM_AHEAD` asks them.
const BUCKET_AHEAD: usize = 16;

/// What stays the same over the keys of one lookup.
struct Lookup<'c, 'x> {
    cx: &'c Context<'x>,
    style: Style<'c>,
    touch: Option<Deadline>,
    detail: bool,
}

/// Answer as many keys as the output takes.
#[inline]
pub(super) fn get(
    cx: &Context<'_>,
    session: &mut Session<'_>,
    client: &mut ClientState,
    get: &Get<'_>,
    style: Style<'_>,
    hashes: &[KeyHash],
    out: &mut Vec<u8>,
) -> Next {
    let touch = get.touch.map(|e| exptime::deadline(e, cx.now, cx.shared.epoch_unix));
    let lookup = Lookup { cx, style, touch, detail: cx.shared.detail.load(Relaxed) };
    let mut keys = get.keys.skip_to(client.resume_at);
    // The hashes that were made for us: their buckets are on the way.
    if hashes.len() > 1 {
        hashes.iter().take(ITEM_AHEAD).for_each(|&hash| session.prefetch_item(hash));
    }
    for (i, &hash) in hashes.iter().enumerate() {
        let Some(key) = keys.next() else { break };
        if let Some(&ahead) = hashes.get(i + ITEM_AHEAD) {
            session.prefetch_item(ahead);
        }
        if let Some(pin) = lookup.answer(session, key, hash, out) {
            client.resume_at = keys.offset();
            return Next::SendPinned(pin);
        }
        if out.len() >= cx.output_max && more_keys(keys) {
            client.resume_at = keys.offset();
            return Next::Pause;
        }
    }
    if more_keys(keys) {
        return lookup.answer_unhashed(session, client, keys, out);
    }
    client.resume_at = 0;
    Reply::new(style, out).end();
    Next::Continue
}

/// Whether the list goes on.
#[inline]
fn more_keys(mut keys: Keys<'_>) -> bool {
    keys.next().is_some()
}

impl Lookup<'_, '_> {
    /// Look one key up and answer it, if it is there. A long value is not answered but pinned.
    #[inline]
    fn answer(
        &self,
        session: &mut Session<'_>,
        key: &[u8],
        hash: KeyHash,
        out: &mut Vec<u8>,
    ) -> Option<PinId> {
        let style = self.style;
        let found = session.get(key, hash, self.touch, self.cx.now, |mut hit| {
            let (flags, cas) = (hit.flags(), hit.cas());
            let mut reply = Reply::new(style, out);
            if let Some(value) = hit.value() {
                reply.hit_value(key, flags, cas, value);
                return None;
            }
            let len = hit.len();
            reply.hit(key, flags, len, cas);
            if len > VALUE_IN_BUFFER_MAX {
                return Some(hit.pin());
            }
            hit.copy_to(reply.value());
            reply.value_end();
            None
        });
        if self.detail {
            self.count_prefix(key, found.is_some());
        }
        found.flatten()
    }

    #[cold]
    fn count_prefix(&self, key: &[u8], hit: bool) {
        self.cx.shared.prefixes().count_get(key, hit);
    }

    /// The keys of a long list whose hashes were not made beforehand. `ahead` runs up to
    /// `BUCKET_AHEAD` keys before `keys`; the hashes between the two wait in a ring.
    fn answer_unhashed(
        &self,
        session: &mut Session<'_>,
        client: &mut ClientState,
        mut keys: Keys<'_>,
        out: &mut Vec<u8>,
    ) -> Next {
        let store = self.cx.store;
        let mut ring = [store.hash(b""); BUCKET_AHEAD];
        let mut ahead = keys;
        let (mut hashed, mut fetched, mut answered) = (0, 0, 0);
        loop {
            while hashed < answered + BUCKET_AHEAD {
                let Some(key) = ahead.next() else { break };
                ring[hashed % BUCKET_AHEAD] = store.hash(key);
                store.prefetch_bucket(ring[hashed % BUCKET_AHEAD]);
                hashed += 1;
            }
            while fetched < hashed.min(answered + ITEM_AHEAD) {
                session.prefetch_item(ring[fetched % BUCKET_AHEAD]);
                fetched += 1;
            }
            let resume_at = keys.offset();
            let Some(key) = keys.next() else { break };
            if out.len() >= self.cx.output_max {
                client.resume_at = resume_at;
                return Next::Pause;
            }
            if let Some(pin) = self.answer(session, key, ring[answered % BUCKET_AHEAD], out) {
                client.resume_at = keys.offset();
                return Next::SendPinned(pin);
            }
            answered += 1;
        }
        client.resume_at = 0;
        Reply::new(self.style, out).end();
        Next::Continue
    }
}
