//! The commands that README.md shows are run as it shows them; those of `recist-train` by the trainer's tests.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use recist::cascade::{LEAST_OVERLAP, LOW_OVERLAP, LOWEST_CONFIDENCE, Warning};
use recist::engine::Kernel;
use recist_tests::c_package::{self, installed, package, repository};
use recist_tests::stated;

/// The README's blocks, their four spaces taken off.
fn blocks() -> Vec<String> {
    let readme = std::fs::read_to_string(repository().join("README.md")).unwrap();
    let mut blocks: Vec<String> = Vec::new();
    let mut inside = false;
    for line in readme.lines() {
        if let Some(text) = line.strip_prefix("    ") {
            if !inside {
                blocks.push(String::new());
            }
            let block = blocks.last_mut().unwrap();
            *block += text;
            *block += "\n";
            inside = true;
        } else if !line.is_empty() {
            inside = false;
        } else if inside {
            *blocks.last_mut().unwrap() += "\n";
        }
    }
    blocks.into_iter().map(|block| block.trim_end().to_owned() + "\n").collect()
}

/// The lines of all blocks that call a program.
fn commands() -> Vec<String> {
    let program = |line: &String| {
        ["cargo ", "cc ", "ci/", "cmake ", "recist ", "recist-train ", "target/"]
            .iter()
            .any(|p| line.starts_with(p))
    };
    blocks().iter().flat_map(|block| block.lines()).map(str::to_owned).filter(program).collect()
}

/// The README's only command that holds `part`.
fn command(part: &str) -> String {
    let found: Vec<_> = commands().into_iter().filter(|command| command.contains(part)).collect();
    assert_eq!(found.len(), 1, "commands with {part:?}: {found:?}");
    found[0].clone()
}

