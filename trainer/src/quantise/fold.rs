use super::QuantiseError;
use crate::autodiff::BATCH_NORM_EPSILON;
use crate::graph::{Convolution, Graph, Operator, Value};
use crate::weights::{Tensor, Weights};

/// A network without batch norms: every convolution has a bias.
#[derive(Clone, Debug)]
pub struct Folded {
    /// The network.
    pub graph: Graph,
    /// Its parameters.
    pub weights: Weights,
}

/// Multiplies every batch norm, with its running statistics, into the convolution before it:
/// `w' = w γ / √(σ² + ε)`, `b' = (b - μ) γ / √(σ² + ε) + β`. The convolution keeps its name.
///
/// # Errors
/// If the weights are not the graph's, or a batch norm does not directly follow a convolution that nothing
/// else reads.
pub fn fold(graph: &Graph, weights: &Weights) -> Result<Folded, QuantiseError> {
    weights.check(graph)?;
    let uses = graph.uses();
    // For each convolution, the batch norm that follows it.
    let mut norm_of = vec![None; graph.nodes().len()];
    for (value, node) in graph.nodes() {
        if *node.operator() == Operator::BatchNorm {
            let before = node.inputs()[0];
            let convolution = matches!(graph.node(before).operator(), Operator::Convolution(_));
            if !convolution || uses[before.index()] != 1 {
                return Err(QuantiseError::node(
                    node.name(),
                    "a batch norm follows no convolution of its own",
                ));
            }
            norm_of[before.index()] = Some(value);
        }
    }
    let mut folded = Weights::default();
    let mut values: Vec<Value> = Vec::new();
    let new_graph = Graph::build(|scope| -> Result<Vec<Value>, QuantiseError> {
        for (value, node) in graph.nodes() {
            let inputs: Vec<Value> = node.inputs().iter().map(|input| values[input.index()]).collect();
            let operator = match *node.operator() {
                Operator::BatchNorm => {
                    values.push(inputs[0]);
                    continue;
                }
                Operator::Convolution(convolution) => {
                    let norm = norm_of[value.index()].map(|norm| graph.node(norm).name());
                    fold_parameters(node.name(), norm, convolution, weights, &mut folded);
                    Operator::Convolution(Convolution { bias: true, ..convolution })
                }
                other => {
                    for parameter in graph.parameters_of(node) {
                        let tensor = weights.get(&parameter.name).expect("checked against the graph");
                        folded.insert(parameter.name, tensor.clone());
                    }
                    other
                }
            };
            values.push(scope.push(node.name(), operator, &inputs)?);
        }
        Ok(graph.outputs().iter().map(|output| values[output.index()]).collect())
    })?;
    Ok(Folded { graph: new_graph, weights: folded })
}

fn fold_parameters(
    name: &str,
    norm: Option<&str>,
    convolution: Convolution,
    weights: &Weights,
    folded: &mut Weights,
) {
    let get = |name: String| weights.get(&name).expect("checked against the graph");
    let mut weight = get(format!("{name}.weight")).clone();
    let mut bias = if convolution.bias {
        get(format!("{name}.bias")).values().to_vec()
    } else {
        vec![0.0; convolution.out_channels]
    };
    if let Some(norm) = norm {
        let of = |part: &str| get(format!("{norm}.{part}")).values();
        let (gamma, beta, mean, variance) = (of("weight"), of("bias"), of("running_mean"), of("running_var"));
        let per_channel = weight.values().len() / convolution.out_channels;
        for (channel, row) in weight.values_mut().chunks_exact_mut(per_channel).enumerate() {
            let scale =
                f64::from(gamma[channel]) / (f64::from(variance[channel]) + BATCH_NORM_EPSILON).sqrt();
            let moved =
                (f64::from(bias[channel]) - f64::from(mean[channel])) * scale + f64::from(beta[channel]);
            #[allow(clippy::cast_possible_truncation, reason = "parameters are f32")]
            {
                bias[channel] = moved as f32;
                row.iter_mut().for_each(|w| *w = (f64::from(*w) * scale) as f32);
            }
        }
    }
    folded.insert(format!("{name}.weight"), weight);
    let bias = Tensor::new(vec![bias.len()], bias).expect("a vector has its length");
    folded.insert(format!("{name}.bias"), bias);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::autodiff::{Module, cpu, download, upload};
    use crate::network::Network;

    #[test]
    fn a_folded_network_answers_as_before() {
        let network = Network::open(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/tiny.toml")).unwrap();
        let graph = network.hourglass.graph(128).unwrap();
        let mut weights = Weights::initialise(&graph, 3);
        // Statistics and heads that are not those of an untrained network.
        let names: Vec<String> = weights.iter().map(|(name, _)| name.to_owned()).collect();
        for (number, name) in names.iter().enumerate() {
            for (i, value) in weights.get_mut(name).unwrap().values_mut().iter_mut().enumerate() {
                *value += 0.05 * ((number * 7 + i * 13) % 11) as f32;
            }
        }
        let folded = fold(&graph, &weights).unwrap();
        assert!(folded.graph.nodes().all(|(_, node)| *node.operator() != Operator::BatchNorm));
        let device = cpu();
        let patch: Vec<f32> = (0..128 * 128).map(|i| (i * 37 % 101) as f32 / 101.0).collect();
        let run = |graph: &Graph, weights: &Weights| {
            let module: Module<f32, _> = Module::new(graph.clone(), weights, &device).unwrap();
            let input = upload(&device, (1, 128, 128, 1), &patch).unwrap();
            download(&module.infer(input).unwrap()[0]).unwrap()
        };
        let (before, after) = (run(&graph, &weights), run(&folded.graph, &folded.weights));
        let largest = before.iter().fold(0.0_f32, |m, v| m.max(v.abs()));
        for (a, b) in before.iter().zip(&after) {
            assert!((a - b).abs() < 1e-4 * largest, "{a} {b}");
        }
    }
}
