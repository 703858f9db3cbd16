use std::fmt;

use rand::RngExt;
use rand_distr::StandardNormal;
use recist::geometry::{AffineGrid, Keypoints, Point, Theta, ThetaError};
use recist::image::{self, PATCH_PIXELS, PATCH_SIZE};

use super::{Configuration, Lesions, Stage};
use crate::data::{PackError, Random, Targets, augment, gaussian_heatmaps, keyed};
use crate::network::Localization;

/// What one training step is given.
#[derive(Clone, Debug)]
pub(super) struct Batch {
    /// Samples.
    pub(super) size: usize,
    /// What the first network of the stage sees: normalised patches, or canonical patches for the hourglass.
    pub(super) patches: Vec<f32>,
    /// The endpoints in patch pixels.
    pub(super) keypoints: Vec<Keypoints>,
    /// θ, five numbers a sample.
    pub(super) theta: Vec<f32>,
    /// Masks, where the localization network is trained.
    pub(super) mask: Vec<f32>,
    /// For [`Stage::Shn`], the hourglass' heatmaps: image, row, column, keypoint. Else they follow from the θ that is
    /// found.
    pub(super) heatmaps: Vec<f32>,
}

/// Why a step has no batch.
#[derive(Debug)]
pub(super) enum BatchError {
    /// A lesion cannot be read from its pack.
    Pack(PackError),
    /// A lesion gives no sample, nor did those that were drawn before it.
    NoSample {
        /// [`Lesion::name`](crate::data::Lesion::name).
        lesion: String,
        /// Why it gives none.
        reason: String,
    },
}

/// How often a sample is drawn before it is given up. Where every second draw shows nothing, that comes to pass once
/// in 10³⁰⁰ samples.
const DRAWS: usize = 1000;

/// Draws and prepares the samples of a step. The batch depends on the configuration's seed, `stream` and
/// `step` alone.
///
/// # Errors
/// If a lesion cannot be read, or a thousand draws in a row show nothing.
///
/// # Panics
/// If there is no lesion.
pub(super) fn prepare(
    lesions: &Lesions<'_>,
    configuration: &Configuration,
    stage: Stage,
    heatmap_size: usize,
    stream: u64,
    step: u64,
) -> Result<Batch, BatchError> {
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
        let mut draw =
            || batch.append(lesions, configuration, stage, heatmap_size, &mut samples, &mut random);
        let mut drawn = draw();
        for _ in 1..DRAWS {
            if !matches!(drawn, Err(BatchError::NoSample { .. })) {
                break;
            }
            drawn = draw();
        }
        drawn?;
    }
    Ok(batch)
}

impl Batch {
    /// Appends the sample of a lesion that it draws; nothing if there is none.
    fn append(
        &mut self,
        lesions: &Lesions<'_>,
        configuration: &Configuration,
        stage: Stage,
        heatmap_size: usize,
        samples: &mut Vec<f32>,
        random: &mut Random,
    ) -> Result<(), BatchError> {
        let (lesion, pixels) = lesions.draw(random);
        let no_sample = |reason| BatchError::NoSample { lesion: lesion.name.clone(), reason };
        pixels.read(samples).map_err(BatchError::Pack)?;
        let sample =
            augment(lesion, samples, pixels.depth, &configuration.augmentation, random).map_err(no_sample)?;
        let (targets, theta) = Targets::of(&sample.keypoints).map_err(no_sample)?;
        if stage == Stage::Shn {
            let theta = if configuration.fixed_pose {
                Localization::untrained_theta()
            } else {
                disturbed(theta, configuration.pose_noise, random)
                    .map_err(|error| no_sample(error.to_string()))?
            };
            let heatmaps = gaussian_heatmaps(&sample.keypoints, theta, heatmap_size).map_err(no_sample)?;
            let grid = AffineGrid::from_normalised(theta.canonical_to_patch(), PATCH_SIZE, PATCH_SIZE);
            let first = self.patches.len();
            self.patches.resize(first + PATCH_PIXELS, 0.0);
            image::sample(&sample.patch[..], PATCH_SIZE, &grid, &mut self.patches[first..]);
            interleave(&heatmaps, heatmap_size, &mut self.heatmaps);
        } else {
            if stage != Stage::Follow {
                let mask = configuration.mask.of(targets.mask, &sample, pixels).map_err(BatchError::Pack)?;
                self.mask.extend(mask);
            }
            self.patches.extend_from_slice(&sample.patch[..]);
        }
        self.keypoints.push(sample.keypoints);
        self.theta.extend(targets.theta);
        Ok(())
    }
}

impl fmt::Display for BatchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pack(error) => error.fmt(f),
            Self::NoSample { lesion, reason } => {
                write!(
                    f,
                    "{DRAWS} lesions in a row were drawn and gave no sample; the last, {lesion}: {reason}"
                )
            }
        }
    }
}

