//! What is written, and what is never written over.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use super::folder::{folder_with_lesion, message};

#[test]
fn what_is_written_never_replaces_an_input_or_what_is_not_a_file() {
    let folder = folder_with_lesion("outputs");
    let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/edge.recist");
    fs::copy(model, folder.0.join("edge.recist")).unwrap();
    symlink("lesion.png", folder.0.join("link.png")).unwrap();
    symlink("folder/none.png", folder.0.join("nowhere.png")).unwrap();
    symlink("loop.png", folder.0.join("loop.png")).unwrap();
    let measure = |out| {
        vec!["measure", "lesion.png", "--box", "95,82,167,154", "--model", "edge.recist", "--overlay", out]
    };
    let batch = |out| vec!["batch", "cases.csv", "--model", "edge.recist", "--out", out];
    let contents =
        || ["lesion.png", "edge.recist", "cases.csv"].map(|name| fs::read(folder.0.join(name)).unwrap());
    let (before, files) = (contents(), folder.files());
    for (arguments, want) in [
        (measure("lesion.png"), "lesion.png: would overwrite lesion.png"),
        (measure("folder/../lesion.png"), "folder/../lesion.png: would overwrite lesion.png"),
        (measure("link.png"), "link.png: would overwrite lesion.png"),
        (measure("edge.recist"), "edge.recist: would overwrite edge.recist"),
        (measure("folder"), "folder: is not a regular file: nothing is written there"),
        (measure("/dev/null"), "/dev/null: is not a regular file: nothing is written there"),
        (measure("nowhere.png"), "nowhere.png: is a link that leads to no file"),
        (measure("loop.png"), "loop.png: is a link that leads to no file"),
        (batch("nowhere.png"), "nowhere.png: is a link that leads to no file"),
        (batch("cases.csv"), "cases.csv: would overwrite cases.csv"),
        (batch("lesion.png"), "lesion.png: would overwrite lesion.png"),
        (batch("edge.recist"), "edge.recist: would overwrite edge.recist"),
        (batch("folder"), "folder: is not a regular file: nothing is written there"),
    ] {
        let output = folder.run(&arguments);
        assert_eq!(message(&output), format!("recist: {want}\n"));
        assert_eq!((output.status.code(), &output.stdout[..]), (Some(2), &b""[..]), "{want}");
        assert!(contents() == before && folder.files() == files, "{want}");
    }
}

#[test]
fn a_picture_is_written_to_a_file_that_was_not_there() {
    let folder = folder_with_lesion("partial");
    for name in ["out.png.partial", "out.png.0.partial"] {
        fs::copy(folder.0.join("lesion.png"), folder.0.join(name)).unwrap();
    }
    symlink("lesion.png", folder.0.join("out.png.1.partial")).unwrap();
    let (lesion, files) = (fs::read(folder.0.join("lesion.png")).unwrap(), folder.files());
    let arguments = ["measure", "out.png.0.partial", "--box", "95,82,167,154", "--overlay", "out.png"];
    let output = folder.run(&arguments);
    assert!(output.status.success(), "{}", message(&output));
    for name in ["lesion.png", "out.png.partial", "out.png.0.partial", "out.png.1.partial"] {
        assert_eq!(fs::read(folder.0.join(name)).unwrap(), lesion, "{name}");
    }
    assert_eq!(folder.files(), files + 1, "the picture alone is new");
}

#[test]
fn an_overlay_takes_the_place_of_a_png_only() {
    let folder = folder_with_lesion("overlay");
    fs::write(folder.0.join("thesis.tex"), "years of work").unwrap();
    symlink("thesis.tex", folder.0.join("link.png")).unwrap();
    symlink("new.png", folder.0.join("link.tex")).unwrap();
    let measure = |out| folder.run(&["measure", "lesion.png", "--box", "95,82,167,154", "--overlay", out]);
    measure("new.png");
    let refused = |name: &str| format!("--overlay {name}: does not end in .png, but a PNG is written\n");
    let thesis = fs::canonicalize(folder.0.join("thesis.tex")).unwrap();
    for (out, want) in [
        ("thesis.tex", refused("thesis.tex")),
        ("link.png", refused(&thesis.display().to_string())),
        ("link.tex", refused("link.tex")),
        ("none.jpg", refused("none.jpg")),
        ("png", refused("png")),
    ] {
        let output = measure(out);
        assert_eq!((output.status.code(), message(&output)), (Some(2), format!("recist: {want}")), "{out}");
        assert_eq!(fs::read(folder.0.join("thesis.tex")).unwrap(), b"years of work");
        assert!(!folder.0.join("none.jpg").exists() && !folder.0.join("png").exists());
    }
    for out in ["new.png", "other.PNG"] {
        let output = measure(out);
        assert!(output.status.success(), "{}", message(&output));
        assert!(fs::read(folder.0.join(out)).unwrap().starts_with(b"\x89PNG"));
    }
}

#[test]
fn a_link_is_followed_to_the_file_that_is_replaced() {
    let folder = folder_with_lesion("link");
    fs::write(folder.0.join("folder/results.csv"), "old").unwrap();
    symlink("folder/results.csv", folder.0.join("link.csv")).unwrap();
    let output = folder.run(&["batch", "cases.csv", "--out", "link.csv"]);
    assert!(output.status.success(), "{}", message(&output));
    assert!(folder.0.join("link.csv").is_symlink());
    let results = fs::read_to_string(folder.0.join("folder/results.csv")).unwrap();
    assert!(results.ends_with(",ok\n"), "{results}");
}

#[test]
fn an_overlay_says_that_there_is_a_warning() {
    let folder = folder_with_lesion("warned-overlay");
    let orange = |spacing: &[&str]| {
        let arguments = ["measure", "lesion.png", "--box", "95,82,167,154", "--overlay", "out.png"];
        let output = folder.run(&[&arguments[..], spacing].concat());
        assert!(output.status.success(), "{output:?}");
        let picture = image::open(folder.0.join("out.png")).unwrap().into_rgb8();
        picture.pixels().filter(|pixel| pixel.0 == [255, 150, 40]).count()
    };
    assert!(orange(&[]) > 200, "no pixel spacing");
    assert_eq!(orange(&["--spacing", "0.75,0.75"]), 0);
}
