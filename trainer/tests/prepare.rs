//! What `recist-train prepare` makes of tables that were corrected or are of another kind than the sample's, and
//! what `sheet` shows.

use std::fs;
use std::path::Path;
use std::process::Command;

use recist::image::write_grey16;
use recist_tests::real_data;
use recist_trainer::data::{Augmentation, MaskTarget, Pack, PackWriter, phantom};
use recist_trainer::train::Configuration;

const HEADER: &str = "image,patient,split,lesion,reader,spacing_mm,long_x1,long_y1,long_x2,long_y2,short_x1,\
                      short_y1,short_x2,short_y2\n";

/// A row of a lesion with its centre in (`x`, 50), 20 pixels long and 12 across.
fn row(image: &str, lesion: u8, reader: &str, x: i32) -> String {
    format!("{image},p,train,{lesion},{reader},0.7,{},50,{},50,{x},44,{x},56\n", x - 10, x + 10)
}

/// A slice on which every column has a value of its own, the first of them `first`.
fn slice(path: &Path, first: i16) {
    let hu: Vec<i16> = (0..100).flat_map(|_| first..first + 200).collect();
    write_grey16(path, [200, 100], &hu).unwrap();
}

fn recist_train(folder: &Path, arguments: &str) -> Result<String, String> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_recist-train"));
    let output = command.args(arguments.split_whitespace()).current_dir(folder).output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned() + &text)
    } else {
        Err(text)
    }
}

const PREPARE: &str = "prepare --table endpoints.csv --images . --bad-share 0 --out lesions.pack";

/// A folder in which a run of [`PREPARE`] on `rows` stopped because it lacks the image b.png.
fn stopped(rows: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    fs::write(path.join("endpoints.csv"), HEADER.to_owned() + rows).unwrap();
    slice(&path.join("a.png"), 0);
    let error = recist_train(path, PREPARE).unwrap_err();
    assert!(error.contains("b.png"), "{error}");
    assert!(!path.join("lesions.pack").exists() && path.join("lesions.pack.journal").exists());
    folder
}

/// The lesion's name, where in the image its first long axis starts, and its patch's first sample.
fn packed(folder: &Path) -> Vec<(String, f64, f32)> {
    let pack = Pack::open(&folder.join("lesions.pack")).unwrap();
    let mut samples = Vec::new();
    let of_lesion = |(lesion, pixels): (&recist_trainer::data::Lesion, recist_trainer::data::Pixels<'_>)| {
        pixels.read(&mut samples).unwrap();
        let start = lesion.readers[0][0][0] + lesion.patch_origin[0] as f64;
        (lesion.name.clone(), start, samples[0])
    };
    pack.iter().map(of_lesion).collect()
}

#[test]
fn a_corrected_table_does_not_go_on_with_the_old_ones_patches() {
    let before = row("a.png", 1, "0", 100) + &row("b.png", 1, "0", 100);
    let corrected = row("a.png", 1, "0", 103) + &row("b.png", 1, "0", 100);
    // The first image's own values tell when its patch was cut: the sample in column 41 was 41.
    for (table, start, first) in [(&before, 90.0, 41.0), (&corrected, 93.0, 1044.0)] {
        let folder = stopped(&before);
        let path = folder.path();
        fs::write(path.join("endpoints.csv"), HEADER.to_owned() + table).unwrap();
        slice(&path.join("a.png"), 1000);
        slice(&path.join("b.png"), 0);
        recist_train(path, PREPARE).unwrap();
        assert_eq!(packed(path)[0], ("a.png".to_owned(), start, first), "{table}");
    }
}

#[test]
fn a_run_that_stopped_between_two_lesions_of_an_image_goes_on_with_the_second() {
    let folder =
        stopped(&(row("a.png", 1, "0", 40) + &row("a.png", 2, "0", 150) + &row("b.png", 1, "0", 100)));
    let path = folder.path();
    let journal = path.join("lesions.pack.journal");
    let text = fs::read_to_string(&journal).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 3, "the source and two lesions");
    fs::write(&journal, lines[..2].join("\n") + "\n").unwrap();
    slice(&path.join("b.png"), 0);
    recist_train(path, PREPARE).unwrap();
    let lesions = packed(path).into_iter().map(|(name, start, _)| (name, start));
    let expected = [("a.png", 30.0), ("a.png#2", 140.0), ("b.png", 90.0)];
    assert_eq!(lesions.collect::<Vec<_>>(), expected.map(|(name, start)| (name.to_owned(), start)));
}

