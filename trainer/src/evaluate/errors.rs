use recist::geometry::{Keypoints, PixelSpacing, Point};
use serde::Serialize;

/// How far a measurement is from a reader's, in millimetres.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Errors {
    /// The measured long axis less the reader's.
    pub long: f64,
    /// The measured short axis less the reader's.
    pub short: f64,
    /// The mean distance of corresponding ends of the long axes.
    pub long_ends: f64,
    /// The mean distance of corresponding ends of the short axes.
    pub short_ends: f64,
}

/// The means of absolute errors over many measurements.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct MeanErrors {
    /// Mean absolute difference of the long axes.
    pub long: f64,
    /// Mean absolute difference of the short axes.
    pub short: f64,
    /// Mean distance of the ends of the long axes.
    pub long_ends: f64,
    /// Mean distance of the ends of the short axes.
    pub short_ends: f64,
    /// How many measurements.
    pub count: usize,
}

impl Errors {
    /// The errors of `measured` against `reader`, both in pixels of one image.
    ///
    /// An axis has no head: its ends correspond in the order in which they are nearer.
    #[must_use]
    pub fn of(measured: &Keypoints, reader: &Keypoints, spacing: PixelSpacing) -> Self {
        let axis = |a: [Point; 2], b: [Point; 2]| {
            let apart = |i: usize, j: usize| spacing.distance_mm(a[i], b[j]);
            let ends = (apart(0, 0) + apart(1, 1)).min(apart(0, 1) + apart(1, 0)) / 2.0;
            (spacing.distance_mm(a[0], a[1]) - spacing.distance_mm(b[0], b[1]), ends)
        };
        let (long, long_ends) =
            axis([measured.long_start, measured.long_end], [reader.long_start, reader.long_end]);
        let (short, short_ends) =
            axis([measured.short_start, measured.short_end], [reader.short_start, reader.short_end]);
        Self { long, short, long_ends, short_ends }
    }
}

impl FromIterator<Errors> for MeanErrors {
    fn from_iter<I: IntoIterator<Item = Errors>>(errors: I) -> Self {
        let mut mean = Self::default();
        for error in errors {
            mean.long += error.long.abs();
            mean.short += error.short.abs();
            mean.long_ends += error.long_ends;
            mean.short_ends += error.short_ends;
            mean.count += 1;
        }
        let share = 1.0 / mean.count.max(1) as f64;
        for sum in [&mut mean.long, &mut mean.short, &mut mean.long_ends, &mut mean.short_ends] {
            *sum *= share;
        }
        mean
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_axis_has_no_head_and_millimetres_follow_the_direction() {
        let keypoints = |points: [[f64; 2]; 4]| Keypoints::from_array(points.map(|[x, y]| Point::new(x, y)));
        let reader = keypoints([[0., 0.], [10., 0.], [5., -2.], [5., 2.]]);
        let measured = keypoints([[11., 0.], [0., 0.], [5., 3.], [5., -2.]]);
        let spacing = PixelSpacing::new(2.0, 0.5).unwrap();
        let errors = Errors::of(&measured, &reader, spacing);
        assert_eq!(errors, Errors { long: 0.5, short: 2.0, long_ends: 0.25, short_ends: 1.0 });
        let mean: MeanErrors = [errors, Errors { long: -1.5, ..errors }].into_iter().collect();
        assert_eq!((mean.long, mean.short, mean.count), (1.0, 2.0, 2));
    }
}
