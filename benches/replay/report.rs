//! What the servers did, as tables, as plots of characters and of pixels, and as kept.

use std::fs;
use std::io;
use std::path::Path;

use crate::machine::Machine;
use crate::plot;
use crate::progress;
use crate::rows::Row;
use crate::score::Score;
use crate::server::Kind;
use crate::table::{Table, figure};
use crate::wire::Run;

/// All that one run of the bench found.
pub struct Report {
    machine: Machine,
    seed: u64,
    rows: Vec<Row>,
}

impl Report {
    pub fn new(seed: u64, rows: Vec<Row>) -> Report {
        Report { machine: Machine::new(), seed, rows }
    }

    pub fn text(&self, markdown: bool) -> String {
        let mut parts = vec![self.header(), self.ratios().render(markdown), self.summary()];
        let fence = if markdown { "```\n" } else { "" };
        for rows in self.workloads() {
            parts.push(format!("{fence}{}{fence}", plot::text(rows)));
        }
        parts.push(self.details().render(markdown));
        parts.join("\n")
    }

    /// Writes NAME-replay.md, NAME-replay.tsv and NAME-replay.png.
    pub fn keep(&self, directory: &Path) -> io::Result<()> {
        fs::create_dir_all(directory)?;
        let path = |ending| directory.join(format!("{}-replay.{ending}", self.machine.name));
        fs::write(path("md"), self.text(true))?;
        fs::write(path("tsv"), self.tsv())?;
        let panels: Vec<_> = self.workloads().collect();
        plot::canvas(&panels).write_png(&path("png"))?;
        progress::note(&format!("kept {}", path("{md,tsv,png}").display()));
        Ok(())
    }

    fn workloads(&self) -> impl Iterator<Item = &[Row]> {
        self.rows.chunk_by(|a, b| a.workload == b.workload)
    }

    fn header(&self) -> String {
        format!(
            "{}; seed {}\nLook-aside replay over one connection, up to 32 reads in flight; the \
             whole of a workload counts, from an empty server on. \"LRU +60\": one pool without \
             slabs, key + value + 60 bytes an item. Resident memory at the end, in MiB.\n",
            self.machine.line, self.seed
        )
    }

    /// The table that is asked for first.
    fn ratios(&self) -> Table {
        let mut table = Table::new(&[
            "workload",
            "-m",
            "slabd missed",
            "memcached missed",
            "÷",
            "LRU +60",
            "slabd bytes missed",
            "memcached bytes missed",
            "slabd MiB",
            "memcached MiB",
            "÷",
            "",
        ]);
        for row in &self.rows {
            let cell = |kind, figure: &dyn Fn(&Run) -> f64, digits: usize| {
                row.run(kind).map_or(String::new(), |run| format!("{:.*}", digits, figure(run)))
            };
            let [slabd, memcached] = [Kind::Slabd, Kind::Memcached];
            let ratios = row.ratios();
            let ratio = |value: Option<f64>| value.map_or(String::new(), |r| format!("{r:.3}"));
            let above = ratios.is_some_and(|(_, resident)| resident > 1.0);
            table.rows.push(vec![
                row.workload.clone(),
                row.memory_mb.to_string(),
                cell(slabd, &|run| run.score.miss_ratio(), 4),
                cell(memcached, &|run| run.score.miss_ratio(), 4),
                ratio(ratios.map(|(missed, _)| missed)),
                format!("{:.4}", row.ideal.miss_ratio()),
                cell(slabd, &|run| run.score.byte_miss_ratio(), 4),
                cell(memcached, &|run| run.score.byte_miss_ratio(), 4),
                cell(slabd, &|run| mebibytes(run.resident), 1),
                cell(memcached, &|run| mebibytes(run.resident), 1),
                ratio(ratios.map(|(_, resident)| resident)),
                if above { "more memory than memcached".to_string() } else { String::new() },
            ]);
        }
        table
    }

    fn summary(&self) -> String {
        let all: Vec<(f64, f64)> = self.rows.iter().filter_map(Row::ratios).collect();
        if all.is_empty() {
            return String::new();
        }
        let mean = |values: &mut dyn Iterator<Item = f64>| {
            let logs: Vec<f64> = values.map(f64::ln).filter(|log| log.is_finite()).collect();
            (logs.iter().sum::<f64>() / logs.len().max(1) as f64).exp()
        };
        let worse = all.iter().filter(|(missed, _)| *missed > 1.01).count();
        let above = all.iter().filter(|(_, resident)| *resident > 1.0).count();
        format!(
            "slabd's misses ÷ memcached's: geometric mean {:.3} over {} rows, {worse} of them \
             above 1.01; resident memory: geometric mean {:.3}, {above} above 1\n",
            mean(&mut all.iter().map(|&(missed, _)| missed)),
            all.len(),
            mean(&mut all.iter().map(|&(_, resident)| resident)),
        )
    }

    /// Everything about every run.
    fn details(&self) -> Table {
        let mut table = Table::new(&[
            "workload",
            "-m",
            "server",
            "missed",
            "bytes missed",
            "evicted",
            "refused",
            "pages moved",
            "items",
            "MiB resident",
            "item MiB",
            "waste",
            "free",
            "tails",
            "unassigned",
            "index",
            "s",
            "time ÷",
            "late ms",
        ]);
        for row in &self.rows {
            for run in &row.runs {
                table.rows.push(details_of(row, run));
            }
        }
        table
    }

    fn tsv(&self) -> String {
        let mut out = format!("# {}; seed {}\n", self.machine.line, self.seed);
        out += "workload\tmemory_mb\tserver\treads\tmisses\tread_bytes\tmissed_bytes\tsets\
                \trefused\tevictions\tpages_moved\titems\tresident\titem_bytes\twaste\tfree\ttails\
                \tunassigned\tindex\tseconds\tdivisor\tlate_ms\n";
        for row in &self.rows {
            let begin = format!("{}\t{}", row.workload, row.memory_mb);
            out += &format!("{begin}\tideal\t{}\n", tsv_score(&row.ideal));
            for run in &row.runs {
                let mut numbers = vec![run.evictions, run.pages_moved, run.items];
                numbers.extend(run.sizes());
                let numbers: Vec<String> = numbers.iter().map(u64::to_string).collect();
                out += &format!(
                    "{begin}\t{}\t{}\t{}\t{:.1}\t{}\t{}\n",
                    run.kind.name(),
                    tsv_score(&run.score),
                    numbers.join("\t"),
                    run.seconds,
                    row.divisor.unwrap_or(0),
                    run.late.as_millis(),
                );
            }
        }
        out
    }
}

fn details_of(row: &Row, run: &Run) -> Vec<String> {
    let mut cells = vec![
        row.workload.clone(),
        row.memory_mb.to_string(),
        run.kind.name().to_string(),
        format!("{:.4}", run.score.miss_ratio()),
        format!("{:.4}", run.score.byte_miss_ratio()),
        run.evictions.to_string(),
        run.score.set_failures.to_string(),
        run.pages_moved.to_string(),
        run.items.to_string(),
    ];
    cells.extend(run.sizes().map(|bytes| figure(mebibytes(bytes))));
    cells.push(format!("{:.0}", run.seconds));
    cells.push(row.divisor.map_or(String::new(), |divisor| divisor.to_string()));
    cells.push(run.late.as_millis().to_string());
    cells
}

fn tsv_score(score: &Score) -> String {
    let Score { reads, misses, read_bytes, missed_bytes, sets, set_failures } = score;
    format!("{reads}\t{misses}\t{read_bytes}\t{missed_bytes}\t{sets}\t{set_failures}")
}

fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}
