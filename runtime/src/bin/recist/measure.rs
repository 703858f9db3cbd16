use std::path::{Path, PathBuf};

use recist::cascade::Workspace;
use recist::image::{CtFile, crop_square};
use recist::report::{Overlay, Report};

use crate::arguments::Measure;
use crate::error::Error;
use crate::model::Model;
use crate::output::destination;
use crate::say;

pub(crate) fn run(arguments: &Measure) -> Result<(), Error> {
    let Measure { image, area, spacing, frame, .. } = arguments;
    let inputs = [Some(image), arguments.model.as_ref()].into_iter().flatten();
    let engine = arguments.engine.with(arguments.onnx.as_deref())?;
    let overlay_path = arguments.overlay.as_ref().map(|path| picture(path, inputs)).transpose()?;
    let model = Model::open(arguments.model.as_deref())?;
    let failed = |error: &dyn std::fmt::Display| Error::file(image, error);
    let file = CtFile::read(image, *frame).map_err(|e| failed(&e))?;
    let slice = file.slice_spaced(*spacing).map_err(|e| failed(&e))?;
    crop_square(&slice, *area).map_err(|e| failed(&e))?;
    let mut workspace = Box::new(Workspace::new());
    let (measurement, engine) =
        engine.measure(&model, &slice, *area, &mut workspace).map_err(|error| failed(&error))?;
    let name = image.to_string_lossy();
    let report =
        Report { image: &name, area: *area, measurement: &measurement, model: model.name(), engine: &engine };
    if let Some(path) = &overlay_path {
        let overlay = Overlay::draw(&report, &slice, &workspace.mask);
        overlay.write(path).map_err(|e| Error::file(path, e))?;
    }
    if arguments.json { say(report.json()) } else { say(report) }
}

/// Where the picture is written ([`destination`]): what is there is a picture too, by its name, or nothing.
fn picture<'a>(path: &Path, inputs: impl IntoIterator<Item = &'a PathBuf>) -> Result<PathBuf, Error> {
    let there = destination(path, inputs)?;
    let is_png =
        |path: &Path| path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("png"));
    if let Some(other) = [path, &there].into_iter().find(|path| !is_png(path)) {
        let other = other.display();
        return Err(Error::Usage(format!("--overlay {other}: does not end in .png, but a PNG is written")));
    }
    Ok(there)
}
