use std::collections::BTreeMap;
use std::fmt;

use rand::RngExt;
use recist::cascade::{Networks, Workspace, measure};
use recist::geometry::{Keypoints, LesionBox, Point};

use super::{Errors, Statistics, drawn_box};
use crate::data::{Lesion, Origin, Pack, Split, keyed};

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

/// What happened to one lesion.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// [`Lesion::name`].
    pub name: String,
    /// The patient.
    pub patient: String,
    /// The readers' mean long axis in mm.
    pub long_mm: f64,
    /// The measurement's confidence; none where the cascade refused.
    pub confidence: Option<f32>,
    /// The cascade against every reader; empty where it refused.
    pub model: Vec<Errors>,
    /// Every reader against every other.
    pub readers: Vec<Errors>,
    /// The box's own guess against every reader.
    pub box_only: Vec<Errors>,
}

/// How well a cascade measures, beside how well readers agree and what the box alone would say: in the box's
/// middle, of the size that the law of boxes implies, the long axis across.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// Every selected lesion.
    pub rows: Vec<Row>,
}

/// The four quantities, as the tables name them.
const QUANTITIES: [&str; 4] = ["long_mm", "short_mm", "long_ends_mm", "short_ends_mm"];

/// Draws of a bootstrap.
const DRAWS: u64 = 1000;

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
    let selected = || packs.iter().flat_map(Pack::iter).filter(|(lesion, _)| selection.selects(lesion));
    let any_real = selected().any(|(lesion, _)| lesion.origin == Origin::Real);
    for (lesion, pixels) in selected() {
        if any_real && lesion.origin != Origin::Real {
            continue;
        }
        let Some(area) = drawn_box(lesion, selection.box_scale) else { continue };
        let spacing = lesion.spacing().map_err(|error| format!("{}: {error}", lesion.name))?;
        pixels.read(&mut samples);
        let slice = pixels.slice(lesion, &samples).map_err(|error| format!("{}: {error}", lesion.name))?;
        let against = |found: &Keypoints| -> Vec<Errors> {
            lesion.keypoints().map(|reader| Errors::of(found, &reader, spacing)).collect()
        };
        let pairs = lesion.keypoints().enumerate().flat_map(|(i, a)| {
            lesion.keypoints().skip(i + 1).map(move |b| Errors::of(&a, &b, spacing)).collect::<Vec<_>>()
        });
        let measured = measure(&slice, area, networks, &mut workspace, |_| {}).ok();
        rows.push(Row {
            name: lesion.name.clone(),
            patient: lesion.patient.clone(),
            long_mm: lesion.mean_long_mm(),
            confidence: measured.map(|m| m.confidence()),
            model: measured.map_or_else(Vec::new, |m| against(&m.axes.keypoints())),
            readers: pairs.collect(),
            box_only: against(&guess(area, selection.box_scale)),
        });
    }
    Ok(Report { rows })
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

/// Which of a row's comparisons.
type Comparison = fn(&Row) -> &[Errors];

const COMPARISONS: [(&str, Comparison); 3] =
    [("model", |row| &row.model), ("readers", |row| &row.readers), ("box_only", |row| &row.box_only)];

fn statistics<'a>(rows: impl Iterator<Item = &'a Row>, comparison: Comparison) -> Statistics {
    rows.flat_map(comparison).collect()
}

impl Report {
    /// Lesions that the cascade refused to measure; they are in none of its errors.
    #[must_use]
    pub fn refused(&self) -> usize {
        self.rows.iter().filter(|row| row.confidence.is_none()).count()
    }

    /// The mean absolute differences of the cascade to the readers in mm: long axis, short axis, ends of the
    /// long, ends of the short.
    #[must_use]
    pub fn model(&self) -> [f64; 4] {
        statistics(self.rows.iter(), COMPARISONS[0].1).mean
    }

