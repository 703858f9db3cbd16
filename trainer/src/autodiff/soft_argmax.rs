use dfdx::tensor::{PutTape, SplitTape, Storage, Tape};

use super::{
    Device, Element, FeatureMap, Matrix,
    gradient::{Forming, form},
};

/// A device's soft-argmax. `shape` is images, rows, columns, channels of the heatmaps.
pub trait SoftArgmaxKernel<E: Element>: Storage<E> {
    /// Overwrites `output`: for each image and channel x and y.
    ///
    /// # Errors
    /// If the device fails.
    fn soft_argmax(
        &self,
        shape: (usize, usize, usize, usize),
        sharpness: E,
        heatmaps: &Self::Vec,
        output: &mut Self::Vec,
    ) -> Result<(), Self::Err>;

    /// Writes the heatmaps' gradient, added to what is there if `adds`.
    ///
    /// # Errors
    /// If the device fails.
    #[allow(clippy::too_many_arguments, reason = "two values and their gradients")]
    fn soft_argmax_backward(
        &self,
        shape: (usize, usize, usize, usize),
        sharpness: E,
        heatmaps: &Self::Vec,
        output: &Self::Vec,
        output_gradient: &Self::Vec,
        heatmap_gradient: &mut Self::Vec,
        adds: bool,
    ) -> Result<(), Self::Err>;
}

/// The expected place of each heatmap's maximum: the mean of all pixel positions weighted by
/// exp(`sharpness` * value), in normalised coordinates, x and y of every channel in a row.
///
/// The differentiable decoding that the cosine loss needs: the right angle between the axes is one between
/// keypoints, not heatmaps (paper, section 2.2).
///
/// # Errors
/// If the device fails.
pub fn soft_argmax<E: Element, D: Device<E>, T: Tape<E, D>>(
    heatmaps: FeatureMap<E, D, T>,
    sharpness: f64,
) -> Result<Matrix<E, D, T>, D::Err> {
    let (heatmaps, mut tape) = heatmaps.split_tape();
    let shape = super::shape_of(&heatmaps);
    let (images, _, _, channels) = shape;
    let sharpness = E::of(sharpness);
    let device = heatmaps.device().clone();
    let mut buffer = device.recycled(images * channels * 2)?;
    device.soft_argmax(shape, sharpness, heatmaps.buffer(), &mut buffer)?;
    let output = Matrix::from_buffer(&device, (images, channels * 2), buffer);
    let kept = output.clone();
    tape.add_backward_op(move |gradients| {
        let Some(output_gradient) = gradients.take(&kept.ghost()) else {
            return Ok(());
        };
        let heatmaps_ghost = heatmaps.ghost();
        let Forming { mut buffer, adds } = form(gradients, &heatmaps_ghost)?;
        device.soft_argmax_backward(
            shape,
            sharpness,
            heatmaps.buffer(),
            kept.buffer(),
            &output_gradient,
            &mut buffer,
            adds,
        )?;
        gradients.put(&heatmaps_ghost, buffer);
        Ok(())
    });
    Ok(output.put_tape(tape))
}
