//! CT slices, and the way from a slice to what a network sees.
//!
//! [`crop`] cuts the square round a lesion out of a [`CtSlice`] into a patch of [`PATCH_SIZE`] pixels,
//! [`normalise`] maps its grey values to [0, 1] so that every coding of the same picture looks the same,
//! and [`sample`] resamples a patch along an affine grid. All of them work in buffers of the caller.

mod crop;
mod ct_slice;
mod normalise;
mod sampler;

pub use crop::{CropError, MINIMUM_SIDE, crop};
pub use ct_slice::{CtSlice, Samples, SliceError};
pub use normalise::{NormaliseError, normalise};
pub use sampler::sample;

/// Rows and columns of a patch.
pub const PATCH_SIZE: usize = 128;

/// Pixels of a patch.
pub const PATCH_PIXELS: usize = PATCH_SIZE * PATCH_SIZE;

/// A square patch, row by row.
pub type Patch = [f32; PATCH_PIXELS];
