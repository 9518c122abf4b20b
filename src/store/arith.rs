//! Decimal numbers: incr and decr.

use super::item::{ItemId, mark, state};
use super::shard::Shard;
use super::slab::ClassId;
use super::{ArithArgs, Count, Counted, Deadline, Seconds, SetArgs, SetMode, SetRare, Stored};

impl Shard {
    /// Add to a decimal number, or subtract from it.
    pub(super) fn arith(&mut self, args: &ArithArgs<'_>, now: Seconds) -> Counted {
        let Some(id) = self.find_live(args.key, args.hash, now) else {
            if let Some((initial, deadline)) = args.vivify {
                return self.first_number(args, initial, deadline, now);
            }
            match args.decrement {
                false => self.counts.misses.incr += 1,
                true => self.counts.misses.decr += 1,
            }
            return Counted::NotFound;
        };
        let header = self.header(id);
        let chained = header.is(state::CHAINED);
        if !chained && header.value_len() == 0 {
            return Counted::NonNumeric;
        }
        if args.compare.is_some_and(|cas| cas != self.cas(id)) {
            return Counted::Exists;
        }
        if chained {
            return Counted::NonNumeric; // no number is so long
        }
        let (at, len) = (header.value_offset(), header.value_len());
        let Some(number) = parse_number(self.slabs.arena.bytes(id, at, len)) else {
            return Counted::NonNumeric;
        };
        let number = match args.decrement {
            false => number.wrapping_add(args.delta),
            true => number.saturating_sub(args.delta),
        };
        let class = self.slabs.class_of(id);
        let deadline = self.header(id).deadline();
        let mut text = itoa::Buffer::new();
        let Some(id) = self.rewrite(id, args, text.format(number).as_bytes(), now) else {
            return Counted::OutOfMemory;
        };
        self.count_arith(args, class);
        let cas = self.cas(id);
        if let Some(deadline) = args.touch {
            self.at_once(|shard| shard.set_deadline(id, deadline, now));
        }
        Counted::Value(Count { number, cas, deadline, created: false })
    }

    /// A number was there to be changed, in an item of this class.
    fn count_arith(&mut self, args: &ArithArgs<'_>, class: ClassId) {
        let counts = &mut self.counts.classes[class];
        match args.decrement {
            false => counts.incr_hits += 1,
            true => counts.decr_hits += 1,
        }
    }
    /// It could not be, or not be created, for want of memory.
    #[cold]
    pub(super) fn arith_failed(&mut self, args: &ArithArgs<'_>) {
        self.counts.malloc_fails += 1;
        if let Some(id) = self.find(args.key, args.hash) {
            self.count_arith(args, self.slabs.class_of(id));
        }
    }

    /// Put a number's digits in the place of the value: padded on the right if there is room, in
    /// a new item otherwise (also if a CAS of its own drives the value from its chunk). Where the
    /// item is now; `None` without memory.
    fn rewrite(
        &mut self,
        mut id: ItemId,
        args: &ArithArgs<'_>,
        digits: &[u8],
        now: Seconds,
    ) -> Option<ItemId> {
        let (hash, len) = (args.hash, self.header(id).value_len());
        let stays = args.new_cas.is_none() || self.has_room_for_cas(id);
        if digits.len() <= len && stays {
            if args.new_cas.is_some() {
                id = self.make_room_for_cas(id, hash, now)?;
            }
            let header = self.header(id);
            let (at, len) = (header.value_offset(), header.value_len());
            let value = self.slabs.arena.bytes_mut(id, at, len);
            value[..digits.len()].copy_from_slice(digits);
            value[digits.len()..].fill(b' ');
            self.stamp(id, args.new_cas);
            self.used_now(id, now);
            return Some(id);
        }
        let header = self.header(id);
        let (deadline, binary_key) = (header.deadline(), header.has(mark::BINARY_KEY));
        let (mode, compare, flags) = (SetMode::Set, None, self.flags(id));
        let rare = SetRare { new_cas: args.new_cas, binary_key, ..SetRare::default() };
        let set = SetArgs { key: args.key, hash, flags, deadline, mode, compare, rare };
        let mut value = digits.to_vec();
        value.resize(len.max(digits.len()), b' ');
        match self.put(&set, &value, Some(id), now) {
            Stored::Stored(_) => self.find(args.key, hash),
            _ => None,
        }
    }

    /// What a miss creates: the delta is not applied.
    #[cold]
    fn first_number(
        &mut self,
        args: &ArithArgs<'_>,
        number: u64,
        deadline: Deadline,
        now: Seconds,
    ) -> Counted {
        let (new_cas, binary_key) = (args.new_cas, args.binary_key);
        let rare = SetRare { new_cas, binary_key, ..SetRare::default() };
        let (key, hash, flags) = (args.key, args.hash, 0);
        let (mode, compare) = (SetMode::Set, None);
        let set = SetArgs { key, hash, flags, deadline, mode, compare, rare };
        let mut text = itoa::Buffer::new();
        match self.put(&set, text.format(number).as_bytes(), None, now) {
            // Its deadline is one of this request.
            Stored::Stored(cas) => {
                Counted::Value(Count { number, cas, deadline: 0, created: true })
            }
            _ => Counted::NoMemoryToCreate,
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
