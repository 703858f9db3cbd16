use dfdx::tensor::{Cpu, CpuError, Storage};
use rayon::prelude::*;

use super::super::{batch_norm::ParameterGradients, *};

/// Elements of a block whose sums are formed on their own: small enough to be read twice from cache.
const BLOCK: usize = 16384;

fn block_of(channels: usize) -> usize {
    BLOCK.div_ceil(channels) * channels
}

/// Adds the rows of `block`, mapped, to `sums`. Four rows at a time: a sum waits for the one before it.
#[inline(always)]
fn add_rows<E: Element>(block: &[E], channels: usize, sums: &mut [E], map: impl Fn(usize, E) -> E) {
    let mut rows = block.chunks_exact(4 * channels);
    for four in &mut rows {
        let (first, rest) = four.split_at(channels);
        let (second, rest) = rest.split_at(channels);
        let (third, fourth) = rest.split_at(channels);
        let terms = first.iter().zip(second).zip(third.iter().zip(fourth));
        for (c, (sum, ((&a, &b), (&d, &e)))) in sums.iter_mut().zip(terms).enumerate() {
            *sum += (map(c, a) + map(c, b)) + (map(c, d) + map(c, e));
        }
    }
    for row in rows.remainder().chunks_exact(channels) {
        for (c, (sum, &value)) in sums.iter_mut().zip(row).enumerate() {
            *sum += map(c, value);
        }
    }
}

impl<E: Element> BatchNormKernel<E> for Cpu {
    fn batch_statistics(
        &self,
        input: &Self::Vec,
        running_mean: &mut Self::Vec,
        running_variance: &mut Self::Vec,
    ) -> Result<BatchStatistics<Self::Vec>, CpuError> {
        let channels = running_mean.len();
        let blocks: Vec<(usize, Vec<E>, Vec<E>)> = input
            .par_chunks(block_of(channels))
            .map(|block| {
                let count = block.len() / channels;
                let mut mean = vec![E::zero(); channels];
                let mut squares = vec![E::zero(); channels];
                pulp::Arch::new().dispatch(|| {
                    add_rows(block, channels, &mut mean, |_, value| value);
                    let share = E::of(1.0 / count as f64);
                    mean.iter_mut().for_each(|mean| *mean *= share);
                    let mean = &mean[..channels];
                    add_rows(block, channels, &mut squares, |c, value| {
                        let deviation = value - mean[c];
                        deviation * deviation
                    });
                });
                (count, mean, squares)
            })
            .collect();
        let mut mean: Self::Vec = self.try_alloc_len(channels)?;
        let mut inverse_deviation: Self::Vec = self.try_alloc_len(channels)?;
        for c in 0..channels {
            // Merging of means and sums of squares (Chan, Golub and LeVeque, 1983).
            let (mut n, mut m, mut squares) = (0.0_f64, 0.0_f64, 0.0_f64);
            for (count, block_mean, block_squares) in &blocks {
                let count = *count as f64;
                let distance = to_f64(block_mean[c]) - m;
                let total = n + count;
                m += distance * count / total;
                squares += to_f64(block_squares[c]) + distance * distance * n * count / total;
                n = total;
            }
            let biased = squares / n;
            mean[c] = E::of(m);
            inverse_deviation[c] = E::of(1.0 / (biased + BATCH_NORM_EPSILON).sqrt());
            let unbiased = if n > 1.0 { squares / (n - 1.0) } else { biased };
            let moved = |old: E, new: f64| {
                E::of((1.0 - BATCH_NORM_MOMENTUM) * to_f64(old) + BATCH_NORM_MOMENTUM * new)
            };
            running_mean[c] = moved(running_mean[c], m);
            running_variance[c] = moved(running_variance[c], unbiased);
        }
        Ok(BatchStatistics { mean, inverse_deviation })
    }

    fn fixed_statistics(
        &self,
        running_mean: &Self::Vec,
        running_variance: &Self::Vec,
    ) -> Result<BatchStatistics<Self::Vec>, CpuError> {
        let mut inverse_deviation = running_variance.clone();
        for value in inverse_deviation.iter_mut() {
            *value = E::of(1.0 / (to_f64(*value) + BATCH_NORM_EPSILON).sqrt());
        }
        Ok(BatchStatistics { mean: running_mean.clone(), inverse_deviation })
    }

    fn normalise(
        &self,
        input: &Self::Vec,
        statistics: &BatchStatistics<Self::Vec>,
        scale: &Self::Vec,
        shift: &Self::Vec,
        activation: Activation,
        output: &mut Self::Vec,
    ) -> Result<(), CpuError> {
        let channels = scale.len();
        let (factor, offset) = factor_and_offset(statistics, scale, shift);
        output.par_chunks_mut(block_of(channels)).zip(input.par_chunks(block_of(channels))).for_each(
            |(output, input)| {
                pulp::Arch::new().dispatch(|| {
                    let rows = output.chunks_exact_mut(channels).zip(input.chunks_exact(channels));
                    for (output, input) in rows {
                        let terms = input.iter().zip(factor.iter().zip(&offset));
                        for (output, (&input, (&factor, &offset))) in output.iter_mut().zip(terms) {
                            let value = input * factor + offset;
                            *output = match activation {
                                Activation::Relu if value < E::zero() => E::zero(),
                                Activation::Relu | Activation::Identity => value,
                            };
                        }
                    }
                });
            },
        );
        Ok(())
    }

