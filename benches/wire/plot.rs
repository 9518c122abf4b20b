//! The plot: requests a second of server processor time, memcached's being 1, as bars in SVG.

use std::fmt::Write;

use crate::server::Kind;
use crate::speed::Row;

const LEFT: f64 = 130.0;
const WIDTH: f64 = 820.0;
const BAR: f64 = 11.0;
const GAP: f64 = 9.0;
const TOP: f64 = 50.0;

/// One group of bars a workload, one bar a server, on a logarithmic scale that begins at a half.
/// Without memcached the first server is 1.
pub fn svg(rows: &[Row]) -> String {
    let Some(first) = rows.first() else { return String::new() };
    let kinds: Vec<Kind> = first.cells.iter().map(|cell| cell.kind).collect();
    let peer = if kinds.contains(&Kind::Memcached) { Kind::Memcached } else { kinds[0] };
    let group = BAR * kinds.len() as f64 + GAP;
    let height = TOP + group * rows.len() as f64 + 10.0;
    let value = |row: &Row, kind| row.ratio(peer, kind).unwrap_or(1.0).max(0.5);
    let all = rows.iter().flat_map(|row| kinds.iter().map(move |&kind| value(row, kind)));
    let doublings = (all.fold(2.0, f64::max) * 2.0).log2();
    let x = |value: f64| LEFT + (value * 2.0).log2() / doublings * (WIDTH - LEFT - 50.0);

    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{height}\" \
         font-family=\"sans-serif\" font-size=\"11\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n\
         <text x=\"10\" y=\"18\" font-size=\"13\">Requests a second of server CPU, {} = 1 \
         (logarithmic, longer is better)</text>\n",
        peer.name()
    );
    for (index, &kind) in kinds.iter().enumerate() {
        let x = LEFT + 110.0 * index as f64;
        bar(&mut out, x, 28.0, BAR, kind);
        text(&mut out, x + BAR + 5.0, 37.0, "start", kind.name());
    }
    for mark in (0..).map(|power| f64::from(1 << power)).take_while(|mark| mark.log2() < doublings)
    {
        let (x, bottom) = (x(mark), height - 5.0);
        writeln!(out, "<path d=\"M{x:.1} {TOP}V{bottom:.1}\" stroke=\"#dddddd\"/>")
            .expect("String");
    }
    for (index, row) in rows.iter().enumerate() {
        let y = TOP + group * index as f64;
        text(&mut out, LEFT - 8.0, y + group / 2.0, "end", row.workload.name);
        for (index, &kind) in kinds.iter().enumerate() {
            let (value, y) = (value(row, kind), y + BAR * index as f64);
            bar(&mut out, LEFT, y, x(value) - LEFT, kind);
            text(&mut out, x(value) + 4.0, y + 9.0, "start", &format!("{value:.2}"));
        }
    }
    out += "</svg>\n";
    out
}

fn bar(out: &mut String, x: f64, y: f64, width: f64, kind: Kind) {
    let fill = match kind {
        Kind::Slabd => "#1f6fb4",
        Kind::Memcached => "#c8553d",
        Kind::Tuned => "#e5a199",
        Kind::Echo => "#b9bec4",
    };
    let height = BAR - 1.0;
    writeln!(
        out,
        "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height}\" fill=\"{fill}\"/>"
    )
    .expect("String");
}

fn text(out: &mut String, x: f64, y: f64, anchor: &str, words: &str) {
    writeln!(out, "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{words}</text>")
        .expect("String");
}
