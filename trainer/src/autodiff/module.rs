use std::collections::BTreeMap;

use dfdx::tensor::Tape;

use super::{
    Device, Element, Error, FeatureMap, Vector,
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

impl<E: Element, D: Device<E>> Module<E, D> {
    /// Puts `weights` on `device`.
    ///
    /// # Errors
    /// If `weights` are not those of `graph`.
    pub fn new(graph: Graph, weights: &Weights, device: &D) -> Result<Self, WeightsError> {
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

    /// Replaces all parameters and running statistics.
    ///
    /// # Errors
    /// If `weights` are not those of the graph; the module is unchanged then.
    pub fn load(&mut self, weights: &Weights) -> Result<(), WeightsError> {
        weights.check(&self.graph)?;
        let tensor = |parameter: &Parameter| {
            let tensor = weights.get(&parameter.name).expect("weights were checked against the graph");
            to_device(&self.device, tensor)
        };
        let mut learnt = BTreeMap::new();
        let mut statistics = BTreeMap::new();
        for (_, node) in self.graph.nodes() {
            let parameters = self.graph.parameters_of(node);
            let (changed, measured): (Vec<_>, Vec<_>) = parameters.iter().partition(|p| p.role.is_learnt());
            for parameter in changed {
                let entry = Learnt { role: parameter.role, tensor: tensor(parameter) };
                learnt.insert(parameter.name.clone(), entry);
            }
            if let [mean, variance] = measured[..] {
                let entry = Statistics { mean: tensor(mean), variance: tensor(variance) };
                statistics.insert(node.name().to_owned(), entry);
            }
        }
        (self.learnt, self.statistics) = (learnt, statistics);
        Ok(())
    }

    /// All parameters and running statistics, in host memory and rounded to 32 bits.
    #[must_use]
    pub fn weights(&self) -> Weights {
        let mut weights = Weights::default();
        let mut put = |parameter: Parameter, tensor: &Vector<E, D>| {
            weights.insert(parameter.name, to_host(tensor, parameter.shape));
        };
        for (_, node) in self.graph.nodes() {
            for parameter in self.graph.parameters_of(node) {
                match parameter.role {
                    Role::Weight { .. } | Role::Bias | Role::Scale | Role::Shift => {
                        let tensor = &self.learnt[&parameter.name].tensor;
                        put(parameter, tensor);
                    }
                    Role::RunningMean => put(parameter, &self.statistics[node.name()].mean),
                    Role::RunningVariance => put(parameter, &self.statistics[node.name()].variance),
                }
            }
        }
        weights
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

    /// Runs the network on a batch as it will be used: batch norms normalise by their running statistics.
    /// Gives the outputs in the graph's order, and the tape, which `NoneTape` keeps empty.
    ///
    /// # Errors
    /// If the device fails.
    ///
    /// # Panics
    /// If `input` has not the shape of the graph's one input.
    pub fn infer<T: Tape<E, D>>(
        &self,
        input: FeatureMap<E, D>,
        tape: T,
    ) -> Result<(Vec<FeatureMap<E, D>>, T), Error> {
        let walk = Walk { graph: &self.graph, learnt: &self.learnt, rectified: &self.rectified };
        walk.run(Normalisation::Running(&self.statistics), input, tape).map_err(Into::into)
    }
}

/// A tensor's numbers on a device.
pub(super) fn to_device<E: Element, D: Device<E>>(device: &D, tensor: &Tensor) -> Vector<E, D> {
    let values: Vec<E> = tensor.values().iter().map(|&value| E::of(f64::from(value))).collect();
    let length = values.len();
    device.tensor_from_vec(values, (length,))
}

/// A vector in host memory, rounded to 32 bits, under the shape it stands for.
pub(super) fn to_host<E: Element, D: Device<E>>(vector: &Vector<E, D>, shape: Vec<usize>) -> Tensor {
    let round = |value: E| value.to_f32().expect("every element has a nearest 32-bit float");
    let values = vector.as_vec().into_iter().map(round).collect();
    Tensor::new(shape, values).expect("a parameter's vector is as long as its shape says")
}
