//! What `recist-train sheet` shows.

use std::fs;

use recist_trainer::data::{Augmentation, MaskTarget, PackWriter, phantom};
use recist_trainer::train::Configuration;

use super::recist_train;

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
            writer.append(phantom).unwrap();
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
        let mut phantom = phantom(3, index, None);
        phantom.outlines = Some(vec![1.0; phantom.samples.len()]);
        writer.append(phantom).unwrap();
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
