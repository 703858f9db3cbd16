//! What the C examples `measure.c` and `measure.cpp` print for the toy, by Rust's own way.

use std::fmt::Write as _;

use recist::bundle::{AlignedBytes, Bundle};
use recist::cascade::{EngineNetworks, OUTLINE_POINTS, Plans, Workspace, measure, outline};
use recist::engine::Kernel;
use recist::ffi::RecistModel;
use recist::geometry::{AffineMap, Point};
use recist::image::{CtSlice, PATCH_SIZE, Samples};

use crate::toy;

/// The stages whose times are printed, in their order.
pub const STAGES: [&str; 5] = ["crop_ns", "localization_ns", "sampling_ns", "hourglass_ns", "decoding_ns"];

/// A printed line: its name, and its values, words where they are no numbers.
pub type Line = (String, Vec<Result<f64, String>>);

/// A program's lines, with numbers that are equal if they are the same to the bit, however they are written.
///
/// # Panics
/// Never: a line has a first word.
#[must_use]
pub fn lines(text: &str) -> Vec<Line> {
    let line = |line: &str| {
        let mut words = line.split(' ');
        let name = words.next().expect("a first word").to_owned();
        (name, words.map(|word| word.parse().map_err(|_| word.to_owned())).collect())
    };
    text.lines().map(line).collect()
}

/// The numbers of the only line with this name.
///
/// # Panics
/// If there is none, or more than one, or something else than numbers is in it.
#[must_use]
pub fn numbers(lines: &[Line], name: &str) -> Vec<f64> {
    let found: Vec<_> = lines.iter().filter(|(line, _)| line == name).collect();
    assert_eq!(found.len(), 1, "lines called {name}");
    found[0].1.iter().map(|value| *value.as_ref().expect("a number")).collect()
}

/// What is printed for the toy: on stdout, and on stderr before the times.
///
/// # Panics
/// If the toy is broken.
#[must_use]
pub fn toy() -> [Vec<Line>; 2] {
    let bytes = AlignedBytes::copy_of(&toy::bundle());
    let bundle = Bundle::open(bytes.as_slice()).expect("the toy opens");
    let plans = Plans::open(&bundle).expect("the toy's plans open");
    let mut networks = EngineNetworks::new(plans, vec![0; plans.workspace_bytes()], Kernel::Scalar);
    let samples = toy::slice_samples();
    let size = [toy::SIZE, toy::SIZE];
    let slice = CtSlice::new(Samples::I16(&samples), size, toy::SIZE, Some(toy::spacing())).expect("a slice");
    let mut workspace = Box::new(Workspace::new());
    let measured =
        measure(&slice, toy::area(), &mut networks, &mut workspace, |_| ()).expect("the toy measures");
    let mut outline_points = vec![Point::default(); OUTLINE_POINTS];
    let patch_to_slice = AffineMap::normalised_to_box(measured.square);
    let count = outline(&workspace.mask, patch_to_slice, &mut outline_points).expect("an outline that fits");
    assert!(count > 4, "the toy's mask has an outline");

    let manifest = bundle.manifest();
    let [long, short] = [measured.axes.long(), measured.axes.short()];
    let mut out = String::new();
    let mut line = |name: &str, values: &[String]| {
        writeln!(out, "{name} {}", values.join(" ")).expect("a string takes everything");
    };
    let points = |points: &[Point]| -> Vec<String> {
        points.iter().flat_map(|p| [p.x, p.y]).map(|v| v.to_string()).collect()
    };
    line("name", &[manifest.name().to_owned()]);
    line("version", &[manifest.version().to_owned()]);
    line("preprocessing", &[manifest.get("preprocessing").expect("stated").to_owned()]);
    line("patch_size", &[PATCH_SIZE.to_string()]);
    line("heatmap_size", &[plans.heatmap_size().to_string()]);
    line("test_vectors", &[bundle.test_vectors().iter().count().to_string()]);
    line("low_confidence", &[f64::from(manifest.low_confidence()).to_string()]);
    line("sha256", &[bundle.sha256().iter().map(|byte| format!("{byte:02x}")).collect()]);
    line("long_start", &points(&[long.start()]));
    line("long_end", &points(&[long.end()]));
    line("short_start", &points(&[short.start()]));
    line("short_end", &points(&[short.end()]));
    line("long_px", &[long.length().to_string()]);
    line("short_px", &[short.length().to_string()]);
    line("long_mm", &[long.length_mm(toy::spacing()).to_string()]);
    line("short_mm", &[short.length_mm(toy::spacing()).to_string()]);
    line("mask_area_mm2", &[measured.mask_area_mm2().expect("a spacing").to_string()]);
    line("confidence", &[f64::from(measured.confidence()).to_string()]);
    line("keypoints", &points(&measured.keypoints.to_array()));
    line("keypoint_confidence", &measured.confidences.map(|confidence| f64::from(confidence).to_string()));
    line("outline", &points(&outline_points[..count]));
    line("warnings", &[measured.warnings.bits().to_string()]);
    let machine = format!("kernel {}\nmemory_bytes {}\n", Kernel::best() as i32, RecistModel::bytes(&plans));
    [lines(&out), lines(&machine)]
}
