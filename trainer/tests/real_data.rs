//! Real CT data come into the trainer whole, and points find their way back.

use std::collections::HashSet;
use std::iter::repeat_with;
use std::path::Path;
use std::process::Command;

use recist::geometry::Point;
use recist_tests::real_data;
use recist_trainer::data::{Augmentation, Pack, Split, augment, keyed};

fn prepare(arguments: &[&str], out: &Path) -> (Pack, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_recist-train"));
    let output = command.arg("prepare").args(arguments).arg("--out").arg(out).output().unwrap();
    let text =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}");
    (Pack::open(out).unwrap(), text)
}

/// The greatest distance, in pixels of the source image, between an endpoint and its way to an augmented
/// patch and back.
fn round_trip(pack: &Pack) -> f64 {
    let augmentation = Augmentation::default();
    let mut greatest: f64 = 0.0;
    let mut samples = Vec::new();
    for (index, (lesion, pixels)) in pack.iter().enumerate() {
        pixels.read(&mut samples).unwrap();
        let mut random = keyed(1, 2, index as u64);
        // As in training, a draw that shows nothing, such as a cavity in the lung in a soft-tissue window, is repeated.
        let draws = repeat_with(|| augment(lesion, &samples, pixels.depth, &augmentation, &mut random));
        let sample = draws.take(20).find_map(Result::ok).unwrap();
        let back = sample.keypoints.map(|p| sample.patch_to_source.apply(p)).to_array();
        let origin = Point::new(lesion.patch_origin[0] as f64, lesion.patch_origin[1] as f64);
        let distance = |reader: recist::geometry::Keypoints| {
            let there = reader.to_array();
            let apart = there.iter().zip(back).map(|(&a, b)| (a + origin).distance(b + origin));
            apart.fold(0.0, f64::max)
        };
        greatest = greatest.max(lesion.keypoints().map(distance).fold(f64::INFINITY, f64::min));
    }
    greatest
}

#[test]
fn lidc_is_packed_whole_and_its_points_come_back() {
    let Some(data) = real_data() else { return };
    let folder = tempfile::tempdir().unwrap();
    let path = |part: &str| data.join("lidc").join(part).display().to_string();
    let (table, images, outlines) = (path("recist.csv"), path("images"), path("outlines"));
    let arguments = ["--table", &table, "--images", &images, "--outlines", &outlines, "--bad-share", "0"];
    let (pack, report) = prepare(&arguments, &folder.path().join("lidc.pack"));
    println!("{report}");
    assert!(pack.iter().all(|(_, pixels)| pixels.has_outlines()));
    for (split, slices, patients) in
        [(Split::Train, 5443, 478), (Split::Val, 924, 84), (Split::Test, 795, 62)]
    {
        let of_split = || pack.iter().filter(|(lesion, _)| lesion.split == split).map(|(lesion, _)| lesion);
        let found: HashSet<&str> = of_split().map(|lesion| lesion.patient.as_str()).collect();
        assert_eq!((of_split().count(), found.len()), (slices, patients), "{split}");
    }
    assert_eq!(pack.iter().map(|(lesion, _)| lesion.readers.len()).sum::<usize>(), 23_104);
    let distance = round_trip(&pack);
    assert!(distance < 1e-3, "{distance} px");
}

#[test]
fn deeplesion_is_packed_in_hounsfield_units_and_its_points_come_back() {
    let Some(data) = real_data() else { return };
    let folder = tempfile::tempdir().unwrap();
    let source = data.join("deeplesion").display().to_string();
    // Most rows' images are not in the sample: that is what the share is for.
    let (pack, report) =
        prepare(&["--deeplesion", &source, "--bad-share", "1"], &folder.path().join("deeplesion.pack"));
    assert!(report.contains("No such file") && report.contains("rows left out"));
    assert_eq!(pack.len(), 25);
    let distance = round_trip(&pack);
    assert!(distance < 1e-3, "{distance} px");
    let mut samples = Vec::new();
    for (lesion, pixels) in pack.iter() {
        pixels.read(&mut samples).unwrap();
        assert!(samples.iter().all(|v| (-2048.0..=4096.0).contains(v)), "{}", lesion.name);
        assert!(samples.iter().any(|v| (-150.0..250.0).contains(v)), "{}", lesion.name);
    }

    let mut strict = Command::new(env!("CARGO_BIN_EXE_recist-train"));
    strict.args(["prepare", "--deeplesion", &source, "--out"]).arg(folder.path().join("strict.pack"));
    let output = strict.output().unwrap();
    assert!(!output.status.success());
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(text.contains("rows are bad, more than the share of 0.01"), "{text}");
}
