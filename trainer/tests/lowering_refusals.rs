//! A file that computes something else than the engine would is refused, however little it differs from one that is
//! lowered.

use prost::Message;
use recist::engine::compile;
use recist::onnx::lower;
use recist::onnx::protobuf as pb;
use recist::onnx::protobuf::attribute_proto::AttributeType;
use recist::onnx::protobuf::tensor_proto::DataType;
use recist_trainer::export::int8;
use recist_trainer::graph::{Graph, GraphError, Shape, Window};
use recist_trainer::quantise::{self, Calibration, Rule};
use recist_trainer::weights::Weights;

/// A small network that has every operator of the exported ones, on an input with numbers below 0.
fn exported() -> Vec<u8> {
    let size = 8;
    let graph = Graph::build::<GraphError>(|root| {
        let x = root.input("x", Shape::new(1, size, size))?;
        let first = root.convolution("first", x, 4, Window::same(3, 1))?;
        let first = root.relu("first.relu", first)?;
        let pool = root.max_pool("pool", first, Window { kernel: 3, stride: 2, padding: 1 })?;
        let second = root.convolution("second", pool, 4, Window::same(3, 1))?;
        let second = root.relu("second.relu", second)?;
        let third = root.convolution("third", second, 4, Window::same(3, 1))?;
        let sum = root.add("sum", third, pool)?;
        let sum = root.relu("sum.relu", sum)?;
        let wide = root.upsample("wide", sum)?;
        let again = root.add("again", wide, first)?;
        Ok(vec![root.convolution("head", again, 2, Window::same(1, 1))?])
    });
    let graph = graph.unwrap();
    let mut weights = Weights::initialise(&graph, 3);
    for (name, seed) in [("first", 29), ("second", 23), ("third", 31), ("head", 19)] {
        for (part, least) in [("weight", -7.0), ("bias", 1.0)] {
            let values = weights.get_mut(&format!("{name}.{part}")).unwrap().values_mut();
            for (i, value) in values.iter_mut().enumerate() {
                *value = (((i + 1) * seed % 17) as f32 + least) * (i + 60) as f32 / 4000.0;
            }
        }
    }
    let image: Vec<f32> = (0..size * size).map(|i| (i * i * 31 % 101) as f32 / 60.0 - 0.7).collect();
    let folded = quantise::fold(&graph, &weights).unwrap();
    let ranges = Calibration::measure(&folded, &image).unwrap().ranges(Rule::MinMax);
    let mut lowered = quantise::lower(&folded, &ranges).unwrap();
    // quantise knows the patches of the cascade, which are from 0 to 1.
    let input = lowered.network.inputs[0];
    lowered.network.tensors[input.0].zero_point = 40;
    int8("small", &graph, &lowered, &[])
}

/// A file in the hands of someone who changes one thing in it.
struct File(pb::GraphProto);

impl File {
    fn node(&mut self, name: &str) -> &mut pb::NodeProto {
        let names: Vec<String> = self.0.node.iter().map(|node| node.name.clone()).collect();
        let node = self.0.node.iter_mut().find(|node| node.name == name);
        node.unwrap_or_else(|| panic!("no node {name} among {names:?}"))
    }

    fn floats(&mut self, name: &str, change: impl FnMut(&mut f32)) {
        let tensor = self.0.initializer.iter_mut().find(|tensor| tensor.name == name);
        let data = &mut tensor.unwrap_or_else(|| panic!("no tensor {name}")).raw_data;
        let mut values: Vec<f32> = data.as_chunks::<4>().0.iter().map(|&b| f32::from_le_bytes(b)).collect();
        values.iter_mut().for_each(change);
        *data = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    }

    /// Gives the node an attribute, or the one it has another value.
    fn set(&mut self, node: &str, attribute: pb::AttributeProto) {
        let attributes = &mut self.node(node).attribute;
        attributes.retain(|before| before.name != attribute.name);
        attributes.push(attribute);
    }

    /// Rounds the input once more, or another one, to an output of the file.
    fn round(&mut self, input: &str, output: &str) {
        for (node, from, to) in [
            ("x.rounded.limited", input, "limited"),
            ("x.rounded.integers", "limited", "integers"),
            ("x.rounded", "integers", output),
        ] {
            let mut node = self.node(node).clone();
            (node.input[0], node.output[0], node.name) = (from.into(), to.into(), to.into());
            self.0.node.push(node);
        }
        let mut value = self.0.output[0].clone();
        value.name = output.into();
        value.r#type = None;
        self.0.output.push(value);
    }