impl std::error::Error for BatchError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Pack(error) => Some(error),
            Self::NoSample { .. } => None,
        }
    }
}

/// θ as a localization network might have found it.
fn disturbed(
    theta: Theta,
    [shift, angle, scale]: [f64; 3],
    random: &mut Random,
) -> Result<Theta, ThetaError> {
    let mut normal = |deviation: f64| -> f64 {
        let value: f64 = random.sample(StandardNormal);
        deviation * value.clamp(-2.5, 2.5)
    };
    let shift = theta.shift() + Point::new(normal(shift), normal(shift));
    let (cos, sin) = theta.double_angle();
    let angle = sin.atan2(cos) + normal(angle);
    Theta::from_double_angle(shift, angle.cos(), angle.sin(), theta.scale() * normal(scale).exp())
}

/// From map after map to pixel after pixel.
pub(super) fn interleave(heatmaps: &[f32], size: usize, target: &mut Vec<f32>) {
    let pixels = size * size;
    target.extend((0..4 * pixels).map(|i| heatmaps[i % 4 * pixels + i / 4]));
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use sha2::{Digest, Sha256};

    use super::*;
    use crate::data::{MaskTarget, Pack, PackWriter, Split, phantom};

    /// A pack of phantoms with outlines, of which the given ones show nothing.
    fn pack(path: &Path, blank: &[u64]) -> Pack {
        let mut writer = PackWriter::open(path, "test").unwrap();
        for index in 0..2 {
            let mut phantom = phantom(4, index, None);
            (phantom.lesion.name, phantom.lesion.split) = (format!("phantom {index}"), Split::Train);
            if blank.contains(&index) {
                phantom.samples.fill(-1000.0);
            }
            phantom.outlines = Some(vec![1.0; phantom.samples.len()]);
            writer.append(phantom).unwrap();
        }
        writer.finish().unwrap();
        Pack::open(path).unwrap()
    }

    /// The joint stage's batch of a pack, with outlines as masks.
    fn batch(pack: Pack) -> Result<Batch, BatchError> {
        let configuration =
            Configuration { batch: 16, mask: MaskTarget::Outline, ..Configuration::open("edge").unwrap() };
        let packs = [pack];
        prepare(&Lesions::new(&packs, Split::Train, &configuration), &configuration, Stage::Joint, 32, 0, 0)
    }

    /// The pack at `path` with a byte of its picture number `number` changed and the checksum made good.
    fn damage(path: &Path, number: usize) -> Pack {
        let mut bytes = std::fs::read(path).unwrap();
        let is_picture = |&at: &usize| bytes[at..].starts_with(b"\x89PNG");
        let at = (0..bytes.len()).filter(is_picture).nth(number).unwrap();
        bytes[at + 1] = b'J';
        let end = bytes.len() - 32;
        let checksum = Sha256::digest(&bytes[..end]);
        bytes[end..].copy_from_slice(&checksum);
        std::fs::write(path, bytes).unwrap();
        Pack::open(path).unwrap()
    }

    #[test]
    fn lesions_that_show_nothing_end_in_an_error_and_not_in_an_endless_loop() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lesions.pack");
        let error = batch(pack(&path, &[0, 1])).unwrap_err();
        let BatchError::NoSample { lesion, reason } = &error else { panic!("{error:?}") };
        assert!(lesion.starts_with("phantom ") && !reason.is_empty(), "{error:?}");
        let told =
            format!("1000 lesions in a row were drawn and gave no sample; the last, {lesion}: {reason}");
        assert_eq!(error.to_string(), told);
        assert!(!reason.contains("phantom"), "{error}");
    }

    #[test]
    fn a_lesion_that_shows_nothing_is_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lesions.pack");
        let batch = batch(pack(&path, &[0])).unwrap();
        let mask = recist::cascade::MASK_SIZE * recist::cascade::MASK_SIZE;
        assert_eq!((batch.patches.len(), batch.mask.len()), (16 * PATCH_PIXELS, 16 * mask));
        assert_eq!((batch.keypoints.len(), batch.theta.len()), (16, 16 * 5));
    }

    #[test]
    fn a_damaged_picture_ends_the_batch_at_once() {
        let folder = tempfile::tempdir().unwrap();
        for (number, name) in ["phantom 0", "phantom 0", "phantom 1", "phantom 1"].into_iter().enumerate() {
            let path = folder.path().join(format!("{number}.pack"));
            drop(pack(&path, &[]));
            let error = batch(damage(&path, number)).unwrap_err();
            assert!(matches!(error, BatchError::Pack(_)), "picture {number}: {error:?}");
            assert!(error.to_string().contains(name), "picture {number}: {error}");
        }
        assert!(batch(pack(&folder.path().join("control.pack"), &[])).is_ok(), "control");
    }
}
