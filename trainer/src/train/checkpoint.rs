use std::fmt;
use std::path::Path;

use super::{Average, Progress, Trainer};
use crate::autodiff::{Cascade, Device, Error, Method, Module, ModuleError, Optimiser};
use crate::graph::Graph;
use crate::weights::{Tensor, Weights, WeightsError};

/// Everything a training run needs to go on as if it had never stopped: one safetensors file.
#[derive(Clone, Debug)]
pub struct Checkpoint {
    /// The number of the stage.
    pub stage: usize,
    /// Where it stands.
    pub progress: Progress,
    /// Both networks: `localization.*` and `hourglass.*`.
    pub weights: Weights,
    optimisers: [(u32, Weights); 2],
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

/// The scopes of the two networks' weights.
pub(super) const PARTS: [&str; 2] = ["localization.", "hourglass."];

/// The tensor of the numbers: stage, step, lowest loss, epochs waited, divisions, steps of the two optimisers,
/// weights in the average.
const PROGRESS: &str = "progress";

/// The most steps of a stage, which are kept as a 32-bit float.
pub(super) const MOST_STEPS: u64 = (1 << 24) - 1;

/// The scope of the averaged weights.
const AVERAGE: &str = "average.";

/// The weights of a cascade, named as a checkpoint names them.
///
/// # Errors
/// If the device fails.
pub(super) fn weights_of<D: Device<f32>>(cascade: &Cascade<f32, D>) -> Result<Weights, Error> {
    let mut weights = Weights::default();
    weights.extend(PARTS[0], cascade.localization.weights()?);
    weights.extend(PARTS[1], cascade.hourglass.weights()?);
    Ok(weights)
}

/// The cascade of these weights, named as a checkpoint names them.
///
/// # Errors
/// If a tensor is missing or does not fit the graphs, or the device fails.
pub(super) fn cascade_of<D: Device<f32>>(
    mut weights: Weights,
    [localization, hourglass]: [Graph; 2],
    device: &D,
) -> Result<Cascade<f32, D>, ModuleError> {
    Ok(Cascade {
        localization: Module::new(localization, &weights.take(PARTS[0]), device)?,
        hourglass: Module::new(hourglass, &weights.take(PARTS[1]), device)?,
    })
}

impl Checkpoint {
    /// What `trainer` is at this moment.
    ///
    /// # Errors
    /// If the device fails.
    pub fn of<D: Device<f32>>(stage: usize, progress: Progress, trainer: &Trainer<D>) -> Result<Self, Error> {
        let Trainer { cascade, localization, hourglass, average } = trainer;
        let optimisers =
            [(localization.steps(), localization.moments()?), (hourglass.steps(), hourglass.moments()?)];
        Ok(Self { stage, progress, weights: weights_of(cascade)?, optimisers, average: average.clone() })
    }

    /// The trainer that it was.
    ///
    /// # Errors
    /// If a tensor does not fit the graphs, or the device fails.
    pub fn trainer<D: Device<f32>>(
        self,
        graphs: [Graph; 2],
        method: Method,
        device: &D,
    ) -> Result<Trainer<D>, ModuleError> {
        let Self { weights, optimisers: [(first_steps, first), (second_steps, second)], average, .. } = self;
        let cascade = cascade_of(weights, graphs, device)?;
        Ok(Trainer {
            localization: Optimiser::resume(method, &cascade.localization, first_steps, first)?,
            hourglass: Optimiser::resume(method, &cascade.hourglass, second_steps, second)?,
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
    pub fn write(&self, path: &Path) -> Result<(), WeightsError> {
        let Progress { step, lowest, waited, divisions } = self.progress;
        let mut file = self.weights.clone();
        let exact = |number: u64| {
            assert!(number <= MOST_STEPS, "numbers of a checkpoint are exact in 32-bit floats");
            number as f32
        };
        let mut numbers = vec![exact(self.stage as u64), exact(step), lowest, exact(waited.into())];
        numbers.push(exact(divisions.into()));
        for (part, (steps, moments)) in PARTS.into_iter().zip(&self.optimisers) {
            numbers.push(exact((*steps).into()));
            file.extend(&format!("moments.{part}"), moments.clone());
        }
        numbers.push(exact(self.average.count.into()));
        file.extend(AVERAGE, self.average.mean.clone());
        file.insert(PROGRESS, Tensor::new(vec![numbers.len()], numbers).expect("a vector has its length"));
        file.write(path)
    }

    /// Reads a checkpoint.
    ///
    /// # Errors
    /// If the file cannot be read or is no checkpoint.
    pub fn read(path: &Path) -> Result<Self, CheckpointError> {
        let mut weights = Weights::read(path).map_err(CheckpointError::Weights)?;
        let numbers = weights.remove(PROGRESS, &[8]).map_err(CheckpointError::Weights)?;
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked")]
        let whole = |i: usize| match numbers.values()[i] {
            value if value >= 0.0 && value.fract() == 0.0 && value < 16_777_216.0 => Ok(value as u32),
            value => Err(CheckpointError::Progress(value)),
        };
        let mut moments = PARTS.map(|part| weights.take(&format!("moments.{part}")));
        Ok(Self {
            stage: whole(0)? as usize,
            progress: Progress {
                step: whole(1)?.into(),
                lowest: numbers.values()[2],
                waited: whole(3)?,
                divisions: whole(4)?,
            },
            optimisers: [
                (whole(5)?, std::mem::take(&mut moments[0])),
                (whole(6)?, std::mem::take(&mut moments[1])),
            ],
            average: Average { count: whole(7)?, mean: weights.take(AVERAGE) },
            weights,
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
