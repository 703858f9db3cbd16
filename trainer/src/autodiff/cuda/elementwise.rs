use cudarc::driver::DeviceSlice;
use dfdx::{
    open::Recycle,
    tensor::{Cuda, CudaError},
};

use super::{
    super::{Element, ElementwiseKernel, NormKernel},
    Buffer, Module, THREADS, blocks, each, index, module,
};

module!("elementwise": "add_assign", "add", "relu_assign", "relu_backward", "scale_assign", "sum_squares");

/// Numbers whose squares one block adds up.
const SQUARES: u32 = 1 << 14;

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
        let buffers: Vec<&Buffer> = buffers.filter(|values| values.len() > 0).collect();
        let counts = buffers.iter().map(|values| index(values.len())).collect::<Result<Vec<u32>, _>>()?;
        let total = index(counts.iter().map(|count| count.div_ceil(SQUARES) as usize).sum())?;
        if total == 0 {
            return Ok(0.0);
        }
        let mut partial = Recycle::<f64>::recycled(self, total as usize)?;
        let mut first = 0;
        for (values, count) in buffers.into_iter().zip(counts) {
            let grid = count.div_ceil(SQUARES);
            let parameters = (values, count, SQUARES, &mut partial, first);
            // SAFETY: the blocks stay within `count` elements, and each writes one of the `total` sums.
            unsafe { MODULE.launch(self, "sum_squares", blocks((grid, 1), (THREADS, 1)), parameters)? };
            first += grid;
        }
        // A few thousand at most: added up here, in the order of their index.
        Ok(self.read(&partial)?.iter().sum())
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
