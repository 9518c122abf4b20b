//! Tables as people read them, in plain text or Markdown.

use std::fmt::Write;

/// Rows of cells under a head; every row has as many cells as the head.
#[derive(Debug, Default)]
pub struct Table {
    pub head: Vec<String>,
    pub rows: Vec<Vec<String>>,
}

impl Table {
    /// An empty one.
    pub fn new(head: &[&str]) -> Table {
        Table { head: head.iter().map(|cell| cell.to_string()).collect(), rows: Vec::new() }
    }

    pub fn render(&self, markdown: bool) -> String {
        if markdown { self.markdown() } else { self.text() }
    }

    fn markdown(&self) -> String {
        let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
        let mut out = line(&self.head);
        out += &line(&vec!["---".to_string(); self.head.len()]);
        self.rows.iter().for_each(|row| out += &line(row));
        out
    }

    fn text(&self) -> String {
        let lines = || std::iter::once(&self.head).chain(&self.rows);
        let width = |column: usize| lines().map(|row| row[column].chars().count()).max();
        let widths: Vec<_> = (0..self.head.len()).map(|c| width(c).unwrap_or(0)).collect();
        let mut out = String::new();
        for row in lines() {
            for (cell, &width) in row.iter().zip(&widths) {
                write!(out, "{cell:<width$}  ").expect("String");
            }
            out.truncate(out.trim_end().len());
            out.push('\n');
        }
        out
    }
}

/// Three significant digits, or all before the point.
pub fn figure(value: f64) -> String {
    match value {
        value if value >= 100.0 => format!("{value:.0}"),
        value if value >= 10.0 => format!("{value:.1}"),
        value if value >= 1.0 => format!("{value:.2}"),
        value => format!("{value:.3}"),
    }
}
