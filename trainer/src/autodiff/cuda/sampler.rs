use cudarc::driver::{DeviceRepr, DeviceSlice};
use dfdx::tensor::{Cuda, CudaError};

use super::{
    super::{SamplerKernel, SamplerShape},
    Buffer, Module, THREADS, blocks, each, index, module,
};

module!("sampler": "sample", "sample_backward");

/// As in `sampler.cu`.
#[repr(C)]
#[derive(Clone, Copy)]
struct Sampler {
    source_size: u32,
    size: u32,
    channels: u32,
}

// SAFETY: three 32-bit numbers in C's layout, as the kernels declare them.
unsafe impl DeviceRepr for Sampler {}

impl Sampler {
    fn of(shape: &SamplerShape) -> Result<Self, CudaError> {
        Ok(Self {
            source_size: index(shape.source_size)?,
            size: index(shape.size)?,
            channels: index(shape.channels)?,
        })
    }
}

impl SamplerKernel<f32> for Cuda {
    fn sample(
        &self,
        shape: &SamplerShape,
        image: &Buffer,
        matrix: &Buffer,
        output: &mut Buffer,
    ) -> Result<(), CudaError> {
        let (sampler, count) = (Sampler::of(shape)?, index(output.len())?);
        // SAFETY: a thread an element of the output, which reads pixels within its image and its row of six.
        unsafe { MODULE.launch(self, "sample", each(count), (sampler, image, matrix, output, count)) }
    }

    fn sample_backward(
        &self,
        shape: &SamplerShape,
        image: &Buffer,
        matrix: &Buffer,
        output_gradient: &Buffer,
        (image_gradient, adds_image): (&mut Buffer, bool),
        (matrix_gradient, adds_matrix): (&mut Buffer, bool),
    ) -> Result<(), CudaError> {
        if !adds_image {
            self.driver().memset_zeros(image_gradient)?;
        }
        let grid = blocks((index(shape.images)?, 1), (THREADS, 1));
        let sampler = Sampler::of(shape)?;
        let parameters =
            (sampler, image, matrix, output_gradient, image_gradient, matrix_gradient, adds_matrix);
        // SAFETY: a block an image, which stays within its image, its points and its row of six.
        unsafe { MODULE.launch(self, "sample_backward", grid, parameters) }
    }
}
