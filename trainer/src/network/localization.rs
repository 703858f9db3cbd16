use recist::cascade::ThetaOutputs;
use recist::geometry::Theta;
use serde::{Deserialize, Serialize};

use super::{Bottleneck, NetworkError};
use crate::graph::{Graph, GraphError, Scope, Shape, Value, Window};
use crate::weights::{Tensor, Weights};

/// The output with the lesion mask: one channel, a quarter of the patch's size, above 0.5 inside the lesion.
pub const MASK: &str = "mask";

/// The output with θ: tx, ty, cos 2α, sin 2α, ln s.
pub const THETA: &str = "theta";

/// What an untrained network answers for θ: the lesion in the middle, its long axis horizontal, and of the size
/// that it has in a box 2.25 times as large, the mean of the law of boxes: s = 1 / (2.25 *
/// [`MARGIN`](recist::image::MARGIN) * [`LONG_AXIS_FRACTION`](recist::geometry::LONG_AXIS_FRACTION)).
const THETA_START: [f32; 5] = [0.0, 0.0, 1.0, 0.0, -0.523];

/// The scope of the residual network; the names within it are torchvision's.
pub const TRUNK: &str = "trunk";

/// The localization network of section 2.1: the first five blocks of a residual network, a top-down pathway
/// with lateral connections, a five-channel map of a quarter of the patch's size, and θ.
///
/// The map is stated as two convolutions of the same features, one for the lesion mask and one for the pose:
/// the same products as one convolution with five channels, without a slice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Localization {
    /// Channels of the 7 x 7 convolution.
    pub stem: usize,
    /// The residual stages from fine to coarse; each after the first halves the image.
    pub stages: Vec<Stage>,
    /// Channels of the top-down pathway.
    pub pyramid: usize,
    /// Where the top-down pathway is smoothed.
    pub smoothing: Smoothing,
    /// How θ comes out of the smoothed map.
    pub pose: PoseHead,
}

/// A run of residual modules of one size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stage {
    /// How many modules.
    pub blocks: usize,
    /// Channels of each module's 3 x 3 convolution.
    pub middle: usize,
    /// Channels of each module's result.
    pub channels: usize,
}

/// Where the top-down pathway has its 3 x 3 convolutions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Smoothing {
    /// After every sum, as the paper has it.
    EveryLevel,
    /// After the last, finest sum only.
    Finest,
}

/// From the smoothed map to θ.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum PoseHead {
    /// The paper's: four channels at the map's own size, then one fully connected layer.
    Map,
    /// Rectified 3 x 3 convolutions that halve the map, a hidden layer, then θ: a sixteenth of the weights
    /// that the full map would need.
    Reduced {
        /// Channels of each convolution.
        channels: Vec<usize>,
        /// Numbers in the hidden layer.
        hidden: usize,
    },
}

impl Localization {
    /// The network for a patch of `patch_size` x `patch_size` pixels, with the outputs [`MASK`], [`THETA`].
    ///
    /// # Errors
    /// If there is no stage, or the layers do not fit the patch.
    pub fn graph(&self, patch_size: usize) -> Result<Graph, NetworkError> {
        Graph::build(|root| {
            let patch = root.input("patch", Shape::new(1, patch_size, patch_size))?;
            let levels = self.trunk(root.scope(TRUNK), patch)?;
            let features = self.top_down(root.scope("pyramid"), &levels)?;
            let mask = root.convolution(MASK, features, 1, Window::same(3, 1))?;
            let pose = self.pose.add(root.scope("pose"), features)?;
            let theta = root.linear(THETA, pose, 5)?;
            Ok(vec![mask, theta])
        })
    }

    /// Weights to start training from: [`Weights::initialise`], with a θ that lies in the middle of what will be
    /// learnt and has a direction.
    ///
    /// # Panics
    /// If `graph` is not a localization network's.
    #[must_use]
    pub fn initialise(graph: &Graph, seed: u64) -> Weights {
        let mut weights = Weights::initialise(graph, seed);
        let bias = format!("{THETA}.bias");
        let theta = weights.get_mut(&bias).map(Tensor::values_mut);
        theta.expect("a localization network has a layer for θ").copy_from_slice(&THETA_START);
        weights
    }

    /// The θ that an untrained network answers for every patch.
    ///
    /// # Panics
    /// Never: the numbers are a θ.
    #[must_use]
    pub fn untrained_theta() -> Theta {
        ThetaOutputs::from_array(THETA_START).theta().expect("a direction and a scale")
    }

    /// ResNet's conv1 to conv5_x, in torchvision's order and names; the results of all stages, finest first.
    ///
    /// `x` has one channel in our network. Weights trained on colour images are summed over their three input
    /// channels when they are loaded, which is what a grey image in all three channels would give; so one
    /// channel loses nothing and costs a third.
    pub(super) fn trunk(&self, mut scope: Scope<'_>, x: Value) -> Result<Vec<Value>, NetworkError> {
        let y = scope.normalised_convolution(["conv1", "bn1"], x, self.stem, Window::same(7, 2))?;
        let y = scope.relu("relu", y)?;
        let mut y = scope.max_pool("maxpool", y, Window::OVERLAPPING)?;
        let mut levels = Vec::with_capacity(self.stages.len());
        for (s, stage) in self.stages.iter().enumerate() {
            let Stage { blocks, middle, channels } = *stage;
            let mut layer = scope.scope(&format!("layer{}", s + 1));
            for block in 0..blocks {
                let stride = if s > 0 && block == 0 { 2 } else { 1 };
                y = Bottleneck { middle, channels }.add(layer.scope(&block.to_string()), y, stride)?;
            }
            levels.push(y);
        }
        Ok(levels)
    }

