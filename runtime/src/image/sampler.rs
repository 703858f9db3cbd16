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
    for (y, row) in target.chunks_exact_mut(grid.size().max(1)).enumerate() {
        let y = y as f64;
        let mut columns: [f64; AT_ONCE] = core::array::from_fn(|i| i as f64);
        for values in row.chunks_mut(AT_ONCE) {
            let point = |x: f64| grid.target_to_source().apply(Point::new(x, y));
            let (left, across) = places(columns.map(|x| point(x).x), source_size);
            let (top, down) = places(columns.map(|x| point(x).y), source_size);
            for (i, value) in values.iter_mut().enumerate() {
                *value = bilinear(source, source_size, [left[i], top[i]], [across[i], down[i]]);
            }
            columns = columns.map(|x| x + AT_ONCE as f64);
        }
    }
}

/// Pixels of a row whose places in the source are computed at once, in vectors.
const AT_ONCE: usize = 8;

/// The last samples before coordinates and how far each is on the way to the next; clamped to the source.
fn places(at: [f64; AT_ONCE], size: usize) -> ([i32; AT_ONCE], [f32; AT_ONCE]) {
    let at = at.map(|at| at.clamp(0.0, (size - 1) as f64));
    // By way of 32 bits, which processors convert in one instruction.
    #[allow(clippy::cast_possible_truncation, reason = "clamped to the source")]
    let first = at.map(|at| at as i32);
    #[allow(clippy::cast_possible_truncation, reason = "a share of one pixel")]
    let share = core::array::from_fn(|i| (at[i] - f64::from(first[i])) as f32);
    (first, share)
}

fn bilinear(source: &[f32], size: usize, corner: [i32; 2], [across, down]: [f32; 2]) -> f32 {
    #[allow(clippy::cast_sign_loss, reason = "clamped to the source")]
    let [x, y] = corner.map(|at| at as usize);
    let (right, below) = (usize::from(x + 1 < size), if y + 1 < size { size } else { 0 });
    let corners = &source[y * size + x..][..=below + right];
    let row = |at: usize| corners[at] + (corners[at + right] - corners[at]) * across;
    let (top, bottom) = (row(0), row(below));
    top + (bottom - top) * down
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
    fn a_grid_of_any_size_is_sampled_at_its_points() {
        let source: Vec<f32> = (0..81).map(|i| (i * i % 37) as f32).collect();
        let map = AffineMap::from_rows([[0.7, -0.4, 1.3], [0.5, 0.6, -1.2]]);
        for size in [0, 1, 7, 13, 16, 21] {
            let grid = AffineGrid::new(map, size);
            let mut target = vec![0.0; size * size];
            sample(&source, 9, &grid, &mut target);
            for (value, point) in target.iter().zip(grid.points()) {
                let mut alone = [0.0];
                let here = AffineMap::scale_then_shift(0.0, 0.0, point);
                sample(&source, 9, &AffineGrid::new(here, 1), &mut alone);
                assert_eq!(alone, [*value], "{size}: {point:?}");
            }
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
