use dfdx::tensor::{Cpu, CpuError};
use rayon::prelude::*;
use recist::geometry::{AffineGrid, AffineMap};

use super::super::*;

impl<E: Element> SamplerKernel<E> for Cpu {
    fn sample(
        &self,
        shape: &SamplerShape,
        image: &Self::Vec,
        matrix: &Self::Vec,
        output: &mut Self::Vec,
    ) -> Result<(), CpuError> {
        let (source, target) = (
            shape.source_size * shape.source_size * shape.channels,
            shape.size * shape.size * shape.channels,
        );
        output.par_chunks_mut(target).zip(image.par_chunks(source)).zip(matrix.par_chunks(6)).for_each(
            |((output, image), matrix)| {
                let points = grid(shape, matrix);
                for (output, point) in output.chunks_exact_mut(shape.channels).zip(points.points()) {
                    let [x, y] = [point.x, point.y].map(|at| Neighbours::<E>::of(at, shape.source_size));
                    for (channel, output) in output.iter_mut().enumerate() {
                        let at = |x: usize, y: usize| {
                            image[(y * shape.source_size + x) * shape.channels + channel]
                        };
                        let row = |y: usize| at(x.first, y) + (at(x.second, y) - at(x.first, y)) * x.share;
                        let (top, bottom) = (row(y.first), row(y.second));
                        *output = top + (bottom - top) * y.share;
                    }
                }
            },
        );
        Ok(())
    }

    fn sample_backward(
        &self,
        shape: &SamplerShape,
        image: &Self::Vec,
        matrix: &Self::Vec,
        output_gradient: &Self::Vec,
        (image_gradient, adds_image): (&mut Self::Vec, bool),
        (matrix_gradient, adds_matrix): (&mut Self::Vec, bool),
    ) -> Result<(), CpuError> {
        let (source, target) = (
            shape.source_size * shape.source_size * shape.channels,
            shape.size * shape.size * shape.channels,
        );
        let values = image.par_chunks(source).zip(matrix.par_chunks(6));
        let gradients = image_gradient.par_chunks_mut(source).zip(matrix_gradient.par_chunks_mut(6));
        output_gradient.par_chunks(target).zip(values).zip(gradients).for_each(
            |((gradient, (image, matrix)), (image_gradient, matrix_gradient))| {
                if !adds_image {
                    image_gradient.fill(E::zero());
                }
                if !adds_matrix {
                    matrix_gradient.fill(E::zero());
                }
                sample_one_backward(shape, image, matrix, gradient, image_gradient, matrix_gradient);
            },
        );
        Ok(())
    }
}

fn sample_one_backward<E: Element>(
    shape: &SamplerShape,
    image: &[E],
    matrix: &[E],
    output_gradient: &[E],
    image_gradient: &mut [E],
    matrix_gradient: &mut [E],
) {
    // A source point moves by half the source's size for a step of one in normalised coordinates.
    let pixels_per_unit = E::of(shape.source_size as f64 / 2.0);
    let targets = AffineGrid::new(AffineMap::pixels_to_normalised(shape.size), shape.size);
    let grid = grid(shape, matrix);
    let points = grid.points().zip(targets.points());
    for (gradient, (point, target)) in output_gradient.chunks_exact(shape.channels).zip(points) {
        let [x, y] = [point.x, point.y].map(|at| Neighbours::<E>::of(at, shape.source_size));
        let (mut along_x, mut along_y) = (E::zero(), E::zero());
        for (channel, &gradient) in gradient.iter().enumerate() {
            let index = |x: usize, y: usize| (y * shape.source_size + x) * shape.channels + channel;
            let corners = [
                index(x.first, y.first),
                index(x.second, y.first),
                index(x.first, y.second),
                index(x.second, y.second),
            ];
            let [a, b, c, d] = corners.map(|corner| image[corner]);
            let (left, above) = (E::one() - x.share, E::one() - y.share);
            along_x += gradient * ((b - a) * above + (d - c) * y.share);
            along_y += gradient * ((c - a) * left + (d - b) * x.share);
            let weights = [left * above, x.share * above, left * y.share, x.share * y.share];
            for (corner, weight) in corners.into_iter().zip(weights) {
                image_gradient[corner] += gradient * weight;
            }
        }
        let factors = [E::of(target.x), E::of(target.y), E::one()];
        for (column, factor) in factors.into_iter().enumerate() {
            matrix_gradient[column] += along_x * x.moves * pixels_per_unit * factor;
            matrix_gradient[3 + column] += along_y * y.moves * pixels_per_unit * factor;
        }
    }
}

fn grid<E: Element>(shape: &SamplerShape, matrix: &[E]) -> AffineGrid {
    let number = |i: usize| matrix[i].to_f64().expect("f32 and f64 are f64s");
    let rows = [[number(0), number(1), number(2)], [number(3), number(4), number(5)]];
    AffineGrid::from_normalised(AffineMap::from_rows(rows), shape.size, shape.source_size)
}

/// The two samples round a coordinate and the share of the second, as in `recist::image::sample`.
struct Neighbours<E> {
    first: usize,
    second: usize,
    share: E,
    /// One where the samples move with the coordinate, zero where it is outside and they are the edge's.
    moves: E,
}

impl<E: Element> Neighbours<E> {
    fn of(at: f64, size: usize) -> Self {
        let last = (size - 1) as f64;
        let inside = at.clamp(0.0, last);
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to the source")]
        let first = inside as usize;
        Self {
            first,
            second: (first + 1).min(size - 1),
            share: E::of(inside - first as f64),
            moves: if (0.0..last).contains(&at) { E::one() } else { E::zero() },
        }
    }
}
