use dfdx::tensor::{Cpu, CpuError};
use rayon::prelude::*;

use super::super::*;

impl<E: Element> SoftArgmaxKernel<E> for Cpu {
    fn soft_argmax(
        &self,
        (_, height, width, channels): (usize, usize, usize, usize),
        sharpness: E,
        heatmaps: &Self::Vec,
        output: &mut Self::Vec,
    ) -> Result<(), CpuError> {
        output.par_chunks_mut(2).enumerate().for_each(|(i, position)| {
            let image = &heatmaps[i / channels * height * width * channels..][..height * width * channels];
            let weights = Weights::of(image, channels, i % channels, sharpness);
            let (mut x, mut y) = (E::zero(), E::zero());
            for (pixel, weight) in weights.enumerate() {
                x += weight * centre(pixel % width, width);
                y += weight * centre(pixel / width, height);
            }
            position.copy_from_slice(&[x, y]);
        });
        Ok(())
    }

    fn soft_argmax_backward(
        &self,
        (_, height, width, channels): (usize, usize, usize, usize),
        sharpness: E,
        heatmaps: &Self::Vec,
        output: &Self::Vec,
        output_gradient: &Self::Vec,
        heatmap_gradient: &mut Self::Vec,
        adds: bool,
    ) -> Result<(), CpuError> {
        let length = height * width * channels;
        let positions = output.par_chunks(2 * channels).zip(output_gradient.par_chunks(2 * channels));
        heatmap_gradient.par_chunks_mut(length).zip(heatmaps.par_chunks(length)).zip(positions).for_each(
            |((heatmap_gradient, image), (output, gradient))| {
                for channel in 0..channels {
                    let at = |values: &[E]| (values[2 * channel], values[2 * channel + 1]);
                    let ((x, y), (of_x, of_y)) = (at(output), at(gradient));
                    let weights = Weights::of(image, channels, channel, sharpness);
                    for (pixel, weight) in weights.enumerate() {
                        let pull = (centre::<E>(pixel % width, width) - x) * of_x
                            + (centre::<E>(pixel / width, height) - y) * of_y;
                        let value = sharpness * weight * pull;
                        let result = &mut heatmap_gradient[pixel * channels + channel];
                        *result = if adds { *result + value } else { value };
                    }
                }
            },
        );
        Ok(())
    }
}

/// A pixel's centre in normalised coordinates.
fn centre<E: Element>(pixel: usize, size: usize) -> E {
    E::of((2 * pixel + 1) as f64 / size as f64 - 1.0)
}

/// The softmax of one channel, pixel by pixel.
struct Weights<'a, E> {
    values: std::slice::ChunksExact<'a, E>,
    channel: usize,
    sharpness: E,
    largest: E,
    total: E,
}

impl<'a, E: Element> Weights<'a, E> {
    fn of(image: &'a [E], channels: usize, channel: usize, sharpness: E) -> Self {
        let values = image.chunks_exact(channels);
        let largest = values.clone().fold(E::neg_infinity(), |largest, pixel| largest.max(pixel[channel]));
        let mut weights = Self { values, channel, sharpness, largest, total: E::one() };
        let all = Self { values: weights.values.clone(), ..weights };
        weights.total = all.fold(E::zero(), |sum, weight| sum + weight);
        weights
    }
}

impl<E: Element> Iterator for Weights<'_, E> {
    type Item = E;

    fn next(&mut self) -> Option<E> {
        let value = self.values.next()?[self.channel];
        Some(((value - self.largest) * self.sharpness).exp() / self.total)
    }
}
