//! The numbers of a network in host memory, by name, independent of any device: what initialisation makes,
//! training changes, a safetensors file keeps, and quantisation and export read.
//!
//! Names and shapes are those of [`Graph::parameters`](crate::graph::Graph::parameters).

mod file;
mod initialise;
mod torchvision;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::{fmt, io};

use crate::graph::{Graph, Parameter};
use crate::network::NETWORKS;

/// A tensor in host memory, row by row.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    shape: Vec<usize>,
    values: Vec<f32>,
}

impl Tensor {
    /// A tensor of `shape`, or `None` if that is not the number of `values`.
    #[must_use]
    pub fn new(shape: Vec<usize>, values: Vec<f32>) -> Option<Self> {
        let elements = shape.iter().try_fold(1_usize, |product, &size| product.checked_mul(size))?;
        (elements == values.len()).then_some(Self { shape, values })
    }

    /// The sizes, outermost first.
    #[must_use]
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The numbers, row by row.
    #[must_use]
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// The numbers for writing.
    pub fn values_mut(&mut self) -> &mut [f32] {
        &mut self.values
    }
}

/// Tensors by name, in the order of their names.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Weights {
    tensors: BTreeMap<String, Tensor>,
}

impl Weights {
    /// Puts a tensor in, in place of one of the same name.
    pub fn insert(&mut self, name: impl Into<String>, tensor: Tensor) {
        self.tensors.insert(name.into(), tensor);
    }

    /// The tensor called `name`.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Tensor> {
        self.tensors.get(name)
    }

    /// The tensor called `name`, for writing.
    pub fn get_mut(&mut self, name: &str) -> Option<&mut Tensor> {
        self.tensors.get_mut(name)
    }

    /// All tensors with their names.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &Tensor)> {
        self.tensors.iter().map(|(name, tensor)| (name.as_str(), tensor))
    }

    /// Puts all tensors of `other` in, `prefix` before their names: the way for several networks into one file.
    pub fn extend(&mut self, prefix: &str, other: Self) {
        let prefixed = other.tensors.into_iter().map(|(name, tensor)| (format!("{prefix}{name}"), tensor));
        self.tensors.extend(prefixed);
    }

    /// Takes out the tensors whose names begin with `prefix`, and takes the prefix off.
    #[must_use]
    pub fn take(&mut self, prefix: &str) -> Self {
        let tensors = self
            .tensors
            .extract_if(prefix.to_owned().., |name, _| name.starts_with(prefix))
            .map(|(name, tensor)| (name[prefix.len()..].to_owned(), tensor))
            .collect();
        Self { tensors }
    }

    /// Both networks in one: tensors named `localization.*` and `hourglass.*`, as files hold them.
    #[must_use]
    pub fn of_networks(networks: [Self; 2]) -> Self {
        let mut weights = Self::default();
        for (name, network) in NETWORKS.iter().zip(networks) {
            weights.extend(&format!("{name}."), network);
        }
        weights
    }

    /// The two networks, localization and hourglass, whose tensors [`Self::of_networks`] would name so.
    #[must_use]
    pub fn into_networks(mut self) -> [Self; 2] {
        NETWORKS.map(|name| self.take(&format!("{name}.")))
    }

    /// Takes out the tensor called `name`, of the shape `expected`.
    ///
    /// # Errors
    /// If there is none, or it has another shape and stays.
    pub fn remove(&mut self, name: &str, expected: &[usize]) -> Result<Tensor, WeightsError> {
        self.expect(name, expected)?;
        Ok(self.tensors.remove(name).expect("it was found"))
    }

    /// That every tensor has been taken out.
    ///
    /// # Errors
    /// Names the first that is left.
    pub(crate) fn expect_empty(&self) -> Result<(), WeightsError> {
        match self.tensors.keys().next() {
            Some(name) => Err(WeightsError::Extra { name: name.clone() }),
            None => Ok(()),
        }
    }

    /// That these are the parameters of `graph`: all of them, in their shapes, and no other tensor.
    ///
    /// # Errors
    /// Names the first tensor that is missing, mis-shaped or too much.
    pub fn check(&self, graph: &Graph) -> Result<(), WeightsError> {
        let mut parameters = BTreeSet::new();
        for Parameter { name, shape, .. } in graph.parameters() {
            self.expect(&name, &shape)?;
            parameters.insert(name);
        }
        match self.tensors.keys().find(|name| !parameters.contains(*name)) {
            Some(name) => Err(WeightsError::Extra { name: name.clone() }),
            None => Ok(()),
        }
    }

    fn expect(&self, name: &str, expected: &[usize]) -> Result<&Tensor, WeightsError> {
        let name = name.to_owned();
        match self.tensors.get(&name) {
            None => Err(WeightsError::Missing { name }),
            Some(tensor) if tensor.shape != expected => {
                Err(WeightsError::Shape { name, expected: expected.to_vec(), found: tensor.shape.clone() })
            }
            Some(tensor) => Ok(tensor),
        }
    }
}

