//! What an interrupted run leaves, and what the next one makes of it.

use std::fs;
use std::path::Path;

use recist_trainer::data::{Pack, PackWriter};

use super::{HEADER, PREPARE, outline, packed, recist_train, row, slice};

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

/// Changes a byte of the first patch, which can then not be read unless it is cut anew.
fn spoil(partial: &Path) {
    let mut bytes = fs::read(partial).unwrap();
    bytes[100] ^= 1;
    fs::write(partial, bytes).unwrap();
}

#[test]
fn a_corrected_table_does_not_go_on_with_the_old_ones_patches() {
    let before = row("a.png", 1, "0", 100) + &row("b.png", 1, "0", 100);
    let corrected = row("a.png", 1, "0", 103) + &row("b.png", 1, "0", 100);
    for (table, start, first) in [(&before, 90.0, None), (&corrected, 93.0, Some(44.0))] {
        let folder = stopped(&before);
        let path = folder.path();
        spoil(&path.join("lesions.pack.partial"));
        fs::write(path.join("endpoints.csv"), HEADER.to_owned() + table).unwrap();
        slice(&path.join("b.png"), 0);
        recist_train(path, PREPARE).unwrap();
        let lesion = packed(path).swap_remove(0);
        assert_eq!(lesion, ("a.png".to_owned(), start, first), "{table}");
    }
}

#[test]
fn a_patch_is_cut_anew_when_its_image_or_outline_has_changed() {
    let rows = row("a.png", 1, "0", 100) + &row("c.png", 1, "0", 100) + &row("b.png", 1, "0", 100);
    let arguments = PREPARE.replace("--images .", "--images . --outlines outlines");
    // In column 41 of the first image the sample is 41.
    for (changed, first) in
        [(None, None), (Some("a.png"), Some(1041.0)), (Some("outlines/a.png"), Some(41.0))]
    {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        fs::write(path.join("endpoints.csv"), HEADER.to_owned() + &rows).unwrap();
        fs::create_dir(path.join("outlines")).unwrap();
        for name in ["a.png", "b.png", "c.png"] {
            slice(&path.join(name), 0);
            outline(&path.join("outlines").join(name), 1);
        }
        fs::rename(path.join("b.png"), path.join("later.png")).unwrap();
        recist_train(path, &arguments).unwrap_err();
        spoil(&path.join("lesions.pack.partial"));
        fs::rename(path.join("later.png"), path.join("b.png")).unwrap();
        match changed {
            Some("a.png") => slice(&path.join("a.png"), 1000),
            Some(outlines) => outline(&path.join(outlines), 3),
            None => {}
        }
        recist_train(path, &arguments).unwrap();
        assert_eq!(packed(path)[0].2, first, "{changed:?}");

        let bytes = fs::read(path.join("lesions.pack")).unwrap();
        fs::remove_file(path.join("lesions.pack")).unwrap();
        recist_train(path, &arguments).unwrap();
        let fresh = fs::read(path.join("lesions.pack")).unwrap() == bytes;
        assert_eq!(
            fresh,
            changed.is_some(),
            "{changed:?}: the same bytes as of a run that was not interrupted"
        );
    }
}

#[test]
fn an_image_that_was_missing_takes_its_place_in_the_table() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let rows = ["a.png", "b.png", "c.png"].map(|image| row(image, 1, "0", 100)).concat();
    fs::write(path.join("endpoints.csv"), HEADER.to_owned() + &rows).unwrap();
    ["a.png", "c.png"].iter().for_each(|name| slice(&path.join(name), 0));
    recist_train(path, PREPARE).unwrap_err();
    slice(&path.join("b.png"), 0);
    recist_train(path, PREPARE).unwrap();
    let names: Vec<String> = packed(path).into_iter().map(|(name, ..)| name).collect();
    assert_eq!(names, ["a.png", "b.png", "c.png"]);
}

#[test]
fn two_processes_do_not_write_one_pack() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let prepare = "prepare --phantoms 2 --out lesions.pack";
    let writer = PackWriter::open(&path.join("lesions.pack"), "another process").unwrap();
    let error = recist_train(path, prepare).unwrap_err();
    assert!(error.contains("lesions.pack.partial: another process is packing into it"), "{error}");
    recist_train(path, &prepare.replace("lesions", "others")).unwrap();
    drop(writer);
    recist_train(path, prepare).unwrap();
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
    prepare(103).unwrap();
    assert_eq!(packed(path)[0].1, 93.0);
    assert_eq!(
        fs::read_dir(path).unwrap().count(),
        3,
        "nothing is left beside the pack, the table and the image"
    );
}
