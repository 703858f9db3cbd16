use std::collections::BTreeMap;

use dfdx::{
    shapes::HasShape,
    tensor::{PutTape, SplitTape, Tape},
    tensor_ops::ReshapeTo,
};

use super::{
    Activation, Convolution, Device, Element, FeatureMap, MaxPool, RunningStatistics, Vector, add,
    batch_norm, batch_norm_inference, convolution, flatten, linear, max_pool,
    module::{Learnt, Statistics},
    relu, upsample,
};
use crate::graph::{self, Graph, Node, Operator, Value};

/// The outputs of a network, in the graph's order, and the tape that ran beside them.
pub(super) type Outputs<E, D, T> = (Vec<FeatureMap<E, D>>, T);

/// What a batch norm normalises with.
pub(super) enum Normalisation<'a, E: Element, D: Device<E>> {
    /// The statistics of the batch, which move the running ones.
    Batch(&'a mut BTreeMap<String, Statistics<E, D>>),
    /// The running statistics: nothing goes back through them.
    Running(&'a BTreeMap<String, Statistics<E, D>>),
}

/// For every node, whether it is a batch norm or a sum that only a rectifier reads.
pub(super) fn rectified(graph: &Graph) -> Vec<bool> {
    let uses = graph.uses();
    let mut rectified = vec![false; uses.len()];
    for (_, node) in graph.nodes() {
        if let (Operator::Relu, &[input]) = (node.operator(), node.inputs()) {
            let fuses = matches!(graph.node(input).operator(), Operator::BatchNorm | Operator::Add);
            rectified[input.index()] = fuses && uses[input.index()] == 1;
        }
    }
    rectified
}

/// One run through a graph.
pub(super) struct Walk<'a, E: Element, D: Device<E>> {
    pub(super) graph: &'a Graph,
    pub(super) learnt: &'a BTreeMap<String, Learnt<E, D>>,
    pub(super) rectified: &'a [bool],
}

impl<E: Element, D: Device<E>> Walk<'_, E, D> {
    pub(super) fn run<T: Tape<E, D>>(
        &self,
        mut normalisation: Normalisation<'_, E, D>,
        input: FeatureMap<E, D>,
        mut tape: T,
    ) -> Result<Outputs<E, D, T>, D::Err> {
        let mut values =
            Values { uses: self.graph.uses(), maps: Vec::with_capacity(self.graph.nodes().len()) };
        let mut given = Some(input);
        for (value, node) in self.graph.nodes() {
            let mut read = |i: usize| values.read(node.inputs()[i]);
            let map = match node.operator() {
                Operator::Input(shape) => {
                    let map = given.take().expect("a network has one input");
                    let (_, height, width, channels) = *map.shape();
                    assert_eq!(graph::Shape::new(channels, height, width), *shape, "input {}", node.name());
                    values.maps.push(Some(map));
                    continue;
                }
                Operator::Convolution(attributes) => {
                    let bias = attributes.bias.then(|| self.learnt(node, "bias"));
                    let attributes = Convolution {
                        output_channels: attributes.out_channels,
                        kernel: attributes.window.kernel,
                        stride: attributes.window.stride,
                        padding: attributes.window.padding,
                    };
                    convolution(read(0).put_tape(tape), self.learnt(node, "weight"), bias, attributes)?
                }
                Operator::BatchNorm => {
                    self.batch_norm(node, read(0).put_tape(tape), &mut normalisation, self.activation(value))?
                }
                Operator::Relu if self.rectified[node.inputs()[0].index()] => read(0).put_tape(tape),
                Operator::Relu => relu(read(0).put_tape(tape))?,
                Operator::MaxPool(window) => {
                    let attributes =
                        MaxPool { kernel: window.kernel, stride: window.stride, padding: window.padding };
                    max_pool(read(0).put_tape(tape), attributes)?
                }
                Operator::UpsampleNearest2x => upsample(read(0).put_tape(tape))?,
                Operator::Add => {
                    let first = read(0).put_tape(tape);
                    add(first, read(1), self.activation(value))?
                }
                Operator::Linear { outputs } => {
                    let rows = flatten(read(0).put_tape(tape))?;
                    let result = linear(rows, self.learnt(node, "weight"), self.learnt(node, "bias"))?;
                    let shape = (result.shape().0, 1, 1, *outputs);
                    result.try_reshape_like(&shape)?
                }
            };
            let (map, after) = map.split_tape();
            tape = after;
            values.maps.push(Some(map));
        }
        let outputs = self.graph.outputs().iter().map(|&output| values.read(output)).collect();
        Ok((outputs, tape))
    }

    fn learnt(&self, node: &Node, name: &str) -> &Vector<E, D> {
        &self.learnt[&format!("{}.{name}", node.name())].tensor
    }

    fn activation(&self, value: Value) -> Activation {
        if self.rectified[value.index()] { Activation::Relu } else { Activation::Identity }
    }

    fn batch_norm<T: Tape<E, D>>(
        &self,
        node: &Node,
        input: FeatureMap<E, D, T>,
        normalisation: &mut Normalisation<'_, E, D>,
        activation: Activation,
    ) -> Result<FeatureMap<E, D, T>, D::Err> {
        let (scale, shift) = (self.learnt(node, "weight"), self.learnt(node, "bias"));
        match normalisation {
            Normalisation::Batch(statistics) => {
                let Statistics { mean, variance } =
                    statistics.get_mut(node.name()).expect("every batch norm has statistics");
                batch_norm(input, scale, shift, RunningStatistics { mean, variance }, activation)
            }
            Normalisation::Running(statistics) => {
                let Statistics { mean, variance } = &statistics[node.name()];
                let (input, tape) = input.split_tape();
                let output = batch_norm_inference(&input, scale, shift, mean, variance, activation)?;
                Ok(output.put_tape(tape))
            }
        }
    }
}

/// The values computed so far, each held until its last reader has it.
struct Values<E: Element, D: Device<E>> {
    uses: Vec<usize>,
    maps: Vec<Option<FeatureMap<E, D>>>,
}

impl<E: Element, D: Device<E>> Values<E, D> {
    fn read(&mut self, value: Value) -> FeatureMap<E, D> {
        let (uses, map) = (&mut self.uses[value.index()], &mut self.maps[value.index()]);
        *uses -= 1;
        let map = if *uses == 0 { map.take() } else { map.clone() };
        map.expect("a value is held until its last reader has it")
    }
}
