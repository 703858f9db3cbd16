use std::fmt;

use crate::engine::{CompileError, PlanError};

/// Why an ONNX model cannot be used.
#[derive(Debug)]
#[non_exhaustive]
pub enum OnnxError {
    /// tract cannot read the file, or run it.
    Tract(String),
    /// A node has no form in the integer engine.
    Node {
        /// Its name.
        name: String,
        /// Why.
        reason: String,
    },
    /// The lowered network has no plan.
    Compile(CompileError),
    /// A plan is not valid.
    Plan(PlanError),
    /// The model takes or gives something else than the cascade does.
    Ports {
        /// What is wrong.
        reason: String,
    },
}

impl OnnxError {
    pub(super) fn node(name: &str, reason: impl fmt::Display) -> Self {
        Self::Node { name: name.to_owned(), reason: reason.to_string() }
    }

    pub(super) fn no_operator(node: &str, operator: &str) -> Self {
        Self::node(node, format!("the engine has no operator {operator}"))
    }

    pub(super) fn tract(error: impl fmt::Display) -> Self {
        // tract's chain of causes, on one line.
        Self::Tract(format!("{error:#}").split_whitespace().collect::<Vec<_>>().join(" "))
    }
}

impl fmt::Display for OnnxError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tract(reason) => f.write_str(reason),
            Self::Node { name, reason } => write!(f, "node {name}: {reason}"),
            Self::Compile(error) => error.fmt(f),
            Self::Plan(error) => error.fmt(f),
            Self::Ports { reason } => f.write_str(reason),
        }
    }
}

impl std::error::Error for OnnxError {}
