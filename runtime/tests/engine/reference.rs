//! The arithmetic of the engine's documentation once more, straight from its text: no packing, no halo, no
//! plan.

use recist::engine::{Network, Operator, Shape, Tensor};

/// A quantised tensor, channel by channel.
type Values = Vec<u8>;

fn requantise(r: f32, output: &Tensor, relu: bool) -> u8 {
    let zero = i32::from(output.zero_point);
    let low = if relu { 0 } else { -zero };
    let r = if r.is_nan() { low as f32 } else { r.max(low as f32).min((127 - zero) as f32) };
    #[allow(clippy::cast_possible_truncation, reason = "in -127..=127")]
    let rounded = r.round_ties_even() as i32;
    u8::try_from(rounded + zero).unwrap()
}

/// Runs the network on float32 inputs; gives the float32 outputs.
pub(crate) fn run(network: &Network, inputs: &[Vec<f32>]) -> Vec<Vec<f32>> {
    let mut values: Vec<Values> = vec![vec![]; network.tensors.len()];
    for (id, input) in network.inputs.iter().zip(inputs) {
        let tensor = &network.tensors[id.0];
        let inverse = 1.0 / tensor.scale;
        values[id.0] = input.iter().map(|x| requantise(x * inverse, tensor, false)).collect();
    }
    for operator in &network.operators {
        let output = operator.output();
        values[output.0] = compute(network, operator, &values);
    }
    let dequantised = |id: &recist::engine::TensorId| {
        let tensor = &network.tensors[id.0];
        values[id.0]
            .iter()
            .map(|q| (i32::from(*q) - i32::from(tensor.zero_point)) as f32 * tensor.scale)
            .collect()
    };
    network.outputs.iter().map(dequantised).collect()
}

fn compute(network: &Network, operator: &Operator, values: &[Values]) -> Values {
    let out = &network.tensors[operator.output().0];
    let Shape { channels, height, width } = out.shape;
    let at = |id: recist::engine::TensorId, c: usize, y: isize, x: isize| -> Option<i32> {
        let shape = network.tensors[id.0].shape;
        let (y, x) = (usize::try_from(y).ok()?, usize::try_from(x).ok()?);
        (y < shape.height && x < shape.width)
            .then(|| i32::from(values[id.0][(c * shape.height + y) * shape.width + x]))
    };
    let zero = |id: recist::engine::TensorId| i32::from(network.tensors[id.0].zero_point);
    let ratio = |id: recist::engine::TensorId| network.tensors[id.0].scale / out.scale;
    let mut result = vec![];
    for (c, y, x) in
        (0..channels * height * width).map(|i| (i / (height * width), i / width % height, i % width))
    {
        let (row, column) = (y.cast_signed(), x.cast_signed());
        result.push(match operator {
            Operator::Convolution(conv) => {
                let inputs = network.tensors[conv.input.0].shape.channels;
                let mut sum = conv.bias[c];
                for i in 0..inputs * conv.kernel * conv.kernel {
                    let (ci, ky, kx) =
                        (i / (conv.kernel * conv.kernel), i / conv.kernel % conv.kernel, i % conv.kernel);
                    let weight = i32::from(conv.weights[c * inputs * conv.kernel * conv.kernel + i]);
                    let at_y = (y * conv.stride + ky).cast_signed() - conv.padding.cast_signed();
                    let at_x = (x * conv.stride + kx).cast_signed() - conv.padding.cast_signed();
                    let q = at(conv.input, ci, at_y, at_x).unwrap_or(zero(conv.input));
                    sum = sum.wrapping_add(weight * (q - zero(conv.input)));
                }
                let scale = network.tensors[conv.input.0].scale * conv.weight_scales[c] / out.scale;
                let mut r = sum as f32 * scale;
                if let Some(residual) = conv.residual {
                    let p = at(residual, c, row, column).unwrap() - zero(residual);
                    r += p as f32 * ratio(residual);
                }
                requantise(r, out, conv.relu)
            }
            Operator::MaximumPool { input, kernel, stride, padding, .. } => {
                let window = (0..kernel * kernel).filter_map(|i| {
                    let at_y = (y * stride + i / kernel).cast_signed() - padding.cast_signed();
                    at(*input, c, at_y, (x * stride + i % kernel).cast_signed() - padding.cast_signed())
                });
                u8::try_from(window.max().unwrap()).unwrap()
            }
            Operator::Add { first, second, relu, .. } => {
                let value = |id| (at(id, c, row, column).unwrap() - zero(id)) as f32 * ratio(id);
                requantise(value(*first) + value(*second), out, *relu)
            }
            Operator::Upsample { input, .. } => {
                u8::try_from(at(*input, c, row / 2, column / 2).unwrap()).unwrap()
            }
        });
    }
    result
}
