//! Results as people read them (text or Markdown tables) and as they are kept (one TSV of every
//! round, the tables, a plot). What is kept is written anew with every row, so that a run that ends
//! early leaves what it measured, and says there that it is not whole.

use std::fmt::Write;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::footprint::Growth;
use crate::goals;
use crate::load::Sample;
use crate::machine::Machine;
use crate::options::Options;
use crate::plot;
use crate::progress;
use crate::results::Results;
use crate::rows::Row;
use crate::table::Table;
use crate::tables::{growth_table, latency_table, speed_table};

/// What growths are of.
const ITEM: &str = "bytes an item (16-byte key, 32-byte value)";
const CONNECTION: &str = "bytes a connection";

/// What a run says of itself until it has come to its end.
const CUT: &str = "This run did not come to its end: what is not here was not measured.";

/// How results are told: printed at the end, and kept as they come.
pub struct Report {
    /// When, where and how: a line each.
    header: Vec<String>,
    /// Where it is kept, without the ending: the directory, date and commit.
    path: Option<PathBuf>,
}

impl Report {
    /// Of a run that begins now. Where it is to be kept is made.
    pub fn new(options: &Options) -> io::Result<Report> {
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
        if let Some(directory) = &options.out {
            fs::create_dir_all(directory)?;
        }
        let name = match &options.name {
            Some(name) => format!("{}-{name}", machine.name),
            None => machine.name,
        };
        let path = options.out.as_ref().map(|directory| directory.join(name));
        Ok(Report { header, path })
    }

    /// Prints everything.
    pub fn print(&self, results: &Results, options: &Options) {
        progress::show("");
        print!("{}", self.text(results, options.markdown, true));
    }

    /// Keeps what there is so far, and says in it that there is more to come.
    pub fn keep_so_far(&self, results: &Results) {
        if let Err(error) = self.write(results, false) {
            progress::note(&format!("wire: what was measured is not kept: {error}"));
        }
    }

    /// Keeps what was measured; a run is whole if nothing of it failed.
    pub fn keep(&self, results: &Results, whole: bool) -> io::Result<()> {
        self.write(results, whole)?;
        let Some(path) = &self.path else { return Ok(()) };
        if !results.rows.is_empty() {
            write(path, "svg", plot::svg(&results.rows))?;
        }
        progress::note(&format!("kept {}.*", path.display()));
        Ok(())
    }

    fn write(&self, results: &Results, whole: bool) -> io::Result<()> {
        let Some(path) = &self.path else { return Ok(()) };
        write(path, "md", self.text(results, true, whole))?;
        write(path, "tsv", self.tsv(results, whole))?;
        if let Some(goals) = goals::table(results) {
            let cut = if whole { String::new() } else { format!("{CUT}\n\n") };
            write(path, "goals.md", cut + &goals.render(true))?;
        }
        Ok(())
    }

    fn lines(&self, whole: bool) -> impl Iterator<Item = &str> {
        self.header.iter().map(String::as_str).chain((!whole).then_some(CUT))
    }

    fn text(&self, results: &Results, markdown: bool, whole: bool) -> String {
        let mut out = self.lines(whole).collect::<Vec<_>>().join("\n");
        let others = [results.figures.table(), goals::table(results)];
        for table in tables(results).iter().chain(others.iter().flatten()) {
            out.push_str("\n\n");
            out.push_str(&table.render(markdown));
        }
        out
    }

    fn tsv(&self, results: &Results, whole: bool) -> String {
        let mut out = String::new();
        for line in self.lines(whole) {
            out += &format!("# {line}\n");
        }
        if !results.rows.is_empty() {
            out += "workload\tload\tserver\tround\trequests_per_s\tcpu_us\tuser_share\tp50_us\
                    \tp99_us\tp999_us\tmax_us\tload_busy\tload_away\n";
        }
        for row in &results.rows {
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
        for (what, growths) in growths(results) {
            for growth in growths {
                let Growth { kind, count, base, grown, .. } = growth;
                let (server, each) = (kind.name(), growth.each());
                writeln!(out, "# {what}: {server} {count} base {base} grown {grown}: {each:.1}")
                    .expect("String");
            }
        }
        out += &results.figures.tsv();
        out
    }
}

/// The tables of rows and of growths.
fn tables(results: &Results) -> Vec<Table> {
    // A table has the same servers in all its rows.
    let kinds = |row: &Row| row.cells.iter().map(|cell| cell.kind).collect::<Vec<_>>();
    let mut groups: Vec<Vec<&Row>> = Vec::new();
    for row in &results.rows {
        match groups.iter_mut().find(|group| kinds(group[0]) == kinds(row)) {
            Some(group) => group.push(row),
            None => groups.push(vec![row]),
        }
    }
    let mut tables: Vec<Table> = groups.iter().map(|rows| speed_table(rows)).collect();
    tables.extend(groups.iter().map(|rows| latency_table(rows)));
    let measured = growths(results).into_iter().filter(|(_, growths)| !growths.is_empty());
    tables.extend(measured.map(|(what, growths)| growth_table(what, growths)));
    tables
}

fn growths(results: &Results) -> [(&'static str, &[Growth]); 2] {
    [(ITEM, &results.items), (CONNECTION, &results.connections)]
}

/// Writes one file, or leaves the one there is: a run may be cut at any time.
fn write(path: &Path, ending: &str, text: String) -> io::Result<()> {
    let file = |ending: &str| PathBuf::from(format!("{}.{ending}", path.display()));
    let (written, kept) = (file(&format!("{ending}.part")), file(ending));
    fs::write(&written, text)?;
    fs::rename(written, kept)
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
