use super::Four;

/// Mean and standard deviation of absolute [`errors`](super::errors()). Of no errors they are not numbers: an error of
/// 0 is the best there is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Statistics {
    /// How many measurements.
    pub count: usize,
    /// The means.
    pub mean: Four<f64>,
    /// The standard deviations, of a sample (over n - 1); of one measurement not numbers.
    pub deviation: Four<f64>,
}

impl<'a> FromIterator<&'a Four<f64>> for Statistics {
    fn from_iter<I: IntoIterator<Item = &'a Four<f64>>>(errors: I) -> Self {
        let (mut count, mut sums, mut squares) = (0, [0.0; 4], [0.0; 4]);
        for errors in errors {
            count += 1;
            for (i, error) in errors.into_array().into_iter().enumerate() {
                sums[i] += error.abs();
                squares[i] += error * error;
            }
        }
        if count == 0 {
            let nothing = Four::from_fn(|_| f64::NAN);
            return Self { count, mean: nothing, deviation: nothing };
        }
        let n = count as f64;
        let mean = sums.map(|sum| sum / n);
        let deviation = Four::from_fn(|i| ((squares[i] - n * mean[i] * mean[i]).max(0.0) / (n - 1.0)).sqrt());
        Self { count, mean: Four::from_fn(|i| mean[i]), deviation }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_long_and_too_short_are_equally_wrong() {
        let errors = Four { long: 0.5, short: 2.0, long_ends: 0.25, short_ends: 1.0 };
        let statistics: Statistics = [errors, Four { long: -1.5, ..errors }].iter().collect();
        assert_eq!((statistics.mean.long, statistics.mean.short, statistics.count), (1.0, 2.0, 2));
        assert_eq!((statistics.deviation.long, statistics.deviation.short), (0.5_f64.sqrt(), 0.0));
    }

    #[test]
    fn nothing_measured_has_no_mean_and_one_measurement_no_deviation() {
        let nothing: Statistics = [].iter().collect();
        let all = [nothing.mean, nothing.deviation].map(Four::into_array);
        assert!(all.as_flattened().iter().all(|value| value.is_nan()), "{nothing:?}");
        let one: Statistics = [Four::default()].iter().collect();
        assert!(one.mean == Four::default() && one.deviation.long.is_nan(), "{one:?}");
        let faultless: Statistics = [Four::default(); 2].iter().collect();
        assert_eq!((faultless.mean, faultless.deviation), (Four::default(), Four::default()));
    }
}
