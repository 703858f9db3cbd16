use dfdx::{
    open::Recycle,
    tensor::{PutTape, SplitTape, Storage, Tape},
};

use super::{Device, Element, FeatureMap, Matrix, gradient::give};

/// A device's change of order. `shape` is images, rows, columns, channels.
pub trait FlattenKernel<E: Element>: Storage<E> {
    /// From channels innermost to channels outermost within each image; overwrites `output`.
    ///
    /// # Errors
    /// If the device fails.
    fn channels_first(
        &self,
        shape: (usize, usize, usize, usize),
        input: &Self::Vec,
        output: &mut Self::Vec,
    ) -> Result<(), Self::Err>;

    /// The way back.
    ///
    /// # Errors
    /// If the device fails.
    fn channels_last(
        &self,
        shape: (usize, usize, usize, usize),
        input: &Self::Vec,
        output: &mut Self::Vec,
    ) -> Result<(), Self::Err>;
}

/// Each image as one row of numbers: channel by channel, row by row, as PyTorch and ONNX flatten.
///
/// # Errors
/// If the device fails.
pub fn flatten<E: Element, D: Device<E>, T: Tape<E, D>>(
    input: FeatureMap<E, D, T>,
) -> Result<Matrix<E, D, T>, D::Err> {
    let (input, mut tape) = input.split_tape();
    let shape = super::shape_of(&input);
    let (images, height, width, channels) = shape;
    let device = input.device().clone();
    let length = height * width * channels;
    let mut buffer = Recycle::<E>::recycled(&device, images * length)?;
    device.channels_first(shape, input.buffer(), &mut buffer)?;
    let output = Matrix::from_buffer(&device, (images, length), buffer);
    let (input_ghost, output_ghost) = (input.ghost(), output.ghost());
    tape.add_backward_op(move |gradients| {
        let Some(output_gradient) = gradients.take(&output_ghost) else {
            return Ok(());
        };
        let mut gradient = Recycle::<E>::recycled(&device, images * length)?;
        device.channels_last(shape, &output_gradient, &mut gradient)?;
        give(gradients, &input_ghost, gradient)
    });
    Ok(output.put_tape(tape))
}
