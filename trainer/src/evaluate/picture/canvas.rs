use std::convert::Infallible;
use std::path::Path;

use embedded_graphics::Drawable;
use embedded_graphics::mono_font::iso_8859_1::{FONT_7X13, FONT_9X18_BOLD};
use embedded_graphics::mono_font::{MonoFont, MonoTextStyle};
use embedded_graphics::pixelcolor::Rgb888;
use embedded_graphics::prelude::{
    DrawTarget, OriginDimensions, Pixel, Point as Place, Primitive, RgbColor, Size,
};
use embedded_graphics::primitives::{Circle, Line, PrimitiveStyle, Rectangle, Styled, Triangle};
use embedded_graphics::text::{Alignment, Baseline, Text, TextStyleBuilder};
use recist::image::{PngError, write_rgb};

/// A white page.
#[derive(Debug)]
pub(super) struct Canvas {
    size: Size,
    pixels: Vec<[u8; 3]>,
}

impl Canvas {
    pub(super) fn new(width: i32, height: i32) -> Self {
        let size = Size::new(width.unsigned_abs(), height.unsigned_abs());
        Self { size, pixels: vec![[255; 3]; size.width as usize * size.height as usize] }
    }

    pub(super) fn write(&self, path: &Path) -> Result<(), PngError> {
        write_rgb(path, [self.size.width, self.size.height], &self.pixels)
    }

    /// Small text whose middle, left end or right end (by `alignment`) is at `at`.
    pub(super) fn text(&mut self, text: &str, at: Place, alignment: Alignment, colour: Rgb888) {
        self.write_text(text, at, alignment, colour, &FONT_7X13);
    }

    /// Large text that begins at `at`.
    pub(super) fn large(&mut self, text: &str, at: Place, colour: Rgb888) {
        self.write_text(text, at, Alignment::Left, colour, &FONT_9X18_BOLD);
    }

    fn write_text(
        &mut self,
        text: &str,
        at: Place,
        alignment: Alignment,
        colour: Rgb888,
        font: &MonoFont<'_>,
    ) {
        let style = TextStyleBuilder::new().alignment(alignment).baseline(Baseline::Top).build();
        let Ok(_) = Text::with_text_style(text, at, MonoTextStyle::new(font, colour), style).draw(self);
    }

    pub(super) fn line(&mut self, from: Place, to: Place, colour: Rgb888, width: u32) {
        self.shape(Line::new(from, to).into_styled(PrimitiveStyle::with_stroke(colour, width)));
    }

    pub(super) fn dot(&mut self, at: Place, colour: Rgb888) {
        self.shape(Circle::with_center(at, 5).into_styled(PrimitiveStyle::with_fill(colour)));
    }

    /// A triangle round `at` whose top lies `towards` from there.
    pub(super) fn triangle(&mut self, at: Place, towards: Place, colour: Rgb888) {
        let across = Place::new(towards.y, -towards.x);
        let corners = Triangle::new(at + towards, at - towards + across, at - towards - across);
        self.shape(corners.into_styled(PrimitiveStyle::with_fill(colour)));
    }

    pub(super) fn fill(&mut self, area: Rectangle, colour: Rgb888) {
        self.shape(area.into_styled(PrimitiveStyle::with_fill(colour)));
    }

    pub(super) fn set(&mut self, at: Place, colour: Rgb888) {
        let (Ok(x), Ok(y)) = (u32::try_from(at.x), u32::try_from(at.y)) else { return };
        if x < self.size.width && y < self.size.height {
            self.pixels[(y * self.size.width + x) as usize] = [colour.r(), colour.g(), colour.b()];
        }
    }

    #[cfg(test)]
    pub(super) fn pixels(&self) -> impl Iterator<Item = [u8; 3]> + '_ {
        self.pixels.iter().copied()
    }

    fn shape<P>(&mut self, shape: Styled<P, PrimitiveStyle<Rgb888>>)
    where
        Styled<P, PrimitiveStyle<Rgb888>>: Drawable<Color = Rgb888, Output = ()>,
    {
        let Ok(()) = shape.draw(self);
    }
}

impl OriginDimensions for Canvas {
    fn size(&self) -> Size {
        self.size
    }
}

impl DrawTarget for Canvas {
    type Color = Rgb888;
    type Error = Infallible;

    fn draw_iter<I: IntoIterator<Item = Pixel<Rgb888>>>(&mut self, pixels: I) -> Result<(), Infallible> {
        for Pixel(at, colour) in pixels {
            self.set(at, colour);
        }
        Ok(())
    }
}
