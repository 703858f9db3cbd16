use tract_core::ops::binary::TypedBinOp;
use tract_core::ops::cnn::{Conv, MaxPool, PaddingSpec, PoolSpec};
use tract_core::ops::element_wise::ElementWiseOp;
use tract_core::ops::quant::{DequantizeLinearF32, QuantizeLinearI8};
use tract_onnx::prelude::*;

use super::integers::{Integers, values};
use super::{OnnxError, attributes, file};
use crate::engine::{Convolution, LARGEST, Network, Operator, Shape, Tensor, TensorId};

type Node = tract_onnx::prelude::Node<TypedFact, Box<dyn TypedOp>>;

/// Makes of a quantised ONNX model (`recist-train export` writes them) a network for the engine.
///
/// A value of the engine is a QuantizeLinear to signed 8-bit integers, 0 to 127 of which are used, followed by
/// its DequantizeLinear. What lies between two of these is one operator of the engine: a convolution with a
/// sum and a rectifier, a sum, a maximum of blocks, an enlargement. The pass reads tract's typed graph; the integers
/// of weights, which typing multiplies out, are read from the graph as the file has it.
///
/// # Errors
/// If tract cannot read the model, or a node has no form in the engine: it is named, and nothing is
/// computed in floats instead.
pub fn lower(onnx: &[u8]) -> Result<Network, OnnxError> {
    let file = file::decode(onnx)?;
    attributes::check(&file)?;
    let (model, typed) = file::models(&file)?;
    let mut lowering = Lowering {
        typed: &typed,
        integers: Integers(&model),
        tensors: vec![None; typed.nodes.len()],
        inputs: Vec::new(),
        network: Network::default(),
    };
    let order = typed.eval_order().map_err(OnnxError::tract)?;
    for id in order {
        let node = &typed.nodes[id];
        if let Some(dequantise) = node.op.downcast_ref::<DequantizeLinearF32>() {
            lowering.value(node, dequantise)?;
        }
    }
    for outlet in typed.output_outlets().map_err(OnnxError::tract)? {
        let node = &typed.nodes[outlet.node];
        let tensor = lowering
            .tensor(outlet.node)
            .ok_or_else(|| OnnxError::node(&node.name, "an output is not quantised"))?;
        lowering.network.outputs.push(tensor);
    }
    for outlet in typed.input_outlets().map_err(OnnxError::tract)? {
        let rounded: Vec<_> = lowering.inputs.iter().filter(|(source, _)| *source == outlet.node).collect();
        let [&(_, tensor)] = rounded[..] else {
            let times = rounded.len();
            let reason = format!("this input is rounded {times} times, not once");
            return Err(OnnxError::node(&typed.nodes[outlet.node].name, reason));
        };
        lowering.network.inputs.push(tensor);
    }
    Ok(lowering.network)
}

struct Lowering<'a> {
    typed: &'a TypedModel,
    integers: Integers<'a>,
    /// The engine's tensor of each dequantised node.
    tensors: Vec<Option<TensorId>>,
    /// The sources, and what each is rounded to.
    inputs: Vec<(usize, TensorId)>,
    network: Network,
}

/// What follows a convolution or a sum, looked at from its end.
struct Ending<'a> {
    before: &'a Node,
    /// max(x, 0) was passed.
    relu: bool,
}

