//! Copies between layouts: upsampling, flattening.

use cudarc::driver::DeviceSlice;
use dfdx::tensor::{Cuda, CudaError};

use super::{
    super::{FlattenKernel, UpsampleKernel},
    Buffer, Module, each, holds, index, module,
};

module!("rearrange": "upsample", "upsample_backward", "transpose");

impl UpsampleKernel<f32> for Cuda {
    fn upsample(
        &self,
        (images, height, width, channels): (usize, usize, usize, usize),
        input: &Buffer,
        output: &mut Buffer,
    ) -> Result<(), CudaError> {
        holds(input, images * height * width * channels, "pixels to write four times");
        holds(output, 4 * input.len(), "pixels that have been written four times");
        let (width, channels, count) = (index(width)?, index(channels)?, index(output.len())?);
        // SAFETY: a thread an element of the output, which reads the pixel of half its row and column.
        unsafe { MODULE.launch(self, "upsample", each(count), (input, output, width, channels, count)) }
    }

    fn upsample_backward(
        &self,
        (images, height, width, channels): (usize, usize, usize, usize),
        output_gradient: &Buffer,
        input_gradient: &mut Buffer,
        adds: bool,
    ) -> Result<(), CudaError> {
        holds(
            input_gradient,
            images * height * width * channels,
            "gradient of pixels that are written four times",
        );
        holds(output_gradient, 4 * input_gradient.len(), "gradient of what is written four times");
        let (width, channels, count) = (index(width)?, index(channels)?, index(input_gradient.len())?);
        let parameters = (output_gradient, input_gradient, width, channels, adds, count);
        // SAFETY: a thread an element of the input's gradient, which reads its four copies.
        unsafe { MODULE.launch(self, "upsample_backward", each(count), parameters) }
    }
}

impl FlattenKernel<f32> for Cuda {
    fn channels_first(
        &self,
        (_, height, width, channels): (usize, usize, usize, usize),
        input: &Buffer,
        output: &mut Buffer,
    ) -> Result<(), CudaError> {
        transpose(self, height * width, channels, input, output)
    }

    fn channels_last(
        &self,
        (_, height, width, channels): (usize, usize, usize, usize),
        input: &Buffer,
        output: &mut Buffer,
    ) -> Result<(), CudaError> {
        transpose(self, channels, height * width, input, output)
    }
}

/// Transposes every block of `rows` x `columns`.
fn transpose(
    device: &Cuda,
    rows: usize,
    columns: usize,
    input: &Buffer,
    output: &mut Buffer,
) -> Result<(), CudaError> {
    assert!(rows * columns > 0 && input.len().is_multiple_of(rows * columns), "blocks of {rows} x {columns}");
    holds(output, input.len(), "the other order of a map");
    let (rows, columns, count) = (index(rows)?, index(columns)?, index(output.len())?);
    // SAFETY: a thread an element of the output, which reads an element of the same block.
    unsafe { MODULE.launch(device, "transpose", each(count), (input, output, rows, columns, count)) }
}
