//! CT slices, and the way from a slice to what a network sees.
//!
//! [`crop`] cuts the square round a lesion out of a [`CtSlice`] into a patch of [`PATCH_SIZE`] pixels,
//! [`normalise`] maps its grey values to [0, 1] so that every coding of the same picture looks the same,
//! and [`sample`] resamples a patch along an affine grid. All of them work in buffers of the caller.

mod crop;
#[cfg(feature = "files")]
mod ct_file;
mod ct_slice;
#[cfg(feature = "files")]
mod dicom;
mod normalise;
#[cfg(feature = "files")]
mod png;
mod sampler;

pub use crop::{CropError, MARGIN, MINIMUM_SIDE, crop, crop_square, patch_square};
#[cfg(feature = "files")]
pub use ct_file::{CtFile, FileError};
pub use ct_slice::{CtSlice, Samples, SliceError};
#[cfg(feature = "files")]
pub use dicom::DicomError;
pub use normalise::{NormaliseError, check_window, normalise};
#[cfg(feature = "files")]
pub use png::{PngError, write_grey16, write_rgb};
pub use sampler::sample;

/// Rows and columns of a patch.
pub const PATCH_SIZE: usize = 128;

/// Pixels of a patch.
pub const PATCH_PIXELS: usize = PATCH_SIZE * PATCH_SIZE;

/// A square patch, row by row.
pub type Patch = [f32; PATCH_PIXELS];
