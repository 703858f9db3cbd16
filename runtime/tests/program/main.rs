//! The program `recist` as a user runs it: messages, exit statuses, files that are left.

mod folder;
mod outputs;

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Stdio};

use recist::bundle::{AlignedBytes, Bundle};
use recist::cascade::Plans;
use recist::engine::Kernel;
use recist::ffi::RecistModel;

use folder::{Folder, folder_with_lesion, message};

#[test]
fn every_bad_input_has_its_message_and_status() {
    let folder = Folder::new("bad");
    let before = folder.files();
    // Image, box, further arguments, exit status, message.
    let cases: [(&str, &str, &[&str], i32, &str); 22] = [
        (
            "slice.png",
            "200,10,240,40",
            &[],
            1,
            "slice.png: lesion box 200,10,240,40 has its centre outside the slice of 96 x 64 px",
        ),
        ("slice.png", "40,10,20,40", &[], 2, "lesion box is reversed: 40,10,20,40 needs x0 < x1 and y0 < y1"),
        ("slice.png", "20,10,20,40", &[], 2, "lesion box is empty: 0 x 30 px"),
        ("slice.png", "NaN,10,20,40", &[], 2, "lesion box is not finite: NaN,10,20,40"),
        ("slice.png", "1e400,10,20,40", &[], 2, "lesion box is not finite: inf,10,20,40"),
        ("slice.png", "10,10,40", &[], 2, "\"10,10,40\" is not 4 numbers separated by commas"),
        ("slice.png", "a,b,c,d", &[], 2, "\"a,b,c,d\" is not 4 numbers separated by commas"),
        ("slice.png", "", &[], 2, "\"\" is not 4 numbers separated by commas"),
        (
            "slice.png",
            "-10,-40,106,104",
            &[],
            1,
            "slice.png: lesion box -10,-40,106,104 is larger than the slice of 96 x 64 px",
        ),
        (
            "slice.png",
            "20,20,22,22",
            &[],
            1,
            "slice.png: the longer side of lesion box 20,20,22,22 is below 4 px: too few pixels to measure",
        ),
        (
            "slice.png",
            "20,20,50,50",
            &["--spacing", "0,1"],
            2,
            "pixel spacing must be from 0.01 to 10 mm, one at most 4 times the other: 0 mm rows, 1 mm columns",
        ),
        ("slice.png", "20,20,50,50", &["--spacing", "1"], 2, "\"1\" is not 2 numbers separated by commas"),
        (
            "slice.png",
            "20,20,50,50",
            &["--frame", "1"],
            1,
            "slice.png: frame 1 was asked for, but a PNG file has no frames",
        ),
        ("slice.png", "20,20,50,50", &["--frame", "x"], 2, "Error parsing option '--frame'"),
        (
            "colour.png",
            "1,1,7,7",
            &[],
            1,
            "colour.png: PNG is 8-bit colour: only 8-bit and 16-bit grey are CT slices",
        ),
        ("empty.png", "1,1,7,7", &[], 1, "empty.png: is empty"),
        ("text.dcm", "1,1,7,7", &[], 1, "text.dcm: is neither DICOM Part 10 nor PNG"),
        ("folder", "1,1,7,7", &[], 1, "folder: is a folder, not a file"),
        ("missing.dcm", "1,1,7,7", &[], 1, "missing.dcm: cannot be read: No such file or directory"),
        ("slice.png", "20,20,50,50", &["--model", "missing.recist"], 1, "missing.recist: "),
        (
            "slice.png",
            "20,20,50,50",
            &["--model", "not_a.recist"],
            1,
            "not_a.recist: not a recist bundle: the magic is missing",
        ),
        ("slice.png", "20,20,50,50", &["--wrong"], 2, "Unrecognized argument: --wrong"),
    ];
    for (image, area, further, status, want) in cases {
        let mut arguments = vec!["measure", image, "--box", area, "--json", "--overlay", "overlay.png"];
        arguments.extend(further);
        let output = folder.run(&arguments);
        let got = message(&output);
        assert_eq!(output.status.code(), Some(status), "{arguments:?}: {got}");
        assert!(got.starts_with("recist: ") && got.contains(want), "{arguments:?}: {got}");
        assert!(output.stdout.is_empty(), "{arguments:?}");
        assert_eq!(folder.files(), before, "{arguments:?} leaves a file");
    }
}

