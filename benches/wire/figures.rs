//! Figures that are not of a workload: a number a round, by what it is of and whose it is.

use std::fmt::Write;

use crate::rows::median;
use crate::server::Kind;
use crate::table::{Table, figure};

/// What was measured besides speed and memory, in the order it was first seen.
#[derive(Debug, Default)]
pub struct Figures(Vec<(String, Kind, Vec<f64>)>);

impl Figures {
    /// One more round of something.
    pub fn add(&mut self, what: &str, kind: Kind, value: f64) {
        match self.0.iter_mut().find(|(name, whose, _)| name == what && *whose == kind) {
            Some((_, _, rounds)) => rounds.push(value),
            None => self.0.push((what.to_string(), kind, vec![value])),
        }
    }

    /// How many there are, each server's counted.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// A line for each, but for the first so many.
    pub fn lines(&self, told: usize) -> impl Iterator<Item = String> {
        self.0[told..].iter().map(|(name, kind, rounds)| {
            let middle = median(rounds.iter().copied());
            format!("{name}: {} {}", kind.name(), figure(middle))
        })
    }

    fn rounds(&self, what: &str, kind: Kind) -> Option<&Vec<f64>> {
        let found = self.0.iter().find(|(name, whose, _)| name == what && *whose == kind);
        found.map(|(_, _, rounds)| rounds)
    }

    pub fn median(&self, what: &str, kind: Kind) -> Option<f64> {
        self.rounds(what, kind).map(|rounds| median(rounds.iter().copied()))
    }

    pub fn least(&self, what: &str, kind: Kind) -> Option<f64> {
        self.rounds(what, kind)?.iter().copied().min_by(f64::total_cmp)
    }

    /// One figure divided by another of the same rounds, each with its owner.
    pub fn ratio(&self, above: (&str, Kind), below: (&str, Kind)) -> Option<f64> {
        let (above, below) = (self.rounds(above.0, above.1)?, self.rounds(below.0, below.1)?);
        Some(median(above.iter().zip(below).map(|(above, below)| above / below)))
    }

    /// A row for each figure, a column for each server: the median and the least.
    pub fn table(&self) -> Option<Table> {
        let mut kinds = Kind::ALL.to_vec();
        kinds.retain(|kind| self.0.iter().any(|(_, whose, _)| whose == kind));
        let mut names: Vec<&str> = Vec::new();
        for (name, ..) in &self.0 {
            if !names.contains(&name.as_str()) {
                names.push(name);
            }
        }
        let mut table = Table::new(&["median (least)"]);
        table.head.extend(kinds.iter().map(|kind| kind.name().to_string()));
        for name in names {
            let mut row = vec![name.to_string()];
            row.extend(kinds.iter().map(|&kind| {
                let both = self.median(name, kind).zip(self.least(name, kind));
                let text = |(median, least)| format!("{} ({})", figure(median), figure(least));
                both.map_or(String::new(), text)
            }));
            table.rows.push(row);
        }
        Some(table).filter(|table| !table.rows.is_empty())
    }

    /// A comment line for each figure and server, with all rounds.
    pub fn tsv(&self) -> String {
        let mut out = String::new();
        for (name, kind, rounds) in &self.0 {
            let rounds: Vec<_> = rounds.iter().map(|value| format!("{value:.3}")).collect();
            writeln!(out, "# {name}: {} {}", kind.name(), rounds.join(" ")).expect("String");
        }
        out
    }
}
