//! Lesions for training: where they come from, the packed file that holds them, and what a training step
//! makes of one.

mod augmentation;
mod cut;
mod deeplesion;
mod endpoint_table;
mod lesion;
mod lesion_patch;
mod pack;
mod phantom;
mod problems;
mod random;
mod sheet;
mod shown;
mod spacing_mm;
mod splits;
mod table;
mod targets;

pub use augmentation::{Augmentation, Sample, augment};
pub use cut::{Candidate, Outlines, cut};
pub use deeplesion::deeplesion;
pub use endpoint_table::endpoint_table;
pub use lesion::{Lesion, Origin, Split};
pub use lesion_patch::LesionPatch;
pub use pack::{Depth, Pack, PackError, PackWriter, Pixels};
pub use phantom::{Backgrounds, phantom};
pub use problems::{Problem, Problems, TooManyProblems};
pub use random::{Random, keyed};
pub use sheet::{Colour, Sheet};
pub use shown::first_shown;
pub use targets::{HEATMAP_SIGMA, MaskTarget, Targets, ellipse_mask, gaussian_heatmaps};
