use dfdx::tensor::{PutTape, SplitTape, Storage, Tape};

use super::{
    Device, Element, FeatureMap, Vector,
    gradient::{Forming, form},
};

/// A two-dimensional convolution (cross-correlation, as PyTorch's `conv2d`) with a square kernel, one stride
/// and zero padding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Convolution {
    /// Channels of the result.
    pub output_channels: usize,
    /// Rows and columns of the kernel.
    pub kernel: usize,
    /// Step between the pixels that the kernel is laid on.
    pub stride: usize,
    /// Zeros round the input, less than `kernel`.
    pub padding: usize,
}

/// A convolution on an input of known shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConvolutionShape {
    /// The number of images.
    pub images: usize,
    /// Rows and columns of the input.
    pub input_size: (usize, usize),
    /// Channels of the input.
    pub input_channels: usize,
    /// Rows and columns of the result.
    pub output_size: (usize, usize),
    /// The rest.
    pub convolution: Convolution,
}

impl ConvolutionShape {
    /// # Panics
    /// If the stride is 0, the padding is not less than the kernel, or the input is smaller than the kernel.
    #[must_use]
    pub fn new(input: (usize, usize, usize, usize), convolution: Convolution) -> Self {
        let (images, height, width, input_channels) = input;
        let Convolution { kernel, stride, padding, .. } = convolution;
        let size = |input: usize| {
            assert!(
                stride > 0 && padding < kernel && input + 2 * padding >= kernel,
                "{convolution:?} does not fit {input} pixels"
            );
            (input + 2 * padding - kernel) / stride + 1
        };
        Self {
            images,
            input_size: (height, width),
            input_channels,
            output_size: (size(height), size(width)),
            convolution,
        }
    }

    /// The result's shape.
    #[must_use]
    pub fn output(&self) -> (usize, usize, usize, usize) {
        let (height, width) = self.output_size;
        (self.images, height, width, self.convolution.output_channels)
    }

    /// Pixels of all images in the result: the rows of the matrix product.
    #[must_use]
    pub fn output_pixels(&self) -> usize {
        self.images * self.output_size.0 * self.output_size.1
    }

    /// Pixels of all images in the input.
    #[must_use]
    pub fn input_pixels(&self) -> usize {
        self.images * self.input_size.0 * self.input_size.1
    }

    /// Weights of one output channel.
    #[must_use]
    pub fn window(&self) -> usize {
        self.convolution.kernel * self.convolution.kernel * self.input_channels
    }

    /// Whether each output pixel is made of the one input pixel at its place.
    #[must_use]
    pub fn is_pointwise(&self) -> bool {
        self.convolution.kernel == 1 && self.convolution.stride == 1
    }
}

/// A device's convolution.
pub trait ConvolutionKernel<E: Element>: Storage<E> {
    /// Overwrites `output` with the convolution of `input`; `weight` in the order output channel, input
    /// channel, row, column.
    ///
    /// # Errors
    /// If the device fails.
    fn convolve(
        &self,
        shape: &ConvolutionShape,
        input: &Self::Vec,
        weight: &Self::Vec,
        bias: Option<&Self::Vec>,
        output: &mut Self::Vec,
    ) -> Result<(), Self::Err>;

    /// Writes the input's gradient, added to what is there if `adds`, and adds to the parameters' gradients.
    ///
    /// # Errors
    /// If the device fails.
    #[allow(clippy::too_many_arguments, reason = "three values and their gradients")]
    fn convolve_backward(
        &self,
        shape: &ConvolutionShape,
        input: &Self::Vec,
        weight: &Self::Vec,
        output_gradient: &Self::Vec,
        input_gradient: &mut Self::Vec,
        adds: bool,
        weight_gradient: &mut Self::Vec,
    ) -> Result<(), Self::Err>;

    /// Adds the sums of the channels' gradients to the gradient of a bias.
    ///
    /// # Errors
    /// If the device fails.
    fn bias_backward(
        &self,
        output_gradient: &Self::Vec,
        bias_gradient: &mut Self::Vec,
    ) -> Result<(), Self::Err>;
}

/// Convolves `input` with a weight of `output_channels * input_channels * kernel * kernel` elements.
///
/// # Errors
/// If the device fails.
///
/// # Panics
/// If the shapes do not fit each other.
pub fn convolution<E: Element, D: Device<E>, T: Tape<E, D>>(
    input: FeatureMap<E, D, T>,
    weight: &Vector<E, D>,
    bias: Option<&Vector<E, D>>,
    convolution: Convolution,
) -> Result<FeatureMap<E, D, T>, D::Err> {
    let (input, mut tape) = input.split_tape();
    let shape = ConvolutionShape::new(super::shape_of(&input), convolution);
    assert_eq!(super::length_of(weight), shape.window() * convolution.output_channels, "weight of {shape:?}");
    if let Some(bias) = bias {
        assert_eq!(super::length_of(bias), convolution.output_channels, "bias of {shape:?}");
    }
    let device = input.device().clone();
    let (height, width) = shape.output_size;
    let mut buffer = device.recycled(shape.output_pixels() * convolution.output_channels)?;
    device.convolve(&shape, input.buffer(), weight.buffer(), bias.map(|b| b.buffer()), &mut buffer)?;
    let output =
        FeatureMap::from_buffer(&device, (shape.images, height, width, convolution.output_channels), buffer);
    let output_ghost = output.ghost();
    let weight = weight.clone();
    let bias = bias.map(|b| b.ghost());
    tape.add_backward_op(move |gradients| {
        let Some(output_gradient) = gradients.take(&output_ghost) else {
            return Ok(());
        };
        if let Some(bias) = bias {
            device.bias_backward(&output_gradient, gradients.of(&bias)?)?;
        }
        let input_ghost = input.ghost();
        let Forming { mut buffer, adds } = form(gradients, &input_ghost)?;
        let weight_gradient = gradients.of(&weight.ghost())?;
        device.convolve_backward(
            &shape,
            input.buffer(),
            weight.buffer(),
            &output_gradient,
            &mut buffer,
            adds,
            weight_gradient,
        )?;
        gradients.put(&input_ghost, buffer);
        Ok(())
    });
    Ok(output.put_tape(tape))
}
