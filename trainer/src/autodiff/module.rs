use std::collections::BTreeMap;
use std::fmt;

use dfdx::tensor::Tape;

use super::{
    Device, Element, Error, FeatureMap, NoneTape, Vector, download,
    host::upload_elements,
    walk::{Normalisation, Walk, rectified},
};
use crate::graph::{Graph, Parameter, Role};
use crate::weights::{Tensor, Weights, WeightsError};

/// A graph with its parameters on a device: what is trained.
///
/// Values are [`FeatureMap`]s throughout; a vector of n numbers is one pixel of n channels.
///
/// A tape runs through the network beside the values instead of inside one of them: none of the outputs owns
/// it, so that a loss on any of them reaches every parameter.
#[derive(Debug)]
pub struct Module<E: Element, D: Device<E>> {
    graph: Graph,
    device: D,
    learnt: BTreeMap<String, Learnt<E, D>>,
    /// By the name of the batch norm.
    statistics: BTreeMap<String, Statistics<E, D>>,
    /// By [`Value::index`]: whether the node's one reader is a rectifier that runs with it.
    rectified: Vec<bool>,
}

/// A parameter that gradients change.
#[derive(Debug)]
pub(super) struct Learnt<E: Element, D: Device<E>> {
    role: Role,
    pub(super) tensor: Vector<E, D>,
}

/// The running statistics of a batch norm.
#[derive(Debug)]
pub(super) struct Statistics<E: Element, D: Device<E>> {
    pub(super) mean: Vector<E, D>,
    pub(super) variance: Vector<E, D>,
}

/// Why a network's numbers cannot be put on a device.
#[derive(Debug)]
#[non_exhaustive]
pub enum ModuleError {
    /// They are not the network's.
    Weights(WeightsError),
    /// The device fails, or has no room for them.
    Device(Error),
}

impl<E: Element, D: Device<E>> Module<E, D> {
    /// Puts `weights` on `device`.
    ///
    /// # Errors
    /// If `weights` are not those of `graph`, or the device fails.
    pub fn new(graph: Graph, weights: &Weights, device: &D) -> Result<Self, ModuleError> {
        let mut module = Self {
            rectified: rectified(&graph),
            graph,
            device: device.clone(),
            learnt: BTreeMap::new(),
            statistics: BTreeMap::new(),
        };
        module.load(weights)?;
        Ok(module)
    }

    /// Replaces all parameters and running statistics, in the memory that they have.
    ///
    /// # Errors
    /// If `weights` are not those of the graph, and the module is unchanged; or the device fails, and it cannot be used
    /// any more.
    pub fn load(&mut self, weights: &Weights) -> Result<(), ModuleError> {
        weights.check(&self.graph)?;
        let tensor = |parameter: &Parameter| {
            let tensor = weights.get(&parameter.name).expect("weights were checked against the graph");
            to_device(&self.device, tensor)
        };
        for (_, node) in self.graph.nodes() {
            let parameters = self.graph.parameters_of(node);
            let (changed, measured): (Vec<_>, Vec<_>) = parameters.iter().partition(|p| p.role.is_learnt());
            for parameter in changed {
                // Its memory is the next one's.
                drop(self.learnt.remove(&parameter.name));
                let entry = Learnt { role: parameter.role, tensor: tensor(parameter)? };
                self.learnt.insert(parameter.name.clone(), entry);
            }
            if let [mean, variance] = measured[..] {
                drop(self.statistics.remove(node.name()));
                let entry = Statistics { mean: tensor(mean)?, variance: tensor(variance)? };
                self.statistics.insert(node.name().to_owned(), entry);
            }
        }
        Ok(())
    }

