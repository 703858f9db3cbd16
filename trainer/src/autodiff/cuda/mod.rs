//! The operators' kernels on a CUDA device, in 32 bits: the sources beside this file, compiled when the trainer is
//! built, and cuBLAS for matrix products. Everything runs on dfdx's own stream, in the order of the calls.
//!
//! Sums are cut by shape alone, so the same bits come out from run to run; the one exception is the gradient of a
//! sampled image, which training never uses.
#![allow(unsafe_code, reason = "kernels take pointers; every launch says why they are good")]

mod affine_grid;
mod batch_norm;
mod convolution;
mod elementwise;
mod linear;
mod matrix_product;
mod max_pool;
mod rearrange;
mod sampler;

use std::sync::OnceLock;

use cudarc::{
    cublas::sys::{cublasMath_t, cublasSetMathMode, cublasStatus_t},
    driver::{
        CudaDevice, CudaFunction, DeviceSlice, DriverError, LaunchAsync, LaunchConfig, result,
        sys::{CUdevice_attribute, CUresult},
    },
};
use dfdx::tensor::{Cache, Cuda, CudaError, Storage};

use super::{Device, Error};

/// The numbers of a buffer on the device.
type Buffer = <Cuda as Storage<f32>>::Vec;

/// How the factors of matrix products are rounded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precision {
    /// As they are.
    Float32,
    /// To 10 bits behind the point, sums in 32 bits: several times as fast on GPUs since Ampere.
    TensorFloat32,
}

/// Bytes of the device's memory that were taken before this program took any for its numbers: by other programs, and by
/// the driver for this one.
static TAKEN_BEFORE: OnceLock<usize> = OnceLock::new();

/// The first CUDA device, keeping the buffers it has once allocated.
///
/// # Errors
/// If there is none, or its driver does not answer.
pub fn cuda(precision: Precision) -> Result<Cuda, Error> {
    let missing = |error: DriverError| Error::NoDevice { reason: words(error) };
    result::init().map_err(missing)?;
    let first = result::device::get(0).map_err(missing)?;
    // SAFETY: `first` is a device that the driver has just named.
    let major = unsafe {
        result::device::get_attribute(first, CUdevice_attribute::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR)
    };
    let major = major.map_err(missing)?;
    if major < 8 {
        let reason = format!("the kernels need compute capability 8.0, this device has {major}.x");
        return Err(Error::NoDevice { reason });
    }
    let context = CudaDevice::new(0).map_err(CudaError::Driver)?;
    let taken = taken().map_err(CudaError::Driver)?;
    TAKEN_BEFORE.get_or_init(|| taken);
    let device = Cuda::try_build(0, 0)?;
    drop(context);
    device.enable_cache();
    let mode = match precision {
        Precision::Float32 => cublasMath_t::CUBLAS_DEFAULT_MATH,
        Precision::TensorFloat32 => cublasMath_t::CUBLAS_TF32_TENSOR_OP_MATH,
    };
    // SAFETY: the handle lives as long as `device`.
    unsafe { cublasSetMathMode(*device.blas().handle(), mode) }.result().map_err(CudaError::Blas)?;
    Ok(device)
}

impl Device<f32> for Cuda {
    fn memory_in_use(&self) -> Option<usize> {
        self.driver().bind_to_thread().ok()?;
        Some(taken().ok()?.saturating_sub(*TAKEN_BEFORE.get()?))
    }
}

/// Bytes of memory that are taken on the device of the thread's context, by whatever program.
fn taken() -> Result<usize, DriverError> {
    result::mem_get_info().map(|(free, total)| total - free)
}

impl From<CudaError> for Error {
    fn from(error: CudaError) -> Self {
        match error {
            CudaError::Driver(DriverError(CUresult::CUDA_ERROR_OUT_OF_MEMORY)) => Self::OutOfMemory,
            CudaError::Blas(error) if error.0 == cublasStatus_t::CUBLAS_STATUS_ALLOC_FAILED => {
                Self::OutOfMemory
            }
            CudaError::Driver(error) => Self::Failed { reason: words(error) },
            CudaError::Blas(error) => Self::Failed { reason: format!("cuBLAS: {error}") },
            CudaError::Cpu(error) => error.into(),
        }
    }
}

/// What the driver says about an error.
fn words(DriverError(code): DriverError) -> String {
    match DriverError(code).error_string() {
        Ok(text) => text.to_string_lossy().into_owned(),
        Err(_) => format!("driver error {}", code as u32),
    }
}

/// The kernels of one source file.
struct Module {
    name: &'static str,
    ptx: &'static str,
    kernels: &'static [&'static str],
}

/// The module of a source file beside this one.
macro_rules! module {
    ($file:literal: $($kernel:literal),+) => {
        const MODULE: Module = Module {
            name: concat!("recist_", $file),
            ptx: include_str!(concat!(env!("OUT_DIR"), "/", $file, ".ptx")),
            kernels: &[$($kernel),+],
        };
    };
}
use module;

impl Module {
    fn get(&self, device: &Cuda, kernel: &'static str) -> Result<CudaFunction, CudaError> {
        let driver = device.driver();
        if !driver.has_func(self.name, kernel) {
            driver.load_ptx(self.ptx.into(), self.name, self.kernels)?;
        }
        Ok(driver.get_func(self.name, kernel).expect("a kernel that its module lists"))
    }

    /// Starts a kernel.
    ///
    /// # Safety
    /// `parameters` must be the kernel's own, in order and type, and no thread of `grid` may reach beyond the
    /// buffers among them.
    unsafe fn launch<P>(
        &self,
        device: &Cuda,
        kernel: &'static str,
        grid: LaunchConfig,
        parameters: P,
    ) -> Result<(), CudaError>
    where
        CudaFunction: LaunchAsync<P>,
    {
        // SAFETY: by this function's contract.
        unsafe { self.get(device, kernel)?.launch(grid, parameters) }?;
        Ok(())
    }
}

/// Threads of a block where each thread has an element of its own.
const THREADS: u32 = 256;

/// As many threads as elements; kernels skip those of the last block that are too many.
fn each(count: u32) -> LaunchConfig {
    blocks((count.div_ceil(THREADS), 1), (THREADS, 1))
}

/// That a buffer is as long as a kernel takes it to be.
#[track_caller]
fn holds(buffer: &impl DeviceSlice<f32>, elements: usize, what: &str) {
    assert_eq!(buffer.len(), elements, "{what}");
}

fn blocks(grid: (u32, u32), threads: (u32, u32)) -> LaunchConfig {
    LaunchConfig { grid_dim: (grid.0, grid.1, 1), block_dim: (threads.0, threads.1, 1), shared_mem_bytes: 0 }
}

/// A size as kernels count: in 32 bits, with room for the threads of a last block.
fn index(size: usize) -> Result<u32, CudaError> {
    match u32::try_from(size) {
        Ok(index) if index <= u32::MAX - 1024 => Ok(index),
        _ => Err(CudaError::Driver(DriverError(CUresult::CUDA_ERROR_INVALID_VALUE))),
    }
}
