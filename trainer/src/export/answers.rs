use recist::cascade::{MASK_PIXELS, Networks};
use recist::image::PATCH_PIXELS;

use super::CalibrationPatches;

/// What both networks, on whatever engine, answer on the same patches.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Answers {
    /// Rows and columns of a heatmap.
    pub(super) heatmap_size: usize,
    /// Mask after mask.
    pub(super) masks: Vec<f32>,
    /// θ's five numbers a patch.
    pub(super) theta: Vec<f32>,
    /// Four heatmaps a patch.
    pub(super) heatmaps: Vec<f32>,
}

impl Answers {
    /// Runs both networks on every pair of patches.
    ///
    /// # Errors
    /// If a network cannot be run.
    pub(super) fn of<N: Networks>(networks: &mut N, patches: &CalibrationPatches) -> Result<Self, String> {
        let heatmap_size = networks.heatmap_size();
        let mut answers = Self { heatmap_size, masks: vec![], theta: vec![], heatmaps: vec![] };
        let pairs = patches.patches.as_chunks::<PATCH_PIXELS>().0.iter();
        for (patch, canonical) in pairs.zip(patches.canonical.as_chunks::<PATCH_PIXELS>().0) {
            let mut mask = [0.0; MASK_PIXELS];
            let theta = networks.localize(patch, &mut mask).map_err(|error| error.to_string())?;
            answers.masks.extend(mask);
            answers.theta.extend([theta.shift_x, theta.shift_y, theta.cos2, theta.sin2, theta.ln_scale]);
            let first = answers.heatmaps.len();
            answers.heatmaps.resize(first + 4 * heatmap_size * heatmap_size, 0.0);
            let heatmaps = &mut answers.heatmaps[first..];
            networks.find_keypoints(canonical, heatmaps).map_err(|error| error.to_string())?;
        }
        Ok(answers)
    }

    /// From the outputs of both networks, patch after patch.
    ///
    /// # Errors
    /// If there is not a mask and five numbers, and four heatmaps of `heatmap_size`, for each of `patches`.
    pub(super) fn from_outputs(
        [localization, hourglass]: [Vec<f32>; 2],
        patches: usize,
        heatmap_size: usize,
    ) -> Result<Self, String> {
        let expected = [MASK_PIXELS + 5, 4 * heatmap_size * heatmap_size].map(|numbers| patches * numbers);
        let found = [localization.len(), hourglass.len()];
        if found != expected {
            return Err(format!("{found:?} numbers for {patches} patches, not {expected:?}"));
        }
        let (mut masks, mut theta) = (Vec::new(), Vec::new());
        for outputs in localization.chunks_exact(MASK_PIXELS + 5) {
            let (mask, numbers) = outputs.split_at(MASK_PIXELS);
            masks.extend_from_slice(mask);
            theta.extend_from_slice(numbers);
        }
        Ok(Self { heatmap_size, masks, theta, heatmaps: hourglass })
    }
}
