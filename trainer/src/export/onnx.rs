//! The networks as ONNX files (opset 13), for any ONNX engine.

use prost::Message;
use recist::onnx::protobuf as pb;
use recist::onnx::protobuf::attribute_proto::AttributeType;
use recist::onnx::protobuf::tensor_proto::DataType;

use crate::graph::{Graph, Operator, Shape, Value};
use crate::quantise::{Folded, Lowered};
use recist::engine;

const OPSET: i64 = 13;

/// ONNX IR version 7, which came with opset 13.
const IR_VERSION: i64 = 7;

/// What a file says of itself beside the network: keys and values.
pub type Metadata<'a> = &'a [(&'a str, &'a str)];

/// A folded network in 32-bit floats. The input is called `patch`, shape 1 x channels x rows x columns; the
/// outputs have the names of their nodes.
#[must_use]
pub fn float32(name: &str, folded: &Folded, metadata: Metadata<'_>) -> Vec<u8> {
    let graph = &folded.graph;
    let mut file = File::default();
    for (_, node) in graph.nodes() {
        let input = |i: usize| graph.node(node.inputs()[i]).name();
        let parameter = |part: &str| format!("{}.{part}", node.name());
        let out = node.name();
        match *node.operator() {
            Operator::Input(shape) => file.input(out, shape),
            Operator::Convolution(convolution) => {
                let window = convolution.window;
                let channels = graph.node(node.inputs()[0]).shape().channels;
                let shape = [convolution.out_channels, channels, window.kernel, window.kernel];
                file.parameters(folded, out, shape);
                let inputs = [input(0), &parameter("weight"), &parameter("bias")];
                file.convolution(&inputs, out, [window.kernel, window.stride, window.padding]);
            }
            Operator::Linear { outputs } => {
                // A convolution whose kernel is its whole input.
                let shape = graph.node(node.inputs()[0]).shape();
                file.parameters(folded, out, [outputs, shape.channels, shape.height, shape.width]);
                let inputs = [input(0), &parameter("weight"), &parameter("bias")];
                file.convolution(&inputs, out, [shape.height, 1, 0]);
            }
            Operator::Relu => file.node("Relu", &[input(0)], out, vec![]),
            Operator::Add => file.node("Add", &[input(0), input(1)], out, vec![]),
            Operator::MaxPool(window) => {
                file.max_pool(input(0), out, [window.kernel, window.stride, window.padding]);
            }
            Operator::UpsampleNearest2x => file.upsample(input(0), out),
            Operator::BatchNorm => unreachable!("a folded network has no batch norm"),
        }
    }
    file.outputs(graph);
    file.finish(name, metadata)
}

/// A quantised network with QuantizeLinear and DequantizeLinear where the engine rounds. Activations are signed
/// eight-bit numbers of which 0 to 127 occur; weights have a scale per output channel; biases are 32-bit
/// integers.
#[must_use]
pub fn int8(name: &str, graph: &Graph, lowered: &Lowered, metadata: Metadata<'_>) -> Vec<u8> {
    let Lowered { network, names } = lowered;
    let mut names = names.clone();
    let mut file = File::default();
    for &input in &network.inputs {
        let rounded = format!("{}.rounded", names[input.0]);
        let given = std::mem::replace(&mut names[input.0], rounded);
        file.input(&given, network.tensors[input.0].shape);
        file.round(network, input, &given, &names[input.0], false);
    }
    for operator in &network.operators {
        let output = operator.output();
        let name_of = |tensor: engine::TensorId| names[tensor.0].as_str();
        let name = name_of(output);
        let exact = format!("{name}.exact");
        match operator {
            engine::Operator::Convolution(convolution) => {
                file.quantised_convolution(network, convolution, &names);
            }
            engine::Operator::Add { first, second, relu, .. } => {
                let sum = if *relu { format!("{name}.sum") } else { exact.clone() };
                file.node("Add", &[name_of(*first), name_of(*second)], &sum, vec![]);
                if *relu {
                    file.node("Relu", &[&sum], &exact, vec![]);
                }
                file.round(network, output, &exact, name, *relu);
            }
            engine::Operator::MaximumPool { input, kernel, stride, padding, .. } => {
                file.max_pool(name_of(*input), &exact, [*kernel, *stride, *padding]);
                file.round(network, output, &exact, name, true);
            }
            engine::Operator::Upsample { input, .. } => {
                file.upsample(name_of(*input), &exact);
                file.round(network, output, &exact, name, true);
            }
        }
    }
    file.outputs(graph);
    file.finish(name, metadata)
}

