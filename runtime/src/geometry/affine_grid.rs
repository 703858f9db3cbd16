use super::{AffineMap, Point};

/// The sampling grid of the spatial transformer (paper, equation 3): for every pixel of a square target,
/// the source point where its value is sampled.
///
/// Both ends are pixels with centres at integers. The grid is walked, not stored.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AffineGrid {
    target_to_source: AffineMap,
    size: usize,
}

impl AffineGrid {
    /// The grid of a target of `size` x `size` pixels under a map from target pixels to source pixels.
    #[must_use]
    pub const fn new(target_to_source: AffineMap, size: usize) -> Self {
        Self { target_to_source, size }
    }

    /// The grid of a target of `size` pixels under a map between the *normalised* coordinates of target
    /// and source, both square and the source of `source_size` pixels.
    #[must_use]
    pub fn from_normalised(target_to_source: AffineMap, size: usize, source_size: usize) -> Self {
        let map = AffineMap::pixels_to_normalised(size)
            .then(target_to_source)
            .then(AffineMap::normalised_to_pixels(source_size));
        Self::new(map, size)
    }

    /// Rows and columns of the target.
    #[must_use]
    pub const fn size(&self) -> usize {
        self.size
    }

    /// The map from target pixels to source pixels.
    #[must_use]
    pub const fn target_to_source(&self) -> AffineMap {
        self.target_to_source
    }

    /// The source points of all target pixels, row by row.
    pub fn points(&self) -> impl Iterator<Item = Point> + '_ {
        (0..self.size * self.size).map(|i| {
            let target = Point::new((i % self.size) as f64, (i / self.size) as f64);
            self.target_to_source.apply(target)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_identity_samples_every_pixel_at_itself() {
        let grid = AffineGrid::from_normalised(AffineMap::IDENTITY, 4, 4);
        let points: Vec<_> = grid.points().collect();
        assert_eq!(points.len(), 16);
        assert_eq!(
            (points[0], points[5], points[15]),
            (Point::new(0.0, 0.0), Point::new(1.0, 1.0), Point::new(3.0, 3.0))
        );
    }
}
