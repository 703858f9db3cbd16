use cudarc::driver::DeviceSlice;
use dfdx::tensor::{Cuda, CudaError};

use super::{
    super::{Element, ElementwiseKernel, NormKernel},
    Buffer, Module, blocks, each, index, module,
};

module!("elementwise": "add_assign", "add", "relu_assign", "relu_backward", "scale_assign", "add_squares");

impl ElementwiseKernel<f32> for Cuda {
    fn add_assign(&self, sum: &mut Buffer, other: &Buffer) -> Result<(), CudaError> {
        let count = same(sum, other)?;
        // SAFETY: a thread an element of both, which are equally long.
        unsafe { MODULE.launch(self, "add_assign", each(count), (sum, other, count)) }
    }

    fn add(&self, first: &Buffer, second: &Buffer, sum: &mut Buffer) -> Result<(), CudaError> {
        let count = same(sum, first)?.min(same(sum, second)?);
        // SAFETY: a thread an element of all three, which are equally long.
        unsafe { MODULE.launch(self, "add", each(count), (first, second, sum, count)) }
    }

    fn relu_assign(&self, values: &mut Buffer) -> Result<(), CudaError> {
        let count = index(values.len())?;
        // SAFETY: a thread an element.
        unsafe { MODULE.launch(self, "relu_assign", each(count), (values, count)) }
    }

    fn relu_backward(&self, output: &Buffer, gradient: &mut Buffer) -> Result<(), CudaError> {
        let count = same(gradient, output)?;
        // SAFETY: a thread an element of both, which are equally long.
        unsafe { MODULE.launch(self, "relu_backward", each(count), (output, gradient, count)) }
    }
}

impl NormKernel<f32> for Cuda {
    fn sum_of_squares<'a>(&self, buffers: impl Iterator<Item = &'a Buffer>) -> Result<f64, CudaError> {
        let mut sum = self.driver().alloc_zeros::<f64>(1)?;
        for values in buffers {
            let count = index(values.len())?;
            // SAFETY: the one block of 1024 threads stays within `count` elements.
            unsafe {
                MODULE.launch(self, "add_squares", blocks((1, 1), (1024, 1)), (values, &mut sum, count))?;
            }
        }
        let mut host = [0.0];
        self.driver().dtoh_sync_copy_into(&sum, &mut host)?;
        Ok(host[0])
    }

    fn scale_assign(&self, values: &mut Buffer, factor: f64) -> Result<(), CudaError> {
        let count = index(values.len())?;
        // SAFETY: a thread an element.
        unsafe { MODULE.launch(self, "scale_assign", each(count), (values, f32::of(factor), count)) }
    }
}

/// The length of two buffers of one length.
fn same(a: &Buffer, b: &Buffer) -> Result<u32, CudaError> {
    assert_eq!(a.len(), b.len(), "operands of an elementwise pass");
    index(a.len())
}
