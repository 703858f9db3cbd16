use recist::engine;

use super::{Folded, Quantisation, QuantiseError, Range, quantisation};
use crate::graph::{Node, Operator, Value};

/// The largest weight: eight bits, symmetric.
const LARGEST_WEIGHT: f32 = 127.0;

/// A network in the engine's terms.
#[derive(Clone, Debug)]
pub struct Lowered {
    /// The network.
    pub network: engine::Network,
    /// Its tensors' names: those of the nodes whose values they are.
    pub names: Vec<String>,
}

/// Writes a folded network down as the engine takes it: a convolution with the sum and the rectifier after it
/// is one operator, and rounded once.
///
/// `ranges` has the range of every node's value. Weights are rounded per output channel.
///
/// # Errors
/// If a node has no form in the engine.
pub fn lower(folded: &Folded, ranges: &[Range]) -> Result<Lowered, QuantiseError> {
    let mut lowering = Lowering {
        folded,
        ranges,
        uses: folded.graph.uses(),
        network: engine::Network::default(),
        names: Vec::new(),
        tensors: vec![None; ranges.len()],
        done: vec![false; ranges.len()],
    };
    for (value, node) in folded.graph.nodes() {
        if !lowering.done[value.index()] {
            lowering.node(value, node)?;
        }
    }
    lowering.network.outputs = folded
        .graph
        .outputs()
        .iter()
        .map(|&output| lowering.tensor(folded.graph.node(output), output))
        .collect::<Result<_, _>>()?;
    Ok(Lowered { network: lowering.network, names: lowering.names })
}

struct Lowering<'a> {
    folded: &'a Folded,
    ranges: &'a [Range],
    uses: Vec<usize>,
    network: engine::Network,
    names: Vec<String>,
    /// The engine's tensor of each value that has one.
    tensors: Vec<Option<engine::TensorId>>,
    /// Nodes that are part of an operator already.
    done: Vec<bool>,
}

/// What follows a convolution inside its operator.
struct Chain {
    last: Value,
    residual: Option<Value>,
    relu: bool,
}

