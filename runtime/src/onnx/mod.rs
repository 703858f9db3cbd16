//! tract: reads ONNX files, runs them in float32, and lowers quantised ones to the integer engine.
//!
//! Where a heap and tract are allowed; the device build has neither. [`lower`] makes of a quantised file what
//! the engine runs; [`TractNetworks`] runs a cascade on tract itself, in float32 or with the engine's plans as
//! operators of tract's.

mod error;
mod integers;
mod lower;
mod plan_operator;
mod tract_networks;

pub use error::OnnxError;
pub use lower::lower;
pub use tract_networks::TractNetworks;
