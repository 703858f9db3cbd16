use recist::geometry::{Keypoints, PixelSpacing, Point};

use super::Four;

/// How far `measured` is from `reader`, both in pixels of one image, in millimetres: the measured length less the
/// reader's, and the mean distance of corresponding ends.
///
/// An axis has no head: its ends correspond in the order in which they are nearer.
#[must_use]
pub fn errors(measured: &Keypoints, reader: &Keypoints, spacing: PixelSpacing) -> Four<f64> {
    let axis = |a: [Point; 2], b: [Point; 2]| {
        let apart = |i: usize, j: usize| spacing.distance_mm(a[i], b[j]);
        let ends = (apart(0, 0) + apart(1, 1)).min(apart(0, 1) + apart(1, 0)) / 2.0;
        (spacing.distance_mm(a[0], a[1]) - spacing.distance_mm(b[0], b[1]), ends)
    };
    let (long, long_ends) =
        axis([measured.long_start, measured.long_end], [reader.long_start, reader.long_end]);
    let (short, short_ends) =
        axis([measured.short_start, measured.short_end], [reader.short_start, reader.short_end]);
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
