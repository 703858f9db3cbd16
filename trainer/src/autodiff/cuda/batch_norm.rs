//! Batch normalisation, and the other sums over channels.

use cudarc::driver::{DevicePtr, DeviceRepr, DeviceSlice, LaunchConfig, sys::CUdeviceptr};
use dfdx::{
    open::Recycle,
    tensor::{Cuda, CudaError},
};

use super::{
    super::{
        Activation, BATCH_NORM_EPSILON, BATCH_NORM_MOMENTUM, BatchNormKernel, BatchStatistics,
        batch_norm::ParameterGradients,
    },
    Buffer, Module, blocks, each, holds, index, module,
};

module!("batch_norm": "sum_differences", "batch_statistics", "invert_deviation", "normalise", "sum_gradients",
    "parameter_gradients", "normalise_backward", "sum_channels", "add_sums");

/// Threads of a block that sums columns, as in `channel_sums.cuh`.
const COLUMNS: u32 = 32;
const LANES: u32 = 8;

/// How the sums over the rows of a matrix are cut.
struct Sums {
    rows: u32,
    channels: u32,
    block_rows: u32,
    blocks: u32,
}

impl Sums {
    /// About a thousand blocks, each of at least 64 rows.
    fn of(values: &Buffer, channels: usize) -> Result<Self, CudaError> {
        assert!(
            channels > 0 && values.len().is_multiple_of(channels),
            "{} values of {channels} channels",
            values.len()
        );
        let (rows, channels) = (index(values.len() / channels)?, index(channels)?);
        let wanted = (1024 / channels.div_ceil(COLUMNS)).clamp(1, 256);
        let block_rows = rows.div_ceil(wanted).max(64);
        Ok(Self { rows, channels, block_rows, blocks: rows.div_ceil(block_rows) })
    }

    /// Room for two sums of every block and channel.
    fn partial(&self, device: &Cuda) -> Result<Buffer, CudaError> {
        Recycle::<f32>::recycled(device, 2 * self.blocks as usize * self.channels as usize)
    }

    fn summing(&self) -> LaunchConfig {
        blocks((self.channels.div_ceil(COLUMNS), self.blocks), (COLUMNS, LANES))
    }

    fn merging(&self) -> LaunchConfig {
        blocks((self.channels.div_ceil(COLUMNS), 1), (COLUMNS, LANES))
    }
}

/// As in `batch_norm.cu`.
#[repr(C)]
#[derive(Clone, Copy)]
struct Channel {
    mean: CUdeviceptr,
    inverse_deviation: CUdeviceptr,
    scale: CUdeviceptr,
    shift: CUdeviceptr,
}

// SAFETY: four device pointers in C's layout, as the kernels declare them.
unsafe impl DeviceRepr for Channel {}

impl Channel {
    /// Whoever launches with it holds the buffers until then; what frees them later runs behind the kernel.
    fn of(statistics: &BatchStatistics<Buffer>, scale: &Buffer, shift: &Buffer) -> Self {
        holds(&statistics.mean, scale.len(), "means of a batch norm");
        holds(&statistics.inverse_deviation, scale.len(), "deviations of a batch norm");
        holds(shift, scale.len(), "shift of a batch norm");
        let [mean, inverse_deviation, scale, shift] =
            [&statistics.mean, &statistics.inverse_deviation, scale, shift]
                .map(|buffer| *buffer.device_ptr());
        Self { mean, inverse_deviation, scale, shift }
    }
}

impl BatchNormKernel<f32> for Cuda {
    fn batch_statistics(
        &self,
        input: &Buffer,
        running_mean: &mut Buffer,
        running_variance: &mut Buffer,
    ) -> Result<BatchStatistics<Buffer>, CudaError> {
        let sums = Sums::of(input, running_mean.len())?;
        holds(running_variance, running_mean.len(), "running variances of a batch norm");
        let Sums { rows, channels, block_rows, blocks } = sums;
        let mut partial = sums.partial(self)?;
        let mut mean = Recycle::<f32>::recycled(self, running_mean.len())?;
        let mut inverse_deviation = Recycle::<f32>::recycled(self, running_mean.len())?;
        let parameters = (input, rows, channels, block_rows, &mut partial);
        // SAFETY: `input` has `rows` rows of `channels`, `partial` two sums a block and channel.
        unsafe { MODULE.launch(self, "sum_differences", sums.summing(), parameters)? };
        let merged = (
            &partial,
            blocks,
            input,
            rows,
            channels,
            BATCH_NORM_EPSILON,
            BATCH_NORM_MOMENTUM,
            &mut mean,
            &mut inverse_deviation,
            running_mean,
            running_variance,
        );
        // SAFETY: as above; the others have an element a channel.
        unsafe { MODULE.launch(self, "batch_statistics", sums.merging(), merged)? };
        Ok(BatchStatistics { mean, inverse_deviation })
    }

