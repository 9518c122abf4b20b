//! The tables of a run, as people read them.

use crate::footprint::Growth;
use crate::load::Sample;
use crate::rows::{Cell, Row, median};
use crate::server::Kind;
use crate::table::{Table, figure};

/// Processor time of the first is divided by that of the second.
const RATIOS: [(Kind, Kind); 8] = [
    (Kind::Memcached, Kind::Slabd),
    (Kind::Tuned, Kind::Slabd),
    (Kind::Slabd, Kind::Echo),
    (Kind::Slabd, Kind::Copy),
    (Kind::Slabd, Kind::Scatter),
    (Kind::NoHuge, Kind::Slabd),
    (Kind::NoPrefetch, Kind::Slabd),
    (Kind::Memcached, Kind::Echo),
];

/// What was counted of some cells.
type Figure = fn(&Cell) -> Option<f64>;

/// Some of a cell's samples.
type Rounds = fn(&Cell) -> &Vec<Sample>;

/// Cost and throughput of rows with the same servers.
pub fn speed_table(rows: &[&Row]) -> Table {
    let Some(first) = rows.first() else { return Table::default() };
    let present = |&(above, below): &(Kind, Kind)| first.ratio(above, below).is_some();
    // memcached beside echo only says something about the instrument.
    let wanted = |pair: &(Kind, Kind)| {
        first.cell(Kind::Slabd).is_none() || *pair != (Kind::Memcached, Kind::Echo)
    };
    let ratios: Vec<_> = RATIOS.into_iter().filter(present).filter(wanted).collect();
    let counts: [(&str, Figure); 2] =
        [("system calls", |cell| cell.syscalls), ("user instructions", |cell| cell.instructions)];
    let cells = || rows.iter().flat_map(|row| &row.cells);
    let counted = |count: &(&str, Figure)| cells().any(|cell| count.1(cell).is_some());
    let counts: Vec<_> = counts.into_iter().filter(counted).collect();
    let large = rows.iter().any(|row| row.workload.is_of_large_values());

    let mut table = Table::new(&["workload", "keys"]);
    for (above, below) in &ratios {
        table.head.push(format!("{} ÷ {}", above.name(), below.name()));
    }
    table.head.push(format!("CPU µs: {}", names(first)));
    table.head.push("of it user + system".to_string());
    table.head.push("k requests/s".to_string());
    table.head.extend(large.then(|| "MB/s of values".to_string()));
    table.head.extend(counts.iter().map(|(name, _)| name.to_string()));
    for row in rows {
        let ratio = |&(above, below)| row.ratio(above, below).map(|r| format!("{r:.2}"));
        let mut cells = vec![row.workload.name.to_string(), row.workload.key_set.name.to_string()];
        cells.extend(ratios.iter().map(|pair| ratio(pair).unwrap_or_default()));
        cells.push(joined(row, |cell| figure(cell.median(|s| s.cpu_us))));
        cells.push(joined(row, |cell| {
            let parts = [cell.median(Sample::user_us), cell.median(Sample::system_us)];
            parts.map(figure).join("+")
        }));
        cells.push(joined(row, |cell| figure(cell.median(|s| s.per_second() / 1e3))));
        if large {
            let bytes = row.workload.key_set.value_len as f64;
            let megabytes = |sample: &Sample| sample.per_second() * bytes / 1e6;
            cells.push(joined(row, |cell| figure(cell.median(megabytes))));
        }
        for (_, count) in &counts {
            cells.push(joined(row, |cell| count(cell).map_or(String::new(), figure)));
        }
        table.rows.push(cells);
    }
    table
}

/// A row in one line, as soon as it is measured.
pub fn line(row: &Row) -> String {
    let cost = joined(row, |cell| figure(cell.median(|sample| sample.cpu_us)));
    let mut line = format!("{}: CPU µs {} {cost}", row.workload.name, names(row));
    for (above, below) in RATIOS {
        let ratio = row.ratio(above, below);
        let text = |ratio| format!("; {} ÷ {} {ratio:.2}", above.name(), below.name());
        line += &ratio.map_or(String::new(), text);
    }
    line
}

/// Latencies of rows with the same servers, at saturation and, where measured, at half load.
pub fn latency_table(rows: &[&Row]) -> Table {
    let Some(first) = rows.first() else { return Table::default() };
    let mut table = Table::new(&["workload", "load"]);
    for cell in &first.cells {
        table.head.push(format!("{} p50/p99/p99.9 µs", cell.kind.name()));
    }
    for name in ["p99 ÷ memcached's", "p99.9 ÷ memcached's"] {
        table.head.push(name.to_string());
    }
    for row in rows {
        let half =
            row.half_rate.map_or(String::new(), |rate| format!("{} k/s", figure(rate / 1e3)));
        let loads: [(&str, Rounds); 2] =
            [("full", |cell| &cell.samples), (&half, |cell| &cell.half)];
        for (load, samples) in loads.into_iter().filter(|(load, _)| !load.is_empty()) {
            let mut cells = vec![row.workload.name.to_string(), load.to_string()];
            for cell in &row.cells {
                let field = |field: fn(&Sample) -> f64| median(samples(cell).iter().map(field));
                let latency = [field(|s| s.p50_us), field(|s| s.p99_us), field(|s| s.p999_us)];
                cells.push(latency.map(|us| format!("{us:.0}")).join("/"));
            }
            for field in [|s: &Sample| s.p99_us, |s: &Sample| s.p999_us] {
                let ratio = row.ratio_of(samples, Kind::Slabd, Kind::Memcached, field);
                cells.push(ratio.map_or(String::new(), |ratio| format!("{ratio:.2}")));
            }
            table.rows.push(cells);
        }
    }
    table
}

fn names(row: &Row) -> String {
    joined(row, |cell| cell.kind.name().to_string())
}

/// One entry a server.
fn joined(row: &Row, entry: impl Fn(&Cell) -> String) -> String {
    row.cells.iter().map(entry).collect::<Vec<_>>().join(" / ")
}

/// Memory of things that were stored or opened.
pub fn growth_table(what: &str, growths: &[Growth]) -> Table {
    let head =
        ["server", "how many", what, "÷ memcached", "after one request each", "at start, MiB"];
    let mut table = Table::new(&head);
    let peer = growths.iter().find(|growth| growth.kind == Kind::Memcached).map(Growth::each);
    for growth in growths {
        table.rows.push(vec![
            growth.kind.name().to_string(),
            growth.count.to_string(),
            format!("{:.1}", growth.each()),
            peer.map_or(String::new(), |peer| format!("{:.3}", growth.each() / peer)),
            growth.each_in_use().map_or(String::new(), |bytes| format!("{bytes:.1}")),
            format!("{:.1}", growth.base as f64 / f64::from(1 << 20)),
        ]);
    }
    table
}
