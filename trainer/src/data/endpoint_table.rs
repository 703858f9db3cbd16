use std::collections::HashMap;
use std::error::Error;
use std::path::Path;

use recist::geometry::{Keypoints, PixelSpacing, Point};
use serde::Deserialize;

use super::lesion::check_keypoints;
use super::{Candidate, Outlines, Problems, Split};

/// One row of a table of endpoints: one reader's measurement of a lesion on one slice.
///
/// Pixels are counted from 0, x is the column, and the centre of the first pixel is (0, 0).
#[derive(Debug, Deserialize)]
struct Row {
    image: String,
    patient: String,
    split: Option<String>,
    #[serde(alias = "nodule")]
    lesion: Option<String>,
    organ: Option<String>,
    largest_slice: Option<u8>,
    reader: Option<u8>,
    spacing_mm: Option<f64>,
    row_spacing_mm: Option<f64>,
    column_spacing_mm: Option<f64>,
    long_x1: f64,
    long_y1: f64,
    long_x2: f64,
    long_y2: f64,
    short_x1: f64,
    short_y1: f64,
    short_x2: f64,
    short_y2: f64,
}

/// Reads a table of endpoints (CSV) whose images lie in `images`, and whose readers' outlines lie under the same
/// names in `outlines`.
///
/// Columns: `image`, `patient`, `long_x1` to `short_y2`, and `spacing_mm` or both `row_spacing_mm` and
/// `column_spacing_mm`; optionally `split` (train, val, test; else [`Split::of_patient`]), `lesion` or
/// `nodule`, `organ`, `largest_slice` (0 or 1), and with outlines `reader` (0 to 7). Rows that share `image` and lesion are readers of one lesion.
/// Bad rows are noted in `problems`.
///
/// # Errors
/// If the table cannot be read or lacks a column.
pub fn endpoint_table(
    table: &Path,
    images: &Path,
    outlines: Option<&Path>,
    problems: &mut Problems,
) -> Result<Vec<Candidate>, Box<dyn Error>> {
    let name = |error: csv::Error| format!("{}: {error}", table.display());
    let mut reader = csv::Reader::from_path(table).map_err(name)?;
    let header = reader.headers().map_err(name)?.clone();
    for column in [
        "image", "patient", "long_x1", "long_y1", "long_x2", "long_y2", "short_x1", "short_y1", "short_x2",
        "short_y2",
    ] {
        if !header.iter().any(|h| h == column) {
            return Err(format!("{} has no column {column}", table.display()).into());
        }
    }
    let mut candidates: Vec<Candidate> = Vec::new();
    let mut place = HashMap::new();
    let mut split_of_patient = HashMap::new();
    for (number, row) in reader.into_deserialize::<Row>().enumerate() {
        problems.rows += 1;
        let line = number + 2;
        let read = row.map_err(|error| error.to_string()).and_then(|row| {
            let read = row.read()?;
            match *split_of_patient.entry(row.patient.clone()).or_insert(read.0) {
                split if split == read.0 => Ok((row, read)),
                split => Err(format!("patient {} is in the splits {split} and {}", row.patient, read.0)),
            }
        });
        let (row, (split, spacing_mm, keypoints)) = match read {
            Ok(read) => read,
            Err(reason) => {
                problems.note(format_args!("{}, line {line}", table.display()), reason);
                continue;
            }
        };
        let lesion = row.lesion.clone().unwrap_or_else(|| row.image.clone());
        let index = *place.entry((row.image.clone(), lesion.clone())).or_insert_with(|| {
            candidates.push(Candidate {
                path: images.join(&row.image),
                name: row.image.clone(),
                lesion: format!("{}/{lesion}", row.patient),
                patient: row.patient.clone(),
                split,
                organ: row.organ.clone(),
                spacing_mm,
                largest: row.largest_slice != Some(0),
                readers: Vec::new(),
                outlines: outlines.map(|folder| Outlines { path: folder.join(&row.image), bits: Vec::new() }),
            });
            candidates.len() - 1
        });
        let candidate = &mut candidates[index];
        if let Some(outlines) = &mut candidate.outlines {
            let Some(bit) = row.reader.filter(|&bit| bit < 8) else {
                let reason = "it names no reader from 0 to 7, whose outline could be read";
                problems.note(format_args!("{}, line {line}", table.display()), reason.to_owned());
                continue;
            };
            outlines.bits.push(bit);
        }
        candidate.readers.push(keypoints);
    }
    Ok(candidates)
}

impl Row {
    fn read(&self) -> Result<(Split, [f64; 2], Keypoints), String> {
        let split = match &self.split {
            None => Split::of_patient(&self.patient),
            Some(name) => Split::of_name(name).ok_or_else(|| format!("no split is called {name:?}"))?,
        };
        let spacing_mm = match (self.spacing_mm, self.row_spacing_mm, self.column_spacing_mm) {
            (_, Some(row), Some(column)) => [row, column],
            (Some(both), _, _) => [both, both],
            _ => return Err("it has no pixel spacing".into()),
        };
        let spacing = PixelSpacing::new(spacing_mm[0], spacing_mm[1]).map_err(|error| error.to_string())?;
        let keypoints = Keypoints::from_array([
            Point::new(self.long_x1, self.long_y1),
            Point::new(self.long_x2, self.long_y2),
            Point::new(self.short_x1, self.short_y1),
            Point::new(self.short_x2, self.short_y2),
        ]);
        check_keypoints(&keypoints, spacing)?;
        Ok((split, spacing_mm, keypoints))
    }
}