#[test]
fn an_unreadable_file_is_refused_with_the_systems_reason() {
    let folder = Folder::new("locked");
    if fs::read(folder.0.join("locked.png")).is_ok() {
        // Not eprintln, whose lines are kept where a test passes.
        writeln!(std::io::stderr(), "skipped: this user can read every file").unwrap();
        return;
    }
    let output = folder.run(&["measure", "locked.png", "--box", "1,1,7,7"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(message(&output).starts_with("recist: locked.png: cannot be read: Permission denied"));
}

#[test]
fn wrong_usage_ends_with_two_and_help_with_zero() {
    let folder = Folder::new("usage");
    for (arguments, status) in [
        (&[][..], 2),
        (&["measure"][..], 2),
        (&["measure", "slice.png"][..], 2),
        (&["batch", "cases.csv"][..], 2),
        (&["batch", "cases.csv", "--out", "r.csv", "--jobs", "0"][..], 2),
        (&["batch", "cases.csv", "--out", "r.csv", "--jobs", "257"][..], 2),
        (&["launch"][..], 2),
        (&["measure", "--version"][..], 2),
        (&["--help"][..], 0),
        (&["measure", "--help"][..], 0),
    ] {
        let output = folder.run(arguments);
        assert_eq!(output.status.code(), Some(status), "{arguments:?}");
        assert_eq!(output.stdout.is_empty(), status != 0, "{arguments:?}");
    }
}

#[test]
fn what_no_file_can_make_right_is_wrong_usage_whatever_the_image_is() {
    let folder = folder_with_lesion("wrong");
    let other = Kernel::ALL.into_iter().find(|kernel| !kernel.runs_here()).unwrap().to_string();
    let elsewhere = format!("RECIST_KERNEL={other}: this processor does not run it");
    let no_frame = "with value '0': \"0\" is not a number from 1";
    let engine =
        "this program was built without the engines int8-tract and float32: build it with --features onnx";
    let mut cases = vec![
        (vec!["--frame", "0"], "scalar", no_frame),
        (vec![], other.as_str(), elsewhere.as_str()),
        (vec![], "abacus", "RECIST_KERNEL=abacus: "),
    ];
    if cfg!(not(feature = "onnx")) {
        cases.push((vec!["--engine", "int8-tract"], "scalar", engine));
        cases.push((vec!["--engine", "float32", "--onnx", "folder"], "scalar", engine));
        cases.push((vec!["--engine", "float32"], "scalar", engine));
    }
    let measure = |image: &str, further: &[&str], kernel: &str| {
        let arguments = [&["measure", image, "--box", "95,82,167,154"], further].concat();
        let mut command = Command::new(env!("CARGO_BIN_EXE_recist"));
        command.args(arguments).env("RECIST_KERNEL", kernel).current_dir(&folder.0).output().unwrap()
    };
    for (further, kernel, want) in cases {
        for image in ["lesion.png", "missing.png"] {
            let output = measure(image, &further, kernel);
            let got = message(&output);
            assert_eq!(output.status.code(), Some(2), "{image} {further:?} {kernel}: {got}");
            assert!(got.contains(want) && !got.contains(image), "{image} {further:?} {kernel}: {got}");
        }
    }
    assert_eq!(measure("missing.png", &[], "scalar").status.code(), Some(1), "the control");
    assert_eq!(measure("lesion.png", &[], "scalar").status.code(), Some(0), "the control");
}

#[test]
fn the_program_states_its_version_and_its_commands() {
    let folder = Folder::new("version");
    let version = format!("recist {}\n", env!("CARGO_PKG_VERSION"));
    for option in ["--version", "-V"] {
        let output = folder.run(&[option]);
        assert_eq!((output.status.code(), &output.stdout[..]), (Some(0), version.as_bytes()), "{option}");
    }
    let output = folder.run(&["info"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.ends_with(&format!("\nprogram: {version}")), "{text}");
    let want = "recist: no command is given: measure, batch, info, bench; or --help\n";
    assert_eq!(message(&folder.run(&[])), want);
}

#[test]
fn a_reader_who_has_seen_enough_of_the_output_is_no_error() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_recist"))
        .arg("--help")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
}

#[test]
fn a_row_that_is_no_case_has_its_reason_and_the_rest_of_the_batch_is_measured() {
    let folder = Folder::new("batch");
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    fs::copy(repository.join("tests/sample/phantom.png"), folder.0.join("phantom.png")).unwrap();
    let model = repository.join("models/edge.recist");
    let rows = b"image,x0,y0,x1,y1,row_spacing_mm,column_spacing_mm\n\
        phantom.png,95,82,167,154,1.17,1.17\n\
        phantom.png,95,82,167,154,1,17,1,17\n\
        l\xe4sion.png,95,82,167,154,1.17,1.17\n\
        phantom.png,95,82,167,154,1.17,1.17\n";
    fs::write(folder.0.join("cases.csv"), rows).unwrap();
    let batch = |out| folder.run(&["batch", "cases.csv", "--out", out, "--model", model.to_str().unwrap()]);

    let output = batch("cases.csv");
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(message(&output), "recist: cases.csv: would overwrite cases.csv\n");
    assert_eq!(fs::read(folder.0.join("cases.csv")).unwrap(), rows);

    let output = batch("out.csv");
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(message(&output), "recist: 2 of 4 cases could not be measured: see out.csv\n");
    let results = fs::read_to_string(folder.0.join("out.csv")).unwrap();
    let lines: Vec<_> = results.lines().skip(1).collect();
    assert!(lines[0].starts_with("phantom.png,1") && lines[0].ends_with(",ok"), "{}", lines[0]);
    assert_eq!(lines[1], "phantom.png,,,,,,,,,,,,,,number of fields is 9 in place of 7");
    assert_eq!(lines[2], "l\u{fffd}sion.png,,,,,,,,,,,,,,\"image is not UTF-8: \"\"l\u{fffd}sion.png\"\"\"");
    assert_eq!(lines[3], lines[0]);
}

#[test]
fn only_regular_files_are_read_as_images_and_links_are_followed_to_them() {
    let folder = folder_with_lesion("pipe");
    let made = Command::new("mkfifo").arg(folder.0.join("pipe.png")).status().unwrap();
    assert!(made.success());
    symlink("pipe.png", folder.0.join("to_pipe.png")).unwrap();
    symlink("lesion.png", folder.0.join("to_lesion.png")).unwrap();
    let pipe = fs::canonicalize(&folder.0).unwrap().join("pipe.png");
    let refused = |path: &Path| Some(format!("{} is not a regular file", path.display()));
    let cases = [
        ("pipe.png", refused(&pipe)),
        ("to_pipe.png", refused(&pipe)),
        ("/dev/zero", refused(Path::new("/dev/zero"))),
        ("to_lesion.png", None),
    ];
    for (image, want) in &cases {
        let output = folder.run(&["measure", image, "--box", "95,82,167,154"]);
        let want = want.as_ref().map(|reason| format!("recist: {image}: {reason}\n")).unwrap_or_default();
        assert_eq!((message(&output), output.status.success()), (want.clone(), want.is_empty()));
    }
    let rows: String = cases.iter().map(|(image, _)| format!("{image},95,82,167,154\n")).collect();
    fs::write(folder.0.join("cases.csv"), format!("image,x0,y0,x1,y1\n{rows}")).unwrap();
    folder.run(&["batch", "cases.csv", "--out", "out.csv"]);
    let results = fs::read_to_string(folder.0.join("out.csv")).unwrap();
    for ((image, want), line) in cases.iter().zip(results.lines().skip(1)) {
        assert!(line.ends_with(want.as_deref().unwrap_or(",ok")), "{image}: {line}");
    }
}

#[test]
fn a_spacing_that_is_not_the_files_own_is_refused_with_both() {
    let folder = Folder::new("spacing");
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/golden/dicom");
    // 16 x 12 pixels of noise; of 1.5 mm rows and 0.75 mm columns, and of none that is stated.
    for name in ["not_square.dcm", "no_spacing.dcm"] {
        fs::copy(golden.join(name), folder.0.join(name)).unwrap();
    }
    let refused =
        |given: &str| format!("the file states a pixel spacing of 1.5,0.75 mm, but {given} mm is given");
    let cases = [
        ("not_square.dcm", "7,7", true),
        ("not_square.dcm", "0.75,1.5", true),
        ("not_square.dcm", "1.5,0.77", true),
        ("not_square.dcm", "1.47,0.75", true),
        ("not_square.dcm", "1.5,0.75", false),
        ("not_square.dcm", "1.49,0.755", false),
        ("no_spacing.dcm", "7,7", false),
    ];
    for (image, spacing, is_refused) in cases {
        let output = folder.run(&["measure", image, "--box", "2,2,10,10", "--spacing", spacing]);
        let got = message(&output);
        assert_eq!(got.contains(&refused(spacing)), is_refused, "{image} {spacing}: {got}");
        assert!(!is_refused || output.status.code() == Some(1), "{image} {spacing}");
    }
    let rows: String =
        cases.iter().map(|(image, spacing, _)| format!("{image},2,2,10,10,{spacing}\n")).collect();
    let header = "image,x0,y0,x1,y1,row_spacing_mm,column_spacing_mm\n";
    fs::write(folder.0.join("cases.csv"), format!("{header}{rows}")).unwrap();
    folder.run(&["batch", "cases.csv", "--out", "out.csv"]);
    let results = fs::read_to_string(folder.0.join("out.csv")).unwrap();
    for ((image, spacing, is_refused), line) in cases.iter().zip(results.lines().skip(1)) {
        assert_eq!(line.contains(&refused(spacing)), *is_refused, "{image} {spacing}: {line}");
    }
}

#[test]
fn a_batch_tells_its_warnings_on_standard_error_and_ends_with_zero() {
    let folder = folder_with_lesion("warnings");
    let output = folder.run(&["batch", "cases.csv", "--out", "out.csv"]);
    let want = "recist: case 1, lesion.png: warning: no pixel spacing: lengths in pixels only\n\
                recist: measured with a warning: 1 of 1 cases\n";
    assert_eq!((output.status.code(), message(&output).as_str()), (Some(0), want));
}

#[test]
fn the_exit_status_is_right_even_where_the_error_cannot_be_written() {
    for (arguments, status) in [(&["info", "missing.recist"][..], 1), (&["--wrong"][..], 2)] {
        let full = fs::File::options().write(true).open("/dev/full").unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_recist"));
        let got = command.args(arguments).stderr(full).status().unwrap();
        assert_eq!(got.code(), Some(status), "{arguments:?}");
    }
}

#[test]
fn more_jobs_than_cases_are_not_started() {
    let folder = folder_with_lesion("jobs");
    let program = env!("CARGO_BIN_EXE_recist");
    // The stacks of 256 threads would take 512 MiB.
    let limited = format!("ulimit -v 300000; exec {program} batch cases.csv --out out.csv --jobs 256");
    let output = Command::new("sh").args(["-c", &limited]).current_dir(&folder.0).output().unwrap();
    assert!(output.status.success(), "{}", message(&output));
}

#[test]
fn info_states_the_memory_of_the_c_library() {
    let output = Command::new(env!("CARGO_BIN_EXE_recist")).arg("info").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/edge.recist");
    let model = AlignedBytes::read(&model).unwrap();
    let plans = Plans::open(&Bundle::open(model.as_slice()).unwrap()).unwrap();
    let want = format!("\nc_library_bytes: {}\n", RecistModel::bytes(&plans));
    assert!(text.contains(&want), "{text}\n{want}");
}
