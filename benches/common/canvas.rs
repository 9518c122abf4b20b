//! Drawings of lines, bars and words, kept as SVG and as PNG alike.

use std::fmt::Write;
use std::fs::File;
use std::io::{self, BufWriter};
use std::path::Path;

use embedded_graphics::mono_font::{MonoTextStyle, ascii::FONT_6X13};
use embedded_graphics::pixelcolor::Rgb888;
use embedded_graphics::prelude::*;
use embedded_graphics::primitives::{Line, PrimitiveStyle, Rectangle};
use embedded_graphics::text::{Alignment, Text};

/// A place: right and down from the upper left corner, in pixels.
pub type Place = (f64, f64);

/// Red, green, blue.
pub type Color = [u8; 3];

pub const BLACK: Color = [0x22, 0x22, 0x22];
pub const GRAY: Color = [0xdd, 0xdd, 0xdd];

/// Where words stand at their place; their base line runs through it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Anchor {
    Start,
    Middle,
    End,
}

enum Shape {
    Line(Vec<Place>, Color, u32),
    Bar(Place, Place, Color),
    Words(Place, Anchor, String),
}

/// A white drawing.
pub struct Canvas {
    width: u32,
    height: u32,
    shapes: Vec<Shape>,
}

impl Canvas {
    pub fn new(width: f64, height: f64) -> Canvas {
        Canvas { width: width.ceil() as u32, height: height.ceil() as u32, shapes: Vec::new() }
    }

    /// A line through these places, so many pixels wide.
    pub fn line(&mut self, places: &[Place], color: Color, width: u32) {
        self.shapes.push(Shape::Line(places.to_vec(), color, width));
    }

    /// A filled rectangle from its upper left corner, of a width and height.
    pub fn bar(&mut self, corner: Place, size: Place, color: Color) {
        self.shapes.push(Shape::Bar(corner, size, color));
    }

    /// ASCII words without `<` and `&`.
    pub fn words(&mut self, place: Place, anchor: Anchor, words: &str) {
        self.shapes.push(Shape::Words(place, anchor, words.to_string()));
    }

    pub fn svg(&self) -> String {
        let mut out = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{}\" height=\"{}\" \
             font-family=\"sans-serif\" font-size=\"11\">\n\
             <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n",
            self.width, self.height
        );
        for shape in &self.shapes {
            let written = match shape {
                Shape::Line(places, color, width) => {
                    let places: Vec<_> =
                        places.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
                    let (places, color) = (places.join(" "), hex(*color));
                    writeln!(
                        out,
                        "<polyline points=\"{places}\" fill=\"none\" stroke=\"{color}\" \
                         stroke-width=\"{width}\"/>"
                    )
                }
                Shape::Bar((x, y), (width, height), color) => writeln!(
                    out,
                    "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" \
                     fill=\"{}\"/>",
                    hex(*color)
                ),
                Shape::Words((x, y), anchor, words) => {
                    let anchor = format!("{anchor:?}").to_lowercase();
                    writeln!(
                        out,
                        "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{words}</text>"
                    )
                }
            };
            written.expect("String");
        }
        out += "</svg>\n";
        out
    }

    /// Writes the drawing as PNG.
    pub fn write_png(&self, path: &Path) -> io::Result<()> {
        let mut picture = Picture::new(self.width, self.height);
        let Ok(()) = self.shapes.iter().try_for_each(|shape| picture.draw(shape));
        let file = BufWriter::new(File::create(path)?);
        let mut encoder = png::Encoder::new(file, self.width, self.height);
        encoder.set_color(png::ColorType::Rgb);
        let mut writer = encoder.write_header()?;
        writer.write_image_data(&picture.bytes)?;
        writer.finish()?;
        Ok(())
    }
}

fn hex([red, green, blue]: Color) -> String {
    format!("#{red:02x}{green:02x}{blue:02x}")
}

/// Pixels, three bytes each, row by row.
struct Picture {
    size: Size,
    bytes: Vec<u8>,
}

impl Picture {
    fn new(width: u32, height: u32) -> Picture {
        let bytes = vec![0xff; (width * height * 3) as usize];
        Picture { size: Size::new(width, height), bytes }
    }

    fn draw(&mut self, shape: &Shape) -> Result<(), std::convert::Infallible> {
        let color = |[red, green, blue]: Color| Rgb888::new(red, green, blue);
        match shape {
            Shape::Line(places, of, width) => {
                let style = PrimitiveStyle::with_stroke(color(*of), *width);
                for ends in places.windows(2) {
                    Line::new(point(ends[0]), point(ends[1])).into_styled(style).draw(self)?;
                }
            }
            Shape::Bar(corner, (width, height), of) => {
                let size = Size::new(width.round() as u32, height.round() as u32);
                let style = PrimitiveStyle::with_fill(color(*of));
                Rectangle::new(point(*corner), size).into_styled(style).draw(self)?;
            }
            Shape::Words(place, anchor, words) => {
                let style = MonoTextStyle::new(&FONT_6X13, color(BLACK));
                let alignment = match anchor {
                    Anchor::Start => Alignment::Left,
                    Anchor::Middle => Alignment::Center,
                    Anchor::End => Alignment::Right,
                };
                Text::with_alignment(words, point(*place), style, alignment).draw(self)?;
            }
        }
        Ok(())
    }
}

fn point((x, y): Place) -> Point {
    Point::new(x.round() as i32, y.round() as i32)
}

impl OriginDimensions for Picture {
    fn size(&self) -> Size {
        self.size
    }
}

impl DrawTarget for Picture {
    type Color = Rgb888;
    type Error = std::convert::Infallible;

    fn draw_iter<I: IntoIterator<Item = Pixel<Rgb888>>>(
        &mut self,
        pixels: I,
    ) -> Result<(), Self::Error> {
        for Pixel(place, color) in pixels {
            let within = Rectangle::new(Point::zero(), self.size).contains(place);
            if within {
                let at = (place.y as usize * self.size.width as usize + place.x as usize) * 3;
                self.bytes[at..at + 3].copy_from_slice(&[color.r(), color.g(), color.b()]);
            }
        }
        Ok(())
    }
}
