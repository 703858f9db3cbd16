use dfdx::tensor::{Gradients, Storage};

use super::{Device, Element, Error, Module};

/// A device's measure of many numbers at once.
pub trait NormKernel<E: Element>: Storage<E> {
    /// The sum of the squares of all numbers, in 64 bits.
    ///
    /// # Errors
    /// If the device fails.
    fn sum_of_squares<'a>(&self, buffers: impl Iterator<Item = &'a Self::Vec>) -> Result<f64, Self::Err>
    where
        Self::Vec: 'a;

    /// Multiplies every number.
    ///
    /// # Errors
    /// If the device fails.
    fn scale_assign(&self, values: &mut Self::Vec, factor: f64) -> Result<(), Self::Err>;
}

/// Scales the gradients of all parameters of `modules` down by one factor, so that their common Euclidean norm
/// is at most `limit`, and gives the norm that they had (PyTorch's `clip_grad_norm_`).
///
/// # Errors
/// If the device fails.
pub fn clip_gradients<E: Element, D: Device<E>>(
    modules: &[&Module<E, D>],
    gradients: &mut Gradients<E, D>,
    limit: f64,
) -> Result<f64, Error> {
    let Some(device) = modules.first().map(|module| module.device()) else {
        return Ok(0.0);
    };
    clip(device, modules, gradients, limit).map_err(Into::into)
}

fn clip<E: Element, D: Device<E>>(
    device: &D,
    modules: &[&Module<E, D>],
    gradients: &mut Gradients<E, D>,
    limit: f64,
) -> Result<f64, D::Err> {
    let parameters =
        modules.iter().flat_map(|module| module.parameters()).map(|(_, _, tensor)| tensor.ghost());
    let mut arrived: Vec<_> = parameters.filter_map(|ghost| Some((gradients.take(&ghost)?, ghost))).collect();
    let norm = device.sum_of_squares(arrived.iter().map(|(gradient, _)| gradient))?.sqrt();
    if norm > limit {
        for (gradient, _) in &mut arrived {
            device.scale_assign(gradient, limit / norm)?;
        }
    }
    for (gradient, ghost) in arrived {
        gradients.put(&ghost, gradient);
    }
    Ok(norm)
}

#[cfg(test)]
mod tests {
    use super::super::{
        Vector,
        optimiser::tests::{GRADIENTS, gradients, module},
    };
    use super::*;

    #[test]
    fn clipped_gradients_are_pytorchs() {
        let module = module();
        let mut gradients = gradients(&module, GRADIENTS[0]);
        for (limit, factor) in [(10.0, 1.0), (0.5, 0.5 / 2.549_509_756_796_392_3)] {
            let norm = clip_gradients(&[&module], &mut gradients, limit).unwrap();
            assert!((norm - 2.549_509_756_796_392_3).abs() < 1e-15, "{norm}");
            for ((_, _, tensor), expected) in module.parameters().zip(GRADIENTS[0].rchunks_exact(3)) {
                let gradient = gradients.take(&tensor.ghost()).unwrap();
                let gradient = Vector::from_buffer(module.device(), (3,), gradient);
                for (found, expected) in gradient.as_vec().into_iter().zip(expected) {
                    assert!((found - expected * factor).abs() < 1e-15, "{found} {expected}");
                }
                gradients.put(&tensor.ghost(), gradient.into_buffer().unwrap());
            }
        }
    }
}