    /// A further input of so many rows and columns.
    fn input(&mut self, at: usize, name: &str, size: i64) {
        use pb::tensor_shape_proto::dimension::Value;
        let mut input = self.0.input[0].clone();
        input.name = name.into();
        let Some(pb::type_proto::Value::TensorType(tensor)) = &mut input.r#type.as_mut().unwrap().value
        else {
            panic!("a tensor")
        };
        tensor.shape.as_mut().unwrap().dim[2..]
            .iter_mut()
            .for_each(|dim| dim.value = Some(Value::DimValue(size)));
        self.0.input.insert(at, input);
    }

    /// Rectifies what was enlarged, with this zero point for it and what it is made of.
    fn rectify_enlarged(&mut self, zero_point: u8) {
        for tensor in &mut self.0.initializer {
            if ["sum.relu.zero", "wide.zero"].contains(&tensor.name.as_str()) {
                tensor.raw_data = vec![zero_point];
            }
        }
        let mut rectifier = self.node("first.relu.rectified").clone();
        (rectifier.name, rectifier.input[0], rectifier.output[0]) =
            ("r".into(), "wide.exact".into(), "r".into());
        self.node("wide.integers").input[0] = "r".into();
        self.0.node.push(rectifier);
    }

    fn resize_by_sizes(&mut self, sizes: [i64; 4]) {
        self.0.initializer.push(pb::TensorProto {
            name: "sizes".into(),
            dims: vec![4],
            data_type: DataType::Int64 as i32,
            raw_data: sizes.iter().flat_map(|size| size.to_le_bytes()).collect(),
            ..Default::default()
        });
        let input = &mut self.node("wide.exact").input;
        input[2].clear();
        input.push("sizes".into());
    }
}

