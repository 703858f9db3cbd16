use serde::Serialize;

use super::{Difference, Row};

/// Bins of a reliability curve, where there are as many lesions.
const BINS: usize = 5;

/// Whether the confidence predicts the error.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Reliability {
    /// Measured lesions in bins of rising confidence: five of like numbers, or one a lesion where there are fewer.
    pub bins: Vec<Bin>,
    /// Spearman's rank correlation of the confidence with a lesion's mean error of the long axis in mm. -1: the
    /// surer, the better; 0: the confidence says nothing.
    pub spearman_mm: f64,
    /// The same with the error in per cent of the reader's axis, which does not grow with the lesion.
    pub spearman_percent: f64,
    /// The same with the mean distance of the four ends in per cent of the reader's long axis: a confidence is that of
    /// endpoints.
    pub spearman_ends_percent: f64,
}

/// Lesions of like confidence.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Bin {
    /// Their lowest and highest confidence.
    pub confidence: [f32; 2],
    /// How many they are.
    pub lesions: usize,
    /// The mean of their mean absolute errors of the long axis in mm.
    pub long_mm: f64,
    /// The same in per cent of the reader's axis.
    pub long_percent: f64,
    /// The mean distance of the ends in per cent of the reader's long axis.
    pub ends_percent: f64,
    /// The share of long axes within the readers' limits of agreement ([`Difference::agrees`]).
    pub within: f64,
}

/// One measured lesion: its confidence and its means over the readers.
struct Point {
    confidence: f32,
    long_mm: f64,
    long_percent: f64,
    ends_percent: f64,
    within: f64,
}

impl Reliability {
    /// Of the rows that were measured.
    #[must_use]
    pub fn of(rows: &[&Row]) -> Self {
        let mean = |row: &Row, value: fn(&Difference) -> f64| {
            row.model.iter().map(value).sum::<f64>() / row.model.len() as f64
        };
        let mut points: Vec<Point> = rows
            .iter()
            .filter_map(|row| {
                Some(Point {
                    confidence: row.found.ok()?.confidence,
                    long_mm: row.long_error_mm()?,
                    long_percent: mean(row, |difference| difference.long_percent().abs()),
                    ends_percent: mean(row, Difference::ends_percent),
                    within: mean(row, |difference| f64::from(u8::from(difference.agrees()))),
                })
            })
            .collect();
        points.sort_by(|a, b| a.confidence.total_cmp(&b.confidence));
        let count = BINS.min(points.len());
        let cut = |bin: usize| bin * points.len() / count;
        let bins = (0..count).map(|bin| &points[cut(bin)..cut(bin + 1)]).map(|points| {
            let mean = |value: fn(&Point) -> f64| points.iter().map(value).sum::<f64>() / points.len() as f64;
            Bin {
                confidence: [points[0].confidence, points[points.len() - 1].confidence],
                lesions: points.len(),
                long_mm: mean(|point| point.long_mm),
                long_percent: mean(|point| point.long_percent),
                ends_percent: mean(|point| point.ends_percent),
                within: mean(|point| point.within),
            }
        });
        let bins = bins.collect();
        let confidences: Vec<f64> = points.iter().map(|point| f64::from(point.confidence)).collect();
        let spearman = |value: fn(&Point) -> f64| {
            correlation(&ranks(&confidences), &ranks(&points.iter().map(value).collect::<Vec<_>>()))
        };
        Self {
            bins,
            spearman_mm: spearman(|point| point.long_mm),
            spearman_percent: spearman(|point| point.long_percent),
            spearman_ends_percent: spearman(|point| point.ends_percent),
        }
    }
}

/// The rank of every value; equal values share the mean of their ranks.
fn ranks(values: &[f64]) -> Vec<f64> {
    let below = |value: f64| values.iter().filter(|other| **other < value).count();
    let equal = |value: f64| values.iter().filter(|other| **other == value).count();
    values.iter().map(|&value| below(value) as f64 + (equal(value) as f64 - 1.0) / 2.0).collect()
}

/// Pearson's correlation; not a number where one of both does not vary.
fn correlation(a: &[f64], b: &[f64]) -> f64 {
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let (mean_a, mean_b) = (mean(a), mean(b));
    let sum = |f: &dyn Fn(f64, f64) -> f64| -> f64 {
        a.iter().zip(b).map(|(x, y)| f(x - mean_a, y - mean_b)).sum()
    };
    sum(&|x, y| x * y) / (sum(&|x, _| x * x) * sum(&|_, y| y * y)).sqrt()
}

#[cfg(test)]
mod tests {
    use super::super::row::example;
    use super::super::{Found, Row};
    use super::*;

    fn rows(error: impl Fn(usize) -> f64) -> Vec<Row> {
        let row = |i: usize| {
            let row = example(i, 20.0, error(i), 1.0);
            let found = row.found.map(|found| Found { confidence: i as f32 / 100.0, ..found });
            Row { found, ..row }
        };
        (0..50).map(row).collect()
    }

    #[test]
    fn a_confidence_that_predicts_the_error_correlates_with_it_and_one_that_does_not_does_not() {
        let falling = rows(|i| 10.0 / (1.0 + i as f64));
        let reliability = Reliability::of(&falling.iter().collect::<Vec<_>>());
        assert!(
            (reliability.spearman_mm + 1.0).abs() < 1e-12
                && (reliability.spearman_percent + 1.0).abs() < 1e-12
                && (reliability.spearman_ends_percent + 1.0).abs() < 1e-12
        );
        assert_eq!(reliability.bins.iter().map(|bin| bin.lesions).collect::<Vec<_>>(), [10; 5]);
        assert!(reliability.bins.windows(2).all(|pair| pair[0].long_mm > pair[1].long_mm));
        assert_eq!(
            (reliability.bins[0].within, reliability.bins[4].within),
            (0.8, 1.0),
            "50 % and 25 % short, then 17 % and less"
        );
        let scattered = rows(|i| ((i * 37) % 50) as f64 / 10.0);
        let reliability = Reliability::of(&scattered.iter().collect::<Vec<_>>());
        assert!(reliability.spearman_mm.abs() < 0.35, "{}", reliability.spearman_mm);
    }

    #[test]
    fn there_are_five_bins_of_like_numbers_or_one_a_lesion() {
        let all = rows(|i| i as f64);
        for (lesions, expected) in [
            (0, &[][..]),
            (1, &[1]),
            (4, &[1; 4]),
            (6, &[1, 1, 1, 1, 2]),
            (21, &[4, 4, 4, 4, 5]),
            (25, &[5; 5]),
        ] {
            let rows: Vec<&Row> = all[..lesions].iter().collect();
            let found: Vec<usize> = Reliability::of(&rows).bins.iter().map(|bin| bin.lesions).collect();
            assert_eq!(found, expected, "{lesions} lesions");
        }
    }

    #[test]
    fn equal_values_share_their_rank() {
        assert_eq!(ranks(&[3.0, 1.0, 3.0, 2.0]), [2.5, 0.0, 2.5, 1.0]);
        assert!(correlation(&[1.0, 1.0], &[1.0, 2.0]).is_nan());
    }
}
