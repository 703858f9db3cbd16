use cudarc::driver::DeviceSlice;
use dfdx::tensor::{Cuda, CudaError};

use super::{super::AffineGridKernel, Buffer, Module, each, holds, index, module};

module!("affine_grid": "affine_matrix", "affine_matrix_backward");

impl AffineGridKernel<f32> for Cuda {
    fn affine_matrix(&self, input: &Buffer, output: &mut Buffer) -> Result<(), CudaError> {
        let images = images(input)?;
        holds(output, images as usize * 6, "matrices of an affine grid");
        // SAFETY: a thread an image: rows of five and of six, as has just been checked.
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
        let images = images(input)?;
        holds(output, images as usize * 6, "matrices of an affine grid");
        holds(output_gradient, images as usize * 6, "gradient of an affine grid's matrices");
        holds(input_gradient, input.len(), "gradient of an affine grid's numbers");
        let parameters = (input, output, output_gradient, input_gradient, adds, images);
        // SAFETY: a thread an image: rows of five and of six, as has just been checked.
        unsafe { MODULE.launch(self, "affine_matrix_backward", each(images), parameters) }
    }
}

/// Rows of five in `input`.
fn images(input: &Buffer) -> Result<u32, CudaError> {
    assert_eq!(input.len() % 5, 0, "numbers of an affine grid");
    index(input.len() / 5)
}
