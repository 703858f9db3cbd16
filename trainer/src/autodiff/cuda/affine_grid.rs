use cudarc::driver::DeviceSlice;
use dfdx::tensor::{Cuda, CudaError};

use super::{super::AffineGridKernel, Buffer, Module, each, index, module};

module!("affine_grid": "affine_matrix", "affine_matrix_backward");

impl AffineGridKernel<f32> for Cuda {
    fn affine_matrix(&self, input: &Buffer, output: &mut Buffer) -> Result<(), CudaError> {
        let images = index(input.len() / 5)?;
        // SAFETY: a thread an image: rows of five and of six.
        unsafe { MODULE.launch(self, "affine_matrix", each(images), (input, output, images)) }
    }

    fn affine_matrix_backward(
        &self,
        input: &Buffer,
        output: &Buffer,
        output_gradient: &Buffer,
        input_gradient: &mut Buffer,
        adds: bool,
    ) -> Result<(), CudaError> {
        let images = index(input.len() / 5)?;
        let parameters = (input, output, output_gradient, input_gradient, adds, images);
        // SAFETY: a thread an image: rows of five and of six.
        unsafe { MODULE.launch(self, "affine_matrix_backward", each(images), parameters) }
    }
}
