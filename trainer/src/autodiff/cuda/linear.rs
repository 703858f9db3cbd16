use cudarc::driver::DeviceSlice;
use dfdx::tensor::{Cuda, CudaError};

use super::{
    super::LinearKernel,
    Buffer,
    convolution::fill_rows,
    matrix_product::{View, product},
};

impl LinearKernel<f32> for Cuda {
    fn linear(
        &self,
        rows: usize,
        input: &Buffer,
        weight: &Buffer,
        bias: &Buffer,
        output: &mut Buffer,
    ) -> Result<(), CudaError> {
        let (inputs, outputs) = (input.len() / rows, bias.len());
        fill_rows(self, bias, output)?;
        let weight = View::new(weight, outputs, inputs).transposed();
        product(self, View::new(input, rows, inputs), weight, output, true)
    }

    fn linear_backward(
        &self,
        rows: usize,
        input: &Buffer,
        weight: &Buffer,
        output_gradient: &Buffer,
        input_gradient: &mut Buffer,
        adds: bool,
        weight_gradient: &mut Buffer,
    ) -> Result<(), CudaError> {
        let (inputs, outputs) = (input.len() / rows, output_gradient.len() / rows);
        let gradients = || View::new(output_gradient, rows, outputs);
        product(self, gradients(), View::new(weight, outputs, inputs), input_gradient, adds)?;
        product(self, gradients().transposed(), View::new(input, rows, inputs), weight_gradient, true)
    }
}
