//! How gradients move on the tape: taken from an operator's output, given to its inputs.
//!
//! dfdx lets gradients add up in buffers that start at zero and live until the end of the backward pass. Here
//! an output's gradient is taken out when its operator runs (all its users have run by then), and the first
//! gradient that reaches an input is its buffer: nothing is cleared and little is alive at once.

use dfdx::{
    open::Recycle,
    shapes::Shape,
    tensor::{GhostTensor, Gradients},
};

use super::{Device, Element};

/// A gradient that an operator is about to write.
pub(super) struct Forming<V> {
    /// The buffer, of the value's size.
    pub(super) buffer: V,
    /// Whether the buffer holds the gradient from other users of the value, to be added to.
    pub(super) adds: bool,
}

/// What has arrived at `value`, or a buffer with unspecified contents.
pub(super) fn form<S: Shape, E: Element, D: Device<E>>(
    gradients: &mut Gradients<E, D>,
    value: &GhostTensor<S, E, D>,
) -> Result<Forming<<D as dfdx::tensor::Storage<E>>::Vec>, D::Err> {
    Ok(match gradients.take(value) {
        Some(buffer) => Forming { buffer, adds: true },
        None => Forming { buffer: Recycle::<E>::recycled(value.device(), value.len())?, adds: false },
    })
}

/// Gives `value` a finished gradient.
pub(super) fn give<S: Shape, E: Element, D: Device<E>>(
    gradients: &mut Gradients<E, D>,
    value: &GhostTensor<S, E, D>,
    gradient: <D as dfdx::tensor::Storage<E>>::Vec,
) -> Result<(), D::Err> {
    let sum = match gradients.take(value) {
        Some(mut sum) => {
            value.device().add_assign(&mut sum, &gradient)?;
            sum
        }
        None => gradient,
    };
    gradients.put(value, sum);
    Ok(())
}
