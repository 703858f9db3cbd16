use dfdx::tensor::{Cpu, CpuError};

use super::{
    super::*,
    matrix_product::{View, parallel_product},
};

impl<E: Element> LinearKernel<E> for Cpu {
    fn linear(
        &self,
        rows: usize,
        input: &Self::Vec,
        weight: &Self::Vec,
        bias: &Self::Vec,
        output: &mut Self::Vec,
    ) -> Result<(), CpuError> {
        let (inputs, outputs) = (input.len() / rows, bias.len());
        for output in output.chunks_exact_mut(outputs) {
            output.copy_from_slice(bias);
        }
        let weight = View::new(weight, outputs, inputs).transposed();
        parallel_product(View::new(input, rows, inputs), weight, output, true);
        Ok(())
    }

    fn linear_backward(
        &self,
        rows: usize,
        input: &Self::Vec,
        weight: &Self::Vec,
        output_gradient: &Self::Vec,
        input_gradient: &mut Self::Vec,
        adds: bool,
        weight_gradient: &mut Self::Vec,
    ) -> Result<(), CpuError> {
        let (inputs, outputs) = (input.len() / rows, output_gradient.len() / rows);
        let gradients = View::new(output_gradient, rows, outputs);
        parallel_product(gradients, View::new(weight, outputs, inputs), input_gradient, adds);
        let input = View::new(input, rows, inputs);
        parallel_product(gradients.transposed(), input, weight_gradient, true);
        Ok(())
    }
}
