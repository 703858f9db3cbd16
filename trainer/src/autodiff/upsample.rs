use dfdx::tensor::{PutTape, SplitTape, Storage, Tape};

use super::{
    Device, Element, FeatureMap,
    gradient::{Forming, form},
};

/// A device's upsampling. `shape` is the input's: images, rows, columns, channels.
pub trait UpsampleKernel<E: Element>: Storage<E> {
    /// Overwrites `output` with every pixel of `input` written four times.
    ///
    /// # Errors
    /// If the device fails.
    fn upsample(
        &self,
        shape: (usize, usize, usize, usize),
        input: &Self::Vec,
        output: &mut Self::Vec,
    ) -> Result<(), Self::Err>;

    /// Writes the sums of four gradients, added to what is there if `adds`.
    ///
    /// # Errors
    /// If the device fails.
    fn upsample_backward(
        &self,
        shape: (usize, usize, usize, usize),
        output_gradient: &Self::Vec,
        input_gradient: &mut Self::Vec,
        adds: bool,
    ) -> Result<(), Self::Err>;
}

/// Twice the rows and columns, each new pixel a copy of the nearest old one.
///
/// # Errors
/// If the device fails.
pub fn upsample<E: Element, D: Device<E>, T: Tape<E, D>>(
    input: FeatureMap<E, D, T>,
) -> Result<FeatureMap<E, D, T>, D::Err> {
    let (input, mut tape) = input.split_tape();
    let shape = super::shape_of(&input);
    let (images, height, width, channels) = shape;
    let device = input.device().clone();
    let mut buffer = device.recycled(4 * images * height * width * channels)?;
    device.upsample(shape, input.buffer(), &mut buffer)?;
    let output = FeatureMap::from_buffer(&device, (images, 2 * height, 2 * width, channels), buffer);
    let (input_ghost, output_ghost) = (input.ghost(), output.ghost());
    tape.add_backward_op(move |gradients| {
        let Some(output_gradient) = gradients.take(&output_ghost) else {
            return Ok(());
        };
        let Forming { mut buffer, adds } = form(gradients, &input_ghost)?;
        device.upsample_backward(shape, &output_gradient, &mut buffer, adds)?;
        gradients.put(&input_ghost, buffer);
        Ok(())
    });
    Ok(output.put_tape(tape))
}
