//! mg and me: one key, and whatever may be asked of its item.

use super::get::{ONE, chunked_value};
use super::{Context, Next, Producer, exptime};
use crate::protocol::{Exptime, Flags, Plain, Reply, Shown, Style, Ttl, mask};
use crate::store::{Deadline, FetchArgs, Hit, KeyHash, PinId, Session};

/// Flags of lookups that do nothing to the item, or show of it what it has not always, or have its
/// value answered or not.
const PECULIAR: u32 = !mask(b"vqOkfscPL");

/// What a lookup does to the item it finds.
#[derive(Debug, Clone, Copy, Default)]
struct Deeds {
    /// Its new deadline.
    touch: Option<Deadline>,
    /// The deadline of what a miss creates.
    vivify: Option<Deadline>,
    /// The asker is to renew what dies before this.
    recache: Option<Deadline>,
    /// `touch` comes before `recache`, and before `vivify`.
    touch_then_recache: bool,
    vivify_then_touch: bool,
}

impl Deeds {
    #[inline]
    fn of(cx: &Context<'_>, flags: &Flags<'_>) -> Self {
        if !flags.meets(mask(b"TNR")) {
            return Deeds::default();
        }
        let deadline = |e: Exptime| exptime::deadline(e, cx.now, cx.shared.epoch_unix);
        Deeds {
            touch: flags.exptime(b'T').map(deadline),
            vivify: flags.exptime(b'N').map(deadline),
            recache: flags.exptime(b'R').map(deadline),
            touch_then_recache: flags.in_order(b'T', b'R'),
            vivify_then_touch: flags.in_order(b'N', b'T'),
        }
    }

    /// The deadline of what a miss creates, after all.
    fn created(&self) -> Option<Deadline> {
        let last = if self.vivify_then_touch { self.touch } else { None };
        self.vivify.map(|deadline| last.unwrap_or(deadline))
    }

    /// What is seen of the item; who is to renew it is chosen.
    fn apply<'k>(&self, now: u32, key: &'k [u8], hit: &mut Hit<'_>, created: bool) -> Shown<'k> {
        // What was created has the deadline already that it had not when it was looked for.
        let before = if created { 0 } else { hit.deadline() };
        let (sent, stale) = (hit.is_won(), hit.is_stale());
        let due = if self.touch_then_recache { self.touch.unwrap_or(before) } else { before };
        let late = due != 0 && self.recache.is_some_and(|limit| due < limit);
        let won = created || !sent && (stale || late);
        let shown = Shown {
            touched: self.touch.map(|deadline| left(deadline, now)),
            vivified: self.vivify.filter(|_| created).map(|deadline| left(deadline, now)),
            won,
            ttl: left(before, now),
            ..see(now, key, hit)
        };
        if won {
            hit.win();
        }
        shown
    }
}

/// An item as it is.
#[inline]
fn see<'k>(now: u32, key: &'k [u8], hit: &Hit<'_>) -> Shown<'k> {
    Shown {
        key,
        binary_key: hit.has_binary_key(),
        flags: hit.flags(),
        cas: hit.cas(),
        len: hit.len(),
        ttl: left(hit.deadline(), now),
        touched: None,
        vivified: None,
        idle: hit.idle(now),
        fetched: hit.was_fetched(),
        sent: hit.is_won(),
        stale: hit.is_stale(),
        won: false,
    }
}

/// Seconds until a deadline.
pub(super) fn left(deadline: Deadline, now: u32) -> Ttl {
    (deadline != 0).then(|| deadline.saturating_sub(now))
}

/// Answer the only key of a request.
#[inline]
pub(super) fn fetch_one(
    cx: &Context<'_>,
    session: &mut Session<'_>,
    wanted: (&[u8], KeyHash),
    flags: &Flags<'_>,
    out: &mut Vec<u8>,
) -> Next {
    match session.is_alone() {
        true => fetch::<ONE, true>(cx, session, wanted, flags, out),
        false => fetch::<ONE, false>(cx, session, wanted, flags, out),
    }
}

