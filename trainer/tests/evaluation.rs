//! `recist-train evaluate` and `ablate` as a user runs them, on generated lesions.

use std::path::{Path, PathBuf};
use std::process::Command;

use recist_trainer::data::{PackWriter, Split, phantom};
use recist_trainer::train::{Checkpoint, Progress};
use serde_json::Value;

const MODEL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../models/edge.recist");
const NETWORK: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/tiny.toml");

/// A pack of phantoms, each in the training and in the validation part. With `readers`, that many readers each
/// see it a little further right than the one before.
fn pack(folder: &Path, count: u64, readers: u32) -> PathBuf {
    let path = folder.join("phantoms.pack");
    let mut writer = PackWriter::open(&path, "test").unwrap();
    for index in 0..count {
        let mut phantom = phantom(9, index, None);
        let first = phantom.lesion.readers[0];
        let moved = |reader: u32| first.map(|[x, y]| [x + f64::from(reader), y]);
        phantom.lesion.readers = (0..readers).map(moved).collect();
        for split in [Split::Train, Split::Val] {
            phantom.lesion.split = split;
            // Two patients: none may be in two splits.
            phantom.lesion.patient = format!("{index} of {split}");
            writer.append(phantom.clone()).unwrap();
        }
    }
    writer.finish().unwrap();
    path
}

fn run(arguments: &[&str]) -> Result<Value, String> {
    let output = Command::new(env!("CARGO_BIN_EXE_recist-train")).args(arguments).output().unwrap();
    if output.status.success() {
        Ok(serde_json::from_slice(&output.stdout).unwrap())
    } else {
        Err(String::from_utf8(output.stderr).unwrap())
    }
}

