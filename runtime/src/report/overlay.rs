use std::convert::Infallible;
use std::path::Path;

use embedded_graphics::mono_font::ascii::{FONT_8X13, FONT_10X20};
use embedded_graphics::mono_font::{MonoFont, MonoTextStyle};
use embedded_graphics::pixelcolor::Rgb888;
use embedded_graphics::prelude::{DrawTarget, OriginDimensions, Pixel, Primitive, RgbColor, Size};
use embedded_graphics::primitives::{Circle, Line, PrimitiveStyle};
use embedded_graphics::text::{Alignment, Text};
use embedded_graphics::{Drawable, geometry::Point as Place};

use super::Report;
use crate::cascade::{Mask, OUTLINE_POINTS, outline};
use crate::geometry::{AffineMap, Axis, LesionBox, Point};
use crate::image::{CtSlice, PngError, write_rgb};

/// Rows and columns of the picture.
const SIZE: usize = 640;

/// Pixels drawn for each pixel of the picture along both axes: the mean of them smooths the lines.
const FINE: usize = 2;

/// Side of the part of the slice that is shown, in sides of the patch's square.
const NEIGHBOURHOOD: f64 = 1.25;

/// Lengths of the scale bar in millimetres.
const BARS_MM: [f64; 6] = [50.0, 10.0, 5.0, 1.0, 0.5, 0.1];

const RED: Rgb888 = Rgb888::new(255, 70, 60);
const BLUE: Rgb888 = Rgb888::new(80, 160, 255);
const GREEN: Rgb888 = Rgb888::new(60, 220, 110);
const YELLOW: Rgb888 = Rgb888::new(200, 180, 70);
const ORANGE: Rgb888 = Rgb888::new(255, 150, 40);

/// The picture of a measurement: the neighbourhood of the lesion enlarged, the box, the mask's outline, the
/// long axis red, the short axis blue, their lengths, the warnings and a scale bar.
#[derive(Debug)]
pub struct Overlay {
    pixels: Vec<[u8; 3]>,
    slice_to_canvas: AffineMap,
}

impl Overlay {
    /// Draws the picture of `report` on `slice`, with the outline of `mask` where it is not empty.
    #[must_use]
    pub fn draw(report: &Report<'_>, slice: &CtSlice<'_>, mask: &Mask) -> Self {
        let square = report.measurement.square;
        let shown = square.scaled(NEIGHBOURHOOD);
        let canvas_to_slice =
            AffineMap::pixels_to_normalised(SIZE * FINE).then(AffineMap::normalised_to_box(shown));
        let slice_to_canvas = canvas_to_slice.inverse().expect("a scaled picture can be scaled back");
        let pixels = background(slice, canvas_to_slice);
        let mut overlay = Self { pixels, slice_to_canvas };

        overlay.polygon(&corners(report.area), YELLOW, 1);
        let mut points = vec![Point::default(); OUTLINE_POINTS];
        let patch_to_slice = AffineMap::normalised_to_box(square);
        if let Some(count @ 1..) = outline(mask, patch_to_slice, &mut points) {
            overlay.polygon(&points[..count], GREEN, 2);
        }
        let axes = report.measurement.axes;
        overlay.axis(axes.short(), BLUE);
        overlay.axis(axes.long(), RED);
        let length = |axis: Axis| match report.length_mm(axis) {
            Some(mm) => format!("{mm:.1} mm"),
            None => format!("{:.1} px", axis.length()),
        };
        overlay.label(&format!("long  {}", length(axes.long())), Place::new(16, 36), Alignment::Left, RED);
        overlay.label(&format!("short {}", length(axes.short())), Place::new(16, 82), Alignment::Left, BLUE);
        for (line, warning) in (0..).zip(report.measurement.warnings.iter()) {
            // What to do follows a colon, and there is no room for it.
            let text = warning.to_string();
            let what = text.split(':').next().unwrap_or_default();
            overlay.text(&FONT_8X13, what, Place::new(16, 122 + 32 * line), Alignment::Left, ORANGE);
        }
        if let Some(spacing) = slice.spacing() {
            overlay.scale_bar(spacing.column_mm());
        }
        overlay
    }

