use dfdx::{
    shapes::{HasShape, Rank0},
    tensor::{Gradients, Storage, Tensor},
    tensor_ops::{SumTo, TryAdd, TryMul},
};

use super::{Device, Element, Error, Module, Vector};

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
    let parameters = || modules.iter().flat_map(|module| module.parameters()).map(|(_, _, tensor)| tensor);
    let mut squares: Tensor<Rank0, E, D> = device.try_zeros()?;
    for parameter in parameters() {
        if let Some(gradient) = gradients.take(&parameter.ghost()) {
            let gradient = Vector::from_buffer(device, *parameter.shape(), gradient);
            squares = squares.try_add(gradient.clone().try_square()?.try_sum::<Rank0, _>()?)?;
            gradients.put(&parameter.ghost(), sole_buffer(gradient));
        }
    }
    let norm: f64 = squares.as_vec()[0].to_f64().expect("every element is a 64-bit float").sqrt();
    if norm > limit {
        for parameter in parameters() {
            if let Some(gradient) = gradients.take(&parameter.ghost()) {
                let gradient = Vector::from_buffer(device, *parameter.shape(), gradient);
                let scaled = gradient.try_mul(E::of(limit / norm))?;
                gradients.put(&parameter.ghost(), sole_buffer(scaled));
            }
        }
    }
    Ok(norm)
}

/// The buffer of a vector, which is copied only if someone else holds it.
fn sole_buffer<E: Element, D: Device<E>>(vector: Vector<E, D>) -> <D as Storage<E>>::Vec {
    vector.into_buffer().unwrap_or_else(|shared| shared.buffer().clone())
}

#[cfg(test)]
mod tests {
    use super::super::optimiser::tests::{GRADIENTS, gradients, module};
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
