//! Networks that know the answer: what a perfect model would put out for a lesion with known endpoints.

use std::convert::Infallible;

use recist::cascade::{MASK_SIZE, Mask, Networks, ThetaOutputs};
use recist::geometry::{AffineMap, Keypoints, LesionBox, Point, Theta};
use recist::image::Patch;

/// The perfect model of one lesion in one box.
#[derive(Debug)]
pub struct Oracle {
    heatmap_size: usize,
    /// Endpoints in normalised patch coordinates.
    keypoints: Keypoints,
    theta: Theta,
}

impl Oracle {
    /// A model that sees the lesion with these endpoints, in slice pixels, in `square`, and draws ideal
    /// heatmaps (Gaussians of one pixel) of `heatmap_size` squared.
    ///
    /// # Panics
    /// If the long axis has no length.
    #[must_use]
    pub fn new(keypoints: Keypoints, square: LesionBox, heatmap_size: usize) -> Self {
        let slice_to_patch = AffineMap::normalised_to_box(square).inverse().expect("a box has an area");
        let keypoints = keypoints.map(|p| slice_to_patch.apply(p));
        let theta = Theta::of_keypoints(&keypoints).expect("a reader's long axis has a length");
        Self { heatmap_size, keypoints, theta }
    }
}

impl Networks for Oracle {
    type Error = Infallible;

    fn heatmap_size(&self) -> usize {
        self.heatmap_size
    }

    fn low_confidence(&self) -> f32 {
        0.5
    }

    #[allow(clippy::cast_possible_truncation, reason = "networks speak float32")]
    fn localize(&mut self, _: &Patch, mask: &mut Mask) -> Result<ThetaOutputs, Infallible> {
        let to_canonical = self.theta.canonical_to_patch().inverse().expect("theta has a scale");
        let ends = self.keypoints.map(|p| to_canonical.apply(p));
        let half_short = ends.short().length() / 2.0;
        let half_long = ends.long().length() / 2.0;
        for (i, value) in mask.iter_mut().enumerate() {
            let pixel = Point::new((i % MASK_SIZE) as f64, (i / MASK_SIZE) as f64);
            let at = to_canonical.apply(AffineMap::pixels_to_normalised(MASK_SIZE).apply(pixel));
            let inside = (at.x / half_long).powi(2) + (at.y / half_short).powi(2) <= 1.0;
            *value = f32::from(inside);
        }
        let (shift, (cos2, sin2)) = (self.theta.shift(), self.theta.double_angle());
        let numbers = [shift.x, shift.y, cos2, sin2, self.theta.scale().ln()];
        Ok(ThetaOutputs::from_array(numbers.map(|v| v as f32)))
    }

    #[allow(clippy::cast_possible_truncation, reason = "networks speak float32")]
    fn find_keypoints(&mut self, _: &Patch, heatmaps: &mut [f32]) -> Result<(), Infallible> {
        let size = self.heatmap_size;
        let to_heatmap = self
            .theta
            .canonical_to_patch()
            .inverse()
            .expect("theta has a scale")
            .then(AffineMap::normalised_to_pixels(size));
        let ends = self.keypoints.map(|p| to_heatmap.apply(p)).ordered();
        for (map, end) in heatmaps.chunks_exact_mut(size * size).zip(ends.to_array()) {
            for (i, value) in map.iter_mut().enumerate() {
                let offset = Point::new((i % size) as f64, (i / size) as f64) - end;
                *value = (-offset.dot(offset) / 2.0).exp() as f32;
            }
        }
        Ok(())
    }
}
