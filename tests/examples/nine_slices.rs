//! Measures the nine DICOM slices of the real CT data as the model card does: each nodule in a rough box beside its
//! readers, then in 100 boxes round each reader's marks, then 1,000 boxes where no nodule is marked.
//!
//!     cargo run --release -p recist-tests --example nine_slices -- models/edge.recist

use std::collections::BTreeMap;

use recist::bundle::{AlignedBytes, Bundle};
use recist::cascade::{EngineNetworks, Measurement, Plans, Warning, Workspace, measure};
use recist::engine::Kernel;
use recist::geometry::{LesionBox, Point};
use recist::image::CtFile;
use recist_tests::boxes::{Uniform, box_beside, rough_box};
use recist_tests::readers::{Mark, read};
use recist_tests::real_data;

/// How many boxes were refused, by reason without its numbers, and measured with and without a warning.
#[derive(Default)]
struct Count {
    refused: BTreeMap<String, usize>,
    warned: usize,
    low_confidence: usize,
    silent: usize,
}

impl Count {
    fn add(&mut self, answer: &Result<Measurement, String>) {
        match answer {
            Ok(measurement) if measurement.warnings.bits() == 0 => self.silent += 1,
            Ok(measurement) => {
                self.warned += 1;
                self.low_confidence += usize::from(measurement.warnings.contains(Warning::LowConfidence));
            }
            Err(reason) => {
                let words = reason.split(|c: char| !c.is_alphabetic()).filter(|word| !word.is_empty());
                *self.refused.entry(words.collect::<Vec<_>>().join(" ")).or_default() += 1;
            }
        }
    }

    fn print(&self, what: &str) {
        let refused: usize = self.refused.values().sum();
        println!(
            "{what}: {refused} refused, {} measured with a warning ({} of low confidence), {} without",
            self.warned, self.low_confidence, self.silent
        );
        for (reason, count) in &self.refused {
            println!("    {count:4} {reason}");
        }
    }
}

/// A box of 2.1 times the rectangle round the ends of all marks, in whole pixels.
fn typed_box(ends: &[Point]) -> LesionBox {
    let sides = |of: fn(&Point) -> f64| {
        let low = ends.iter().map(of).fold(f64::INFINITY, f64::min);
        let high = ends.iter().map(of).fold(f64::NEG_INFINITY, f64::max);
        let (middle, half) = (f64::midpoint(low, high), (high - low) * 1.05);
        [(middle - half + 0.5).floor(), (middle + half + 0.5).floor()]
    };
    let [[x0, x1], [y0, y1]] = [sides(|p| p.x), sides(|p| p.y)];
    LesionBox::new(x0, y0, x1, y1).expect("a nodule has an extent")
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let model = std::env::args_os().nth(1).ok_or("usage: nine_slices MODEL.recist")?;
    let Some(data) = real_data() else { return Ok(()) };
    let bytes = AlignedBytes::copy_of(&std::fs::read(model)?);
    let plans = Plans::open(&Bundle::open(bytes.as_slice())?)?;
    let mut networks = EngineNetworks::new(plans, vec![0; plans.workspace_bytes()], Kernel::best());
    let mut workspace = Box::new(Workspace::new());

    let mut slices = BTreeMap::<String, Vec<Mark>>::new();
    for mark in read(&data.join("dicom/recist.csv")) {
        slices.entry(mark.image.clone()).or_default().push(mark);
    }
    let mut uniform = Uniform::new(4);
    let mut beside = Count::default();
    let boxes_before = |slice: usize| 1000 * slice / slices.len();
    for (index, (image, marks)) in slices.iter().enumerate() {
        let file = CtFile::read(&data.join("dicom").join(image), None)?;
        let slice = file.slice();
        let mut answer = |area: LesionBox| {
            measure(&slice, area, &mut networks, &mut workspace, |_| ()).map_err(|error| error.to_string())
        };
        let ends: Vec<_> = marks.iter().flat_map(|mark| mark.keypoints.to_array()).collect();
        let measured = match answer(typed_box(&ends)) {
            Ok(m) => {
                let [long, short] =
                    [m.axes.long(), m.axes.short()].map(|axis| axis.length_mm(marks[0].spacing));
                format!("{long:.1}, {short:.1} mm, confidence {:.2}", m.confidence())
            }
            Err(reason) => reason,
        };
        println!("{image}: {measured}");
        for mark in marks {
            let [long, short] =
                [mark.keypoints.long(), mark.keypoints.short()].map(|axis| axis.length_mm(mark.spacing));
            let mut rough = Count::default();
            (0..100).for_each(|_| rough.add(&answer(rough_box(&mark.keypoints, &mut uniform))));
            rough.print(&format!("    a reader: {long:.1}, {short:.1} mm; 100 boxes round the marks"));
        }
        for _ in boxes_before(index)..boxes_before(index + 1) {
            beside.add(&answer(box_beside(&ends, [slice.width(), slice.height()], &mut uniform)));
        }
    }
    beside.print("1,000 boxes where no nodule is marked");
    Ok(())
}
