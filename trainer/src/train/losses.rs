//! The losses, as plain functions on the host: each adds its gradient to a buffer and gives its value. A network
//! has a few thousand outputs a sample, so bringing them to the host costs nothing beside the step itself.

use serde::{Deserialize, Serialize};

/// The factors of the parts of a loss; a part whose factor is 0 is left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LossWeights {
    /// `L_LRP`: the mask's mean squared error.
    pub mask: f64,
    /// `L_TPP`: squared errors of the shift, of the double angle's cosine and sine, of ln scale.
    pub pose: [f64; 3],
    /// `L_HM`: the heatmaps' mean squared error, the sum over the stacks.
    pub heatmaps: f64,
    /// `L_cos`: the mean of cos² of the angle between the axes. The paper (section 2.2) says that the cosine
    /// "should always be 1"; two axes are perpendicular where it is 0. So this is 0 for perpendicular axes and 1 for
    /// parallel ones. An axis of less than a heatmap's pixel has no direction, and costs nothing.
    pub cosine: f64,
    /// The mean distance of the last stack's four endpoints; not in the paper. One that is further than the decoding's
    /// reach counts as that far and has no gradient: no change within the window would bring it there, the heatmaps
    /// must.
    pub ends: f64,
    /// The mean absolute difference of both axes' lengths; not in the paper.
    pub lengths: f64,
}

/// The parts of a loss, weighted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Losses {
    /// `L_LRP`.
    pub mask: f64,
    /// `L_TPP`.
    pub pose: f64,
    /// `L_HM`.
    pub heatmaps: f64,
    /// `L_cos`.
    pub cosine: f64,
    /// [`LossWeights::ends`].
    pub ends: f64,
    /// [`LossWeights::lengths`].
    pub lengths: f64,
}

impl Losses {
    /// The loss.
    #[must_use]
    pub fn sum(&self) -> f64 {
        self.mask + self.pose + self.heatmaps + self.cosine + self.ends + self.lengths
    }

    /// Adds another batch's, scaled.
    pub(super) fn add(&mut self, other: &Self, factor: f64) {
        self.mask += factor * other.mask;
        self.pose += factor * other.pose;
        self.heatmaps += factor * other.heatmaps;
        self.cosine += factor * other.cosine;
        self.ends += factor * other.ends;
        self.lengths += factor * other.lengths;
    }
}

/// `weight` times the mean squared difference of `found` and `expected`.
///
/// # Panics
/// If the lengths differ.
pub(super) fn mean_squared_error(found: &[f32], expected: &[f32], weight: f64, gradient: &mut [f32]) -> f64 {
    assert_eq!((found.len(), gradient.len()), (expected.len(), expected.len()), "one target a number");
    let count = found.len() as f64;
    let mut sum = 0.0;
    for ((&found, &expected), gradient) in found.iter().zip(expected).zip(gradient) {
        let difference = f64::from(found) - f64::from(expected);
        sum += difference * difference;
        *gradient += narrow(2.0 * weight / count * difference);
    }
    weight * sum / count
}

/// The batch's mean of the weighted squared errors of θ; five numbers a sample: tx, ty, cos 2α, sin 2α, ln s.
///
/// The direction is compared through its double angle, so that an axis found at 179° where -1° is true costs
/// nothing, as it should: they are the same axis.
///
/// # Panics
/// If the lengths differ.
pub(super) fn pose_loss(found: &[f32], expected: &[f32], weights: [f64; 3], gradient: &mut [f32]) -> f64 {
    assert_eq!((found.len(), gradient.len()), (expected.len(), expected.len()), "one target a number");
    let [shift, angle, scale] = weights;
    let images = (found.len() / 5) as f64;
    let mut sum = 0.0;
    for (i, ((&found, &expected), gradient)) in found.iter().zip(expected).zip(gradient).enumerate() {
        let weight = [shift, shift, angle, angle, scale][i % 5] / images;
        let difference = f64::from(found) - f64::from(expected);
        sum += weight * difference * difference;
        *gradient += narrow(2.0 * weight * difference);
    }
    sum
}

pub(super) fn narrow(value: f64) -> f32 {
    #[allow(clippy::cast_possible_truncation, reason = "gradients are f32")]
    let narrow = value as f32;
    narrow
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_losses_have_the_values_computed_by_hand() {
        let mut gradient = [0.0; 2];
        assert_eq!(mean_squared_error(&[1.0, 3.0], &[0.0, 1.0], 4.0, &mut gradient), 10.0);
        assert_eq!(gradient, [4.0, 8.0]);

        let mut gradient = [0.0; 5];
        let value = pose_loss(&[0.5, 0.0, 1.0, 0.0, 0.25], &[0.0; 5], [10.0, 0.5, 8.0], &mut gradient);
        assert_eq!(value, 2.5 + 0.5 + 0.5);
        assert_eq!(gradient, [10.0, 0.0, 1.0, 0.0, 4.0]);
    }

    #[test]
    fn the_same_axis_costs_nothing() {
        let of = |degrees: f64| {
            let (sin, cos) = (2.0 * degrees).to_radians().sin_cos();
            [0.0, 0.0, cos, sin, 0.0].map(narrow)
        };
        assert!(pose_loss(&of(179.0), &of(-1.0), [1.0; 3], &mut [0.0; 5]) < 1e-12);
        assert!(pose_loss(&of(89.0), &of(-1.0), [1.0; 3], &mut [0.0; 5]) > 1.0, "the control");
    }
}
