//! A class's four queues, and when an item moves between them.
//!
//! On probation (the default) an item is stored at the head of HOT; from HOT's tail it goes to WARM
//! if it was fetched, and else out; from WARM's tail to its head if it is ACTIVE, and else out
//! (`alloc.rs` says which tail is next). With memcached's segments it is stored
//! at the head of HOT (or TEMP) and drifts from HOT and WARM to COLD as others
//! come; evictions take COLD's tail. A fetch only marks the item (FETCHED, then ACTIVE); what
//! arrives at a tail marked ACTIVE goes to the head of WARM instead of on. In flat mode there is
//! only COLD, and a fetch moves an item to its head at most once a minute.
//!
//! Invariants: `head` has no `prev`, `tail` no `next`; `len` and `bytes` are the sums over the
//! list; an item is in the list that its state bits name.

use super::Seconds;
use super::arena::Arena;
use super::item::{Accessed, ItemId, Queue, state};

/// In flat mode, and for the mark of a first fetch, a use is recorded once in so many seconds.
pub(super) const UPDATE_INTERVAL: u32 = 60;

/// One list.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct List {
    pub(super) head: Option<ItemId>,
    pub(super) tail: Option<ItemId>,
    pub(super) len: usize,
    pub(super) bytes: u64,
}

/// The queues of one class.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Lru {
    lists: [List; 4],
}

impl Lru {
    #[inline]
    pub(super) fn list(&self, queue: Queue) -> &List {
        &self.lists[queue as usize]
    }
    /// Bytes that HOT's and WARM's shares are measured against.
    #[inline]
    pub(super) fn ranked_bytes(&self) -> u64 {
        self.lists[0].bytes + self.lists[1].bytes + self.lists[2].bytes
    }

    /// Put an item, which is in no list, at the head of `queue`.
    #[inline]
    pub(super) fn link(&mut self, arena: &mut Arena, id: ItemId, queue: Queue, size: usize) {
        let list = &mut self.lists[queue as usize];
        let header = arena.header_mut(id);
        header.set_queue(queue);
        header.prev = None;
        header.next = list.head;
        match list.head {
            Some(head) => arena.header_mut(head).prev = Some(id),
            None => list.tail = Some(id),
        }
        list.head = Some(id);
        list.len += 1;
        list.bytes += size as u64;
    }

    /// Take an item out of its list.
    #[inline]
    pub(super) fn unlink(&mut self, arena: &mut Arena, id: ItemId, size: usize) {
        let header = arena.header(id);
        let (next, prev) = (header.next, header.prev);
        let list = &mut self.lists[header.queue() as usize];
        match prev {
            Some(prev) => arena.header_mut(prev).next = next,
            None => list.head = next,
        }
        match next {
            Some(next) => arena.header_mut(next).prev = prev,
            None => list.tail = prev,
        }
        list.len -= 1;
        list.bytes -= size as u64;
    }

    /// Move an item to the head of `queue` and take its ACTIVE mark.
    pub(super) fn shift(&mut self, arena: &mut Arena, id: ItemId, queue: Queue, size: usize) {
        self.unlink(arena, id, size);
        arena.header_mut(id).state &= !state::ACTIVE;
        self.link(arena, id, queue, size);
    }

    /// An item in the list has grown or shrunk in place.
    pub(super) fn resize(&mut self, queue: Queue, from: usize, to: usize) {
        let list = &mut self.lists[queue as usize];
        list.bytes = list.bytes - from as u64 + to as u64;
    }

    /// `new` has taken the place of `old` in memory (its header is a copy): let the neighbours
    /// know.
    pub(super) fn moved(&mut self, arena: &mut Arena, old: ItemId, new: ItemId) {
        let header = arena.header(new);
        let (next, prev, queue) = (header.next, header.prev, header.queue());
        let list = &mut self.lists[queue as usize];
        match prev {
            Some(prev) => arena.header_mut(prev).next = Some(new),
            None => list.head = Some(new),
        }
        match next {
            Some(next) => arena.header_mut(next).prev = Some(new),
            None => list.tail = Some(new),
        }
        debug_assert_ne!(old, new, "an item moves to another chunk");
    }

    /// Seconds since the last use of a queue's tail; 0 if it is empty.
    pub(super) fn tail_age(&self, arena: &Arena, queue: Queue, now: Seconds) -> u32 {
        self.list(queue).tail.map_or(0, |id| arena.header(id).accessed.age(now))
    }

