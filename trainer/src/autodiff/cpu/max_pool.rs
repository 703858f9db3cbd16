use std::ops::Range;

use dfdx::tensor::{Cpu, CpuError};
use rayon::prelude::*;

use super::super::*;

impl<E: Element> MaxPoolKernel<E> for Cpu {
    fn max_pool(
        &self,
        shape: &MaxPoolShape,
        input: &Self::Vec,
        output: &mut Self::Vec,
    ) -> Result<(), CpuError> {
        let channels = shape.channels;
        let (output_height, output_width) = shape.output_size;
        output.par_chunks_mut(output_width * channels).enumerate().for_each(|(row, output)| {
            let (image, y) = (row / output_height, row % output_height);
            pulp::Arch::new().dispatch(|| {
                for (x, largest) in output.chunks_exact_mut(channels).enumerate() {
                    largest.fill(E::neg_infinity());
                    for at in window(shape, image, y, x) {
                        let values = &input[at * channels..][..channels];
                        for (largest, &value) in largest.iter_mut().zip(values) {
                            *largest = if exceeds(value, *largest) { value } else { *largest };
                        }
                    }
                }
            });
        });
        Ok(())
    }

    fn max_pool_backward(
        &self,
        shape: &MaxPoolShape,
        input: &Self::Vec,
        output_gradient: &Self::Vec,
        input_gradient: &mut Self::Vec,
        adds: bool,
    ) -> Result<(), CpuError> {
        let channels = shape.channels;
        let pixels = shape.input_size.0 * shape.input_size.1;
        let output_pixels = shape.output_size.0 * shape.output_size.1;
        input_gradient
            .par_chunks_mut(pixels * channels)
            .zip(output_gradient.par_chunks(output_pixels * channels))
            .enumerate()
            .for_each(|(image, (input_gradient, output_gradient))| {
                if !adds {
                    input_gradient.fill(E::zero());
                }
                let mut largest = vec![E::zero(); channels];
                let mut place = vec![0; channels];
                for (i, gradient) in output_gradient.chunks_exact(channels).enumerate() {
                    let (y, x) = (i / shape.output_size.1, i % shape.output_size.1);
                    largest.fill(E::neg_infinity());
                    for at in window(shape, image, y, x) {
                        let values = &input[at * channels..][..channels];
                        for ((largest, place), &value) in largest.iter_mut().zip(&mut place).zip(values) {
                            let better = exceeds(value, *largest);
                            *largest = if better { value } else { *largest };
                            *place = if better { at } else { *place };
                        }
                    }
                    for (channel, (&place, &gradient)) in place.iter().zip(gradient).enumerate() {
                        input_gradient[(place - image * pixels) * channels + channel] += gradient;
                    }
                }
            });
        Ok(())
    }
}

/// PyTorch's order: a `NaN` is larger than what came before it.
#[inline(always)]
fn exceeds<E: Element>(value: E, largest: E) -> bool {
    value > largest || value.is_nan()
}

/// The pixels of a window, counted over all images.
#[inline(always)]
fn window(shape: &MaxPoolShape, image: usize, y: usize, x: usize) -> impl Iterator<Item = usize> {
    let MaxPool { kernel, stride, padding } = shape.pool;
    let (height, width) = shape.input_size;
    let range = move |at: usize, size: usize| -> Range<usize> {
        (at * stride).saturating_sub(padding)..(at * stride + kernel - padding).min(size)
    };
    range(y, height).flat_map(move |y| range(x, width).map(move |x| (image * height + y) * width + x))
}
