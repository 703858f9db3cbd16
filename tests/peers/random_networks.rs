//! The networks of `networks.toml` with random weights, in floating point and in the engine's integers.

use recist::engine::Operator;
use recist_trainer::data::{Augmentation, Depth, augment, keyed, phantom};
use recist_trainer::network::{Localization, Network};
use recist_trainer::quantise::{Calibration, Folded, Lowered, Rule, fold, lower};
use recist_trainer::weights::Weights;

/// A network and what it is called.
pub(crate) struct RandomNetwork {
    pub(crate) name: &'static str,
    pub(crate) folded: Folded,
    pub(crate) lowered: Lowered,
}

/// Both networks; their ranges are those seen on `patches` generated lesions.
pub(crate) fn random_networks(patches: u64) -> [RandomNetwork; 2] {
    let network = Network::from_toml(include_str!("networks.toml")).expect("the file holds a network");
    let [resnet, hourglass] = network.graphs(128).expect("the network fits the patch");
    let weights = [Localization::initialise(&resnet, 1), Weights::initialise(&hourglass, 2)];
    let patches = seen(patches);
    let mut random = [("resnet50-pyramid", resnet), ("hourglass", hourglass)].into_iter().zip(weights).map(
        |((name, graph), mut weights)| {
            fill_heads(&mut weights);
            let folded = fold(&graph, &weights).expect("the network folds");
            let calibration = Calibration::measure(&folded, &patches).expect("the network runs");
            let mut lowered = lower(&folded, &calibration.ranges(Rule::MinMax)).expect("the network lowers");
            make_floats_exact(&mut lowered);
            RandomNetwork { name, folded, lowered }
        },
    );
    std::array::from_fn(|_| random.next().expect("there are two networks"))
}

/// Makes every scale a power of 2: then an engine that computes the network in floats rounds nothing but where the
/// network says so, and its numbers can be compared one by one. Otherwise a number on the border falls one way
/// here and the other way there, and a deep random network makes of that another answer.
fn make_floats_exact(lowered: &mut Lowered) {
    let exact = |scale: &mut f32| *scale = scale.log2().round().exp2();
    let network = &mut lowered.network;
    network.tensors.iter_mut().for_each(|tensor| exact(&mut tensor.scale));
    for operator in &mut network.operators {
        if let Operator::Convolution(convolution) = operator {
            convolution.weight_scales.iter_mut().for_each(exact);
        }
    }
}

/// Training starts with heads of zeros, which answer nothing.
fn fill_heads(weights: &mut Weights) {
    let heads: Vec<String> = weights
        .iter()
        .filter(|(_, tensor)| tensor.shape().len() > 1 && tensor.values().iter().all(|&v| v == 0.0))
        .map(|(name, _)| name.to_owned())
        .collect();
    for name in heads {
        let values = weights.get_mut(&name).expect("it was just seen").values_mut();
        for (i, value) in values.iter_mut().enumerate() {
            *value = ((i * 29 % 17) as f32 - 8.0) / 100.0;
        }
    }
}

fn seen(count: u64) -> Vec<f32> {
    let patch = |index| {
        let phantom = phantom(11, index, None);
        let mut random = keyed(0, 0, index);
        let sample =
            augment(&phantom.lesion, &phantom.samples, Depth::I16, &Augmentation::default(), &mut random);
        sample.expect("a generated lesion shows something").patch.to_vec()
    };
    (0..count).flat_map(patch).collect()
}
