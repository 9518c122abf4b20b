//! Results as people read them (text or Markdown tables) and as they are kept (one TSV of every
//! round, the tables, a plot).

use std::fmt::Write;
use std::fs;
use std::io;
use std::path::Path;

use crate::figures::Figures;
use crate::footprint::Growth;
use crate::goals;
use crate::load::Sample;
use crate::machine::Machine;
use crate::options::Options;
use crate::plot;
use crate::progress;
use crate::speed::Row;
use crate::table::Table;
use crate::tables::{growth_table, latency_table, speed_table};

/// What growths are of.
const ITEM: &str = "bytes an item (16-byte key, 32-byte value)";
const CONNECTION: &str = "bytes a connection";

/// All that one run found.
pub struct Report {
    /// When, where and how: a line each.
    header: Vec<String>,
    /// Date and commit: the name under which it is kept.
    name: String,
    tables: Vec<Table>,
    rows: Vec<Row>,
    growths: Vec<(&'static str, Vec<Growth>)>,
    /// All else.
    pub figures: Figures,
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
                 round; a request of mget100 and its like has 100 keys"
            ),
        ];
        Report {
            header,
            name: machine.name,
            tables: vec![],
            rows: vec![],
            growths: vec![],
            figures: Figures::default(),
        }
    }

    pub fn add_speed(&mut self, mut rows: Vec<Row>) {
        // Of a run that failed.
        rows.retain(|row| !row.cells.is_empty());
        // A table has the same servers in all its rows.
        let kinds = |row: &Row| row.cells.iter().map(|cell| cell.kind).collect::<Vec<_>>();
        let mut groups: Vec<Vec<&Row>> = Vec::new();
        for row in &rows {
            match groups.iter_mut().find(|group| kinds(group[0]) == kinds(row)) {
                Some(group) => group.push(row),
                None => groups.push(vec![row]),
            }
        }
        self.tables.extend(groups.iter().map(|rows| speed_table(rows)));
        self.tables.extend(groups.iter().map(|rows| latency_table(rows)));
        self.rows = rows;
    }

    pub fn add_memory(&mut self, growths: Vec<Growth>) {
        self.add_growths(ITEM, growths);
    }

    pub fn add_idle(&mut self, growths: Vec<Growth>) {
        self.add_growths(CONNECTION, growths);
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
        for table in self.tables.iter().chain(&self.figures.table()).chain(&self.goals()) {
            out.push_str("\n\n");
            out.push_str(&table.render(markdown));
        }
        out
    }

    fn goals(&self) -> Option<Table> {
        let growths = |wanted| {
            let found = self.growths.iter().find(|(what, _)| *what == wanted);
            found.map_or(&[][..], |(_, growths)| growths)
        };
        goals::table(&goals::Measured {
            rows: &self.rows,
            items: growths(ITEM),
            connections: growths(CONNECTION),
            figures: &self.figures,
        })
    }

    /// Writes NAME.md, NAME.tsv, the goals as NAME.goals.md and, with speeds, NAME.svg.
    pub fn keep(&self, directory: &Path) -> io::Result<()> {
        fs::create_dir_all(directory)?;
        let path = |extension| directory.join(format!("{}.{extension}", self.name));
        fs::write(path("md"), self.text(true))?;
        fs::write(path("tsv"), self.tsv())?;
        if let Some(goals) = self.goals() {
            fs::write(path("goals.md"), goals.render(true))?;
        }
        if !self.rows.is_empty() {
            fs::write(path("svg"), plot::svg(&self.rows))?;
        }
        eprintln!("kept {}", path("{md,tsv,goals.md,svg}").display());
        Ok(())
    }

    fn tsv(&self) -> String {
        let mut out = String::new();
        for line in &self.header {
            out += &format!("# {line}\n");
        }
        if !self.rows.is_empty() {
            out += "workload\tload\tserver\tround\trequests_per_s\tcpu_us\tuser_share\tp50_us\
                    \tp99_us\tp999_us\tmax_us\tload_busy\tload_away\n";
        }
        for row in &self.rows {
            for cell in &row.cells {
                for (load, samples) in [("full", &cell.samples), ("half", &cell.half)] {
                    for (round, sample) in samples.iter().enumerate() {
                        let (workload, server) = (row.workload.name, cell.kind.name());
                        let (round, fields) = (round + 1, tsv_sample(sample));
                        writeln!(out, "{workload}\t{load}\t{server}\t{round}\t{fields}")
                            .expect("String");
                    }
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
        out += &self.figures.tsv();
        out
    }
}

fn tsv_sample(sample: &Sample) -> String {
    format!(
        "{:.0}\t{:.4}\t{:.3}\t{:.1}\t{:.1}\t{:.1}\t{:.1}\t{:.3}\t{:.3}",
        sample.per_second(),
        sample.cpu_us,
        sample.user_share,
        sample.p50_us,
        sample.p99_us,
        sample.p999_us,
        sample.max_us,
        sample.load_busy,
        sample.load_away
    )
}
