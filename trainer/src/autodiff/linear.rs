use dfdx::{
    shapes::HasShape,
    tensor::{PutTape, SplitTape, Storage, Tape},
};

use super::{
    Device, Element, Matrix, Vector,
    gradient::{Forming, form},
};

/// A device's fully connected layer on `rows` inputs; `weight` is outputs x inputs.
pub trait LinearKernel<E: Element>: Storage<E> {
    /// Overwrites `output` with `input * weight^T + bias`.
    ///
    /// # Errors
    /// If the device fails.
    fn linear(
        &self,
        rows: usize,
        input: &Self::Vec,
        weight: &Self::Vec,
        bias: &Self::Vec,
        output: &mut Self::Vec,
    ) -> Result<(), Self::Err>;

    /// Writes the input's gradient, added to what is there if `adds`, and adds to the weight's gradient.
    ///
    /// # Errors
    /// If the device fails.
    #[allow(clippy::too_many_arguments, reason = "two values and their gradients")]
    fn linear_backward(
        &self,
        rows: usize,
        input: &Self::Vec,
        weight: &Self::Vec,
        output_gradient: &Self::Vec,
        input_gradient: &mut Self::Vec,
        adds: bool,
        weight_gradient: &mut Self::Vec,
    ) -> Result<(), Self::Err>;
}

/// A fully connected layer, as PyTorch's `Linear`: a row of `inputs` numbers to a row of as many as `bias` has.
///
/// # Errors
/// If the device fails.
///
/// # Panics
/// If `weight` has not outputs x inputs elements.
pub fn linear<E: Element, D: Device<E>, T: Tape<E, D>>(
    input: Matrix<E, D, T>,
    weight: &Vector<E, D>,
    bias: &Vector<E, D>,
) -> Result<Matrix<E, D, T>, D::Err> {
    assert!(input.is_contiguous(), "values are contiguous");
    let (input, mut tape) = input.split_tape();
    let (rows, inputs) = *input.shape();
    let outputs = super::length_of(bias);
    assert_eq!(super::length_of(weight), outputs * inputs, "weight of a fully connected layer");
    let device = input.device().clone();
    let mut buffer = device.recycled(rows * outputs)?;
    device.linear(rows, input.buffer(), weight.buffer(), bias.buffer(), &mut buffer)?;
    let output = Matrix::from_buffer(&device, (rows, outputs), buffer);
    let (output_ghost, bias_ghost, weight) = (output.ghost(), bias.ghost(), weight.clone());
    tape.add_backward_op(move |gradients| {
        let Some(output_gradient) = gradients.take(&output_ghost) else {
            return Ok(());
        };
        device.bias_backward(&output_gradient, gradients.of(&bias_ghost)?)?;
        let input_ghost = input.ghost();
        let Forming { mut buffer, adds } = form(gradients, &input_ghost)?;
        device.linear_backward(
            rows,
            input.buffer(),
            weight.buffer(),
            &output_gradient,
            &mut buffer,
            adds,
            gradients.of(&weight.ghost())?,
        )?;
        gradients.put(&input_ghost, buffer);
        Ok(())
    });
    Ok(output.put_tape(tape))
}