    fn normalise_backward(
        &self,
        input: &Self::Vec,
        statistics: &BatchStatistics<Self::Vec>,
        scale: &Self::Vec,
        shift: &Self::Vec,
        activation: Activation,
        output_gradient: &Self::Vec,
        input_gradient: &mut Self::Vec,
        adds: bool,
    ) -> Result<ParameterGradients<Self::Vec>, CpuError> {
        let channels = scale.len();
        let (factor, offset) = factor_and_offset(statistics, scale, shift);
        let rectified = activation == Activation::Relu;
        // The gradient that passes the activation, decided as `normalise` did.
        let passed = |gradient: E, input: E, factor: E, offset: E| {
            if rectified && input * factor + offset <= E::zero() { E::zero() } else { gradient }
        };
        let mean: &[E] = &statistics.mean;
        let sums: Vec<(Vec<E>, Vec<E>)> = input
            .par_chunks(block_of(channels))
            .zip(output_gradient.par_chunks(block_of(channels)))
            .map(|(input, gradient)| {
                let mut plain = vec![E::zero(); channels];
                let mut weighted = vec![E::zero(); channels];
                pulp::Arch::new().dispatch(|| {
                    let rows = input.chunks_exact(channels).zip(gradient.chunks_exact(channels));
                    for (input, gradient) in rows {
                        let terms =
                            (input.iter().zip(gradient)).zip(mean.iter().zip(factor.iter().zip(&offset)));
                        let sums = plain.iter_mut().zip(&mut weighted);
                        for ((plain, weighted), ((&input, &gradient), (&mean, (&factor, &offset)))) in
                            sums.zip(terms)
                        {
                            let gradient = passed(gradient, input, factor, offset);
                            *plain += gradient;
                            *weighted += gradient * (input - mean);
                        }
                    }
                });
                (plain, weighted)
            })
            .collect();
        let mut parameters = ParameterGradients {
            scale: Storage::<E>::try_alloc_len(self, channels)?,
            shift: Storage::<E>::try_alloc_len(self, channels)?,
        };
        // The gradient of the input is `factor * gradient + slope * input + level` (Ioffe and Szegedy,
        // section 3), the last two from the means over the batch.
        let mut slope = vec![E::zero(); channels];
        let mut level = vec![E::zero(); channels];
        let count = (input.len() / channels) as f64;
        for c in 0..channels {
            let (mut plain, mut weighted) = (0.0, 0.0);
            for (block_plain, block_weighted) in &sums {
                plain += to_f64(block_plain[c]);
                weighted += to_f64(block_weighted[c]);
            }
            let inverse_deviation = to_f64(statistics.inverse_deviation[c]);
            let scale_gradient = weighted * inverse_deviation;
            parameters.scale[c] = E::of(scale_gradient);
            parameters.shift[c] = E::of(plain);
            let steepness = -to_f64(factor[c]) * scale_gradient / count * inverse_deviation;
            slope[c] = E::of(steepness);
            level[c] = E::of(-to_f64(factor[c]) * plain / count - steepness * to_f64(mean[c]));
        }
        input_gradient
            .par_chunks_mut(block_of(channels))
            .zip(input.par_chunks(block_of(channels)))
            .zip(output_gradient.par_chunks(block_of(channels)))
            .for_each(|((input_gradient, input), gradient)| {
                pulp::Arch::new().dispatch(|| {
                    let rows = (input_gradient.chunks_exact_mut(channels))
                        .zip(input.chunks_exact(channels).zip(gradient.chunks_exact(channels)));
                    for (input_gradient, (input, gradient)) in rows {
                        let lines = (factor.iter().zip(&offset)).zip(slope.iter().zip(&level));
                        let terms = input_gradient.iter_mut().zip(input.iter().zip(gradient));
                        for ((result, (&input, &gradient)), ((&factor, &offset), (&slope, &level))) in
                            terms.zip(lines)
                        {
                            let value =
                                passed(gradient, input, factor, offset) * factor + (input * slope + level);
                            *result = if adds { *result + value } else { value };
                        }
                    }
                });
            });
        Ok(parameters)
    }
}

/// Normalisation, scale and shift as one line: `input * factor + offset`.
fn factor_and_offset<E: Element, V: std::ops::Deref<Target = Vec<E>>>(
    statistics: &BatchStatistics<V>,
    scale: &[E],
    shift: &[E],
) -> (Vec<E>, Vec<E>) {
    let numbers =
        (statistics.mean.iter().zip(statistics.inverse_deviation.iter())).zip(scale.iter().zip(shift));
    numbers
        .map(|((&mean, &inverse_deviation), (&scale, &shift))| {
            let factor = scale * inverse_deviation;
            (factor, shift - mean * factor)
        })
        .unzip()
}

fn to_f64<E: Element>(value: E) -> f64 {
    value.to_f64().expect("f32 and f64 are f64s")
}
