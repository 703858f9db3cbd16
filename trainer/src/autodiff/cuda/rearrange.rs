//! Copies between layouts: upsampling, flattening, blocks of channels.

use cudarc::driver::DeviceSlice;
use dfdx::tensor::{Cuda, CudaError};

use super::{
    super::{ChannelsKernel, FlattenKernel, UpsampleKernel},
    Buffer, Module, each, index, module,
};

module!("rearrange": "upsample", "upsample_backward", "transpose", "copy_channels");

impl UpsampleKernel<f32> for Cuda {
    fn upsample(
        &self,
        (_, _, width, channels): (usize, usize, usize, usize),
        input: &Buffer,
        output: &mut Buffer,
    ) -> Result<(), CudaError> {
        assert_eq!(output.len(), 4 * input.len(), "every pixel is written four times");
        let (width, channels, count) = (index(width)?, index(channels)?, index(output.len())?);
        // SAFETY: a thread an element of the output, which reads the pixel of half its row and column.
        unsafe { MODULE.launch(self, "upsample", each(count), (input, output, width, channels, count)) }
    }

    fn upsample_backward(
        &self,
        (_, _, width, channels): (usize, usize, usize, usize),
        output_gradient: &Buffer,
        input_gradient: &mut Buffer,
        adds: bool,
    ) -> Result<(), CudaError> {
        assert_eq!(output_gradient.len(), 4 * input_gradient.len(), "every pixel is written four times");
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
    assert_eq!(input.len(), output.len(), "both orders of a map");
    let (rows, columns, count) = (index(rows)?, index(columns)?, index(output.len())?);
    // SAFETY: a thread an element of the output, which reads an element of the same block.
    unsafe { MODULE.launch(device, "transpose", each(count), (input, output, rows, columns, count)) }
}

impl ChannelsKernel<f32> for Cuda {
    fn copy_channels(
        &self,
        columns: usize,
        source: &Buffer,
        (from, source_channels): (usize, usize),
        target: &mut Buffer,
        (to, target_channels): (usize, usize),
    ) -> Result<(), CudaError> {
        let rows = target.len() / target_channels;
        assert!(
            source.len() == rows * source_channels
                && from + columns <= source_channels
                && to + columns <= target_channels,
            "{columns} channels from {from} of {source_channels} to {to} of {target_channels}"
        );
        let count = index(rows * columns)?;
        let [from, source_channels] = [index(from)?, index(source_channels)?];
        let [to, target_channels, columns] = [index(to)?, index(target_channels)?, index(columns)?];
        let parameters = (source, from, source_channels, target, to, target_channels, columns, count);
        // SAFETY: a thread an element that is copied; rows and columns lie within both, as asserted.
        unsafe { MODULE.launch(self, "copy_channels", each(count), parameters) }
    }
}
