//! The commands that README.md shows are run as it shows them.

use std::path::Path;
use std::process::Command;

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the tests lie in the repository")
}

#[test]
fn the_summary_command_prints_the_presets_totals() {
    let readme = std::fs::read_to_string(repository().join("README.md")).unwrap();
    let command = readme.lines().find(|l| l.contains("-- summary edge")).unwrap().trim();
    let arguments: Vec<_> = command.split(' ').skip(1).collect();
    let output = Command::new(env!("CARGO")).args(&arguments).current_dir(repository()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("706") && text.contains("636"), "parameters of the README: {text}");
}

#[test]
fn the_sample_command_measures_the_phantoms_known_axes() {
    let readme = std::fs::read_to_string(repository().join("README.md")).unwrap();
    let command = readme.lines().find(|l| l.contains("--example measure_sample")).unwrap().trim();
    let arguments: Vec<_> = command.split(' ').skip(1).collect();
    let output = Command::new(env!("CARGO")).args(&arguments).current_dir(repository()).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(text.contains("long axis     28.5 mm") && text.contains("short axis    18.0 mm"), "{text}");
    let picture = std::fs::read(repository().join(arguments.last().unwrap())).unwrap();
    assert!(picture.starts_with(b"\x89PNG"));
}

#[test]
fn the_measure_command_finds_the_samples_axes_with_the_built_in_model() {
    let readme = std::fs::read_to_string(repository().join("README.md")).unwrap();
    let command = readme.lines().find(|l| l.contains("measure tests/sample/phantom.png")).unwrap().trim();
    let arguments: Vec<_> = command.split(' ').skip(1).chain(["--json"]).collect();
    let output = Command::new(env!("CARGO")).args(&arguments).current_dir(repository()).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let millimetres = |axis: &str| -> f64 {
        let (_, rest) = text.split_once(&format!("\"{axis}\"")).unwrap();
        let (_, rest) = rest.split_once("\"mm\":").unwrap();
        rest.split([',', '}']).next().unwrap().trim().parse().unwrap()
    };
    assert!((millimetres("long_axis") - 28.5).abs() < 2.0, "{text}");
    assert!((millimetres("short_axis") - 18.0).abs() < 2.0, "{text}");
}
