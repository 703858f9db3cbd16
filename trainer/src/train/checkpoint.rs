use std::fmt;
use std::path::Path;

use super::{Average, Progress, Trainer};
use crate::autodiff::{Cascade, Device, Error, Method, ModuleError, Optimiser};
use crate::graph::Graph;
use crate::weights::{Tensor, Weights, WeightsError};

/// Everything a training run needs to go on as if it had never stopped: one safetensors file.
#[derive(Clone, Debug)]
pub struct Checkpoint {
    /// The number of the stage.
    pub stage: usize,
    /// Where it stands.
    pub progress: Progress,
    weights: [Weights; 2],
    /// Of the two optimisers.
    steps: [u32; 2],
    moments: [Weights; 2],
    average: Average,
}

/// Why a checkpoint cannot be used.
#[derive(Debug)]
#[non_exhaustive]
pub enum CheckpointError {
    /// The file, or a tensor in it.
    Weights(WeightsError),
    /// A number of the progress cannot be.
    Progress(f32),
}

/// The tensor of the numbers: stage, step, lowest loss, epochs waited, divisions, steps of the two optimisers,
/// weights in the average.
const PROGRESS: &str = "progress";

/// The most steps of a stage, which are kept as a 32-bit float.
pub(super) const MOST_STEPS: u64 = (1 << 24) - 1;

/// The scopes of the optimisers' moments and of the averaged weights.
const MOMENTS: &str = "moments.";
const AVERAGE: &str = "average.";

impl Checkpoint {
    /// What `trainer` is at this moment.
    ///
    /// # Errors
    /// If the device fails.
    pub(super) fn of<D: Device<f32>>(
        stage: usize,
        progress: Progress,
        trainer: &Trainer<D>,
    ) -> Result<Self, Error> {
        let Trainer { cascade, localization, hourglass, average } = trainer;
        Ok(Self {
            stage,
            progress,
            weights: cascade.weights()?,
            steps: [localization.steps(), hourglass.steps()],
            moments: [localization.moments()?, hourglass.moments()?],
            average: average.clone(),
        })
    }

    /// The trainer that it was.
    ///
    /// # Errors
    /// If a tensor does not fit the graphs, or the device fails.
    pub(super) fn trainer<D: Device<f32>>(
        self,
        graphs: [Graph; 2],
        method: Method,
        device: &D,
    ) -> Result<Trainer<D>, ModuleError> {
        let Self { weights, steps, moments: [first, second], average, .. } = self;
        let cascade = Cascade::new(graphs, &weights, device)?;
        Ok(Trainer {
            localization: Optimiser::resume(method, &cascade.localization, steps[0], first)?,
            hourglass: Optimiser::resume(method, &cascade.hourglass, steps[1], second)?,
            cascade,
            average,
        })
    }

    /// Writes the checkpoint, all or nothing.
    ///
    /// # Errors
    /// If the file cannot be written.
    ///
    /// # Panics
    /// After 2²⁴ steps of a stage.
    pub fn write(self, path: &Path) -> Result<(), WeightsError> {
        let Self { stage, progress, weights, steps, moments, average } = self;
        let Progress { step, lowest, waited, divisions } = progress;
        let exact = |number: u64| {
            assert!(number <= MOST_STEPS, "numbers of a checkpoint are exact in 32-bit floats");
            number as f32
        };
        let mut numbers = vec![exact(stage as u64), exact(step), lowest];
        numbers.extend([waited, divisions, steps[0], steps[1], average.count].map(|n| exact(n.into())));
        let mut file = Weights::of_networks(weights);
        file.extend(MOMENTS, Weights::of_networks(moments));
        file.extend(AVERAGE, Weights::of_networks(average.mean));
        file.insert(PROGRESS, Tensor::new(vec![numbers.len()], numbers).expect("a vector has its length"));
        file.write(path)
    }

    /// Reads a checkpoint.
    ///
    /// # Errors
    /// If the file cannot be read or is no checkpoint.
    pub fn read(path: &Path) -> Result<Self, CheckpointError> {
        let mut file = Weights::read(path).map_err(CheckpointError::Weights)?;
        let numbers = file.remove(PROGRESS, &[8]).map_err(CheckpointError::Weights)?;
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked")]
        let whole = |i: usize| match numbers.values()[i] {
            value if value >= 0.0 && value.fract() == 0.0 && value < 16_777_216.0 => Ok(value as u32),
            value => Err(CheckpointError::Progress(value)),
        };
        Ok(Self {
            stage: whole(0)? as usize,
            progress: Progress {
                step: whole(1)?.into(),
                lowest: numbers.values()[2],
                waited: whole(3)?,
                divisions: whole(4)?,
            },
            steps: [whole(5)?, whole(6)?],
            moments: file.take(MOMENTS).into_networks(),
            average: Average { count: whole(7)?, mean: file.take(AVERAGE).into_networks() },
            weights: file.into_networks(),
        })
    }
}

impl CheckpointError {
    /// What is wrong with the file at `path`: some of the reasons name it themselves.
    #[must_use]
    pub fn of_file(&self, path: &Path) -> String {
        match self {
            Self::Weights(error) => error.of_file(path),
            Self::Progress(_) => format!("{}: {self}", path.display()),
        }
    }
}

impl fmt::Display for CheckpointError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Weights(error) => error.fmt(f),
            Self::Progress(value) => write!(f, "the checkpoint's progress holds the number {value}"),
        }
    }
}

impl std::error::Error for CheckpointError {}
