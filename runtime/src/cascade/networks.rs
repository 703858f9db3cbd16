use super::Mask;
use crate::geometry::{Point, Theta, ThetaError};
use crate::image::Patch;

/// The two trained networks, on whatever engine runs them.
pub trait Networks {
    /// Why a network could not be run.
    type Error: core::fmt::Display;

    /// Rows and columns of a heatmap: at most [`super::MAXIMUM_HEATMAP_SIZE`].
    fn heatmap_size(&self) -> usize;

    /// See [`Cascade::low_confidence`](super::Cascade::low_confidence).
    fn low_confidence(&self) -> f32;

    /// The localization network: from the normalised patch to the lesion mask over it (above
    /// [`super::LESION_LEVEL`] is lesion; NaN throughout where the network has none) and what carries θ.
    ///
    /// # Errors
    /// If the engine cannot run the network.
    fn localize(&mut self, patch: &Patch, mask: &mut Mask) -> Result<ThetaOutputs, Self::Error>;

    /// The hourglass: from the canonical patch to four heatmaps, long axis left and right end, short axis
    /// top and bottom end, one after the other, each `heatmap_size` squared and row by row.
    ///
    /// # Errors
    /// If the engine cannot run the network.
    fn find_keypoints(&mut self, canonical: &Patch, heatmaps: &mut [f32]) -> Result<(), Self::Error>;
}

/// The five numbers of the localization network that carry θ = (tx, ty, α, s).
///
/// The angle is carried by its double, because an axis has no head and no tail, and the scale by its
/// logarithm, because twice too large is as wrong as twice too small.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ThetaOutputs {
    /// tx, in half patch widths.
    pub shift_x: f32,
    /// ty, in half patch widths.
    pub shift_y: f32,
    /// cos 2α, up to a positive factor shared with `sin2`.
    pub cos2: f32,
    /// sin 2α.
    pub sin2: f32,
    /// Natural logarithm of s.
    pub ln_scale: f32,
}

impl ThetaOutputs {
    /// The numbers in the order of the network's output: tx, ty, cos 2α, sin 2α, ln s.
    #[must_use]
    pub const fn from_array([shift_x, shift_y, cos2, sin2, ln_scale]: [f32; 5]) -> Self {
        Self { shift_x, shift_y, cos2, sin2, ln_scale }
    }

    /// The transformation parameters.
    ///
    /// # Errors
    /// If the numbers carry none.
    pub fn theta(self) -> Result<Theta, ThetaError> {
        let shift = Point::new(self.shift_x.into(), self.shift_y.into());
        let scale = super::exponential(self.ln_scale.into());
        Theta::from_double_angle(shift, self.cos2.into(), self.sin2.into(), scale)
    }
}
