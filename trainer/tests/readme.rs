//! The commands of README.md that run `recist-train`: those of "Train on your own data", in their order, on a few
//! generated slices, and `summary`.

use std::fmt::Write as _;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use recist::bundle::{AlignedBytes, Bundle};
use recist::cascade::{Plans, Workspace};
use recist::ffi::RecistModel;
use recist::image::write_grey16;
use recist_tests::stated;
use recist_trainer::data::phantom;

const README: &str = include_str!("../../README.md");
const NETWORK: &str = include_str!("tiny.toml");

/// Phantoms: enough for every split to have one.
const SLICES: u64 = 48;

/// Slices and a table of endpoints with the columns that the README asks for, and no other.
fn own_data(folder: &Path) {
    std::fs::create_dir(folder.join("slices")).unwrap();
    let columns = ["image", "patient", "long_x1", "long_y1", "long_x2", "long_y2", "short_x1", "short_y1"];
    for column in columns[..7].iter().chain(&["short_y2", "spacing_mm"]) {
        assert!(README.contains(&format!("`{column}`")), "the README asks for {column}");
    }
    let mut table = columns.join(",") + ",short_x2,short_y2,spacing_mm\n";
    for index in 0..SLICES {
        let phantom = phantom(3, index, None);
        #[allow(clippy::cast_possible_truncation, reason = "phantoms are whole numbers from -1024 to 3071")]
        let hu: Vec<i16> = phantom.samples.iter().map(|&v| v as i16).collect();
        let side = u32::try_from(phantom.side).unwrap();
        write_grey16(&folder.join(format!("slices/{index}.png")), [side, side], &hu).unwrap();
        write!(table, "{index}.png,patient {index}").unwrap();
        phantom.lesion.readers[0].iter().flatten().for_each(|v| write!(table, ",{v:.3}").unwrap());
        writeln!(table, ",{:.4}", phantom.lesion.spacing.row_mm()).unwrap();
    }
    std::fs::write(folder.join("endpoints.csv"), table).unwrap();
}

/// What stands in for the preset, which takes hours: the smallest network and a few steps. The network is called `edge`
/// too, so that the model gets the name that the README's commands expect.
fn configuration(folder: &Path) -> String {
    let network = folder.join("network.toml");
    std::fs::write(&network, NETWORK.replace("name = \"tiny\"", "name = \"edge\"")).unwrap();
    let mut text = format!(
        "network = {network:?}\nbatch = 8\nepoch = 200\nvalidation = 4\ncheckpoint = 100\ngradient_limit = 5.0\n\
         [method.adam-w]\nweight_decay = 1e-3\n"
    );
    for (stage, steps, loss) in
        [("stn", 1200, "mask = 1.0, pose = [10.0, 0.5, 5.0]"), ("shn", 120, "heatmaps = 100.0")]
    {
        text += &format!(
            "[[stages]]\nstage = {stage:?}\nschedule = {{ cosine = {{ rate = 4e-3, steps = {steps}, warm_up = 5 }} }}\n\
             loss = {{ {loss} }}\n"
        );
    }
    let path = folder.join("configuration.toml");
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

/// Every call of `recist-train` with arguments, in a block or within a sentence.
fn commands() -> Vec<&'static str> {
    let blocks = README.lines().filter_map(|line| line.strip_prefix("    recist-train "));
    let sentences = README.split("`recist-train ").skip(1).filter_map(|rest| rest.split('`').next());
    blocks.chain(sentences).collect()
}

#[test]
fn the_summary_command_prints_the_totals_that_are_stated_of_both_presets() {
    assert!(README.contains("\n    cargo run -p recist-trainer --bin recist-train -- summary edge\n"));
    let [edge, paper] = ["edge", "paper"].map(|preset| {
        let output =
            Command::new(env!("CARGO_BIN_EXE_recist-train")).args(["summary", preset]).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout).unwrap();
        let total = |line: &str| -> Option<[f64; 2]> {
            let mut numbers = line.strip_prefix("total")?.split_whitespace();
            Some([(); 2].map(|()| numbers.next().unwrap().replace(',', "").parse().unwrap()))
        };
        // Parameters and multiply-accumulates, of localization and hourglass.
        let totals: Vec<[f64; 2]> = text.lines().filter_map(total).collect();
        let [localization, hourglass] = totals[..] else { panic!("two networks: {text}") };
        [localization, hourglass]
    });
    let ([edge, paper], [million, billion]) = ([edge, paper], [1e6, 1e9]);
    let sentence = format!(
        "`edge` has {:.2} M + {:.2} M parameters and {:.0} + {:.0} million multiply-accumulates for localization and \
         hourglass, `paper` {:.1} M + {:.1} M and {:.1} + {:.1} billion.",
        edge[0][0] / million,
        edge[1][0] / million,
        edge[0][1] / million,
        edge[1][1] / million,
        paper[0][0] / million,
        paper[1][0] / million,
        paper[0][1] / billion,
        paper[1][1] / billion,
    );
    assert!(stated::readme().contains(&sentence), "{sentence}");
}

