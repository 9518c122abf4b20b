//! get, gets, gat, gats: one key or many.
//!
//! A get may stop in its key list, because the output is full or because a long value has to be
//! sent first. `ClientState::resume_at` then stands behind the last key answered, so no key is
//! answered or counted twice.

use std::sync::atomic::Ordering::Relaxed;

use super::{ClientState, Context, Next, Producer, exptime};
use crate::protocol::limits::VALUE_IN_BUFFER_MAX;
use crate::protocol::{Get, Keys, Reply};
use crate::store::{BUCKETS_AHEAD, ITEMS_AHEAD, TOGETHER};
use crate::store::{Deadline, Hit, KeyHash, PREFETCHED, PinId, Session};

/// Keys of a list that are answered under one lock.
const KEYS_MAX: usize = 128;
const _: () = assert!(KEYS_MAX.is_multiple_of(TOGETHER));
const _: () = assert!(BUCKETS_AHEAD > TOGETHER, "a list has ended where no key more is known");
/// What stands behind the value of a get of one key. (A long one; all others are appended.)
const ONLY_VALUE_END: &[u8] = b"\r\nEND\r\n";

/// What stays the same over the keys of one lookup.
struct Lookup<'c, 'x> {
    cx: &'c Context<'x>,
    touch: Option<Deadline>,
    /// Prefixes are counted.
    detail: bool,
}

/// A key on its way to its answer.
#[derive(Clone, Copy)]
struct Ahead<'a> {
    key: &'a [u8],
    hash: KeyHash,
    /// Offset in the list behind it.
    end: usize,
}

/// Answer as many keys as the output takes. `hash` is that of the first.
#[inline]
pub(super) fn get(
    cx: &Context<'_>,
    session: &mut Session<'_>,
    client: &mut ClientState,
    get: &Get<'_>,
    reply: Reply<'_>,
    hash: Option<KeyHash>,
) -> Next {
    let touch = get.touch.map(|e| exptime::deadline(e, cx.now, cx.shared.epoch_unix));
    match (get.keys.only(), hash) {
        (Some(key), Some(hash)) if client.resume_at == 0 => {
            let wanted = (key, hash);
            match session.is_alone() {
                true => one::<ONE, true>(cx, session, wanted, touch, reply),
                false => one::<ONE, false>(cx, session, wanted, touch, reply),
            }
        }
        _ => {
            let all = Lookup::new(cx, touch);
            match session.is_alone() {
                true => all.answer_list::<true>(session, client, get.keys, reply),
                false => all.answer_list::<false>(session, client, get.keys, reply),
            }
        }
    }
}

/// Answer the only key of a list.
#[inline(always)]
pub(super) fn one<const PLACE: u8, const ALONE: bool>(
    cx: &Context<'_>,
    session: &mut Session<'_>,
    (key, hash): (&[u8], KeyHash),
    touch: Option<Deadline>,
    mut reply: Reply<'_>,
) -> Next {
    if let Some(pin) = Lookup::new(cx, touch).answer::<PLACE, ALONE>(session, key, hash, &mut reply)
    {
        return Next::Stream(Producer::Value(pin, ONLY_VALUE_END));
    }
    reply.end();
    Next::Continue
}

/// Others may have the lock for a moment. A call, so that the list is not longer for it.
#[cold]
#[inline(never)]
fn let_go(session: &mut Session<'_>) {
    session.release();
}

/// A value in chunks, behind what announces it. A long one is not answered but pinned, to be sent
/// from where it is.
#[inline(always)]
pub(super) fn chunked_value(mut hit: Hit<'_>, reply: &mut Reply<'_>) -> Option<PinId> {
    if hit.len() > VALUE_IN_BUFFER_MAX {
        return Some(hit.pin());
    }
    hit.copy_to(reply.value());
    reply.value_end();
    None
}

/// Who answers a key: a get of one, one that is repeated, a list. Each has a copy of the lookup, in
/// which it is inlined down to the store; one copy for all would have to be called, at a tenth of
/// what it costs.
pub(super) const ONE: u8 = 0;
pub(super) const REPEATED: u8 = 1;
const LISTED: u8 = 2;

impl<'c, 'x> Lookup<'c, 'x> {
    #[inline]
    fn new(cx: &'c Context<'x>, touch: Option<Deadline>) -> Self {
        Lookup { cx, touch, detail: cx.shared.detail.load(Relaxed) }
    }

    /// Look one key up and answer it, if it is there. A long value is not answered but pinned.
    #[inline(always)]
    fn answer<const PLACE: u8, const ALONE: bool>(
        &self,
        session: &mut Session<'_>,
        key: &[u8],
        hash: KeyHash,
        reply: &mut Reply<'_>,
    ) -> Option<PinId> {
        let found = session.look_up::<ALONE, _>(key, hash, self.touch, self.cx.now, |hit| {
            let cas = if reply.shows_cas() { hit.cas() } else { 0 };
            let flags = hit.flags();
            if let Some(value) = hit.value() {
                reply.hit_value(key, flags, cas, value);
                return None;
            }
            reply.hit(key, flags, hit.len(), cas);
            chunked_value(hit, reply)
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

    /// Answer the keys of a list from where the client stands. Keys are hashed, and their buckets
    /// fetched, up to `BUCKETS_AHEAD` keys before they are answered; a ring holds those in between.
    fn answer_list<const ALONE: bool>(
        &self,
        session: &mut Session<'_>,
        client: &mut ClientState,
        keys: Keys<'_>,
        mut reply: Reply<'_>,
    ) -> Next {
        let store = self.cx.store;
        let mut keys = keys.skip_to(client.resume_at);
        let mut ring = [Ahead { key: b"", hash: KeyHash::default(), end: 0 }; BUCKETS_AHEAD];
        // Keys read, and those of them whose items were asked for.
        let (mut known, mut fetched) = (0, 0);
        let mut more = true;
        // Of keys that are asked for together, the values are often alike.
        let mut long = false;
        for at in 0.. {
            // Each loop stands here once, so that it is inlined.
            if at % TOGETHER == 0 {
                while more && known < at + BUCKETS_AHEAD {
                    let Some(key) = keys.next() else {
                        more = false;
                        break;
                    };
                    let hash = store.hash(key);
                    store.prefetch_bucket(hash);
                    ring[known % BUCKETS_AHEAD] = Ahead { key, hash, end: keys.offset() };
                    known += 1;
                }
                while fetched < known.min(at + ITEMS_AHEAD) {
                    store.prefetch_item(ring[fetched % BUCKETS_AHEAD].hash, long);
                    fetched += 1;
                }
                if at % KEYS_MAX == 0 && at > 0 {
                    let_go(session);
                }
            }
            if at == known {
                break;
            }
            let Ahead { key, hash, end } = ring[at % BUCKETS_AHEAD];
            let before = reply.len();
            if let Some(pin) = self.answer::<LISTED, ALONE>(session, key, hash, &mut reply) {
                client.resume_at = end;
                return Next::SendPinned(pin);
            }
            long |= reply.len() - before > PREFETCHED;
            if reply.len() >= self.cx.output_max && at + 1 < known {
                client.resume_at = end;
                return Next::Pause;
            }
        }
        client.resume_at = 0;
        reply.end();
        Next::Continue
    }
}
