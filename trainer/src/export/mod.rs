//! What leaves the trainer: ONNX files for every engine, and the bundle for the runtime.

mod model;
mod quantised;
mod test_vectors;

pub use model::{ModelError, TrainedModel};
pub use quantised::{CalibrationPatches, Quantised};
pub use test_vectors::test_vectors;
