use crate::geometry::{AffineGrid, Point};

/// Samples a square source of `source_size` x `source_size` values along the grid, bilinearly, into a target
/// of `grid.size()` squared values: the forward pass of the paper's differentiable sampler.
///
/// Outside the source the nearest edge value counts. The trainer's sampler, with its gradients, computes
/// the same values.
///
/// # Panics
/// If a buffer has another size than stated: both belong to the caller's code, not to its input.
pub fn sample(source: &[f32], source_size: usize, grid: &AffineGrid, target: &mut [f32]) {
    assert_eq!(source.len(), source_size * source_size, "the source is square");
    assert_eq!(target.len(), grid.size() * grid.size(), "the target has the grid's size");
    for (value, point) in target.iter_mut().zip(grid.points()) {
        *value = bilinear(source, source_size, point);
    }
}

fn bilinear(source: &[f32], size: usize, point: Point) -> f32 {
    let (x0, x1, fx) = neighbours(point.x, size);
    let (y0, y1, fy) = neighbours(point.y, size);
    let row = |y: usize| {
        let (left, right) = (source[y * size + x0], source[y * size + x1]);
        left + (right - left) * fx
    };
    let (top, bottom) = (row(y0), row(y1));
    top + (bottom - top) * fy
}

/// The two samples round a coordinate and the share of the second; clamped to the source.
fn neighbours(at: f64, size: usize) -> (usize, usize, f32) {
    let at = at.clamp(0.0, (size - 1) as f64);
    // By way of 32 bits, which processors convert in one instruction.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to the source")]
    let (first, whole) = (at as i32 as usize, f64::from(at as i32));
    #[allow(clippy::cast_possible_truncation, reason = "a share of one pixel")]
    let share = (at - whole) as f32;
    (first, (first + 1).min(size - 1), share)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::AffineMap;

    #[test]
    fn the_identity_copies_the_source() {
        let source: Vec<f32> = (0..64).map(|i| (i * i % 37) as f32).collect();
        let mut target = vec![0.0; 64];
        sample(&source, 8, &AffineGrid::from_normalised(AffineMap::IDENTITY, 8, 8), &mut target);
        assert_eq!(source, target);
    }

    #[test]
    fn values_between_pixels_are_linear_and_outside_they_are_the_edges() {
        let source = [0.0, 1.0, 10.0, 11.0];
        let cases = [
            ((0.5, 0.0), 0.5),
            ((0.0, 0.5), 5.0),
            ((0.25, 0.75), 7.75),
            ((-3.0, 0.0), 0.0),
            ((9.0, 9.0), 11.0),
        ];
        for ((x, y), want) in cases {
            let map = AffineMap::scale_then_shift(0.0, 0.0, Point::new(x, y));
            let mut target = [0.0];
            sample(&source, 2, &AffineGrid::new(map, 1), &mut target);
            assert_eq!(target, [want], "{x} {y}");
        }
    }

    #[test]
    fn a_quarter_turn_turns_the_picture() {
        let source = [1.0, 2.0, 3.0, 4.0];
        let turn = AffineMap::from_rows([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0]]);
        let mut target = [0.0; 4];
        sample(&source, 2, &AffineGrid::from_normalised(turn, 2, 2), &mut target);
        assert_eq!(target, [2.0, 4.0, 1.0, 3.0]);
    }
}
