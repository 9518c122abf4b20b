//! The plot: requests a second of server processor time, memcached's being 1, as bars.

use crate::canvas::{Anchor, Canvas, Color, GRAY};
use crate::rows::Row;
use crate::server::Kind;

const LEFT: f64 = 130.0;
const WIDTH: f64 = 820.0;
const BAR: f64 = 11.0;
const GAP: f64 = 9.0;
const TOP: f64 = 50.0;

/// One group of bars a workload, one bar a server, on a logarithmic scale that begins at a half.
/// Without memcached the first server is 1.
pub fn svg(rows: &[Row]) -> String {
    let Some(first) = rows.first() else { return String::new() };
    // What only some rows have is left to the tables.
    let everywhere = |kind: &Kind| rows.iter().all(|row| row.cell(*kind).is_some());
    let kinds: Vec<Kind> = first.cells.iter().map(|cell| cell.kind).filter(everywhere).collect();
    let peer = if kinds.contains(&Kind::Memcached) { Kind::Memcached } else { kinds[0] };
    let group = BAR * kinds.len() as f64 + GAP;
    let height = TOP + group * rows.len() as f64 + 10.0;
    let value = |row: &Row, kind| row.ratio(peer, kind).unwrap_or(1.0).max(0.5);
    let all = rows.iter().flat_map(|row| kinds.iter().map(move |&kind| value(row, kind)));
    let doublings = (all.fold(2.0, f64::max) * 2.0).log2();
    let x = |value: f64| LEFT + (value * 2.0).log2() / doublings * (WIDTH - LEFT - 50.0);

    let mut canvas = Canvas::new(WIDTH, height);
    let title = format!(
        "Requests a second of server CPU, {} = 1 (logarithmic, longer is better)",
        peer.name()
    );
    canvas.words((10.0, 18.0), Anchor::Start, &title);
    for (index, &kind) in kinds.iter().enumerate() {
        let x = LEFT + 110.0 * index as f64;
        canvas.bar((x, 28.0), (BAR, BAR - 1.0), color(kind));
        canvas.words((x + BAR + 5.0, 37.0), Anchor::Start, kind.name());
    }
    for mark in (0..).map(|power| f64::from(1 << power)).take_while(|mark| mark.log2() < doublings)
    {
        canvas.line(&[(x(mark), TOP), (x(mark), height - 5.0)], GRAY, 1);
    }
    for (index, row) in rows.iter().enumerate() {
        let y = TOP + group * index as f64;
        canvas.words((LEFT - 8.0, y + group / 2.0), Anchor::End, row.workload.name);
        for (index, &kind) in kinds.iter().enumerate() {
            let (value, y) = (value(row, kind), y + BAR * index as f64);
            canvas.bar((LEFT, y), (x(value) - LEFT, BAR - 1.0), color(kind));
            canvas.words((x(value) + 4.0, y + 9.0), Anchor::Start, &format!("{value:.2}"));
        }
    }
    canvas.svg()
}

fn color(kind: Kind) -> Color {
    match kind {
        Kind::Slabd | Kind::NoHuge | Kind::NoPrefetch => [0x1f, 0x6f, 0xb4],
        Kind::Memcached => [0xc8, 0x55, 0x3d],
        Kind::Tuned => [0xe5, 0xa1, 0x99],
        Kind::Echo | Kind::Copy | Kind::Scatter => [0xb9, 0xbe, 0xc4],
    }
}