/// A column of a table without quoted commas.
fn column(table: &str, name: &str) -> Vec<f64> {
    let mut lines = table.lines().map(|line| line.split(',').collect::<Vec<_>>());
    let at = lines.next().unwrap().iter().position(|head| *head == name).unwrap_or_else(|| panic!("{name}"));
    lines.filter_map(|fields| fields[at].parse().ok()).collect()
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

#[test]
fn the_json_the_table_and_the_picture_tell_the_same_lesions() {
    let folder = tempfile::tempdir().unwrap();
    let pack = pack(folder.path(), 12, 3);
    let [table, picture] = ["lesions.csv", "page.png"].map(|name| folder.path().join(name));
    let paths = [&pack, &table, &picture].map(|path| path.to_str().unwrap());
    let [data, csv, page] = paths;
    let arguments = [
        "evaluate",
        "--model",
        MODEL,
        "--data",
        data,
        "--split",
        "val",
        "--json",
        "--csv",
        csv,
        "--picture",
        page,
    ];
    let told = run(&arguments).unwrap();
    assert_eq!(run(&arguments).unwrap(), told, "the same boxes, the same draws");

    let table = std::fs::read_to_string(&table).unwrap();
    assert_eq!(table.lines().count(), 13);
    let all = &told["groups"][0];
    assert_eq!((&all["lesions"], &all["patients"]), (&Value::from(12), &Value::from(12)));
    let comparisons = &all["table"]["comparisons"];
    for (number, of) in ["model", "others_box", "readers", "others", "box_only"].iter().enumerate() {
        for quantity in ["long", "short", "long_ends", "short_ends"] {
            let told = comparisons[number]["mm"][quantity]["mean"].as_f64().unwrap();
            let found = mean(&column(&table, &format!("{of}_{quantity}_mm")));
            assert!((told - found).abs() < 2e-3, "{of} {quantity}: {told} {found}");
        }
    }
    // Readers one pixel apart, and two: 4/3 pixels on average, in the places and not in the lengths.
    let readers = &comparisons[2]["px"];
    assert!((readers["long_ends"]["mean"].as_f64().unwrap() - 4.0 / 3.0).abs() < 1e-9);
    assert!(readers["long"]["mean"].as_f64().unwrap() < 1e-9);
    // The mean of the others is one and a half, none, and one and a half pixels away.
    assert!((comparisons[3]["px"]["long_ends"]["mean"].as_f64().unwrap() - 1.0).abs() < 1e-9);
    let sizes: Vec<_> =
        all["box_sizes"].as_array().unwrap().iter().map(|size| size["size"].as_f64()).collect();
    assert_eq!(sizes, [1.3, 1.6, 2.0, 2.5, 3.0].map(Some));
    assert!(all["spread"]["long_mm"].as_f64().is_some_and(|millimetres| millimetres > 0.0));
    assert!(
        told["groups"].as_array().unwrap().last().unwrap()["name"].as_str().unwrap().starts_with("10 mm")
    );
    let lesions = |part: &Value| -> u64 {
        part.as_array().unwrap().iter().map(|part| part["lesions"].as_u64().unwrap()).sum()
    };
    assert_eq!(lesions(&told["sizes"]), 12);
    assert_eq!(lesions(&told["reliability"]["bins"]) + all["refused"].as_u64().unwrap(), 12);
    assert!(std::fs::read(&picture).unwrap().starts_with(b"\x89PNG"));
}

#[test]
fn one_reader_and_no_lesion_are_told_as_such() {
    let folder = tempfile::tempdir().unwrap();
    let pack = pack(folder.path(), 5, 1);
    let data = pack.to_str().unwrap();
    let told = run(&["evaluate", "--model", MODEL, "--data", data, "--split", "val", "--json"]).unwrap();
    assert_eq!(told["groups"].as_array().unwrap().len(), 1);
    assert!(told["groups"][0]["table"]["model_over_readers"].is_null());
    assert!(told["groups"][0]["agreement"]["readers_within"].is_null());
    let error = run(&["evaluate", "--model", MODEL, "--data", data, "--split", "test"]).unwrap_err();
    assert_eq!(error, "recist-train: the packs hold no lesion of the split test on its largest slice\n");
}

#[test]
fn an_evaluation_without_data_and_a_split_that_there_is_not_are_told_as_such() {
    let evaluate =
        |rest: &[&str]| run(&[&["evaluate", "--model", MODEL, "--json"], rest].concat()).unwrap_err();
    assert_eq!(
        evaluate(&["--split", "val"]),
        "recist-train: --data is missing: a packed file of lesions, as prepare writes it\n"
    );
    assert_eq!(
        evaluate(&["--split", "foo", "--data", "nosuch.pack"]),
        "recist-train: split is \"foo\": not train, val or test\n"
    );
    assert!(evaluate(&["--split", "val", "--data", "nosuch.pack"]).contains("nosuch.pack: "), "control");
}

#[test]
fn a_file_that_cannot_be_read_or_written_is_named_before_the_work_begins() {
    let folder = tempfile::tempdir().unwrap();
    let pack = pack(folder.path(), 1, 1);
    let data = pack.to_str().unwrap();
    let evaluate = |model: &str, rest: &[&str]| {
        run(&[&["evaluate", "--model", model, "--data", data, "--split", "val", "--json"], rest].concat())
    };
    let error = evaluate("nosuch.recist", &[]).unwrap_err();
    assert!(error.starts_with("recist-train: nosuch.recist: "), "{error}");
    assert!(
        evaluate(NETWORK, &[]).unwrap_err().starts_with(&format!("recist-train: {NETWORK}: ")),
        "no bundle"
    );
    for option in ["--csv", "--picture"] {
        let path = folder.path().join("nosuch/x");
        let path = path.to_str().unwrap();
        let error = evaluate("nosuch.recist", &[option, path]).unwrap_err();
        assert!(error.starts_with(&format!("recist-train: {path}: there is no folder")), "{option}: {error}");
        let error = evaluate("nosuch.recist", &[option, folder.path().to_str().unwrap()]).unwrap_err();
        assert!(error.ends_with(": is a folder\n"), "{option}: {error}");
        let error = evaluate("nosuch.recist", &[option, "/dev/null"]).unwrap_err();
        assert!(error.contains("/dev/null: is not a regular file"), "{option}: {error}");
    }
    let table = folder.path().join("table.csv");
    evaluate(MODEL, &["--csv", table.to_str().unwrap()]).unwrap();
    assert!(table.exists(), "control");
}

#[test]
fn what_is_written_overwrites_neither_an_input_nor_the_other_output() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let pack = pack(folder.path(), 2, 1).to_str().unwrap().to_owned();
    let bundle = at("model.recist");
    std::fs::copy(MODEL, &bundle).unwrap();
    std::fs::create_dir(at("run")).unwrap();
    std::fs::write(at("run/weights.safetensors"), "weights").unwrap();
    std::os::unix::fs::symlink(&pack, at("link")).unwrap();
    let before = [&pack, &bundle].map(|path| std::fs::read(path).unwrap());
    let evaluate = |model: &str, outputs: &[&str]| {
        let arguments = ["evaluate", "--model", model, "--data", &pack, "--split", "val", "--json"];
        run(&[&arguments, outputs].concat())
    };
    let (weights, twice) = (at("run/weights.safetensors"), at("run/../page.png"));
    for (model, outputs) in [
        (&bundle, ["--csv", &bundle, "--picture", &twice]),
        (&bundle, ["--csv", &at("lesions.csv"), "--picture", &pack]),
        (&bundle, ["--csv", &at("link"), "--picture", &twice]),
        (&bundle, ["--csv", &at("page.png"), "--picture", &twice]),
        (&at("run"), ["--csv", &weights, "--picture", &twice]),
    ] {
        let error = evaluate(model, &outputs).unwrap_err();
        let refused = error.contains(": would overwrite /") || error.contains(": would be written twice");
        assert!(refused, "{outputs:?}: {error}");
        assert!(!folder.path().join("page.png").exists(), "before any work");
    }
    let sheet = |out: &str| {
        let arguments = ["sheet", "--data", &pack, "--out", out];
        let output = Command::new(env!("CARGO_BIN_EXE_recist-train")).args(arguments).output().unwrap();
        String::from_utf8(output.stderr).unwrap()
    };
    for name in ["good.csv", "new.jpg"] {
        std::fs::write(at("good.csv"), "good").unwrap();
        let error = sheet(&at(name));
        assert!(error.ends_with(&format!("{name}: does not end in .png, but a PNG is written\n")), "{error}");
        let error = evaluate(&bundle, &["--picture", &at(name)]).unwrap_err();
        assert!(error.ends_with(&format!("{name}: does not end in .png, but a PNG is written\n")), "{error}");
        assert_eq!(std::fs::read(at("good.csv")).unwrap(), b"good");
    }
    assert!(sheet(&at("link")).ends_with(&format!("link: would overwrite {pack}\n")));
    assert_eq!(
        sheet(&at("nosuch/s.png")),
        format!("recist-train: {0}/s.png: there is no folder {0}\n", at("nosuch"))
    );
    assert_eq!([&pack, &bundle].map(|path| std::fs::read(path).unwrap()), before);
    assert_eq!(std::fs::read(&weights).unwrap(), b"weights");
    evaluate(&bundle, &["--csv", &at("lesions.csv"), "--picture", &twice]).unwrap();
    evaluate(&bundle, &["--csv", &at("lesions.csv"), "--picture", &twice]).unwrap();
    assert_eq!(sheet(&at("sheet.png")), "", "control: its own files may be replaced");
}

