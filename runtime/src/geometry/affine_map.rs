use super::{LesionBox, Point};

/// An affine map of the plane, invertible unless made otherwise by [`AffineMap::from_rows`].
///
/// ```text
/// | x' |   | a b c |   | x |
/// | y' | = | d e f | * | y |
///                      | 1 |
/// ```
///
/// `first.then(second)` applies `first`, then `second`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AffineMap {
    rows: [[f64; 3]; 2],
}

impl AffineMap {
    /// The map that leaves every point where it is.
    pub const IDENTITY: Self = Self { rows: [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]] };

    /// The map with the rows `[a, b, c]` and `[d, e, f]`.
    #[must_use]
    pub const fn from_rows(rows: [[f64; 3]; 2]) -> Self {
        Self { rows }
    }

    /// Multiplies x and y by factors of their own, then adds `offset`.
    #[must_use]
    pub const fn scale_then_shift(scale_x: f64, scale_y: f64, offset: Point) -> Self {
        Self { rows: [[scale_x, 0.0, offset.x], [0.0, scale_y, offset.y]] }
    }

    /// From pixels of a square patch of `size` x `size` pixels to its normalised coordinates.
    #[must_use]
    pub fn pixels_to_normalised(size: usize) -> Self {
        let n = size as f64;
        Self::scale_then_shift(2.0 / n, 2.0 / n, Point::new(1.0 / n - 1.0, 1.0 / n - 1.0))
    }

    /// From normalised coordinates of a square patch of `size` x `size` pixels to its pixels.
    #[must_use]
    pub fn normalised_to_pixels(size: usize) -> Self {
        let half = size as f64 / 2.0;
        Self::scale_then_shift(half, half, Point::new(half - 0.5, half - 0.5))
    }

    /// From normalised coordinates of a patch to the slice, where the patch covers `area`.
    #[must_use]
    pub fn normalised_to_box(area: LesionBox) -> Self {
        Self::scale_then_shift(area.width() / 2.0, area.height() / 2.0, area.center())
    }

    /// The rows `[a, b, c]` and `[d, e, f]`.
    #[must_use]
    pub const fn rows(self) -> [[f64; 3]; 2] {
        self.rows
    }

    /// Where the map takes `point`.
    #[must_use]
    pub fn apply(self, point: Point) -> Point {
        let [[a, b, c], [d, e, f]] = self.rows;
        Point::new(a * point.x + b * point.y + c, d * point.x + e * point.y + f)
    }

    /// Where the map takes the vector `vector`: without the translation.
    #[must_use]
    pub fn apply_to_vector(self, vector: Point) -> Point {
        let [[a, b, _], [d, e, _]] = self.rows;
        Point::new(a * vector.x + b * vector.y, d * vector.x + e * vector.y)
    }

    /// This map first, then `next`.
    #[must_use]
    pub fn then(self, next: Self) -> Self {
        let column = |i: usize| next.apply_to_vector(Point::new(self.rows[0][i], self.rows[1][i]));
        let (x, y) = (column(0), column(1));
        let origin = next.apply(Point::new(self.rows[0][2], self.rows[1][2]));
        Self { rows: [[x.x, y.x, origin.x], [x.y, y.y, origin.y]] }
    }

    /// The factor by which the map multiplies areas, negative if it mirrors.
    #[must_use]
    pub fn determinant(self) -> f64 {
        let [[a, b, _], [d, e, _]] = self.rows;
        a * e - b * d
    }

    /// The map that undoes this one, or `None` if there is none.
    #[must_use]
    pub fn inverse(self) -> Option<Self> {
        let [[a, b, c], [d, e, f]] = self.rows;
        let determinant = self.determinant();
        if !determinant.is_normal() {
            return None;
        }
        let (a, b, d, e) = (e / determinant, -b / determinant, -d / determinant, a / determinant);
        let inverse = Self { rows: [[a, b, -(a * c + b * f)], [d, e, -(d * c + e * f)]] };
        inverse.rows.iter().flatten().all(|v| v.is_finite()).then_some(inverse)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Maps with factors near one and shifts of a slice's size lose a few units in the last place per step.
    const ROUNDING: f64 = 1e-9;

    fn random_maps() -> impl Iterator<Item = (AffineMap, AffineMap, Point)> {
        let mut state = 1_u64;
        let mut next = move |range: f64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let unit = (state >> 33) as f64 / f64::from(1_u32 << 31);
            (unit * 2.0 - 1.0) * range
        };
        core::iter::repeat_with(move || {
            let mut map = || loop {
                let rows = [[next(2.0), next(2.0), next(512.0)], [next(2.0), next(2.0), next(512.0)]];
                let map = AffineMap::from_rows(rows);
                if map.determinant().abs() > 0.05 {
                    return map;
                }
            };
            let (first, second) = (map(), map());
            (first, second, first.apply(Point::new(7.0, -3.0)))
        })
        .take(1000)
    }

    #[test]
    fn composition_happens_in_reading_order() {
        for (first, second, p) in random_maps() {
            let (a, b) = (first.then(second).apply(p), second.apply(first.apply(p)));
            assert!(a.distance(b) < ROUNDING, "{a:?} {b:?}");
        }
    }

    #[test]
    fn the_inverse_undoes_the_map() {
        for (map, _, p) in random_maps() {
            let back = map.inverse().unwrap().apply(map.apply(p));
            assert!(back.distance(p) < ROUNDING, "{back:?} {p:?}");
        }
        assert_eq!(AffineMap::from_rows([[1.0, 2.0, 0.0], [2.0, 4.0, 1.0]]).inverse(), None);
    }

    #[test]
    fn composition_is_associative_and_multiplies_determinants() {
        for (a, b, p) in random_maps() {
            let c = AffineMap::pixels_to_normalised(128);
            assert!(a.then(b).then(c).apply(p).distance(a.then(b.then(c)).apply(p)) < ROUNDING);
            assert!((a.then(b).determinant() - a.determinant() * b.determinant()).abs() < ROUNDING);
        }
    }

    #[test]
    fn normalised_coordinates_put_the_edges_at_one() {
        let map = AffineMap::pixels_to_normalised(4);
        for (pixel, want) in [(-0.5, -1.0), (0.0, -0.75), (3.0, 0.75), (3.5, 1.0)] {
            assert_eq!(map.apply(Point::new(pixel, pixel)), Point::new(want, want));
        }
        let round_trip = map.then(AffineMap::normalised_to_pixels(4));
        assert_eq!(round_trip.apply(Point::new(1.0, 2.0)), Point::new(1.0, 2.0));
    }
}
