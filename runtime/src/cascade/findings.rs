use super::measure::{MeasureError, Stage};
use super::{Networks, Peak, ThetaOutputs, Workspace, decode};
use crate::geometry::{AffineGrid, AffineMap, Point, Theta};
use crate::image::{PATCH_SIZE, sample};

/// The scales s that a lesion in a rough box can have. Its long axis is 0.6 s of the patch's width, which is 1.25 sides
/// of the box: 0.0375 to 3 of these sides.
const SCALES: core::ops::RangeInclusive<f64> = 0.05..=4.0;

/// From the normalised patch to the keypoints: both networks, the sampler between them and the decoding behind
/// them, whatever runs them.
///
/// Every [`Networks`] is one: the sampler and the decoding are then called here, one after the other.
pub trait Cascade {
    /// Why a network could not be run.
    type Error: core::fmt::Display;

    /// Finds the keypoints in the workspace's patch. On success the workspace holds the mask, the canonical
    /// patch and the heatmaps. `finished` is called for every stage from [`Stage::Localization`] to
    /// [`Stage::Hourglass`], when it ends.
    ///
    /// # Errors
    /// If a network cannot be run or the localization network found no lesion that can be in the box.
    fn find(
        &mut self,
        workspace: &mut Workspace,
        finished: &mut dyn FnMut(Stage),
    ) -> Result<Findings, MeasureError<Self::Error>>;

    /// The confidence below which a measurement carries [`Warning::LowConfidence`](super::Warning::LowConfidence). It
    /// is the model's: how sure a model is of a clear endpoint depends on what it learned from and for how long.
    fn low_confidence(&self) -> f32;
}

/// What a cascade finds in a patch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Findings {
    /// Where the canonical patch lies in the patch.
    pub theta: Theta,
    /// Long axis left and right end, short axis top and bottom end.
    pub keypoints: [CanonicalKeypoint; 4],
}

/// A keypoint as its heatmap shows it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct CanonicalKeypoint {
    /// Where it is, in normalised coordinates of the canonical patch.
    pub position: Point,
    /// See [`Peak::confidence`].
    pub confidence: f32,
}

impl<N: Networks> Cascade for N {
    type Error = N::Error;

    fn find(
        &mut self,
        workspace: &mut Workspace,
        finished: &mut dyn FnMut(Stage),
    ) -> Result<Findings, MeasureError<N::Error>> {
        let Workspace { patch, canonical, mask, heatmaps } = workspace;
        let theta = plausible(self.localize(patch, mask).map_err(MeasureError::Network)?)?;
        finished(Stage::Localization);

        let grid = AffineGrid::from_normalised(theta.canonical_to_patch(), PATCH_SIZE, PATCH_SIZE);
        sample(patch, PATCH_SIZE, &grid, canonical);
        finished(Stage::Sampling);

        let size = self.heatmap_size();
        let heatmaps = &mut heatmaps[..4 * size * size];
        self.find_keypoints(canonical, heatmaps).map_err(MeasureError::Network)?;
        finished(Stage::Hourglass);
        Ok(Findings { theta, keypoints: CanonicalKeypoint::decode(heatmaps, size) })
    }

    fn low_confidence(&self) -> f32 {
        Networks::low_confidence(self)
    }
}

impl CanonicalKeypoint {
    /// The keypoints of four heatmaps of `size` x `size` values, one map after the other.
    pub(crate) fn decode(heatmaps: &[f32], size: usize) -> [Self; 4] {
        let mut keypoints = [Self::default(); 4];
        for (keypoint, heatmap) in keypoints.iter_mut().zip(heatmaps.chunks_exact(size * size)) {
            let Peak { position, confidence } = decode(heatmap, size);
            let position = AffineMap::pixels_to_normalised(size).apply(position);
            *keypoint = Self { position, confidence };
        }
        keypoints
    }
}

/// The θ of a lesion that can be in the box.
pub(crate) fn plausible<E>(outputs: ThetaOutputs) -> Result<Theta, MeasureError<E>> {
    let theta = outputs.theta().map_err(MeasureError::Theta)?;
    let (shift, scale) = (theta.shift(), theta.scale());
    if shift.x.abs() <= 1.0 && shift.y.abs() <= 1.0 && SCALES.contains(&scale) {
        Ok(theta)
    } else {
        Err(MeasureError::Implausible { shift, scale })
    }
}
