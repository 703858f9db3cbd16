//! What leaves the trainer: ONNX files for every engine, and the bundle for the runtime.

mod model;
mod onnx;
mod parity;
mod quantised;
mod test_vectors;

pub use model::{ModelError, TrainedModel};
pub use onnx::{Metadata, float32, int8};
pub use parity::Parity;
pub use quantised::{CalibrationPatches, QuantisedNetwork, quantise};
pub use test_vectors::test_vectors;
