//! The trainer: from a folder of CT images to a quantised model that the runtime opens.

pub mod ablation;
pub mod autodiff;
pub mod data;
pub mod evaluate;
pub mod export;
pub mod graph;
mod hexadecimal;
pub mod network;
pub mod quantise;
mod replace;
pub mod train;
pub mod weights;

pub use hexadecimal::hexadecimal;
pub use replace::{check_outputs, check_png, replace};