#[test]
fn they_lead_from_slices_to_a_model_and_its_figures() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    own_data(folder);
    let configuration = configuration(folder);
    let commands = commands();
    let names: Vec<&str> = commands.iter().filter_map(|command| command.split_whitespace().next()).collect();
    for name in ["prepare", "train", "export", "sheet", "evaluate", "ablate"] {
        assert!(names.contains(&name), "{name} in {names:?}");
    }
    let mut told = String::new();
    for command in commands {
        let arguments = command.split_whitespace().map(|word| match word {
            "edge" => &configuration,
            "6000" => "8",
            "3" => "1",
            word => word,
        });
        let output = Command::new(env!("CARGO_BIN_EXE_recist-train"))
            .args(arguments)
            .current_dir(folder)
            .output()
            .unwrap();
        assert!(output.status.success(), "{command}: {}", String::from_utf8_lossy(&output.stderr));
        told += &String::from_utf8(output.stdout).unwrap();
    }
    let bytes = AlignedBytes::copy_of(&std::fs::read(folder.join("model/edge-own.recist")).unwrap());
    let bundle = Bundle::open(bytes.as_slice()).unwrap();
    assert_eq!(bundle.manifest().name(), "edge-own", "edge is the shipped model");
    let licence = bundle.manifest().entries().find(|(key, _)| *key == "licence");
    assert_eq!(licence, Some(("licence", "not stated")));
    let plans = Plans::open(&bundle).unwrap();
    let low_confidence = bundle.manifest().get("low_confidence").unwrap();
    assert_ne!(low_confidence, "1", "what is stated before anything is measured");
    let memory = format!(
        "\nlow_confidence: {low_confidence}\nbundle_bytes: {}\nworkspace_bytes: {}\nc_library_bytes: {}\n",
        bytes.as_slice().len(),
        plans.workspace_bytes() + size_of::<Workspace>(),
        RecistModel::bytes(&plans)
    );
    assert!(told.contains(&memory), "what recist info prints: {memory}\n{told}");
    what_export_is_told_is_in_the_manifest(folder, &bundle);
    an_engine_that_answers_something_else_is_an_error(folder);
}

/// Exports the run once more with every option that the manifest or the numbers show.
fn what_export_is_told_is_in_the_manifest(folder: &Path, plain: &Bundle<'_>) {
    let told = [
        ("--name", "name", "lung"),
        ("--version", "version", "7-beta"),
        ("--licence", "licence", "CC BY 4.0"),
        ("--attribution", "attribution", "A. Reader, 2026"),
        ("--training-data", "training_data", "forty-eight slices: none of them real"),
    ];
    let mut command = Command::new(env!("CARGO_BIN_EXE_recist-train"));
    command.args(["export", "--run", "run", "--out", "told", "--rule", "min-max"]).current_dir(folder);
    let output = command.args(told.iter().flat_map(|(option, _, value)| [option, value])).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let bytes = AlignedBytes::copy_of(&std::fs::read(folder.join("told/lung.recist")).unwrap());
    let bundle = Bundle::open(bytes.as_slice()).unwrap();
    for (option, key, value) in told {
        assert_eq!(bundle.manifest().get(key), Some(value), "{option}");
        assert_ne!(plain.manifest().get(key), Some(value), "the control: {option}");
        for file in ["localization.onnx", "hourglass.int8.onnx"] {
            let file = std::fs::read(folder.join("told").join(file)).unwrap();
            assert!(file.windows(value.len()).any(|window| window == value.as_bytes()), "{option} in ONNX");
        }
    }
    assert_ne!(bundle.localization(), plain.localization(), "--rule: ranges from least to greatest");
    assert_eq!(bundle.manifest().get("heatmap_size"), plain.manifest().get("heatmap_size"));
}

/// Exports the run once more beside an onnxruntime that answers one great number to everything.
fn an_engine_that_answers_something_else_is_an_error(folder: &Path) {
    let python = folder.join("python");
    let script = "#!/bin/sh\n\
        patches=$(($(wc -c) / 65536))\n\
        case $3 in *localization*) bytes=4116 ;; *) bytes=16384 ;; esac\n\
        echo onnxruntime of this test\n\
        head -c $((patches * bytes)) /dev/zero | tr '\\0' '\\177'\n";
    std::fs::write(&python, script).unwrap();
    std::fs::set_permissions(&python, Permissions::from_mode(0o755)).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_recist-train"));
    command.args(["export", "--run", "run", "--out", "apart", "--python"]).arg(python).current_dir(folder);
    let output = command.output().unwrap();
    let [report, error] = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
    let fault = "recist-train: parity of the engines: int8, engine - onnxruntime: less than 99.5 % within one quantum\n";
    assert_eq!((output.status.code(), error.as_str()), (Some(1), fault));
    assert!(report.contains("onnxruntime of this test; onnx.checker passes all four files\n"), "{report}");
    assert!(report.contains("\nbundle_bytes: ") && folder.join("apart/edge-own.recist").exists(), "{report}");
}
