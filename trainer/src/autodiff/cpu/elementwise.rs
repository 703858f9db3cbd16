use dfdx::tensor::{Cpu, CpuError};
use rayon::prelude::*;

use super::{super::*, BLOCK, zip_blocks};

impl<E: Element> ElementwiseKernel<E> for Cpu {
    fn add_assign(&self, sum: &mut Self::Vec, other: &Self::Vec) -> Result<(), CpuError> {
        zip_blocks(sum, other, |sum, other| {
            for (sum, &other) in sum.iter_mut().zip(other) {
                *sum += other;
            }
        });
        Ok(())
    }

    fn add(&self, first: &Self::Vec, second: &Self::Vec, sum: &mut Self::Vec) -> Result<(), CpuError> {
        sum.par_chunks_mut(BLOCK).zip(first.par_chunks(BLOCK)).zip(second.par_chunks(BLOCK)).for_each(
            |((sum, first), second)| {
                pulp::Arch::new().dispatch(|| {
                    for ((sum, &first), &second) in sum.iter_mut().zip(first).zip(second) {
                        *sum = first + second;
                    }
                });
            },
        );
        Ok(())
    }

    fn relu_assign(&self, values: &mut Self::Vec) -> Result<(), CpuError> {
        values.par_chunks_mut(BLOCK).for_each(|values| {
            pulp::Arch::new().dispatch(|| {
                for value in values {
                    *value = if *value < E::zero() { E::zero() } else { *value };
                }
            });
        });
        Ok(())
    }

    fn relu_backward(&self, output: &Self::Vec, gradient: &mut Self::Vec) -> Result<(), CpuError> {
        zip_blocks(gradient, output, |gradient, output| {
            for (gradient, &output) in gradient.iter_mut().zip(output) {
                *gradient = if output == E::zero() { E::zero() } else { *gradient };
            }
        });
        Ok(())
    }
}

impl<E: Element> NormKernel<E> for Cpu {
    fn sum_of_squares<'a>(&self, buffers: impl Iterator<Item = &'a Self::Vec>) -> Result<f64, CpuError> {
        let square = |value: &E| value.to_f64().expect("f32 and f64 are f64s").powi(2);
        let mut sum = 0.0;
        for values in buffers {
            let blocks: Vec<f64> =
                values.par_chunks(BLOCK).map(|values| values.iter().map(square).sum()).collect();
            sum += blocks.iter().sum::<f64>();
        }
        Ok(sum)
    }

    fn scale_assign(&self, values: &mut Self::Vec, factor: f64) -> Result<(), CpuError> {
        let factor = E::of(factor);
        values.par_chunks_mut(BLOCK).for_each(|values| values.iter_mut().for_each(|value| *value *= factor));
        Ok(())
    }
}
