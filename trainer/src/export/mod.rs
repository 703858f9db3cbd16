//! What leaves the trainer: ONNX files for every engine, and the bundle for the runtime.

mod answers;
mod onnx;
mod onnx_files;
mod onnxruntime;
mod parity;
mod parity_report;
mod quantised;
mod test_vectors;

pub use onnx::{Metadata, float32, int8};
pub use onnx_files::OnnxFiles;
pub use onnxruntime::onnxruntime;
pub use parity_report::ParityReport;
pub use quantised::{CalibrationPatches, QuantisedNetwork, bundle, quantise};
pub use test_vectors::test_vectors;

use answers::Answers;
use parity::{Parity, Quanta};
