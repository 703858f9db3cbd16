//! A network that was exported to ONNX and lowered through tract is the network that was quantised.

mod golden;

use prost::Message;
use recist::bundle::{AlignedBytes, Bundle, Description, Parts, write};
use recist::cascade::{Cascade, EngineNetworks, MASK_SIZE, Networks, Plans, Stage, ThetaOutputs, Workspace};
use recist::engine::{Kernel, Operator, Plan, compile};
use recist::image::{PATCH_PIXELS, Patch};
use recist::onnx::{TractModels, lower, protobuf as pb};
use recist_trainer::data::{Augmentation, Depth, augment, keyed, phantom};
use recist_trainer::export::{float32, int8};
use recist_trainer::network::{Localization, Network};
use recist_trainer::quantise::{self, Calibration, Folded, Lowered, Rule};
use recist_trainer::weights::Weights;

/// Both networks of `tiny`, untrained but with heads that answer something.
fn networks() -> [Folded; 2] {
    let network = Network::open(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/tiny.toml")).unwrap();
    let graphs = network.graphs(128).unwrap();
    let weights = [Localization::initialise(&graphs[0], 1), Weights::initialise(&graphs[1], 2)];
    let mut both = graphs.iter().zip(weights).map(|(graph, mut weights)| {
        let heads: Vec<String> = weights
            .iter()
            .filter(|(_, tensor)| tensor.values().iter().all(|&v| v == 0.0) && tensor.shape().len() > 1)
            .map(|(name, _)| name.to_owned())
            .collect();
        for name in heads {
            for (i, value) in weights.get_mut(&name).unwrap().values_mut().iter_mut().enumerate() {
                *value = ((i * 29 % 17) as f32 - 8.0) / 100.0;
            }
        }
        quantise::fold(graph, &weights).unwrap()
    });
    [both.next().unwrap(), both.next().unwrap()]
}

fn patches(count: u64) -> Vec<f32> {
    let mut patches = Vec::new();
    for index in 0..count {
        let phantom = phantom(11, index, None);
        let mut random = keyed(0, 0, index);
        let sample =
            augment(&phantom.lesion, &phantom.samples, Depth::I16, &Augmentation::default(), &mut random);
        patches.extend_from_slice(&sample.unwrap().patch[..]);
    }
    patches
}

fn quantised(folded: &Folded, patches: &[f32]) -> Lowered {
    let ranges = Calibration::measure(folded, patches).unwrap().ranges(Rule::MeanSquaredError);
    quantise::lower(folded, &ranges).unwrap()
}

/// The engine's outputs for a quantised file on one patch, and the distance of two numbers of each.
fn engine_outputs(onnx: &[u8], patch: &[f32]) -> Vec<(Vec<f32>, f32)> {
    let network = lower(onnx).unwrap();
    let plan = AlignedBytes::copy_of(&compile(&network).unwrap());
    let plan = Plan::open(plan.as_slice()).unwrap();
    let tensors = network.outputs.iter().map(|output| network.tensors[output.0]);
    let mut outputs: Vec<(Vec<f32>, f32)> =
        tensors.map(|t| (vec![0.0; t.shape.elements()], t.scale)).collect();
    let mut slices: Vec<&mut [f32]> = outputs.iter_mut().map(|(values, _)| values.as_mut_slice()).collect();
    plan.run(&mut vec![0; plan.workspace_bytes()], &[patch], &mut slices, Kernel::best()).unwrap();
    outputs
}

#[test]
fn an_exported_network_is_lowered_to_the_same_plan() {
    let patches = patches(8);
    for (name, folded) in ["localization", "hourglass"].into_iter().zip(networks()) {
        let lowered = quantised(&folded, &patches);
        let onnx = int8(name, &folded.graph, &lowered, &[]);
        let again = lower(&onnx).unwrap();
        let [expected, found] = [&lowered.network, &again].map(|network| compile(network).unwrap());
        assert!(expected == found, "{name}: {} and {} bytes", expected.len(), found.len());
    }
}

/// Asserts that two answers are nearly the same, relative to the greatest of them, and that they say something.
fn assert_close(found: &[f32], expected: &[f32], name: &str) {
    assert_eq!(found.len(), expected.len(), "{name}");
    let largest = expected.iter().fold(0.0_f32, |m, v| m.max(v.abs()));
    assert!(expected.iter().any(|&value| value != expected[0]), "{name}: the numbers are not all one");
    for (found, expected) in found.iter().zip(expected) {
        assert!((found - expected).abs() < 1e-4 * largest, "{name}: {found}, not {expected} of {largest}");
    }
}

/// The mask and the five numbers of the localization, and the heatmaps of the hourglass, on the same patch.
fn answers<N: Networks>(networks: &mut N, patch: &Patch) -> [Vec<f32>; 3]
where
    N::Error: std::fmt::Debug,
{
    let (mut mask, mut maps) = ([0.0; MASK_SIZE * MASK_SIZE], vec![0.0; 4 * 32 * 32]);
    let theta = networks.localize(patch, &mut mask).unwrap();
    networks.find_keypoints(patch, &mut maps).unwrap();
    let ThetaOutputs { shift_x, shift_y, cos2, sin2, ln_scale } = theta;
    [mask.to_vec(), vec![shift_x, shift_y, cos2, sin2, ln_scale], maps]
}

#[test]
fn tract_runs_the_cascade_in_float32_as_the_trainer_does_and_in_integers_as_the_engine_does() {
    let patches = patches(8);
    let folded = networks();
    let files = folded.each_ref().map(|folded| float32("network", folded, &[]));
    let lowered = folded.each_ref().map(|folded| quantised(folded, &patches));
    let plans = lowered.each_ref().map(|lowered| compile(&lowered.network).unwrap());
    let quantised_files = [0, 1].map(|i| int8("network", &folded[i].graph, &lowered[i], &[]));
    let mut floats = TractModels::float32(&files[0], &files[1]).unwrap().networks(0.5).unwrap();
    let integers = TractModels::int8(&quantised_files[0], &quantised_files[1], Kernel::best()).unwrap();
    let mut integers = integers.networks(0.5).unwrap();

    use recist_trainer::autodiff::{Module, cpu, download, upload};
    let modules = folded.each_ref().map(|folded| -> Module<f32, _> {
        Module::new(folded.graph.clone(), &folded.weights, &cpu()).unwrap()
    });
    // As the trainer has them: channels innermost.
    let trained = |network: usize, patch: &Patch| -> Vec<Vec<f32>> {
        let module = &modules[network];
        let input = upload(module.device(), (1, 128, 128, 1), patch).unwrap();
        module.infer(input).unwrap().iter().map(|map| download(map).unwrap()).collect()
    };
    let plans = plans.each_ref().map(|plan| AlignedBytes::copy_of(plan));
    let plans = plans.each_ref().map(|plan| Plan::open(plan.as_slice()).unwrap());
    let alone = |patch: &Patch| {
        let mut answers = [vec![0.0; MASK_SIZE * MASK_SIZE], vec![0.0; 5], vec![0.0; 4 * 32 * 32]];
        let [mask, theta, maps] = &mut answers;
        let mut workspaces = plans.map(|plan| vec![0; plan.workspace_bytes()]);
        plans[0].run(&mut workspaces[0], &[patch], &mut [mask, theta], Kernel::Scalar).unwrap();
        plans[1].run(&mut workspaces[1], &[patch], &mut [maps], Kernel::Scalar).unwrap();
        answers
    };
    let mut before: Option<[Vec<f32>; 3]> = None;
    for patch in patches.as_chunks::<PATCH_PIXELS>().0 {
        let found = answers(&mut floats, patch);
        let [mask, theta] = trained(0, patch).try_into().unwrap();
        let maps = trained(1, patch).pop().unwrap();
        let maps: Vec<f32> = (0..maps.len()).map(|i| maps[i % 1024 * 4 + i / 1024]).collect();
        for ((name, found), expected) in ["mask", "θ", "heatmaps"].iter().zip(&found).zip([mask, theta, maps])
        {
            assert_close(found, &expected, name);
        }

        let quantised = answers(&mut integers, patch);
        assert!(quantised == alone(patch), "the same bits");
        for i in 0..3 {
            assert_ne!(quantised[i], found[i], "the control: integers are seen");
            assert!(
                before.as_ref().is_none_or(|before| before[i] != quantised[i]),
                "the control: patches are"
            );
        }
        before = Some(quantised);
    }
}

#[test]
fn outputs_keep_the_whole_range_that_was_seen() {
    let [_, hourglass] = networks();
    let calibration = Calibration::measure(&hourglass, &patches(4)).unwrap();
    let [whole, cut] = [Rule::MinMax, Rule::Percentile(0.05)].map(|rule| calibration.ranges(rule));
    let outputs: Vec<usize> = hourglass.graph.outputs().iter().map(|output| output.index()).collect();
    let same: Vec<usize> = (0..whole.len()).filter(|node| whole[*node] == cut[*node]).collect();
    assert!(outputs.iter().all(|output| same.contains(output)));
    assert!(
        same.len() < whole.len() / 4,
        "the control: {} of {} ranges are the same",
        same.len(),
        whole.len()
    );
}

#[test]
fn a_channel_without_weights_keeps_its_bias() {
    let [localization, _] = networks();
    let patches = patches(2);
    let name = localization.weights.iter().find(|(name, _)| name.ends_with(".bias")).unwrap().0.to_owned();
    let mut silenced = localization.clone();
    let (weight, bias) = (name.replace(".bias", ".weight"), name);
    silenced.weights.get_mut(&weight).unwrap().values_mut().fill(0.0);
    silenced.weights.get_mut(&bias).unwrap().values_mut().fill(0.75);
    let lowered = quantised(&silenced, &patches);
    let convolution = lowered.network.operators.iter().find_map(|operator| match operator {
        Operator::Convolution(convolution) if convolution.weights.iter().all(|weight| *weight == 0) => {
            Some(convolution)
        }
        _ => None,
    });
    let convolution = convolution.expect("the layer has no weights");
    let scale = lowered.network.tensors[convolution.input.0].scale;
    for (bias, weight_scale) in convolution.bias.iter().zip(&convolution.weight_scales) {
        let value = f64::from(*bias) * f64::from(scale) * f64::from(*weight_scale);
        assert!((value - 0.75).abs() < 1e-6, "{value}");
    }
}

/// Found on a real network with one dead rectifier: its range of 0 alone had a scale that no plan can hold.
#[test]
fn a_layer_that_is_silent_on_every_patch_has_a_plan() {
    let [localization, _] = networks();
    let patches = patches(2);
    let biases = localization.weights.iter().map(|(name, _)| name.to_owned());
    let biases: Vec<_> =
        biases.filter(|name| name.starts_with("trunk.") && name.ends_with(".bias")).collect();
    for name in biases.iter().take(3) {
        let mut silenced = localization.clone();
        silenced.weights.get_mut(name).unwrap().values_mut().fill(-100.0);
        compile(&quantised(&silenced, &patches).network).unwrap_or_else(|error| panic!("{name}: {error}"));
    }
}

#[test]
fn what_the_engine_cannot_run_is_named() {
    let [localization, _] = networks();
    let patches = patches(2);
    let lowered = quantised(&localization, &patches);
    let good = int8("network", &localization.graph, &lowered, &[]);
    assert!(lower(&good).is_ok(), "the control");

    let float = lower(&float32("network", &localization, &[])).unwrap_err().to_string();
    assert!(float.contains("node ") && float.contains("is not quantised"), "{float}");
    let node = |model: &mut pb::ModelProto, kind: &str| -> usize {
        let nodes = &model.graph.as_ref().unwrap().node;
        nodes.iter().position(|node| node.op_type == kind).unwrap()
    };
    type Change = fn(&mut pb::NodeProto);
    let changes: [(&str, Change, &str); 5] = [
        ("Relu", |node| node.op_type = "Tanh".into(), "node NAME: the engine has no operator Tanh"),
        ("Add", |node| node.op_type = "Mul".into(), "node NAME: the engine has no operator Mul"),
        ("Resize", |node| node.op_type = "Rezise".into(), "NAME"),
        ("Resize", |node| node.attribute[1].s = b"half_pixel".to_vec(), "NAME"),
        ("DequantizeLinear", |node| node.op_type = "Relu".into(), "NAME"),
    ];
    for (kind, change, message) in changes {
        let mut model = pb::ModelProto::decode(&good[..]).unwrap();
        let at = node(&mut model, kind);
        let changed = &mut model.graph.as_mut().unwrap().node[at];
        change(changed);
        let message = message.replace("NAME", &changed.name);
        let error = lower(&model.encode_to_vec()).unwrap_err().to_string();
        assert!(error.contains(&message), "{kind}: {error:?} has no {message:?}");
    }
    for length in [0, 1, 10, good.len() / 2, good.len() - 1] {
        assert!(lower(&good[..length]).is_err(), "{length} bytes");
    }
    assert!(lower(b"foreign").is_err());
}

#[test]
fn a_model_whose_shapes_are_not_fixed_is_refused_with_its_shape() {
    let folded = networks();
    let files = folded.each_ref().map(|folded| float32("network", folded, &[]));
    let quantised = int8("network", &folded[0].graph, &quantised(&folded[0], &patches(2)), &[]);
    let error = lower(&with_any_batch(&quantised)).unwrap_err().to_string();
    assert!(
        error.contains("node patch") && error.contains("is not 1 x channels x rows x columns"),
        "{error}"
    );

    assert!(TractModels::float32(&files[0], &files[1]).is_ok(), "the control");
    let error = TractModels::float32(&with_any_batch(&files[0]), &files[1]).unwrap_err().to_string();
    assert_eq!(error, "the localization network takes N,1,128,128, not a patch 1,1,128,128");
    let error = TractModels::float32(&files[1], &files[0]).unwrap_err().to_string();
    assert!(error.starts_with("the localization network gives 1,4,32,32, not a mask of 1024"), "{error}");
}

/// The file with any number of images at once.
fn with_any_batch(file: &[u8]) -> Vec<u8> {
    use pb::tensor_shape_proto::dimension::Value;
    let mut model = pb::ModelProto::decode(file).unwrap();
    let graph = model.graph.as_mut().unwrap();
    for info in graph.input.iter_mut().chain(&mut graph.output) {
        let Some(pb::type_proto::Value::TensorType(tensor)) = &mut info.r#type.as_mut().unwrap().value else {
            panic!("a tensor")
        };
        tensor.shape.as_mut().unwrap().dim[0].value = Some(Value::DimParam("N".into()));
    }
    model.encode_to_vec()
}

