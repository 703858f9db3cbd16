use std::collections::HashMap;
use std::fmt;

use recist::cascade::{Networks, Workspace};
use recist::geometry::LesionBox;
use recist::image::CtSlice;

use super::bootstrap::intervals;
use super::{
    Careless, Estimate, Found, Four, Nothing, Row, Statistics, Table, Unmeasured, drawn_box, measured,
};
use crate::data::{Origin, Pack, Split};

/// What a cascade measured of a split's lesions, beside their readers and what the box alone would say: in
/// the box's middle, of the size that the law of boxes implies, the long axis across.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// Every lesion.
    pub rows: Vec<Row>,
}

/// Measures the split's slices, those that a radiologist would measure, and compares. Generated lesions count only
/// where there are no real ones.
///
/// # Errors
/// If a lesion cannot be read from its pack, or a network cannot be run.
pub fn evaluate<N: Networks>(packs: &[Pack], split: Split, networks: &mut N) -> Result<Report, String> {
    let mut workspace = Box::new(Workspace::new());
    let mut rows = Vec::new();
    let mut samples = Vec::new();
    let selected = || {
        let numbered = packs.iter().enumerate();
        let all =
            numbered.flat_map(|(pack, lesions)| lesions.iter().enumerate().map(move |(i, l)| ((pack, i), l)));
        all.filter(|(_, (lesion, _))| lesion.split == split && lesion.largest)
    };
    let any_real = selected().any(|(_, (lesion, _))| lesion.origin == Origin::Real);
    for (place, (lesion, pixels)) in selected() {
        if any_real && lesion.origin != Origin::Real {
            continue;
        }
        let Some(area) = drawn_box(lesion) else { continue };
        let slice = pixels.read_slice(&mut samples).map_err(|error| error.to_string())?;
        let found = find(&slice, area, networks, &mut workspace)?;
        rows.push(Row::of(place, lesion, area, found));
    }
    Ok(Report { rows })
}

/// What the cascade finds in a box, or why nothing.
///
/// # Errors
/// If a network cannot be run.
pub(super) fn find<N: Networks>(
    slice: &CtSlice<'_>,
    area: LesionBox,
    networks: &mut N,
    workspace: &mut Workspace,
) -> Result<Result<Found, Nothing>, String> {
    let found = measured(slice, area, networks, workspace)?;
    Ok(found.map(|m| Found { keypoints: m.axes.keypoints(), confidence: m.confidence() }))
}

impl Report {
    /// Measures every lesion again in [`Careless`] boxes.
    ///
    /// # Errors
    /// If a lesion cannot be read from its pack, or a network cannot be run.
    ///
    /// # Panics
    /// If `packs` are not those of the report.
    pub fn try_other_boxes<N: Networks>(&mut self, packs: &[Pack], networks: &mut N) -> Result<(), String> {
        let mut workspace = Box::new(Workspace::new());
        for row in &mut self.rows {
            row.careless = Some(Careless::measure(row, packs, networks, &mut workspace)?);
        }
        Ok(())
    }

    /// Lesions that were not measured; they are in none of the errors.
    #[must_use]
    pub fn unmeasured(&self) -> Unmeasured {
        self.rows.iter().filter_map(|row| row.found.err()).collect()
    }

    /// Those of them that the cascade refused.
    #[must_use]
    pub fn refused(&self) -> usize {
        self.unmeasured().refused
    }

    /// The confidence, in whole hundredths, that at most one in twenty of the measured lesions lie below: what a model's
    /// manifest states as low. 1 where nothing was measured: then nothing is known of what its confidences mean.
    #[must_use]
    pub fn low_confidence(&self) -> f64 {
        let found = self.rows.iter().filter_map(|row| row.found.ok());
        let mut confidences: Vec<f32> = found.map(|found| found.confidence).collect();
        confidences.sort_by(f32::total_cmp);
        let least = confidences.get(confidences.len() / 20);
        least.map_or(1.0, |confidence| (f64::from(*confidence) * 100.0).floor() / 100.0)
    }

    /// The absolute differences of the cascade to the readers in mm.
    #[must_use]
    pub fn model(&self) -> Statistics {
        self.rows.iter().flat_map(|row| &row.model).map(|difference| &difference.mm).collect()
    }

