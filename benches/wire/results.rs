//! All that one run measured so far, whoever measured it and whoever tells it.

use crate::figures::Figures;
use crate::footprint::Growth;
use crate::rows::Row;

/// Empty where nothing was measured.
#[derive(Default)]
pub struct Results {
    /// One a workload, in the order they were run.
    pub rows: Vec<Row>,
    /// What items cost, a server each.
    pub items: Vec<Growth>,
    /// What idle connections cost, a server each.
    pub connections: Vec<Growth>,
    /// All else.
    pub figures: Figures,
}

impl Results {
    /// Adds what servers did under a workload, to the row of that workload if there is one: there
    /// is where they run one after the other. Returns the row.
    pub fn add(&mut self, row: Row) -> &Row {
        let known = self.rows.iter().position(|known| known.workload == row.workload);
        match known {
            Some(at) => self.rows[at].cells.extend(row.cells),
            None => self.rows.push(row),
        }
        &self.rows[known.unwrap_or(self.rows.len() - 1)]
    }
}