    /// All parameters and running statistics, in host memory and rounded to 32 bits.
    ///
    /// # Errors
    /// If the device fails.
    pub fn weights(&self) -> Result<Weights, Error> {
        let mut weights = Weights::default();
        for (_, node) in self.graph.nodes() {
            for parameter in self.graph.parameters_of(node) {
                let tensor = match parameter.role {
                    Role::Weight { .. } | Role::Bias | Role::Scale | Role::Shift => {
                        &self.learnt[&parameter.name].tensor
                    }
                    Role::RunningMean => &self.statistics[node.name()].mean,
                    Role::RunningVariance => &self.statistics[node.name()].variance,
                };
                weights.insert(parameter.name, to_host(tensor, parameter.shape)?);
            }
        }
        Ok(weights)
    }

    /// The network.
    #[must_use]
    pub const fn graph(&self) -> &Graph {
        &self.graph
    }

    /// Where the parameters are.
    #[must_use]
    pub const fn device(&self) -> &D {
        &self.device
    }

    /// The learnt parameters by name. Their gradients are found under their identity in what `backward` gives.
    pub fn parameters(&self) -> impl Iterator<Item = (&str, Role, &Vector<E, D>)> {
        self.learnt.iter().map(|(name, learnt)| (name.as_str(), learnt.role, &learnt.tensor))
    }

    /// The learnt parameters by name, for the optimiser.
    pub(super) fn parameters_mut(&mut self) -> impl Iterator<Item = (&str, Role, &mut Vector<E, D>)> {
        self.learnt.iter_mut().map(|(name, learnt)| (name.as_str(), learnt.role, &mut learnt.tensor))
    }

    /// Runs the network on a batch while it is trained: batch norms normalise by the batch and move their
    /// running statistics. Gives the outputs in the graph's order, and the tape.
    ///
    /// # Errors
    /// If the device fails.
    ///
    /// # Panics
    /// If `input` has not the shape of the graph's one input.
    pub fn train<T: Tape<E, D>>(
        &mut self,
        input: FeatureMap<E, D>,
        tape: T,
    ) -> Result<(Vec<FeatureMap<E, D>>, T), Error> {
        let walk = Walk { graph: &self.graph, learnt: &self.learnt, rectified: &self.rectified };
        walk.run(Normalisation::Batch(&mut self.statistics), input, tape).map_err(Into::into)
    }

    /// Runs the network on a batch as it will be used: batch norms normalise by their running statistics, and nothing
    /// is recorded. Gives the outputs in the graph's order.
    ///
    /// # Errors
    /// If the device fails.
    ///
    /// # Panics
    /// If `input` has not the shape of the graph's one input.
    pub fn infer(&self, input: FeatureMap<E, D>) -> Result<Vec<FeatureMap<E, D>>, Error> {
        let walk = Walk { graph: &self.graph, learnt: &self.learnt, rectified: &self.rectified };
        let (outputs, NoneTape) =
            walk.run(Normalisation::Running(&self.statistics), input, NoneTape).map_err(Into::into)?;
        Ok(outputs)
    }
}

impl From<WeightsError> for ModuleError {
    fn from(error: WeightsError) -> Self {
        Self::Weights(error)
    }
}

impl From<Error> for ModuleError {
    fn from(error: Error) -> Self {
        Self::Device(error)
    }
}

impl fmt::Display for ModuleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Weights(error) => error.fmt(f),
            Self::Device(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for ModuleError {}

/// A tensor's numbers on a device.
pub(super) fn to_device<E: Element, D: Device<E>>(
    device: &D,
    tensor: &Tensor,
) -> Result<Vector<E, D>, Error> {
    let values: Vec<E> = tensor.values().iter().map(|&value| E::of(f64::from(value))).collect();
    upload_elements(device, (values.len(),), &values).map_err(Into::into)
}

/// A vector in host memory, rounded to 32 bits, under the shape it stands for.
pub(super) fn to_host<E: Element, D: Device<E>>(
    vector: &Vector<E, D>,
    shape: Vec<usize>,
) -> Result<Tensor, Error> {
    Ok(Tensor::new(shape, download(vector)?).expect("a parameter's vector is as long as its shape says"))
}
