use core::fmt;

use super::{PixelSpacing, Point};

/// The four endpoints as readers mark them or heatmaps show them: in no order, the axes only nearly
/// perpendicular. The coordinates are the caller's.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Keypoints {
    /// One end of the long axis; the left end in a canonical patch.
    pub long_start: Point,
    /// The other end of the long axis; the right end in a canonical patch.
    pub long_end: Point,
    /// One end of the short axis; the top end in a canonical patch.
    pub short_start: Point,
    /// The other end of the short axis; the bottom end in a canonical patch.
    pub short_end: Point,
}

/// One axis of a lesion: the coordinates are those of what it was taken from, slice pixels for [`RecistAxes`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Axis {
    start: Point,
    end: Point,
}

/// A RECIST measurement: the long axis and the short axis perpendicular to it, in slice pixels.
///
/// Invariants: all coordinates are finite; the long axis has a length and the short axis is, to rounding, at
/// most as long; the axes are perpendicular in millimetre space (in pixel space where the spacing is unknown);
/// the long axis starts at the end with the smaller x (smaller y on a tie), the short axis at the end with the
/// smaller y (smaller x on a tie).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RecistAxes {
    long: Axis,
    short: Axis,
}

/// Why four keypoints are not a measurement.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum AxesError {
    /// A coordinate is NaN or infinite.
    NotFinite {
        /// The keypoints.
        keypoints: Keypoints,
    },
    /// All keypoints coincide or an axis has no length.
    NoLength {
        /// The keypoints.
        keypoints: Keypoints,
    },
    /// The axes are less than 45 degrees apart: which of them is right cannot be told.
    Oblique {
        /// The keypoints.
        keypoints: Keypoints,
    },
}

/// The least cosine between the normal of the long axis and the short axis, that of 45 degrees.
const LEAST_COSINE: f64 = core::f64::consts::FRAC_1_SQRT_2;

impl Keypoints {
    /// The four points in the order of the heatmaps: long start, long end, short start, short end.
    #[must_use]
    pub const fn to_array(self) -> [Point; 4] {
        [self.long_start, self.long_end, self.short_start, self.short_end]
    }

    /// The keypoints from four points in the order of the heatmaps.
    #[must_use]
    pub const fn from_array([long_start, long_end, short_start, short_end]: [Point; 4]) -> Self {
        Self { long_start, long_end, short_start, short_end }
    }

    /// The long axis.
    #[must_use]
    pub const fn long(self) -> Axis {
        Axis { start: self.long_start, end: self.long_end }
    }

    /// The short axis.
    #[must_use]
    pub const fn short(self) -> Axis {
        Axis { start: self.short_start, end: self.short_end }
    }

    /// The keypoints with every point moved by `map`.
    #[must_use]
    pub fn map(self, map: impl FnMut(Point) -> Point) -> Self {
        Self::from_array(self.to_array().map(map))
    }

    /// The mean of the four endpoints: what the canonical layout calls the lesion's centre.
    #[must_use]
    pub fn center(self) -> Point {
        self.long().midpoint().midpoint(self.short().midpoint())
    }

    /// The keypoints with left and right, top and bottom as the canonical patch has them: the long axis
    /// starts at its smaller x, the short axis at its smaller y (the other coordinate on a tie).
    #[must_use]
    pub fn ordered(self) -> Self {
        Self::of_axes(self.long().left_to_right(), self.short().top_to_bottom())
    }

    const fn of_axes(long: Axis, short: Axis) -> Self {
        Self { long_start: long.start, long_end: long.end, short_start: short.start, short_end: short.end }
    }
}

impl Axis {
    fn left_to_right(self) -> Self {
        let Self { start, end } = self;
        if (start.x, start.y) <= (end.x, end.y) { self } else { Self { start: end, end: start } }
    }

    fn top_to_bottom(self) -> Self {
        let Self { start, end } = self;
        if (start.y, start.x) <= (end.y, end.x) { self } else { Self { start: end, end: start } }
    }

    /// One end; of an axis of [`RecistAxes`] the one that the order of endpoints puts first.
    #[must_use]
    pub const fn start(self) -> Point {
        self.start
    }

    /// The other end.
    #[must_use]
    pub const fn end(self) -> Point {
        self.end
    }

    /// From its start to its end.
    #[must_use]
    pub fn vector(self) -> Point {
        self.end - self.start
    }

    /// The point halfway between its ends.
    #[must_use]
    pub fn midpoint(self) -> Point {
        self.start.midpoint(self.end)
    }

    /// The length in the unit of its coordinates.
    #[must_use]
    pub fn length(self) -> f64 {
        self.start.distance(self.end)
    }

    /// The length in millimetres, of an axis in slice pixels.
    #[must_use]
    pub fn length_mm(self, spacing: PixelSpacing) -> f64 {
        spacing.distance_mm(self.start, self.end)
    }
}