    fn fixed_statistics(
        &self,
        running_mean: &Buffer,
        running_variance: &Buffer,
    ) -> Result<BatchStatistics<Buffer>, CudaError> {
        holds(running_mean, running_variance.len(), "running means of a batch norm");
        let mut inverse_deviation = Recycle::<f32>::recycled(self, running_variance.len())?;
        let count = index(running_variance.len())?;
        let parameters = (running_variance, &mut inverse_deviation, BATCH_NORM_EPSILON, count);
        // SAFETY: a thread an element of both, which are equally long.
        unsafe { MODULE.launch(self, "invert_deviation", each(count), parameters)? };
        Ok(BatchStatistics { mean: Recycle::<f32>::copied(self, running_mean)?, inverse_deviation })
    }

    fn normalise(
        &self,
        input: &Buffer,
        statistics: &BatchStatistics<Buffer>,
        scale: &Buffer,
        shift: &Buffer,
        activation: Activation,
        output: &mut Buffer,
    ) -> Result<(), CudaError> {
        let Sums { channels, .. } = Sums::of(input, scale.len())?;
        holds(output, input.len(), "result of a batch norm");
        let count = index(input.len())?;
        let rectifies = activation == Activation::Relu;
        let of = Channel::of(statistics, scale, shift);
        // SAFETY: a thread an element of input and output, which are equally long; a number a channel elsewhere.
        unsafe {
            MODULE.launch(self, "normalise", each(count), (of, input, channels, rectifies, output, count))
        }
    }

    fn normalise_backward(
        &self,
        input: &Buffer,
        statistics: &BatchStatistics<Buffer>,
        scale: &Buffer,
        shift: &Buffer,
        activation: Activation,
        output_gradient: &Buffer,
        input_gradient: &mut Buffer,
        adds: bool,
    ) -> Result<ParameterGradients<Buffer>, CudaError> {
        let rectifies = activation == Activation::Relu;
        let of = Channel::of(statistics, scale, shift);
        let sums = Sums::of(input, scale.len())?;
        holds(output_gradient, input.len(), "gradient of a batch norm's result");
        holds(input_gradient, input.len(), "gradient of a batch norm's input");
        let Sums { rows, channels, block_rows, blocks } = sums;
        let mut partial = sums.partial(self)?;
        let mut parameters = ParameterGradients {
            scale: Recycle::<f32>::recycled(self, scale.len())?,
            shift: Recycle::<f32>::recycled(self, scale.len())?,
        };
        let mut slope_and_level = Recycle::<f32>::recycled(self, 2 * scale.len())?;
        let summed = (of, input, output_gradient, rows, channels, rectifies, block_rows, &mut partial);
        // SAFETY: both have `rows` rows of `channels`, `partial` two sums a block and channel.
        unsafe { MODULE.launch(self, "sum_gradients", sums.summing(), summed)? };
        let merged = (
            of,
            &partial,
            blocks,
            rows,
            channels,
            &mut parameters.scale,
            &mut parameters.shift,
            &mut slope_and_level,
        );
        // SAFETY: as above; the results have an element a channel, the last one two.
        unsafe { MODULE.launch(self, "parameter_gradients", sums.merging(), merged)? };
        let count = index(input.len())?;
        let given =
            (of, &slope_and_level, input, output_gradient, channels, rectifies, input_gradient, adds, count);
        // SAFETY: a thread an element of the three maps, which are equally long.
        unsafe { MODULE.launch(self, "normalise_backward", each(count), given)? };
        Ok(parameters)
    }
}

/// Adds the sums of the channels of `values` to `sums`, one number a channel.
pub(super) fn add_channel_sums(device: &Cuda, values: &Buffer, sums: &mut Buffer) -> Result<(), CudaError> {
    let cut = Sums::of(values, sums.len())?;
    let Sums { rows, channels, block_rows, blocks } = cut;
    let mut partial = cut.partial(device)?;
    let summed = (values, rows, channels, block_rows, &mut partial);
    // SAFETY: `values` has `rows` rows of `channels`, `partial` two sums a block and channel.
    unsafe { MODULE.launch(device, "sum_channels", cut.summing(), summed)? };
    // SAFETY: as above, and `sums` has an element a channel.
    unsafe { MODULE.launch(device, "add_sums", cut.merging(), (&partial, blocks, channels, sums)) }
}