    /// A fetch: mark the item, writing only when something changes. Whether it should move to the
    /// head (flat mode).
    #[inline]
    pub(super) fn fetched(arena: &mut Arena, id: ItemId, flat: bool, now: Seconds) -> bool {
        let header = arena.header(id);
        if flat {
            let stale = header.accessed.age(now) >= UPDATE_INTERVAL;
            if stale || !header.is(state::FETCHED) {
                let header = arena.header_mut(id);
                header.state |= state::FETCHED;
                if stale {
                    header.accessed = Accessed::at(now);
                }
            }
            return stale;
        }
        if !header.is(state::FETCHED) {
            arena.header_mut(id).state |= state::FETCHED;
        } else if !header.is(state::ACTIVE) {
            let header = arena.header_mut(id);
            header.state |= state::ACTIVE;
            header.accessed = Accessed::at(now);
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::arena::Reserve;
    use crate::sys::memory::Backing;

    fn arena() -> Arena {
        let mut arena = Arena::default();
        arena.put(0, Reserve::new(1, Backing::Lazy).unwrap().first().unwrap().page().unwrap());
        for n in 0..8 {
            arena.header_mut(item(n)).key_len = 1;
        }
        arena
    }
    fn item(n: u32) -> ItemId {
        ItemId::new(0, n * 9)
    }
    fn order(lru: &Lru, arena: &Arena, queue: Queue) -> Vec<ItemId> {
        let mut out = Vec::new();
        let mut at = lru.list(queue).head;
        while let Some(id) = at {
            assert_eq!(arena.header(id).queue(), queue);
            out.push(id);
            at = arena.header(id).next;
        }
        assert_eq!(out.last().copied(), lru.list(queue).tail);
        assert_eq!(out.len(), lru.list(queue).len);
        out
    }

    #[test]
    fn items_stand_newest_first_and_leave_from_anywhere() {
        let (mut arena, mut lru) = (arena(), Lru::default());
        (0..4).for_each(|n| lru.link(&mut arena, item(n), Queue::Hot, 10));
        assert_eq!(order(&lru, &arena, Queue::Hot), [item(3), item(2), item(1), item(0)]);
        lru.unlink(&mut arena, item(2), 10);
        lru.unlink(&mut arena, item(0), 10);
        lru.unlink(&mut arena, item(3), 10);
        assert_eq!(order(&lru, &arena, Queue::Hot), [item(1)]);
        assert_eq!(lru.list(Queue::Hot).bytes, 10);
        lru.unlink(&mut arena, item(1), 10);
        assert_eq!((lru.list(Queue::Hot).len, lru.ranked_bytes()), (0, 0));
        assert!(lru.list(Queue::Hot).head.is_none() && lru.list(Queue::Hot).tail.is_none());
    }

    #[test]
    fn a_shift_takes_the_mark_and_the_bytes_along() {
        let (mut arena, mut lru) = (arena(), Lru::default());
        lru.link(&mut arena, item(0), Queue::Cold, 10);
        arena.header_mut(item(0)).state |= state::ACTIVE;
        lru.shift(&mut arena, item(0), Queue::Warm, 10);
        assert_eq!(order(&lru, &arena, Queue::Warm), [item(0)]);
        assert!(!arena.header(item(0)).is(state::ACTIVE));
        assert_eq!(lru.list(Queue::Cold).bytes, 0);
        assert_eq!(lru.list(Queue::Warm).bytes, 10);
    }

    #[test]
    fn the_second_fetch_marks_active_and_flat_mode_moves_once_a_minute() {
        let (mut arena, mut lru) = (arena(), Lru::default());
        lru.link(&mut arena, item(0), Queue::Cold, 10);
        arena.header_mut(item(0)).accessed = Accessed::at(100);
        assert!(!Lru::fetched(&mut arena, item(0), false, 110));
        assert!(!arena.header(item(0)).is(state::ACTIVE));
        assert!(!Lru::fetched(&mut arena, item(0), false, 111));
        assert!(arena.header(item(0)).is(state::ACTIVE));
        assert_eq!(arena.header(item(0)).accessed.age(111), 0);
        assert!(!Lru::fetched(&mut arena, item(0), true, 170));
        assert!(Lru::fetched(&mut arena, item(0), true, 171));
        assert!(!Lru::fetched(&mut arena, item(0), true, 172));
    }

    #[test]
    fn a_moved_item_keeps_its_place() {
        let (mut arena, mut lru) = (arena(), Lru::default());
        (0..3).for_each(|n| lru.link(&mut arena, item(n), Queue::Hot, 10));
        arena.copy((item(1), 0), (item(5), 0), 24);
        lru.moved(&mut arena, item(1), item(5));
        assert_eq!(order(&lru, &arena, Queue::Hot), [item(2), item(5), item(0)]);
    }
}
