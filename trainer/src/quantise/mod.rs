//! From trained weights to integers: batch norms folded, the ranges of channels evened out and measured on real
//! patches, the network written down as the runtime's engine takes it.

mod calibration;
mod equalise;
mod error;
mod fold;
mod lower;
mod rule;
mod values;

pub use calibration::{Calibration, Range};
pub(crate) use equalise::equalise;
pub use error::QuantiseError;
pub use fold::{Folded, fold};
pub use lower::{Lowered, lower};
pub use rule::{Quantisation, Rule, quantisation};
