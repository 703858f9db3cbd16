use std::fmt;

use recist::cascade::{Networks, Workspace, measure};
use recist::geometry::{Keypoints, LesionBox, Point};

use super::{Errors, MeanErrors, drawn_box};
use crate::data::{Lesion, Pack, Split};

/// Which lesions count.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Selection {
    /// The split.
    pub split: Split,
    /// The least mean long axis, in mm. RECIST 1.1 measures lesions from 10 mm.
    pub minimum_mm: f64,
    /// The least number of readers.
    pub readers: usize,
    /// The box's side in longer sides of the endpoints' rectangle, lowest and highest.
    pub box_scale: [f64; 2],
}

/// How well a cascade measures, beside how well readers agree and what the box alone would say.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// Lesions that count.
    pub lesions: usize,
    /// Lesions that the cascade refused to measure; they are in none of the errors.
    pub refused: usize,
    /// The cascade against every reader.
    pub model: MeanErrors,
    /// Every reader against every other.
    pub readers: MeanErrors,
    /// The box's own guess against every reader: the middle of the box, the size that the law of boxes
    /// implies, the long axis across.
    pub box_only: MeanErrors,
    /// The mean angle between the measured long axis and the readers', in degrees from 0 to 90.
    pub angle: f64,
}

/// Measures the selected slices, those that a radiologist would measure, and compares.
///
/// # Errors
/// If a pack's lesion has no spacing.
pub fn evaluate<N: Networks>(
    packs: &[Pack],
    selection: Selection,
    networks: &mut N,
    mut happened: impl FnMut(usize),
) -> Result<Report, String> {
    let mut workspace = Box::new(Workspace::new());
    let (mut model, mut readers, mut box_only) = (Vec::new(), Vec::new(), Vec::new());
    let (mut lesions, mut refused, mut angles) = (0, 0, Vec::new());
    let mut samples = Vec::new();
    for (lesion, pixels) in packs.iter().flat_map(Pack::iter) {
        if !selection.selects(lesion) {
            continue;
        }
        let Some(area) = drawn_box(lesion, selection.box_scale) else { continue };
        let spacing = lesion.spacing().map_err(|error| format!("{}: {error}", lesion.name))?;
        lesions += 1;
        happened(lesions);
        pixels.read(&mut samples);
        let slice = pixels.slice(lesion, &samples).map_err(|error| format!("{}: {error}", lesion.name))?;
        let against = |found: &Keypoints| -> Vec<Errors> {
            lesion.keypoints().map(|reader| Errors::of(found, &reader, spacing)).collect()
        };
        let guess = guess(area, selection.box_scale);
        let pairs = lesion.keypoints().enumerate();
        readers.extend(pairs.flat_map(|(i, a)| {
            lesion.keypoints().skip(i + 1).map(move |b| Errors::of(&a, &b, spacing)).collect::<Vec<_>>()
        }));
        match measure(&slice, area, networks, &mut workspace, |_| {}) {
            Ok(measurement) => {
                let found = measurement.axes.keypoints();
                model.extend(against(&found));
                box_only.extend(against(&guess));
                angles.extend(lesion.keypoints().map(|reader| angle(&found, &reader)));
            }
            Err(_) => refused += 1,
        }
    }
    Ok(Report {
        lesions,
        refused,
        model: model.into_iter().collect(),
        readers: readers.into_iter().collect(),
        box_only: box_only.into_iter().collect(),
        angle: angles.iter().sum::<f64>() / angles.len().max(1) as f64,
    })
}

impl Selection {
    fn selects(&self, lesion: &Lesion) -> bool {
        lesion.split == self.split
            && lesion.largest
            && lesion.readers.len() >= self.readers
            && lesion.mean_long_mm() >= self.minimum_mm
    }
}

/// What the box alone says: its middle, its side over the mean of the law's scale, the long axis across, and a
/// short axis of three quarters.
fn guess(area: LesionBox, [lowest, highest]: [f64; 2]) -> Keypoints {
    let center = area.center();
    let half = area.width() / (lowest + highest);
    let (across, down) = (Point::new(half, 0.0), Point::new(0.0, 0.75 * half));
    Keypoints::from_array([center - across, center + across, center - down, center + down])
}

fn angle(a: &Keypoints, b: &Keypoints) -> f64 {
    let (a, b) = (a.long_end - a.long_start, b.long_end - b.long_start);
    (a.dot(b).abs() / (a.length() * b.length())).min(1.0).acos().to_degrees()
}

impl Report {
    /// The report as one line of JSON.
    #[must_use]
    pub fn to_json(&self) -> String {
        let errors = |name: &str, e: &MeanErrors| {
            format!(
                "\"{name}\":{{\"long_mm\":{:.4},\"short_mm\":{:.4},\"long_ends_mm\":{:.4},\
                 \"short_ends_mm\":{:.4},\"comparisons\":{}}}",
                e.long, e.short, e.long_ends, e.short_ends, e.count
            )
        };
        format!(
            "{{\"lesions\":{},\"refused\":{},\"angle_degrees\":{:.3},{},{},{}}}\n",
            self.lesions,
            self.refused,
            self.angle,
            errors("model", &self.model),
            errors("readers", &self.readers),
            errors("box_only", &self.box_only)
        )
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} lesions, {} refused; mean angle between long axes {:.1}°",
            self.lesions, self.refused, self.angle
        )?;
        writeln!(f, "mean mm            |dLong|  |dShort|  long ends  short ends  comparisons")?;
        let rows = [
            ("model - reader", &self.model),
            ("reader - reader", &self.readers),
            ("box - reader", &self.box_only),
        ];
        for (name, e) in rows {
            writeln!(
                f,
                "{name:<17} {:>8.2} {:>9.2} {:>10.2} {:>11.2} {:>12}",
                e.long, e.short, e.long_ends, e.short_ends, e.count
            )?;
        }
        Ok(())
    }
}