    /// Writes the picture as PNG: to a temporary file, then renamed.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), PngError> {
        let fine = SIZE * FINE;
        let mean = |at: usize, channel: usize| {
            let (x, y) = (at % SIZE * FINE, at / SIZE * FINE);
            let block = (0..FINE * FINE).map(|i| (y + i / FINE) * fine + x + i % FINE);
            let sum: usize = block.map(|i| usize::from(self.pixels[i][channel])).sum();
            u8::try_from(sum / (FINE * FINE)).unwrap_or(u8::MAX)
        };
        let pixels: Vec<_> = (0..SIZE * SIZE).map(|at| [0, 1, 2].map(|channel| mean(at, channel))).collect();
        let size = u32::try_from(SIZE).unwrap_or(u32::MAX);
        write_rgb(path, [size, size], &pixels)
    }

    fn place(&self, point: Point) -> Place {
        let p = self.slice_to_canvas.apply(point);
        #[allow(
            clippy::cast_possible_truncation,
            reason = "a float that is too large becomes the largest i32"
        )]
        let coordinate = |v: f64| v.round().clamp(-1e6, 1e6) as i32;
        Place::new(coordinate(p.x), coordinate(p.y))
    }

    fn polygon(&mut self, points: &[Point], colour: Rgb888, width: u32) {
        for (a, b) in points.iter().zip(points.iter().cycle().skip(1)) {
            let line = Line::new(self.place(*a), self.place(*b));
            let Ok(()) = line.into_styled(PrimitiveStyle::with_stroke(colour, width * 2)).draw(self);
        }
    }

    fn axis(&mut self, axis: Axis, colour: Rgb888) {
        let (start, end) = (self.place(axis.start()), self.place(axis.end()));
        let Ok(()) = Line::new(start, end).into_styled(PrimitiveStyle::with_stroke(colour, 4)).draw(self);
        for end in [start, end] {
            let Ok(()) =
                Circle::with_center(end, 13).into_styled(PrimitiveStyle::with_fill(colour)).draw(self);
        }
    }

    fn scale_bar(&mut self, column_mm: f64) {
        let pixels_per_mm = self.slice_to_canvas.rows()[0][0] / column_mm;
        let edge = (SIZE * FINE) as f64;
        let Some(bar_mm) = bar_mm(pixels_per_mm) else { return };
        #[allow(clippy::cast_possible_truncation, reason = "the bar lies in the picture")]
        let [left, right, y] =
            [edge - 40.0 - bar_mm * pixels_per_mm, edge - 40.0, edge - 40.0].map(|v| v as i32);
        for (colour, width, beyond) in [(Rgb888::BLACK, 10, 2), (Rgb888::WHITE, 6, 0)] {
            let bar = Line::new(Place::new(left - beyond, y), Place::new(right + beyond, y));
            let Ok(()) = bar.into_styled(PrimitiveStyle::with_stroke(colour, width)).draw(self);
        }
        self.label(&format!("{bar_mm} mm"), Place::new(right, y - 18), Alignment::Right, Rgb888::WHITE);
    }

    fn label(&mut self, text: &str, at: Place, alignment: Alignment, colour: Rgb888) {
        self.text(&FONT_10X20, text, at, alignment, colour);
    }

    /// Text twice the font's size, with a dark edge that keeps it readable on any tissue.
    fn text(&mut self, font: &MonoFont<'_>, text: &str, at: Place, alignment: Alignment, colour: Rgb888) {
        let at = Place::new(at.x / 2, at.y / 2);
        let around = [(-1, 0), (1, 0), (0, -1), (0, 1), (0, 0)];
        for (i, (dx, dy)) in around.into_iter().enumerate() {
            let colour = if i + 1 == around.len() { colour } else { Rgb888::BLACK };
            let place = Place::new(at.x + dx, at.y + dy);
            let text = Text::with_alignment(text, place, MonoTextStyle::new(font, colour), alignment);
            let Ok(_) = text.draw(&mut Doubled(self));
        }
    }

    fn set(&mut self, at: Place, colour: Rgb888) {
        let (Ok(x), Ok(y)) = (usize::try_from(at.x), usize::try_from(at.y)) else { return };
        if x < SIZE * FINE && y < SIZE * FINE {
            self.pixels[y * SIZE * FINE + x] = [colour.r(), colour.g(), colour.b()];
        }
    }
}

