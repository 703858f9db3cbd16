use rand::RngExt;
use rand_distr::StandardNormal;
use recist::geometry::Point;

use crate::data::Random;

/// A square picture.
#[derive(Clone, Debug)]
pub(super) struct Raster {
    pub(super) side: usize,
    pub(super) values: Vec<f32>,
}

impl Raster {
    pub(super) fn new(side: usize, value: f32) -> Self {
        Self { side, values: vec![value; side * side] }
    }

    /// Independent standard normal values.
    pub(super) fn noise(random: &mut Random, side: usize) -> Self {
        let values = (0..side * side).map(|_| random.sample(StandardNormal)).collect();
        Self { side, values }
    }

    /// The share of every pixel that lies inside a polygon, from four lines per pixel row.
    pub(super) fn filled(side: usize, polygon: &[Point]) -> Self {
        const LINES: usize = 4;
        let mut raster = Self::new(side, 0.0);
        let mut crossings = Vec::new();
        for line in 0..side * LINES {
            let y = (line as f64 + 0.5) / LINES as f64 - 0.5;
            crossings.clear();
            for (a, b) in polygon.iter().zip(polygon.iter().cycle().skip(1)) {
                if (a.y <= y) != (b.y <= y) {
                    crossings.push(a.x + (y - a.y) / (b.y - a.y) * (b.x - a.x));
                }
            }
            crossings.sort_unstable_by(f64::total_cmp);
            let row = &mut raster.values[line / LINES * side..][..side];
            for pair in crossings.chunks_exact(2) {
                let (from, to) = ((pair[0] + 0.5).max(0.0), (pair[1] + 0.5).min(side as f64));
                #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "inside the row")]
                for (x, value) in
                    row.iter_mut().enumerate().take(to.ceil().max(0.0) as usize).skip(from as usize)
                {
                    let share = (to.min(x as f64 + 1.0) - from.max(x as f64)).max(0.0);
                    *value += share as f32 / LINES as f32;
                }
            }
        }
        for value in &mut raster.values {
            // A whole pixel is exactly 1, whatever its four quarters' rounding.
            *value = if *value > 0.999 { 1.0 } else { *value };
        }
        raster
    }

    /// The picture under a Gaussian of this standard deviation; edges repeat.
    pub(super) fn blurred(&self, deviation: f64) -> Self {
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a few pixels")]
        let radius = (3.0 * deviation).ceil() as usize;
        #[allow(clippy::cast_possible_truncation, reason = "a weight")]
        let weights: Vec<f32> = (0..=2 * radius)
            .map(|i| (-((i as f64 - radius as f64) / deviation).powi(2) / 2.0).exp() as f32)
            .collect();
        let sum: f32 = weights.iter().sum();
        let weights: Vec<f32> = weights.iter().map(|w| w / sum).collect();
        self.rows_blurred_and_turned(&weights, radius).rows_blurred_and_turned(&weights, radius)
    }

    fn rows_blurred_and_turned(&self, weights: &[f32], radius: usize) -> Self {
        let side = self.side;
        let mut turned = Self::new(side, 0.0);
        let mut padded = vec![0.0; side + 2 * radius];
        for (y, row) in self.values.chunks_exact(side).enumerate() {
            padded[..radius].fill(row[0]);
            padded[radius..radius + side].copy_from_slice(row);
            padded[radius + side..].fill(row[side - 1]);
            for (x, window) in padded.windows(weights.len()).enumerate() {
                turned.values[x * side + y] = window.iter().zip(weights).map(|(v, w)| v * w).sum();
            }
        }
        turned
    }

    pub(super) fn difference(&self, other: &Self) -> Self {
        let values = self.values.iter().zip(&other.values).map(|(a, b)| a - b).collect();
        Self { side: self.side, values }
    }

    /// The picture scaled so that its values' root mean square is `deviation`.
    pub(super) fn scaled_to_deviation(mut self, deviation: f32) -> Self {
        let square = self.values.iter().map(|v| v * v).sum::<f32>() / self.values.len() as f32;
        let scale = deviation / square.sqrt().max(f32::MIN_POSITIVE);
        self.values.iter_mut().for_each(|v| *v *= scale);
        self
    }

    /// Moves every pixel towards its value by its share in `mask`.
    pub(super) fn blend(&mut self, mask: &Self, values: impl IntoIterator<Item = f32>) {
        for ((pixel, share), value) in self.values.iter_mut().zip(&mask.values).zip(values) {
            *pixel += (value - *pixel) * share;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filled_square_covers_its_area() {
        let square = [[1.25, 2.0], [6.0, 2.0], [6.0, 7.5], [1.25, 7.5]].map(|[x, y]| Point::new(x, y));
        let sum: f32 = Raster::filled(10, &square).values.iter().sum();
        assert!((sum - 4.75 * 5.5).abs() < 0.01, "{sum}");
    }

    #[test]
    fn a_blur_keeps_the_sum_of_what_lies_inside() {
        let mut raster = Raster::new(21, 0.0);
        raster.values[10 * 21 + 10] = 1.0;
        let blurred = raster.blurred(1.5);
        assert!((blurred.values.iter().sum::<f32>() - 1.0).abs() < 1e-5);
        assert!((blurred.values[10 * 21 + 10] - 0.0708).abs() < 1e-3, "1 / (2 π σ²)");
    }
}
