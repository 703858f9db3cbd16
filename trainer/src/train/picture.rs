use std::path::Path;

use recist::cascade::{MASK_SIZE, Workspace};
use recist::geometry::AffineMap;
use recist::image::PATCH_SIZE;

use super::run_error::named;
use super::validation::measured;
use super::{Lesions, RunError, Trainer};
use crate::autodiff::Device;
use crate::data::{Colour, Sheet};
use crate::evaluate::TrainedNetworks;

const LESIONS: usize = 10;
const TILES: usize = 5;
const READER: Colour = [60, 220, 90];
const MEASURED: Colour = [255, 90, 60];

/// Writes a sheet like the paper's figure 3, one validation lesion a row: the patch with the readers' axes,
/// the mask, the canonical patch, the heatmaps, the patch with the measured axes. A lesion that is refused
/// has its patch alone.
///
/// # Errors
/// If a lesion cannot be read from its pack, or the file cannot be written.
pub(super) fn sheet<D: Device<f32>>(
    path: &Path,
    trainer: &Trainer<D>,
    lesions: &Lesions<'_>,
    knows_mask: bool,
) -> Result<(), RunError> {
    let mut networks = TrainedNetworks::new(&trainer.cascade, knows_mask);
    let heatmap_size = trainer.cascade.heatmap_size();
    let mut workspace = Box::new(Workspace::new());
    let lesions = lesions.spread(LESIONS);
    let mut sheet = Sheet::new(lesions.len(), TILES);
    for (row, (lesion, pixels)) in lesions.into_iter().enumerate() {
        let measurement = measured(&mut networks, lesion, pixels, &mut workspace)?;
        sheet.grey([row, 0], PATCH_SIZE, &workspace.patch);
        let Some(measurement) = measurement else { continue };
        let to_patch = AffineMap::normalised_to_box(measurement.square)
            .inverse()
            .map(|map| map.then(AffineMap::normalised_to_pixels(PATCH_SIZE)));
        let Some(to_patch) = to_patch else { continue };
        for reader in lesion.keypoints() {
            sheet.axes([row, 0], &reader.map(|p| to_patch.apply(p)), READER);
        }
        sheet.grey([row, 1], MASK_SIZE, &workspace.mask);
        sheet.grey([row, 2], PATCH_SIZE, &workspace.canonical);
        let maps: Vec<&[f32]> =
            workspace.heatmaps.chunks_exact(heatmap_size * heatmap_size).take(4).collect();
        let all: Vec<f32> = (0..heatmap_size * heatmap_size)
            .map(|i| maps.iter().map(|map| map[i]).fold(0.0, f32::max))
            .collect();
        sheet.grey([row, 3], heatmap_size, &all);
        sheet.grey([row, 4], PATCH_SIZE, &workspace.patch);
        sheet.axes([row, 4], &measurement.axes.keypoints().map(|p| to_patch.apply(p)), MEASURED);
    }
    sheet.write(path).map_err(|error| named(path, &error))
}