    /// The top-down pathway: from the coarsest level, upsampled, added to the 1 x 1 convolution of the next
    /// finer level, rectified and smoothed.
    fn top_down(&self, mut scope: Scope<'_>, levels: &[Value]) -> Result<Value, NetworkError> {
        let (&coarsest, finer) = levels.split_last().ok_or(NetworkError::Empty { field: "stages" })?;
        let mut level = scope.scope(&format!("level{}", levels.len()));
        let y = level.convolution("lateral", coarsest, self.pyramid, Window::same(1, 1))?;
        let mut y = level.relu("relu", y)?;
        for (i, &fine) in finer.iter().enumerate().rev() {
            let mut level = scope.scope(&format!("level{}", i + 1));
            let upsampled = level.upsample("upsample", y)?;
            let lateral = level.convolution("lateral", fine, self.pyramid, Window::same(1, 1))?;
            let sum = level.add("add", lateral, upsampled)?;
            y = level.relu("relu", sum)?;
            if self.smoothing == Smoothing::EveryLevel {
                y = smooth(level.scope("smooth"), y, self.pyramid)?;
            }
        }
        if self.smoothing == Smoothing::Finest {
            y = smooth(scope.scope("smooth"), y, self.pyramid)?;
        }
        Ok(y)
    }
}

/// The rectified 3 x 3 convolution of the top-down pathway.
fn smooth(mut scope: Scope<'_>, x: Value, channels: usize) -> Result<Value, GraphError> {
    let y = scope.normalised_convolution(["conv", "bn"], x, channels, Window::same(3, 1))?;
    scope.relu("relu", y)
}

impl PoseHead {
    /// What the fully connected layer of θ reads.
    fn add(&self, mut scope: Scope<'_>, features: Value) -> Result<Value, GraphError> {
        match self {
            Self::Map => scope.convolution("map", features, 4, Window::same(3, 1)),
            Self::Reduced { channels, hidden } => {
                let mut y = features;
                for (i, &channels) in channels.iter().enumerate() {
                    let mut half = scope.scope(&format!("half{i}"));
                    y = half.normalised_convolution(["conv", "bn"], y, channels, Window::same(3, 2))?;
                    y = half.relu("relu", y)?;
                }
                let y = scope.linear("hidden", y, *hidden)?;
                scope.relu("relu", y)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Network, torchvision};
    use super::*;
    use crate::graph::Role;

    /// The trunk of `paper` on an image of `channels` channels: torchvision's names with shapes.
    fn trunk_parameters(channels: usize) -> Vec<(String, Vec<usize>, Role)> {
        let localization = Network::open("paper").unwrap().localization;
        let graph = Graph::build::<NetworkError>(|root| {
            let image = root.input("image", Shape::new(channels, 128, 128))?;
            localization.trunk(root.scope(TRUNK), image)
        });
        graph
            .unwrap()
            .parameters()
            .into_iter()
            .map(|p| {
                let name = p.name.strip_prefix("trunk.").unwrap().to_owned();
                (name, p.shape, p.role)
            })
            .collect()
    }

    fn learnt(parameters: &[(String, Vec<usize>, Role)]) -> usize {
        let learnt = parameters.iter().filter(|p| p.2.is_learnt());
        learnt.map(|p| p.1.iter().product::<usize>()).sum()
    }

    #[test]
    fn an_untrained_network_answers_a_theta_that_suits_the_rough_box() {
        let graph = Network::open("edge").unwrap().localization.graph(128).unwrap();
        let weights = Localization::initialise(&graph, 1);
        weights.check(&graph).unwrap();
        let &[tx, ty, cos2, sin2, ln_s] = weights.get("theta.bias").unwrap().values() else {
            panic!("θ is five numbers");
        };
        assert_eq!((tx, ty, cos2, sin2), (0.0, 0.0, 1.0, 0.0));
        let patch_over_lesion = 1.0 / (f64::from(ln_s).exp() * recist::geometry::LONG_AXIS_FRACTION);
        let box_over_lesion = patch_over_lesion / recist::image::MARGIN;
        assert!((box_over_lesion - 2.25).abs() < 0.01, "{box_over_lesion}");
        assert!(weights.get("theta.weight").unwrap().values().iter().all(|&weight| weight == 0.0));
    }

    #[test]
    fn the_trunk_of_paper_is_torchvisions_resnet_50() {
        let ours = trunk_parameters(3);
        let theirs = torchvision::resnet50_trunk();
        assert_eq!(ours.len(), theirs.len());
        for ((name, shape, _), theirs) in ours.iter().zip(&theirs) {
            assert_eq!((name, shape), (&theirs.0, &theirs.1));
        }
        assert_eq!(learnt(&ours), 23_508_032);
    }

    #[test]
    fn one_grey_channel_is_all_that_differs_from_torchvision() {
        let ours = trunk_parameters(1);
        let theirs = torchvision::resnet50_trunk();
        for ((name, shape, _), (their_name, their_shape)) in ours.iter().zip(&theirs) {
            assert_eq!(name, their_name);
            if name == "conv1.weight" {
                assert_eq!((&shape[..], &their_shape[..]), (&[64, 1, 7, 7][..], &[64, 3, 7, 7][..]));
            } else {
                assert_eq!(shape, their_shape, "{name}");
            }
        }
        assert_eq!(learnt(&ours), 23_508_032 - 64 * 2 * 7 * 7);
    }
}
