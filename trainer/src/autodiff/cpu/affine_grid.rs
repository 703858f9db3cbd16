use dfdx::tensor::{Cpu, CpuError};

use super::super::*;

impl<E: Element> AffineGridKernel<E> for Cpu {
    fn affine_matrix(&self, input: &Self::Vec, output: &mut Self::Vec) -> Result<(), CpuError> {
        for (theta, matrix) in input.chunks_exact(5).zip(output.chunks_exact_mut(6)) {
            let (cos2, sin2) = (theta[2], theta[3]);
            let length = (cos2 * cos2 + sin2 * sin2).sqrt();
            let cos2 =
                if length.is_normal() { (cos2 / length).max(-E::one()).min(E::one()) } else { E::one() };
            let half = |double: E| ((E::one() + double) / E::of(2.0)).sqrt();
            let (cos, sin) = (half(cos2), half(-cos2));
            let sin = if sin2 < E::zero() { -sin } else { sin };
            let scale = theta[4].exp();
            let (c, s) = (scale * cos, scale * sin);
            matrix.copy_from_slice(&[c, -s, theta[0], s, c, theta[1]]);
        }
        Ok(())
    }

    fn affine_matrix_backward(
        &self,
        input: &Self::Vec,
        output: &Self::Vec,
        output_gradient: &Self::Vec,
        input_gradient: &mut Self::Vec,
        adds: bool,
    ) -> Result<(), CpuError> {
        let rows = input.chunks_exact(5).zip(output.chunks_exact(6));
        let gradients = output_gradient.chunks_exact(6).zip(input_gradient.chunks_exact_mut(5));
        for ((theta, matrix), (gradient, theta_gradient)) in rows.zip(gradients) {
            let (c, s) = (matrix[0], matrix[3]);
            let of_c = gradient[0] + gradient[4];
            let of_s = gradient[3] - gradient[1];
            let of_angle = of_s * c - of_c * s;
            let of_log_scale = of_c * c + of_s * s;
            let (cos2, sin2) = (theta[2], theta[3]);
            let length = cos2 * cos2 + sin2 * sin2;
            let turn = if length.is_normal() { of_angle / (length + length) } else { E::zero() };
            let values = [gradient[2], gradient[5], -turn * sin2, turn * cos2, of_log_scale];
            for (result, value) in theta_gradient.iter_mut().zip(values) {
                *result = if adds { *result + value } else { value };
            }
        }
        Ok(())
    }
}
