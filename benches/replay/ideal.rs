//! The yardstick: plain LRU over one pool without slabs or pages, each item charged its key, its
//! value and [`OVERHEAD`] bytes. Expired items count as missed and keep their place until then.

use std::collections::HashMap;

use crate::clock::Pace;
use crate::score::Score;
use crate::workloads::{Request, Requests};

/// What an item costs beside its key and value.
pub const OVERHEAD: u64 = 60;

/// No neighbour.
const NONE: u32 = u32::MAX;

struct Node {
    key: u64,
    bytes: u64,
    deadline_ms: u64,
    newer: u32,
    older: u32,
}

/// The cache: a list by last use, in places of a vector that are used again.
struct Lru {
    limit: u64,
    used: u64,
    places: HashMap<u64, u32>,
    nodes: Vec<Node>,
    free: Vec<u32>,
    newest: u32,
    oldest: u32,
}

/// Plays the requests on an LRU of so many bytes.
pub fn play(requests: Requests, pace: Pace, limit: u64) -> Score {
    let mut lru = Lru {
        limit,
        used: 0,
        places: HashMap::new(),
        nodes: Vec::new(),
        free: Vec::new(),
        newest: NONE,
        oldest: NONE,
    };
    let mut score = Score::default();
    for (number, request) in (0..).zip(requests) {
        let now_ms = pace.clock_ms(&request, number);
        if !request.is_write {
            let hit = lru.get(request.key, now_ms);
            score.read(request.bytes(), hit);
            if hit {
                continue;
            }
        }
        let deadline_ms = match pace.ttl_s(&request) {
            0 => u64::MAX,
            ttl_s => now_ms + u64::from(ttl_s) * 1_000,
        };
        score.set(lru.set(&request, deadline_ms));
    }
    score
}

impl Lru {
    fn get(&mut self, key: u64, now_ms: u64) -> bool {
        let Some(&place) = self.places.get(&key) else { return false };
        if self.nodes[place as usize].deadline_ms <= now_ms {
            self.remove(place);
            return false;
        }
        self.unlink(place);
        self.link(place);
        true
    }

    fn set(&mut self, request: &Request, deadline_ms: u64) -> bool {
        if let Some(&place) = self.places.get(&request.key) {
            self.remove(place);
        }
        let bytes = request.bytes() + OVERHEAD;
        if bytes > self.limit {
            return false;
        }
        while self.used + bytes > self.limit {
            self.remove(self.oldest);
        }
        let node = Node { key: request.key, bytes, deadline_ms, newer: NONE, older: NONE };
        let place = match self.free.pop() {
            Some(place) => {
                self.nodes[place as usize] = node;
                place
            }
            None => {
                self.nodes.push(node);
                self.nodes.len() as u32 - 1
            }
        };
        self.used += bytes;
        self.places.insert(request.key, place);
        self.link(place);
        true
    }

    fn remove(&mut self, place: u32) {
        self.unlink(place);
        let node = &self.nodes[place as usize];
        self.used -= node.bytes;
        self.places.remove(&node.key);
        self.free.push(place);
    }

    /// As the newest.
    fn link(&mut self, place: u32) {
        let before = std::mem::replace(&mut self.newest, place);
        let node = &mut self.nodes[place as usize];
        (node.newer, node.older) = (NONE, before);
        match self.nodes.get_mut(before as usize) {
            Some(older) => older.newer = place,
            None => self.oldest = place,
        }
    }

    fn unlink(&mut self, place: u32) {
        let Node { newer, older, .. } = self.nodes[place as usize];
        match self.nodes.get_mut(newer as usize) {
            Some(node) => node.older = older,
            None => self.newest = older,
        }
        match self.nodes.get_mut(older as usize) {
            Some(node) => node.newer = newer,
            None => self.oldest = newer,
        }
    }
}
