//! A byte queue that owns memory only while it holds bytes.
//!
//! Invariant: `0 <= head <= tail <= storage.len()`; an empty queue owns nothing unless its user
//! is about to fill it again.

/// Capacity is rounded up to this, so that a queue that grows by bytes does not move each time.
const GRAIN: usize = 64;

/// Bytes waiting in order: appended at the tail, consumed at the head.
#[derive(Debug, Default)]
pub(super) struct Buffer {
    /// All zeroed once, when it was allocated.
    storage: Box<[u8]>,
    /// The first byte not yet consumed.
    head: usize,
    /// Behind the last byte.
    tail: usize,
}

impl Buffer {
    /// Bytes waiting.
    #[inline]
    pub(super) fn len(&self) -> usize {
        self.tail - self.head
    }

    /// Nothing waits.
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.head == self.tail
    }

    /// Bytes of memory owned.
    #[inline]
    pub(super) fn capacity(&self) -> usize {
        self.storage.len()
    }

    /// Bytes there is place for, those that wait included, before anything has to move.
    #[inline]
    pub(super) fn room(&self) -> usize {
        self.storage.len() - self.head
    }

    /// What waits.
    #[inline]
    pub(super) fn filled(&self) -> &[u8] {
        &self.storage[self.head..self.tail]
    }

    /// Drop the first `n` bytes; with the last one goes the memory.
    pub(super) fn consume(&mut self, n: usize) {
        assert!(n <= self.len(), "consume within what is filled");
        self.head += n;
        if self.head == self.tail {
            *self = Buffer::default();
        }
    }

    /// Make room for `total` bytes in all. What waits may move to the front.
    pub(super) fn reserve_total(&mut self, total: usize) {
        if self.room() >= total {
            return;
        }
        if self.storage.len() < total {
            let mut storage = vec![0; total.next_multiple_of(GRAIN)].into_boxed_slice();
            storage[..self.len()].copy_from_slice(self.filled());
            self.storage = storage;
        } else {
            self.storage.copy_within(self.head..self.tail, 0);
        }
        self.tail -= self.head;
        self.head = 0;
    }

    /// Append bytes. Grows by half at least, so that many small ones cost a copy each at most.
    pub(super) fn append(&mut self, bytes: &[u8]) {
        let total = self.len() + bytes.len();
        if self.storage.len() - self.tail < bytes.len() {
            self.reserve_total(total.max(self.len() + self.len() / 2));
        }
        self.storage[self.tail..][..bytes.len()].copy_from_slice(bytes);
        self.commit(bytes.len());
    }

    /// Room for a read, behind what waits, once there is place for `total` bytes in all; what was
    /// read is to be committed. It is never empty: a read without room would look like the end of
    /// the stream.
    pub(super) fn room_to_read(&mut self, total: usize) -> &mut [u8] {
        self.reserve_total(total.max(self.len() + 1));
        &mut self.storage[self.tail..]
    }

    /// The first `n` bytes of the room to read were written.
    pub(super) fn commit(&mut self, n: usize) {
        assert!(n <= self.storage.len() - self.tail, "commit within the spare room");
        self.tail += n;
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use super::*;

    #[test]
    fn an_emptied_buffer_owns_nothing() {
        let mut buffer = Buffer::default();
        buffer.append(b"hello");
        assert_eq!(buffer.capacity(), GRAIN);
        buffer.consume(2);
        assert_eq!(buffer.filled(), b"llo");
        buffer.consume(3);
        assert_eq!((buffer.capacity(), buffer.len()), (0, 0));
    }

    #[test]
    fn reserving_keeps_what_waits_and_moves_it_to_the_front() {
        let mut buffer = Buffer::default();
        buffer.append(&[7; 64]);
        buffer.consume(60);
        buffer.reserve_total(64);
        assert_eq!((buffer.filled(), buffer.capacity()), (&[7; 4][..], 64));
        assert_eq!(buffer.room_to_read(0).len(), 60);
        buffer.reserve_total(65);
        assert_eq!((buffer.filled(), buffer.capacity()), (&[7; 4][..], 128));
    }

    #[test]
    fn there_is_always_room_to_read() {
        let mut buffer = Buffer::default();
        assert_eq!(buffer.room_to_read(0).len(), GRAIN);
        buffer.append(&[7; 2 * GRAIN]);
        assert_eq!(buffer.room_to_read(0).len(), GRAIN, "full to its last byte");
        buffer.append(&[8; GRAIN]);
        buffer.consume(1);
        assert_eq!(buffer.room_to_read(0).len(), 1, "what waits moves to the front");
        assert_eq!((buffer.len(), buffer.filled()[0]), (3 * GRAIN - 1, 7));
    }

    #[test]
    #[should_panic(expected = "consume within what is filled")]
    fn more_than_there_is_cannot_be_consumed() {
        Buffer::default().consume(1);
    }

    #[test]
    fn behaves_as_a_queue_of_bytes_does() {
        let (mut buffer, mut twin) = (Buffer::default(), VecDeque::new());
        let mut seed = 1u32;
        for _ in 0..if cfg!(miri) { 300 } else { 20_000 } {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let n = (seed >> 8) as usize % 200;
            if seed >> 31 == 0 {
                let bytes: Vec<u8> = (0..n).map(|i| (seed >> 16) as u8 ^ i as u8).collect();
                buffer.append(&bytes);
                twin.extend(bytes);
            } else {
                let n = n.min(twin.len());
                buffer.consume(n);
                twin.drain(..n);
            }
            assert_eq!(buffer.filled(), twin.make_contiguous());
        }
    }
}
