//! Decimal numbers: incr and decr.

use super::hash::KeyHash;
use super::item::{ItemId, state};
use super::shard::Shard;
use super::{Counted, Seconds, SetArgs, SetMode, Stored};

impl Shard {
    /// Add to a decimal number, or subtract from it.
    pub(super) fn arith(
        &mut self,
        key: &[u8],
        hash: KeyHash,
        delta: u64,
        decrement: bool,
        now: Seconds,
    ) -> Counted {
        let Some(id) = self.find_live(key, hash, now) else {
            match decrement {
                false => self.counts.misses.incr += 1,
                true => self.counts.misses.decr += 1,
            }
            return Counted::NotFound;
        };
        let header = self.header(id);
        if header.is(state::CHAINED) {
            return Counted::NonNumeric;
        }
        let (at, len) = (header.value_offset(), header.value_len as usize);
        let Some(number) = parse_number(self.slabs.arena.bytes(id, at, len)) else {
            return Counted::NonNumeric;
        };
        let class = self.slabs.class_of(id);
        let counts = &mut self.counts.classes[class];
        let number = match decrement {
            false => {
                counts.incr_hits += 1;
                number.wrapping_add(delta)
            }
            true => {
                counts.decr_hits += 1;
                number.saturating_sub(delta)
            }
        };
        let mut text = itoa::Buffer::new();
        let Some(cas) = self.rewrite(id, hash, text.format(number).as_bytes(), now) else {
            return Counted::OutOfMemory;
        };
        Counted::Value(number, cas)
    }

    /// Put a number's digits in the place of the value: padded on the right if there is room, in
    /// a new item otherwise. The new CAS; `None` without memory.
    fn rewrite(&mut self, id: ItemId, hash: KeyHash, digits: &[u8], now: Seconds) -> Option<u64> {
        let header = self.header(id);
        let (at, len, deadline) = (header.value_offset(), header.value_len, header.deadline);
        if digits.len() <= len as usize {
            let cas = self.next_cas();
            let value = self.slabs.arena.bytes_mut(id, at, len as usize);
            value[..digits.len()].copy_from_slice(digits);
            value[digits.len()..].fill(b' ');
            self.header_mut(id).set_cas(cas);
            self.used_now(id, now);
            return Some(self.cas(id));
        }
        let key = self.key(id).to_vec();
        let (mode, compare, flags) = (SetMode::Set, None, self.flags(id));
        let args = SetArgs { key: &key, hash, flags, deadline, mode, compare };
        match self.put(&args, digits, Some(id), now) {
            Stored::Stored(cas) => Some(cas),
            _ => None,
        }
    }
}

/// A stored value as a number, as strtoull would read it: blanks and a plus sign before, a blank
/// or the end behind (PROTOCOL 1.6).
fn parse_number(value: &[u8]) -> Option<u64> {
    let is_blank = |b: &u8| b.is_ascii_whitespace() || *b == 0x0b;
    let value = &value[value.iter().position(|b| !is_blank(b))?..];
    let value = value.strip_prefix(b"+").unwrap_or(value);
    let digits = value.iter().take_while(|b| b.is_ascii_digit()).count();
    if digits == 0 || value.get(digits).is_some_and(|b| !is_blank(b)) {
        return None;
    }
    value[..digits].iter().try_fold(0u64, |number, digit| {
        number.checked_mul(10)?.checked_add(u64::from(digit - b'0'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_strtoull_reads_them() {
        let cases: [(&[u8], Option<u64>); 12] = [
            (b"0", Some(0)),
            (b"18446744073709551615", Some(u64::MAX)),
            (b"18446744073709551616", None),
            (b" \t+12 3", Some(12)),
            (b"1\r2", Some(1)),
            (b"007  ", Some(7)),
            (b"", None),
            (b"  ", None),
            (b"-1", None),
            (b"12a", None),
            (b"+", None),
            (b"a", None),
        ];
        for (text, want) in cases {
            assert_eq!(parse_number(text), want, "{:?}", String::from_utf8_lossy(text));
        }
    }
}
