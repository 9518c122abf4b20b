//! A flame graph: a bar for every call path, as wide as its share of the samples, upon its caller.
//! Pointing at a bar tells its whole name.

use std::collections::BTreeMap;
use std::fmt::Write;

const WIDTH: f64 = 1200.0;
const BAR: f64 = 16.0;
const TOP: f64 = 30.0;
/// Narrower bars are left out.
const NARROWEST: f64 = 0.4;
/// Room for one letter.
const LETTER: f64 = 6.2;

/// Samples by stack, from the outermost function inwards.
pub type Folded = BTreeMap<Vec<String>, u64>;

/// A function on one path, and what it called.
#[derive(Default)]
struct Node<'a> {
    samples: u64,
    calls: Vec<(&'a str, Node<'a>)>,
}

impl<'a> Node<'a> {
    fn called(&mut self, name: &'a str) -> &mut Node<'a> {
        let at = self.calls.iter().position(|(known, _)| *known == name).unwrap_or_else(|| {
            self.calls.push((name, Node::default()));
            self.calls.len() - 1
        });
        &mut self.calls[at].1
    }

    fn depth(&self) -> usize {
        self.calls.iter().map(|(_, node)| node.depth() + 1).max().unwrap_or(0)
    }
}

/// The graph with a title; functions of the kernel are of another colour than slabd's.
pub fn draw(title: &str, folded: &Folded) -> String {
    let mut root = Node::default();
    for (stack, count) in folded {
        root.samples += count;
        let mut node = &mut root;
        for name in stack {
            node = node.called(name);
            node.samples += count;
        }
    }
    let height = TOP + BAR * (root.depth() as f64 + 1.0);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{height}\" \
         font-family=\"monospace\" font-size=\"10\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n<text x=\"8\" y=\"18\">{}</text>\n",
        escaped(title)
    );
    let scale = WIDTH / root.samples.max(1) as f64;
    draw_calls(&root, (0.0, height - BAR), scale, root.samples, &mut out);
    out += "</svg>\n";
    out
}

/// Draws what a node called, side by side from `x` and upwards from `y`.
fn draw_calls(node: &Node, (mut x, y): (f64, f64), scale: f64, all: u64, out: &mut String) {
    for (name, call) in &node.calls {
        let width = call.samples as f64 * scale;
        if width >= NARROWEST {
            let share = 100.0 * call.samples as f64 / all as f64;
            let letters = ((width - 4.0) / LETTER).max(0.0) as usize;
            let shown: String = name.chars().take(letters).collect();
            let shown = if letters < 3 { String::new() } else { escaped(&shown) };
            writeln!(
                out,
                "<g><title>{} {share:.2} %</title><rect x=\"{x:.1}\" y=\"{y:.0}\" \
                 width=\"{width:.1}\" height=\"{:.0}\" fill=\"{}\"/><text x=\"{:.1}\" \
                 y=\"{:.0}\">{shown}</text></g>",
                escaped(name),
                BAR - 1.0,
                color(name),
                x + 2.0,
                y + BAR - 5.0,
            )
            .expect("String");
            draw_calls(call, (x, y - BAR), scale, all, out);
        }
        x += width;
    }
}

/// Rust's functions have paths, the kernel's and the C library's do not.
fn color(name: &str) -> &'static str {
    if name.contains("slabd::") {
        "#8fbbe0"
    } else if name.contains("::") {
        "#b9d8c2"
    } else {
        "#f0b37e"
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
