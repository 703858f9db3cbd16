//! Runs the whole way from slice to report on tests/sample with an oracle in place of the networks: it knows
//! the phantom's axes, so this shows crop, geometry, decoding and report, and nothing of a model.
//!
//!     cargo run -p recist-tests --example measure_sample -- target/sample.png

use std::path::Path;

use recist::cascade::{Workspace, measure};
use recist::geometry::{LesionBox, Point};
use recist::image::{CtFile, crop_square};
use recist::report::{ModelName, Overlay, Report};
use recist_tests::oracle::Oracle;
use recist_tests::readers::read;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("sample");
    let mark = read(&folder.join("recist.csv")).remove(0);
    let file = CtFile::read(&folder.join(&mark.image), None)?;
    let slice = file.slice().with_spacing(Some(mark.spacing));
    let area = LesionBox::drawn_round(&mark.keypoints.to_array(), 2.2, Point::new(0.1, -0.15))?;
    let mut oracle = Oracle::new(mark.keypoints, crop_square(&slice, area)?, 32);
    let mut workspace = Box::new(Workspace::new());
    let measurement = measure(&slice, area, &mut oracle, &mut workspace, |_| ())?;
    let report = Report {
        image: &mark.image,
        area,
        measurement: &measurement,
        model: ModelName { name: "oracle", version: "0", sha256: [0; 32] },
        engine: "no network",
    };
    println!("{report}\n{}", report.json());
    if let Some(path) = std::env::args_os().nth(1) {
        Overlay::draw(&report, &slice, &workspace.mask).write(Path::new(&path))?;
    }
    Ok(())
}
