use tract_onnx::prelude::*;
use tract_onnx::tract_hir::infer::Factoid;

use super::OnnxError;

/// A file as it stands, before tract's typing folds constants: where the integers of weights are found.
pub(super) struct Integers<'a>(pub(super) &'a InferenceModel);

/// A convolution's integers.
pub(super) struct Parameters {
    pub(super) weights: Vec<i8>,
    pub(super) scales: Vec<f32>,
    pub(super) bias: Vec<i32>,
}

impl Integers<'_> {
    /// The integers of the convolution called `name`: its second and third input come from DequantizeLinear
    /// nodes on constants, without zero points. What these make of them, [`Parameters::check`] compares.
    pub(super) fn of_convolution(&self, name: &str) -> Result<Parameters, OnnxError> {
        let wrong = |reason: &str| OnnxError::node(name, reason);
        // Names are unique only among the nodes that an output needs.
        let needed = self.0.eval_order().map_err(OnnxError::tract)?;
        let node = needed.into_iter().map(|id| &self.0.nodes[id]).find(|node| node.name == name);
        let node = node.ok_or_else(|| wrong("it is not in the file"))?;
        let [_, weight, bias] = node.inputs[..] else {
            return Err(wrong("a quantised convolution has weights and a bias"));
        };
        let (weights, scales) = self.dequantised(name, weight)?;
        let (bias, bias_scales) = self.dequantised(name, bias)?;
        let weights = values::<i8>(&weights).ok_or_else(|| wrong("its weights are not 8-bit integers"))?;
        let bias = values::<i32>(&bias).ok_or_else(|| wrong("its bias is not of 32-bit integers"))?;
        if scales.len() != bias.len() || bias_scales.len() != bias.len() {
            return Err(wrong("there is not one scale per output channel"));
        }
        Ok(Parameters { weights, scales, bias })
    }

    fn dequantised(&self, name: &str, outlet: OutletId) -> Result<(Arc<Tensor>, Vec<f32>), OnnxError> {
        let wrong = |reason: String| OnnxError::node(name, reason);
        let node = &self.0.nodes[outlet.node];
        if node.op.name() != "DequantizeLinear" {
            return Err(wrong(format!(
                "its parameter {} is a {}, not dequantised",
                node.name,
                node.op.name()
            )));
        }
        let constant = |input: usize| {
            let outlet = node.inputs.get(input)?;
            self.0.nodes[outlet.node].outputs.get(outlet.slot)?.fact.value.concretize()
        };
        let integers = constant(0).ok_or_else(|| wrong(format!("{} is not constant", node.name)))?;
        let scales = constant(1).and_then(|tensor| values::<f32>(&tensor));
        let scales =
            scales.ok_or_else(|| wrong(format!("the scales of {} are not constant floats", node.name)))?;
        let zero_points = constant(2).and_then(|tensor| values::<i8>(&tensor));
        if node.inputs.len() > 2 && zero_points.is_none_or(|zeros| zeros.iter().any(|&zero| zero != 0)) {
            return Err(wrong(format!("the zero points of {} are not 0", node.name)));
        }
        Ok((integers, scales))
    }
}

impl Parameters {
    /// Checks that `weights` and `bias`, the floats that the model computes with, are these integers as the engine
    /// takes them: weights times the scale of their output channel, a bias times this and the input's scale.
    ///
    /// # Errors
    /// Says which are not.
    pub(super) fn check(
        &self,
        input_scale: f32,
        weights: Option<&[f32]>,
        bias: Option<&[f32]>,
    ) -> Result<(), &'static str> {
        let channel = (self.weights.len() / self.scales.len().max(1)).max(1);
        let scales = self.scales.iter().map(|&scale| f64::from(scale));
        let exact_weights = self.weights.chunks(channel).zip(scales.clone());
        let exact_weights =
            exact_weights.flat_map(|(row, scale)| row.iter().map(move |&weight| f64::from(weight) * scale));
        let exact_bias = self.bias.iter().zip(scales);
        let exact_bias = exact_bias.map(|(&bias, scale)| f64::from(bias) * f64::from(input_scale) * scale);
        if !weights.is_some_and(|weights| are_rounded(weights, exact_weights)) {
            Err("its weights are not their integers times a scale per output channel")
        } else if !bias.is_some_and(|bias| are_rounded(bias, exact_bias)) {
            Err("its bias is not its integers times the scales of input and weights")
        } else {
            Ok(())
        }
    }
}

/// How far a float may be from what it is a product of: a product of three numbers, one of them a rounded one, is
/// rounded three times, by 2^-24 each.
const ROUNDING: f64 = 1.0 / (1 << 22) as f64;

fn are_rounded(found: &[f32], exact: impl Iterator<Item = f64> + Clone) -> bool {
    let is_rounded =
        |(&found, exact): (&f32, f64)| (f64::from(found) - exact).abs() <= ROUNDING * exact.abs();
    found.len() == exact.clone().count() && found.iter().zip(exact).all(is_rounded)
}

/// The numbers of a tensor of this type.
pub(super) fn values<T: Datum + Copy>(tensor: &Tensor) -> Option<Vec<T>> {
    Some(tensor.try_as_plain_ram().ok()?.as_slice::<T>().ok()?.to_vec())
}
