//! What servers did under the workloads: a row a workload, a cell a server, a sample a round. Only
//! figures of one row are paired: its rounds went by turns.

use crate::load::Sample;
use crate::server::Kind;
use crate::workloads::Workload;

/// What one server did under one workload.
pub struct Cell {
    pub kind: Kind,
    /// One a round.
    pub samples: Vec<Sample>,
    /// One a window of each round at the row's half load, if that was measured.
    pub half: Vec<Sample>,
    /// System calls a request, if counted.
    pub syscalls: Option<f64>,
    /// Instructions a request in user space, if counted.
    pub instructions: Option<f64>,
}

impl Cell {
    /// Before its first round.
    pub fn new(kind: Kind) -> Cell {
        Cell { kind, samples: vec![], half: vec![], syscalls: None, instructions: None }
    }

    /// Of the rounds at saturation.
    pub fn median(&self, field: impl Fn(&Sample) -> f64) -> f64 {
        median(self.samples.iter().map(field))
    }
}

/// One workload, all servers.
pub struct Row {
    pub workload: &'static Workload,
    pub cells: Vec<Cell>,
    /// Half of what the slowest cache answered at saturation, in requests a second.
    pub half_rate: Option<f64>,
}

impl Row {
    /// What this server did, if it ran.
    pub fn cell(&self, kind: Kind) -> Option<&Cell> {
        self.cells.iter().find(|cell| cell.kind == kind)
    }

    /// Processor time a request of one server divided by another's, paired within rounds.
    pub fn ratio(&self, above: Kind, below: Kind) -> Option<f64> {
        self.ratio_of(|cell| &cell.samples, above, below, |sample| sample.cpu_us)
    }

    /// Any figure of one server divided by another's, paired within rounds.
    pub fn ratio_of(
        &self,
        rounds: impl Fn(&Cell) -> &Vec<Sample>,
        above: Kind,
        below: Kind,
        field: impl Fn(&Sample) -> f64,
    ) -> Option<f64> {
        let (above, below) = (rounds(self.cell(above)?), rounds(self.cell(below)?));
        if above.is_empty() || below.is_empty() {
            return None;
        }
        Some(median(above.iter().zip(below).map(|(above, below)| field(above) / field(below))))
    }
}

/// The middle value, or the mean of the two in the middle; 0 of none.
pub fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut sorted: Vec<f64> = values.collect();
    sorted.sort_by(f64::total_cmp);
    let half = sorted.len() / 2;
    match sorted.len() {
        0 => 0.0,
        len if len % 2 == 1 => sorted[half],
        _ => (sorted[half - 1] + sorted[half]) / 2.0,
    }
}