/// Answer one key. There is a copy for each place: see `get::ONE`.
#[inline(always)]
pub(super) fn fetch<const PLACE: u8, const ALONE: bool>(
    cx: &Context<'_>,
    session: &mut Session<'_>,
    (key, hash): (&[u8], KeyHash),
    flags: &Flags<'_>,
    out: &mut Vec<u8>,
) -> Next {
    let found = match flags.meets(PECULIAR) {
        false => look_up::<PLACE, ALONE>(cx, session, (key, hash), flags, out),
        true => look_closely(cx, session, (key, hash), flags, out),
    };
    match found {
        Some(None) => Next::Continue,
        Some(Some(pin)) => Next::Stream(Producer::Value(pin, b"\r\n")),
        None => {
            Reply::new(Style::Meta(*flags), out).miss(key);
            Next::Continue
        }
    }
}

/// Nothing but the item's value and what describes it is asked for: nearly always it is just an
/// item. What was found: a long value's pin, if there is one to be sent.
#[inline(always)]
fn look_up<const PLACE: u8, const ALONE: bool>(
    cx: &Context<'_>,
    session: &mut Session<'_>,
    (key, hash): (&[u8], KeyHash),
    flags: &Flags<'_>,
    out: &mut Vec<u8>,
) -> Option<Option<PinId>> {
    let mut reply = Reply::new(Style::Meta(*flags), out);
    session.look_up::<ALONE, _>(key, hash, None, cx.now, |mut hit| {
        if !hit.has_marks()
            && let Some(value) = hit.value()
        {
            reply.found_plain(&Plain { key, flags: hit.flags(), cas: hit.cas(), value });
            return None;
        }
        let shown = Deeds::default().apply(cx.now, key, &mut hit, false);
        answer(&mut reply, flags, &shown, hit)
    })
}

/// Any lookup.
fn look_closely(
    cx: &Context<'_>,
    session: &mut Session<'_>,
    (key, hash): (&[u8], KeyHash),
    flags: &Flags<'_>,
    out: &mut Vec<u8>,
) -> Option<Option<PinId>> {
    let deeds = Deeds::of(cx, flags);
    let args = FetchArgs {
        touch: deeds.touch,
        no_bump: flags.has(b'u'),
        vivify: deeds.created(),
        new_cas: flags.number(b'E'),
        binary_key: flags.base64_key,
    };
    let mut reply = Reply::new(Style::Meta(*flags), out);
    session.fetch(key, hash, &args, cx.now, |mut hit, created| {
        let shown = deeds.apply(cx.now, key, &mut hit, created);
        answer(&mut reply, flags, &shown, hit)
    })
}

/// The front of the answer, and the value if it is wanted: a long one is not answered but pinned.
fn answer(
    reply: &mut Reply<'_>,
    flags: &Flags<'_>,
    shown: &Shown<'_>,
    hit: Hit<'_>,
) -> Option<PinId> {
    let with_value = flags.has(b'v') && flags.number(b'C') != Some(shown.cas);
    reply.found(shown, with_value);
    if !with_value {
        return None;
    }
    let Some(value) = hit.value() else { return chunked_value(hit, reply) };
    reply.value().extend_from_slice(value);
    reply.value_end();
    None
}

/// Describe an item without using it.
pub(super) fn debug(
    cx: &Context<'_>,
    session: &mut Session<'_>,
    key: &[u8],
    style: Style<'_>,
    hash: KeyHash,
    out: &mut Vec<u8>,
) -> Next {
    cx.counters.cmd_meta.add(1);
    let mut reply = Reply::new(style, out);
    let found = session.peek(key, hash, cx.now, |hit| {
        let (class, size) = (hit.class(), hit.size());
        reply.described(&see(cx.now, key, &hit), class, size);
    });
    if found.is_none() {
        reply.miss(key);
    }
    Next::Continue
}
