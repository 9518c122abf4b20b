//! `stats detail`: how often keys are read, stored and deleted, by prefix (the part of a key
//! before the first delimiter). Invariant: never more than `PREFIXES_MAX` prefixes; keys of
//! further ones, and keys without a delimiter, are not counted.

use std::collections::HashMap;

/// Most prefixes remembered: 65536 of at most 249 bytes are some 20 MiB, however many a client
/// invents (memcached's limit too).
pub const PREFIXES_MAX: usize = 65_536;

/// What is counted for one prefix.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PrefixCounts {
    /// Keys looked up by get, gets, gat and gats.
    pub gets: u64,
    /// Those of them that were found.
    pub hits: u64,
    /// Storage commands, whatever their outcome.
    pub sets: u64,
    /// Deletes, whatever their outcome.
    pub deletes: u64,
}

/// All prefixes seen since start or `stats reset`.
#[derive(Debug)]
pub struct PrefixTable {
    delimiter: u8,
    counts: HashMap<Box<[u8]>, PrefixCounts>,
}

impl PrefixTable {
    /// An empty table; allocates nothing until a key is counted.
    pub fn new(delimiter: u8) -> Self {
        PrefixTable { delimiter, counts: HashMap::new() }
    }

    /// A key was looked up.
    pub fn count_get(&mut self, key: &[u8], hit: bool) {
        if let Some(counts) = self.entry(key) {
            counts.gets += 1;
            counts.hits += u64::from(hit);
        }
    }

    /// A storage command named a key.
    pub fn count_set(&mut self, key: &[u8]) {
        if let Some(counts) = self.entry(key) {
            counts.sets += 1;
        }
    }

    /// A delete named a key.
    pub fn count_delete(&mut self, key: &[u8]) {
        if let Some(counts) = self.entry(key) {
            counts.deletes += 1;
        }
    }

    /// Forget everything.
    pub fn clear(&mut self) {
        self.counts = HashMap::new();
    }

    /// Every prefix with its counts, in the order of the prefixes' bytes.
    pub fn for_each(&self, mut visit: impl FnMut(&[u8], &PrefixCounts)) {
        let mut sorted: Vec<_> = self.counts.iter().collect();
        sorted.sort_unstable_by_key(|(prefix, _)| *prefix);
        sorted.into_iter().for_each(|(prefix, counts)| visit(prefix, counts));
    }

    /// The counts of a key's prefix, made if there is room.
    fn entry(&mut self, key: &[u8]) -> Option<&mut PrefixCounts> {
        let prefix = &key[..key.iter().position(|&byte| byte == self.delimiter)?];
        if !self.counts.contains_key(prefix) {
            if self.counts.len() >= PREFIXES_MAX {
                return None; // not counted: the table is full
            }
            self.counts.insert(prefix.into(), PrefixCounts::default());
        }
        self.counts.get_mut(prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dump(table: &PrefixTable) -> Vec<(String, [u64; 4])> {
        let mut lines = Vec::new();
        table.for_each(|prefix, c| {
            let prefix = String::from_utf8_lossy(prefix).into_owned();
            lines.push((prefix, [c.gets, c.hits, c.sets, c.deletes]));
        });
        lines
    }

    #[test]
    fn the_prefix_ends_at_the_first_delimiter() {
        let mut table = PrefixTable::new(b':');
        table.count_set(b"user:1:name");
        table.count_get(b"user:2", true);
        table.count_get(b"user:3", false);
        table.count_delete(b"session:9");
        table.count_set(b":empty");
        assert_eq!(
            dump(&table),
            [
                (String::new(), [0, 0, 1, 0]),
                ("session".into(), [0, 0, 0, 1]),
                ("user".into(), [2, 1, 1, 0]),
            ]
        );
    }

    #[test]
    fn keys_without_the_delimiter_are_not_counted() {
        let mut table = PrefixTable::new(b'/');
        table.count_get(b"user:1", true);
        table.count_set(b"plain");
        assert!(dump(&table).is_empty());
    }

    #[test]
    fn a_full_table_counts_only_what_it_knows() {
        let mut table = PrefixTable::new(b':');
        for n in 0..=PREFIXES_MAX {
            table.count_set(format!("{n}:k").as_bytes());
        }
        assert_eq!(dump(&table).len(), PREFIXES_MAX);
        table.count_set(b"0:k");
        table.count_set(format!("{PREFIXES_MAX}:k").as_bytes());
        let lines = dump(&table);
        assert_eq!(lines.len(), PREFIXES_MAX);
        assert_eq!(lines[0], ("0".into(), [0, 0, 2, 0]));
        table.clear();
        assert!(dump(&table).is_empty());
    }
}