    /// The cascade's mean differences over those among the readers, with the central 95 % of 1,000 bootstrap
    /// draws of patients. None where no lesion has two readers.
    #[must_use]
    pub fn ratios(&self) -> Option<[[f64; 3]; 4]> {
        let ratio = |rows: &[&Row]| -> [f64; 4] {
            let [model, readers] = [0, 1].map(|i| statistics(rows.iter().copied(), COMPARISONS[i].1).mean);
            std::array::from_fn(|i| model[i] / readers[i])
        };
        let all: Vec<&Row> = self.rows.iter().collect();
        let mean = ratio(&all);
        if !mean.iter().all(|ratio| ratio.is_finite()) {
            return None;
        }
        let mut patients: BTreeMap<&str, Vec<&Row>> = BTreeMap::new();
        for row in &self.rows {
            patients.entry(&row.patient).or_default().push(row);
        }
        let patients: Vec<_> = patients.into_values().collect();
        let mut draws: Vec<[f64; 4]> = (0..DRAWS)
            .map(|draw| {
                let mut random = keyed(0, draw, 0);
                let drawn =
                    (0..patients.len()).flat_map(|_| &patients[random.random_range(0..patients.len())]);
                ratio(&drawn.copied().collect::<Vec<_>>())
            })
            .filter(|ratios| ratios.iter().all(|ratio| ratio.is_finite()))
            .collect();
        Some(std::array::from_fn(|i| {
            draws.sort_by(|a, b| a[i].total_cmp(&b[i]));
            [mean[i], draws[draws.len() / 40][i], draws[draws.len() - 1 - draws.len() / 40][i]]
        }))
    }

    /// The report as one line of JSON.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut text = format!("{{\"lesions\":{},\"refused\":{}", self.rows.len(), self.refused());
        for (name, comparison) in COMPARISONS {
            let statistics = statistics(self.rows.iter(), comparison);
            text += &format!(",\"{name}\":{{\"comparisons\":{}", statistics.count);
            for (i, quantity) in QUANTITIES.iter().enumerate() {
                text +=
                    &format!(",\"{quantity}\":[{:.4},{:.4}]", statistics.mean[i], statistics.deviation[i]);
            }
            text.push('}');
        }
        if let Some(ratios) = self.ratios() {
            let numbers = QUANTITIES
                .iter()
                .zip(ratios)
                .map(|(name, r)| format!("\"{name}\":[{:.4},{:.4},{:.4}]", r[0], r[1], r[2]));
            text += &format!(",\"model_over_readers\":{{{}}}", numbers.collect::<Vec<_>>().join(","));
        }
        text + "}\n"
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} lesions, {} refused", self.rows.len(), self.refused())?;
        writeln!(
            f,
            "{:<16} {:>13} {:>13} {:>13} {:>13}   n",
            "mean ± sd, mm", "|d long|", "|d short|", "long ends", "short ends"
        )?;
        for (name, comparison) in COMPARISONS {
            let statistics = statistics(self.rows.iter(), comparison);
            if statistics.count == 0 {
                continue;
            }
            write!(f, "{name:<16}")?;
            for (mean, deviation) in statistics.mean.iter().zip(statistics.deviation) {
                write!(f, " {:>13}", format!("{mean:.2} ± {deviation:.2}"))?;
            }
            writeln!(f, "   {}", statistics.count)?;
        }
        if let Some(ratios) = self.ratios() {
            write!(f, "{:<16}", "model / readers")?;
            for [mean, low, high] in ratios {
                write!(f, " {:>13}", format!("{mean:.2} {low:.2}-{high:.2}"))?;
            }
            writeln!(f, "   95 % by patient")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(patient: usize, model: f64, readers: f64) -> Row {
        let errors = |v: f64| Errors { long: -v, short: v, long_ends: v, short_ends: v };
        Row {
            name: format!("lesion {patient}"),
            patient: patient.to_string(),
            long_mm: 12.0,
            confidence: Some(0.5),
            model: vec![errors(model)],
            readers: vec![errors(readers)],
            box_only: vec![errors(3.0)],
        }
    }

    #[test]
    fn the_ratio_is_that_of_the_means_and_its_interval_holds_it() {
        let report = Report { rows: (0..40).map(|i| row(i, 1.0 + (i % 2) as f64, 2.0)).collect() };
        for [mean, low, high] in report.ratios().unwrap() {
            assert!(
                (mean - 0.75).abs() < 1e-12 && low < 0.75 && high > 0.75 && high - low < 0.2,
                "{low} {high}"
            );
        }
        assert_eq!(report.model(), [1.5; 4]);
    }

    #[test]
    fn a_refused_lesion_is_counted_and_in_no_error() {
        let mut refused = row(1, 1.0, 2.0);
        (refused.confidence, refused.model) = (None, Vec::new());
        let report = Report { rows: vec![row(0, 1.0, 2.0), refused] };
        assert_eq!((report.refused(), report.model()), (1, [1.0; 4]));
        let alone = Report { rows: vec![Row { readers: Vec::new(), ..row(0, 1.0, 2.0) }] };
        assert_eq!(alone.ratios(), None, "one reader agrees with nobody");
    }
}
