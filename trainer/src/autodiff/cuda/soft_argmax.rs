use cudarc::driver::{DeviceRepr, LaunchConfig};
use dfdx::tensor::{Cuda, CudaError};

use super::{super::SoftArgmaxKernel, Buffer, Module, blocks, index, module};

module!("soft_argmax": "soft_argmax", "soft_argmax_backward");

/// Threads of a block, as in `soft_argmax.cu`.
const THREADS: u32 = 128;

/// As in `soft_argmax.cu`.
#[repr(C)]
#[derive(Clone, Copy)]
struct Heatmaps {
    height: u32,
    width: u32,
    channels: u32,
}

// SAFETY: three 32-bit numbers in C's layout, as the kernels declare them.
unsafe impl DeviceRepr for Heatmaps {}

/// The heatmaps of each image, and a block for each heatmap.
fn heatmaps(
    (images, height, width, channels): (usize, usize, usize, usize),
) -> Result<(Heatmaps, LaunchConfig), CudaError> {
    let heatmaps = Heatmaps { height: index(height)?, width: index(width)?, channels: index(channels)? };
    Ok((heatmaps, blocks((index(images * channels)?, 1), (THREADS, 1))))
}

impl SoftArgmaxKernel<f32> for Cuda {
    fn soft_argmax(
        &self,
        shape: (usize, usize, usize, usize),
        sharpness: f32,
        values: &Buffer,
        output: &mut Buffer,
    ) -> Result<(), CudaError> {
        let (heatmaps, grid) = heatmaps(shape)?;
        // SAFETY: a block a heatmap, which reads its own pixels and writes its two numbers.
        unsafe { MODULE.launch(self, "soft_argmax", grid, (heatmaps, sharpness, values, output)) }
    }

    fn soft_argmax_backward(
        &self,
        shape: (usize, usize, usize, usize),
        sharpness: f32,
        values: &Buffer,
        output: &Buffer,
        output_gradient: &Buffer,
        heatmap_gradient: &mut Buffer,
        adds: bool,
    ) -> Result<(), CudaError> {
        let (heatmaps, grid) = heatmaps(shape)?;
        let parameters = (heatmaps, sharpness, values, output, output_gradient, heatmap_gradient, adds);
        // SAFETY: a block a heatmap, which reads its own pixels and numbers and writes its own gradients.
        unsafe { MODULE.launch(self, "soft_argmax_backward", grid, parameters) }
    }
}
