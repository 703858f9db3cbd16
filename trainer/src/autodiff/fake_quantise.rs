use dfdx::{
    open::Recycle,
    shapes::{HasShape, Shape},
    tensor::{PutTape, SplitTape, Storage, Tape, Tensor},
};

use super::{Device, Element, Vector, gradient::give};

/// The largest quantised activation: seven bits, for the integer engine's exactness on every CPU.
const LARGEST_ACTIVATION: f64 = 127.0;

/// How a quantised activation q in 0..=127 stands for a real number: `(q - zero_point) * scale`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ActivationRange {
    /// The step between two levels, positive.
    pub scale: f64,
    /// The level that stands for zero, in 0..=127.
    pub zero_point: u8,
}

impl ActivationRange {
    /// The smallest number in the range.
    #[must_use]
    pub fn smallest(&self) -> f64 {
        -f64::from(self.zero_point) * self.scale
    }

    /// The largest number in the range.
    #[must_use]
    pub fn largest(&self) -> f64 {
        (LARGEST_ACTIVATION - f64::from(self.zero_point)) * self.scale
    }
}

/// A device's rounding to the numbers that the integer engine can hold.
pub trait FakeQuantiseKernel<E: Element>: Storage<E> {
    /// Overwrites `output` with the nearest numbers of the range.
    ///
    /// # Errors
    /// If the device fails.
    fn quantise_activations(
        &self,
        range: &ActivationRange,
        input: &Self::Vec,
        output: &mut Self::Vec,
    ) -> Result<(), Self::Err>;

    /// Sets `gradient` to zero where `input` lies outside the range.
    ///
    /// # Errors
    /// If the device fails.
    fn quantise_activations_backward(
        &self,
        range: &ActivationRange,
        input: &Self::Vec,
        gradient: &mut Self::Vec,
    ) -> Result<(), Self::Err>;

    /// Overwrites `output` with the nearest of 255 levels of each of the `channels` blocks of `weight`,
    /// symmetric about zero, the largest magnitude at level 127.
    ///
    /// # Errors
    /// If the device fails.
    fn quantise_weight(
        &self,
        channels: usize,
        weight: &Self::Vec,
        output: &mut Self::Vec,
    ) -> Result<(), Self::Err>;
}

/// What the integer engine would make of an activation, for quantisation-aware fine-tuning: rounded to seven
/// bits, ties to even. The gradient passes straight through inside the range and not at all outside
/// (Jacob et al., CVPR 2018).
///
/// # Errors
/// If the device fails.
pub fn fake_quantise<S: Shape, E: Element, D: Device<E>, T: Tape<E, D>>(
    input: Tensor<S, E, D, T>,
    range: ActivationRange,
) -> Result<Tensor<S, E, D, T>, D::Err> {
    assert!(input.is_contiguous(), "values are contiguous");
    let (input, mut tape) = input.split_tape();
    let device = input.device().clone();
    let mut buffer = Recycle::<E>::recycled(&device, input.shape().num_elements())?;
    device.quantise_activations(&range, input.buffer(), &mut buffer)?;
    let output = Tensor::from_buffer(&device, *input.shape(), buffer);
    let output_ghost = output.ghost();
    tape.add_backward_op(move |gradients| {
        let Some(mut gradient) = gradients.take(&output_ghost) else {
            return Ok(());
        };
        device.quantise_activations_backward(&range, input.buffer(), &mut gradient)?;
        give(gradients, &input.ghost(), gradient)
    });
    Ok(output.put_tape(tape))
}

/// What the integer engine would make of a weight of `channels` output channels: 8 bits signed, one scale a
/// channel. The result keeps the weight's identity, so that gradients reach the weight straight through.
///
/// # Errors
/// If the device fails.
///
/// # Panics
/// If the weight cannot be cut into `channels` blocks.
pub fn fake_quantise_weight<E: Element, D: Device<E>>(
    weight: &Vector<E, D>,
    channels: usize,
) -> Result<Vector<E, D>, D::Err> {
    let length = super::length_of(weight);
    assert!(channels > 0 && length.is_multiple_of(channels), "{length} weights of {channels} channels");
    let mut buffer = Recycle::<E>::recycled(weight.device(), length)?;
    weight.device().quantise_weight(channels, weight.buffer(), &mut buffer)?;
    Ok(weight.with_buffer(buffer))
}
