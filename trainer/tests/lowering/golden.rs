//! The integer engine beside onnxruntime, whose answers are kept in tests/onnxruntime/golden.

use std::path::PathBuf;

use recist::image::PATCH_PIXELS;
use recist::onnx::lower;
use recist_trainer::export::{int8, onnxruntime};
use recist_trainer::quantise::Lowered;

use super::{engine_outputs, networks, patches, quantised};

/// Where onnxruntime's answers lie, and what it was asked.
const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/onnxruntime/golden");

/// Both networks' files.
const NAMES: [&str; 2] = ["localization", "hourglass"];

/// How many of the engine's outputs are 0, 1, 2 and more numbers away from onnxruntime's.
fn distances(name: &str, onnx: &[u8]) -> [usize; 4] {
    let floats = |path: String| -> Vec<f32> {
        let bytes = std::fs::read(path).unwrap();
        bytes.as_chunks::<4>().0.iter().map(|&b| f32::from_le_bytes(b)).collect()
    };
    let patches = floats(format!("{GOLDEN}/patches.f32"));
    let mut expected = floats(format!("{GOLDEN}/{name}.f32")).into_iter();
    let mut counts = [0; 4];
    for patch in patches.chunks_exact(PATCH_PIXELS) {
        for (values, scale) in engine_outputs(onnx, patch) {
            for value in values {
                let apart = ((value - expected.next().unwrap()) / scale).abs().round();
                let number = [0.0, 1.0, 2.0].iter().position(|&n| apart <= n).unwrap_or(3);
                counts[number] += 1;
            }
        }
    }
    assert_eq!(expected.next(), None);
    counts
}

#[test]
fn the_engine_answers_as_onnxruntime_does() {
    let made_by = std::fs::read_to_string(format!("{GOLDEN}/made_by.txt")).unwrap();
    assert!(made_by.starts_with("onnxruntime "), "{made_by:?} names the version that answered");
    for name in NAMES {
        let onnx = std::fs::read(format!("{GOLDEN}/{name}.int8.onnx")).unwrap();
        let [same, apart @ ..] = distances(name, &onnx);
        // Not even one: a file's quanta are rounded alike where onnxruntime merges no operators.
        assert!(
            apart == [0; 3] && same > 0,
            "{name}: {same} the same, {apart:?} one, two and more quanta apart"
        );

        // The control: one weight of the first convolution with another sign.
        let mut network = lower(&onnx).unwrap();
        let weights = network.operators.iter_mut().find_map(|operator| match operator {
            recist::engine::Operator::Convolution(convolution) => Some(&mut convolution.weights),
            _ => None,
        });
        let weights = weights.unwrap();
        let heaviest = (0..weights.len()).max_by_key(|&i| weights[i].unsigned_abs()).unwrap();
        let pattern: Vec<u8> = weights.iter().map(|w| w.to_le_bytes()[0]).collect();
        let at = onnx.windows(pattern.len()).position(|window| window == pattern).unwrap();
        let mut flipped = onnx.clone();
        flipped[at + heaviest] = weights[heaviest].wrapping_neg().to_le_bytes()[0];
        let [same, one, two, more] = distances(name, &flipped);
        assert!((two + more) * 200 > same + one + two + more, "{name}: a flipped weight is seen");
    }
}

#[test]
fn the_networks_that_were_asked_are_exported_to_the_same_files_today() {
    let patches = patches(2);
    for (name, folded) in NAMES.into_iter().zip(networks()) {
        let stored = std::fs::read(format!("{GOLDEN}/{name}.int8.onnx")).unwrap();
        // The numbers are the stored file's; how they are written is the exporter's.
        let today = quantised(&folded, &patches);
        let lowered = Lowered { network: lower(&stored).unwrap(), names: today.names.clone() };
        assert!(int8(name, &folded.graph, &lowered, &[]) == stored, "{name}");
        assert!(int8(name, &folded.graph, &today, &[]) != stored, "the control: other ranges, another file");
    }
}

#[test]
#[ignore = "writes the golden files; RECIST_PYTHON names a Python with numpy, onnx and onnxruntime"]
fn onnxruntime_answers_once_more() {
    let python = PathBuf::from(std::env::var_os("RECIST_PYTHON").unwrap());
    let write = |name: String, values: &[f32]| {
        let bytes: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        std::fs::write(format!("{GOLDEN}/{name}.f32"), bytes).unwrap();
    };
    let patches = patches(8);
    write("patches".into(), &patches[..3 * PATCH_PIXELS]);
    for (name, folded) in NAMES.into_iter().zip(networks()) {
        let lowered = quantised(&folded, &patches);
        let path = PathBuf::from(format!("{GOLDEN}/{name}.int8.onnx"));
        std::fs::write(&path, int8(name, &folded.graph, &lowered, &[])).unwrap();
        let (versions, answers) = onnxruntime(&python, &path, &patches[..3 * PATCH_PIXELS]).unwrap();
        std::fs::write(format!("{GOLDEN}/made_by.txt"), versions + "\n").unwrap();
        write(name.into(), &answers);
    }
}
