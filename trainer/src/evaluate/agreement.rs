use std::fmt;

use serde::Serialize;

use super::bootstrap::intervals;
use super::figure::interval;
use super::{Difference, Estimate, LIMITS_OF_AGREEMENT, Row};

/// Whether the cascade is one reader among others, on the lesions that it measured: how often it agrees, and whether
/// it leans to one side. Where it measured none, nothing of this is a number.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Agreement {
    /// Of all pairs of a measured and a reader's long axis, the share within
    /// [`LIMITS_OF_AGREEMENT`].
    pub model_within: Estimate,
    /// The same of two readers' long axes, each measured by the other; absent where no measured lesion has two.
    pub readers_within: Option<Estimate>,
    /// The mean of measured less reader's long axis in mm.
    pub long_bias_mm: Estimate,
    /// The same for the short axis.
    pub short_bias_mm: Estimate,
    /// The mean of measured less reader's long axis in per cent of the reader's.
    pub long_bias_percent: Estimate,
    /// Bland and Altman's limits: that mean, less and more 1.96 standard deviations; of one difference not numbers.
    pub long_limits_percent: [f64; 2],
}

fn percentages<'a>(rows: &'a [&Row]) -> impl Iterator<Item = f64> + Clone + 'a {
    rows.iter().flat_map(|row| &row.model).map(Difference::long_percent)
}

fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (sum, count) = values.fold((0.0, 0.0), |(sum, count), value| (sum + value, count + 1.0));
    sum / count
}

fn share(agree: impl Iterator<Item = bool>) -> f64 {
    mean(agree.map(|agrees| f64::from(u8::from(agrees))))
}

/// In the order of the fields.
fn numbers(rows: &[&Row]) -> Vec<f64> {
    let model = || rows.iter().flat_map(|row| &row.model);
    let readers = rows.iter().flat_map(|row| &row.readers);
    let both_ways = readers.flat_map(|difference| {
        let [a, b] = difference.long_mm;
        [*difference, Difference { long_mm: [b, a], ..*difference }].map(|difference| difference.agrees())
    });
    vec![
        share(model().map(Difference::agrees)),
        share(both_ways),
        mean(model().map(|difference| difference.mm.long)),
        mean(model().map(|difference| difference.mm.short)),
        mean(percentages(rows)),
    ]
}

impl Agreement {
    /// Of those of `rows` that the cascade measured.
    #[must_use]
    pub fn of(rows: &[&Row]) -> Self {
        let rows = &Row::measured(rows)[..];
        let values = numbers(rows);
        let intervals = intervals(rows, numbers);
        let estimate = |i: usize| Estimate { value: values[i], interval: intervals[i] };
        let center = values[4];
        let count = percentages(rows).count() as f64;
        let squares: f64 = percentages(rows).map(|percent| (percent - center).powi(2)).sum();
        let deviation = (squares / (count - 1.0)).sqrt();
        Self {
            model_within: estimate(0),
            readers_within: values[1].is_finite().then(|| estimate(1)),
            long_bias_mm: estimate(2),
            short_bias_mm: estimate(3),
            long_bias_percent: estimate(4),
            long_limits_percent: [center - 1.96 * deviation, center + 1.96 * deviation],
        }
    }
}

impl fmt::Display for Agreement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.model_within.value.is_nan() {
            return writeln!(f, "  agreement and bias: none measured");
        }
        let share = |estimate: &Estimate| {
            let interval = interval(estimate.interval, "-", |end| format!("{:.0}", 100.0 * end));
            format!("{:.0} % ({interval})", 100.0 * estimate.value)
        };
        let bias = |estimate: &Estimate, unit: &str| {
            let interval = interval(estimate.interval, " to ", |end| format!("{end:+.2}"));
            format!("{:+.2} {unit} ({interval})", estimate.value)
        };
        let [low, high] = LIMITS_OF_AGREEMENT;
        write!(
            f,
            "  long axes within {low:+} to {high:+} % of a reader's: model {}",
            share(&self.model_within)
        )?;
        if let Some(readers) = &self.readers_within {
            write!(f, ", another reader {}", share(readers))?;
        }
        let limits = interval(self.long_limits_percent, " to ", |end| format!("{end:+.0}"));
        writeln!(
            f,
            "\n  bias: long {}, short {}; long {}, 95 of 100 from {limits} %",
            bias(&self.long_bias_mm, "mm"),
            bias(&self.short_bias_mm, "mm"),
            bias(&self.long_bias_percent, "%")
        )
    }
}

#[cfg(test)]
mod tests {
    use super::super::row::{example, refused};
    use super::*;

    #[test]
    fn too_short_is_a_negative_bias_and_far_off_is_no_agreement() {
        // 2 mm and 4 mm short of 12 mm: 17 % and 33 %.
        let rows: Vec<Row> = (0..40).map(|i| example(i, 12.0, 2.0 + 2.0 * (i % 2) as f64, 2.0)).collect();
        let agreement = Agreement::of(&rows.iter().collect::<Vec<_>>());
        assert_eq!((agreement.model_within.value, agreement.long_bias_mm.value), (0.5, -3.0));
        assert_eq!(agreement.readers_within.unwrap().value, 1.0);
        assert!((agreement.long_bias_percent.value + 25.0).abs() < 1e-9);
        let [low, high] = agreement.long_limits_percent;
        assert!(
            (high + low + 50.0).abs() < 1e-9
                && (high - low - 2.0 * 1.96 * 25.0 / 3.0 * (40.0_f64 / 39.0).sqrt()).abs() < 1e-9
        );
        assert_eq!(agreement.short_bias_mm.value, 3.0);
    }

    #[test]
    fn readers_agree_or_not_on_the_lesions_that_the_cascade_measured() {
        let measured = example(0, 12.0, 1.0, 2.0);
        let refused = refused(1, 12.0, 9.0);
        let within = |rows: &[&Row]| Agreement::of(rows).readers_within.map(|estimate| estimate.value);
        assert_eq!(within(&[&measured, &refused]), Some(1.0));
        let hard = example(1, 12.0, 9.0, 9.0);
        assert_eq!(within(&[&measured, &hard]), Some(0.5), "control: measured, it counts");
        let nothing = Agreement::of(&[&refused]);
        assert!(nothing.model_within.value.is_nan() && nothing.readers_within.is_none());
        assert_eq!(nothing.to_string(), "  agreement and bias: none measured\n");
    }
}
