//! Convolutions as matrix products over unfolded images, some images at a time.

use std::ops::Range;

use cudarc::driver::{CudaSlice, CudaViewMut, DeviceRepr, DeviceSlice};
use dfdx::{
    open::Recycle,
    tensor::{Cuda, CudaError},
};

use super::{
    super::{ConvolutionKernel, ConvolutionShape},
    Buffer, Module, batch_norm, each, holds, index,
    matrix_product::{View, product},
    module,
};

module!("convolution": "unfold", "fold", "pack_weight", "add_packed", "fill_rows");

/// Elements of the unfolded images that are held at once: 256 MiB, a layer of `paper` for a dozen images.
const UNFOLDED: usize = 1 << 26;

/// As in `convolution.cu`.
#[repr(C)]
#[derive(Clone, Copy)]
struct Windows {
    source_height: u32,
    source_width: u32,
    channels: u32,
    target_height: u32,
    target_width: u32,
    kernel: u32,
    stride: u32,
    padding: u32,
}

// SAFETY: eight 32-bit numbers in C's layout, as the kernels declare them.
unsafe impl DeviceRepr for Windows {}

impl Windows {
    fn of(shape: &ConvolutionShape) -> Result<Self, CudaError> {
        Ok(Self {
            source_height: index(shape.input_size.0)?,
            source_width: index(shape.input_size.1)?,
            channels: index(shape.input_channels)?,
            target_height: index(shape.output_size.0)?,
            target_width: index(shape.output_size.1)?,
            kernel: index(shape.convolution.kernel)?,
            stride: index(shape.convolution.stride)?,
            padding: index(shape.convolution.padding)?,
        })
    }
}

impl ConvolutionKernel<f32> for Cuda {
    fn convolve(
        &self,
        shape: &ConvolutionShape,
        input: &Buffer,
        weight: &Buffer,
        bias: Option<&Buffer>,
        output: &mut Buffer,
    ) -> Result<(), CudaError> {
        let (outputs, window) = sides(shape, input, weight, output);
        if let Some(bias) = bias {
            holds(bias, outputs, "bias of a convolution");
            fill_rows(self, bias, output)?;
        }
        if shape.is_pointwise() {
            let weight = View::new(weight, outputs, window).transposed();
            return product(
                self,
                View::new(input, shape.input_pixels(), window),
                weight,
                output,
                bias.is_some(),
            );
        }
        let packed = packed(self, shape, weight)?;
        by_chunks(self, shape, |windows, pixels, mut unfolded| {
            unfold(self, windows, input, pixels.start, &mut unfolded)?;
            let mut output = output.slice_mut(pixels.start * outputs..pixels.end * outputs);
            let weight = View::new(&packed, outputs, window).transposed();
            product(self, View::new(&unfolded, pixels.len(), window), weight, &mut output, bias.is_some())
        })
    }

    fn convolve_backward(
        &self,
        shape: &ConvolutionShape,
        input: &Buffer,
        weight: &Buffer,
        output_gradient: &Buffer,
        input_gradient: &mut Buffer,
        adds: bool,
        weight_gradient: &mut Buffer,
    ) -> Result<(), CudaError> {
        let (outputs, window) = sides(shape, input, weight, output_gradient);
        holds(input_gradient, input.len(), "gradient of a convolution's input");
        holds(weight_gradient, weight.len(), "gradient of a convolution's weight");
        if shape.is_pointwise() {
            let pixels = shape.input_pixels();
            let gradients = || View::new(output_gradient, pixels, outputs);
            product(self, gradients(), View::new(weight, outputs, window), input_gradient, adds)?;
            let input = View::new(input, pixels, window);
            return product(self, gradients().transposed(), input, weight_gradient, true);
        }
        let packed = packed(self, shape, weight)?;
        let mut by_window = Recycle::<f32>::recycled(self, weight.len())?;
        by_chunks(self, shape, |windows, pixels, mut unfolded| {
            let gradient = output_gradient.slice(pixels.start * outputs..pixels.end * outputs);
            let gradients = || View::new(&gradient, pixels.len(), outputs);
            unfold(self, windows, input, pixels.start, &mut unfolded)?;
            let rows = View::new(&unfolded, pixels.len(), window);
            product(self, gradients().transposed(), rows, &mut by_window, pixels.start > 0)?;
            product(self, gradients(), View::new(&packed, outputs, window), &mut unfolded, false)?;
            fold(self, shape, windows, pixels, &mut unfolded, input_gradient, adds)
        })?;
        let (inputs, taps) = (index(shape.input_channels)?, index(window / shape.input_channels)?);
        let count = index(weight.len())?;
        // SAFETY: a thread an element of both buffers, which are as long as the weight.
        unsafe {
            MODULE.launch(self, "add_packed", each(count), (&by_window, weight_gradient, inputs, taps, count))
        }
    }

