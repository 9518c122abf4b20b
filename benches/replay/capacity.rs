//! How much fits: items held by a full server, by size of value, and what an item costs in
//! process memory while there is room.

use std::io;

use crate::client::Client;
use crate::options::Options;
use crate::progress;
use crate::server::{Kind, Server};
use crate::table::Table;
use crate::workloads::Request;

/// Values with which a server is filled.
const FULL: [u32; 7] = [10, 50, 100, 300, 1_000, 4_000, 20_000];
/// Values that are counted while there is room, and how many items.
const ROOMY: [u32; 3] = [32, 100, 230];
const ROOMY_ITEMS: u64 = 2_000_000;
/// `-m` for those.
const ROOMY_MEMORY_MB: u32 = 1024;
const KEY_LEN: u8 = 16;
/// A full server gets so many sets more, as part of what filled it: eviction is then steady.
const BEYOND: f64 = 0.25;

/// A full server.
struct Full {
    items: u64,
    resident: u64,
    /// Sets that found no memory, though there was something to evict.
    refused: u64,
}

/// Items held when full.
pub fn full(options: &Options, memory_mb: u32) -> io::Result<Table> {
    let mut table = Table::new(&[
        "value",
        "slabd items",
        "memcached items",
        "÷",
        "slabd MiB",
        "memcached MiB",
        "÷",
        "÷ (1.12 × limit + 8 MiB)",
        "sets refused",
    ]);
    let allowed = 1.12 * f64::from(memory_mb) + 8.0;
    for value_len in FULL {
        let mut found = Vec::new();
        for &kind in &options.servers {
            found.push((kind, fill_up(kind, value_len, memory_mb, options)?));
        }
        let of = |kind| found.iter().find(|(other, _)| *other == kind).map(|(_, full)| full);
        let (ours, theirs) = (of(Kind::Slabd), of(Kind::Memcached));
        let count = |full: Option<&Full>| full.map_or(String::new(), |full| full.items.to_string());
        let resident = |full: Option<&Full>| {
            full.map_or(String::new(), |full| format!("{:.0}", mebibytes(full.resident)))
        };
        let ratio = |part: fn(&Full) -> u64| {
            let both = ours.zip(theirs);
            both.map_or(String::new(), |(a, b)| format!("{:.3}", part(a) as f64 / part(b) as f64))
        };
        table.rows.push(vec![
            value_len.to_string(),
            count(ours),
            count(theirs),
            ratio(|full| full.items),
            resident(ours),
            resident(theirs),
            ratio(|full| full.resident),
            ours.map_or(String::new(), |full| format!("{:.3}", mebibytes(full.resident) / allowed)),
            found.iter().map(|(_, full)| full.refused.to_string()).collect::<Vec<_>>().join(" / "),
        ]);
    }
    Ok(table)
}

/// Bytes of process memory an item, with room for all.
pub fn roomy(options: &Options) -> io::Result<Table> {
    let mut table = Table::new(&["key + value", "slabd", "memcached", "÷"]);
    for value_len in ROOMY {
        let mut each = Vec::new();
        for &kind in &options.servers {
            let server = options.start(kind, ROOMY_MEMORY_MB)?;
            let base = server.resident_bytes()?;
            let mut filler = Filler::new(&server, value_len)?;
            filler.set(ROOMY_ITEMS)?;
            let (items, evictions) = (server.stat("curr_items")?, server.stat("evictions")?);
            if items != ROOMY_ITEMS || evictions != 0 {
                let name = kind.name();
                return Err(io::Error::other(format!(
                    "{name} holds {items} at -m {ROOMY_MEMORY_MB}"
                )));
            }
            let grown = server.resident_bytes()?.saturating_sub(base);
            each.push((kind, grown as f64 / ROOMY_ITEMS as f64));
            progress::note(&format!(
                "{} 16+{value_len}: {:.1} bytes",
                kind.name(),
                each[each.len() - 1].1
            ));
        }
        let of = |kind| each.iter().find(|(other, _)| *other == kind).map(|(_, bytes)| *bytes);
        let bytes = |kind| of(kind).map_or(String::new(), |bytes| format!("{bytes:.1}"));
        let both = of(Kind::Slabd).zip(of(Kind::Memcached));
        table.rows.push(vec![
            format!("{KEY_LEN} + {value_len}"),
            bytes(Kind::Slabd),
            bytes(Kind::Memcached),
            both.map_or(String::new(), |(ours, theirs)| format!("{:.3}", ours / theirs)),
        ]);
    }
    Ok(table)
}

fn fill_up(kind: Kind, value_len: u32, memory_mb: u32, options: &Options) -> io::Result<Full> {
    let server = options.start(kind, memory_mb)?;
    let mut filler = Filler::new(&server, value_len)?;
    // One in 256 of what could fit at most.
    let some = ((u64::from(memory_mb) << 20) / u64::from(value_len + 64) / 256).max(1);
    while server.stat("evictions")? == 0 {
        filler.set(some)?;
        progress::show(&format!("{} {value_len}: {}", kind.name(), filler.sent));
        if filler.sent > 1_000 * some {
            let name = kind.name();
            return Err(io::Error::other(format!("{name} does not evict at {}", filler.sent)));
        }
    }
    filler.set((filler.sent as f64 * BEYOND) as u64)?;
    let (items, resident) = (server.stat("curr_items")?, server.resident_bytes()?);
    let full = Full { items, resident, refused: filler.refused };
    progress::note(&format!(
        "{} {value_len}: {} items, {:.0} MiB resident",
        kind.name(),
        full.items,
        mebibytes(full.resident)
    ));
    Ok(full)
}

/// Sets new keys.
struct Filler {
    client: Client,
    value_len: u32,
    sent: u64,
    refused: u64,
}

impl Filler {
    fn new(server: &Server, value_len: u32) -> io::Result<Filler> {
        Ok(Filler { client: Client::connect(server)?, value_len, sent: 0, refused: 0 })
    }

    fn set(&mut self, count: u64) -> io::Result<()> {
        let value_len = self.value_len;
        for key in self.sent..self.sent + count {
            let (time_ms, key_len, ttl_s, is_write) = (0, KEY_LEN, 0, true);
            let request = Request { time_ms, key, key_len, value_len, ttl_s, is_write };
            self.client.set(&request, 0)?;
        }
        self.sent += count;
        self.client.finish()?;
        self.refused += self.client.take_answered().1;
        Ok(())
    }
}

fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}
