//! What the device build depends on.

use std::process::Command;

#[test]
fn the_device_build_has_neither_tract_nor_onnx_nor_files() {
    let tree = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO"));
        command.args(["tree", "--offline", "-p", "recist-runtime", "-e", "normal", "--prefix", "none"]);
        let output = command.args(arguments).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let holds = |tree: &str, word: &str| tree.lines().any(|line| line.starts_with(word));
    let device = tree(&["--no-default-features"]);
    for word in ["tract", "prost", "onnx", "dicom", "image ", "argh", "serde", "csv", "rand", "libm"] {
        assert!(!holds(&device, word), "{word}\n{device}");
    }
    let with_tract = tree(&["--features", "onnx"]);
    assert!(holds(&with_tract, "tract-onnx") && holds(&with_tract, "dicom-object"), "the control");
}
