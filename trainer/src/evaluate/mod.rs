//! How well a cascade measures: errors in millimetres against the readers.

mod errors;
mod trained_networks;

pub use errors::{Errors, MeanErrors};
pub use trained_networks::TrainedNetworks;
