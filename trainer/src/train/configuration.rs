mod check;

pub(crate) use check::LEAST_AVERAGE;
pub use check::MOST_SAMPLES;

use std::fmt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{LossWeights, Schedule};
use crate::autodiff::Method;
use crate::data::{Augmentation, MaskTarget};
use crate::network::Network;

/// Every choice of a training run: a TOML file, or a preset's name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Configuration {
    /// The network: a preset's name or a network file; a relative path starts at the folder of the configuration's
    /// file.
    pub network: String,
    /// What every random choice follows from.
    #[serde(default)]
    pub seed: u64,
    /// Samples in a training step.
    pub batch: usize,
    /// Threads that prepare samples; the result does not depend on their number.
    #[serde(default = "one")]
    pub loaders: usize,
    /// How parameters follow their gradients.
    pub method: Method,
    /// The greatest norm of a step's gradients; greater ones are scaled down.
    #[serde(default)]
    pub gradient_limit: Option<f64>,
    /// How much more often lesions of at least 8 mm are drawn than smaller ones: RECIST measures none below
    /// 10 mm.
    #[serde(default = "even")]
    pub large_lesions: f64,
    /// The share of samples that are generated lesions, where the data have both kinds.
    #[serde(default)]
    pub generated_share: f64,
    /// How samples are changed.
    #[serde(default)]
    pub augmentation: Augmentation,
    /// What the mask is to show.
    #[serde(default)]
    pub mask: MaskTarget,
    /// How far from the truth, by standard deviation, the θ is that the hourglass learns behind in a stage `shn`: shift
    /// in half patch widths, angle in radians of the double angle, ln scale.
    #[serde(default = "pose_noise")]
    pub pose_noise: [f64; 3],
    /// Whether the hourglass learns behind the θ of an untrained localization network
    /// ([`Localization::untrained_theta`](crate::network::Localization::untrained_theta)), as if there were no
    /// spatial transformer. Only stages `shn` can.
    #[serde(default)]
    pub fixed_pose: bool,
    /// Steps from one validation to the next: what this trainer calls an epoch.
    pub epoch: u64,
    /// Lesions of a validation.
    pub validation: usize,
    /// Steps from one checkpoint to the next.
    pub checkpoint: u64,
    /// The stages in their order.
    pub stages: Vec<StageConfiguration>,
}

/// One stage of a training run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StageConfiguration {
    /// What is trained.
    pub stage: Stage,
    /// The learning rate from step to step, and the end of the stage.
    pub schedule: Schedule,
    /// The parts of the loss.
    pub loss: LossWeights,
    /// The stage ends with the mean of the weights of every tenth of its last so many steps, the last among them: 20
    /// or more, 0: with the weights of the last. Only where the schedule says when the stage ends.
    #[serde(default)]
    pub average: u64,
}

/// What a stage trains.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// The localization network, before the spatial transformer.
    Stn,
    /// The stacked hourglass, on canonical patches of nearly the true θ.
    Shn,
    /// The stacked hourglass, on the canonical patches of the θ that the localization network finds, while that network
    /// stays as it is: what the hourglass is given in use.
    Follow,
    /// Both, through the sampler.
    Joint,
}

/// Why a configuration cannot be used.
#[derive(Debug)]
#[non_exhaustive]
pub enum ConfigurationError {
    /// The file cannot be read.
    File(PathBuf, std::io::Error),
    /// It is not a configuration.
    Syntax(String),
    /// A value is out of its range.
    Value(String),
}

const fn one() -> usize {
    1
}

const fn even() -> f64 {
    1.0
}

const fn pose_noise() -> [f64; 3] {
    [0.06, 0.5, 0.12]
}

impl Configuration {
    /// The presets: name and text.
    pub const PRESETS: [(&'static str, &'static str); 3] = [
        ("edge", include_str!("presets/edge.toml")),
        ("edge-tune", include_str!("presets/edge-tune.toml")),
        ("paper", include_str!("presets/paper.toml")),
    ];

    /// The preset of this name, else the file at this path, with the path of its network file as seen from here.
    ///
    /// # Errors
    /// If there is no such file, or it is no configuration.
    pub fn open(name_or_path: &str) -> Result<Self, ConfigurationError> {
        match Self::PRESETS.iter().find(|(name, _)| *name == name_or_path) {
            Some((_, text)) => Self::from_toml(text),
            None => {
                let path = Path::new(name_or_path);
                let read = std::fs::read_to_string(path);
                let mut configuration = Self::from_toml(
                    &read.map_err(|error| ConfigurationError::File(path.to_owned(), error))?,
                )?;
                if !Network::is_preset(&configuration.network) {
                    let folder = path.parent().unwrap_or(Path::new(""));
                    configuration.network = folder.join(&configuration.network).display().to_string();
                }
                Ok(configuration)
            }
        }
    }

    /// Reads a configuration.
    ///
    /// # Errors
    /// If the text is not TOML, a key is unknown or missing, or a value is out of its range.
    pub fn from_toml(text: &str) -> Result<Self, ConfigurationError> {
        let configuration: Self =
            toml::from_str(text).map_err(|error| ConfigurationError::Syntax(worded(&error.to_string())))?;
        configuration.check()?;
        Ok(configuration)
    }

    /// Whether any stage teaches the mask.
    #[must_use]
    pub(super) fn teaches_mask(&self) -> bool {
        self.stages.iter().any(|stage| stage.loss.mask > 0.0)
    }

    /// The configuration as a file: every value, defaults too.
    #[must_use]
    pub fn to_toml(&self) -> String {
        toml::to_string_pretty(self).expect("a configuration is plain data")
    }
}

/// What a reader of TOML says, in a user's words for the types.
fn worded(error: &str) -> String {
    [("usize", "a whole number"), ("u64", "a whole number"), ("u32", "a whole number"), ("f64", "a number")]
        .into_iter()
        .fold(error.to_owned(), |text, (kind, words)| {
            text.replace(&format!("expected {kind}"), &format!("expected {words}"))
        })
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Stn => "stn",
            Self::Shn => "shn",
            Self::Follow => "follow",
            Self::Joint => "joint",
        })
    }
}

impl fmt::Display for ConfigurationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path, error) => write!(
                f,
                "{}: {error} (presets: {})",
                path.display(),
                Configuration::PRESETS.map(|(name, _)| name).join(", ")
            ),
            Self::Syntax(error) => write!(f, "not a training configuration: {error}"),
            Self::Value(what) => write!(f, "training configuration: {what}"),
        }
    }
}

impl std::error::Error for ConfigurationError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_preset_is_a_configuration_and_survives_being_written() {
        for (name, text) in Configuration::PRESETS {
            let configuration = Configuration::open(name).unwrap();
            assert_eq!(Configuration::from_toml(&configuration.to_toml()).unwrap(), configuration, "{name}");
            let wrong = format!("colour = \"blue\"\n{text}");
            assert!(Configuration::from_toml(&wrong).unwrap_err().to_string().contains("colour"));
        }
    }
}
