use super::values::Values;
use super::{Folded, QuantiseError};
use crate::graph::{Operator, Value};
use crate::weights::Weights;

/// Evens the ranges of channels out where that changes no answer: between a convolution, its rectifier and the
/// convolutions that read it, a channel can be divided by any positive number and multiplied by it again
/// (Nagel et al., ICCV 2019). Every channel moves halfway, on a logarithmic scale, to the largest one's range.
///
/// # Errors
/// If the network cannot be run on `patches`.
pub(crate) fn equalise(folded: &Folded, patches: &[f32]) -> Result<Folded, QuantiseError> {
    let maxima = channel_maxima(folded, patches)?;
    let Folded { graph, weights } = folded;
    let mut weights = weights.clone();
    let uses = graph.uses();
    let readers = |value: Value| graph.nodes().filter(move |(_, node)| node.inputs().contains(&value));
    for (value, node) in graph.nodes() {
        let &[before] = node.inputs() else { continue };
        let is_convolution = |operator: &Operator| matches!(operator, Operator::Convolution(_));
        let between = *node.operator() == Operator::Relu
            && is_convolution(graph.node(before).operator())
            && uses[before.index()] == 1
            && uses[value.index()] == readers(value).count()
            && readers(value).all(|(_, reader)| is_convolution(reader.operator()));
        if !between {
            continue;
        }
        let largest = maxima[value.index()].iter().fold(0.0_f32, |m, v| m.max(*v));
        let factors: Vec<f32> = maxima[value.index()]
            .iter()
            .map(|&m| if m > 0.0 { (m / largest).sqrt().max(0.05) } else { 1.0 })
            .collect();
        let name = graph.node(before).name();
        for part in ["weight", "bias"] {
            let values = values_of(&mut weights, name, part);
            let row = values.len() / factors.len();
            for (row, factor) in values.chunks_exact_mut(row).zip(&factors) {
                row.iter_mut().for_each(|v| *v /= factor);
            }
        }
        for (_, reader) in readers(value) {
            let Operator::Convolution(convolution) = reader.operator() else { continue };
            let taps = convolution.window.kernel * convolution.window.kernel;
            let values = values_of(&mut weights, reader.name(), "weight");
            for (i, plane) in values.chunks_exact_mut(taps).enumerate() {
                plane.iter_mut().for_each(|v| *v *= factors[i % factors.len()]);
            }
        }
    }
    Ok(Folded { graph: graph.clone(), weights })
}

fn channel_maxima(folded: &Folded, patches: &[f32]) -> Result<Vec<Vec<f32>>, QuantiseError> {
    let mut maxima: Vec<Vec<f32>> =
        folded.graph.nodes().map(|(_, node)| vec![0.0; node.shape().channels]).collect();
    Values::new(folded)?.read(patches, |node, numbers| {
        let maxima = &mut maxima[node];
        for pixel in numbers.chunks_exact(maxima.len()) {
            maxima.iter_mut().zip(pixel).for_each(|(maximum, &number)| *maximum = maximum.max(number));
        }
    })?;
    Ok(maxima)
}

fn values_of<'a>(weights: &'a mut Weights, node: &str, part: &str) -> &'a mut [f32] {
    weights.get_mut(&format!("{node}.{part}")).expect("a folded network has its parameters").values_mut()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::Network;
    use crate::quantise::fold;
    use crate::weights::Weights;

    /// The largest part of a channel's range that the channel with the smallest has.
    fn evenness(maxima: &[f32]) -> f32 {
        let [least, most] = [f32::min, f32::max].map(|f| maxima.iter().copied().reduce(f).unwrap());
        least / most
    }

    #[test]
    fn channels_become_even_and_the_answer_stays() {
        let network = Network::open(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/tiny.toml")).unwrap();
        let graph = network.localization.graph(128).unwrap();
        let mut weights = Weights::initialise(&graph, 3);
        let heads: Vec<String> = weights
            .iter()
            .filter(|(_, tensor)| tensor.values().iter().all(|&value| value == 0.0))
            .map(|(name, _)| name.to_owned())
            .collect();
        for name in heads {
            let values = weights.get_mut(&name).unwrap().values_mut();
            values.iter_mut().enumerate().for_each(|(i, v)| *v = ((i * 29 % 17) as f32 - 6.0) / 100.0);
        }
        let folded = fold(&graph, &weights).unwrap();
        let patches: Vec<f32> = (0..2 * 128 * 128).map(|i| (i * i % 101) as f32 / 101.0).collect();
        let equalised = equalise(&folded, &patches).unwrap();

        let answers = |folded: &Folded| -> Vec<f32> {
            let outputs: Vec<usize> = folded.graph.outputs().iter().map(|output| output.index()).collect();
            let mut answers = Vec::new();
            let read = |node, numbers: &[f32]| {
                if outputs.contains(&node) {
                    answers.extend_from_slice(numbers);
                }
            };
            Values::new(folded).unwrap().read(&patches, read).unwrap();
            answers
        };
        let (before, after) = (answers(&folded), answers(&equalised));
        let largest = before.iter().fold(0.0_f32, |m, v| m.max(v.abs()));
        for (a, b) in before.iter().zip(&after) {
            assert!((a - b).abs() < 1e-4 * largest, "{a} {b}");
        }

        let [before, after] = [&folded, &equalised].map(|f| channel_maxima(f, &patches).unwrap());
        let moved: Vec<[f32; 2]> = before
            .iter()
            .zip(&after)
            .filter(|(before, after)| before != after && before.iter().all(|&maximum| maximum > 0.0))
            .map(|(before, after)| [evenness(before), evenness(after)])
            .collect();
        // What comes behind differs by the rounding of floats alone.
        assert!(moved.iter().all(|[before, after]| *after > 0.999 * before), "{moved:?}");
        assert!(moved.iter().any(|[before, after]| *after > 1.3 * before), "{moved:?}");
    }
}