#[test]
fn figures_are_told_before_a_file_that_cannot_be_written_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let pack = pack(folder.path(), 2, 1);
    for (option, ending) in [("--csv", "csv"), ("--picture", "png")] {
        // The finished file is written under a longer name first, and no name is longer than 255 bytes.
        let out = folder.path().join(format!("{}.{ending}", "x".repeat(250)));
        let output = Command::new(env!("CARGO_BIN_EXE_recist-train"))
            .args(["evaluate", "--model", MODEL, "--split", "val", "--json", "--data"])
            .args([&pack, Path::new(option), &out])
            .output()
            .unwrap();
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(error.starts_with(&format!("recist-train: {}: ", out.display())), "{error}");
        let told: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!((output.status.code(), &told["groups"][0]["lesions"]), (Some(1), &Value::from(2)));
    }
}

#[test]
fn a_run_that_is_not_finished_is_no_model() {
    let folder = tempfile::tempdir().unwrap();
    let pack = pack(folder.path(), 4, 1);
    let config = folder.path().join("config.toml");
    let mut text = format!(
        "network = {NETWORK:?}\nbatch = 2\nvalidation = 2\nepoch = 2\ncheckpoint = 100\n[method.adam-w]\n\
         weight_decay = 1e-3\n"
    );
    let cosine = "cosine = { rate = 4e-3, steps = 3, warm_up = 1 }";
    let plateau = "plateau = { rate = 1e-4, patience = 1, divisions = 1 }";
    let (localization, hourglass) = ("mask = 1.0, pose = [10.0, 0.5, 5.0]", "heatmaps = 100.0");
    for (stage, schedule, loss) in [("stn", cosine, localization), ("shn", plateau, hourglass)] {
        text += &format!("[[stages]]\nstage = {stage:?}\nschedule = {{ {schedule} }}\nloss = {{ {loss} }}\n");
    }
    std::fs::write(&config, text).unwrap();
    let out = folder.path().join("run");
    let [data, config, out_text] = [&pack, &config, &out].map(|path| path.to_str().unwrap());
    let trained = Command::new(env!("CARGO_BIN_EXE_recist-train"))
        .args(["train", "--data", data, "--config", config, "--out", out_text])
        .output()
        .unwrap();
    assert!(trained.status.success(), "{}", String::from_utf8_lossy(&trained.stderr));
    let exported = folder.path().join("exported");
    let evaluate = || run(&["evaluate", "--model", out_text, "--data", data, "--split", "val", "--json"]);
    let export = || run(&["export", "--run", out_text, "--out", exported.to_str().unwrap()]);
    assert!(evaluate().is_ok(), "control: finished");

    std::fs::remove_file(out.join("weights.safetensors")).unwrap();
    let path = out.join("checkpoint.safetensors");
    let last = Checkpoint::read(&path).unwrap();
    for (stage, step, place) in [
        (0, 2, "is at stage 1 of 2, step 2 of 3"),
        (1, 2, "is at stage 2 of 2, step 2"),
        (2, 0, "is at the end of stage 2 of 2"),
    ] {
        let progress = Progress { step, ..Progress::default() };
        let mut checkpoint = last.clone();
        (checkpoint.stage, checkpoint.progress) = (stage, progress);
        checkpoint.write(&path).unwrap();
        let expected = format!("recist-train: {out_text} {place}: `train --resume` finishes it\n");
        assert_eq!(
            [evaluate().unwrap_err(), export().unwrap_err()],
            [&expected, &expected].map(Clone::clone)
        );
    }
    std::fs::write(&path, "no checkpoint").unwrap();
    let error = evaluate().unwrap_err();
    assert_eq!(error.matches("checkpoint.safetensors").count(), 1, "{error}");
    std::fs::remove_file(&path).unwrap();
    let expected = format!("recist-train: {out_text} has no checkpoint yet: `train --resume` finishes it\n");
    assert_eq!([evaluate().unwrap_err(), export().unwrap_err()], [&expected, &expected].map(Clone::clone));
    assert!(!exported.exists());
}