impl<'a> Lowering<'a> {
    /// Everything from the values before to this one.
    fn value(&mut self, node: &'a Node, dequantise: &DequantizeLinearF32) -> Result<(), OnnxError> {
        let rounding = self.input(node, 0);
        let quantise = rounding.op.downcast_ref::<ElementWiseOp>();
        let quantise = quantise.and_then(|op| op.0.downcast_ref::<QuantizeLinearI8>()).ok_or_else(|| {
            OnnxError::node(
                &node.name,
                format!("it dequantises a {}, not 8-bit integers", rounding.op.name()),
            )
        })?;
        let zero_point = u8::try_from(dequantise.zero_point).ok().filter(|&zero| zero <= LARGEST);
        let (Some(zero_point), true) = (zero_point, i32::from(quantise.zero_point) == dequantise.zero_point)
        else {
            return Err(OnnxError::node(
                &node.name,
                format!("its zero point {} is not from 0 to 127", dequantise.zero_point),
            ));
        };
        if !dequantise.scale.is_normal() || dequantise.scale.recip().to_bits() != quantise.scale.to_bits() {
            return Err(OnnxError::node(&node.name, "it rounds and dequantises with different scales"));
        }
        let tensor = TensorId(self.network.tensors.len());
        let shape = shape(node)?;
        self.network.tensors.push(Tensor { shape, scale: dequantise.scale, zero_point });
        self.tensors[node.id] = Some(tensor);

        let ending = self.ending(self.input(rounding, 0), zero_point, dequantise.scale)?;
        let before = ending.before;
        if before.op.name() == "Source" {
            if ending.relu && zero_point > 0 {
                return Err(OnnxError::node(&before.name, "the engine has no rectifier behind an input"));
            }
            self.inputs.push((before.id, tensor));
            return Ok(());
        }
        let operator = if before.op.downcast_ref::<Conv>().is_some() {
            self.convolution(before, tensor, None, ending.relu)?
        } else if let Some(pool) = before.op.downcast_ref::<MaxPool>() {
            let [kernel, stride, padding] = window(before, &pool.pool_spec)?;
            let input = self.read(before, 0)?;
            self.same_numbers(before, input, tensor)?;
            Operator::MaximumPool { input, output: tensor, kernel, stride, padding }
        } else if is_binary(before, "Add") {
            self.sum(before, tensor, ending.relu)?
        } else if before.op.name() == "Resize" {
            let input = self.read(before, 0)?;
            self.same_numbers(before, input, tensor)?;
            self.check_doubles(before, input, shape)?;
            Operator::Upsample { input, output: tensor }
        } else {
            return Err(OnnxError::no_operator(&before.name, &before.op.name()));
        };
        let rectifies = matches!(operator, Operator::Convolution(_) | Operator::Add { .. });
        // Where 0 is the lowest number of a value, rounding is the rectifier.
        if ending.relu && zero_point > 0 && !rectifies {
            let kind = before.op.name();
            return Err(OnnxError::node(
                &before.name,
                format!("the engine has no rectifier behind a {kind}"),
            ));
        }
        self.network.operators.push(operator);
        Ok(())
    }

