//! Products of matrices that lie in buffers, through cuBLAS.

use cudarc::{
    cublas::{Gemm, GemmConfig, sys::cublasOperation_t},
    driver::{DevicePtr, DevicePtrMut, DriverError, sys::CUresult},
};
use dfdx::tensor::{Cuda, CudaError};

/// A matrix in a buffer, row by row without gaps.
pub(super) struct View<'a, P> {
    data: &'a P,
    rows: usize,
    columns: usize,
    transposed: bool,
}

impl<'a, P: DevicePtr<f32>> View<'a, P> {
    pub(super) fn new(data: &'a P, rows: usize, columns: usize) -> Self {
        assert!(
            rows > 0 && columns > 0 && data.len() == rows * columns,
            "{rows} x {columns} matrix in {} elements",
            data.len()
        );
        Self { data, rows, columns, transposed: false }
    }

    pub(super) fn transposed(self) -> Self {
        Self { rows: self.columns, columns: self.rows, transposed: !self.transposed, ..self }
    }

    /// How cuBLAS, which counts column by column, has to take it, and the length of a row in the buffer.
    fn operation(&self) -> (cublasOperation_t, usize) {
        if self.transposed {
            (cublasOperation_t::CUBLAS_OP_T, self.rows)
        } else {
            (cublasOperation_t::CUBLAS_OP_N, self.columns)
        }
    }
}

/// Overwrites `c` (row by row) with `a * b`, or adds it if `adds`.
pub(super) fn product<C: DevicePtrMut<f32>>(
    device: &Cuda,
    a: View<'_, impl DevicePtr<f32>>,
    b: View<'_, impl DevicePtr<f32>>,
    c: &mut C,
    adds: bool,
) -> Result<(), CudaError> {
    assert_eq!(a.columns, b.rows, "inner sides of a matrix product");
    assert_eq!(c.len(), a.rows * b.columns, "result of a matrix product");
    let size = |size: usize| {
        i32::try_from(size).map_err(|_| CudaError::Driver(DriverError(CUresult::CUDA_ERROR_INVALID_VALUE)))
    };
    // Column by column the rows of c are the columns of its transpose, bᵀ * aᵀ.
    let ((transa, lda), (transb, ldb)) = (b.operation(), a.operation());
    let configuration = GemmConfig {
        transa,
        transb,
        m: size(b.columns)?,
        n: size(a.rows)?,
        k: size(a.columns)?,
        alpha: 1.0,
        lda: size(lda)?,
        ldb: size(ldb)?,
        beta: if adds { 1.0 } else { 0.0 },
        ldc: size(b.columns)?,
    };
    // SAFETY: the matrices fill their buffers, as `View::new` and the assertion on `c` have made sure.
    unsafe { device.blas().gemm(configuration, b.data, a.data, c) }?;
    Ok(())
}
