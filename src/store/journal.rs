//! What happens to items, for those who asked to be told: watchers, and tests.
//!
//! A shard records two kinds of events. What it does by itself (evictions, page moves, reclaims) is
//! recorded while somebody wants to know ([`Store::watch_memory`]), and waits in the shard's
//! journal for whoever comes next. What a client's verb looks up, stores and deletes is recorded
//! only when the verb runs in a session that asked for it ([`Session::observe`]), and is taken by
//! that session under the same lock, so that it is known whose it was. Nobody asked: a verb pays
//! for a test of a byte it has at hand.

use super::events::{Event, Found, Journal};
use super::item::{ItemId, Queue, state};
use super::shard::Shard;
use super::slab::ClassId;
use super::{Seconds, Session, SetArgs, Slot, Store, Stored};

impl Store {
    /// Keep a record of evictions and page moves from now on, or stop. Taken by observing
    /// sessions, and by [`Store::take_events`].
    pub fn watch_memory(&self, on: bool) {
        self.slots.iter().for_each(|slot| {
            let journal = &mut slot.lock().journal;
            journal.memory = on;
            if !on {
                *journal = Journal::default();
            }
        });
    }
    /// Tests: as above, with reclaims, and without a limit.
    #[doc(hidden)]
    pub fn record_events(&self, on: bool) {
        self.watch_memory(on);
        self.slots.iter().for_each(|slot| slot.lock().journal.reclaims = on);
    }
    /// What happened since the last call, and how many events more were lost.
    pub fn take_events(&self) -> (Vec<Event>, u64) {
        let mut events = Vec::new();
        let take = |slot: &Slot| slot.lock().journal.drain_to(&mut events);
        let lost = self.slots.iter().map(take).sum();
        (events, lost)
    }
}

impl Session<'_> {
    /// Record what the verbs of this visit look up, store and delete, until they are taken.
    pub fn observe(&mut self) {
        self.seen.on = true;
    }
    /// What was recorded, to be drained; and, besides, what the shards that were visited had
    /// recorded of their own.
    pub fn observed(&mut self) -> &mut Vec<Event> {
        &mut self.seen.events
    }
    /// Events for which there was no room, since the last call.
    pub fn lost(&mut self) -> u64 {
        std::mem::take(&mut self.seen.lost)
    }
}

impl Shard {
    /// The class in whose queues an item stands, as it is shown.
    fn shown_class(&self, id: ItemId) -> u32 {
        self.line(id) as u32 + 1
    }

    /// An item is about to be evicted.
    pub(super) fn note_eviction(&mut self, id: ItemId, now: Seconds) {
        if !self.journal.memory {
            return;
        }
        let header = self.header(id);
        let event = Event::Evicted {
            key: self.key(id).into(),
            fetched: header.is(state::FETCHED),
            ttl: (header.deadline() != 0).then(|| header.deadline().saturating_sub(now)),
            idle: header.accessed.age(now),
            class: self.shown_class(id),
            len: self.value_len(id),
        };
        self.journal.push(event);
    }
    /// A dead item is about to be removed.
    #[inline]
    pub(super) fn note_reclaim(&mut self, id: ItemId) {
        if self.journal.reclaims {
            let key = self.key(id).into();
            self.journal.push(Event::Reclaimed { key });
        }
    }
    /// A page moves between classes (`None`: from, or to, the pool), or could not be moved.
    pub(super) fn note_page_move(
        &mut self,
        from: Option<ClassId>,
        to: Option<ClassId>,
        done: bool,
    ) {
        if self.journal.memory {
            let shown = |class: Option<ClassId>| class.map_or(0, |class| class as u32 + 1);
            self.journal.push(Event::PageMoved { from: shown(from), to: shown(to), done });
        }
    }

    /// The crawler has looked at an item, which it may be about to remove.
    pub(super) fn note_crawled(&mut self, id: ItemId, reaps: bool, now: Seconds) {
        if !self.journal.memory {
            return;
        }
        let place = (self.line(id), self.header(id).queue() as u8);
        let record = &mut self.journal.crawl;
        if record.seen.is_empty() {
            record.begun = now;
        }
        let (examined, reclaimed) = record.seen.entry(place).or_default();
        *examined += 1;
        *reclaimed += u64::from(reaps);
    }
    /// Nothing is left for the crawler to do.
    pub(super) fn note_crawl_end(&mut self, now: Seconds) {
        let record = &mut self.journal.crawl;
        if record.seen.is_empty() {
            return;
        }
        let seen = std::mem::take(&mut record.seen);
        let since = if record.ended == 0 { 0 } else { now.saturating_sub(record.ended) };
        let elapsed = now.saturating_sub(record.begun);
        record.ended = now;
        let next = self.slabs.expiry.next_turn().map_or(0, |at| at.saturating_sub(now));
        for ((class, queue), (examined, reclaimed)) in seen {
            let (class, queue) = (class as u32 + 1, Queue::ALL[usize::from(queue)].name());
            let event = Event::Crawled { class, queue, since, next, elapsed, examined, reclaimed };
            self.journal.push(event);
        }
    }

    /// A lookup found `id`, dead or alive.
    #[cold]
    pub(super) fn note_lookup(&mut self, key: &[u8], id: Option<ItemId>, now: Seconds) {
        let dead = |id: &ItemId| self.is_dead(self.header(*id), now);
        let found = match id {
            None => Found::Nothing,
            Some(id) if !dead(&id) => Found::Alive,
            Some(id) if self.header(id).is_expired(now) => Found::Expired,
            Some(_) => Found::Flushed,
        };
        let alive = id.filter(|_| found == Found::Alive);
        let class = alive.map_or(0, |id| self.shown_class(id));
        let len = alive.map_or(0, |id| self.value_len(id));
        self.journal.push(Event::LookedUp { key: key.into(), found, class, len });
    }

    /// A storage command ended; `len` is the length of the value that was sent.
    #[cold]
    pub(super) fn note_store(
        &mut self,
        args: &SetArgs<'_>,
        len: usize,
        outcome: Stored,
        now: Seconds,
    ) {
        let stored = match outcome {
            Stored::Stored(_) => self.find(args.key, args.hash),
            _ => None,
        };
        let (class, len, deadline) = match (stored, outcome) {
            (Some(id), _) => (self.shown_class(id), self.value_len(id), self.header(id).deadline()),
            // There never was a new item.
            (None, Stored::TooLarge | Stored::OutOfMemory) => (0, len, 0),
            (None, _) => (self.class_of_set(args, len) as u32 + 1, len, args.deadline),
        };
        self.journal.push(Event::Stored {
            key: args.key.into(),
            mode: args.mode,
            compared: args.compare.is_some(),
            outcome,
            ttl: deadline.saturating_sub(now),
            class,
            len,
        });
    }

    /// A client removes this item, or its value.
    #[cold]
    pub(super) fn deletion(&self, id: ItemId) -> Event {
        let (class, len) = (self.shown_class(id), self.value_len(id));
        Event::Deleted { key: self.key(id).into(), class, len }
    }
}
