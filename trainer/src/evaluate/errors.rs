use recist::geometry::{Keypoints, PixelSpacing, Point};

use super::Four;

/// How far a measurement is from a reader's, in millimetres.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
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

/// Mean and standard deviation of the absolute errors: long axis, short axis, ends of the long, ends of the
/// short. Of no errors they are not numbers: an error of 0 is the best there is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Statistics {
    /// How many measurements.
    pub count: usize,
    /// The means.
    pub mean: [f64; 4],
    /// The standard deviations.
    pub deviation: [f64; 4],
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

impl Statistics {
    /// The means by name.
    #[must_use]
    pub fn means(&self) -> Four<f64> {
        Four::from_fn(|i| self.mean[i])
    }
}

impl<'a> FromIterator<&'a Errors> for Statistics {
    fn from_iter<I: IntoIterator<Item = &'a Errors>>(errors: I) -> Self {
        let (mut count, mut sums, mut squares) = (0, [0.0; 4], [0.0; 4]);
        for errors in errors {
            count += 1;
            let values = [errors.long.abs(), errors.short.abs(), errors.long_ends, errors.short_ends];
            for (i, value) in values.into_iter().enumerate() {
                sums[i] += value;
                squares[i] += value * value;
            }
        }
        if count == 0 {
            return Self { count, mean: [f64::NAN; 4], deviation: [f64::NAN; 4] };
        }
        let n = count as f64;
        let mean = sums.map(|sum| sum / n);
        let deviation = std::array::from_fn(|i| (squares[i] / n - mean[i] * mean[i]).max(0.0).sqrt());
        Self { count, mean, deviation }
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
        let statistics: Statistics = [errors, Errors { long: -1.5, ..errors }].iter().collect();
        assert_eq!((statistics.mean[0], statistics.mean[1], statistics.count), (1.0, 2.0, 2));
        assert_eq!((statistics.deviation[0], statistics.deviation[1]), (0.5, 0.0));
    }

    #[test]
    fn nothing_measured_has_no_mean_and_no_deviation() {
        let nothing: Statistics = [].iter().collect();
        assert!(nothing.mean.iter().chain(&nothing.deviation).all(|value| value.is_nan()), "{nothing:?}");
        let faultless: Statistics = [Errors::default()].iter().collect();
        assert_eq!((faultless.mean, faultless.deviation), ([0.0; 4], [0.0; 4]));
    }
}
