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
    /// nodes on constants, along the output channels, without zero points.
    pub(super) fn of_convolution(&self, name: &str) -> Result<Parameters, OnnxError> {
        let wrong = |reason: &str| OnnxError::node(name, reason);
        let node = self.0.nodes.iter().find(|node| node.name == name);
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

/// The numbers of a tensor of this type.
pub(super) fn values<T: Datum + Copy>(tensor: &Tensor) -> Option<Vec<T>> {
    Some(tensor.try_as_plain_ram().ok()?.as_slice::<T>().ok()?.to_vec())
}