#[test]
fn a_lesion_whose_only_row_names_no_reader_costs_that_lesion_and_no_more() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let rows = row("a.png", 1, "", 100) + &row("b.png", 1, "0", 100);
    fs::write(path.join("endpoints.csv"), HEADER.to_owned() + &rows).unwrap();
    ["a.png", "b.png"].iter().for_each(|name| slice(&path.join(name), 0));
    fs::create_dir(path.join("outlines")).unwrap();
    let file = fs::File::create(path.join("outlines/b.png")).unwrap();
    let mut encoder = png::Encoder::new(file, 200, 100);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.write_header().unwrap().write_image_data(&[1; 200 * 100]).unwrap();
    let arguments =
        "prepare --table endpoints.csv --images . --outlines outlines --out lesions.pack --bad-share";
    let error = recist_train(path, &format!("{arguments} 0")).unwrap_err();
    assert!(error.contains("line 2: its reader is \"\""), "{error}");
    recist_train(path, &format!("{arguments} 0.5")).unwrap();
    assert_eq!(packed(path).into_iter().map(|(name, ..)| name).collect::<Vec<_>>(), ["b.png"]);
}

#[test]
fn a_missing_image_costs_all_its_rows_and_an_empty_pack_is_none() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let rows: String = ["0", "1", "2"].iter().map(|reader| row("b.png", 1, reader, 100)).collect();
    fs::write(path.join("endpoints.csv"), HEADER.to_owned() + &row("a.png", 1, "0", 100) + &rows).unwrap();
    slice(&path.join("a.png"), 0);
    let prepare =
        |share: &str| recist_train(path, &format!("{PREPARE} {share}").replace("--bad-share 0 ", ""));
    let error = prepare("--bad-share 0.7").unwrap_err();
    assert!(error.contains("3 of 4 rows are bad, more than the share of 0.7"), "{error}");
    prepare("--bad-share 0.75").unwrap();

    fs::remove_file(path.join("a.png")).unwrap();
    fs::remove_file(path.join("lesions.pack")).unwrap();
    for (arguments, want) in [
        (PREPARE.replace("share 0", "share 1"), "lesions.pack: no lesion is left to pack"),
        (PREPARE.replace("share 0", "share NaN"), "bad-share is NaN, not a share from 0 to 1"),
        (PREPARE.replace("share 0", "share 1.5"), "bad-share is 1.5, not a share from 0 to 1"),
        ("prepare --phantoms 0 --out lesions.pack".to_owned(), "phantoms is 0: there is nothing to pack"),
    ] {
        let error = recist_train(path, &arguments).unwrap_err();
        assert!(error.contains(want), "{error}");
        assert!(!path.join("lesions.pack").exists(), "{arguments}");
    }
}

#[test]
fn an_option_that_does_not_belong_to_the_source_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    fs::write(path.join("endpoints.csv"), HEADER.to_owned() + &row("a.png", 1, "0", 100)).unwrap();
    slice(&path.join("a.png"), 0);
    let table = "--table endpoints.csv --images .";
    for (arguments, want) in [
        (format!("{table} --bad-share 0"), None),
        (format!("{table} --seed 5"), Some("--seed belongs to --phantoms, not to --table")),
        (format!("{table} --backgrounds ."), Some("--backgrounds belongs to --phantoms, not to --table")),
        (
            format!("{table} --phantoms 2"),
            Some("give one of --deeplesion, --table with --images, --phantoms"),
        ),
        ("--table endpoints.csv".to_owned(), Some("give one of --deeplesion, --table with --images")),
        ("--phantoms 2 --images .".to_owned(), Some("--images belongs to --table, not to --phantoms")),
        (
            "--deeplesion . --outlines .".to_owned(),
            Some("--outlines belongs to --table, not to --deeplesion"),
        ),
        (
            "--phantoms 2 --bad-share 0".to_owned(),
            Some("--bad-share belongs to --deeplesion and --table, not to --phantoms"),
        ),
    ] {
        let prepared = recist_train(path, &format!("prepare {arguments} --out lesions.pack"));
        assert_eq!(prepared.is_ok(), want.is_none(), "{arguments}: {prepared:?}");
        assert!(want.is_none_or(|want| prepared.unwrap_err().contains(want)), "{arguments}");
    }
}

