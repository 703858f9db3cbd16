use std::path::Path;

use recist::geometry::{Keypoints, Point};
use recist::image::{PATCH_SIZE, PngError, write_rgb};

/// A picture of tiles, each as large as a patch.
#[derive(Clone, Debug)]
pub struct Sheet {
    columns: usize,
    pixels: Vec<[u8; 3]>,
}

/// Red, green, blue.
pub type Colour = [u8; 3];

impl Sheet {
    /// A black sheet.
    #[must_use]
    pub fn new(rows: usize, columns: usize) -> Self {
        Self { columns, pixels: vec![[0; 3]; rows * columns * PATCH_SIZE * PATCH_SIZE] }
    }

    /// Fills a tile with a square picture of values from 0 to 1, magnified to the tile.
    ///
    /// # Panics
    /// If there is no such tile, or fewer values than `size` squared.
    pub fn grey(&mut self, tile: [usize; 2], size: usize, values: &[f32]) {
        for y in 0..PATCH_SIZE {
            for x in 0..PATCH_SIZE {
                let value = values[y * size / PATCH_SIZE * size + x * size / PATCH_SIZE];
                #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturating")]
                let grey = (value * 255.0) as u8;
                *self.pixel(tile, x, y) = [grey; 3];
            }
        }
    }

    /// Draws both axes, given in pixels of the tile, as far as they lie in it.
    ///
    /// # Panics
    /// If there is no such tile.
    pub fn axes(&mut self, tile: [usize; 2], keypoints: &Keypoints, colour: Colour) {
        for axis in [keypoints.long(), keypoints.short()] {
            self.line(tile, axis.start(), axis.end(), colour);
        }
    }

    /// Writes the sheet as a PNG file.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), PngError> {
        let width = self.columns * PATCH_SIZE;
        #[allow(clippy::cast_possible_truncation, reason = "a sheet in memory has fewer pixels a side")]
        let size = [width as u32, (self.pixels.len() / width) as u32];
        write_rgb(path, size, &self.pixels)
    }

    fn line(&mut self, tile: [usize; 2], from: Point, to: Point, colour: Colour) {
        let steps = 2 * PATCH_SIZE;
        for step in 0..=steps {
            let at = from + (to - from) * (step as f64 / steps as f64);
            #[allow(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "saturating, then checked"
            )]
            let (x, y) = (at.x.round() as usize, at.y.round() as usize);
            if x < PATCH_SIZE && y < PATCH_SIZE {
                *self.pixel(tile, x, y) = colour;
            }
        }
    }

    fn pixel(&mut self, [row, column]: [usize; 2], x: usize, y: usize) -> &mut Colour {
        &mut self.pixels[((row * PATCH_SIZE + y) * self.columns + column) * PATCH_SIZE + x]
    }
}
