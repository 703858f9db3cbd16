//! Runs a network on dfdx, on CPU or CUDA: operators with gradients of their own.
//!
//! Besides `dfdx-open` the only room that names dfdx. What its tape, tensors and gradients are good for stays
//! theirs; the operators here replace its convolution (closed), its batch norm and pooling (slow, and other
//! gradients than PyTorch's) and add what it lacks. Each operator is one function over any [`Device`] and
//! element type, in a file of its own with the trait of kernels it asks of a device; the kernels are in
//! `cpu` and, with feature `cuda`, in `cuda`.
//!
//! # Conventions
//! - A [`FeatureMap`] is indexed by image, row, column, channel, channels innermost: a convolution is then one
//!   matrix product over all pixels of all images. [`flatten`] gives the channel-first order that ONNX and
//!   PyTorch speak.
//! - Parameters are [`Vector`]s in PyTorch's order (a convolution's weight: output channel, input channel,
//!   row, column). They carry no tape; their gradients are found under their identity in the result of
//!   `backward`.
//! - Shapes have been checked by whoever built the network: an operator panics on tensors that do not fit,
//!   which no input can bring about.
//! - On CPU every result is the same bits from run to run and for any number of threads: work is cut by shape
//!   alone and partial sums are added in the order of their index.

mod affine_grid;
mod batch_norm;
mod cascade;
mod clip;
mod convolution;
mod cpu;
#[cfg(feature = "cuda")]
mod cuda;
mod device;
mod elementwise;
mod flatten;
mod gradient;
mod host;
mod linear;
mod max_pool;
mod module;
mod optimiser;
mod sampler;
mod trial;
mod upsample;
mod walk;

#[cfg(test)]
mod gradients;
#[cfg(test)]
mod whole_network;

use dfdx::shapes::HasShape;
use dfdx::tensor::{NoneTape, Tensor};

pub use affine_grid::{AffineGridKernel, affine_matrix};
pub use batch_norm::{
    BATCH_NORM_EPSILON, BATCH_NORM_MOMENTUM, BatchNormKernel, BatchStatistics, RunningStatistics, batch_norm,
    batch_norm_inference,
};
pub use cascade::{Cascade, CascadeOutputs};
pub use clip::{NormKernel, clip_gradients};
pub use convolution::{Convolution, ConvolutionKernel, ConvolutionShape, convolution};
#[cfg(feature = "cuda")]
pub use cuda::{Precision, cuda};
pub use device::{Device, Element, Error, cpu};
pub use dfdx::tensor::Cpu;
pub use elementwise::{Activation, ElementwiseKernel, add, relu};
pub use flatten::{FlattenKernel, flatten};
pub use host::{Recording, StepGradients, backward, download, seed, upload};
pub use linear::{LinearKernel, linear};
pub use max_pool::{MaxPool, MaxPoolKernel, MaxPoolShape, max_pool};
pub use module::{Module, ModuleError};
pub use optimiser::{Method, Optimiser};
pub use sampler::{SamplerKernel, SamplerShape, sample};
pub use trial::{Pass, Trial};
pub use upsample::{UpsampleKernel, upsample};

/// Values on a pixel grid: image, row, column, channel.
pub type FeatureMap<E, D, T = NoneTape> = Tensor<(usize, usize, usize, usize), E, D, T>;

/// One row of numbers an image.
pub type Matrix<E, D, T = NoneTape> = Tensor<(usize, usize), E, D, T>;

/// A parameter, or a statistic of a channel.
pub type Vector<E, D, T = NoneTape> = Tensor<(usize,), E, D, T>;

/// The shape of a value that an operator reads in order.
pub(crate) fn shape_of<E: Element, D: Device<E>>(map: &FeatureMap<E, D>) -> (usize, usize, usize, usize) {
    assert!(map.is_contiguous(), "feature maps are contiguous");
    *map.shape()
}

fn length_of<E: Element, D: Device<E>>(vector: &Vector<E, D>) -> usize {
    assert!(vector.is_contiguous(), "parameters are contiguous");
    vector.shape().0
}