impl Lowering<'_> {
    fn node(&mut self, value: Value, node: &Node) -> Result<(), QuantiseError> {
        match *node.operator() {
            Operator::Input(_) => {
                let input = self.push(node, value, quantisation(0.0, 1.0));
                self.network.inputs.push(input);
            }
            Operator::Convolution(convolution) => {
                let window = convolution.window;
                self.convolution(value, node, [window.kernel, window.stride, window.padding])?;
            }
            Operator::Linear { .. } => {
                let input = self.folded.graph.node(node.inputs()[0]).shape();
                if input.height != input.width {
                    return Err(QuantiseError::node(node.name(), "the input is not square"));
                }
                self.convolution(value, node, [input.height, 1, 0])?;
            }
            Operator::MaxPool(window) => {
                let (input, quantisation) = self.read(node, node.inputs()[0])?;
                let output = self.push(node, value, quantisation);
                self.network.operators.push(engine::Operator::MaximumPool {
                    input,
                    output,
                    kernel: window.kernel,
                    stride: window.stride,
                    padding: window.padding,
                });
            }
            Operator::UpsampleNearest2x => {
                let (input, quantisation) = self.read(node, node.inputs()[0])?;
                let output = self.push(node, value, quantisation);
                self.network.operators.push(engine::Operator::Upsample { input, output });
            }
            Operator::Add => {
                let (first, _) = self.read(node, node.inputs()[0])?;
                let (second, _) = self.read(node, node.inputs()[1])?;
                let (last, relu) = self.rectified(value);
                let output = self.push_last(last);
                let relu = relu || self.network.tensors[output.0].zero_point == 0;
                self.network.operators.push(engine::Operator::Add { first, second, output, relu });
            }
            Operator::Relu => return Err(QuantiseError::node(node.name(), "a rectifier follows no sum")),
            Operator::BatchNorm => {
                return Err(QuantiseError::node(node.name(), "a batch norm is not folded"));
            }
        }
        Ok(())
    }

    fn convolution(
        &mut self,
        value: Value,
        node: &Node,
        [kernel, stride, padding]: [usize; 3],
    ) -> Result<(), QuantiseError> {
        let (input, from) = self.read(node, node.inputs()[0])?;
        let Chain { last, residual, relu } = self.chain(value);
        let residual = residual.map(|value| self.read(node, value)).transpose()?.map(|(tensor, _)| tensor);
        let output = self.push_last(last);
        // Where no number stands for less than 0, rounding rectifies.
        let relu = relu || self.network.tensors[output.0].zero_point == 0;
        let get = |part: &str| {
            let name = format!("{}.{part}", node.name());
            self.folded
                .weights
                .get(&name)
                .ok_or_else(|| QuantiseError::node(node.name(), "it has no ".to_owned() + part))
        };
        let (weight, bias) = (get("weight")?, get("bias")?);
        let per_channel = weight.values().len() / bias.values().len();
        let mut weights = Vec::with_capacity(weight.values().len());
        let (mut scales, mut biases) = (Vec::new(), Vec::new());
        for (row, &bias) in weight.values().chunks_exact(per_channel).zip(bias.values()) {
            // Where weights are tiny or none, the bias must still fit its 32 bits.
            let scale = weight_scale(row).max(bias.abs() / from.scale * LEAST_BIAS_STEP);
            #[allow(clippy::cast_possible_truncation, reason = "limited, and saturating")]
            weights.extend(
                row.iter()
                    .map(|w| (w / scale).round_ties_even().clamp(-LARGEST_WEIGHT, LARGEST_WEIGHT) as i8),
            );
            #[allow(clippy::cast_possible_truncation, reason = "saturating")]
            biases.push((f64::from(bias) / (f64::from(from.scale) * f64::from(scale))).round() as i32);
            scales.push(scale);
        }
        self.network.operators.push(engine::Operator::Convolution(engine::Convolution {
            input,
            output,
            kernel,
            stride,
            padding,
            weights,
            weight_scales: scales,
            bias: biases,
            residual,
            relu,
        }));
        Ok(())
    }

    /// The sum and the rectifier that follow a convolution and nothing else reads; the sum's other value must
    /// have been computed.
    fn chain(&mut self, value: Value) -> Chain {
        let mut chain = Chain { last: value, residual: None, relu: false };
        if let Some(next) = self.only_reader(value)
            && *self.folded.graph.node(next).operator() == Operator::Add
        {
            let [a, b] = [0, 1].map(|i| self.folded.graph.node(next).inputs()[i]);
            let other = if a == value { b } else { a };
            if other != value && self.tensors[other.index()].is_some() {
                self.done[next.index()] = true;
                chain = Chain { last: next, residual: Some(other), relu: false };
            }
        }
        let (last, relu) = self.rectified(chain.last);
        Chain { last, relu, ..chain }
    }

    /// The rectifier that alone reads `value`, or `value` itself.
    fn rectified(&mut self, value: Value) -> (Value, bool) {
        match self.only_reader(value) {
            Some(next) if *self.folded.graph.node(next).operator() == Operator::Relu => {
                self.done[next.index()] = true;
                (next, true)
            }
            _ => (value, false),
        }
    }

    fn only_reader(&self, value: Value) -> Option<Value> {
        let graph = &self.folded.graph;
        if self.uses[value.index()] != 1 {
            return None;
        }
        graph.nodes().find(|(_, node)| node.inputs().contains(&value)).map(|(reader, _)| reader)
    }

    fn push_last(&mut self, last: Value) -> engine::TensorId {
        let (low, high) = self.ranges[last.index()];
        let folded = self.folded;
        self.push(folded.graph.node(last), last, quantisation(low, high))
    }

    fn push(&mut self, node: &Node, value: Value, quantisation: Quantisation) -> engine::TensorId {
        let id = engine::TensorId(self.network.tensors.len());
        self.network.tensors.push(engine::Tensor {
            shape: node.shape(),
            scale: quantisation.scale,
            zero_point: quantisation.zero_point,
        });
        self.names.push(node.name().to_owned());
        self.tensors[value.index()] = Some(id);
        id
    }

    fn read(&self, node: &Node, value: Value) -> Result<(engine::TensorId, Quantisation), QuantiseError> {
        let id = self.tensor(node, value)?;
        let engine::Tensor { scale, zero_point, .. } = self.network.tensors[id.0];
        Ok((id, Quantisation { scale, zero_point }))
    }

    fn tensor(&self, node: &Node, value: Value) -> Result<engine::TensorId, QuantiseError> {
        self.tensors[value.index()].ok_or_else(|| {
            let name = self.folded.graph.node(value).name();
            QuantiseError::node(node.name(), format!("its input {name} has no integers"))
        })
    }
}

/// A bias is at most the reciprocal of this many steps: a quarter of int32's range, the rest is the products'.
const LEAST_BIAS_STEP: f32 = 1.0 / (1 << 29) as f32;

/// The scale of one output channel's weights: of all that clip at most 30 % of the largest weight, the one with
/// the least squared error.
fn weight_scale(row: &[f32]) -> f32 {
    let largest = row.iter().fold(0.0_f32, |m, w| m.max(w.abs()));
    if largest == 0.0 {
        return f32::MIN_POSITIVE;
    }
    let candidates = (0..16).map(|step| largest * (1.0 - 0.02 * step as f32) / LARGEST_WEIGHT);
    let error = |scale: f32| -> f64 {
        row.iter()
            .map(|w| {
                let rounded = (w / scale).round_ties_even().clamp(-LARGEST_WEIGHT, LARGEST_WEIGHT) * scale;
                f64::from(w - rounded).powi(2)
            })
            .sum()
    };
    candidates.min_by(|&a, &b| error(a).total_cmp(&error(b))).unwrap_or(largest / LARGEST_WEIGHT)
}
