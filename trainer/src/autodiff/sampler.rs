use dfdx::{
    open::Recycle,
    shapes::HasShape,
    tensor::{Merge, PutTape, SplitTape, Storage, Tape},
};

use super::{
    Device, Element, FeatureMap, Matrix,
    gradient::{Forming, form},
};

/// Square images sampled on square grids.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SamplerShape {
    /// The number of images.
    pub images: usize,
    /// Rows and columns of a source image.
    pub source_size: usize,
    /// Rows and columns of a result.
    pub size: usize,
    /// Channels of both.
    pub channels: usize,
}

/// A device's bilinear sampler.
pub trait SamplerKernel<E: Element>: Storage<E> {
    /// Overwrites `output` with samples of `image` at the points of the matrices' grids.
    ///
    /// # Errors
    /// If the device fails.
    fn sample(
        &self,
        shape: &SamplerShape,
        image: &Self::Vec,
        matrix: &Self::Vec,
        output: &mut Self::Vec,
    ) -> Result<(), Self::Err>;

    /// Writes the gradients of image and matrix, added to what is there where `adds` says so.
    ///
    /// # Errors
    /// If the device fails.
    fn sample_backward(
        &self,
        shape: &SamplerShape,
        image: &Self::Vec,
        matrix: &Self::Vec,
        output_gradient: &Self::Vec,
        image_gradient: (&mut Self::Vec, bool),
        matrix_gradient: (&mut Self::Vec, bool),
    ) -> Result<(), Self::Err>;
}

/// The paper's sampler: `size` x `size` values of each image at the points of its affine grid (equation 3),
/// interpolated bilinearly, with the nearest edge value outside; `matrix` is Θ as of
/// [`affine_matrix`](super::affine_matrix), from normalised result to normalised image coordinates.
///
/// On CPU in `f32` the values are those of `recist::image::sample`, bit for bit. Where a point lies outside,
/// the result does not change with it and its gradient is zero; at pixel centres, where the interpolation has
/// a kink, the gradient is that of the side to the right and below.
///
/// # Errors
/// If the device fails.
///
/// # Panics
/// If the images are not square, or there is not one row of six numbers an image.
pub fn sample<E: Element, D: Device<E>, T: Tape<E, D> + Merge<R>, R>(
    image: FeatureMap<E, D, T>,
    matrix: Matrix<E, D, R>,
    size: usize,
) -> Result<FeatureMap<E, D, T>, D::Err> {
    let (image, image_tape) = image.split_tape();
    let (matrix, matrix_tape) = matrix.split_tape();
    let mut tape = image_tape.merge(matrix_tape);
    let (images, height, width, channels) = super::shape_of(&image);
    assert_eq!(height, width, "the sampler's images are square");
    assert!(*matrix.shape() == (images, 6) && matrix.is_contiguous(), "one matrix an image");
    let shape = SamplerShape { images, source_size: height, size, channels };
    let device = image.device().clone();
    let mut buffer = Recycle::<E>::recycled(&device, images * size * size * channels)?;
    SamplerKernel::sample(&device, &shape, image.buffer(), matrix.buffer(), &mut buffer)?;
    let output = FeatureMap::from_buffer(&device, (images, size, size, channels), buffer);
    let output_ghost = output.ghost();
    tape.add_backward_op(move |gradients| {
        let Some(output_gradient) = gradients.take(&output_ghost) else {
            return Ok(());
        };
        let (image_ghost, matrix_ghost) = (image.ghost(), matrix.ghost());
        let Forming { buffer: mut image_gradient, adds: adds_image } = form(gradients, &image_ghost)?;
        let Forming { buffer: mut matrix_gradient, adds: adds_matrix } = form(gradients, &matrix_ghost)?;
        device.sample_backward(
            &shape,
            image.buffer(),
            matrix.buffer(),
            &output_gradient,
            (&mut image_gradient, adds_image),
            (&mut matrix_gradient, adds_matrix),
        )?;
        gradients.put(&image_ghost, image_gradient);
        gradients.put(&matrix_ghost, matrix_gradient);
        Ok(())
    });
    Ok(output.put_tape(tape))
}
