//! Tables of endpoints: what readers marked on real slices.

use std::path::Path;

use recist::geometry::{Keypoints, PixelSpacing, Point};

/// One reader's mark on one slice.
#[derive(Clone, Debug)]
pub struct Mark {
    /// The image's file name.
    pub image: String,
    /// The row's split, empty where the table has none.
    pub split: String,
    /// The endpoints in slice pixels.
    pub keypoints: Keypoints,
    /// The pixel spacing.
    pub spacing: PixelSpacing,
}

/// Reads a table with the columns of the real data's `recist.csv`.
///
/// # Panics
/// If the table is not one.
#[must_use]
pub fn read(path: &Path) -> Vec<Mark> {
    let mut reader = csv::Reader::from_path(path).expect("the real data have their table");
    let header = reader.headers().expect("a table has a header").clone();
    let column = |name: &str| header.iter().position(|h| h == name);
    let marks = reader.records().map(|record| {
        let record = record.expect("a table has whole rows");
        let text = |name: &str| column(name).map_or("", |at| &record[at]);
        let number =
            |name: &str| text(name).parse::<f64>().unwrap_or_else(|_| panic!("{name} of {record:?}"));
        let point =
            |name: &str, i| Point::new(number(&format!("{name}_x{i}")), number(&format!("{name}_y{i}")));
        let ends = [point("long", 1), point("long", 2), point("short", 1), point("short", 2)];
        let [row, column] = match column("row_spacing_mm") {
            Some(_) => [number("row_spacing_mm"), number("column_spacing_mm")],
            None => [number("spacing_mm"); 2],
        };
        Mark {
            image: text("image").to_owned() + text("file"),
            split: text("split").to_owned(),
            keypoints: Keypoints::from_array(ends),
            spacing: PixelSpacing::new(row, column).expect("a scanner's spacing"),
        }
    });
    marks.collect()
}
