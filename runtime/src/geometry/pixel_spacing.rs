use core::fmt;
use core::ops::RangeInclusive;

use super::Point;

/// Distance between neighbouring pixel centres in millimetres, rows and columns apart: within [`PixelSpacing::RANGE`],
/// neither more than [`PixelSpacing::MOST_STRETCHED`] times the other.
///
/// DICOM's PixelSpacing (0028,0030) lists the row spacing (vertical) first.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PixelSpacing {
    row_mm: f64,
    column_mm: f64,
}

/// Why two numbers are not a pixel spacing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SpacingError {
    /// The row spacing that was given.
    pub row_mm: f64,
    /// The column spacing that was given.
    pub column_mm: f64,
}

impl PixelSpacing {
    /// From a hundredth of a millimetre to a centimetre: CT has from a few hundredths to about two millimetres. What
    /// lies beyond was written in another unit or has lost its decimal point.
    pub const RANGE: RangeInclusive<f64> = 0.01..=10.0;

    /// How many times as long as wide a pixel can be. What lies beyond is a slice across the sections of a scan, too
    /// coarse in one direction to be measured, or a slip.
    pub const MOST_STRETCHED: f64 = 4.0;

    /// One millimetre: with it lengths in millimetres are lengths in pixels, for slices whose spacing is unknown.
    pub const UNIT: Self = Self { row_mm: 1.0, column_mm: 1.0 };

    /// How far two writings of one spacing may lie apart, as a share of it: tables round.
    pub const ROUNDING: f64 = 0.01;

    /// The spacing between rows (vertical) and between columns (horizontal).
    ///
    /// # Errors
    /// If one of the two is out of [`PixelSpacing::RANGE`], or more than [`PixelSpacing::MOST_STRETCHED`] times the
    /// other.
    pub fn new(row_mm: f64, column_mm: f64) -> Result<Self, SpacingError> {
        let spacing = Self { row_mm, column_mm };
        let stretched = spacing.stretch().max(1.0 / spacing.stretch());
        if [row_mm, column_mm].iter().all(|mm| Self::RANGE.contains(mm)) && stretched <= Self::MOST_STRETCHED
        {
            Ok(spacing)
        } else {
            Err(SpacingError { row_mm, column_mm })
        }
    }

    /// Distance between the centres of two rows.
    #[must_use]
    pub fn row_mm(self) -> f64 {
        self.row_mm
    }

    /// Distance between the centres of two columns.
    #[must_use]
    pub fn column_mm(self) -> f64 {
        self.column_mm
    }

    /// How many times as high as wide a pixel is.
    #[must_use]
    pub fn stretch(self) -> f64 {
        self.row_mm / self.column_mm
    }

    /// Whether `other` can be this spacing, rounded: neither differs by more than [`PixelSpacing::ROUNDING`] of it.
    #[must_use]
    pub fn agrees_with(self, other: Self) -> bool {
        let agree = |own: f64, other: f64| (own - other).abs() <= Self::ROUNDING * own;
        agree(self.row_mm, other.row_mm) && agree(self.column_mm, other.column_mm)
    }

    /// The vector in millimetres of a vector in slice pixels.
    #[must_use]
    pub fn to_mm(self, pixels: Point) -> Point {
        Point::new(pixels.x * self.column_mm, pixels.y * self.row_mm)
    }

    /// The vector in slice pixels of a vector in millimetres.
    #[must_use]
    pub fn to_pixels(self, mm: Point) -> Point {
        Point::new(mm.x / self.column_mm, mm.y / self.row_mm)
    }

    /// The distance in millimetres of two points in slice pixels.
    #[must_use]
    pub fn distance_mm(self, a: Point, b: Point) -> f64 {
        self.to_mm(b - a).length()
    }
}

impl fmt::Display for SpacingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (least, most) = (PixelSpacing::RANGE.start(), PixelSpacing::RANGE.end());
        let (Self { row_mm, column_mm }, times) = (self, PixelSpacing::MOST_STRETCHED);
        write!(
            f,
            "pixel spacing must be from {least} to {most} mm, one at most {times} times the other: {row_mm} mm rows, \
             {column_mm} mm columns"
        )
    }
}

impl core::error::Error for SpacingError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_use_row_and_column_spacing_separately() {
        let spacing = PixelSpacing::new(2.0, 0.5).unwrap();
        let cases = [
            ("along x", Point::new(10.0, 0.0), 5.0),
            ("along y", Point::new(0.0, 10.0), 20.0),
            ("3-4-5", Point::new(6.0, 2.0), 5.0),
        ];
        for (name, end, want) in cases {
            let got = spacing.distance_mm(Point::default(), end);
            assert!((got - want).abs() < 1e-12, "{name}: got {got} mm, want {want} mm");
        }
    }

    #[test]
    fn a_spacing_agrees_with_its_rounded_writing_on_both_axes() {
        let exact = PixelSpacing::new(0.703_125, 1.0).unwrap();
        for (row, column, want) in [
            (0.703_125, 1.0, true),
            (0.70, 1.0, true),
            (0.71, 0.991, true),
            (0.703_125, 1.009, true),
            (0.703_125, 1.011, false),
            (0.69, 1.0, false),
            (2.8, 1.0, false),
            (1.0, 0.703_125, false),
        ] {
            let other = PixelSpacing::new(row, column).unwrap();
            assert_eq!(exact.agrees_with(other), want, "{row}, {column}");
        }
    }

    #[test]
    fn spacing_is_one_that_a_scanner_can_have() {
        let out_of_range =
            [(0.0, 1.0), (1.0, -0.5), (f64::NAN, 1.0), (1.0, f64::INFINITY), (750.0, 750.0), (1e-9, 1e-9)];
        for (row, column) in out_of_range.into_iter().chain([(4.01, 1.0), (0.5, 2.01)]) {
            assert!(PixelSpacing::new(row, column).is_err(), "{row} {column}");
        }
        for (row, column) in [(4.0, 1.0), (0.5, 2.0)] {
            assert!(PixelSpacing::new(row, column).is_ok(), "{row} {column}");
        }
        let message = PixelSpacing::new(0.7, -1.0).unwrap_err().to_string();
        assert_eq!(
            message,
            "pixel spacing must be from 0.01 to 10 mm, one at most 4 times the other: 0.7 mm rows, -1 mm columns"
        );
    }
}
