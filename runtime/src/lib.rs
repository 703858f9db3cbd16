//! RECIST measurement of a lesion on a CT slice, from a rough box round it.
//!
//! The way of the data (Tang et al., MICCAI 2018):
//!
//! ```text
//! CtSlice + rough box ─ crop ─▶ patch 128x128 ─ normalise ─▶ localization network ─▶ lesion mask, θ ─▶ affine grid
//!   ─ sampler ─▶ canonical patch 128x128 ─ hourglass ─▶ 4 heatmaps ─ decode ─▶ 4 keypoints ─ back to the slice ─▶ Recist
//! ```
//!
//! Each room uses only those named before it: [`geometry`], [`mod@image`] and [`engine`] (which uses nothing),
//! [`bundle`], [`cascade`], then `onnx`, `report` and [`ffi`] side by side. `report` takes whole measurements, and
//! `onnx` whole cascades, so they stand above them.

pub mod bundle;
pub mod cascade;
pub mod engine;
pub mod ffi;
pub mod geometry;
pub mod image;
#[cfg(feature = "onnx")]
pub mod onnx;
#[cfg(feature = "program")]
pub mod report;