/// Why numbers are not a network's, or cannot be read or written.
#[derive(Debug)]
#[non_exhaustive]
pub enum WeightsError {
    /// The network has a parameter that is not there.
    Missing {
        /// Its name.
        name: String,
    },
    /// A tensor is no parameter of the network.
    Extra {
        /// Its name.
        name: String,
    },
    /// A tensor has another shape than the parameter.
    Shape {
        /// Its name.
        name: String,
        /// The parameter's shape.
        expected: Vec<usize>,
        /// The tensor's shape.
        found: Vec<usize>,
    },
    /// A tensor's numbers are not 32-bit floats.
    Type {
        /// Its name.
        name: String,
        /// The type, as the format spells it.
        found: String,
    },
    /// The file is no safetensors file.
    Format {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The tensors are not those that were written.
    Damaged {
        /// The file.
        path: PathBuf,
    },
    /// The file cannot be read or written.
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl WeightsError {
    /// What is wrong with the file at `path`: some of the reasons name their file themselves.
    #[must_use]
    pub fn of_file(&self, path: &Path) -> String {
        match self {
            Self::File { .. } | Self::Format { .. } | Self::Damaged { .. } => self.to_string(),
            other => format!("{}: {other}", path.display()),
        }
    }
}

impl fmt::Display for WeightsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing { name } => write!(f, "tensor {name} is missing"),
            Self::Extra { name } => write!(f, "tensor {name} is not part of the network"),
            Self::Shape { name, expected, found } => {
                write!(f, "tensor {name} has shape {found:?}, the network expects {expected:?}")
            }
            Self::Type { name, found } => write!(f, "tensor {name} is of type {found}, expected F32"),
            Self::Format { path, reason } => {
                write!(f, "{} is not a safetensors file: {reason}", path.display())
            }
            Self::Damaged { path } => write!(
                f,
                "{} is damaged: its tensors have not the SHA-256 that it states; take another copy of it",
                path.display()
            ),
            Self::File { path, source } => write!(f, "{}: {source}", path.display()),
        }
    }
}

impl std::error::Error for WeightsError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::File { source, .. } => Some(source),
            Self::Missing { .. }
            | Self::Extra { .. }
            | Self::Shape { .. }
            | Self::Type { .. }
            | Self::Format { .. }
            | Self::Damaged { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::{GraphError, Shape, Window};

    pub(super) fn small_graph() -> Graph {
        Graph::build::<GraphError>(|root| {
            let x = root.input("patch", Shape::new(1, 8, 8))?;
            let x = root.normalised_convolution(["conv", "bn"], x, 4, Window::same(3, 2))?;
            let hidden = root.linear("hidden", x, 3)?;
            Ok(vec![root.linear("theta", hidden, 5)?])
        })
        .unwrap()
    }

    #[test]
    fn a_tensor_that_does_not_fit_is_named() {
        let graph = small_graph();
        let weights = Weights::initialise(&graph, 0);
        weights.check(&graph).unwrap();

        let mut missing = weights.clone();
        missing.tensors.remove("conv.weight");
        assert_eq!(missing.check(&graph).unwrap_err().to_string(), "tensor conv.weight is missing");

        let mut extra = weights.clone();
        extra.insert("fc.weight", Tensor::new(vec![1], vec![0.0]).unwrap());
        assert_eq!(
            extra.check(&graph).unwrap_err().to_string(),
            "tensor fc.weight is not part of the network"
        );

        let mut misshaped = weights;
        misshaped.insert("theta.bias", Tensor::new(vec![1, 5], vec![0.0; 5]).unwrap());
        assert_eq!(
            misshaped.check(&graph).unwrap_err().to_string(),
            "tensor theta.bias has shape [1, 5], the network expects [5]"
        );
    }

    #[test]
    fn prefixes_come_off_as_they_were_put_on() {
        let weights = Weights::initialise(&small_graph(), 0);
        let mut both = Weights::default();
        both.extend("a.", weights.clone());
        both.extend("b.", weights.clone());
        assert_eq!(both.take("b."), weights);
        assert_eq!(both.take("a."), weights);
        assert_eq!(both, Weights::default());
    }

    #[test]
    fn no_tensor_has_another_shape_than_its_values() {
        assert_eq!(Tensor::new(vec![2, 2], vec![0.0; 3]), None);
        assert_eq!(Tensor::new(vec![usize::MAX, 2], vec![0.0; 3]), None);
    }
}
