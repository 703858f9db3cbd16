use core::fmt;

use super::Point;

/// Distance between neighbouring pixel centres in millimetres: finite and positive, rows and columns apart.
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
    /// The spacing between rows (vertical) and between columns (horizontal).
    ///
    /// # Errors
    /// If one of the two is not finite and positive.
    pub fn new(row_mm: f64, column_mm: f64) -> Result<Self, SpacingError> {
        let valid = |mm: f64| mm.is_finite() && mm > 0.0;
        if valid(row_mm) && valid(column_mm) {
            Ok(Self { row_mm, column_mm })
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
        write!(f, "pixel spacing must be positive: {} mm rows, {} mm columns", self.row_mm, self.column_mm)
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
    fn spacing_is_positive_and_finite() {
        for (row, column) in [(0.0, 1.0), (1.0, -0.5), (f64::NAN, 1.0), (1.0, f64::INFINITY)] {
            assert!(PixelSpacing::new(row, column).is_err(), "{row} {column}");
        }
        let message = PixelSpacing::new(0.7, -1.0).unwrap_err().to_string();
        assert_eq!(message, "pixel spacing must be positive: 0.7 mm rows, -1 mm columns");
    }
}
