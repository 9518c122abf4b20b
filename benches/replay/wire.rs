//! The player over sockets: one server, one connection, the whole of a workload, and what the
//! server says of itself at the end.

use std::collections::HashMap;
use std::io;
use std::time::{Duration, Instant};

use crate::client::Client;
use crate::clock::Pace;
use crate::score::Score;
use crate::server::{Kind, Server};
use crate::windows::Windows;
use crate::workloads::{Request, Requests};

/// What a server's item memory is spent on, in bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Memory {
    /// Items: headers, keys, values.
    pub items: u64,
    /// Of chunks in use, what their items leave empty.
    pub waste: u64,
    /// Free chunks.
    pub free: u64,
    /// What pages cannot be cut into.
    pub tails: u64,
    /// Pages that no class has.
    pub unassigned: u64,
    /// The index: memcached has it outside of `-m`, slabd partly inside.
    pub index: u64,
}

impl Memory {
    /// From `stats` and `stats slabs`, of either server.
    pub fn new(general: &HashMap<String, u64>, slabs: &HashMap<String, u64>) -> Memory {
        let of = |name: &str| general.get(name).copied().unwrap_or(0);
        let all = slabs.get("total_malloced").copied().unwrap_or(0);
        let (mut used, mut free) = (0, 0);
        for (name, chunk_size) in slabs {
            let Some(class) = name.strip_suffix(":chunk_size") else { continue };
            let chunks = |what| slabs.get(&format!("{class}:{what}")).copied().unwrap_or(0);
            used += chunk_size * chunks("used_chunks");
            free += chunk_size * (chunks("free_chunks") + chunks("free_chunks_end"));
        }
        Memory {
            items: of("bytes"),
            waste: used.saturating_sub(of("bytes")),
            free,
            tails: all.saturating_sub(used + free),
            unassigned: of("limit_maxbytes").saturating_sub(all),
            index: of("hash_bytes"),
        }
    }
}

/// One server's replay of one workload.
#[derive(Debug, Clone)]
pub struct Run {
    pub kind: Kind,
    pub score: Score,
    pub evictions: u64,
    pub pages_moved: u64,
    pub items: u64,
    /// Resident bytes of the process at the end.
    pub resident: u64,
    pub memory: Memory,
    pub seconds: f64,
    /// How far it was behind its pace at most.
    pub late: Duration,
}

impl Run {
    /// Bytes of process memory, and how those of items are spent, in the order of all tables.
    pub fn sizes(&self) -> [u64; 7] {
        let of = &self.memory;
        [self.resident, of.items, of.waste, of.free, of.tails, of.unassigned, of.index]
    }
}

/// Plays the requests on a server that has just been started.
pub fn play(
    server: &Server,
    requests: Requests,
    pace: Pace,
    show: impl Fn(u64, &Score),
) -> io::Result<Run> {
    let mut player = Player::connect(server, pace)?;
    let mut windows = Windows::new(requests, pace);
    let mut next_show = 0;
    while player.step(&mut windows)?.is_some() {
        if player.score.reads >= next_show {
            next_show = player.score.reads + 50_000;
            show(player.score.reads, &player.score);
        }
    }
    player.settle()?;
    let (score, late, seconds) = (player.score, player.late, player.begun.elapsed().as_secs_f64());
    let (general, slabs) = (server.stats("stats")?, server.stats("stats slabs")?);
    let of = |name: &str| general.get(name).copied().unwrap_or(0);
    Ok(Run {
        kind: server.kind,
        score,
        evictions: of("evictions"),
        pages_moved: of("slabs_moved"),
        items: of("curr_items"),
        resident: server.resident_bytes()?,
        memory: Memory::new(&general, &slabs),
        seconds,
        late,
    })
}

/// Plays window by window.
pub struct Player {
    client: Client,
    pace: Pace,
    begun: Instant,
    pub score: Score,
    late: Duration,
    window: Vec<Request>,
    hits: Vec<bool>,
}

impl Player {
    pub fn connect(server: &Server, pace: Pace) -> io::Result<Player> {
        let client = Client::connect(server)?;
        let (score, late) = (Score::default(), Duration::ZERO);
        let (window, hits) = (Vec::new(), Vec::new());
        Ok(Player { client, pace, begun: Instant::now(), score, late, window, hits })
    }

    /// Plays the next window when it is due; when that was, in milliseconds since the first.
    pub fn step(&mut self, windows: &mut Windows) -> io::Result<Option<u64>> {
        let Some(due_ms) = windows.next(&mut self.window) else { return Ok(None) };
        if self.pace != Pace::Free {
            self.wait_until(due_ms)?;
        }
        self.client.get(self.window.iter().filter(|request| !request.is_write), &mut self.hits)?;
        let mut hits = self.hits.iter();
        for request in &self.window {
            let hit = !request.is_write && hits.next().is_some_and(|&hit| hit);
            if !request.is_write {
                self.score.read(request.bytes(), hit);
            }
            if !hit {
                self.client.set(request, self.pace.ttl_s(request))?;
            }
        }
        Ok(Some(due_ms))
    }

    /// Awaits what was sent, and counts it.
    pub fn settle(&mut self) -> io::Result<()> {
        self.client.finish()?;
        let (stored, refused) = self.client.take_answered();
        self.score.sets += stored + refused;
        self.score.set_failures += refused;
        Ok(())
    }

    fn wait_until(&mut self, due_ms: u64) -> io::Result<()> {
        let due = Duration::from_millis(due_ms);
        if self.begun.elapsed() < due {
            // What waits to be sent does not wait for that.
            self.client.finish()?;
            std::thread::sleep(due.saturating_sub(self.begun.elapsed()));
        }
        self.late = self.late.max(self.begun.elapsed().saturating_sub(due));
        Ok(())
    }
}
