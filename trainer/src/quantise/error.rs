use std::fmt;

use crate::autodiff;
use crate::graph::GraphError;
use crate::weights::WeightsError;

/// Why a network cannot be quantised.
#[derive(Debug)]
#[non_exhaustive]
pub enum QuantiseError {
    /// A node has no form in the engine.
    Node {
        /// Its name.
        name: String,
        /// Why.
        reason: String,
    },
    /// The weights are not those of the graph.
    Weights(WeightsError),
    /// The folded graph does not hold together.
    Graph(GraphError),
    /// The network could not be run.
    Device(autodiff::Error),
}

impl QuantiseError {
    pub(super) fn node(name: &str, reason: impl fmt::Display) -> Self {
        Self::Node { name: name.to_owned(), reason: reason.to_string() }
    }
}

impl From<WeightsError> for QuantiseError {
    fn from(error: WeightsError) -> Self {
        Self::Weights(error)
    }
}

impl From<GraphError> for QuantiseError {
    fn from(error: GraphError) -> Self {
        Self::Graph(error)
    }
}

impl From<autodiff::Error> for QuantiseError {
    fn from(error: autodiff::Error) -> Self {
        Self::Device(error)
    }
}

impl From<autodiff::ModuleError> for QuantiseError {
    fn from(error: autodiff::ModuleError) -> Self {
        match error {
            autodiff::ModuleError::Weights(error) => Self::Weights(error),
            autodiff::ModuleError::Device(error) => Self::Device(error),
        }
    }
}

impl fmt::Display for QuantiseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Node { name, reason } => write!(f, "node {name}: {reason}"),
            Self::Weights(error) => error.fmt(f),
            Self::Graph(error) => error.fmt(f),
            Self::Device(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for QuantiseError {}
