//! Results as people read them (text or Markdown tables) and as they are kept (one TSV of every
//! round, the tables, a plot).

use std::fmt::Write;
use std::fs;
use std::io;
use std::path::Path;

use crate::footprint::Growth;
use crate::load::Sample;
use crate::machine::Machine;
use crate::options::Options;
use crate::plot;
use crate::progress;
use crate::server::Kind;
use crate::speed::{Cell, Row};
use crate::table::{Table, figure};

/// Processor time of the first is divided by that of the second.
const RATIOS: [(Kind, Kind); 4] = [
    (Kind::Memcached, Kind::Slabd),
    (Kind::Tuned, Kind::Slabd),
    (Kind::Slabd, Kind::Echo),
    (Kind::Memcached, Kind::Echo),
];

/// All that one run found.
pub struct Report {
    /// When, where and how: a line each.
    header: Vec<String>,
    /// Date and commit: the name under which it is kept.
    name: String,
    tables: Vec<Table>,
    rows: Vec<Row>,
    growths: Vec<(&'static str, Vec<Growth>)>,
}

impl Report {
    pub fn new(options: &Options) -> Report {
        let machine = Machine::new();
        let Options { connections, rounds, duration, seed, .. } = options;
        let header = vec![
            machine.line,
            format!(
                "{connections} connections, {rounds} rounds of {duration:?} each, seed {seed}; one \
                 worker on core 0, load on core 1; medians, ratios of server CPU paired within a \
                 round; the figures of mget100 are for 100 keys"
            ),
        ];
        Report { header, name: machine.name, tables: vec![], rows: vec![], growths: vec![] }
    }

    pub fn add_speed(&mut self, rows: Vec<Row>) {
        self.tables.push(speed_table(&rows));
        self.rows = rows;
    }

    pub fn add_memory(&mut self, growths: Vec<Growth>) {
        self.add_growths("bytes an item (16-byte key, 32-byte value)", growths);
    }

    pub fn add_idle(&mut self, growths: Vec<Growth>) {
        self.add_growths("bytes a connection", growths);
    }

    fn add_growths(&mut self, what: &'static str, growths: Vec<Growth>) {
        self.tables.push(growth_table(what, &growths));
        self.growths.push((what, growths));
    }

    pub fn print(&self, options: &Options) {
        progress::show("");
        print!("{}", self.text(options.markdown));
    }

    fn text(&self, markdown: bool) -> String {
        let mut out = self.header.join("\n");
        for table in &self.tables {
            out.push_str("\n\n");
            out.push_str(&table.render(markdown));
        }
        out
    }

    /// Writes NAME.md, NAME.tsv and, with speeds, NAME.svg.
    pub fn keep(&self, directory: &Path) -> io::Result<()> {
        fs::create_dir_all(directory)?;
        let path = |extension| directory.join(format!("{}.{extension}", self.name));
        fs::write(path("md"), self.text(true))?;
        fs::write(path("tsv"), self.tsv())?;
        if !self.rows.is_empty() {
            fs::write(path("svg"), plot::svg(&self.rows))?;
        }
        eprintln!("kept {}", path("{md,tsv,svg}").display());
        Ok(())
    }

    fn tsv(&self) -> String {
        let mut out = String::new();
        for line in &self.header {
            out += &format!("# {line}\n");
        }
        if !self.rows.is_empty() {
            out += "workload\tserver\tround\trequests_per_s\tcpu_us\tuser_share\tp50_us\tp99_us\
                    \tp999_us\tload_busy\n";
        }
        for row in &self.rows {
            for cell in &row.cells {
                for (round, sample) in cell.samples.iter().enumerate() {
                    let fields = tsv_sample(sample);
                    let (workload, server) = (row.workload.name, cell.kind.name());
                    writeln!(out, "{workload}\t{server}\t{}\t{fields}", round + 1).expect("String");
                }
            }
        }
        for (what, growths) in &self.growths {
            for growth in growths {
                let Growth { kind, count, base, grown, .. } = growth;
                let (server, each) = (kind.name(), growth.each());
                writeln!(out, "# {what}: {server} {count} base {base} grown {grown}: {each:.1}")
                    .expect("String");
            }
        }
        out
    }
}

fn tsv_sample(sample: &Sample) -> String {
    format!(
        "{:.0}\t{:.4}\t{:.3}\t{:.1}\t{:.1}\t{:.1}\t{:.3}",
        sample.per_second(),
        sample.cpu_us,
        sample.user_share,
        sample.p50_us,
        sample.p99_us,
        sample.p999_us,
        sample.load_busy
    )
}

/// The middle value, or the mean of the two in the middle; 0 of none.
fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut sorted: Vec<f64> = values.collect();
    sorted.sort_by(f64::total_cmp);
    let half = sorted.len() / 2;
    match sorted.len() {
        0 => 0.0,
        len if len % 2 == 1 => sorted[half],
        _ => (sorted[half - 1] + sorted[half]) / 2.0,
    }
}

