//! Upsampling that is not run: what reads its result reads the small tensor twice.

use std::collections::HashMap;

use super::network::{Network, Operator, TensorId};

/// Upsampled tensors that need not exist, with what they are made of.
pub(super) fn fused_upsampling(network: &Network) -> HashMap<TensorId, TensorId> {
    let mut fused: HashMap<_, _> = network
        .operators
        .iter()
        .filter_map(|operator| match operator {
            Operator::Upsample { input, output } => Some((*output, *input)),
            Operator::Convolution(_) | Operator::MaximumPool { .. } | Operator::Add { .. } => None,
        })
        .filter(|(output, input)| {
            network.tensors[output.0].scale.to_bits() == network.tensors[input.0].scale.to_bits()
                && network.tensors[output.0].zero_point == network.tensors[input.0].zero_point
        })
        .collect();
    let sources: Vec<_> = fused.values().copied().collect();
    fused.retain(|output, _| !network.outputs.contains(output) && !sources.contains(output));
    for operator in &network.operators {
        match operator {
            Operator::Convolution(c) => {
                fused.remove(&c.input);
            }
            Operator::MaximumPool { input, .. } => {
                fused.remove(input);
            }
            Operator::Add { first, second, .. } if fused.contains_key(second) => {
                fused.remove(first);
            }
            Operator::Add { .. } | Operator::Upsample { .. } => {}
        }
    }
    fused
}

/// A tensor as it is read: itself, or what it is upsampled from.
pub(super) fn source(id: TensorId, fused: &HashMap<TensorId, TensorId>) -> (TensorId, bool) {
    fused.get(&id).map_or((id, false), |small| (*small, true))
}
