use std::fmt;

use dfdx::{
    dtypes::Dtype,
    open::Recycle,
    tensor::{Cache, Cpu, CpuError, HasErr, Synchronize},
};

use super::{
    AffineGridKernel, BatchNormKernel, ConvolutionKernel, ElementwiseKernel, FlattenKernel, LinearKernel,
    MaxPoolKernel, NormKernel, SamplerKernel, UpsampleKernel,
};

/// A number that networks are trained in: `f32`, or `f64` to check gradients.
pub trait Element: Dtype + num_traits::Float {
    /// The nearest element to `value`.
    fn of(value: f64) -> Self;
}

impl Element for f32 {
    #[inline(always)]
    fn of(value: f64) -> Self {
        #[allow(clippy::cast_possible_truncation, reason = "rounding to f32 is the point")]
        let rounded = value as Self;
        rounded
    }
}

impl Element for f64 {
    #[inline(always)]
    fn of(value: f64) -> Self {
        value
    }
}

/// Where a network is trained: dfdx's device with the kernels of every operator here.
pub trait Device<E: Element>:
    dfdx::tensor_ops::Device<E>
    + Recycle<E>
    + Synchronize
    + Cache
    + HasErr<Err: Into<Error>>
    + AffineGridKernel<E>
    + BatchNormKernel<E>
    + ConvolutionKernel<E>
    + ElementwiseKernel<E>
    + FlattenKernel<E>
    + LinearKernel<E>
    + MaxPoolKernel<E>
    + NormKernel<E>
    + SamplerKernel<E>
    + UpsampleKernel<E>
{
    /// Bytes of a memory of its own that have been taken since it was opened; `None` if it has none.
    fn memory_in_use(&self) -> Option<usize> {
        None
    }
}

impl Device<f32> for Cpu {}
impl Device<f64> for Cpu {}

/// The CPU, keeping the buffers it has once allocated: the next training step asks for the same ones.
#[must_use]
pub fn cpu() -> Cpu {
    let device = Cpu::default();
    device.enable_cache();
    device
}

/// Why a device cannot go on.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// There is no CUDA device, or its driver does not answer.
    NoDevice {
        /// What the driver says.
        reason: String,
    },
    /// The device has no memory left.
    OutOfMemory,
    /// The device reports another failure.
    Failed {
        /// What it says.
        reason: String,
    },
    /// The device does what it is told, but the numbers of a training are none any more.
    Diverged {
        /// How it shows.
        reason: String,
    },
}

impl From<CpuError> for Error {
    fn from(error: CpuError) -> Self {
        match error {
            CpuError::OutOfMemory => Self::OutOfMemory,
            CpuError::WrongNumElements => {
                Self::Failed { reason: "wrong number of elements for a tensor".to_owned() }
            }
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoDevice { reason } => write!(f, "no CUDA device: {reason}"),
            Self::OutOfMemory => write!(f, "out of device memory"),
            Self::Failed { reason } => write!(f, "device failed: {reason}"),
            Self::Diverged { reason } => write!(
                f,
                "the training has diverged: {reason}; a smaller rate, or a smaller gradient_limit, may keep it from that"
            ),
        }
    }
}

impl std::error::Error for Error {}
