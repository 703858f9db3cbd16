//! Convolutions as matrix products over unfolded images.
//!
//! Unfolding lays the window of each output pixel in a row: channels are innermost, so a window row is one
//! copy. With stride 1 the input's gradient is itself a convolution, of the output's gradient with the kernel
//! turned by 180°; the same unfolded gradient serves the weight's gradient. With larger strides the window
//! gradients are folded back.

use std::ops::Range;

use dfdx::{
    open::Recycle,
    tensor::{Cpu, CpuError},
};
use rayon::prelude::*;

use super::{
    super::*,
    matrix_product::{View, parallel_product, product},
};

/// Elements of an unfolded block: what one task unfolds and multiplies while it is in the second level cache.
const TASK: usize = 1 << 17;

/// Elements of an unfolded block that several tasks read: about the third level cache.
const SHARED: usize = 1 << 21;

impl<E: Element> ConvolutionKernel<E> for Cpu {
    fn convolve(
        &self,
        shape: &ConvolutionShape,
        input: &Self::Vec,
        weight: &Self::Vec,
        bias: Option<&Self::Vec>,
        output: &mut Self::Vec,
    ) -> Result<(), CpuError> {
        let outputs = shape.convolution.output_channels;
        let taps = shape.convolution.kernel * shape.convolution.kernel;
        if let Some(bias) = bias {
            output.par_chunks_mut(TASK / outputs * outputs).for_each(|output| {
                for output in output.chunks_exact_mut(outputs) {
                    output.copy_from_slice(bias);
                }
            });
        }
        let mut packed: Self::Vec = self.recycled(weight.len())?;
        pack_by_tap(weight, outputs, shape.input_channels, taps, &mut packed);
        let packed = View::new(&packed, shape.window(), outputs);
        if shape.is_pointwise() {
            let pixels = View::new(input, shape.output_pixels(), shape.input_channels);
            parallel_product(pixels, packed, output, bias.is_some());
            return Ok(());
        }
        let windows = Windows::of_output(shape);
        let rows = windows.rows_in(TASK);
        output.par_chunks_mut(rows * outputs).enumerate().try_for_each(|(i, output)| {
            let count = output.len() / outputs;
            let mut unfolded: Self::Vec = self.recycled(count * windows.length())?;
            windows.unfold(input, i * rows..i * rows + count, &mut unfolded);
            let unfolded = View::new(&unfolded, count, windows.length());
            product(unfolded, packed, output, bias.is_some());
            Ok(())
        })
    }

    fn convolve_backward(
        &self,
        shape: &ConvolutionShape,
        input: &Self::Vec,
        weight: &Self::Vec,
        output_gradient: &Self::Vec,
        input_gradient: &mut Self::Vec,
        adds: bool,
        weight_gradient: &mut Self::Vec,
    ) -> Result<(), CpuError> {
        if shape.is_pointwise() {
            let (inputs, outputs) = (shape.input_channels, shape.convolution.output_channels);
            let pixels = View::new(input, shape.input_pixels(), inputs);
            let gradients = View::new(output_gradient, shape.input_pixels(), outputs);
            parallel_product(gradients, View::new(weight, outputs, inputs), input_gradient, adds);
            parallel_product(gradients.transposed(), pixels, weight_gradient, true);
            Ok(())
        } else if shape.convolution.stride == 1 {
            dense_backward(
                self,
                shape,
                input,
                weight,
                output_gradient,
                (input_gradient, adds),
                weight_gradient,
            )
        } else {
            strided_input_backward(self, shape, weight, output_gradient, input_gradient, adds)?;
            strided_weight_backward(self, shape, input, output_gradient, weight_gradient)
        }
    }

