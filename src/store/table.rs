//! Numbered places for the few things a caller outside the shard may name: pins and uploads. A
//! number carries the generation of its place, so one that outlived its entry names nothing.

/// Entries by number.
#[derive(Debug)]
pub(super) struct Table<T> {
    places: Vec<(u32, Option<T>)>,
    vacant: Vec<u32>,
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Table { places: Vec::new(), vacant: Vec::new() }
    }
}

impl<T> Table<T> {
    /// Keep an entry; its number.
    pub(super) fn insert(&mut self, entry: T) -> u64 {
        let place = self.vacant.pop().unwrap_or_else(|| {
            self.places.push((0, None));
            self.places.len() as u32 - 1
        });
        let (generation, slot) = &mut self.places[place as usize];
        *slot = Some(entry);
        u64::from(*generation) << 32 | u64::from(place)
    }
    /// The entry, unless it was removed.
    pub(super) fn get(&self, number: u64) -> Option<&T> {
        let (generation, slot) = self.places.get(number as u32 as usize)?;
        if u64::from(*generation) == number >> 32 { slot.as_ref() } else { None }
    }
    /// As `get`, to be changed.
    pub(super) fn get_mut(&mut self, number: u64) -> Option<&mut T> {
        let (generation, slot) = self.places.get_mut(number as u32 as usize)?;
        if u64::from(*generation) == number >> 32 { slot.as_mut() } else { None }
    }
    /// Take the entry out; its number names nothing from now on.
    pub(super) fn remove(&mut self, number: u64) -> Option<T> {
        self.get(number)?;
        let (generation, slot) = &mut self.places[number as u32 as usize];
        // 24 bits: the number is packed with a shard number outside.
        *generation = (*generation + 1) & 0xff_ffff;
        self.vacant.push(number as u32);
        slot.take()
    }
    /// Entries and their numbers.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u64, &T)> {
        self.places.iter().enumerate().filter_map(|(place, (generation, slot))| {
            Some((u64::from(*generation) << 32 | place as u64, slot.as_ref()?))
        })
    }
    /// Entries, to be changed.
    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.places.iter_mut().filter_map(|(_, slot)| slot.as_mut())
    }
    /// Entries there are.
    pub(super) fn len(&self) -> usize {
        self.places.len() - self.vacant.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_names_its_entry_until_removed_and_never_another() {
        let mut table = Table::default();
        let a = table.insert("a");
        let b = table.insert("b");
        assert_eq!((table.get(a), table.get(b)), (Some(&"a"), Some(&"b")));
        assert_eq!(table.remove(a), Some("a"));
        assert_eq!(table.remove(a), None);
        let c = table.insert("c");
        assert_eq!(c as u32, a as u32, "the place is used again");
        assert_eq!((table.get(a), table.get(c)), (None, Some(&"c")));
        assert_eq!(table.len(), 2);
        assert_eq!(table.iter().count(), 2);
    }
}
