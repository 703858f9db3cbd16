use dfdx::tensor::{PutTape, SplitTape, Storage, Tape};

use super::{
    Device, Element, FeatureMap,
    gradient::{Forming, form},
};

/// The largest value of each window, as PyTorch's `max_pool2d`: windows are cut off at the edge, `NaN` is
/// larger than any number, and the gradient goes to the first maximum of a window alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MaxPool {
    /// Rows and columns of a window.
    pub kernel: usize,
    /// Step between windows.
    pub stride: usize,
    /// How far the first window reaches over the edge, at most half a window.
    pub padding: usize,
}

/// A pooling of an input of known shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MaxPoolShape {
    /// The number of images.
    pub images: usize,
    /// Rows and columns of the input.
    pub input_size: (usize, usize),
    /// Rows and columns of the result.
    pub output_size: (usize, usize),
    /// Channels of both.
    pub channels: usize,
    /// The rest.
    pub pool: MaxPool,
}

impl MaxPoolShape {
    /// # Panics
    /// If the stride is 0, the padding more than half a window, or the input smaller than a window.
    #[must_use]
    pub fn new(input: (usize, usize, usize, usize), pool: MaxPool) -> Self {
        let (images, height, width, channels) = input;
        let size = |input: usize| {
            assert!(
                pool.stride > 0 && pool.padding * 2 <= pool.kernel && input + 2 * pool.padding >= pool.kernel,
                "{pool:?} does not fit {input} pixels"
            );
            (input + 2 * pool.padding - pool.kernel) / pool.stride + 1
        };
        Self { images, input_size: (height, width), output_size: (size(height), size(width)), channels, pool }
    }

    /// The result's shape.
    #[must_use]
    pub fn output(&self) -> (usize, usize, usize, usize) {
        (self.images, self.output_size.0, self.output_size.1, self.channels)
    }
}

/// A device's maximum pooling.
pub trait MaxPoolKernel<E: Element>: Storage<E> {
    /// Overwrites `output` with the maxima.
    ///
    /// # Errors
    /// If the device fails.
    fn max_pool(
        &self,
        shape: &MaxPoolShape,
        input: &Self::Vec,
        output: &mut Self::Vec,
    ) -> Result<(), Self::Err>;

    /// Writes the input's gradient, added to what is there if `adds`.
    ///
    /// # Errors
    /// If the device fails.
    fn max_pool_backward(
        &self,
        shape: &MaxPoolShape,
        input: &Self::Vec,
        output_gradient: &Self::Vec,
        input_gradient: &mut Self::Vec,
        adds: bool,
    ) -> Result<(), Self::Err>;
}

/// Pools every channel.
///
/// # Errors
/// If the device fails.
///
/// # Panics
/// If the pooling does not fit the input.
pub fn max_pool<E: Element, D: Device<E>, T: Tape<E, D>>(
    input: FeatureMap<E, D, T>,
    pool: MaxPool,
) -> Result<FeatureMap<E, D, T>, D::Err> {
    let (input, mut tape) = input.split_tape();
    let shape = MaxPoolShape::new(super::shape_of(&input), pool);
    let device = input.device().clone();
    let (images, height, width, channels) = shape.output();
    let mut buffer = device.recycled(images * height * width * channels)?;
    device.max_pool(&shape, input.buffer(), &mut buffer)?;
    let output = FeatureMap::from_buffer(&device, shape.output(), buffer);
    let output_ghost = output.ghost();
    tape.add_backward_op(move |gradients| {
        let Some(output_gradient) = gradients.take(&output_ghost) else {
            return Ok(());
        };
        let input_ghost = input.ghost();
        let Forming { mut buffer, adds } = form(gradients, &input_ghost)?;
        device.max_pool_backward(&shape, input.buffer(), &output_gradient, &mut buffer, adds)?;
        gradients.put(&input_ghost, buffer);
        Ok(())
    });
    Ok(output.put_tape(tape))
}
