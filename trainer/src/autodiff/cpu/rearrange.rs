//! Copies between layouts: upsampling, flattening, blocks of channels.

use dfdx::tensor::{Cpu, CpuError};
use rayon::prelude::*;

use super::super::*;

impl<E: Element> UpsampleKernel<E> for Cpu {
    fn upsample(
        &self,
        (_, _, width, channels): (usize, usize, usize, usize),
        input: &Self::Vec,
        output: &mut Self::Vec,
    ) -> Result<(), CpuError> {
        let row = width * channels;
        output.par_chunks_mut(4 * row).zip(input.par_chunks(row)).for_each(|(output, input)| {
            let (first, second) = output.split_at_mut(2 * row);
            for (pair, pixel) in first.chunks_exact_mut(2 * channels).zip(input.chunks_exact(channels)) {
                let (left, right) = pair.split_at_mut(channels);
                left.copy_from_slice(pixel);
                right.copy_from_slice(pixel);
            }
            second.copy_from_slice(first);
        });
        Ok(())
    }

    fn upsample_backward(
        &self,
        (_, _, width, channels): (usize, usize, usize, usize),
        output_gradient: &Self::Vec,
        input_gradient: &mut Self::Vec,
        adds: bool,
    ) -> Result<(), CpuError> {
        let row = width * channels;
        input_gradient.par_chunks_mut(row).zip(output_gradient.par_chunks(4 * row)).for_each(
            |(input, output)| {
                let (first, second) = output.split_at(2 * row);
                let pairs = first.chunks_exact(2 * channels).zip(second.chunks_exact(2 * channels));
                pulp::Arch::new().dispatch(|| {
                    for (pixel, (above, below)) in input.chunks_exact_mut(channels).zip(pairs) {
                        let (above, below) = (above.split_at(channels), below.split_at(channels));
                        let terms = above.0.iter().zip(above.1).zip(below.0.iter().zip(below.1));
                        for (pixel, ((&a, &b), (&c, &d))) in pixel.iter_mut().zip(terms) {
                            let sum = (a + b) + (c + d);
                            *pixel = if adds { *pixel + sum } else { sum };
                        }
                    }
                });
            },
        );
        Ok(())
    }
}

impl<E: Element> FlattenKernel<E> for Cpu {
    fn channels_first(
        &self,
        (_, height, width, channels): (usize, usize, usize, usize),
        input: &Self::Vec,
        output: &mut Self::Vec,
    ) -> Result<(), CpuError> {
        let pixels = height * width;
        transpose(pixels, channels, input, output);
        Ok(())
    }

    fn channels_last(
        &self,
        (_, height, width, channels): (usize, usize, usize, usize),
        input: &Self::Vec,
        output: &mut Self::Vec,
    ) -> Result<(), CpuError> {
        transpose(channels, height * width, input, output);
        Ok(())
    }
}

/// Transposes every block of `rows` x `columns`.
fn transpose<E: Element>(rows: usize, columns: usize, input: &[E], output: &mut [E]) {
    let length = rows * columns;
    output.par_chunks_mut(length).zip(input.par_chunks(length)).for_each(|(output, input)| {
        for (column, output) in output.chunks_exact_mut(rows).enumerate() {
            for (value, row) in output.iter_mut().zip(input.chunks_exact(columns)) {
                *value = row[column];
            }
        }
    });
}
