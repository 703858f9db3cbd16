use recist::geometry::{Axis, Keypoints, PixelSpacing, Point};

use super::Four;

/// How far `measured` is from `reader`, both in pixels of one image, in millimetres: the measured length less the
/// reader's, and the mean distance of corresponding ends.
///
/// An axis has no head: its ends correspond in the order in which they are nearer.
#[must_use]
pub fn errors(measured: &Keypoints, reader: &Keypoints, spacing: PixelSpacing) -> Four<f64> {
    let axis = |a: Axis, b: Axis| {
        let apart = |a: Point, b: Point| spacing.distance_mm(a, b);
        let straight = apart(a.start(), b.start()) + apart(a.end(), b.end());
        let turned = apart(a.start(), b.end()) + apart(a.end(), b.start());
        (a.length_mm(spacing) - b.length_mm(spacing), straight.min(turned) / 2.0)
    };
    let (long, long_ends) = axis(measured.long(), reader.long());
    let (short, short_ends) = axis(measured.short(), reader.short());
    Four { long, short, long_ends, short_ends }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_axis_has_no_head_and_millimetres_follow_the_direction() {
        let keypoints = |points: [[f64; 2]; 4]| Keypoints::from_array(points.map(|[x, y]| Point::new(x, y)));
        let reader = keypoints([[0., 0.], [10., 0.], [5., -2.], [5., 2.]]);
        let measured = keypoints([[11., 0.], [0., 0.], [5., 3.], [5., -2.]]);
        let errors = errors(&measured, &reader, PixelSpacing::new(2.0, 0.5).unwrap());
        assert_eq!(errors, Four { long: 0.5, short: 2.0, long_ends: 0.25, short_ends: 1.0 });
    }
}
