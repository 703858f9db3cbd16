use std::path::Path;

use recist::image::PATCH_SIZE;

use super::folder::{CHECKPOINT, CONFIGURATION, NETWORK, WEIGHTS};
use super::run_error::named;
use super::{Checkpoint, Configuration, RunError, knows_mask};
use crate::autodiff::{Cascade, Device, ModuleError};
use crate::graph::Graph;
use crate::network::Network;
use crate::weights::Weights;

/// A trained cascade: the network and its weights, as a run's folder holds them.
#[derive(Clone, Debug)]
pub struct TrainedModel {
    /// The network.
    pub network: Network,
    /// Whether the run taught the mask, or went on from weights of another run; the runtime measures nothing where the
    /// mask shows no lesion.
    pub knows_mask: bool,
    /// Localization network and hourglass.
    pub(crate) graphs: [Graph; 2],
    pub(crate) weights: [Weights; 2],
}

impl TrainedModel {
    /// Whether the run in `folder` has come to its end.
    #[must_use]
    pub fn is_finished(folder: &Path) -> bool {
        folder.join(WEIGHTS).exists()
    }

    /// Reads a finished run's folder: `network.toml`, `configuration.toml` and `weights.safetensors`. Weights without a
    /// configuration are taken to know the mask.
    ///
    /// # Errors
    /// If a file is missing or does not fit the network; of a run that is not finished, how far it has come.
    pub fn read(folder: &Path) -> Result<Self, RunError> {
        let path = folder.join(NETWORK);
        let text = std::fs::read_to_string(&path).map_err(|error| named(&path, &error))?;
        let network = Network::from_toml(&text).map_err(|error| named(&path, &error))?;
        let knows_mask =
            !folder.join(CONFIGURATION).exists() || knows_mask(folder, &configuration_of(folder)?);
        if !Self::is_finished(folder) {
            let place = standing(folder)?;
            return Err(RunError(format!("{} {place}: `train --resume` finishes it", folder.display())));
        }
        let path = folder.join(WEIGHTS);
        let weights = Weights::read(&path).map_err(|error| RunError(error.of_file(&path)))?.into_networks();
        let graphs = network.graphs(PATCH_SIZE)?;
        for (graph, weights) in graphs.iter().zip(&weights) {
            weights.check(graph).map_err(|error| named(&path, &error))?;
        }
        Ok(Self { network, knows_mask, graphs, weights })
    }

    /// Both networks on a device, in floating point.
    ///
    /// # Errors
    /// If the device fails.
    pub fn cascade<D: Device<f32>>(&self, device: &D) -> Result<Cascade<f32, D>, ModuleError> {
        Cascade::new(self.graphs.clone(), &self.weights, device)
    }
}

/// How far a run has come that has no weights yet.
fn standing(folder: &Path) -> Result<String, RunError> {
    let path = folder.join(CHECKPOINT);
    if !path.exists() {
        return Ok("has no checkpoint yet".to_owned());
    }
    let checkpoint = Checkpoint::read(&path).map_err(|error| RunError(error.of_file(&path)))?;
    let configuration = configuration_of(folder)?;
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

fn configuration_of(folder: &Path) -> Result<Configuration, RunError> {
    let path = folder.join(CONFIGURATION);
    Configuration::open(&path.to_string_lossy()).map_err(|error| named(&path, &error))
}