/// Runs a `cargo` command of the README in the repository; what it prints.
fn run(command: &str, further: &[&str]) -> String {
    let arguments = command.strip_prefix("cargo ").expect("a cargo command").split(' ');
    let output = Command::new(env!("CARGO"))
        .args(arguments.chain(further.iter().copied()))
        .current_dir(repository())
        .output()
        .unwrap();
    assert!(output.status.success(), "{command}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn no_command_is_left_out() {
    let tested = [
        // Here.
        "cargo run --bin recist -- measure tests/sample/phantom.png",
        "cargo run -p recist-tests --example measure_sample",
        "cargo run -p recist-runtime --example measure",
        "recist measure IMAGE",
        "recist batch CASES.csv",
        "recist info [MODEL]",
        "recist bench [MODEL]",
        "recist --version",
        "ci/package.sh target/package",
        "cc target/package/share/recist/examples/measure.c",
        "cc tests/c/make_slice.c",
        "target/measure ",
        "cmake ",
        // In trainer/tests/readme.rs.
        "cargo run -p recist-trainer --bin recist-train -- summary edge",
        "recist-train ",
        // Runs this test.
        "ci/check.sh",
    ];
    let commands = commands();
    assert!(commands.len() > 10, "{commands:?}");
    for command in commands {
        assert!(tested.iter().any(|start| command.starts_with(start)), "no test runs {command:?}");
    }
}

#[test]
fn every_script_that_is_named_is_there() {
    let readme = std::fs::read_to_string(repository().join("README.md")).unwrap();
    let scripts: BTreeSet<&str> =
        readme.split(['`', ' ', ',']).filter(|word| word.ends_with(".sh")).collect();
    assert!(scripts.len() > 3, "{scripts:?}");
    for script in scripts {
        let path = if script.starts_with("ci/") { script.to_owned() } else { format!("ci/{script}") };
        assert!(repository().join(&path).exists(), "{path}");
    }
}

#[test]
fn the_synopsis_has_every_option_of_every_command_and_no_other() {
    let synopsis = blocks().into_iter().find(|block| block.starts_with("recist measure IMAGE")).unwrap();
    let options = |text: &str| -> BTreeSet<String> {
        let letter = |c: char| c.is_ascii_lowercase() || c == '-';
        text.split("--").skip(1).map(|rest| rest.split(|c| !letter(c)).next().unwrap().to_owned()).collect()
    };
    for command in synopsis.split("\nrecist ").map(|part| part.trim_start_matches("recist ")) {
        let name = command.split_whitespace().next().unwrap();
        let help = run("cargo run --quiet --bin recist --", &[name, "--help"]);
        let (_, listed) = help.split_once("Options:").unwrap();
        let mut listed: BTreeSet<String> = listed
            .lines()
            .filter_map(|line| line.trim_start().trim_start_matches("-V, ").strip_prefix("--"))
            .map(|line| line.split_whitespace().next().unwrap().trim_end_matches(',').to_owned())
            .collect();
        listed.retain(|option| option != "help");
        assert_eq!(options(command), listed, "{name}");
    }
}

#[test]
fn the_bench_command_times_every_stage_of_a_measurement() {
    let text = run("cargo run --quiet --bin recist -- bench --json", &[]);
    let object = text.strip_prefix("{\"engine\":\"").and_then(|rest| rest.strip_suffix("}\n")).unwrap();
    let (engine, rest) = object.split_once("\",\"microseconds\":{").unwrap();
    assert_eq!(engine, format!("int8 {}", Kernel::best()));
    let (stages, memory) = rest.split_once("},\"peak_memory_bytes\":").unwrap();
    let stages: Vec<(&str, u64)> = stages
        .split(',')
        .map(|stage| stage.split_once(':').unwrap())
        .map(|(name, time)| (name.trim_matches('"'), time.parse().unwrap()))
        .collect();
    let names: Vec<&str> = stages.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, ["crop", "localization", "sampling", "hourglass", "decoding"]);
    assert!(stages.iter().all(|(_, time)| *time < 60_000_000), "microseconds: {text}");
    assert!(stages[1].1 > 0 && stages[3].1 > 0, "networks take time: {text}");
    let memory: u64 = memory.parse().unwrap();
    assert!((1 << 20..64 << 20).contains(&memory), "{text}");

    let printed = run("cargo run --quiet --bin recist -- bench", &[]);
    let mut lines = printed.lines();
    assert_eq!(lines.next(), Some(format!("int8 {}, 200 runs, medians", Kernel::best()).as_str()));
    for name in names.into_iter().chain(["all"]) {
        let line = lines.next().unwrap();
        assert!(line.trim_start().starts_with(name) && line.ends_with(" µs"), "{name}: {line}");
    }
    assert!(lines.next().unwrap().starts_with("  peak memory of the process "), "{printed}");
}

#[test]
fn the_sample_command_measures_the_phantoms_known_axes() {
    let command = command("--example measure_sample");
    let text = run(&command, &[]);
    assert!(text.contains("long axis     28.5 mm") && text.contains("short axis    18.0 mm"), "{text}");
    let picture = std::fs::read(repository().join(command.split(' ').next_back().unwrap())).unwrap();
    assert!(picture.starts_with(b"\x89PNG"));
}

#[test]
fn the_measure_commands_find_the_samples_axes_with_the_built_in_model() {
    let with_picture = command("--overlay target/phantom.png");
    let plain = with_picture.replace(" --overlay target/phantom.png", "");
    assert!(commands().contains(&plain), "{plain}");
    let text = run(&plain, &["--json"]);
    let millimetres = |axis: &str| -> f64 {
        let (_, rest) = text.split_once(&format!("\"{axis}\"")).unwrap();
        let (_, rest) = rest.split_once("\"mm\":").unwrap();
        rest.split([',', '}']).next().unwrap().trim().parse().unwrap()
    };
    assert!((millimetres("long_axis") - 28.5).abs() < 2.0, "{text}");
    assert!((millimetres("short_axis") - 18.0).abs() < 2.0, "{text}");

    let shape = blocks().into_iter().find(|block| block.starts_with("{\"image\"")).unwrap();
    for key in shape.split('"').skip(1).step_by(2) {
        assert!(text.contains(&format!("\"{key}\":")), "{key} in {text}");
    }

    let readme = std::fs::read_to_string(repository().join("README.md")).unwrap();
    let lengths = format!("{:.1} mm and {:.1} mm", millimetres("long_axis"), millimetres("short_axis"));
    assert!(readme.contains(&format!("It prints {lengths}")), "{lengths}");

    let printed = run(&with_picture, &[]);
    assert!(printed.contains("long axis") && printed.contains("mm"), "{printed}");
    let [drawn, shown] = ["target/phantom.png", "tests/sample/overlay.png"]
        .map(|path| std::fs::read(repository().join(path)).unwrap());
    assert!(drawn == shown, "the README shows another picture than the command draws");
}