/// The longest of [`BARS_MM`] that takes no more than a third of the picture's width.
fn bar_mm(pixels_per_mm: f64) -> Option<f64> {
    BARS_MM.into_iter().find(|mm| mm * pixels_per_mm <= (SIZE * FINE) as f64 / 3.0)
}

fn corners(area: LesionBox) -> [Point; 4] {
    let [x0, y0, x1, y1] = area.corners();
    [(x0, y0), (x1, y0), (x1, y1), (x0, y1)].map(|(x, y)| Point::new(x, y))
}

/// The slice under the picture, linear between its pixels, from its 0.5th to its 99.5th percentile there.
fn background(slice: &CtSlice<'_>, canvas_to_slice: AffineMap) -> Vec<[u8; 3]> {
    let size = SIZE * FINE;
    let values: Vec<f32> = (0..size * size)
        .map(|i| {
            let p = canvas_to_slice.apply(Point::new((i % size) as f64, (i / size) as f64));
            let (x, y) = (p.x.floor(), p.y.floor());
            #[allow(clippy::cast_possible_truncation, reason = "near the slice")]
            let (column, row, fx, fy) = (x as isize, y as isize, (p.x - x) as f32, (p.y - y) as f32);
            let along = |row| {
                let (left, right) = (slice.clamped(column, row), slice.clamped(column + 1, row));
                left + (right - left) * fx
            };
            let (top, bottom) = (along(row), along(row + 1));
            top + (bottom - top) * fy
        })
        .collect();
    let mut sorted = values.clone();
    sorted.sort_unstable_by(f32::total_cmp);
    let (low, high) = (sorted[sorted.len() / 200], sorted[sorted.len() - 1 - sorted.len() / 200]);
    let range = (high - low).max(f32::MIN_POSITIVE);
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to a byte")]
    values.into_iter().map(|v| [((v - low) / range * 255.0).clamp(0.0, 255.0) as u8; 3]).collect()
}

impl OriginDimensions for Overlay {
    fn size(&self) -> Size {
        let size = u32::try_from(SIZE * FINE).unwrap_or(u32::MAX);
        Size::new(size, size)
    }
}

impl DrawTarget for Overlay {
    type Color = Rgb888;
    type Error = Infallible;

    fn draw_iter<I: IntoIterator<Item = Pixel<Rgb888>>>(&mut self, pixels: I) -> Result<(), Infallible> {
        for Pixel(at, colour) in pixels {
            self.set(at, colour);
        }
        Ok(())
    }
}

/// Draws every pixel as a square of two by two.
struct Doubled<'a>(&'a mut Overlay);

impl OriginDimensions for Doubled<'_> {
    fn size(&self) -> Size {
        self.0.size() / 2
    }
}

impl DrawTarget for Doubled<'_> {
    type Color = Rgb888;
    type Error = Infallible;

    fn draw_iter<I: IntoIterator<Item = Pixel<Rgb888>>>(&mut self, pixels: I) -> Result<(), Infallible> {
        for Pixel(at, colour) in pixels {
            for (dx, dy) in [(0, 0), (1, 0), (0, 1), (1, 1)] {
                self.0.set(Place::new(at.x * 2 + dx, at.y * 2 + dy), colour);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scale_bar_fits_the_picture_whatever_it_covers() {
        let width = (SIZE * FINE) as f64;
        for (shown_mm, want) in
            [(1000.0, 50.0), (150.0, 50.0), (149.0, 10.0), (29.0, 5.0), (6.75, 1.0), (1.1, 0.1)]
        {
            assert_eq!(bar_mm(width / shown_mm), Some(want), "{shown_mm} mm");
        }
        assert_eq!(bar_mm(width / 0.2), None, "no bar rather than a wrong one");
    }
}
