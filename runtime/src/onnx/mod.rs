//! tract: reads ONNX files, runs them in float32, and lowers quantised ones to the integer engine.
//!
//! Where a heap and tract are allowed; the device build has neither. [`lower`] makes of a quantised file what
//! the engine runs. [`TractModels`] are the cascade's networks on tract, in float32 or with the engine's plans
//! as operators of tract's: run one by one ([`TractNetworks`]) or as one model with our sampler and decoding
//! as operators between and behind them ([`TractCascade`]).

mod attributes;
mod decoding_operator;
mod error;
mod file;
mod integers;
mod lower;
mod plan_operator;
mod sampler_operator;
mod tract_cascade;
mod tract_models;
mod tract_networks;

/// The messages that ONNX files are made of, for who writes them.
pub use tract_onnx::pb as protobuf;

pub use error::OnnxError;
pub use file::metadata;
pub use lower::lower;
pub use tract_cascade::TractCascade;
pub use tract_models::TractModels;
pub use tract_networks::TractNetworks;
