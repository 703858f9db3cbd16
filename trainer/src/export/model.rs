use std::fmt;
use std::path::Path;

use recist::image::PATCH_SIZE;

use crate::autodiff::{Cascade, Device};
use crate::network::Network;
use crate::quantise::{Folded, QuantiseError, fold};
use crate::train::{Checkpoint, Configuration, knows_mask};
use crate::weights::Weights;

/// A trained cascade: the network and its weights, as a run's folder holds them.
#[derive(Clone, Debug)]
pub struct TrainedModel {
    /// The network.
    pub network: Network,
    /// Whether the run taught the mask, or went on from weights of another run; the runtime measures nothing where the
    /// mask shows no lesion.
    pub knows_mask: bool,
    weights: [Weights; 2],
}

/// Why a model cannot be read.
#[derive(Debug)]
pub struct ModelError(String);

impl TrainedModel {
    /// Reads a finished run's folder: `network.toml`, `configuration.toml` and `weights.safetensors`. Weights without a
    /// configuration are taken to know the mask.
    ///
    /// # Errors
    /// If a file is missing or does not fit the network; of a run that is not finished, how far it has come.
    pub fn read(run: &Path) -> Result<Self, ModelError> {
        let path = run.join("network.toml");
        let text = std::fs::read_to_string(&path).map_err(|error| named(&path, &error))?;
        let network = Network::from_toml(&text).map_err(|error| named(&path, &error))?;
        let path = run.join("configuration.toml");
        let knows_mask = !path.exists() || {
            let configuration =
                Configuration::open(&path.to_string_lossy()).map_err(|error| named(&path, &error))?;
            knows_mask(run, &configuration)
        };
        let path = run.join("weights.safetensors");
        if !path.exists() {
            let place = standing(run)?;
            return Err(ModelError(format!("{} {place}: `train --resume` finishes it", run.display())));
        }
        let weights = Weights::read(&path).map_err(|error| ModelError(error.of_file(&path)))?.into_networks();
        let model = Self { network, knows_mask, weights };
        for (graph, weights) in model.graphs()?.iter().zip(&model.weights) {
            weights.check(graph).map_err(|error| named(&path, &error))?;
        }
        Ok(model)
    }

    /// Both networks on a device, in floating point.
    ///
    /// # Errors
    /// If the network's file describes none, or the device fails.
    pub fn cascade<D: Device<f32>>(&self, device: &D) -> Result<Cascade<f32, D>, ModelError> {
        Cascade::new(self.graphs()?, &self.weights, device).map_err(|error| ModelError(error.to_string()))
    }

    /// Both networks with their batch norms folded; of the hourglass only the last stack's heatmaps are given
    /// out.
    ///
    /// # Errors
    /// If a batch norm cannot be folded.
    pub fn folded(&self) -> Result<[Folded; 2], ModelError> {
        let [localization, hourglass] = self.graphs()?;
        let mut heads = fold(&hourglass, &self.weights[1])?;
        let last =
            *heads.graph.outputs().last().ok_or_else(|| ModelError("the hourglass has no output".into()))?;
        heads.graph = heads.graph.clone().with_outputs(&[last]);
        Ok([fold(&localization, &self.weights[0])?, heads])
    }

    fn graphs(&self) -> Result<[crate::graph::Graph; 2], ModelError> {
        self.network.graphs(PATCH_SIZE).map_err(|error| ModelError(error.to_string()))
    }
}

/// How far a run has come that has no weights yet.
fn standing(run: &Path) -> Result<String, ModelError> {
    let path = run.join("checkpoint.safetensors");
    if !path.exists() {
        return Ok("has no checkpoint yet".to_owned());
    }
    let checkpoint = Checkpoint::read(&path).map_err(|error| ModelError(error.of_file(&path)))?;
    let path = run.join("configuration.toml");
    let configuration = Configuration::open(&path.to_string_lossy()).map_err(|error| named(&path, &error))?;
    let (stages, step) = (configuration.stages.len(), checkpoint.progress.step);
    let Some(stage) = configuration.stages.get(checkpoint.stage) else {
        return Ok(format!("is at the end of stage {stages} of {stages}"));
    };
    let steps = stage
        .schedule
        .left(&checkpoint.progress)
        .map_or(String::new(), |left| format!(" of {}", step + left));
    Ok(format!("is at stage {} of {stages}, step {step}{steps}", checkpoint.stage + 1))
}

fn named(path: &Path, error: &dyn fmt::Display) -> ModelError {
    ModelError(format!("{}: {error}", path.display()))
}

impl From<QuantiseError> for ModelError {
    fn from(error: QuantiseError) -> Self {
        Self(error.to_string())
    }
}

impl fmt::Display for ModelError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ModelError {}
