//! The README's "From Rust".

use recist::bundle::{AlignedBytes, Bundle};
use recist::cascade::{EngineNetworks, Plans, Workspace, measure};
use recist::engine::Kernel;
use recist::geometry::{LesionBox, PixelSpacing};
use recist::image::CtFile;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let bytes = AlignedBytes::copy_of(&std::fs::read("models/edge.recist")?);
    let plans = Plans::open(&Bundle::open(bytes.as_slice())?)?;
    let mut networks = EngineNetworks::new(plans, vec![0; plans.workspace_bytes()], Kernel::best());
    let mut workspace = Box::new(Workspace::new());

    let file = CtFile::read("tests/sample/phantom.png".as_ref(), None)?;
    let spacing = PixelSpacing::new(0.75, 0.75)?;
    let slice = file.slice().with_spacing(Some(spacing));
    let area = LesionBox::new(95.0, 82.0, 167.0, 154.0)?;
    let measurement = measure(&slice, area, &mut networks, &mut workspace, |_stage| {})?;

    let (long, short) = (measurement.axes.long(), measurement.axes.short());
    println!("{:.1} mm x {:.1} mm", long.length_mm(spacing), short.length_mm(spacing));
    Ok(())
}
