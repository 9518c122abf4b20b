//! The plot: miss ratio against memory, a panel a workload.

use crate::canvas::{Anchor, BLACK, Canvas, Color, GRAY};
use crate::rows::Row;
use crate::server::Kind;

/// Who is drawn, in this order: what comes later is on top.
const LINES: [(Line, char, Color); 3] = [
    (Line::Ideal, '.', [0x99, 0x99, 0x99]),
    (Line::Server(Kind::Memcached), 'm', [0xc8, 0x55, 0x3d]),
    (Line::Server(Kind::Slabd), 's', [0x1f, 0x6f, 0xb4]),
];

#[derive(Clone, Copy)]
enum Line {
    Ideal,
    Server(Kind),
}

impl Line {
    fn name(self) -> &'static str {
        match self {
            Line::Ideal => "LRU +60",
            Line::Server(kind) => kind.name(),
        }
    }

    fn miss_ratio(self, row: &Row) -> Option<f64> {
        match self {
            Line::Ideal => Some(row.ideal.miss_ratio()),
            Line::Server(kind) => row.run(kind).map(|run| run.score.miss_ratio()),
        }
    }
}

/// The range of miss ratios: of all lines, and a little air.
fn range(rows: &[Row]) -> (f64, f64) {
    let values =
        || rows.iter().flat_map(|row| LINES.iter().filter_map(|(line, ..)| line.miss_ratio(row)));
    let (low, high) = (values().fold(1.0, f64::min), values().fold(0.0, f64::max));
    let air = ((high - low) * 0.08).max(0.002);
    ((low - air).max(0.0), (high + air).min(1.0))
}

/// Of characters: a column for each size of memory.
pub fn text(rows: &[Row]) -> String {
    const HEIGHT: usize = 12;
    const COLUMN: usize = 8;
    let Some(first) = rows.first() else { return String::new() };
    let (low, high) = range(rows);
    let mut lines = vec![vec![' '; COLUMN * rows.len()]; HEIGHT];
    for (column, row) in rows.iter().enumerate() {
        for (line, mark, _) in LINES {
            let Some(value) = line.miss_ratio(row) else { continue };
            let height = ((high - value) / (high - low) * (HEIGHT - 1) as f64).round() as usize;
            lines[height][COLUMN * column + COLUMN / 2] = mark;
        }
    }
    let mut out = format!("{}: missed, at -m (s slabd, m memcached, . LRU +60)\n", first.workload);
    for (number, line) in lines.iter().enumerate() {
        let value = high - (high - low) * number as f64 / (HEIGHT - 1) as f64;
        let line: String = line.iter().collect();
        out += format!("{value:.3} |{line}").trim_end();
        out.push('\n');
    }
    out += "      +";
    out += &"-".repeat(COLUMN * rows.len());
    out += "\n       ";
    for row in rows {
        out += &format!("{:^COLUMN$}", row.memory_mb);
    }
    out.truncate(out.trim_end().len());
    out.push('\n');
    out
}

const COLUMNS: usize = 3;
const PANEL: (f64, f64) = (320.0, 240.0);
const TOP: f64 = 34.0;

/// Of pixels: panels in rows of three.
pub fn canvas(panels: &[&[Row]]) -> Canvas {
    let height = TOP + PANEL.1 * panels.len().div_ceil(COLUMNS) as f64 + 10.0;
    let mut canvas = Canvas::new(PANEL.0 * COLUMNS as f64 + 20.0, height);
    let title = "Reads that miss, by memory (-m, MB)";
    canvas.words((10.0, 20.0), Anchor::Start, title);
    for (index, (line, _, color)) in LINES.iter().rev().enumerate() {
        let x = 300.0 + 120.0 * index as f64;
        canvas.line(&[(x, 16.0), (x + 22.0, 16.0)], *color, 3);
        canvas.words((x + 28.0, 20.0), Anchor::Start, line.name());
    }
    for (index, rows) in panels.iter().enumerate() {
        let x = PANEL.0 * (index % COLUMNS) as f64;
        let y = TOP + PANEL.1 * (index / COLUMNS) as f64;
        panel(&mut canvas, (x, y), rows);
    }
    canvas
}

fn panel(canvas: &mut Canvas, (left, top): (f64, f64), rows: &[Row]) {
    let (left, right) = (left + 52.0, left + PANEL.0 - 8.0);
    let (top, bottom) = (top + 24.0, top + PANEL.1 - 28.0);
    let Some((first, last)) = rows.first().zip(rows.last()) else { return };
    let (low, high) = range(rows);
    // Memory is logarithmic: sizes are, too.
    let log = |row: &Row| f64::from(row.memory_mb.max(1)).ln();
    let width = (log(last) - log(first)).max(1e-9);
    let x = |row: &Row| left + 12.0 + (log(row) - log(first)) / width * (right - left - 24.0);
    let y = |value: f64| top + (high - value) / (high - low) * (bottom - top);
    canvas.words(((left + right) / 2.0, top - 8.0), Anchor::Middle, &first.workload);
    for step in 0..=4 {
        let value = low + (high - low) * f64::from(step) / 4.0;
        canvas.line(&[(left, y(value)), (right, y(value))], GRAY, 1);
        canvas.words((left - 4.0, y(value) + 4.0), Anchor::End, &format!("{value:.3}"));
    }
    canvas.line(&[(left, top), (left, bottom), (right, bottom)], BLACK, 1);
    for row in rows {
        canvas.line(&[(x(row), bottom), (x(row), bottom + 4.0)], BLACK, 1);
        canvas.words((x(row), bottom + 17.0), Anchor::Middle, &row.memory_mb.to_string());
    }
    for (line, _, color) in LINES {
        let place = |row: &Row| line.miss_ratio(row).map(|value| (x(row), y(value)));
        let places: Vec<_> = rows.iter().filter_map(place).collect();
        canvas.line(&places, color, 2);
        for (x, y) in places {
            canvas.bar((x - 2.0, y - 2.0), (5.0, 5.0), color);
        }
    }
}
