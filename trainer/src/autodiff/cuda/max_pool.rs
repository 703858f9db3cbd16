use cudarc::driver::{DeviceRepr, DeviceSlice};
use dfdx::tensor::{Cuda, CudaError};

use super::{
    super::{MaxPoolKernel, MaxPoolShape},
    Buffer, Module, each, holds, index, module,
};

module!("max_pool": "max_pool", "max_pool_backward");

/// As in `max_pool.cu`.
#[repr(C)]
#[derive(Clone, Copy)]
struct Pool {
    input_height: u32,
    input_width: u32,
    output_height: u32,
    output_width: u32,
    channels: u32,
    kernel: u32,
    stride: u32,
    padding: u32,
}

// SAFETY: eight 32-bit numbers in C's layout, as the kernels declare them.
unsafe impl DeviceRepr for Pool {}

impl Pool {
    /// For buffers of that shape.
    fn of(shape: &MaxPoolShape, input: &Buffer, output: &Buffer) -> Result<Self, CudaError> {
        let elements = |(height, width): (usize, usize)| shape.images * height * width * shape.channels;
        holds(input, elements(shape.input_size), "input of a pooling");
        holds(output, elements(shape.output_size), "result of a pooling");
        Ok(Self {
            input_height: index(shape.input_size.0)?,
            input_width: index(shape.input_size.1)?,
            output_height: index(shape.output_size.0)?,
            output_width: index(shape.output_size.1)?,
            channels: index(shape.channels)?,
            kernel: index(shape.pool.kernel)?,
            stride: index(shape.pool.stride)?,
            padding: index(shape.pool.padding)?,
        })
    }
}

impl MaxPoolKernel<f32> for Cuda {
    fn max_pool(&self, shape: &MaxPoolShape, input: &Buffer, output: &mut Buffer) -> Result<(), CudaError> {
        let (pool, count) = (Pool::of(shape, input, output)?, index(output.len())?);
        // SAFETY: a thread an element of the output; its window is cut off at the edges of its image.
        unsafe { MODULE.launch(self, "max_pool", each(count), (pool, input, output, count)) }
    }

    fn max_pool_backward(
        &self,
        shape: &MaxPoolShape,
        input: &Buffer,
        output_gradient: &Buffer,
        input_gradient: &mut Buffer,
        adds: bool,
    ) -> Result<(), CudaError> {
        let (pool, count) = (Pool::of(shape, input, output_gradient)?, index(input.len())?);
        holds(input_gradient, input.len(), "gradient of a pooling's input");
        let parameters = (pool, input, output_gradient, input_gradient, adds, count);
        // SAFETY: a thread an element of the input; the windows that it lies in are of its image.
        unsafe { MODULE.launch(self, "max_pool_backward", each(count), parameters) }
    }
}
