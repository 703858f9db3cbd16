use std::path::Path;
use std::str::FromStr;

use recist::cascade::{Measurement, Workspace, measure};
use recist::geometry::LesionBox;
use recist::image::CtSlice;

use crate::model::Model;

/// What runs the networks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Engine {
    /// The integer engine.
    #[default]
    Int8,
    /// The integer engine's plans as operators of tract's.
    Int8Tract,
    /// tract, on ONNX files.
    Float32,
}

impl FromStr for Engine {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "int8" => Ok(Self::Int8),
            "int8-tract" => Ok(Self::Int8Tract),
            "float32" => Ok(Self::Float32),
            _ => Err(format!("no engine is called {text:?}: int8, int8-tract, float32")),
        }
    }
}

impl Engine {
    /// Measures with the model on this engine, and gives the engine's name for the report. `onnx` is the folder
    /// of the float32 networks.
    pub(crate) fn measure(
        self,
        model: &Model,
        onnx: Option<&Path>,
        slice: &CtSlice<'_>,
        area: LesionBox,
        workspace: &mut Workspace,
    ) -> Result<(Measurement, String), String> {
        let (measured, name) = match self {
            Self::Int8 => {
                let measured = measure(slice, area, &mut model.networks(), workspace, |_| ());
                (measured.map_err(|error| error.to_string()), model.engine())
            }
            #[cfg(feature = "onnx")]
            Self::Int8Tract | Self::Float32 => {
                let (mut cascade, name) = self.on_tract(model, onnx)?;
                let measured = measure(slice, area, &mut cascade, workspace, |_| ());
                (measured.map_err(|error| error.to_string()), name)
            }
            #[cfg(not(feature = "onnx"))]
            Self::Int8Tract | Self::Float32 => {
                let _ = onnx;
                return Err("this program was built without tract: build it with --features onnx".to_owned());
            }
        };
        Ok((measured?, name))
    }

    /// The cascade as one model of tract's, and the engine's name.
    #[cfg(feature = "onnx")]
    fn on_tract(
        self,
        model: &Model,
        onnx: Option<&Path>,
    ) -> Result<(recist::onnx::TractCascade, String), String> {
        use recist::onnx::TractModels;
        let (models, name) = if self == Self::Int8Tract {
            let bundle = model.bundle();
            let models = TractModels::plans(bundle.localization(), bundle.hourglass(), model.kernel());
            (models, format!("{} in tract", model.engine()))
        } else {
            let folder = onnx.ok_or("the engine float32 needs --onnx FOLDER")?;
            let read = |name: &str| {
                let path = folder.join(name);
                std::fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))
            };
            let models = TractModels::float32(&read("localization.onnx")?, &read("hourglass.onnx")?);
            (models, "float32 tract".to_owned())
        };
        let cascade = models.and_then(TractModels::cascade).map_err(|error| error.to_string())?;
        Ok((cascade, name))
    }
}