fn text(name: &str, value: &str) -> pb::AttributeProto {
    let kind = AttributeType::String as i32;
    pb::AttributeProto { name: name.into(), r#type: kind, s: value.into(), ..Default::default() }
}

fn integer(name: &str, i: i64) -> pb::AttributeProto {
    let kind = AttributeType::Int as i32;
    pb::AttributeProto { name: name.into(), r#type: kind, i, ..Default::default() }
}

fn integers(name: &str, ints: &[i64]) -> pb::AttributeProto {
    let kind = AttributeType::Ints as i32;
    pb::AttributeProto { name: name.into(), r#type: kind, ints: ints.to_vec(), ..Default::default() }
}

type Change = fn(&mut File);

/// Every change is made to a file of its own; one that is lowered is lowered to the plan of the unchanged file.
fn check(cases: &[(&str, Change, Result<(), &str>)]) {
    let file = pb::ModelProto::decode(&exported()[..]).unwrap();
    let plan = |model: &pb::ModelProto| {
        let network = lower(&model.encode_to_vec()).map_err(|error| error.to_string())?;
        Ok::<_, String>(compile(&network).unwrap())
    };
    let unchanged = plan(&file).expect("the control: the file is lowered as it is");
    for (case, change, expected) in cases {
        let mut changed = file.clone();
        let mut graph = File(changed.graph.take().unwrap());
        change(&mut graph);
        changed.graph = Some(graph.0);
        match (plan(&changed), expected) {
            (Ok(found), Ok(())) => assert!(found == unchanged, "{case}: another plan"),
            (Err(found), Err(expected)) => assert_eq!(&found, expected, "{case}"),
            (Ok(_), Err(_)) => panic!("{case}: it is lowered"),
            (Err(found), Ok(())) => panic!("{case}: {found}"),
        }
    }
}

#[test]
fn parameters_that_the_engine_would_take_for_others_are_refused() {
    let weights =
        "node second.relu.conv: its weights are not their integers times a scale per output channel";
    let bias = "node second.relu.conv: its bias is not its integers times the scales of input and weights";
    check(&[
        ("axis 0", |file| file.set("second.relu.weight", integer("axis", 0)), Ok(())),
        ("axis -4", |file| file.set("second.relu.weight", integer("axis", -4)), Ok(())),
        ("axis 1", |file| file.set("second.relu.weight", integer("axis", 1)), Err(weights)),
        ("ONNX's axis", |file| file.node("second.relu.weight").attribute.clear(), Err(weights)),
        ("rounding", |file| file.floats("second.relu.bias.scale", |scale| *scale = scale.next_up()), Ok(())),
        ("bias scale", |file| file.floats("second.relu.bias.scale", |scale| *scale *= 1.0001), Err(bias)),
        ("NaN", |file| file.floats("second.relu.bias.scale", |scale| *scale = f32::NAN), Err(bias)),
        ("weight scale", |file| file.floats("second.relu.weight.scale", |scale| *scale *= 1.0001), Err(bias)),
        (
            "a dead node of the same name",
            |file| {
                let mut twin = file.node("second.relu.conv").clone();
                twin.input[1..].clone_from_slice(&["sum.relu.weight".into(), "sum.relu.bias".into()]);
                twin.output[0] = "dead".into();
                file.0.node.insert(0, twin);
            },
            Ok(()),
        ),
    ]);
}

#[test]
fn an_enlargement_that_does_not_double_is_refused() {
    let refused = Err("node wide.exact: only nearest, asymmetric, floor enlargement by 2 is known");
    check(&[
        ("sizes", |file| file.resize_by_sizes([1, 4, 8, 8]), Ok(())),
        (
            "2.1",
            |file| file.floats("wide.exact.scales", |s| *s *= if *s == 2.0 { 1.05 } else { 1.0 }),
            refused,
        ),
        (
            "next to 2",
            |file| file.floats("wide.exact.scales", |s| *s = if *s == 2.0 { s.next_up() } else { *s }),
            refused,
        ),
        (
            "half pixels",
            |file| file.set("wide.exact", text("coordinate_transformation_mode", "half_pixel")),
            refused,
        ),
        (
            "symmetric",
            |file| file.set("wide.exact", text("coordinate_transformation_mode", "half_pixel_symmetric")),
            refused,
        ),
        ("ceil", |file| file.set("wide.exact", text("nearest_mode", "ceil")), refused),
        ("linear", |file| file.set("wide.exact", text("mode", "linear")), refused),
    ]);
}

#[test]
fn an_input_without_its_negative_numbers_is_refused() {
    let refused = Err("node x: the engine has no rectifier behind an input");
    check(&[
        (
            "a limit of 0",
            |file| {
                file.floats("x.rounded.lowest", |lowest| {
                    assert!(*lowest < 0.0);
                    *lowest = 0.0;
                })
            },
            refused,
        ),
        (
            "a rectifier",
            |file| {
                let mut rectifier = file.node("first.relu.rectified").clone();
                (rectifier.name, rectifier.input[0], rectifier.output[0]) =
                    ("r".into(), "x".into(), "r".into());
                file.0.node.insert(0, rectifier);
                file.node("x.rounded.limited").input[0] = "r".into();
            },
            refused,
        ),
    ]);
}

#[test]
fn an_enlargement_without_its_negative_numbers_is_refused() {
    check(&[
        ("it has none", |file| file.rectify_enlarged(0), Ok(())),
        (
            "it has some",
            |file| file.rectify_enlarged(9),
            Err("node wide.exact: the engine has no rectifier behind a Resize"),
        ),
    ]);
}

#[test]
fn numbers_of_different_shapes_are_not_added() {
    check(&[
        (
            "one pixel to all",
            |file| file.set("sum.relu.conv", integers("strides", &[4, 4])),
            Err("node sum.relu.sum: it adds numbers of different shapes"),
        ),
        (
            "one channel to all",
            |file| file.node("again.sum").input[0] = "x.rounded".into(),
            Err("node again.sum: it adds numbers of different shapes"),
        ),
        ("the other way round", |file| file.node("sum.relu.sum").input.reverse(), Ok(())),
    ]);
}

#[test]
fn an_attribute_that_would_be_ignored_is_refused() {
    check(&[
        ("no padding of its own", |file| file.set("pool.exact", text("auto_pad", "NOTSET")), Ok(())),
        (
            "padding",
            |file| file.set("pool.exact", text("auto_pad", "SAME_UPPER")),
            Err("node pool.exact: the engine has no MaxPool with this auto_pad"),
        ),
        (
            "no padding",
            |file| file.set("head.conv", text("auto_pad", "VALID")),
            Err("node head.conv: the engine has no Conv with this auto_pad"),
        ),
        ("rounded down", |file| file.set("pool.exact", integer("ceil_mode", 0)), Ok(())),
        (
            "rounded up",
            |file| file.set("pool.exact", integer("ceil_mode", 1)),
            Err("node pool.exact: the engine has no MaxPool with this ceil_mode"),
        ),
        ("one group", |file| file.set("head.conv", integer("group", 1)), Ok(())),
        (
            "both",
            |file| file.node("head.conv").attribute.push(integers("pads", &[0; 4])),
            Err("node head.conv: its attribute pads is there twice"),
        ),
        ("stretched", |file| file.set("wide.exact", text("keep_aspect_ratio_policy", "stretch")), Ok(())),
        (
            "not stretched",
            |file| file.set("wide.exact", text("keep_aspect_ratio_policy", "not_larger")),
            Err("node wide.exact: the engine has no Resize with this keep_aspect_ratio_policy"),
        ),
        (
            "axes",
            |file| file.set("wide.exact", integers("axes", &[0, 1, 2, 3])),
            Err("node wide.exact: the engine has no Resize with this axes"),
        ),
        (
            "unknown",
            |file| file.set("first.relu.rectified", integer("slope", 1)),
            Err("node first.relu.rectified: the engine has no Relu with this slope"),
        ),
        (
            "without a name",
            |file| {
                file.set("head.conv", text("auto_pad", "VALID"));
                file.node("head.conv").name.clear();
            },
            Err("node head.conv: the engine has no Conv with this auto_pad"),
        ),
        ("ONNX's", |file| file.node("head.conv").domain = "ai.onnx".into(), Ok(())),
        (
            "another's",
            |file| file.node("head.conv").domain = "another".into(),
            Err("node head.conv: Conv of another is another operator than ONNX's"),
        ),
    ]);
}

#[test]
fn a_file_on_which_tract_panics_is_refused() {
    let mut model = pb::ModelProto::decode(&exported()[..]).unwrap();
    lower(&model.encode_to_vec()).unwrap();
    // In operator set 11 an enlargement has an input more.
    model.opset_import[0].version = 11;
    let error = lower(&model.encode_to_vec()).unwrap_err().to_string();
    assert!(error.starts_with("no ONNX that tract can read: index out of bounds"), "{error}");
}

#[test]
fn every_input_is_rounded_once() {
    check(&[
        ("twice", |file| file.round("x", "twin"), Err("node x: this input is rounded 2 times, not once")),
        ("never", |file| file.input(1, "y", 2), Err("node y: this input is rounded 0 times, not once")),
    ]);
}

#[test]
fn inputs_are_in_the_order_of_the_file() {
    for at in [0, 1] {
        let mut model = pb::ModelProto::decode(&exported()[..]).unwrap();
        let mut file = File(model.graph.take().unwrap());
        file.input(at, "y", 2);
        file.round("y", "y.rounded");
        model.graph = Some(file.0);
        let network = lower(&model.encode_to_vec()).unwrap();
        let heights = [0, 1].map(|i| network.tensors[network.inputs[i].0].shape.height);
        assert_eq!(heights, [[2, 8], [8, 2]][at]);
    }
}

/// tract leaves constants of more than 4 MiB as they are: found on a ResNet-50, which was refused whole.
#[test]
fn parameters_too_large_for_tract_to_fold_are_checked_all_the_same() {
    let channels = 1040;
    let graph = Graph::build::<GraphError>(|root| {
        let x = root.input("x", Shape::new(channels, 1, 1))?;
        Ok(vec![root.convolution("wide", x, channels, Window::same(1, 1))?])
    });
    let graph = graph.unwrap();
    let mut weights = Weights::initialise(&graph, 5);
    for (i, value) in weights.get_mut("wide.weight").unwrap().values_mut().iter_mut().enumerate() {
        *value = ((i % 13) as f32 - 6.0) * (i / channels + 60) as f32 / 4000.0;
    }
    let folded = quantise::fold(&graph, &weights).unwrap();
    let image: Vec<f32> = (0..channels).map(|i| (i % 101) as f32 / 100.0).collect();
    let ranges = Calibration::measure(&folded, &image).unwrap().ranges(Rule::MinMax);
    let lowered = quantise::lower(&folded, &ranges).unwrap();
    let file = int8("large", &graph, &lowered, &[]);
    assert!(compile(&lower(&file).unwrap()).unwrap() == compile(&lowered.network).unwrap());

    let mut model = pb::ModelProto::decode(&file[..]).unwrap();
    let mut changed = File(model.graph.take().unwrap());
    changed.set("wide.weight", integer("axis", 1));
    model.graph = Some(changed.0);
    let error = lower(&model.encode_to_vec()).map(drop).unwrap_err().to_string();
    assert!(error.contains("its weights are not their integers times a scale per output channel"), "{error}");
}
