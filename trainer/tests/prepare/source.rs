//! What `recist-train prepare` takes from tables, images and options, and what it refuses.

use std::fs;

use recist_tests::real_data;
use recist_trainer::data::Pack;

use super::{HEADER, PREPARE, outline, packed, recist_train, row, slice};

#[test]
fn a_lesion_whose_only_row_names_no_reader_costs_that_lesion_and_no_more() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let rows = row("a.png", 1, "", 100) + &row("b.png", 1, "0", 100);
    fs::write(path.join("endpoints.csv"), HEADER.to_owned() + &rows).unwrap();
    ["a.png", "b.png"].iter().for_each(|name| slice(&path.join(name), 0));
    fs::create_dir(path.join("outlines")).unwrap();
    outline(&path.join("outlines/b.png"), 1);
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
        ("LIDC-IDRI-0001_z-120.00.dcm", &images, "0.703", Ok([0.703125; 2])),
        (
            "LIDC-IDRI-0001_z-120.00.dcm",
            &images,
            "0.8",
            Err("the file states a pixel spacing of 0.703125,0.703125 mm"),
        ),
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
                let found = pack.get(0).0.spacing;
                assert_eq!([found.row_mm(), found.column_mm()], spacing);
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
    assert!(packed(&format!("image,{ends}{name},10,10,20,20\n")).unwrap() != by_file, "the control");
    for (table, word) in [
        (format!("slice,{ends}{marks}"), "slices/recist.csv has no column image"),
        (
            format!("image,{ends}{name},200,x,300,300\n"),
            "slices/recist.csv: line 2: long_y1 is \"x\": not a number",
        ),
        (
            format!("image,{ends}{marks}other.dcm,200,300,300,300\n"),
            "slices/recist.csv: line 3: other.dcm is no slice of the folder",
        ),
    ] {
        let error = packed(&table).unwrap_err();
        assert!(error.contains(word), "{error}");
    }
}