#[test]
fn the_cascade_as_one_tract_model_gives_the_same_bits_as_the_engine() {
    let patches = patches(8);
    let plans = networks().map(|folded| compile(&quantised(&folded, &patches).network).unwrap());
    let manifest = Description::NONE.lines();
    let parts =
        Parts { manifest: &manifest, localization: &plans[0], hourglass: &plans[1], test_vectors: &[] };
    let bytes = AlignedBytes::copy_of(&write(&parts).unwrap());
    let plans_of_bundle = Plans::open(&Bundle::open(bytes.as_slice()).unwrap()).unwrap();
    let workspace = vec![0; plans_of_bundle.workspace_bytes()];
    let mut engine = EngineNetworks::new(plans_of_bundle, workspace, Kernel::Scalar);
    let models = TractModels::plans(&plans[0], &plans[1], Kernel::best()).unwrap();
    let mut tract = models.cascade(0.5).unwrap();
    let mut found = 0;
    for patch in patches.as_chunks::<PATCH_PIXELS>().0 {
        let mut workspaces = [Box::new(Workspace::new()), Box::new(Workspace::new())];
        workspaces.iter_mut().for_each(|workspace| workspace.patch = *patch);
        let [first, second] = &mut workspaces;
        let alone = Cascade::find(&mut engine, first, &mut |_| ());
        let mut stages = Vec::new();
        let as_model = tract.find(second, &mut |stage| stages.push(stage));
        match (alone, as_model) {
            (Ok(alone), Ok(as_model)) => {
                assert_eq!(alone, as_model);
                assert_eq!(stages, [Stage::Localization, Stage::Sampling, Stage::Hourglass]);
                assert!(first.mask == second.mask && first.canonical == second.canonical);
                assert_eq!(first.heatmaps, second.heatmaps);
                assert_ne!(first.canonical, first.patch, "the control: the sampler does something");
                found += 1;
            }
            (Err(alone), Err(as_model)) => assert_eq!(alone.to_string(), as_model.to_string()),
            (alone, as_model) => panic!("{alone:?} and {as_model:?}"),
        }
    }
    assert!(found > 0, "a lesion is found");
}
