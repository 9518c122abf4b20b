//! What slabd is to reach, beside what a run measured: a line for each axis, holding or missed.
//!
//! Costs are ratios of server processor time a request, paired within rounds; so are latencies.
//! Dialects are paired within turns of one server.
//! Only lines whose figures the run has are told. Hit ratios, expiry and memory under eviction are
//! the replay bench's.

use crate::churn::{CYCLE_CPU, START_MS};
use crate::connections::{ACTIVE_BYTES, ACTIVE_CPU, ALONE_CPU, AMONG_CPU};
use crate::footprint::Growth;
use crate::load::Sample;
use crate::pauses;
use crate::results::Results;
use crate::rows::{Cell, Row, median};
use crate::scaling::{self, LoadOn};
use crate::server::Kind;
use crate::table::{Table, figure};
use crate::turns;

use Kind::{Copy, Echo, Memcached, Scatter, Slabd, Tuned};

/// Axis, workload, how many times less than memcached's it must cost, and how many times what an
/// echo server costs it may.
type Cost = (&'static str, &'static str, f64, Option<f64>);

const COSTS: [Cost; 22] = [
    ("lone get, 1 M keys", "get", 1.38, Some(1.1)),
    ("lone get, 10 k keys", "get-10k", 1.38, Some(1.1)),
    ("lone set", "set", 1.38, None),
    ("lone 90/10 mix", "mix", 1.38, None),
    ("lone mg", "mg", 1.35, None),
    ("lone ms", "ms", 1.35, None),
    ("lone binary get", "bget", 1.38, None),
    ("lone binary set", "bset", 1.38, None),
    ("32 gets, 1 M keys", "get-p32", 6.0, Some(1.8)),
    ("32 gets, 10 k keys", "get-p32-10k", 5.0, Some(1.6)),
    ("32 sets", "set-p32", 6.0, None),
    ("32 of a 90/10 mix", "mix-p32", 5.5, None),
    ("32 misses", "miss-p32", 5.5, None),
    ("32 mg", "mg-p32", 5.5, None),
    ("32 ms", "ms-p32", 5.0, None),
    ("32 binary gets", "bget-p32", 5.5, None),
    ("32 binary sets", "bset-p32", 5.0, None),
    ("get of 100, 1 M keys", "mget100", 7.0, Some(2.4)),
    ("get of 100, 10 k keys", "mget100-10k", 3.5, Some(2.4)),
    ("100 quiet mg", "mgq100", 7.0, None),
    ("100 quiet binary gets", "getkq100", 7.0, None),
    ("get of 100, 4 GiB of items", "mget100-4GiB", 4.0, None),
];

/// The same 100 keys by turns on one server: text, then what may cost a tenth more.
const QUIET: [(&str, &str, &str); 2] = [
    ("100 quiet mg beside text, in turns", "mget100", "mgq100"),
    ("100 quiet binary gets beside text, in turns", "mget100", "getkq100"),
];

const VALUES: [(&str, &str); 2] =
    [("16 gets of 4 KiB", "get-p16-4KiB"), ("lone get of 64 KiB", "get-64KiB")];

/// Axis, workload, and what share of memcached's 99th percentile at saturation it may have.
const TAILS: [(&str, &str, f64); 3] = [
    ("p99 at saturation, lone get, 50 connections", "get", 0.75),
    ("p99 at saturation, lone get, 16 connections", "get-c16", 0.75),
    ("p99 at saturation, 32 gets", "get-p32", 0.25),
];

/// Those of which half load has lines of its own; of all others there is a mean.
const HALF: [&str; 8] =
    ["get", "set", "mix", "get-p32", "set-p32", "mget100", "mg-p32", "bget-p32"];

/// At half load.
const HALF_P99_MAX: f64 = 0.75;
const HALF_P999_MAX: f64 = 1.0;

