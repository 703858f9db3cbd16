//! The files in `models` are one model.

use std::fs;
use std::path::PathBuf;

use recist::bundle::{AlignedBytes, Bundle};
use recist::cascade::{EngineNetworks, Networks, Plans, Workspace, measure};
use recist::engine::Kernel;
use recist::geometry::LesionBox;
use recist::image::CtFile;
use recist::onnx::TractModels;
use recist_trainer::autodiff;
use recist_trainer::evaluate::TrainedNetworks;
use recist_trainer::network::Network;
use recist_trainer::train::TrainedModel;

fn file(name: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/..")).join(name)
}

/// The four keypoints of the sample's lesion, in slice pixels.
fn keypoints<N: Networks<Error: std::fmt::Debug>>(mut networks: N) -> [f64; 8] {
    let sample = CtFile::read(&file("tests/sample/phantom.png"), None).unwrap();
    let area = LesionBox::new(95.0, 82.0, 167.0, 154.0).unwrap();
    let measured = measure(&sample.slice(), area, &mut networks, &mut Workspace::new(), |_| ()).unwrap();
    let ends = measured.keypoints.to_array();
    std::array::from_fn(|i| if i % 2 == 0 { ends[i / 2].x } else { ends[i / 2].y })
}

fn apart(a: [f64; 8], b: [f64; 8]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
}

#[test]
fn the_shipped_weights_the_float32_files_and_the_bundle_measure_one_lesion() {
    let run = tempfile::tempdir().unwrap();
    fs::write(run.path().join("network.toml"), Network::open("edge").unwrap().to_toml()).unwrap();
    fs::copy(file("models/edge.safetensors"), run.path().join("weights.safetensors")).unwrap();
    let cascade = TrainedModel::read(run.path()).unwrap().cascade(&autodiff::cpu()).unwrap();
    let weights = keypoints(TrainedNetworks::new(&cascade, true));

    let [localization, hourglass] =
        ["localization", "hourglass"].map(|name| fs::read(file(&format!("models/{name}.onnx"))).unwrap());
    let float32 = keypoints(TractModels::float32(&localization, &hourglass).unwrap().networks(0.0).unwrap());
    assert!(apart(weights, float32) < 1e-3, "{weights:?} and {float32:?}");

    let bytes = AlignedBytes::copy_of(&fs::read(file("models/edge.recist")).unwrap());
    let plans = Plans::open(&Bundle::open(bytes.as_slice()).unwrap()).unwrap();
    let integers = keypoints(EngineNetworks::new(plans, vec![0; plans.workspace_bytes()], Kernel::best()));
    assert!(apart(weights, integers) < 1.0, "{weights:?} and {integers:?}");
    assert!(apart(weights, integers) > 1e-2, "the control: that integers round is seen");
}
