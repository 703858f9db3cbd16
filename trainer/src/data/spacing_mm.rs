//! Pixel spacing in a pack's index: the distance of rows and that of columns, in mm.

use recist::geometry::PixelSpacing;
use serde::de::{Deserialize, Deserializer, Error};
use serde::ser::{Serialize, Serializer};

pub(super) fn serialize<S: Serializer>(spacing: &PixelSpacing, serializer: S) -> Result<S::Ok, S::Error> {
    [spacing.row_mm(), spacing.column_mm()].serialize(serializer)
}

pub(super) fn deserialize<'a, D: Deserializer<'a>>(deserializer: D) -> Result<PixelSpacing, D::Error> {
    let [row_mm, column_mm] = <[f64; 2]>::deserialize(deserializer)?;
    PixelSpacing::new(row_mm, column_mm).map_err(Error::custom)
}