#[test]
fn every_warning_is_listed_as_reports_have_it_with_the_limits_of_what_is_measured() {
    let readme = std::fs::read_to_string(repository().join("README.md")).unwrap();
    for warning in Warning::ALL {
        assert!(readme.contains(&format!("\n- `{warning}`\n")), "{warning}");
    }
    for limit in [
        format!("Below {LOWEST_CONFIDENCE} nothing is measured; below the model's `low_confidence`"),
        format!(
            "share less than {} % of the area that they cover together, nothing is measured; less than {} % has a warning",
            LEAST_OVERLAP * 100.0,
            LOW_OVERLAP * 100.0
        ),
    ] {
        assert!(stated::readme().contains(&limit), "{limit}");
    }
}

/// What these lines print, run by a shell in the repository on the tests' own package.
fn run_script(lines: &str) -> String {
    let script = lines.replace("target/package", "target/c-package");
    c_package::run(Command::new("sh").args(["-e", "-c", &script]).current_dir(repository()))
}

/// The only block that holds `part`.
fn block(part: &str) -> String {
    let mut with_part = blocks().into_iter().filter(|block| block.contains(part));
    let block = with_part.next().unwrap();
    assert!(with_part.next().is_none(), "more than one block with {part:?}");
    block
}

#[test]
fn the_c_recipes_build_the_example_that_measures_the_lesion() {
    assert_eq!(package(), repository().join("target/c-package"));
    let [shared, placed, cmake] = ["$(pkg-config", "librecist.a \\", "cmake -S"].map(block);
    let call = command("target/measure ");
    let measured = |program: &str| run_script(&call.replacen("target/measure", program, 1));
    run_script(&command("make_slice.c"));
    run_script(&placed);
    // The lesion of make_slice.c is 38 x 24 pixels of 0.75 mm.
    let want = measured("target/measure-static");
    let number = |name: &str| -> f64 {
        let line = want.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.trim().parse().unwrap()
    };
    let (long, short) = (number("long_mm"), number("short_mm"));
    assert!((long - 28.5).abs() < 2.0 && (short - 18.0).abs() < 2.0, "{want}");
    for _ in installed(&["pkg-config"]) {
        assert_eq!(run_script(&shared), want);
        for _ in installed(&["cmake"]) {
            for script in [cmake.clone(), [&shared[..], &cmake].concat()] {
                fs::remove_dir_all(repository().join("target/examples")).ok();
                run_script(&script);
                assert_eq!(measured("target/examples/measure"), want);
            }
        }
    }
}

#[test]
fn the_rust_example_is_the_one_that_runs() {
    let source = std::fs::read_to_string(repository().join("runtime/examples/measure.rs")).unwrap();
    let shown = blocks().into_iter().find(|block| block.starts_with("use recist::")).unwrap();
    assert!(source.ends_with(&shown), "the README shows something else than runtime/examples/measure.rs");
    let text = run(&command("-p recist-runtime --example measure"), &[]);
    let lengths: Vec<f64> =
        text.split(" mm").filter_map(|part| part.trim_matches(['x', ' ', '\n']).parse().ok()).collect();
    assert!((lengths[0] - 28.5).abs() < 2.0 && (lengths[1] - 18.0).abs() < 2.0, "{text}");
}
