//! The two networks of the paper as graphs: the localization network of the spatial transformer (section 2.1)
//! and the stacked hourglass (section 2.2), and the presets `paper` and `edge`.
//!
//! ```text
//! patch ─ localization ─▶ mask, theta        canonical patch ─ hourglass ─▶ stack0.heatmaps, stack1.heatmaps ...
//! ```
//!
//! Both are made of one residual module. All outputs are linear: the losses are mean squared errors. Every
//! batch norm stands directly behind a convolution, into which it can be folded, and every sum of the body is
//! rectified, so that an integer engine with unsigned activations runs both presets.

mod hourglass;
mod localization;
mod residual;
#[cfg(test)]
mod torchvision;

use std::{fmt, fs, io, path::PathBuf};

use serde::{Deserialize, Serialize};

use crate::graph::{Graph, GraphError};
pub use hourglass::{HEATMAPS, Hourglass};
pub use localization::{Localization, MASK, PoseHead, Smoothing, Stage, THETA, TRUNK};
pub use residual::Bottleneck;

/// What the two networks are called, in the order in which they run: in the names of tensors and of files.
pub(crate) const NETWORKS: [&str; 2] = ["localization", "hourglass"];

/// Both networks of a cascade, as a small TOML file states them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Network {
    /// What the network is called.
    pub name: String,
    /// The localization network.
    pub localization: Localization,
    /// The stacked hourglass.
    pub hourglass: Hourglass,
}

/// Fields that say how often something is repeated.
const COUNTS: [&str; 3] = ["blocks", "stacks", "depth"];

/// The most repetitions: ResNet-152 has 36 blocks in a stage.
const MOST_REPEATED: i64 = 64;

/// The most channels, numbers of a layer, or pixels across: more than the integer engine takes.
const MOST_CHANNELS: i64 = 1 << 14;

impl Network {
    /// The presets: name and file.
    ///
    /// `paper` is the network of the paper; where the paper is silent, He et al. (2016) and Newell et al.
    /// (2016). `edge` is the one for embedded CPUs.
    pub const PRESETS: [(&'static str, &'static str); 2] =
        [("paper", include_str!("presets/paper.toml")), ("edge", include_str!("presets/edge.toml"))];

    /// Whether a preset has this name.
    #[must_use]
    pub fn is_preset(name: &str) -> bool {
        Self::PRESETS.iter().any(|(preset, _)| *preset == name)
    }

    /// The network of a preset's name or of a TOML file; a name wins over a file of that name.
    ///
    /// # Errors
    /// If there is no such preset or file, or the file does not describe a network.
    pub fn open(name_or_path: &str) -> Result<Self, NetworkError> {
        let preset = Self::PRESETS.iter().find(|(name, _)| *name == name_or_path);
        match preset {
            Some((_, text)) => Self::from_toml(text),
            None => {
                let text = fs::read_to_string(name_or_path)
                    .map_err(|source| NetworkError::File { path: name_or_path.into(), source })?;
                Self::from_toml(&text)
            }
        }
    }

    /// The network that a TOML text describes.
    ///
    /// # Errors
    /// If a field is missing, unknown, of the wrong type, or of a size that no network here has.
    pub fn from_toml(text: &str) -> Result<Self, NetworkError> {
        let syntax = |error: toml::de::Error| NetworkError::Syntax(error.to_string());
        let network = toml::from_str(text).map_err(syntax)?;
        check_sizes("", &toml::Value::Table(toml::from_str(text).map_err(syntax)?))?;
        Ok(network)
    }

    /// Localization network and hourglass for patches of `patch_size` x `patch_size`.
    ///
    /// # Errors
    /// If the layers do not fit together, or the patch.
    pub fn graphs(&self, patch_size: usize) -> Result<[Graph; 2], NetworkError> {
        Ok([self.localization.graph(patch_size)?, self.hourglass.graph(patch_size)?])
    }

    /// The text that [`Network::from_toml`] reads.
    #[must_use]
    pub fn to_toml(&self) -> String {
        toml::to_string(self).expect("a network is tables of numbers and names, which TOML can hold")
    }
}

/// That no number is so large that a network of it could not be held.
fn check_sizes(name: &str, value: &toml::Value) -> Result<(), NetworkError> {
    match value {
        toml::Value::Integer(size) => {
            let most = if COUNTS.contains(&name) { MOST_REPEATED } else { MOST_CHANNELS };
            if *size > most {
                return Err(NetworkError::Size { field: name.to_owned(), size: *size, most });
            }
            Ok(())
        }
        toml::Value::Array(values) => values.iter().try_for_each(|value| check_sizes(name, value)),
        toml::Value::Table(table) => table.iter().try_for_each(|(name, value)| check_sizes(name, value)),
        _ => Ok(()),
    }
}

/// Why there is no network.
#[derive(Debug)]
#[non_exhaustive]
pub enum NetworkError {
    /// The name is no preset, and there is no readable file of that name.
    File {
        /// The name.
        path: PathBuf,
        /// Why it cannot be read.
        source: io::Error,
    },
    /// The text does not describe a network.
    Syntax(String),
    /// A size is more than any network here has.
    Size {
        /// The field.
        field: String,
        /// What it says.
        size: i64,
        /// The most that it can.
        most: i64,
    },
    /// The heatmaps are neither half nor a quarter of the patch.
    HeatmapSize {
        /// Rows and columns of a heatmap.
        heatmap: usize,
        /// Rows and columns of the patch.
        patch: usize,
    },
    /// A list of layers that may not be empty is empty.
    Empty {
        /// Its name.
        field: &'static str,
    },
    /// The layers do not fit together.
    Graph(GraphError),
}

