use std::collections::HashSet;
use std::fmt;

use recist::cascade::{Networks, Workspace};
use recist::geometry::LesionBox;
use recist::image::CtSlice;

use super::{Careless, Found, Nothing, Row, Statistics, Table, Unmeasured, drawn_box, measured};
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

    /// The absolute differences of the cascade to the readers in mm.
    #[must_use]
    pub fn model(&self) -> Statistics {
        self.rows.iter().flat_map(|row| &row.model).map(|difference| &difference.mm).collect()
    }

    /// The same of this report and of another on the same packs, both on the lesions that both measured: what one of
    /// them refused says nothing of either.
    #[must_use]
    pub fn beside(&self, other: &Self) -> [Statistics; 2] {
        let measured = |report: &Self| -> HashSet<(usize, usize)> {
            report.rows.iter().filter(|row| row.found.is_ok()).map(|row| row.place).collect()
        };
        let both: HashSet<_> = measured(self).intersection(&measured(other)).copied().collect();
        [self, other].map(|report| {
            let rows = report.rows.iter().filter(|row| both.contains(&row.place));
            rows.flat_map(|row| &row.model).map(|difference| &difference.mm).collect()
        })
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
    use super::super::Four;
    use super::super::row::{example, refused};
    use super::*;

    #[test]
    fn a_refused_lesion_is_counted_and_in_no_error() {
        let report = Report { rows: vec![example(0, 12.0, 1.0, 2.0), refused(1, 12.0, 2.0)] };
        assert_eq!((report.refused(), report.model().mean), (1, Four::from_fn(|_| 1.0)));
    }

    #[test]
    fn two_reports_are_compared_on_the_lesions_that_both_measured() {
        let one = Report {
            rows: vec![example(0, 12.0, 1.0, 2.0), example(1, 12.0, 9.0, 2.0), refused(2, 12.0, 2.0)],
        };
        let other = Report {
            rows: vec![example(0, 12.0, 1.5, 2.0), refused(1, 12.0, 2.0), example(2, 12.0, 9.0, 2.0)],
        };
        let of = |count, mm| (count, Four::from_fn(|_| mm));
        let told = |statistics: Statistics| (statistics.count, statistics.mean);
        assert_eq!(one.beside(&other).map(told), [of(1, 1.0), of(1, 1.5)]);
        assert_eq!(
            [&one, &other].map(|report| told(report.model())),
            [of(2, 5.0), of(2, 5.25)],
            "control: each on its own"
        );
        let nothing = Report { rows: vec![refused(0, 12.0, 2.0)] };
        assert!(one.beside(&nothing).iter().all(|both| both.mean.long.is_nan()));
    }
}
