use std::fmt;
use std::path::Path;

use crate::autodiff::{Error, ModuleError};

/// Why a run cannot start or go on.
#[derive(Debug)]
pub struct RunError(pub(super) String);

/// What is wrong with the file or folder at `path`.
pub(super) fn named(path: &Path, error: &dyn fmt::Display) -> RunError {
    RunError(format!("{}: {error}", path.display()))
}

impl fmt::Display for RunError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

macro_rules! from_errors {
    ($($error:ty),*) => {
        $(impl From<$error> for RunError {
            fn from(error: $error) -> Self {
                Self(error.to_string())
            }
        })*
    };
}

from_errors!(
    String,
    super::BatchError,
    Error,
    ModuleError,
    crate::data::PackError,
    crate::graph::GraphError,
    crate::network::NetworkError,
    crate::weights::WeightsError
);

impl std::error::Error for RunError {}
