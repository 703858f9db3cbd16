use dfdx::{
    open::Recycle,
    shapes::HasShape,
    tensor::{PutTape, SplitTape, Storage, Tape},
};

use super::{
    Device, Element, Matrix,
    gradient::{Forming, form},
};

/// A device's step from θ to the matrix of the affine grid.
pub trait AffineGridKernel<E: Element>: Storage<E> {
    /// Overwrites `output` (rows of six) with the matrices of the rows of five in `input`.
    ///
    /// # Errors
    /// If the device fails.
    fn affine_matrix(&self, input: &Self::Vec, output: &mut Self::Vec) -> Result<(), Self::Err>;

    /// Writes the gradient of the five numbers, added to what is there if `adds`.
    ///
    /// # Errors
    /// If the device fails.
    fn affine_matrix_backward(
        &self,
        input: &Self::Vec,
        output: &Self::Vec,
        output_gradient: &Self::Vec,
        input_gradient: &mut Self::Vec,
        adds: bool,
    ) -> Result<(), Self::Err>;
}

/// The 2 x 3 matrix Θ of the paper's equation 2, row by row, from the five numbers that the localization
/// network emits for θ: tx, ty, cos 2α, sin 2α (up to a common positive factor) and ln s.
///
/// As `recist::geometry::Theta::from_double_angle` it takes the α with a cosine of at least zero. The gradient
/// is that of α = atan2(sin 2α, cos 2α) / 2, smooth but at the cut where α jumps by 180°, where the canonical
/// patch turns over. A direction of length zero counts as 0° and has no gradient.
///
/// # Errors
/// If the device fails.
///
/// # Panics
/// If a row has not five numbers.
pub fn affine_matrix<E: Element, D: Device<E>, T: Tape<E, D>>(
    theta: Matrix<E, D, T>,
) -> Result<Matrix<E, D, T>, D::Err> {
    let (theta, mut tape) = theta.split_tape();
    let (images, numbers) = *theta.shape();
    assert!(numbers == 5 && theta.is_contiguous(), "θ as {numbers} numbers");
    let device = theta.device().clone();
    let mut buffer = Recycle::<E>::recycled(&device, images * 6)?;
    device.affine_matrix(theta.buffer(), &mut buffer)?;
    let output = Matrix::from_buffer(&device, (images, 6), buffer);
    let kept = output.clone();
    tape.add_backward_op(move |gradients| {
        let Some(output_gradient) = gradients.take(&kept.ghost()) else {
            return Ok(());
        };
        let theta_ghost = theta.ghost();
        let Forming { mut buffer, adds } = form(gradients, &theta_ghost)?;
        device.affine_matrix_backward(theta.buffer(), kept.buffer(), &output_gradient, &mut buffer, adds)?;
        gradients.put(&theta_ghost, buffer);
        Ok(())
    });
    Ok(output.put_tape(tape))
}
