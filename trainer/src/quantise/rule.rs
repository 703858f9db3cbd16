use recist::engine::LARGEST;

/// How an activation's range is chosen from what was seen.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Rule {
    /// The smallest and the largest value.
    MinMax,
    /// All but this share of the values at each end.
    Percentile(f64),
    /// The range with the least mean squared error of rounding and clipping.
    MeanSquaredError,
}

impl Default for Rule {
    /// All but 0.01 % at each end: what cost least in millimetres on versions 1 and 2 of `edge` (models/TRAINING.md).
    fn default() -> Self {
        Self::Percentile(1e-4)
    }
}

/// A tensor's scale and the number that stands for 0.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Quantisation {
    /// The distance of neighbouring numbers.
    pub scale: f32,
    /// 0 to 127.
    pub zero_point: u8,
}

/// The seven bits that hold `low..=high`, with 0 among them exactly. Where that is 0 alone any scale does: one for
/// numbers up to 1, with which the layers before and behind keep their precision.
#[must_use]
pub fn quantisation(low: f32, high: f32) -> Quantisation {
    let (low, high) = (f64::from(low.min(0.0)), f64::from(high.max(0.0)));
    let range = if high > low { high - low } else { 1.0 };
    let scale = (range / f64::from(LARGEST)).max(1e-12);
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "limited to seven bits")]
    let zero_point = (-low / scale).round().clamp(0.0, f64::from(LARGEST)) as u8;
    #[allow(clippy::cast_possible_truncation, reason = "scales are f32")]
    let scale = scale as f32;
    Quantisation { scale, zero_point }
}

/// Bins of a histogram.
pub(super) const BINS: usize = 2048;

/// What was seen of an activation.
#[derive(Clone, Debug)]
pub(super) struct Histogram {
    pub(super) low: f32,
    pub(super) high: f32,
    pub(super) counts: Vec<u64>,
}

impl Histogram {
    pub(super) fn new(low: f32, high: f32) -> Self {
        Self { low, high, counts: vec![0; BINS] }
    }

    pub(super) fn add(&mut self, values: &[f32]) {
        let scale = BINS as f32 / (self.high - self.low).max(f32::MIN_POSITIVE);
        for value in values {
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturating, limited")]
            let bin = ((value - self.low) * scale) as usize;
            self.counts[bin.min(BINS - 1)] += 1;
        }
    }

    /// The range that `rule` chooses.
    pub(super) fn range(&self, rule: Rule) -> (f32, f32) {
        match rule {
            Rule::MinMax => (self.low, self.high),
            Rule::Percentile(share) => self.without_ends(share),
            Rule::MeanSquaredError => self.least_error(),
        }
    }

    fn width(&self) -> f64 {
        (f64::from(self.high) - f64::from(self.low)) / BINS as f64
    }

    #[allow(clippy::cast_possible_truncation, reason = "ranges are f32")]
    fn without_ends(&self, share: f64) -> (f32, f32) {
        let allowed = share * self.counts.iter().sum::<u64>() as f64;
        let passed = |counts: &mut dyn Iterator<Item = &u64>| {
            let mut sum = 0.0;
            counts
                .take_while(|&&count| {
                    sum += count as f64;
                    sum <= allowed
                })
                .count()
        };
        let (below, above) = (passed(&mut self.counts.iter()), passed(&mut self.counts.iter().rev()));
        let low = f64::from(self.low) + below as f64 * self.width();
        let high = f64::from(self.high) - above as f64 * self.width();
        if low < high { (low as f32, high as f32) } else { (self.low, self.high) }
    }

    /// Tries ranges that shrink from both ends, and keeps the one with the least error.
    #[allow(clippy::cast_possible_truncation, reason = "ranges are f32")]
    fn least_error(&self) -> (f32, f32) {
        let (mut best, mut least) = ((self.low, self.high), f64::INFINITY);
        let steps = 40;
        let negative = self.low < 0.0;
        for low_step in 0..if negative { steps } else { 1 } {
            for high_step in 0..steps {
                let keep = |step: i32| 1.0 - f64::from(step) / f64::from(steps + 4);
                let (low, high) = (
                    (f64::from(self.low) * keep(low_step)) as f32,
                    (f64::from(self.high) * keep(high_step)) as f32,
                );
                let error = self.error(quantisation(low, high));
                if error < least {
                    (best, least) = ((low, high), error);
                }
            }
        }
        best
    }

    fn error(&self, quantisation: Quantisation) -> f64 {
        let scale = f64::from(quantisation.scale);
        let (from, to) = (
            -f64::from(quantisation.zero_point) * scale,
            f64::from(LARGEST - quantisation.zero_point) * scale,
        );
        let (low, width) = (f64::from(self.low), self.width());
        self.counts
            .iter()
            .enumerate()
            .filter(|(_, count)| **count > 0)
            .map(|(bin, count)| {
                let value = low + (bin as f64 + 0.5) * width;
                // Inside the range the error is spread evenly over one step.
                let beyond = (from - value).max(value - to).max(0.0);
                *count as f64 * if beyond > 0.0 { beyond * beyond } else { scale * scale / 12.0 }
            })
            .sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zero_is_exact_and_the_range_fits_seven_bits() {
        assert_eq!(quantisation(0.0, 127.0), Quantisation { scale: 1.0, zero_point: 0 });
        assert_eq!(quantisation(-1.0, 1.0), Quantisation { scale: 2.0 / 127.0, zero_point: 64 });
        assert_eq!(quantisation(0.5, 127.0).zero_point, 0);
        assert_eq!(quantisation(-127.0, -3.0), Quantisation { scale: 1.0, zero_point: 127 });
        assert_eq!(quantisation(0.0, 0.0), quantisation(0.0, 1.0));
    }

    #[test]
    fn one_outlier_does_not_cost_the_rest_its_resolution() {
        let mut histogram = Histogram::new(0.0, 100.0);
        histogram.add(&vec![1.0; 100_000]);
        histogram.add(&(0..100_000).map(|i| i as f32 / 50_000.0).collect::<Vec<_>>());
        histogram.add(&[100.0]);
        assert_eq!(histogram.range(Rule::MinMax), (0.0, 100.0));
        let (_, high) = histogram.range(Rule::Percentile(1e-4));
        assert!((1.9..2.2).contains(&high), "{high}");
        let (_, high) = histogram.range(Rule::MeanSquaredError);
        assert!(high < 60.0, "{high}");
    }
}