#[test]
fn a_pack_replaces_the_same_pack_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let prepare = |out: &str| recist_train(path, &format!("prepare --phantoms 2 --out {out}"));
    fs::write(path.join("endpoints.csv"), HEADER).unwrap();
    fs::create_dir(path.join("folder")).unwrap();
    for (out, want) in [
        ("endpoints.csv", "endpoints.csv is not a pack of lesions"),
        ("/dev/null", "/dev/null is not a pack of lesions"),
        ("folder", "folder: Is a directory"),
    ] {
        let error = prepare(out).unwrap_err();
        assert!(error.contains(want), "{error}");
        assert_eq!(fs::read_dir(path).unwrap().count(), 2, "nothing is left beside {out}");
    }
    assert_eq!(fs::read_to_string(path.join("endpoints.csv")).unwrap(), HEADER);
    prepare("lesions.pack").unwrap();
    let bytes = fs::read(path.join("lesions.pack")).unwrap();
    for (arguments, want) in [
        ("--phantoms 2", None),
        ("--phantoms 2 --seed 1", Some("lesions.pack is a finished pack of other lesions: delete it")),
        ("--phantoms 3", Some("or choose another name")),
    ] {
        let error = recist_train(path, &format!("prepare {arguments} --out lesions.pack")).err();
        assert_eq!(error.is_some(), want.is_some(), "{arguments}: {error:?}");
        assert!(error.is_none_or(|error| want.is_some_and(|want| error.contains(want))), "{arguments}");
        assert!(fs::read(path.join("lesions.pack")).unwrap() == bytes, "{arguments}");
        assert!(!path.join("lesions.pack.partial").exists(), "{arguments}");
    }
}

#[test]
fn a_corrected_tables_pack_waits_until_the_old_one_is_deleted() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let pack = path.join("lesions.pack");
    slice(&path.join("a.png"), 0);
    let prepare = |x: i32| {
        fs::write(path.join("endpoints.csv"), HEADER.to_owned() + &row("a.png", 1, "0", x)).unwrap();
        recist_train(path, PREPARE)
    };
    prepare(100).unwrap();
    prepare(100).unwrap();
    let old = fs::read(&pack).unwrap();
    let error = prepare(103).unwrap_err();
    assert!(error.contains("lesions.pack is a finished pack of something else: delete it"), "{error}");
    assert!(fs::read(&pack).unwrap() == old);
    assert_eq!(Pack::open(&path.join("lesions.pack.partial")).unwrap().len(), 1, "{error}");
    fs::remove_file(&pack).unwrap();
    // What has been cut is not cut again: the image is not needed.
    fs::remove_file(path.join("a.png")).unwrap();
    prepare(103).unwrap();
    assert_eq!(packed(path)[0].1, 93.0);
    assert_eq!(fs::read_dir(path).unwrap().count(), 2, "nothing is left beside the pack");
}

#[test]
fn the_pixel_spacing_of_a_dicom_file_is_taken_where_the_table_states_none() {
    let Some(data) = real_data() else { return };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let endpoints = "long_x1,long_y1,long_x2,long_y2,short_x1,short_y1,short_x2,short_y2";
    let marks = "312.00,346.50,320.00,386.50,332.70,366.20,297.70,373.20";
    slice(&path.join("a.png"), 0);
    let images = data.join("dicom").display().to_string();
    for (image, images, spacing, want) in [
        ("LIDC-IDRI-0001_z-120.00.dcm", images.as_str(), "", Ok([0.703125; 2])),
        ("LIDC-IDRI-0001_z-120.00.dcm", &images, "0.703", Ok([0.703; 2])),
        ("LIDC-IDRI-0001_z-120.00.dcm", &images, "0.8", Err("its pixel spacing is 0.703125")),
        ("a.png", ".", "", Err("a.png: neither it nor the table states its pixel spacing")),
    ] {
        let table = format!("image,patient,spacing_mm,{endpoints}\n{image},p,{spacing},{marks}\n");
        fs::write(path.join("endpoints.csv"), table).unwrap();
        let _ = fs::remove_file(path.join("lesions.pack"));
        let prepared = recist_train(path, &PREPARE.replace("--images .", &format!("--images {images}")));
        match want {
            Ok(spacing) => {
                prepared.unwrap();
                let pack = Pack::open(&path.join("lesions.pack")).unwrap();
                assert_eq!(pack.get(0).0.spacing_mm, spacing, "{spacing:?}");
            }
            Err(word) => assert!(prepared.unwrap_err().contains(word), "{image} {spacing}"),
        }
    }
}