/// The table; none if there is nothing to tell.
pub fn table(results: &Results) -> Option<Table> {
    let mut goals = Goals(Table::new(&["axis", "must", "measured", "verdict"]));
    results.costs(&mut goals);
    results.values(&mut goals);
    results.tails(&mut goals);
    results.others(&mut goals);
    Some(goals.0).filter(|table| !table.rows.is_empty())
}

struct Goals(Table);

impl Goals {
    fn at_least(&mut self, axis: &str, unit: &str, must: f64, found: Option<f64>, note: &str) {
        let holds = found.map(|value| value >= must);
        self.line(axis, format!("≥ {}{unit}", figure(must)), found, holds, note);
    }

    fn at_most(&mut self, axis: &str, unit: &str, must: f64, found: Option<f64>, note: &str) {
        let holds = found.map(|value| value <= must);
        self.line(axis, format!("≤ {}{unit}", figure(must)), found, holds, note);
    }

    fn line(
        &mut self,
        axis: &str,
        must: String,
        found: Option<f64>,
        holds: Option<bool>,
        note: &str,
    ) {
        let Some((value, holds)) = found.zip(holds) else { return };
        let verdict = if holds { "holds" } else { "**missed**" };
        let cells = [axis.to_string(), must, format!("{}{note}", figure(value)), verdict.into()];
        self.0.rows.push(cells.to_vec());
    }
}

fn half_ratio(row: &Row, field: fn(&Sample) -> f64) -> Option<f64> {
    row.ratio_of(|cell| &cell.half, Slabd, Memcached, field)
}

impl Results {
    fn row(&self, workload: &str) -> Option<&Row> {
        self.rows.iter().find(|row| row.workload.name == workload)
    }

    fn costs(&self, goals: &mut Goals) {
        for (axis, workload, times, echo) in COSTS {
            let Some(row) = self.row(workload) else { continue };
            let tuned = row.ratio(Tuned, Slabd);
            let note = tuned.map_or(String::new(), |r| format!(" (of tuned: {})", figure(r)));
            let found = row.ratio(Memcached, Slabd);
            goals.at_least(axis, " × less than memcached", times, found, &note);
            if let Some(most) = echo {
                goals.at_most(axis, " × echo", most, row.ratio(Slabd, Echo), "");
            }
        }
        for (axis, text, quiet) in QUIET {
            let [text, quiet] = [text, quiet].map(turns::name);
            let found = self.figures.ratio((&quiet, Slabd), (&text, Slabd));
            goals.at_most(axis, " × text", 1.1, found, "");
        }
    }

    fn values(&self, goals: &mut Goals) {
        for (axis, workload) in VALUES {
            let Some(row) = self.row(workload) else { continue };
            // The better echo is the cheaper: the larger of the two ratios to it.
            let ratios = [Copy, Scatter].map(|kind| row.ratio(Slabd, kind));
            let found = ratios.into_iter().flatten().max_by(f64::total_cmp);
            goals.at_most(axis, " × the better echo of values", 1.15, found, "");
        }
    }

    fn tails(&self, goals: &mut Goals) {
        for (axis, workload, most) in TAILS {
            let found = self.row(workload).and_then(|row| {
                row.ratio_of(|cell| &cell.samples, Slabd, Memcached, |sample| sample.p99_us)
            });
            goals.at_most(axis, " × memcached", most, found, "");
        }
        let measured = || self.rows.iter().filter(|row| row.half_rate.is_some());
        for row in measured().filter(|row| HALF.contains(&row.workload.name)) {
            let mut line = |name: &str, most, field: fn(&Sample) -> f64| {
                let half = |cell: &Cell| median(cell.half.iter().map(field));
                let of = |kind| row.cell(kind).map(half).map(figure).unwrap_or_default();
                let echo = of(Echo);
                let echo = if echo.is_empty() { echo } else { format!("; echo {echo}") };
                let axis = format!("{name} at half load, {}", row.workload.name);
                let note = format!(" ({} / {} µs{echo})", of(Slabd), of(Memcached));
                goals.at_most(&axis, " × memcached", most, half_ratio(row, field), &note);
            };
            line("p99", HALF_P99_MAX, |sample| sample.p99_us);
            line("p99.9", HALF_P999_MAX, |sample| sample.p999_us);
        }
        let mut mean = |name: &str, most, field: fn(&Sample) -> f64| {
            let logarithms: Vec<f64> =
                measured().filter_map(|row| half_ratio(row, field)).map(f64::ln).collect();
            let count = logarithms.len();
            let found = (logarithms.iter().sum::<f64>() / count as f64).exp();
            let axis = format!("{name} at half load, geometric mean of {count} workloads");
            goals.at_most(&axis, " × memcached", most, Some(found).filter(|_| count > 1), "");
        };
        mean("p99", HALF_P99_MAX, |sample| sample.p99_us);
        mean("p99.9", HALF_P999_MAX, |sample| sample.p999_us);
    }