impl Cell {
    fn median(&self, field: impl Fn(&Sample) -> f64) -> f64 {
        median(self.samples.iter().map(field))
    }
}

impl Row {
    /// Processor time a request of one server divided by another's, paired within rounds.
    pub fn ratio(&self, above: Kind, below: Kind) -> Option<f64> {
        let cell = |kind| self.cells.iter().find(|cell| cell.kind == kind);
        let pairs = cell(above)?.samples.iter().zip(&cell(below)?.samples);
        Some(median(pairs.map(|(above, below)| above.cpu_us / below.cpu_us)))
    }
}

/// What was counted of some cells.
type Figure = fn(&Cell) -> Option<f64>;

fn speed_table(rows: &[Row]) -> Table {
    let Some(first) = rows.first() else { return Table::default() };
    let present = |&(above, below): &(Kind, Kind)| first.ratio(above, below).is_some();
    let slabd_runs = first.cells.iter().any(|cell| cell.kind == Kind::Slabd);
    // memcached beside echo only says something about the instrument.
    let wanted = |pair: &(Kind, Kind)| !slabd_runs || *pair != (Kind::Memcached, Kind::Echo);
    let ratios: Vec<_> = RATIOS.into_iter().filter(present).filter(wanted).collect();
    let counts: [(&str, Figure); 2] =
        [("system calls", |cell| cell.syscalls), ("user instructions", |cell| cell.instructions)];
    let cells = || rows.iter().flat_map(|row| &row.cells);
    let counted = |count: &(&str, Figure)| cells().any(|cell| count.1(cell).is_some());
    let counts: Vec<_> = counts.into_iter().filter(counted).collect();

    let mut table = Table::new(&["workload", "keys"]);
    for (above, below) in &ratios {
        table.head.push(format!("{} ÷ {}", above.name(), below.name()));
    }
    let names: Vec<_> = first.cells.iter().map(|cell| cell.kind.name()).collect();
    let names = names.join(" / ");
    table.head.push(format!("CPU µs: {names}"));
    table.head.push("user share".to_string());
    table.head.push("k requests/s".to_string());
    table.head.extend(counts.iter().map(|(name, _)| name.to_string()));
    for cell in &first.cells {
        table.head.push(format!("{} p50/p99/p99.9 µs", cell.kind.name()));
    }
    for row in rows {
        let joined = |figure: &dyn Fn(&Cell) -> String| {
            row.cells.iter().map(figure).collect::<Vec<_>>().join(" / ")
        };
        let ratio = |&(above, below)| row.ratio(above, below).map(|r| format!("{r:.2}"));
        let mut cells = vec![row.workload.name.to_string(), row.workload.key_set.name.to_string()];
        cells.extend(ratios.iter().map(|pair| ratio(pair).unwrap_or_default()));
        cells.push(joined(&|cell| figure(cell.median(|s| s.cpu_us))));
        cells.push(joined(&|cell| format!("{:.2}", cell.median(|s| s.user_share))));
        cells.push(joined(&|cell| figure(cell.median(|s| s.per_second() / 1e3))));
        for (_, count) in &counts {
            cells.push(joined(&|cell| count(cell).map_or(String::new(), figure)));
        }
        for cell in &row.cells {
            let latency =
                [cell.median(|s| s.p50_us), cell.median(|s| s.p99_us), cell.median(|s| s.p999_us)];
            cells.push(latency.map(|us| format!("{us:.0}")).join("/"));
        }
        table.rows.push(cells);
    }
    table
}

fn growth_table(what: &str, growths: &[Growth]) -> Table {
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
