//! Answers whose values come out of as much memory as a cache would hold, for the limit of large
//! values: copied behind one another into one buffer and written from there, or gathered by the
//! kernel from where they lie. Whichever is cheaper is the limit.

use std::io::{self, ErrorKind, IoSlice, Write};

use crate::dialects;
use crate::workloads::{FILLED, Kind, Workload, push_value};

/// Answers sent by one call at most: as many as the deepest pipeline of large values.
const REPLIES_AT_ONCE: usize = 16;
/// Head, value and tail.
const PARTS: usize = 3;
/// The next value lies this many values on, so that nothing can be fetched ahead.
const STRIDE: usize = 7919;

/// The values, and what stands around each.
pub struct Values {
    head: Vec<u8>,
    tail: Vec<u8>,
    memory: Vec<u8>,
    value_len: usize,
    /// Gathered by the kernel, or else copied here.
    scatter: bool,
    output: Vec<u8>,
}

impl Values {
    /// All values of the workload's key set; only for gets.
    pub fn new(workload: &Workload, scatter: bool) -> Values {
        let set = workload.key_set;
        let mut reply = Vec::new();
        dialects::push_reply(workload.dialect, Kind::Get, &[0], FILLED, set.value_len, &mut reply);
        let mut memory = Vec::new();
        push_value(0, FILLED, set.value_len, &mut memory);
        let at = reply.windows(set.value_len).position(|part| part == memory);
        let at = at.expect("an answer holds its value");
        for index in 1..set.keys {
            push_value(index, FILLED, set.value_len, &mut memory);
        }
        let tail = reply.split_off(at + set.value_len);
        reply.truncate(at);
        Values { head: reply, tail, memory, value_len: set.value_len, scatter, output: Vec::new() }
    }

    /// Sends what the socket takes of the last `owed` bytes of a run of answers; `at` counts the
    /// answers sent whole, and says which value comes next.
    pub fn send(
        &mut self,
        stream: &mut impl Write,
        owed: &mut usize,
        at: &mut usize,
    ) -> io::Result<()> {
        let reply_len = self.head.len() + self.value_len + self.tail.len();
        let count = self.memory.len() / self.value_len;
        while *owed > 0 {
            let begun = (reply_len - *owed % reply_len) % reply_len;
            let replies = owed.div_ceil(reply_len).min(REPLIES_AT_ONCE);
            let mut slices = [IoSlice::new(&[]); PARTS * REPLIES_AT_ONCE];
            for (index, parts) in slices.chunks_mut(PARTS).take(replies).enumerate() {
                let value = (*at + index).wrapping_mul(STRIDE) % count * self.value_len;
                parts[0] = IoSlice::new(&self.head);
                parts[1] = IoSlice::new(&self.memory[value..value + self.value_len]);
                parts[2] = IoSlice::new(&self.tail);
            }
            let mut slices = &mut slices[..PARTS * replies];
            IoSlice::advance_slices(&mut slices, begun);
            let outcome = if self.scatter {
                stream.write_vectored(slices)
            } else {
                self.output.clear();
                slices.iter().for_each(|part| self.output.extend_from_slice(part));
                stream.write(&self.output)
            };
            match outcome {
                Ok(len) => {
                    *at += (begun + len) / reply_len;
                    *owed -= len;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}
