use super::{LOW_OVERLAP, Warning, Warnings};
use crate::geometry::{Keypoints, LesionBox, PixelSpacing, Point, RecistAxes};
use crate::image::CtSlice;

/// Normalised distance from the canonical patch's centre beyond which an endpoint is near its edge.
pub(super) const NEAR_EDGE: f64 = 0.92;

/// Pixels between the slice's edge and an endpoint that ends there: the outermost pixel and one more.
const AT_SLICE_EDGE: f64 = 2.0;

/// Pixels between the slice's edge and a box that reaches it.
const BOX_AT_SLICE_EDGE: f64 = 1.0;

/// Cosine of 70 degrees: axes at a smaller angle are far from perpendicular.
pub(super) const OBLIQUE: f64 = 0.342_020_143_325_668_7;

/// Share of the box's side beyond which the long axis fills the box.
pub(super) const FILLED: f64 = 0.85;

/// Share of the box's longer side by which an axis may end outside the box. A box of 1.3 times the lesion that is moved
/// by a quarter of it leaves 0.08 of its side out.
const OUTSIDE: f64 = 0.1;

/// What the cascade measured.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Measurement {
    /// The axes in slice pixels, perpendicular and in the order that [`RecistAxes`] states.
    pub axes: RecistAxes,
    /// The keypoints as the heatmaps show them, in slice pixels.
    pub keypoints: Keypoints,
    /// The confidence of each keypoint, in the same order (see [`super::Peak::confidence`]).
    pub confidences: [f32; 4],
    /// The slice's pixel spacing, where it is known.
    pub spacing: Option<PixelSpacing>,
    /// What the patch covered of the slice, in slice pixels ([`crate::image::patch_square`]).
    pub square: LesionBox,
    /// The area of the lesion mask in slice pixels.
    pub mask_area: f64,
    /// How far mask and axes show the same lesion: the area that the mask has in common with the ellipse on the axes
    /// over the area of both together, from 0 to 1; NaN for a network without a mask.
    pub overlap: f64,
    /// Why to look twice.
    pub warnings: Warnings,
}

impl Measurement {
    /// The confidence of the least clear endpoint, in [0, 1].
    #[must_use]
    pub fn confidence(&self) -> f32 {
        self.confidences.into_iter().fold(1.0, f32::min)
    }

    /// The area of the lesion mask in square millimetres, where the spacing is known.
    #[must_use]
    pub fn mask_area_mm2(&self) -> Option<f64> {
        self.spacing.map(|s| self.mask_area * s.row_mm() * s.column_mm())
    }

    /// The measurement with its warnings: of `area` on `slice`, by endpoints that lie at `canonical` in the canonical
    /// patch, normalised.
    pub(super) fn with_warnings(
        self,
        slice: &CtSlice<'_>,
        area: LesionBox,
        canonical: &[Point; 4],
        low_confidence: f32,
    ) -> Self {
        let spacing = self.spacing.unwrap_or(PixelSpacing::UNIT);
        let drawn = area.grown_to_square(spacing);
        let [left, top, right, bottom] = slice.area().corners();
        let room =
            |x0: f64, y0: f64, x1: f64, y1: f64| (x0 - left).min(right - x1).min(y0 - top).min(bottom - y1);
        let [x0, y0, x1, y1] = drawn.corners();
        let at_edge = room(x0, y0, x1, y1) < BOX_AT_SLICE_EDGE;
        let ends = self.axes.keypoints().to_array();
        let [x0, y0, x1, y1] = area.corners();
        let outside = ends.iter().any(|end| {
            let (beyond_x, beyond_y) = ((x0 - end.x).max(end.x - x1), (y0 - end.y).max(end.y - y1));
            beyond_x > OUTSIDE * drawn.width() || beyond_y > OUTSIDE * drawn.height()
        });
        let long = spacing.to_mm(self.keypoints.long().vector());
        let short = spacing.to_mm(self.keypoints.short().vector());
        let cosine = long.dot(short) / (long.length() * short.length());
        let at_slice_edge = ends.iter().any(|end| room(end.x, end.y, end.x, end.y) < AT_SLICE_EDGE);
        let near_edge = canonical.iter().any(|p| p.x.abs().max(p.y.abs()) > NEAR_EDGE) || at_slice_edge;
        let filled = self.axes.long().length_mm(spacing) > FILLED * drawn.width() * spacing.column_mm();
        let warnings = Warnings::default()
            .with(Warning::NoSpacing, self.spacing.is_none())
            .with(Warning::BeyondSlice, at_edge)
            .with(Warning::LowConfidence, self.confidence() < low_confidence)
            .with(Warning::NearEdge, near_edge)
            .with(Warning::NotPerpendicular, cosine.abs() > OBLIQUE)
            .with(Warning::FillsBox, filled)
            .with(Warning::LowOverlap, self.overlap < LOW_OVERLAP)
            .with(Warning::OutsideBox, outside);
        Self { warnings, ..self }
    }
}
