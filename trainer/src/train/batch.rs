use rand::RngExt;
use rand_distr::StandardNormal;
use recist::geometry::{AffineGrid, Keypoints, Point, Theta};
use recist::image::{self, PATCH_PIXELS, PATCH_SIZE};

use super::{Configuration, Lesions, Stage};
use crate::data::{MaskTarget, Random, Targets, augment, gaussian_heatmaps, keyed, outline_mask};
use crate::network::Localization;

/// What one training step is given.
#[derive(Clone, Debug)]
pub struct Batch {
    /// Samples.
    pub size: usize,
    /// What the first network of the stage sees: normalised patches, or canonical patches for the hourglass.
    pub patches: Vec<f32>,
    /// The endpoints in patch pixels.
    pub keypoints: Vec<Keypoints>,
    /// θ, five numbers a sample.
    pub theta: Vec<f32>,
    /// Masks.
    pub mask: Vec<f32>,
    /// For the hourglass alone, its heatmaps: image, row, column, keypoint.
    pub heatmaps: Vec<f32>,
}

/// Draws and prepares the samples of a step. The batch depends on the configuration's seed, `stream` and
/// `step` alone.
///
/// # Panics
/// If there is no lesion.
#[must_use]
pub fn prepare(
    lesions: &Lesions<'_>,
    configuration: &Configuration,
    stage: Stage,
    heatmap_size: usize,
    stream: u64,
    step: u64,
) -> Batch {
    let size = configuration.batch;
    let mut batch = Batch {
        size,
        patches: Vec::with_capacity(size * PATCH_PIXELS),
        keypoints: Vec::with_capacity(size),
        theta: Vec::new(),
        mask: Vec::new(),
        heatmaps: Vec::new(),
    };
    let mut samples = Vec::new();
    for index in 0..size as u64 {
        let mut random = keyed(configuration.seed.wrapping_add(stream << 32), step, index);
        // What shows nothing, or has no θ, is drawn again.
        while batch.append(lesions, configuration, stage, heatmap_size, &mut samples, &mut random).is_none() {
        }
    }
    batch
}

impl Batch {
    fn append(
        &mut self,
        lesions: &Lesions<'_>,
        configuration: &Configuration,
        stage: Stage,
        heatmap_size: usize,
        samples: &mut Vec<f32>,
        random: &mut Random,
    ) -> Option<()> {
        let (lesion, pixels) = lesions.draw(random);
        pixels.read(samples).ok()?;
        let sample = augment(lesion, samples, pixels.depth, &configuration.augmentation, random).ok()?;
        let (targets, theta) = Targets::of(&sample.keypoints).ok()?;
        if stage == Stage::Shn {
            let theta = if configuration.fixed_pose {
                Localization::untrained_theta()
            } else {
                disturbed(theta, configuration.pose_noise, random)?
            };
            let heatmaps = gaussian_heatmaps(&sample.keypoints, theta, heatmap_size).ok()?;
            let grid = AffineGrid::from_normalised(theta.canonical_to_patch(), PATCH_SIZE, PATCH_SIZE);
            let first = self.patches.len();
            self.patches.resize(first + PATCH_PIXELS, 0.0);
            image::sample(&sample.patch[..], PATCH_SIZE, &grid, &mut self.patches[first..]);
            interleave(&heatmaps, heatmap_size, &mut self.heatmaps);
        } else {
            self.patches.extend_from_slice(&sample.patch[..]);
            if configuration.mask == MaskTarget::Outline && pixels.has_outlines() {
                pixels.read_outlines(samples).ok()?;
                self.mask.extend(outline_mask(samples, sample.reader, sample.patch_to_source));
            } else {
                self.mask.extend_from_slice(&targets.mask);
            }
        }
        self.keypoints.push(sample.keypoints);
        self.theta.extend(targets.theta);
        Some(())
    }
}

/// θ as a localization network might have found it.
fn disturbed(theta: Theta, [shift, angle, scale]: [f64; 3], random: &mut Random) -> Option<Theta> {
    let mut normal = |deviation: f64| -> f64 {
        let value: f64 = random.sample(StandardNormal);
        deviation * value.clamp(-2.5, 2.5)
    };
    let shift = theta.shift() + Point::new(normal(shift), normal(shift));
    let (cos, sin) = theta.double_angle();
    let angle = sin.atan2(cos) + normal(angle);
    Theta::from_double_angle(shift, angle.cos(), angle.sin(), theta.scale() * normal(scale).exp()).ok()
}

/// From map after map to pixel after pixel.
pub(super) fn interleave(heatmaps: &[f32], size: usize, target: &mut Vec<f32>) {
    let pixels = size * size;
    target.extend((0..4 * pixels).map(|i| heatmaps[i % 4 * pixels + i / 4]));
}