impl fmt::Display for NetworkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, source } => {
                let presets = Network::PRESETS.map(|(name, _)| name).join(", ");
                write!(f, "{} is neither a preset ({presets}) nor a file: {source}", path.display())
            }
            Self::Syntax(message) => write!(f, "network file: {message}"),
            Self::Size { field, size, most } => write!(f, "{field} is {size}: at most {most}"),
            Self::HeatmapSize { heatmap, patch } => {
                write!(f, "heatmaps of {heatmap} pixels are neither half nor a quarter of a patch of {patch}")
            }
            Self::Empty { field } => write!(f, "{field} is empty"),
            Self::Graph(error) => write!(f, "{error}"),
        }
    }
}

impl std::error::Error for NetworkError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::File { source, .. } => Some(source),
            Self::Graph(error) => Some(error),
            Self::Syntax(_) | Self::Size { .. } | Self::HeatmapSize { .. } | Self::Empty { .. } => None,
        }
    }
}

impl From<GraphError> for NetworkError {
    fn from(error: GraphError) -> Self {
        Self::Graph(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::{Operator, Shape, Summary};
    use recist::image::PATCH_SIZE;

    #[test]
    fn presets_survive_their_file() {
        for (name, text) in Network::PRESETS {
            let network = Network::open(name).unwrap();
            assert_eq!(network.name, name);
            assert_eq!(Network::from_toml(&network.to_toml()).unwrap(), network);
            let misspelt = text.replace("stacks", "stakcs");
            assert!(Network::from_toml(&misspelt).unwrap_err().to_string().contains("stakcs"));
        }
        assert!(Network::open("papre").unwrap_err().to_string().contains("neither a preset"));
    }

    #[test]
    fn outputs_have_the_shapes_that_the_cascade_expects() {
        for (name, heatmap) in [("paper", 32), ("edge", 32)] {
            let network = Network::open(name).unwrap();
            let [localization, hourglass] = network.graphs(PATCH_SIZE).unwrap();
            let outputs = |graph: &Graph| {
                graph
                    .outputs()
                    .iter()
                    .map(|&output| (graph.node(output).name().to_owned(), graph.node(output).shape()))
                    .collect::<Vec<_>>()
            };
            let maps = Shape::new(HEATMAPS, heatmap, heatmap);
            assert_eq!(
                outputs(&localization),
                [(MASK.to_owned(), Shape::new(1, 32, 32)), (THETA.to_owned(), Shape::vector(5))]
            );
            assert_eq!(
                outputs(&hourglass),
                [("stack0.heatmaps".to_owned(), maps), ("stack1.heatmaps".to_owned(), maps)]
            );
        }
    }

    /// Channels that are multiples of 16 fill the engine's vectors; the inputs and outputs of a network are
    /// what they are.
    #[test]
    fn edge_suits_the_integer_engine() {
        let network = Network::open("edge").unwrap();
        let mut multiply_accumulates = 0;
        for graph in &network.graphs(PATCH_SIZE).unwrap() {
            multiply_accumulates += Summary::of(graph).multiply_accumulates();
            for (value, node) in graph.nodes() {
                if let Operator::Convolution(convolution) = node.operator() {
                    let edge = graph.outputs().contains(&value);
                    assert!(edge || convolution.out_channels % 16 == 0, "{}", node.name());
                    assert!([1, 3, 7].contains(&convolution.window.kernel), "{}", node.name());
                }
            }
        }
        assert!((200_000_000..300_000_000).contains(&multiply_accumulates), "{multiply_accumulates}");
    }

    #[test]
    fn sizes_that_no_memory_holds_are_refused() {
        let (_, edge) = Network::PRESETS[1];
        for (before, after, want) in [
            ("stacks = 2", "stacks = 9223372036854775807", "stacks is 9223372036854775807: at most 64"),
            ("depth = 3", "depth = 65", "depth is 65: at most 64"),
            ("stem = 16", "stem = 4294967296", "stem is 4294967296: at most 16384"),
            (
                "channels = 192",
                "channels = 1152921504606846976",
                "channels is 1152921504606846976: at most 16384",
            ),
            ("[16, 16]", "[16, 16385]", "channels is 16385: at most 16384"),
        ] {
            assert_eq!(edge.matches(before).count(), 1, "{before}");
            let error = Network::from_toml(&edge.replace(before, after)).unwrap_err();
            assert_eq!(error.to_string(), want);
        }
    }

    #[test]
    fn networks_that_cannot_be_are_refused() {
        let edge = Network::open("edge").unwrap();
        let mut hourglass = edge.hourglass.clone();
        hourglass.heatmap = 48;
        assert!(matches!(
            hourglass.graph(PATCH_SIZE),
            Err(NetworkError::HeatmapSize { heatmap: 48, patch: 128 })
        ));
        let mut hourglass = edge.hourglass.clone();
        hourglass.depth = 6;
        assert!(matches!(hourglass.graph(PATCH_SIZE), Err(NetworkError::Graph(_))));
        let mut hourglass = edge.hourglass.clone();
        hourglass.stacks = 0;
        assert!(matches!(hourglass.graph(PATCH_SIZE), Err(NetworkError::Empty { .. })));
        let mut localization = edge.localization;
        localization.stages.clear();
        assert!(matches!(localization.graph(PATCH_SIZE), Err(NetworkError::Empty { .. })));
    }
}
