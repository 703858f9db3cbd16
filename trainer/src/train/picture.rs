use std::path::Path;

use recist::cascade::{MASK_SIZE, Workspace};
use recist::geometry::{AffineMap, Keypoints, Point};
use recist::image::{PATCH_SIZE, write_rgb};

use super::validation::measured;
use super::{Lesions, Trainer};
use crate::autodiff::Device;
use crate::evaluate::TrainedNetworks;

const LESIONS: usize = 10;
const TILES: usize = 5;
const READER: [u8; 3] = [60, 220, 90];
const MEASURED: [u8; 3] = [255, 90, 60];

/// A canvas of square tiles.
struct Sheet {
    width: usize,
    pixels: Vec<[u8; 3]>,
}

/// Writes a sheet like the paper's figure 3, one validation lesion a row: the patch with the readers' axes,
/// the mask, the canonical patch, the heatmaps, the patch with the measured axes. A lesion that is refused
/// has its patch alone.
///
/// # Errors
/// If the file cannot be written.
pub(super) fn sheet<D: Device<f32>>(
    path: &Path,
    trainer: &Trainer<D>,
    lesions: &Lesions<'_>,
    heatmap_size: usize,
) -> Result<(), Box<dyn std::error::Error>> {
    let mut networks = TrainedNetworks::new(&trainer.cascade, heatmap_size);
    let mut workspace = Box::new(Workspace::new());
    let lesions = lesions.spread(LESIONS);
    let width = TILES * PATCH_SIZE;
    let mut sheet = Sheet { width, pixels: vec![[0; 3]; width * PATCH_SIZE * lesions.len()] };
    for (row, (lesion, pixels)) in lesions.into_iter().enumerate() {
        let measurement = measured(&mut networks, lesion, pixels, &mut workspace);
        sheet.grey(row, 0, PATCH_SIZE, &workspace.patch);
        let Some(measurement) = measurement else { continue };
        let to_patch = AffineMap::normalised_to_box(measurement.square)
            .inverse()
            .map(|map| map.then(AffineMap::normalised_to_pixels(PATCH_SIZE)));
        let Some(to_patch) = to_patch else { continue };
        for reader in lesion.keypoints() {
            sheet.axes(row, 0, &reader.map(|p| to_patch.apply(p)), READER);
        }
        sheet.grey(row, 1, MASK_SIZE, &workspace.mask);
        sheet.grey(row, 2, PATCH_SIZE, &workspace.canonical);
        let maps: Vec<&[f32]> =
            workspace.heatmaps.chunks_exact(heatmap_size * heatmap_size).take(4).collect();
        let all: Vec<f32> = (0..heatmap_size * heatmap_size)
            .map(|i| maps.iter().map(|map| map[i]).fold(0.0, f32::max))
            .collect();
        sheet.grey(row, 3, heatmap_size, &all);
        sheet.grey(row, 4, PATCH_SIZE, &workspace.patch);
        sheet.axes(row, 4, &measurement.axes.keypoints().map(|p| to_patch.apply(p)), MEASURED);
    }
    let height = u32::try_from(sheet.pixels.len() / width)?;
    write_rgb(path, [u32::try_from(width)?, height], &sheet.pixels)?;
    Ok(())
}

impl Sheet {
    /// Fills a tile with a square picture of values from 0 to 1, magnified to the tile.
    fn grey(&mut self, row: usize, tile: usize, size: usize, values: &[f32]) {
        for y in 0..PATCH_SIZE {
            for x in 0..PATCH_SIZE {
                let value = values[y * size / PATCH_SIZE * size + x * size / PATCH_SIZE];
                #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturating")]
                let grey = (value * 255.0) as u8;
                self.pixels[(row * PATCH_SIZE + y) * self.width + tile * PATCH_SIZE + x] = [grey; 3];
            }
        }
    }

    fn axes(&mut self, row: usize, tile: usize, keypoints: &Keypoints, colour: [u8; 3]) {
        self.line(row, tile, keypoints.long_start, keypoints.long_end, colour);
        self.line(row, tile, keypoints.short_start, keypoints.short_end, colour);
    }

    fn line(&mut self, row: usize, tile: usize, from: Point, to: Point, colour: [u8; 3]) {
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
                self.pixels[(row * PATCH_SIZE + y) * self.width + tile * PATCH_SIZE + x] = colour;
            }
        }
    }
}
