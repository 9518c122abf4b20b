//! A lookup once more for other keys, without its way through the dispatch: what pipelined gets and
//! quiet multi-gets mostly are.
//!
//! Each dialect has a loop of its own here, in which its lookup is inlined down to the store.

use super::get::REPEATED;
use super::{ClientState, Context, Next, binary, execute, get, meta};
use crate::protocol::{Binary, Command, Repeat, Reply, Request, Style};
use crate::store::{KeyHash, Session};

/// The keys a request is repeated for. A trait, against our habit, for nothing else makes sure that
/// `next` is inlined in four loops: with a closure a key costs 31 to 37 instructions more.
pub trait NextKey<'r> {
    /// The next one and its hash, if there is one more; what those behind it need is fetched.
    fn next(&mut self) -> Option<(Repeat<'r>, KeyHash)>;
}

/// Run `asked` once more for each of `keys`, until one asks something of its connection or the
/// output is full: how many are done, and what the next one asks. Each is the same as to execute
/// what `Request::repeated` makes of the two.
pub fn repeat<'r>(
    cx: &Context<'_>,
    session: &mut Session<'_>,
    client: &mut ClientState,
    asked: &Request<'_>,
    keys: &mut impl NextKey<'r>,
    out: &mut Vec<u8>,
) -> (usize, Next) {
    match session.is_alone() {
        true => repeat_as::<true>(cx, session, client, asked, keys, out),
        false => repeat_as::<false>(cx, session, client, asked, keys, out),
    }
}

/// As whoever is alone with one shard, or as anybody.
#[inline(always)]
fn repeat_as<'r, const ALONE: bool>(
    cx: &Context<'_>,
    session: &mut Session<'_>,
    client: &mut ClientState,
    asked: &Request<'_>,
    keys: &mut impl NextKey<'r>,
    out: &mut Vec<u8>,
) -> (usize, Next) {
    let all = Loop { cx, session, keys, out };
    match (&asked.command, &asked.style) {
        (Command::Get(_), Style::Text { .. }) => all.each(|session, repeat, hash, out| {
            let reply = Reply::new(asked.style, out);
            get::one::<REPEATED, ALONE>(cx, session, (repeat.key, hash), None, reply)
        }),
        (Command::Fetch(_), Style::Meta(flags)) => all.each(|session, repeat, hash, out| {
            meta::fetch::<REPEATED, ALONE>(cx, session, (repeat.key, hash), flags, out)
        }),
        (Command::Fetch(asked), Style::Binary(to)) => all.each(|session, repeat, hash, out| {
            let (key, to) = (repeat.key, Binary { opaque: repeat.opaque, ..*to });
            binary::fetch::<REPEATED, ALONE>(cx, session, (key, hash), asked.touch, to, out)
        }),
        _ => all.each(|session, repeat, hash, out| {
            execute(cx, session, client, &asked.repeated(&repeat), Some(hash), out)
        }),
    }
}

/// What the loops share.
struct Loop<'l, 's, 'x, K> {
    cx: &'l Context<'x>,
    session: &'l mut Session<'s>,
    keys: &'l mut K,
    out: &'l mut Vec<u8>,
}

impl<'s, K> Loop<'_, 's, '_, K> {
    #[inline(always)]
    fn each<'r>(
        self,
        mut run: impl FnMut(&mut Session<'s>, Repeat<'r>, KeyHash, &mut Vec<u8>) -> Next,
    ) -> (usize, Next)
    where
        K: NextKey<'r>,
    {
        let Loop { cx, session, keys, out } = self;
        let mut done = 0;
        loop {
            let Some((repeat, hash)) = keys.next() else { return (done, Next::Continue) };
            if out.len() >= cx.output_max {
                return (done, Next::Pause);
            }
            match run(session, repeat, hash, out) {
                Next::Continue => done += 1,
                next => return (done, next),
            }
        }
    }
}
