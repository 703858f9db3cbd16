use std::ops::Range;

use dfdx::{
    open::Recycle,
    tensor::{Merge, PutTape, SplitTape, Storage, Tape},
};

use super::{Device, Element, FeatureMap, gradient::give};

/// A device's copies between blocks of channels. Pixels are rows of `channels` numbers.
pub trait ChannelsKernel<E: Element>: Storage<E> {
    /// Copies the columns `from.0 ..` of rows of `from.1` numbers to the columns `to.0 ..` of rows of `to.1`,
    /// `columns` of them.
    ///
    /// # Errors
    /// If the device fails.
    fn copy_channels(
        &self,
        columns: usize,
        source: &Self::Vec,
        from: (usize, usize),
        target: &mut Self::Vec,
        to: (usize, usize),
    ) -> Result<(), Self::Err>;
}

/// The channels of `first`, then those of `second`.
///
/// # Errors
/// If the device fails.
///
/// # Panics
/// If the images differ in number or size.
pub fn concatenate_channels<E: Element, D: Device<E>, T: Tape<E, D> + Merge<R>, R>(
    first: FeatureMap<E, D, T>,
    second: FeatureMap<E, D, R>,
) -> Result<FeatureMap<E, D, T>, D::Err> {
    let (first, first_tape) = first.split_tape();
    let (second, second_tape) = second.split_tape();
    let mut tape = first_tape.merge(second_tape);
    let (images, height, width, left) = super::shape_of(&first);
    let (.., right) = super::shape_of(&second);
    assert_eq!(super::shape_of(&second), (images, height, width, right), "both parts of a concatenation");
    let (pixels, channels) = (images * height * width, left + right);
    let device = first.device().clone();
    let mut buffer = Recycle::<E>::recycled(&device, pixels * channels)?;
    device.copy_channels(left, first.buffer(), (0, left), &mut buffer, (0, channels))?;
    device.copy_channels(right, second.buffer(), (0, right), &mut buffer, (left, channels))?;
    let output = FeatureMap::from_buffer(&device, (images, height, width, channels), buffer);
    let (first_ghost, second_ghost, output_ghost) = (first.ghost(), second.ghost(), output.ghost());
    tape.add_backward_op(move |gradients| {
        let Some(gradient) = gradients.take(&output_ghost) else {
            return Ok(());
        };
        let mut part = Recycle::<E>::recycled(&device, pixels * left)?;
        device.copy_channels(left, &gradient, (0, channels), &mut part, (0, left))?;
        give(gradients, &first_ghost, part)?;
        let mut part = Recycle::<E>::recycled(&device, pixels * right)?;
        device.copy_channels(right, &gradient, (left, channels), &mut part, (0, right))?;
        give(gradients, &second_ghost, part)
    });
    Ok(output.put_tape(tape))
}

/// Some of the channels.
///
/// # Errors
/// If the device fails.
///
/// # Panics
/// If `range` reaches beyond the channels.
pub fn select_channels<E: Element, D: Device<E>, T: Tape<E, D>>(
    input: FeatureMap<E, D, T>,
    range: Range<usize>,
) -> Result<FeatureMap<E, D, T>, D::Err> {
    let (input, mut tape) = input.split_tape();
    let (images, height, width, channels) = super::shape_of(&input);
    assert!(range.start < range.end && range.end <= channels, "channels {range:?} of {channels}");
    let (pixels, selected) = (images * height * width, range.len());
    let device = input.device().clone();
    let mut buffer = Recycle::<E>::recycled(&device, pixels * selected)?;
    device.copy_channels(selected, input.buffer(), (range.start, channels), &mut buffer, (0, selected))?;
    let output = FeatureMap::from_buffer(&device, (images, height, width, selected), buffer);
    let (input_ghost, output_ghost) = (input.ghost(), output.ghost());
    tape.add_backward_op(move |gradients| {
        let Some(gradient) = gradients.take(&output_ghost) else {
            return Ok(());
        };
        let mut whole = Storage::<E>::try_alloc_len(&device, pixels * channels)?;
        device.copy_channels(selected, &gradient, (0, selected), &mut whole, (range.start, channels))?;
        give(gradients, &input_ghost, whole)
    });
    Ok(output.put_tape(tape))
}