    fn bias_backward(
        &self,
        output_gradient: &Self::Vec,
        bias_gradient: &mut Self::Vec,
    ) -> Result<(), CpuError> {
        let channels = bias_gradient.len();
        let sums: Vec<Vec<E>> = output_gradient
            .par_chunks((TASK / 8).div_ceil(channels) * channels)
            .map(|gradients| {
                let mut sum = vec![E::zero(); channels];
                pulp::Arch::new().dispatch(|| {
                    for row in gradients.chunks_exact(channels) {
                        for (sum, &gradient) in sum.iter_mut().zip(row) {
                            *sum += gradient;
                        }
                    }
                });
                sum
            })
            .collect();
        for sum in sums {
            for (gradient, part) in bias_gradient.iter_mut().zip(sum) {
                *gradient += part;
            }
        }
        Ok(())
    }
}

/// Both gradients of a convolution with stride 1 from the unfolded gradient of the output.
fn dense_backward<E: Element>(
    device: &Cpu,
    shape: &ConvolutionShape,
    input: &[E],
    weight: &[E],
    output_gradient: &[E],
    (input_gradient, adds): (&mut [E], bool),
    weight_gradient: &mut [E],
) -> Result<(), CpuError> {
    let (inputs, outputs) = (shape.input_channels, shape.convolution.output_channels);
    let taps = shape.convolution.kernel * shape.convolution.kernel;
    let windows = Windows::of_turned_kernel(shape);
    let mut turned = device.recycled(weight.len())?;
    pack_turned(weight, outputs, inputs, taps, &mut turned);
    let turned = View::new(&turned, windows.length(), inputs);
    let mut by_window = device.recycled(weight.len())?;

    let task_rows = windows.rows_in(TASK);
    let shared_rows = windows.rows_in(SHARED).next_multiple_of(task_rows);
    let mut unfolded = device.recycled(shared_rows.min(shape.input_pixels()) * windows.length())?;
    for (block, input_gradient) in input_gradient.chunks_mut(shared_rows * inputs).enumerate() {
        let start = block * shared_rows;
        let rows = input_gradient.len() / inputs;
        let unfolded = &mut unfolded[..rows * windows.length()];
        input_gradient
            .par_chunks_mut(task_rows * inputs)
            .zip(unfolded.par_chunks_mut(task_rows * windows.length()))
            .enumerate()
            .for_each(|(i, (input_gradient, unfolded))| {
                let (first, count) = (start + i * task_rows, input_gradient.len() / inputs);
                windows.unfold(output_gradient, first..first + count, unfolded);
                product(View::new(unfolded, count, windows.length()), turned, input_gradient, adds);
            });
        let pixels = View::new(&input[start * inputs..(start + rows) * inputs], rows, inputs);
        parallel_product(
            pixels.transposed(),
            View::new(unfolded, rows, windows.length()),
            &mut by_window,
            block > 0,
        );
    }
    add_turned(&by_window, outputs, inputs, taps, weight_gradient);
    Ok(())
}

/// The input's gradient where windows do not lie one pixel apart: window gradients, folded back image by image.
fn strided_input_backward<E: Element>(
    device: &Cpu,
    shape: &ConvolutionShape,
    weight: &[E],
    output_gradient: &[E],
    input_gradient: &mut [E],
    adds: bool,
) -> Result<(), CpuError> {
    let (inputs, outputs) = (shape.input_channels, shape.convolution.output_channels);
    let taps = shape.convolution.kernel * shape.convolution.kernel;
    let windows = Windows::of_output(shape);
    let output_pixels = shape.output_size.0 * shape.output_size.1;
    let input_pixels = shape.input_size.0 * shape.input_size.1;
    let mut packed = device.recycled(weight.len())?;
    for (packed, weight) in
        packed.chunks_exact_mut(windows.length()).zip(weight.chunks_exact(windows.length()))
    {
        for (tap, packed) in packed.chunks_exact_mut(inputs).enumerate() {
            for (packed, weight) in packed.iter_mut().zip(weight.chunks_exact(taps)) {
                *packed = weight[tap];
            }
        }
    }
    let packed = View::new(&packed, outputs, windows.length());
    input_gradient
        .par_chunks_mut(input_pixels * inputs)
        .zip(output_gradient.par_chunks(output_pixels * outputs))
        .enumerate()
        .try_for_each(|(image, (input_gradient, output_gradient))| {
            if !adds {
                input_gradient.fill(E::zero());
            }
            let rows = windows.rows_in(TASK);
            let mut unfolded = device.recycled(rows.min(output_pixels) * windows.length())?;
            for (block, gradient) in output_gradient.chunks(rows * outputs).enumerate() {
                let count = gradient.len() / outputs;
                let unfolded = &mut unfolded[..count * windows.length()];
                product(View::new(gradient, count, outputs), packed, unfolded, false);
                let first = image * output_pixels + block * rows;
                windows.fold(unfolded, first..first + count, image * input_pixels, input_gradient);
            }
            Ok(())
        })
}