#[test]
fn an_ablation_trains_four_rows_and_goes_on_where_it_stopped() {
    let folder = tempfile::tempdir().unwrap();
    let pack = pack(folder.path(), 8, 1);
    let config = folder.path().join("config.toml");
    let (localization, hourglass) =
        ("mask = 1.0, pose = [10.0, 0.5, 5.0]", "heatmaps = 100.0, cosine = 0.05");
    let stage = |name: &str, loss: &str| {
        format!(
            "[[stages]]\nstage = {name:?}\nschedule = {{ cosine = {{ rate = 4e-3, steps = 4, warm_up = 1 }} }}\n\
             loss = {{ {loss} }}\n"
        )
    };
    let text = format!(
        "network = {NETWORK:?}\nbatch = 4\nvalidation = 4\nepoch = 100\ncheckpoint = 100\n[method.adam-w]\n\
         weight_decay = 1e-3\n{}{}{}",
        stage("stn", localization),
        stage("shn", hourglass),
        stage("joint", &format!("{localization}, {hourglass}"))
    );
    std::fs::write(&config, text).unwrap();
    let out = folder.path().join("ablation");
    let [data, config, out_text] = [&pack, &config, &out].map(|path| path.to_str().unwrap());
    let arguments =
        ["ablate", "--data", data, "--config", config, "--out", out_text, "--steps", "6", "--json"];
    let first = run(&arguments).unwrap();
    let rows = first["rows"].as_array().unwrap();
    let names: Vec<_> = rows.iter().map(|row| row["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["SHN alone", "STN (TPP) + SHN", "STN (TPP + LRP) + SHN", "STN + SHN + L_cos"]);
    assert_eq!((rows.len(), first["lesions"].as_u64()), (4, Some(8)));
    let work = |row: usize| rows[row]["multiply_accumulates"].as_u64().unwrap();
    assert!(work(0) < work(1) && work(1) == work(3), "a row without localization network costs less");

    // What was trained is kept, a row that is missing is trained again, and no other.
    let weights = |row: &str| out.join(row).join("weights.safetensors");
    let kept = std::fs::metadata(weights("full-0")).unwrap().modified().unwrap();
    let lost = std::fs::read(weights("stn-tpp-0")).unwrap();
    std::fs::remove_dir_all(out.join("stn-tpp-0")).unwrap();
    let second = run(&arguments).unwrap();
    assert!(std::fs::read(weights("stn-tpp-0")).unwrap() == lost, "the same row, bit for bit");
    assert_eq!(std::fs::metadata(weights("full-0")).unwrap().modified().unwrap(), kept);
    let found = |run: &Value| -> Vec<Value> {
        run["rows"].as_array().unwrap().iter().map(|row| row["mm"].clone()).collect()
    };
    assert_eq!(found(&first), found(&second));
    let error = run(&[&arguments[..7], &["--steps", "7"]].concat());
    assert!(error.unwrap_err().contains("/configuration.toml: line "));

    let export = |row: &str, rest: &[&str]| {
        let run_folder = out.join(row);
        let exported = folder.path().join("exported");
        let arguments =
            ["export", "--run", run_folder.to_str().unwrap(), "--out", exported.to_str().unwrap()];
        let error = run(&[&arguments, rest].concat()).unwrap_err();
        assert!(!exported.exists(), "{error}");
        error
    };
    let error = export("stn-tpp-0", &[]);
    assert!(error.contains("stn-tpp-0 taught no mask: the runtime would refuse every lesion"), "{error}");
    let error = export("full-0", &["--calibration", "0"]);
    assert!(error.contains("calibration is 0: ranges need patches"), "{error}");
    for (option, value) in [("--licence", "MIT\nand more"), ("--version", ""), ("--attribution", " ")] {
        let error = export("full-0", &[option, value]);
        assert!(error.contains(&format!("{option} is {value:?}: the manifest takes one line")), "{error}");
    }
    std::fs::write(folder.path().join("table"), "good").unwrap();
    let [full, table] = [out.join("full-0"), folder.path().join("table")];
    let error = run(&["export", "--run", full.to_str().unwrap(), "--out", table.to_str().unwrap()]);
    assert!(error.unwrap_err().starts_with(&format!("recist-train: {}: ", table.display())));
    for name in ["a/b", "../full", "", ".."] {
        let error = export("full-0", &["--name", name]);
        assert!(error.contains(&format!("name is {name:?}, not the name of a file")), "{error}");
    }
}
