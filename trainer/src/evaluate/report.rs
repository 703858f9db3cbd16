use std::fmt;

use recist::cascade::{Networks, Workspace, measure};
use recist::geometry::LesionBox;
use recist::image::CtSlice;

use super::{Careless, Found, Row, Selection, Statistics, Table, drawn_box};
use crate::data::{Origin, Pack};

/// What a cascade measured of the selected lesions, beside their readers and what the box alone would say: in
/// the box's middle, of the size that the law of boxes implies, the long axis across.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// Every selected lesion.
    pub rows: Vec<Row>,
}

/// Measures the selected slices, those that a radiologist would measure, and compares. Generated lesions count
/// only where there are no real ones.
///
/// # Errors
/// If a pack's lesion has no spacing.
pub fn evaluate<N: Networks>(
    packs: &[Pack],
    selection: Selection,
    networks: &mut N,
) -> Result<Report, String> {
    let mut workspace = Box::new(Workspace::new());
    let mut rows = Vec::new();
    let mut samples = Vec::new();
    let selected = || {
        let numbered = packs.iter().enumerate();
        let all =
            numbered.flat_map(|(pack, lesions)| lesions.iter().enumerate().map(move |(i, l)| ((pack, i), l)));
        all.filter(|(_, (lesion, _))| selection.selects(lesion))
    };
    let any_real = selected().any(|(_, (lesion, _))| lesion.origin == Origin::Real);
    for (place, (lesion, pixels)) in selected() {
        if any_real && lesion.origin != Origin::Real {
            continue;
        }
        let Some(area) = drawn_box(lesion, selection.box_scale) else { continue };
        let spacing = lesion.spacing().map_err(|error| format!("{}: {error}", lesion.name))?;
        pixels.read(&mut samples).map_err(|error| error.to_string())?;
        let slice = pixels.slice(lesion, &samples).map_err(|error| format!("{}: {error}", lesion.name))?;
        let found = find(&slice, area, networks, &mut workspace);
        rows.push(Row::of(place, lesion, spacing, area, selection.box_scale, found));
    }
    Ok(Report { rows })
}

/// What the cascade finds in a box; none where it refuses.
pub(super) fn find<N: Networks>(
    slice: &CtSlice<'_>,
    area: LesionBox,
    networks: &mut N,
    workspace: &mut Workspace,
) -> Option<Found> {
    let measured = measure(slice, area, networks, workspace, |_| {}).ok()?;
    Some(Found { keypoints: measured.axes.keypoints(), confidence: measured.confidence() })
}

impl Report {
    /// Measures every lesion again in [`Careless`] boxes.
    ///
    /// # Errors
    /// If `packs` are not those of the report.
    pub fn try_other_boxes<N: Networks>(
        &mut self,
        packs: &[Pack],
        box_scale: [f64; 2],
        networks: &mut N,
    ) -> Result<(), String> {
        let mut workspace = Box::new(Workspace::new());
        for row in &mut self.rows {
            row.careless = Some(Careless::measure(row, packs, box_scale, networks, &mut workspace)?);
        }
        Ok(())
    }

    /// Lesions that the cascade refused to measure; they are in none of its errors.
    #[must_use]
    pub fn refused(&self) -> usize {
        self.rows.iter().filter(|row| row.found.is_none()).count()
    }

    /// The mean absolute differences of the cascade to the readers in mm: long axis, short axis, ends of the
    /// long, ends of the short; not numbers where everything was refused.
    #[must_use]
    pub fn model(&self) -> [f64; 4] {
        let differences = self.rows.iter().flat_map(|row| &row.model);
        let statistics: Statistics = differences.map(|difference| &difference.mm).collect();
        statistics.means().as_array().map(|mean| *mean)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} lesions, {} refused", self.rows.len(), self.refused())?;
        Table::of(&self.rows.iter().collect::<Vec<_>>()).fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::super::row::example;
    use super::*;

    #[test]
    fn a_refused_lesion_is_counted_and_in_no_error() {
        let refused = Row { found: None, model: Vec::new(), ..example(1, 12.0, 1.0, 2.0) };
        let report = Report { rows: vec![example(0, 12.0, 1.0, 2.0), refused] };
        assert_eq!((report.refused(), report.model()), (1, [1.0; 4]));
    }
}
