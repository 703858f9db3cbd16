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

pub use average::Average;
pub use batch::{Batch, BatchError, prepare};
pub use checkpoint::{Checkpoint, CheckpointError};
pub use configuration::{
    Configuration, ConfigurationError, LEAST_AVERAGE, MOST_SAMPLES, Stage, StageConfiguration,
};
pub use keypoint_loss::keypoint_loss;
pub use lesions::Lesions;
pub use losses::{LossWeights, Losses, mean_squared_error, pose_loss};
pub use run::{Outcome, Run, Start, knows_mask};
pub use run_error::RunError;
pub use schedule::{Progress, Schedule};
pub use step::Trainer;
pub use trained_model::TrainedModel;
pub use validation::{Validation, validate};