    fn bias_backward(&self, output_gradient: &Buffer, bias_gradient: &mut Buffer) -> Result<(), CudaError> {
        batch_norm::add_channel_sums(self, output_gradient, bias_gradient)
    }
}

/// The sides of the weight, output channels and elements of a window, of a convolution whose buffers have its shape.
fn sides(shape: &ConvolutionShape, input: &Buffer, weight: &Buffer, output: &Buffer) -> (usize, usize) {
    let (outputs, window) = (shape.convolution.output_channels, shape.window());
    holds(input, shape.input_pixels() * shape.input_channels, "input of a convolution");
    holds(weight, outputs * window, "weight of a convolution");
    holds(output, shape.output_pixels() * outputs, "result of a convolution");
    (outputs, window)
}

/// Overwrites every row of `rows` with `row`.
pub(super) fn fill_rows(device: &Cuda, row: &Buffer, rows: &mut Buffer) -> Result<(), CudaError> {
    assert!(
        row.len() > 0 && rows.len().is_multiple_of(row.len()),
        "rows of {} in {} elements",
        row.len(),
        rows.len()
    );
    let (length, count) = (index(row.len())?, index(rows.len())?);
    // SAFETY: a thread an element of `rows`, whose place in its row is below `length`.
    unsafe { MODULE.launch(device, "fill_rows", each(count), (row, rows, length, count)) }
}

/// The weight in the order of an unfolded window: output, tap, input.
fn packed(device: &Cuda, shape: &ConvolutionShape, weight: &Buffer) -> Result<Buffer, CudaError> {
    let mut packed = Recycle::<f32>::recycled(device, weight.len())?;
    let (inputs, count) = (index(shape.input_channels)?, index(weight.len())?);
    let taps = index(shape.window() / shape.input_channels)?;
    // SAFETY: a thread an element of both buffers, which are equally long.
    unsafe {
        MODULE.launch(device, "pack_weight", each(count), (weight, &mut packed, inputs, taps, count))?;
    }
    Ok(packed)
}

/// Does `work` for some whole images after the others: their output pixels, and room for the windows of these.
fn by_chunks(
    device: &Cuda,
    shape: &ConvolutionShape,
    mut work: impl FnMut(Windows, Range<usize>, CudaViewMut<'_, f32>) -> Result<(), CudaError>,
) -> Result<(), CudaError> {
    let windows = Windows::of(shape)?;
    let pixels = shape.output_size.0 * shape.output_size.1;
    let images = (UNFOLDED / (pixels * shape.window())).clamp(1, shape.images);
    let mut scratch = device.scratch(images * pixels * shape.window() * size_of::<f32>())?;
    for first in (0..shape.images).step_by(images) {
        let pixels = first * pixels..(first + images).min(shape.images) * pixels;
        let elements = pixels.len() * shape.window();
        // SAFETY: every bit pattern is valid for a float.
        let unfolded = unsafe { CudaSlice::transmute_mut::<f32>(&mut scratch, elements) };
        work(windows, pixels, unfolded.expect("the scratch memory holds a chunk"))?;
    }
    Ok(())
}

fn unfold(
    device: &Cuda,
    windows: Windows,
    source: &Buffer,
    first: usize,
    unfolded: &mut CudaViewMut<'_, f32>,
) -> Result<(), CudaError> {
    let (first, count) = (index(first)?, index(unfolded.len())?);
    // SAFETY: a thread an element of `unfolded`; the kernel reads the source at pixels within an image only, and
    // the windows are those of images of the source.
    unsafe { MODULE.launch(device, "unfold", each(count), (windows, source, unfolded, first, count)) }
}

/// Folds the windows of whole images, whose output pixels are `pixels`, back into the gradients of their inputs.
fn fold(
    device: &Cuda,
    shape: &ConvolutionShape,
    windows: Windows,
    pixels: Range<usize>,
    unfolded: &mut CudaViewMut<'_, f32>,
    input_gradient: &mut Buffer,
    adds: bool,
) -> Result<(), CudaError> {
    let (input, output) =
        (shape.input_size.0 * shape.input_size.1, shape.output_size.0 * shape.output_size.1);
    let first_source = index(pixels.start / output * input)?;
    let count = index(pixels.len() / output * input * shape.input_channels)?;
    let first_target = index(pixels.start)?;
    let parameters = (windows, unfolded, input_gradient, first_source, first_target, count, adds);
    // SAFETY: a thread an input element of these images; it reads the windows of output pixels of its image, which
    // begin at `first_target` in `unfolded`.
    unsafe { MODULE.launch(device, "fold", each(count), parameters) }
}
