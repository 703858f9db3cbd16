use core::fmt;

use super::{PixelSpacing, Point};

/// An axis-aligned box round a lesion, in slice pixels.
///
/// Covers `x0..x1` by `y0..y1`, y down, pixel centres at integers. Within [`LesionBox::FARTHEST`] and never empty:
/// [`LesionBox::new`] is the only way in. It may reach beyond the slice.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LesionBox {
    x0: f64,
    y0: f64,
    x1: f64,
    y1: f64,
}

/// Why four numbers are not a box.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum BoxError {
    /// A coordinate is NaN or infinite.
    NotFinite {
        /// The four numbers: x0, y0, x1, y1.
        corners: [f64; 4],
    },
    /// An edge is farther from the first pixel than [`LesionBox::FARTHEST`].
    Far {
        /// The four numbers: x0, y0, x1, y1.
        corners: [f64; 4],
    },
    /// The right edge is left of the left edge, or the bottom above the top.
    Reversed {
        /// The four numbers: x0, y0, x1, y1.
        corners: [f64; 4],
    },
    /// The box has no area, or sides below [`LesionBox::SHORTEST`].
    Empty {
        /// Width in pixels.
        width: f64,
        /// Height in pixels.
        height: f64,
    },
}

impl LesionBox {
    /// How far an edge can be from the first pixel, in pixels: beyond all slices, and little enough that the sides of a
    /// box and of the square round it are exact to [`LesionBox::SHORTEST`].
    pub const FARTHEST: f64 = 1e9;

    /// The shortest side in pixels.
    pub const SHORTEST: f64 = 1e-6;

    /// The box from its left, top, right and bottom edge.
    ///
    /// # Errors
    /// If an edge is not finite or too far away, the edges are in the wrong order, or a side is too short.
    pub fn new(x0: f64, y0: f64, x1: f64, y1: f64) -> Result<Self, BoxError> {
        let corners = [x0, y0, x1, y1];
        let (width, height) = (x1 - x0, y1 - y0);
        if !corners.iter().all(|c| c.is_finite()) {
            Err(BoxError::NotFinite { corners })
        } else if corners.iter().any(|c| c.abs() > Self::FARTHEST) {
            Err(BoxError::Far { corners })
        } else if width < 0.0 || height < 0.0 {
            Err(BoxError::Reversed { corners })
        } else if width < Self::SHORTEST || height < Self::SHORTEST {
            Err(BoxError::Empty { width, height })
        } else {
            Ok(Self { x0, y0, x1, y1 })
        }
    }

    /// The square box of side `side` round `center`.
    ///
    /// # Errors
    /// As [`LesionBox::new`].
    pub fn square(center: Point, side: f64) -> Result<Self, BoxError> {
        let half = side / 2.0;
        Self::new(center.x - half, center.y - half, center.x + half, center.y + half)
    }

    /// The rough box that a radiologist draws round a lesion with these endpoints.
    ///
    /// The law of boxes: with `m` the longer side of the rectangle round the points, a square of side `scale * m` round
    /// that rectangle's centre moved by `offset * m`; `scale` is drawn evenly from [2, 2.5] and both parts of `offset`
    /// from [-0.25, 0.25]. The paper says only "2 to 2.5 times as large as the lesion itself with random offsets"
    /// (section 3).
    ///
    /// # Errors
    /// If the points coincide or a number is not finite.
    pub fn drawn_round(points: &[Point], scale: f64, offset: Point) -> Result<Self, BoxError> {
        let start =
            (Point::new(f64::INFINITY, f64::INFINITY), Point::new(f64::NEG_INFINITY, f64::NEG_INFINITY));
        let (low, high) = points.iter().fold(start, |(low, high), p| {
            (Point::new(low.x.min(p.x), low.y.min(p.y)), Point::new(high.x.max(p.x), high.y.max(p.y)))
        });
        let longer_side = (high.x - low.x).max(high.y - low.y);
        Self::square(low.midpoint(high) + offset * longer_side, scale * longer_side)
    }

    /// Left, top, right and bottom edge.
    #[must_use]
    pub fn corners(self) -> [f64; 4] {
        [self.x0, self.y0, self.x1, self.y1]
    }

    /// Width in pixels, positive.
    #[must_use]
    pub fn width(self) -> f64 {
        self.x1 - self.x0
    }

    /// Height in pixels, positive.
    #[must_use]
    pub fn height(self) -> f64 {
        self.y1 - self.y0
    }

    /// The point half way between the edges.
    #[must_use]
    pub fn center(self) -> Point {
        Point::new(self.x0, self.y0).midpoint(Point::new(self.x1, self.y1))
    }

    /// The smallest box round the same centre that holds this one and is a square in millimetres.
    #[must_use]
    pub fn grown_to_square(self, spacing: PixelSpacing) -> Self {
        let (center, stretch) = (self.center(), spacing.stretch());
        let half_width = self.width().max(self.height() * stretch) / 2.0;
        let half_height = half_width / stretch;
        Self {
            x0: center.x - half_width,
            y0: center.y - half_height,
            x1: center.x + half_width,
            y1: center.y + half_height,
        }
    }