impl RecistAxes {
    /// The measurement that four keypoints in slice pixels stand for.
    ///
    /// The longer of the two axes (in millimetres where `spacing` is known, in pixels else) is the long
    /// axis and stays as it is. The other is turned round its midpoint until it is perpendicular, and keeps its
    /// length in that unit: where the long axis could lie in several directions, the width seen is a width all the
    /// same.
    ///
    /// # Errors
    /// If a coordinate is not finite, an axis has no length, or the axes are less than 45 degrees apart.
    pub fn from_keypoints(keypoints: &Keypoints, spacing: Option<PixelSpacing>) -> Result<Self, AxesError> {
        if !keypoints.to_array().iter().all(|p| p.is_finite()) {
            return Err(AxesError::NotFinite { keypoints: *keypoints });
        }
        let spacing = spacing.unwrap_or(PixelSpacing::UNIT);
        let [mut long, mut short] = [keypoints.long(), keypoints.short()];
        if short.length_mm(spacing) > long.length_mm(spacing) {
            core::mem::swap(&mut long, &mut short);
        }
        let direction = spacing.to_mm(long.vector());
        let normal = Point::new(-direction.y, direction.x);
        let half_mm = spacing.to_mm(short.vector()) * 0.5;
        let unit = normal * (1.0 / normal.length());
        let half = spacing.to_pixels(unit * half_mm.length());
        if !half.is_finite() || half == Point::default() {
            return Err(AxesError::NoLength { keypoints: *keypoints });
        }
        if half_mm.dot(unit).abs() < LEAST_COSINE * half_mm.length() {
            return Err(AxesError::Oblique { keypoints: *keypoints });
        }
        let middle = short.midpoint();
        let short = Axis { start: middle - half, end: middle + half };
        Ok(Self { long: long.left_to_right(), short: short.top_to_bottom() })
    }

    /// The longest diameter.
    #[must_use]
    pub const fn long(self) -> Axis {
        self.long
    }

    /// The diameter perpendicular to it.
    #[must_use]
    pub const fn short(self) -> Axis {
        self.short
    }

    /// The four endpoints.
    #[must_use]
    pub const fn keypoints(self) -> Keypoints {
        Keypoints::of_axes(self.long, self.short)
    }
}

impl fmt::Display for AxesError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (what, keypoints) = match self {
            Self::NotFinite { keypoints } => ("endpoints are not finite", keypoints),
            Self::NoLength { keypoints } => ("an axis has no length", keypoints),
            Self::Oblique { keypoints } => ("the axes are less than 45 degrees apart", keypoints),
        };
        write!(f, "{what}:")?;
        keypoints.to_array().iter().try_for_each(|p| write!(f, " ({}, {})", p.x, p.y))
    }
}

impl core::error::Error for AxesError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn keypoints(points: [(f64, f64); 4]) -> Keypoints {
        Keypoints::from_array(points.map(|(x, y)| Point::new(x, y)))
    }

    #[test]
    fn the_short_axis_is_perpendicular_in_millimetre_space() {
        let raw = keypoints([(0.0, 0.0), (20.0, 10.0), (8.0, 9.0), (13.0, 1.0)]);
        for spacing in [None, Some((0.7, 0.7)), Some((0.9, 0.6)), Some((0.5, 0.8))] {
            let spacing = spacing.map(|(row, column)| PixelSpacing::new(row, column).unwrap());
            let axes = RecistAxes::from_keypoints(&raw, spacing).unwrap();
            let to_mm = |a: Axis| spacing.map_or(a.vector(), |s| s.to_mm(a.vector()));
            assert!(to_mm(axes.long()).dot(to_mm(axes.short())).abs() < 1e-9, "{spacing:?}");
            assert!(axes.short().midpoint().distance(Point::new(10.5, 5.0)) < 1e-9);
            let seen = spacing.map_or(Point::new(5.0, -8.0), |s| s.to_mm(Point::new(5.0, -8.0)));
            assert!((to_mm(axes.short()).length() - seen.length()).abs() < 1e-9, "it keeps its length");
        }
    }

    #[test]
    fn endpoints_come_in_the_order_that_is_stated() {
        let cases = [
            (
                [(9.0, 5.0), (1.0, 5.0), (5.0, 7.0), (5.0, 3.0)],
                [(1.0, 5.0), (9.0, 5.0), (5.0, 3.0), (5.0, 7.0)],
            ),
            (
                [(5.0, 9.0), (5.0, 1.0), (7.0, 5.0), (3.0, 5.0)],
                [(5.0, 1.0), (5.0, 9.0), (3.0, 5.0), (7.0, 5.0)],
            ),
        ];
        for (given, want) in cases {
            let axes = RecistAxes::from_keypoints(&keypoints(given), None).unwrap();
            assert_eq!(axes.keypoints(), keypoints(want));
        }
    }

    #[test]
    fn the_longer_axis_in_millimetres_is_the_long_axis() {
        let raw = keypoints([(0.0, 5.0), (10.0, 5.0), (5.0, 1.0), (5.0, 9.0)]);
        let spacing = PixelSpacing::new(2.0, 1.0).unwrap();
        let axes = RecistAxes::from_keypoints(&raw, Some(spacing)).unwrap();
        assert_eq!((axes.long().length_mm(spacing), axes.short().length_mm(spacing)), (16.0, 10.0));
    }

    #[test]
    fn keypoints_that_are_no_two_axes_are_refused() {
        let cases = [
            ([(1.0, 1.0); 4], "an axis has no length: (1, 1) (1, 1) (1, 1) (1, 1)"),
            (
                [(0.0, 0.0), (9.0, 0.0), (4.0, 0.0), (4.0, 0.0)],
                "an axis has no length: (0, 0) (9, 0) (4, 0) (4, 0)",
            ),
            (
                [(0.0, 0.0), (9.0, 0.0), (4.0, 0.0), (8.0, 3.0)],
                "the axes are less than 45 degrees apart: (0, 0) (9, 0) (4, 0) (8, 3)",
            ),
            (
                [(0.0, 0.0), (f64::NAN, 0.0), (4.0, 1.0), (5.0, 3.0)],
                "endpoints are not finite: (0, 0) (NaN, 0) (4, 1) (5, 3)",
            ),
        ];
        for (points, want) in cases {
            assert_eq!(RecistAxes::from_keypoints(&keypoints(points), None).unwrap_err().to_string(), want);
        }
    }
}