    /// Passes the maximum that limits a value from below: with 0 a rectifier, else the value's own lowest number.
    fn ending(&self, node: &'a Node, zero_point: u8, scale: f32) -> Result<Ending<'a>, OnnxError> {
        if !is_binary(node, "Max") {
            // Signed integers reach below 0, the engine's do not.
            let limited = node.op.downcast_ref::<MaxPool>().is_some() || node.op.name() == "Resize";
            let unlimited = node.op.downcast_ref::<Conv>().is_some()
                || is_binary(node, "Add")
                || node.op.name() == "Source";
            return if limited {
                Ok(Ending { before: node, relu: false })
            } else if unlimited {
                Err(OnnxError::node(&node.name, "its value is not limited from below before it is rounded"))
            } else {
                Err(OnnxError::no_operator(&node.name, &node.op.name()))
            };
        }
        let (value, limit) = (0..2)
            .find_map(|i| Some((self.input(node, i), self.constant(node, 1 - i)?)))
            .ok_or_else(|| OnnxError::node(&node.name, "neither side of the maximum is constant"))?;
        let lowest = -f32::from(zero_point) * scale;
        let [limit] = limit[..] else {
            return Err(OnnxError::node(&node.name, "the maximum's limit is not one number"));
        };
        if limit == 0.0 {
            Ok(Ending { before: value, relu: true })
        } else if limit.to_bits() == lowest.to_bits() {
            // A rectifier may come before, where the value's range holds numbers below 0 all the same.
            match is_binary(value, "Max").then(|| self.ending(value, 0, scale)).transpose()? {
                Some(rectified) if rectified.relu => Ok(rectified),
                _ => Ok(Ending { before: value, relu: false }),
            }
        } else {
            Err(OnnxError::node(
                &node.name,
                format!("{limit} is not the lowest number, {lowest}, of its value"),
            ))
        }
    }

    fn sum(&mut self, node: &'a Node, output: TensorId, relu: bool) -> Result<Operator, OnnxError> {
        for i in 0..2 {
            if shape(self.input(node, i))? != shape(node)? {
                return Err(OnnxError::node(&node.name, "it adds numbers of different shapes"));
            }
        }
        for i in 0..2 {
            let addend = self.input(node, i);
            if addend.op.downcast_ref::<Conv>().is_some() {
                let residual = self.read(node, 1 - i)?;
                return self.convolution(addend, output, Some(residual), relu);
            }
        }
        Ok(Operator::Add { first: self.read(node, 0)?, second: self.read(node, 1)?, output, relu })
    }

    fn convolution(
        &mut self,
        node: &'a Node,
        output: TensorId,
        residual: Option<TensorId>,
        relu: bool,
    ) -> Result<Operator, OnnxError> {
        let Some(operator) = node.op.downcast_ref::<Conv>() else {
            return Err(OnnxError::node(&node.name, "it is no convolution"));
        };
        if operator.group != 1 {
            return Err(OnnxError::node(&node.name, format!("{} groups", operator.group)));
        }
        if operator.q_params.is_some() {
            return Err(OnnxError::node(&node.name, "it does not compute with floats"));
        }
        let [kernel, stride, padding] = window(node, &operator.pool_spec)?;
        let input = self.read(node, 0)?;
        let parameters = self.integers.of_convolution(&node.name)?;
        let input_scale = self.network.tensors[input.0].scale;
        let [weights, bias] = [1, 2].map(|i| self.constant(node, i));
        parameters
            .check(input_scale, weights.as_deref(), bias.as_deref())
            .map_err(|reason| OnnxError::node(&node.name, reason))?;
        Ok(Operator::Convolution(Convolution {
            input,
            output,
            kernel,
            stride,
            padding,
            weights: parameters.weights,
            weight_scales: parameters.scales,
            bias: parameters.bias,
            residual,
            relu,
        }))
    }

    /// Checks that a Resize doubles rows and columns, by factors of exactly 2: a file may give others and the same
    /// shape, and then other pixels are repeated.
    fn check_doubles(&self, node: &Node, input: TensorId, output: Shape) -> Result<(), OnnxError> {
        let from = self.network.tensors[input.0].shape;
        // The operator's type is private to tract; what it prints is not.
        let text = format!("{:?}", node.op);
        let nearest = ["coord_transformer: Plain(Asymmetric)", "interpolator: Nearest", "nearest: Floor"];
        let nearest = nearest.iter().all(|part| text.contains(part));
        let doubled = output == Shape { height: 2 * from.height, width: 2 * from.width, ..from };
        // Of region, scales and sizes, what is given and not empty.
        let given = node.inputs[1..].iter().map(|input| self.constant_tensor(*input));
        let given: Vec<_> =
            given.filter(|tensor| tensor.as_ref().is_none_or(|tensor| tensor.len() > 0)).collect();
        let by_two = match &given[..] {
            // Sizes are the shape's.
            [Some(tensor)] if tensor.datum_type() == i64::datum_type() => true,
            [Some(tensor)] => values::<f32>(tensor).is_some_and(|scales| scales == [1.0, 1.0, 2.0, 2.0]),
            _ => false,
        };
        if nearest && doubled && by_two {
            Ok(())
        } else {
            Err(OnnxError::node(&node.name, "only nearest, asymmetric, floor enlargement by 2 is known"))
        }
    }

    fn same_numbers(&self, node: &Node, input: TensorId, output: TensorId) -> Result<(), OnnxError> {
        let [a, b] = [input, output].map(|id| self.network.tensors[id.0]);
        if (a.scale.to_bits(), a.zero_point) == (b.scale.to_bits(), b.zero_point) {
            Ok(())
        } else {
            Err(OnnxError::node(&node.name, "its result is rounded with other numbers than its input"))
        }
    }

    fn input(&self, node: &Node, i: usize) -> &'a Node {
        &self.typed.nodes[node.inputs[i].node]
    }

