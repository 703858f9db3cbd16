//! How well a cascade measures: measured through the runtime, compared with the readers, told as text, JSON, a table
//! and a picture.

mod agreement;
mod bootstrap;
mod careless;
mod difference;
mod drawn_box;
mod errors;
mod evaluation;
mod figure;
mod four;
mod lesion_table;
mod measured;
mod others;
mod picture;
mod reliability;
mod report;
mod row;
mod size_class;
mod statistics;
mod table;
mod trained_networks;
mod unmeasured;

pub use agreement::Agreement;
pub use careless::{BOX_SIZES, BoxSize, Careless, REDRAWN, Spread};
pub use difference::{Difference, LIMITS_OF_AGREEMENT};
pub use drawn_box::drawn_box;
pub use errors::errors;
pub use evaluation::{Evaluation, Group};
pub use figure::Figure;
pub use four::Four;
pub use lesion_table::lesion_table;
pub(crate) use measured::measured;
pub use picture::picture;
pub use reliability::{Bin, Reliability};
pub use report::{Report, evaluate};
pub use row::{Found, Row};
pub use size_class::SizeClass;
pub use statistics::Statistics;
pub use table::{Comparison, Deviations, Estimate, Table};
pub use trained_networks::TrainedNetworks;
pub use unmeasured::{Nothing, Unmeasured};