/// A file in the making.
#[derive(Default)]
struct File {
    graph: pb::GraphProto,
}

impl File {
    fn node(&mut self, kind: &str, inputs: &[&str], output: &str, attribute: Vec<pb::AttributeProto>) {
        self.graph.node.push(pb::NodeProto {
            name: output.to_owned(),
            op_type: kind.to_owned(),
            input: inputs.iter().map(|&input| input.to_owned()).collect(),
            output: vec![output.to_owned()],
            attribute,
            ..Default::default()
        });
    }

    fn input(&mut self, name: &str, shape: Shape) {
        self.graph.input.push(value_info(name, shape));
    }

    fn outputs(&mut self, graph: &Graph) {
        let outputs = graph.outputs().iter().map(|&output: &Value| graph.node(output));
        self.graph.output = outputs.map(|node| value_info(node.name(), node.shape())).collect();
    }

    fn tensor(&mut self, name: &str, dims: &[usize], kind: DataType, raw_data: Vec<u8>) {
        self.graph.initializer.push(pb::TensorProto {
            name: name.to_owned(),
            dims: dims.iter().map(|&d| whole(d)).collect(),
            data_type: kind as i32,
            raw_data,
            ..Default::default()
        });
    }

    fn floats(&mut self, name: &str, dims: &[usize], values: &[f32]) {
        self.tensor(name, dims, DataType::Float, values.iter().flat_map(|v| v.to_le_bytes()).collect());
    }

    fn parameters(&mut self, folded: &Folded, node: &str, shape: [usize; 4]) {
        for (part, dims) in [("weight", &shape[..]), ("bias", &shape[..1])] {
            let name = format!("{node}.{part}");
            let values = folded.weights.get(&name).expect("a folded network has its parameters").values();
            self.floats(&name, dims, values);
        }
    }

    fn convolution(&mut self, inputs: &[&str], output: &str, [kernel, stride, padding]: [usize; 3]) {
        let attributes = window(kernel, stride, padding);
        self.node("Conv", inputs, output, attributes);
    }

    fn max_pool(&mut self, input: &str, output: &str, [kernel, stride, padding]: [usize; 3]) {
        self.node("MaxPool", &[input], output, window(kernel, stride, padding));
    }

    fn upsample(&mut self, input: &str, output: &str) {
        let scales = format!("{output}.scales");
        self.floats(&scales, &[4], &[1.0, 1.0, 2.0, 2.0]);
        let attributes = vec![
            text("mode", "nearest"),
            text("coordinate_transformation_mode", "asymmetric"),
            text("nearest_mode", "floor"),
        ];
        self.node("Resize", &[input, "", &scales], output, attributes);
    }

    /// The convolution `name.conv` on dequantised weights and bias, the residual, the rectifier, the rounding.
    fn quantised_convolution(
        &mut self,
        network: &engine::Network,
        convolution: &engine::Convolution,
        names: &[String],
    ) {
        let name = &names[convolution.output.0];
        let from = &network.tensors[convolution.input.0];
        let [outputs, kernel] = [convolution.bias.len(), convolution.kernel];
        let dims = [outputs, from.shape.channels, kernel, kernel];
        let weights = convolution.weights.iter().map(|w| w.to_le_bytes()[0]).collect();
        let part = |part: &str| format!("{name}.{part}");
        self.tensor(&part("weight.integers"), &dims, DataType::Int8, weights);
        self.floats(&part("weight.scale"), &[outputs], &convolution.weight_scales);
        self.tensor(&part("weight.zero"), &[outputs], DataType::Int8, vec![0; outputs]);
        let inputs = ["weight.integers", "weight.scale", "weight.zero"].map(part);
        self.node(
            "DequantizeLinear",
            &inputs.each_ref().map(String::as_str),
            &part("weight"),
            vec![integer("axis", 0)],
        );

        let bias = convolution.bias.iter().flat_map(|b| b.to_le_bytes()).collect();
        let scales: Vec<f32> = convolution.weight_scales.iter().map(|s| s * from.scale).collect();
        self.tensor(&part("bias.integers"), &[outputs], DataType::Int32, bias);
        self.floats(&part("bias.scale"), &[outputs], &scales);
        let inputs = ["bias.integers", "bias.scale"].map(part);
        self.node(
            "DequantizeLinear",
            &inputs.each_ref().map(String::as_str),
            &part("bias"),
            vec![integer("axis", 0)],
        );

        let mut last = part("conv");
        let inputs = [names[convolution.input.0].clone(), part("weight"), part("bias")];
        self.convolution(
            &inputs.each_ref().map(String::as_str),
            &last,
            [kernel, convolution.stride, convolution.padding],
        );
        if let Some(residual) = convolution.residual {
            let sum = part("sum");
            self.node("Add", &[&last, &names[residual.0]], &sum, vec![]);
            last = sum;
        }
        if convolution.relu {
            let rectified = part("rectified");
            self.node("Relu", &[&last], &rectified, vec![]);
            last = rectified;
        }
        self.round(network, convolution.output, &last, name, convolution.relu);
    }

