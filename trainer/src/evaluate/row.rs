use recist::geometry::{Axis, Keypoints, LesionBox, PixelSpacing, Point};

use super::drawn_box::BOX_SCALE;
use super::others::others;
use super::{Careless, Difference, Nothing};
use crate::data::Lesion;

/// What happened to one lesion.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// The number of the pack that holds it, and its own there.
    pub place: (usize, usize),
    /// [`Lesion::name`].
    pub name: String,
    /// The patient.
    pub patient: String,
    /// The organ, where the data say.
    pub organ: Option<String>,
    /// The slice's pixel spacing.
    pub spacing: PixelSpacing,
    /// The readers' mean long and short axis in mm.
    pub reader_mm: [f64; 2],
    /// The box that was drawn, in pixels of the lesion's packed patch.
    pub area: LesionBox,
    /// What the cascade found in it, or why nothing.
    pub found: Result<Found, Nothing>,
    /// The cascade against every reader; empty where it found nothing.
    pub model: Vec<Difference>,
    /// Every reader against every other.
    pub readers: Vec<Difference>,
    /// The mean of the others against every reader; empty for fewer than three readers.
    pub others: Vec<Difference>,
    /// The box's own guess against every reader.
    pub box_only: Vec<Difference>,
    /// What happened in other boxes, where they were tried.
    pub careless: Option<Careless>,
}

/// A measurement.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Found {
    /// The endpoints in pixels of the lesion's packed patch.
    pub keypoints: Keypoints,
    /// The confidence.
    pub confidence: f32,
}

impl Row {
    /// Compares what was `found` in the box `area` with the lesion's readers.
    pub(super) fn of(
        place: (usize, usize),
        lesion: &Lesion,
        area: LesionBox,
        found: Result<Found, Nothing>,
    ) -> Self {
        let against = |found: &Keypoints| against(found, lesion);
        let spacing = lesion.spacing;
        let pairs = lesion.keypoints().enumerate().flat_map(|(i, a)| {
            lesion.keypoints().skip(i + 1).map(move |b| Difference::of(&a, &b, spacing)).collect::<Vec<_>>()
        });
        let mean = |axis: fn(Keypoints) -> Axis| {
            lesion.keypoints().map(|k| axis(k).length_mm(spacing)).sum::<f64>() / lesion.readers.len() as f64
        };
        Self {
            place,
            name: lesion.name.clone(),
            patient: lesion.patient.clone(),
            organ: lesion.organ.clone(),
            spacing,
            reader_mm: [mean(Keypoints::long), mean(Keypoints::short)],
            area,
            found,
            model: found.map_or_else(|_| Vec::new(), |found| against(&found.keypoints)),
            readers: pairs.collect(),
            others: others(&lesion.keypoints().collect::<Vec<_>>(), spacing),
            box_only: against(&guess(area)),
            careless: None,
        }
    }

    /// The readers' mean long axis in mm.
    #[must_use]
    pub const fn long_mm(&self) -> f64 {
        self.reader_mm[0]
    }

    /// How many readers the lesion has.
    #[must_use]
    pub fn reader_count(&self) -> usize {
        self.box_only.len()
    }

    /// Those of `rows` that the cascade measured. Whoever is compared with it, is compared on these.
    pub(super) fn measured<'a>(rows: &[&'a Self]) -> Vec<&'a Self> {
        rows.iter().filter(|row| row.found.is_ok()).copied().collect()
    }

    /// The mean absolute difference of the measured long axis to a reader's, in mm; none where the cascade
    /// found nothing.
    #[must_use]
    pub fn long_error_mm(&self) -> Option<f64> {
        let sum: f64 = self.model.iter().map(|difference| difference.mm.long.abs()).sum();
        (!self.model.is_empty()).then(|| sum / self.model.len() as f64)
    }
}

/// A measurement against every reader of a lesion.
pub(super) fn against(found: &Keypoints, lesion: &Lesion) -> Vec<Difference> {
    lesion.keypoints().map(|reader| Difference::of(found, &reader, lesion.spacing)).collect()
}

/// What the box alone says: its middle, its side over the mean of the law's scale, the long axis across, and a
/// short axis of three quarters. A slanted axis is longer than its rectangle is wide, so the guess is some 7 % too
/// short.
fn guess(area: LesionBox) -> Keypoints {
    let [lowest, highest] = BOX_SCALE;
    let center = area.center();
    let half = area.width() / (lowest + highest);
    let (across, down) = (Point::new(half, 0.0), Point::new(0.0, 0.75 * half));
    Keypoints::from_array([center - across, center + across, center - down, center + down])
}

/// A row whose differences all are as large as they are said to be.
#[cfg(test)]
pub(super) fn example(patient: usize, long_mm: f64, model: f64, readers: f64) -> Row {
    use super::Four;

    let difference = |v: f64| {
        let errors = Four { long: -v, short: v, long_ends: v, short_ends: v };
        Difference { mm: errors, px: errors, long_mm: [long_mm - v, long_mm] }
    };
    let keypoints =
        Keypoints::from_array([[0., 5.], [10., 5.], [5., 2.], [5., 8.]].map(|[x, y]| Point::new(x, y)));
    Row {
        place: (0, patient),
        name: format!("lesion {patient}"),
        patient: patient.to_string(),
        organ: None,
        spacing: PixelSpacing::new(1.0, 1.0).unwrap(),
        reader_mm: [long_mm, 0.75 * long_mm],
        area: LesionBox::new(0.0, 0.0, 20.0, 20.0).unwrap(),
        found: Ok(Found { keypoints, confidence: 0.5 }),
        model: vec![difference(model)],
        readers: vec![difference(readers)],
        others: Vec::new(),
        box_only: vec![difference(3.0); 2],
        careless: None,
    }
}

/// A row that the cascade refused.
#[cfg(test)]
pub(super) fn refused(patient: usize, long_mm: f64, readers: f64) -> Row {
    Row { found: Err(Nothing::Refused), model: Vec::new(), ..example(patient, long_mm, 0.0, readers) }
}
