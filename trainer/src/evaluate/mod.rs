//! How well a cascade measures: errors in millimetres against the readers.

mod drawn_box;
mod errors;
mod report;
mod trained_networks;

pub use drawn_box::drawn_box;
pub use errors::{Errors, Statistics};
pub use report::{Report, Row, Selection, evaluate};
pub use trained_networks::TrainedNetworks;
