//! `assert_valid`: recount everything that must add up.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::iter::repeat;

use super::item::{ItemId, Queue, STRIDE, state};
use super::shard::Shard;

impl Shard {
    /// Recount the shard; panics naming the invariant that does not hold.
    pub(super) fn assert_valid(&self) {
        let listed = self.assert_queues();
        let owned = self.assert_chains(&listed);
        self.assert_index(&listed);
        self.assert_pages(&listed, &owned);
        self.assert_claims();
        self.ghosts.assert_valid();
        assert_eq!(self.held, None, "shard: nothing is held between verbs");
        assert!(self.patient, "shard: verbs are run again unless one says otherwise");
    }

    /// Walk every queue; the linked items and their sizes.
    fn assert_queues(&self) -> HashMap<ItemId, usize> {
        let mut listed = HashMap::new();
        let mut sizes: BTreeMap<u32, u64> = BTreeMap::new();
        for class in 0..self.slabs.len() {
            for queue in Queue::ALL {
                let list = self.lru[class].list(queue);
                let (mut at, mut prev, mut bytes, mut len) = (list.head, None, 0, 0);
                while let Some(id) = at {
                    let header = self.header(id);
                    assert!(header.is_item(), "lru: only items stand in line");
                    assert!(header.is(state::LINKED), "lru: an item in line is LINKED");
                    assert_eq!(header.prev, prev, "lru: prev is the one before");
                    assert_eq!(header.queue(), queue, "lru: an item knows its queue");
                    assert_eq!(self.line(id), class, "lru: an item stands in its own line");
                    assert!(listed.insert(id, self.size(id)).is_none(), "lru: in line once");
                    *sizes.entry((self.size(id) as u32).div_ceil(32)).or_default() += 1;
                    bytes += self.size(id) as u64;
                    len += 1;
                    (prev, at) = (Some(id), header.next);
                }
                assert_eq!(list.tail, prev, "lru: tail is the last");
                assert_eq!((list.len, list.bytes), (len, bytes), "lru: len and bytes add up");
            }
        }
        assert_eq!(self.counts.items, listed.len() as u64, "shard: items = items in line");
        let bytes: usize = listed.values().sum();
        assert_eq!(self.counts.bytes, bytes as u64, "shard: bytes = bytes in line");
        let long = listed.iter().filter(|(id, _)| self.header(**id).is(state::CHAINED));
        let (items, bytes) = long.fold((0, 0), |(n, sum), (_, size)| (n + 1, sum + *size as u64));
        let counted = (self.counts.long_items, self.counts.long_bytes);
        assert_eq!(counted, (items, bytes), "shard: long items add up");
        if self.settings.track_sizes {
            let counted = self.counts.sizes.iter().filter(|(_, n)| **n != 0);
            assert!(counted.eq(sizes.iter()), "shard: the sizes add up");
        }
        listed
    }

    /// Walk every chain; the chunks that belong to one, and the unlinked items there may be.
    fn assert_chains(&self, listed: &HashMap<ItemId, usize>) -> HashSet<ItemId> {
        let uploads: HashMap<ItemId, u32> = self.upload_heads().collect();
        let pinned: HashSet<ItemId> = self.pinned_items().collect();
        let dead: HashSet<ItemId> =
            pinned.iter().copied().filter(|id| !listed.contains_key(id)).collect();
        let mut owned = HashSet::new();
        let heads = listed.keys().chain(uploads.keys()).chain(&dead);
        for &head in heads.filter(|&&head| self.header(head).is(state::CHAINED)) {
            let chain = self.chain(head);
            let (mut at, mut chunks, mut len) = (chain.first(), Vec::new(), 0);
            while let Some(id) = at {
                let header = self.header(id);
                assert!(header.is_chain_chunk(), "chain: made of chunks");
                assert_eq!(header.prev, Some(head), "chain: a chunk knows its item");
                assert!(owned.insert(id), "chain: a chunk belongs to one chain");
                len += header.value_len() as u32;
                chunks.push(id);
                at = header.next;
            }
            assert_eq!(
                (chain.len, chain.last),
                (len, chunks.last().copied()),
                "chain: lengths add up"
            );
            let front = chunks.iter().copied().map(Some).chain(repeat(None)).take(STRIDE);
            assert!(front.eq(chain.front), "chain: the head names what it begins with");
            let behind = chunks.len().checked_sub(STRIDE + 1).map(|n| chunks[n]);
            assert_eq!(chain.behind, behind, "chain: so far behind the last");
            for (&id, &ahead) in chunks.iter().zip(chunks.iter().skip(STRIDE)) {
                assert_eq!(self.header(id).ahead(), Some(ahead), "chain: chunks name others ahead");
            }
            assert!(!listed.contains_key(&head) || len > 0, "chain: a stored one is not empty");
        }
        for &id in listed.keys() {
            assert_eq!(self.header(id).is(state::PINNED), pinned.contains(&id), "pins: marked");
        }
        for (head, received) in &uploads {
            assert_eq!(self.chain(*head).len, *received, "upload: received = chain");
            assert!(!self.header(*head).is(state::LINKED), "upload: not linked");
        }
        let dead_bytes: usize = dead.iter().map(|&id| self.size(id)).sum();
        assert_eq!(self.pinned_dead, dead_bytes as u64, "pins: dead bytes add up");
        for &first in &self.doomed {
            let mut at = Some(first);
            while let Some(id) = at {
                assert!(owned.insert(id), "doomed: a chunk is freed once");
                at = self.header(id).next;
            }
        }
        owned.extend(uploads.keys().chain(&dead));
        owned
    }

    fn assert_index(&self, listed: &HashMap<ItemId, usize>) {
        let mut seen = HashSet::new();
        self.index.for_each(|home, tag, id| {
            assert!(listed.contains_key(&id), "index: only linked items");
            assert!(seen.insert(id), "index: an item once");
            let hash = self.hash_of(id);
            assert!(self.index.agrees(home, tag, hash), "index: an item is where its hash says");
        });
        assert_eq!(seen.len(), listed.len(), "index: every linked item");
        assert_eq!(self.index.len(), listed.len(), "index: len");
    }

    fn assert_pages(&self, listed: &HashMap<ItemId, usize>, owned: &HashSet<ItemId>) {
        let mut in_use_total = 0;
        for page in 0..self.slabs.page_limit() {
            let mut in_use = 0;
            for id in self.slabs.chunks(page) {
                let header = self.header(id);
                let free = !header.is_item() && !header.is_chain_chunk();
                let known = listed.contains_key(&id) || owned.contains(&id);
                assert_eq!(known, !free, "page {page}: a chunk is free or belongs to something");
                in_use += usize::from(!free);
                if listed.contains_key(&id) && header.deadline() != 0 {
                    self.slabs.assert_expires(id, header.deadline());
                }
                let timed = header.is_timed() || self.settings.evict && !header.is(state::CHAINED);
                assert!(!header.is_item() || timed, "item: room for a deadline that may come");
            }
            let clearing = self.clearing.is_some_and(|clearing| clearing.page == page);
            self.slabs.assert_page(page, in_use, clearing || self.moving == Some(page));
            in_use_total += in_use;
        }
        assert_eq!(in_use_total, listed.len() + owned.len(), "shard: every chunk is in a page");
        (0..self.slabs.len()).for_each(|class| self.slabs.assert_class(class));
        self.slabs.expiry.assert_sums();
    }
}