    /// The box round the same centre with both sides multiplied by `factor`, which is positive and of the order of 1.
    #[must_use]
    pub fn scaled(self, factor: f64) -> Self {
        let center = self.center();
        let (half_width, half_height) = (self.width() * factor / 2.0, self.height() * factor / 2.0);
        Self {
            x0: center.x - half_width,
            y0: center.y - half_height,
            x1: center.x + half_width,
            y1: center.y + half_height,
        }
    }

    /// Whether the point lies in the box, its edges included.
    #[must_use]
    pub fn contains(self, point: Point) -> bool {
        (self.x0..=self.x1).contains(&point.x) && (self.y0..=self.y1).contains(&point.y)
    }
}

impl fmt::Display for LesionBox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{},{},{},{}", self.x0, self.y0, self.x1, self.y1)
    }
}

impl fmt::Display for BoxError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFinite { corners: [x0, y0, x1, y1] } => {
                write!(f, "lesion box is not finite: {x0},{y0},{x1},{y1}")
            }
            Self::Far { corners: [x0, y0, x1, y1] } => {
                write!(f, "lesion box is too far from the slice: {x0},{y0},{x1},{y1}")
            }
            Self::Reversed { corners: [x0, y0, x1, y1] } => {
                write!(f, "lesion box is reversed: {x0},{y0},{x1},{y1} needs x0 < x1 and y0 < y1")
            }
            Self::Empty { width, height } => write!(f, "lesion box is empty: {width} x {height} px"),
        }
    }
}

impl core::error::Error for BoxError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_invalid_box_exists() {
        let cases = [
            ([0.0, 0.0, 0.0, 12.0], "lesion box is empty: 0 x 12 px"),
            ([5.0, 0.0, 4.0, 1.0], "lesion box is reversed: 5,0,4,1 needs x0 < x1 and y0 < y1"),
            ([0.0, f64::NAN, 1.0, 1.0], "lesion box is not finite: 0,NaN,1,1"),
            ([0.0, 0.0, 2e9, 1.0], "lesion box is too far from the slice: 0,0,2000000000,1"),
            ([0.0, 0.0, 1e-7, 1.0], "lesion box is empty: 0.0000001 x 1 px"),
        ];
        for ([x0, y0, x1, y1], message) in cases {
            assert_eq!(LesionBox::new(x0, y0, x1, y1).unwrap_err().to_string(), message);
        }
        for [x0, y0, x1, y1] in
            [[-1e9, -1e9, 1e9, 1e9], [1e9 - 2e-6, 0.0, 1e9, 2e-6], [-1e9, 5.0, -1e9 + 1.0, 1e9]]
        {
            let square = LesionBox::new(x0, y0, x1, y1).unwrap().grown_to_square(PixelSpacing::UNIT);
            assert!(square.width() > 0.0 && square.height() > 0.0, "{square:?}");
            assert!(square.corners().iter().all(|c| c.is_finite()), "{square:?}");
        }
    }

    #[test]
    fn a_box_grows_to_a_square_in_millimetres_round_its_centre() {
        let area = LesionBox::new(10.0, 20.0, 30.0, 24.0).unwrap();
        for (row_mm, column_mm, want) in [
            (0.7, 0.7, [10.0, 12.0, 30.0, 32.0]),
            (2.0, 0.5, [10.0, 19.5, 30.0, 24.5]),
            (1.0, 0.5, [10.0, 17.0, 30.0, 27.0]),
            (0.5, 1.0, [10.0, 2.0, 30.0, 42.0]),
        ] {
            let square = area.grown_to_square(PixelSpacing::new(row_mm, column_mm).unwrap());
            assert_eq!(square.corners(), want, "{row_mm} mm rows, {column_mm} mm columns");
        }
        let high = LesionBox::new(10.0, 20.0, 12.0, 30.0).unwrap();
        let square = high.grown_to_square(PixelSpacing::new(2.0, 1.0).unwrap());
        assert_eq!(square.corners(), [1.0, 20.0, 21.0, 30.0]);
        assert_eq!(square.scaled(1.5).corners(), [-4.0, 17.5, 26.0, 32.5]);
    }

    #[test]
    fn a_drawn_box_follows_the_papers_law() {
        let points = [(10.0, 20.0), (30.0, 20.0), (20.0, 15.0), (20.0, 25.0)].map(|(x, y)| Point::new(x, y));
        let drawn = LesionBox::drawn_round(&points, 2.0, Point::new(0.25, -0.25)).unwrap();
        assert_eq!(drawn.corners(), [5.0, -5.0, 45.0, 35.0]);
        assert!(LesionBox::drawn_round(&[], 2.0, Point::default()).is_err());
        assert!(LesionBox::drawn_round(&points[..1], 2.0, Point::default()).is_err());
    }
}
