//! `recist measure --engine`: the same lesion on every engine.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

/// How far the axes of one lesion may be apart, in float32 and in integers: two readers differ by more.
const ROUNDING: f64 = 0.1;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

fn measure(arguments: &[&str]) -> Output {
    let image = Path::new(ROOT).join("tests/sample/phantom.png");
    let mut command = Command::new(env!("CARGO_BIN_EXE_recist"));
    command.arg("measure").arg(image).args(["--box", "95,82,167,154", "--spacing", "0.75,0.75", "--json"]);
    command.args(arguments).output().unwrap()
}

/// The report of an engine, without the engine's name.
fn report(arguments: &[&str]) -> serde_json::Map<String, serde_json::Value> {
    let output = measure(arguments);
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let mut report = report.as_object().unwrap().clone();
    let engine = report.remove("engine").unwrap();
    println!("{engine}: {}", serde_json::to_string(&report).unwrap());
    report
}

#[test]
fn the_cascade_in_tract_gives_the_bits_of_the_engine_and_in_float32_nearly_the_same_lesion() {
    let models = format!("{ROOT}/models");
    let int8 = report(&[]);
    assert_eq!(int8, report(&["--engine", "int8"]));
    assert_eq!(int8, report(&["--engine", "int8-tract"]), "every digit of the report");

    let float32 = report(&["--engine", "float32", "--onnx", &models]);
    assert_ne!(int8, float32, "the control: another engine is seen in the report");
    for axis in ["long_axis", "short_axis"] {
        let [a, b] = [&int8, &float32].map(|report| report[axis]["mm"].as_f64().unwrap());
        assert!((a - b).abs() < ROUNDING * a, "{axis}: {a} and {b} mm");
    }
}

#[test]
fn what_is_missing_for_an_engine_is_named() {
    for (arguments, status, message) in [
        (&["--engine", "float32"][..], 2, "the engine float32 needs --onnx FOLDER"),
        (&["--engine", "float32", "--onnx", "nowhere"][..], 1, "nowhere/localization.onnx: No such file"),
        (&["--onnx", "nowhere"][..], 2, "--onnx nowhere is for the engine float32 only"),
        (&["--engine", "gpu"][..], 2, "no engine is called \"gpu\": int8, int8-tract, float32"),
    ] {
        let output = measure(arguments);
        let got = String::from_utf8_lossy(&output.stderr);
        assert!(got.starts_with("recist: ") && got.contains(message), "{got}");
        assert_eq!(output.status.code(), Some(status));
    }
}

/// An edit of a file of the same length: another digit.
fn with_version(onnx: &[u8], version: &[u8]) -> Vec<u8> {
    let key = b"version\x12\x01";
    let at = onnx.windows(key.len()).rposition(|window| window == key).unwrap() + key.len();
    [&onnx[..at], version, &onnx[at + 1..]].concat()
}

#[test]
fn onnx_files_of_another_version_than_the_bundle_that_the_report_names_are_refused() {
    let folder = std::env::temp_dir().join(format!("recist-engines-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let run = || measure(&["--engine", "float32", "--onnx", folder.to_str().unwrap()]);
    for name in ["localization.onnx", "hourglass.onnx"] {
        fs::copy(Path::new(ROOT).join("models").join(name), folder.join(name)).unwrap();
    }
    assert!(run().status.success(), "the control");

    let path = folder.join("hourglass.onnx");
    fs::write(&path, with_version(&fs::read(&path).unwrap(), b"0")).unwrap();
    let output = run();
    let got = String::from_utf8_lossy(&output.stderr);
    assert!(got.contains("hourglass.onnx: its version is \"0\", the model's is \""), "{got}");
    assert_eq!((output.status.code(), &output.stdout[..]), (Some(1), &b""[..]));
    fs::remove_dir_all(folder).unwrap();
}
