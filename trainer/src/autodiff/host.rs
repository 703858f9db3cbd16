use dfdx::open::Recycle;
use dfdx::shapes::{HasShape, Shape};
use dfdx::tensor::{Gradients, OwnedTape, PutTape, Tape, Tensor};
use dfdx::tensor_ops::Backward;

use super::{Device, Element, Error, FeatureMap, gradient::give};

/// The operations of one training step, in their order, to be gone through backwards.
pub type Recording<E, D> = OwnedTape<E, D>;

/// The gradients of one training step by the identity of their tensors.
pub type StepGradients<E, D> = Gradients<E, D>;

/// Brings values (image, row, column, channel) to the device.
///
/// # Errors
/// If the device fails.
///
/// # Panics
/// If the values do not fill the shape.
pub fn upload<E: Element, D: Device<E>>(
    device: &D,
    shape: (usize, usize, usize, usize),
    values: &[f32],
) -> Result<FeatureMap<E, D>, Error> {
    let values: Vec<E> = values.iter().map(|&value| E::of(value.into())).collect();
    upload_elements(device, shape, &values).map_err(Into::into)
}

/// A tensor in memory that the device had before, if any of this size is free: one made of a vector would leave the
/// vector behind in the device's cache, step after step.
pub(super) fn upload_elements<S: Shape, E: Element, D: Device<E>>(
    device: &D,
    shape: S,
    values: &[E],
) -> Result<Tensor<S, E, D>, D::Err> {
    let mut buffer = Recycle::<E>::recycled(device, shape.num_elements())?;
    device.write(values, &mut buffer)?;
    Ok(Tensor::from_buffer(device, shape, buffer))
}

/// Brings a tensor's values to the host.
///
/// # Errors
/// If the device fails.
pub fn download<S: Shape, E: Element, D: Device<E>>(tensor: &Tensor<S, E, D>) -> Result<Vec<f32>, Error> {
    assert!(tensor.is_contiguous(), "values are contiguous");
    let narrow = |value: E| value.to_f32().expect("every element has a 32-bit neighbour");
    let values = tensor.device().read(tensor.buffer()).map_err(Into::into)?;
    Ok(values.into_iter().map(narrow).collect())
}

/// Says that a loss has this gradient by `tensor`, where the loss itself was computed on the host: [`backward`]
/// starts from there. A tensor may be seeded more than once; the gradients add up.
///
/// # Panics
/// If the gradient has not the tensor's size.
pub fn seed<S: Shape, E: Element, D: Device<E>>(
    recording: &mut Recording<E, D>,
    tensor: &Tensor<S, E, D>,
    gradient: &[f32],
) {
    assert_eq!(gradient.len(), tensor.shape().num_elements(), "a gradient has its tensor's size");
    let gradient: Vec<E> = gradient.iter().map(|&value| E::of(value.into())).collect();
    let (ghost, device, shape) = (tensor.ghost(), tensor.device().clone(), *tensor.shape());
    recording.add_backward_op(move |gradients| {
        let gradient = upload_elements(&device, shape, &gradient)?;
        let buffer = gradient.into_buffer().expect("a tensor that no one else has seen");
        give(gradients, &ghost, buffer)
    });
}

/// Goes through a recording backwards, from every [`seed`] to the parameters.
///
/// # Errors
/// If the device fails.
pub fn backward<E: Element, D: Device<E>>(
    device: &D,
    recording: Recording<E, D>,
) -> Result<StepGradients<E, D>, Error> {
    let end: Tensor<(), E, D> = device.try_zeros().map_err(Into::into)?;
    end.put_tape(recording).try_backward().map_err(Into::into)
}