/// The weight's gradient from the unfolded input.
fn strided_weight_backward<E: Element>(
    device: &Cpu,
    shape: &ConvolutionShape,
    input: &[E],
    output_gradient: &[E],
    weight_gradient: &mut [E],
) -> Result<(), CpuError> {
    let (inputs, outputs) = (shape.input_channels, shape.convolution.output_channels);
    let taps = shape.convolution.kernel * shape.convolution.kernel;
    let windows = Windows::of_output(shape);
    let task_rows = windows.rows_in(TASK);
    let rows = windows.rows_in(SHARED).min(shape.output_pixels());
    let mut unfolded = device.recycled(rows * windows.length())?;
    let mut by_window = device.recycled(weight_gradient.len())?;
    for (block, gradient) in output_gradient.chunks(rows * outputs).enumerate() {
        let count = gradient.len() / outputs;
        let unfolded = &mut unfolded[..count * windows.length()];
        unfolded.par_chunks_mut(task_rows * windows.length()).enumerate().for_each(|(i, unfolded)| {
            let first = block * rows + i * task_rows;
            windows.unfold(input, first..first + unfolded.len() / windows.length(), unfolded);
        });
        parallel_product(
            View::new(gradient, count, outputs).transposed(),
            View::new(unfolded, count, windows.length()),
            &mut by_window,
            block > 0,
        );
    }
    for (gradient, by_window) in
        weight_gradient.chunks_exact_mut(windows.length()).zip(by_window.chunks_exact(windows.length()))
    {
        for (tap, by_window) in by_window.chunks_exact(inputs).enumerate() {
            for (gradient, &value) in gradient.chunks_exact_mut(taps).zip(by_window) {
                gradient[tap] += value;
            }
        }
    }
    Ok(())
}

/// The windows that a kernel sees of a source, one for each target pixel of all images.
#[derive(Clone, Copy, Debug)]
struct Windows {
    source_size: (usize, usize),
    channels: usize,
    target_size: (usize, usize),
    kernel: usize,
    stride: usize,
    padding: usize,
}

impl Windows {
    /// What each output pixel is made of.
    fn of_output(shape: &ConvolutionShape) -> Self {
        Self {
            source_size: shape.input_size,
            channels: shape.input_channels,
            target_size: shape.output_size,
            kernel: shape.convolution.kernel,
            stride: shape.convolution.stride,
            padding: shape.convolution.padding,
        }
    }

    /// With stride 1, the output gradients that each input pixel's gradient is made of: a convolution with the
    /// kernel turned by 180°.
    fn of_turned_kernel(shape: &ConvolutionShape) -> Self {
        Self {
            source_size: shape.output_size,
            channels: shape.convolution.output_channels,
            target_size: shape.input_size,
            kernel: shape.convolution.kernel,
            stride: 1,
            padding: shape.convolution.kernel - 1 - shape.convolution.padding,
        }
    }

    /// Elements of a window.
    fn length(&self) -> usize {
        self.kernel * self.kernel * self.channels
    }

    /// How many windows have about `elements`; at least as many rows as gemm needs to be fast.
    fn rows_in(&self, elements: usize) -> usize {
        (elements / self.length()).clamp(64, 4096)
    }