    fn others(&self, goals: &mut Goals) {
        let figures = &self.figures;
        for (axis, most_ms) in pauses::EVENTS.iter().map(|event| (event.name, pauses::MOST_MS)) {
            let beyond = |kind| figures.median(&pauses::beyond(axis), kind);
            let peer = beyond(Memcached);
            let note = peer.map_or(String::new(), |ms| format!(" (memcached: {})", figure(ms)));
            let axis = format!("worst pause beyond the p99.9 without, {axis}");
            goals.at_most(&axis, " ms", most_ms, beyond(Slabd), &note);
        }
        for workload in scaling::WORKLOADS {
            let ratio = |kind, on| {
                let [one, two] = [1, 2].map(|threads| scaling::name(workload, threads, on));
                figures.ratio((&two, kind), (&one, kind))
            };
            let of = |kind: Kind, on| ratio(kind, on).map(|r| format!("{} {r:.2}", kind.name()));
            let note = |kinds: &[Kind], on| {
                let peers: Vec<_> = kinds.iter().filter_map(|&kind| of(kind, on)).collect();
                peers.join(", ")
            };
            let axis = format!("CPU of two workers, {workload}, load on both cores");
            let peers = format!(
                " ({}; load on one core, which a second worker shares with it: {})",
                note(&[Memcached, Echo], LoadOn::BothCores),
                note(&[Slabd, Memcached, Echo], LoadOn::OneCore)
            );
            goals.at_most(&axis, " × of one", 1.1, ratio(Slabd, LoadOn::BothCores), &peers);
        }
        let each = |growths: &[Growth], kind| {
            growths.iter().find(|growth| growth.kind == kind).map(Growth::each)
        };
        let of_peer = |growths: &[Growth]| {
            let both = each(growths, Slabd).zip(each(growths, Memcached));
            both.map(|(ours, theirs)| ours / theirs)
        };
        let item = "an item of 16 + 32 bytes";
        goals.at_most(item, " bytes", 88.0, each(&self.items, Slabd), "");
        goals.at_most(item, " × memcached", 0.68, of_peer(&self.items), "");
        let idle = "an idle connection";
        goals.at_most(idle, " bytes", 400.0, each(&self.connections, Slabd), "");
        let busy = figures.ratio((AMONG_CPU, Slabd), (ALONE_CPU, Slabd));
        goals.at_most("busy connections beside idle ones", " × CPU alone", 1.03, busy, "");
        for (axis, name) in [
            ("a request a second over each connection, CPU", ACTIVE_CPU),
            ("the same, memory", ACTIVE_BYTES),
        ] {
            let found = figures.ratio((name, Slabd), (name, Memcached));
            goals.at_most(axis, " × memcached", 1.0, found, "");
        }
        let churn = figures.ratio((CYCLE_CPU, Memcached), (CYCLE_CPU, Slabd));
        goals.at_least("connect, get, close", " × less than memcached", 1.0, churn, "");
        let start = figures.least(START_MS, Slabd);
        let peer = figures.least(START_MS, Memcached);
        let note = peer.map_or(String::new(), |ms| format!(" (memcached: {})", figure(ms)));
        goals.at_most("start to first reply", " ms", 10.0, start, &note);
    }
}
