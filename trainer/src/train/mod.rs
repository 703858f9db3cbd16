//! Staged training: the localization network, the hourglass, then both jointly (paper, sections 2.1 to 2.3
//! and 3).

mod average;
mod batch;
mod checkpoint;
mod configuration;
mod folder;
mod keypoint_loss;
mod lesions;
mod loader;
mod losses;
mod metrics;
mod picture;
mod run;
mod run_error;
mod schedule;
mod step;
mod trained_model;
mod validation;

pub use checkpoint::{Checkpoint, CheckpointError};
pub(crate) use configuration::LEAST_AVERAGE;
pub use configuration::{Configuration, ConfigurationError, MOST_SAMPLES, Stage, StageConfiguration};
pub use lesions::Lesions;
pub use losses::{LossWeights, Losses};
pub use run::{Outcome, Run, Start, knows_mask};
pub use run_error::RunError;
pub use schedule::{Progress, Schedule};
pub use trained_model::TrainedModel;
pub use validation::Validation;

use average::Average;
use batch::{Batch, BatchError, prepare};
use step::Trainer;