    /// For a target pixel and a row of the kernel: where the row's run begins in the source, which of its
    /// pixels lie inside.
    #[inline(always)]
    fn run(&self, target: usize, kernel_row: usize) -> Option<(usize, Range<usize>)> {
        let (height, width) = self.source_size;
        let (x, rest) = (target % self.target_size.1, target / self.target_size.1);
        let (y, image) = (rest % self.target_size.0, rest / self.target_size.0);
        let row = (y * self.stride + kernel_row).checked_sub(self.padding).filter(|&row| row < height)?;
        let left = x * self.stride;
        let first = self.padding.saturating_sub(left);
        let last = (width + self.padding).saturating_sub(left).min(self.kernel);
        (first < last).then(|| ((image * height + row) * width + left + first - self.padding, first..last))
    }

    /// Lays the windows of the target pixels `targets` in rows, zeros outside the source.
    fn unfold<E: Element>(&self, source: &[E], targets: Range<usize>, unfolded: &mut [E]) {
        let run_length = self.kernel * self.channels;
        for (target, window) in targets.zip(unfolded.chunks_exact_mut(self.length())) {
            for (kernel_row, row) in window.chunks_exact_mut(run_length).enumerate() {
                match self.run(target, kernel_row) {
                    None => row.fill(E::zero()),
                    Some((start, inside)) => {
                        let inside = inside.start * self.channels..inside.end * self.channels;
                        row[..inside.start].fill(E::zero());
                        row[inside.end..].fill(E::zero());
                        row[inside.clone()].copy_from_slice(&source[start * self.channels..][..inside.len()]);
                    }
                }
            }
        }
    }

    /// Adds the windows of `targets` back to the pixels of the source, which begins at pixel `origin`.
    fn fold<E: Element>(&self, unfolded: &[E], targets: Range<usize>, origin: usize, source: &mut [E]) {
        let run_length = self.kernel * self.channels;
        pulp::Arch::new().dispatch(|| {
            for (target, window) in targets.zip(unfolded.chunks_exact(self.length())) {
                for (kernel_row, row) in window.chunks_exact(run_length).enumerate() {
                    if let Some((start, inside)) = self.run(target, kernel_row) {
                        let inside = inside.start * self.channels..inside.end * self.channels;
                        let source = &mut source[(start - origin) * self.channels..][..inside.len()];
                        for (source, &value) in source.iter_mut().zip(&row[inside]) {
                            *source += value;
                        }
                    }
                }
            }
        });
    }
}

/// Output channels that are moved together when the order of a weight changes: a cache line of them.
const LANES: usize = 16;

/// From (output, input, tap) to (tap, input, output).
fn pack_by_tap<E: Element>(weight: &[E], outputs: usize, inputs: usize, taps: usize, packed: &mut [E]) {
    for first in (0..outputs).step_by(LANES) {
        let lanes = LANES.min(outputs - first);
        for input in 0..inputs {
            for tap in 0..taps {
                let target = &mut packed[(tap * inputs + input) * outputs + first..][..lanes];
                for (lane, target) in target.iter_mut().enumerate() {
                    *target = weight[((first + lane) * inputs + input) * taps + tap];
                }
            }
        }
    }
}

/// From (output, input, tap) to (tap turned by 180°, output, input).
fn pack_turned<E: Element>(weight: &[E], outputs: usize, inputs: usize, taps: usize, packed: &mut [E]) {
    for (output, weight) in weight.chunks_exact(inputs * taps).enumerate() {
        for tap in 0..taps {
            let target = &mut packed[((taps - 1 - tap) * outputs + output) * inputs..][..inputs];
            for (target, weight) in target.iter_mut().zip(weight.chunks_exact(taps)) {
                *target = weight[tap];
            }
        }
    }
}

/// Adds (input, tap turned by 180°, output) to (output, input, tap).
fn add_turned<E: Element>(by_window: &[E], outputs: usize, inputs: usize, taps: usize, gradient: &mut [E]) {
    for first in (0..outputs).step_by(LANES) {
        let lanes = LANES.min(outputs - first);
        for input in 0..inputs {
            for tap in 0..taps {
                let source = &by_window[(input * taps + taps - 1 - tap) * outputs + first..][..lanes];
                for (lane, &value) in source.iter().enumerate() {
                    gradient[((first + lane) * inputs + input) * taps + tap] += value;
                }
            }
        }
    }
}