    /// The floats that a node reads as input `i`, if they are constant.
    fn constant(&self, node: &Node, i: usize) -> Option<Vec<f32>> {
        values::<f32>(&*self.constant_tensor(node.inputs[i])?)
    }

    /// What comes out there, if it is constant: tract does not compute all constants by itself, large ones least.
    fn constant_tensor(&self, outlet: OutletId) -> Option<Arc<tract_onnx::prelude::Tensor>> {
        let node = &self.typed.nodes[outlet.node];
        if let Some(known) = &node.outputs[outlet.slot].fact.konst {
            return Some(known.clone());
        }
        if node.inputs.is_empty() {
            return None;
        }
        let inputs = node.inputs.iter().map(|input| Some(self.constant_tensor(*input)?.into_tvalue()));
        let outputs = node.op.eval_out_of_plan(inputs.collect::<Option<_>>()?).ok()??;
        Some(outputs.into_iter().nth(outlet.slot)?.into_arc_tensor())
    }

    /// The engine's tensor that a node reads as input `i`.
    fn read(&self, node: &Node, i: usize) -> Result<TensorId, OnnxError> {
        let before = node.inputs[i].node;
        self.tensor(before).ok_or_else(|| {
            let name = &self.typed.nodes[before].name;
            OnnxError::node(&node.name, format!("its input {name} is not quantised"))
        })
    }

    fn tensor(&self, node: usize) -> Option<TensorId> {
        self.tensors[node]
    }
}

fn is_binary(node: &Node, name: &str) -> bool {
    node.op.downcast_ref::<TypedBinOp>().is_some_and(|op| op.0.name() == name)
}

/// Kernel, stride and padding of a square window.
fn window(node: &Node, spec: &PoolSpec) -> Result<[usize; 3], OnnxError> {
    let square = |values: &[usize]| match *values {
        [a, b] if a == b => Some(a),
        _ => None,
    };
    let padding = match &spec.padding {
        PaddingSpec::Explicit(before, after) | PaddingSpec::ExplicitOnnxPool(before, after, false)
            if before == after =>
        {
            square(before)
        }
        PaddingSpec::Valid => Some(0),
        _ => None,
    };
    let stride = spec.strides.as_ref().map_or(Some(1), |strides| square(strides));
    let undilated = spec.dilations.as_ref().is_none_or(|dilations| dilations.iter().all(|&d| d == 1));
    match (square(&spec.kernel_shape), stride, padding) {
        (Some(kernel), Some(stride), Some(padding)) if undilated => Ok([kernel, stride, padding]),
        _ => Err(OnnxError::node(
            &node.name,
            "its window is not square, padded alike on all sides and undilated",
        )),
    }
}

/// The shape of one image.
fn shape(node: &Node) -> Result<Shape, OnnxError> {
    let shape = node.outputs[0].fact.shape.as_concrete();
    match shape {
        Some(&[1, channels, height, width]) => Ok(Shape { channels, height, width }),
        _ => Err(OnnxError::node(
            &node.name,
            format!("its shape {:?} is not 1 x channels x rows x columns", node.outputs[0].fact.shape),
        )),
    }
}