#[test]
fn what_a_split_holds_is_told_and_an_empty_one_has_a_warning() {
    let rows =
        [("a.png", "train", 1), ("a.png", "train", 2), ("b.png", "test", 1)].map(|(image, split, lesion)| {
            let row = row(image, lesion, "0", 50 * i32::from(lesion)).replace("train", split);
            row.replace(",p,", &format!(",of {split},"))
        });
    for (rows, train, empty) in [
        (&rows[..], "train: 2 slices of 2 lesions of 1 patients", ["val"].as_slice()),
        (&rows[2..], "train: 0 slices of 0 lesions of 0 patients", &["train", "val"]),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        fs::write(path.join("endpoints.csv"), HEADER.to_owned() + &rows.concat()).unwrap();
        ["a.png", "b.png"].iter().for_each(|name| slice(&path.join(name), 0));
        let told = recist_train(path, PREPARE).unwrap();
        assert!(told.contains(train), "{told}");
        for split in ["train", "val", "test"] {
            let warned = told.contains(&format!("warning: the split {split} is empty"));
            assert_eq!(warned, empty.contains(&split), "{told}");
        }
    }
}

#[test]
fn a_background_keeps_clear_of_marks_by_the_image_or_file_that_they_name() {
    let Some(data) = real_data() else { return };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    fs::create_dir(path.join("slices")).unwrap();
    let name = "LIDC-IDRI-0001_z-120.00.dcm";
    fs::copy(data.join("dicom").join(name), path.join("slices").join(name)).unwrap();
    let packed = |table: &str| {
        fs::write(path.join("slices/recist.csv"), table).unwrap();
        let _ = fs::remove_file(path.join("lesions.pack"));
        let prepare = "prepare --phantoms 6 --backgrounds slices --out lesions.pack";
        recist_train(path, prepare).map(|_| fs::read(path.join("lesions.pack")).unwrap())
    };
    let ends = "long_x1,long_y1,long_x2,long_y2\n";
    let marks = format!("{name},200,300,300,300\n");
    let by_file = packed(&format!("file,{ends}{marks}")).unwrap();
    assert!(packed(&format!("image,{ends}{marks}")).unwrap() == by_file);
    assert!(packed(&format!("image,{ends}other.dcm,200,300,300,300\n")).unwrap() != by_file, "the control");
    for (table, word) in [
        (format!("slice,{ends}{marks}"), "slices/recist.csv has no column image"),
        (
            format!("image,{ends}{name},200,x,300,300\n"),
            "slices/recist.csv: line 2: long_y1 is \"x\": not a number",
        ),
    ] {
        let error = packed(&table).unwrap_err();
        assert!(error.contains(word), "{error}");
    }
}

#[test]
fn a_sheet_passes_over_lesions_that_show_nothing() {
    for (every, drawn) in [(1, true), (10, true), (usize::MAX, false)] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        let mut writer = PackWriter::open(&path.join("lesions.pack"), "test").unwrap();
        for index in 0..20 {
            let mut phantom = phantom(3, index as u64, None);
            if index % every != every - 1 {
                phantom.samples.fill(40.0);
            }
            writer.append(phantom.lesion, phantom.side, &phantom.samples, None).unwrap();
        }
        writer.finish().unwrap();
        match recist_train(path, "sheet --data lesions.pack --out sheet.png") {
            Ok(_) => assert!(drawn && path.join("sheet.png").exists()),
            Err(error) => assert!(!drawn && error.contains("none of 20 lesions"), "{every}: {error}"),
        }
    }
}

#[test]
fn a_sheet_shows_what_a_configuration_makes_of_lesions() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let mut writer = PackWriter::open(&path.join("lesions.pack"), "test").unwrap();
    for index in 0..4 {
        let phantom = phantom(3, index, None);
        let everywhere = vec![1.0; phantom.samples.len()];
        writer.append(phantom.lesion, phantom.side, &phantom.samples, Some(&everywhere)).unwrap();
    }
    writer.finish().unwrap();
    let edge = Configuration::open("edge").unwrap();
    let still = Augmentation { turn: false, ..edge.augmentation.clone() };
    for (name, configuration) in [
        ("same", edge.clone()),
        ("outline", Configuration { mask: MaskTarget::Outline, ..edge.clone() }),
        ("still", Configuration { augmentation: still, ..edge }),
    ] {
        fs::write(path.join(name), configuration.to_toml()).unwrap();
    }
    let sheet = |config: &str| {
        recist_train(path, &format!("sheet --data lesions.pack --out sheet.png{config}")).unwrap();
        fs::read(path.join("sheet.png")).unwrap()
    };
    let by_default = sheet("");
    for (config, same) in [("same", true), ("outline", false), ("still", false)] {
        assert_eq!(sheet(&format!(" --config {config}")) == by_default, same, "{config}");
    }
}
