//! The cascade of Tang et al. (MICCAI 2018): from a slice and a rough box to a measurement.
//!
//! [`measure`] is the whole way; a model plugs in as [`Networks`], or whole as a [`Cascade`]. Nothing here allocates:
//! every buffer is part of the caller's [`Workspace`].

mod decode;
mod engine_networks;
mod exponential;
mod findings;
mod measure;
mod measurement;
mod networks;
mod outline;
mod overlap;
mod warnings;
mod workspace;

pub use decode::{Neighbourhood, Peak, REACH, decode};
pub use engine_networks::{EngineNetworks, Plans, PlansError};
pub use exponential::exponential;
#[cfg(feature = "onnx")]
pub(crate) use findings::plausible;
pub use findings::{CanonicalKeypoint, Cascade, Findings};
pub use measure::{LEAST_OVERLAP, LOWEST_CONFIDENCE, MeasureError, Stage, measure};
pub use measurement::Measurement;
pub use networks::{Networks, ThetaOutputs};
pub use outline::{OUTLINE_POINTS, outline};
use overlap::overlap;
pub use warnings::{LOW_OVERLAP, Warning, Warnings};
pub use workspace::{Heatmaps, LESION_LEVEL, MASK_PIXELS, MASK_SIZE, MAXIMUM_HEATMAP_SIZE, Mask, Workspace};
