use cudarc::driver::{DeviceRepr, DeviceSlice};
use dfdx::tensor::{Cuda, CudaError};

use super::{
    super::{SamplerKernel, SamplerShape},
    Buffer, Module, THREADS, blocks, each, holds, index, module,
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
    /// For buffers of that shape.
    fn of(shape: &SamplerShape, image: &Buffer, matrix: &Buffer, output: &Buffer) -> Result<Self, CudaError> {
        let &SamplerShape { images, source_size, size, channels } = shape;
        holds(image, images * source_size * source_size * channels, "images to sample");
        holds(matrix, images * 6, "matrices to sample by");
        holds(output, images * size * size * channels, "samples");
        Ok(Self { source_size: index(source_size)?, size: index(size)?, channels: index(channels)? })
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
        let (sampler, count) = (Sampler::of(shape, image, matrix, output)?, index(output.len())?);
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
        let sampler = Sampler::of(shape, image, matrix, output_gradient)?;
        holds(image_gradient, image.len(), "gradient of the images");
        holds(matrix_gradient, matrix.len(), "gradient of the matrices");
        if !adds_image {
            self.driver().memset_zeros(image_gradient)?;
        }
        let grid = blocks((index(shape.images)?, 1), (THREADS, 1));
        let parameters =
            (sampler, image, matrix, output_gradient, image_gradient, matrix_gradient, adds_matrix);
        // SAFETY: a block an image, which stays within its image, its points and its row of six.
        unsafe { MODULE.launch(self, "sample_backward", grid, parameters) }
    }
}