    /// Rounds `exact` to the tensor's integers and back, as `name`. A tensor that may be negative is limited
    /// from below first: eight bits would not do it at 0.
    fn round(
        &mut self,
        network: &engine::Network,
        tensor: engine::TensorId,
        exact: &str,
        name: &str,
        not_below_zero: bool,
    ) {
        let engine::Tensor { scale, zero_point, .. } = network.tensors[tensor.0];
        let part = |part: &str| format!("{name}.{part}");
        self.floats(&part("scale"), &[], &[scale]);
        self.tensor(&part("zero"), &[], DataType::Int8, vec![zero_point]);
        let mut exact = exact.to_owned();
        if !not_below_zero {
            self.floats(&part("lowest"), &[], &[-f32::from(zero_point) * scale]);
            let limited = part("limited");
            self.node("Max", &[&exact, &part("lowest")], &limited, vec![]);
            exact = limited;
        }
        let integers = part("integers");
        self.node("QuantizeLinear", &[&exact, &part("scale"), &part("zero")], &integers, vec![]);
        self.node("DequantizeLinear", &[&integers, &part("scale"), &part("zero")], name, vec![]);
    }

    fn finish(self, name: &str, metadata: Metadata<'_>) -> Vec<u8> {
        let entry = |&(key, value): &(&str, &str)| pb::StringStringEntryProto {
            key: key.to_owned(),
            value: value.to_owned(),
        };
        let model = pb::ModelProto {
            ir_version: IR_VERSION,
            opset_import: vec![pb::OperatorSetIdProto { domain: String::new(), version: OPSET }],
            producer_name: "recist-train".to_owned(),
            producer_version: env!("CARGO_PKG_VERSION").to_owned(),
            graph: Some(pb::GraphProto { name: name.to_owned(), ..self.graph }),
            metadata_props: metadata.iter().map(entry).collect(),
            ..Default::default()
        };
        model.encode_to_vec()
    }
}

fn window(kernel: usize, stride: usize, padding: usize) -> Vec<pb::AttributeProto> {
    vec![
        integers("kernel_shape", &[kernel; 2]),
        integers("strides", &[stride; 2]),
        integers("pads", &[padding; 4]),
    ]
}

fn integers(name: &str, values: &[usize]) -> pb::AttributeProto {
    let ints = values.iter().map(|&value| whole(value)).collect();
    pb::AttributeProto { ints, ..attribute(name, AttributeType::Ints) }
}

fn integer(name: &str, i: i64) -> pb::AttributeProto {
    pb::AttributeProto { i, ..attribute(name, AttributeType::Int) }
}

fn text(name: &str, value: &str) -> pb::AttributeProto {
    pb::AttributeProto { s: value.as_bytes().to_vec(), ..attribute(name, AttributeType::String) }
}

fn attribute(name: &str, kind: AttributeType) -> pb::AttributeProto {
    pb::AttributeProto { name: name.to_owned(), r#type: kind as i32, ..Default::default() }
}

fn whole(value: usize) -> i64 {
    i64::try_from(value).expect("a size fits 63 bits")
}

fn value_info(name: &str, shape: Shape) -> pb::ValueInfoProto {
    let dim = [1, shape.channels, shape.height, shape.width]
        .iter()
        .map(|&size| pb::tensor_shape_proto::Dimension {
            value: Some(pb::tensor_shape_proto::dimension::Value::DimValue(whole(size))),
            ..Default::default()
        })
        .collect();
    let tensor = pb::type_proto::Tensor {
        elem_type: DataType::Float as i32,
        shape: Some(pb::TensorShapeProto { dim }),
    };
    pb::ValueInfoProto {
        name: name.to_owned(),
        r#type: Some(pb::TypeProto {
            value: Some(pb::type_proto::Value::TensorType(tensor)),
            ..Default::default()
        }),
        ..Default::default()
    }
}
