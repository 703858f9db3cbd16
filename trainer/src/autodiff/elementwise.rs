use dfdx::{
    open::Recycle,
    shapes::{HasShape, Shape},
    tensor::{Merge, PutTape, SplitTape, Storage, Tape, Tensor},
};

use super::{Device, Element, gradient::give};

/// What follows a sum or a normalisation, in the same pass over the values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Activation {
    /// Nothing.
    #[default]
    Identity,
    /// Negative values become zero; where the result is zero no gradient passes.
    Relu,
}

/// A device's operators on single values.
pub trait ElementwiseKernel<E: Element>: Storage<E> {
    /// Adds `other` to `sum`.
    ///
    /// # Errors
    /// If the device fails.
    fn add_assign(&self, sum: &mut Self::Vec, other: &Self::Vec) -> Result<(), Self::Err>;

    /// Overwrites `sum` with `first + second`.
    ///
    /// # Errors
    /// If the device fails.
    fn add(&self, first: &Self::Vec, second: &Self::Vec, sum: &mut Self::Vec) -> Result<(), Self::Err>;

    /// Sets negative values to zero.
    ///
    /// # Errors
    /// If the device fails.
    fn relu_assign(&self, values: &mut Self::Vec) -> Result<(), Self::Err>;

    /// Sets `gradient` to zero where the rectified `output` is zero.
    ///
    /// # Errors
    /// If the device fails.
    fn relu_backward(&self, output: &Self::Vec, gradient: &mut Self::Vec) -> Result<(), Self::Err>;
}

/// The rectified `input`, in its place where no one else holds it.
///
/// # Errors
/// If the device fails.
pub fn relu<S: Shape, E: Element, D: Device<E>, T: Tape<E, D>>(
    input: Tensor<S, E, D, T>,
) -> Result<Tensor<S, E, D, T>, D::Err> {
    assert!(input.is_contiguous(), "values are contiguous");
    let (input, mut tape) = input.split_tape();
    let (device, shape, input_ghost) = (input.device().clone(), *input.shape(), input.ghost());
    let mut buffer = match input.into_buffer() {
        Ok(buffer) => buffer,
        Err(shared) => Recycle::<E>::copied(&device, shared.buffer())?,
    };
    device.relu_assign(&mut buffer)?;
    let output = Tensor::from_buffer(&device, shape, buffer);
    let kept = output.clone();
    tape.add_backward_op(move |gradients| {
        let Some(mut gradient) = gradients.take(&kept.ghost()) else {
            return Ok(());
        };
        device.relu_backward(kept.buffer(), &mut gradient)?;
        give(gradients, &input_ghost, gradient)
    });
    Ok(output.put_tape(tape))
}

/// The sum of two values of one shape, in the place of the first where no one else holds it.
///
/// # Errors
/// If the device fails.
///
/// # Panics
/// If the shapes differ.
pub fn add<S: Shape, E: Element, D: Device<E>, T: Tape<E, D> + Merge<R>, R>(
    first: Tensor<S, E, D, T>,
    second: Tensor<S, E, D, R>,
    activation: Activation,
) -> Result<Tensor<S, E, D, T>, D::Err> {
    assert_eq!(first.shape(), second.shape(), "both terms of a sum");
    assert!(first.is_contiguous() && second.is_contiguous(), "values are contiguous");
    let (first, first_tape) = first.split_tape();
    let (second, second_tape) = second.split_tape();
    let mut tape = first_tape.merge(second_tape);
    let (device, shape) = (first.device().clone(), *first.shape());
    let (first_ghost, second_ghost) = (first.ghost(), second.ghost());
    let mut buffer = match first.into_buffer() {
        Ok(mut buffer) => {
            device.add_assign(&mut buffer, second.buffer())?;
            buffer
        }
        Err(shared) => {
            let mut buffer = Recycle::<E>::recycled(&device, shape.num_elements())?;
            ElementwiseKernel::add(&device, shared.buffer(), second.buffer(), &mut buffer)?;
            buffer
        }
    };
    drop(second);
    if activation == Activation::Relu {
        device.relu_assign(&mut buffer)?;
    }
    let output = Tensor::from_buffer(&device, shape, buffer);
    let output_ghost = output.ghost();
    let rectified = (activation == Activation::Relu).then(|| output.clone());
    tape.add_backward_op(move |gradients| {
        let Some(mut gradient) = gradients.take(&output_ghost) else {
            return Ok(());
        };
        if let Some(output) = rectified {
            device.relu_backward(output.buffer(), &mut gradient)?;
        }
        let copy = Recycle::<E>::copied(first_ghost.device(), &gradient)?;
        give(gradients, &first_ghost, copy)?;
        give(gradients, &second_ghost, gradient)
    });
    Ok(output.put_tape(tape))
}