    /// The means of this report's differences over those of another on the same packs, both on the lesions that both
    /// measured: what one of them refused says nothing of either. Not numbers where there is no such lesion.
    #[must_use]
    pub fn over(&self, other: &Self) -> Four<Estimate> {
        let theirs: HashMap<(usize, usize), &Row> =
            other.rows.iter().filter(|row| row.found.is_ok()).map(|row| (row.place, row)).collect();
        let both = |row: &&Row| row.found.is_ok() && theirs.contains_key(&row.place);
        let rows: Vec<&Row> = self.rows.iter().filter(both).collect();
        let mean = |rows: &mut dyn Iterator<Item = &Row>| -> Four<f64> {
            let statistics: Statistics =
                rows.flat_map(|row| &row.model).map(|difference| &difference.mm).collect();
            statistics.mean
        };
        let ratios = |rows: &[&Row]| {
            let of_theirs = mean(&mut rows.iter().map(|row| theirs[&row.place]));
            (mean(&mut rows.iter().copied()) / of_theirs).into_array().to_vec()
        };
        let (values, intervals) = (ratios(&rows), intervals(&rows, ratios));
        Four::from_fn(|i| Estimate { value: values[i], interval: intervals[i] })
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} lesions, {}", self.rows.len(), self.unmeasured())?;
        Table::of(&self.rows.iter().collect::<Vec<_>>()).fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::super::row::{example, refused};
    use super::*;

    #[test]
    fn a_refused_lesion_is_counted_and_in_no_error() {
        let report = Report { rows: vec![example(0, 12.0, 1.0, 2.0), refused(1, 12.0, 2.0)] };
        assert_eq!((report.refused(), report.model().mean), (1, Four::from_fn(|_| 1.0)));
    }

    #[test]
    fn one_lesion_in_twenty_is_below_the_low_confidence() {
        let rows = |lesions: usize| {
            let row = |i| {
                let row = example(i, 12.0, 1.0, 2.0);
                let confidence = 0.995 - 0.01 * i as f32;
                Row { found: row.found.map(|found| Found { confidence, ..found }), ..row }
            };
            (0..lesions).map(row).chain([refused(lesions, 12.0, 2.0)]).collect()
        };
        for (lesions, expected) in [(0, 1.0), (1, 0.99), (19, 0.81), (20, 0.81), (40, 0.62)] {
            let report = Report { rows: rows(lesions) };
            let low = report.low_confidence();
            assert!((low - expected).abs() < 1e-6, "{lesions} lesions: {low}");
            let below = report
                .rows
                .iter()
                .filter(|row| row.found.is_ok_and(|found| f64::from(found.confidence) < low));
            assert_eq!(below.count(), lesions / 20, "{lesions} lesions");
        }
    }

    #[test]
    fn two_reports_are_compared_on_the_lesions_that_both_measured() {
        let one = Report {
            rows: vec![example(0, 12.0, 1.0, 2.0), example(1, 12.0, 9.0, 2.0), refused(2, 12.0, 2.0)],
        };
        let other = Report {
            rows: vec![example(0, 12.0, 1.5, 2.0), refused(1, 12.0, 2.0), example(2, 12.0, 9.0, 2.0)],
        };
        let ratio = |above: &Report, below: &Report| above.over(below).into_array().map(|ratio| ratio.value);
        assert_eq!(ratio(&other, &one), [1.5; 4]);
        assert_eq!(
            [&one, &other].map(|report| report.model().mean.long),
            [5.0, 5.25],
            "control: each on its own"
        );
        let nothing = Report { rows: vec![refused(0, 12.0, 2.0)] };
        assert!(ratio(&one, &nothing)[0].is_nan());
    }

    #[test]
    fn what_two_reports_have_in_common_does_not_widen_the_interval_of_their_ratio() {
        // Lesions of very different difficulty, on each of which the other is wrong by half as much again.
        let of = |factor: f64| {
            let rows = (0..20).map(|i| example(i, 12.0, factor * (1 + i % 7) as f64, 2.0));
            Report { rows: rows.collect() }
        };
        let Estimate { value, interval } = of(1.5).over(&of(1.0)).long;
        assert!(
            [value, interval[0], interval[1]].iter().all(|ratio| (ratio - 1.5).abs() < 1e-12),
            "{interval:?}"
        );
    }
}
