use recist::geometry::{Keypoints, PixelSpacing, Point};

use crate::data::Split;
use crate::data::lesion::check_keypoints;
use crate::data::table::Cells;

/// Other names of columns, with their own.
pub(super) const ALIASES: [(&str, &str); 2] = [("file", "image"), ("nodule", "lesion")];

/// The columns of every table of endpoints.
pub(super) const REQUIRED: [&str; 10] = [
    "image", "patient", "long_x1", "long_y1", "long_x2", "long_y2", "short_x1", "short_y1", "short_x2",
    "short_y2",
];

/// The columns that a table may have.
pub(super) const OPTIONAL: [&str; 8] = [
    "split",
    "lesion",
    "organ",
    "largest_slice",
    "reader",
    "spacing_mm",
    "row_spacing_mm",
    "column_spacing_mm",
];

/// One row of a table of endpoints: one reader's measurement of a lesion on one slice.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) image: String,
    pub(super) patient: String,
    pub(super) split: Option<Split>,
    pub(super) lesion: Option<String>,
    pub(super) organ: Option<String>,
    /// 0 or 1.
    pub(super) largest_slice: Option<u8>,
    pub(super) reader: Option<String>,
    pub(super) spacing: Option<PixelSpacing>,
    /// Counted from 0, x is the column, and the centre of the first pixel is (0, 0).
    pub(super) keypoints: Keypoints,
}

impl Row {
    /// The row in these cells.
    ///
    /// # Errors
    /// If a cell does not hold what its column is for or, where the row states a pixel spacing, the endpoints are no
    /// measurement.
    pub(super) fn of(cells: &Cells<'_>) -> Result<Self, String> {
        let owned = |column| cells.stated(column).map(str::to_owned);
        let patient = cells.text("patient")?.to_owned();
        let split = cells.stated("split").map(str::parse).transpose()?;
        let largest_slice = match cells.stated("largest_slice") {
            None => None,
            Some("0") => Some(0),
            Some("1") => Some(1),
            Some(cell) => return Err(format!("largest_slice is {cell:?}: neither 0 nor 1")),
        };
        let spacing = spacing(cells)?;
        let point = |x, y| Ok::<_, String>(Point::new(cells.number(x)?, cells.number(y)?));
        let keypoints = Keypoints::from_array([
            point("long_x1", "long_y1")?,
            point("long_x2", "long_y2")?,
            point("short_x1", "short_y1")?,
            point("short_x2", "short_y2")?,
        ]);
        if let Some(spacing) = spacing {
            check_keypoints(&keypoints, spacing)?;
        }
        Ok(Self {
            image: cells.image()?,
            patient,
            split,
            lesion: owned("lesion"),
            organ: owned("organ"),
            largest_slice,
            reader: owned("reader"),
            spacing,
            keypoints,
        })
    }

    /// The reader's number, which is that of the bit set inside the reader's outlines.
    pub(super) fn bit(&self) -> Result<u8, String> {
        let reader = self.reader.as_deref().unwrap_or_default();
        reader.parse().ok().filter(|&bit| bit < 8).ok_or_else(|| {
            format!("its reader is {reader:?}: those whose outlines can be read are numbered from 0 to 7")
        })
    }
}

fn spacing(cells: &Cells<'_>) -> Result<Option<PixelSpacing>, String> {
    let stated = |column| cells.stated(column).map(|_| cells.number(column)).transpose();
    let both = stated("spacing_mm")?;
    let distance = |column| match (stated(column)?, both) {
        (Some(own), Some(both)) if own != both => Err(format!("{column} is {own}, and spacing_mm is {both}")),
        (own, both) => Ok(own.or(both)),
    };
    match (distance("row_spacing_mm")?, distance("column_spacing_mm")?) {
        (Some(row), Some(column)) => {
            PixelSpacing::new(row, column).map(Some).map_err(|error| error.to_string())
        }
        (None, None) => Ok(None),
        (Some(row), None) => Err(format!("row_spacing_mm is {row}, and column_spacing_mm is not stated")),
        (None, Some(column)) => {
            Err(format!("column_spacing_mm is {column}, and row_spacing_mm is not stated"))
        }
    }
}
