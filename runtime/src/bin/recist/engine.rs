use std::path::Path;
use std::str::FromStr;

use recist::cascade::{Measurement, Workspace, measure};
use recist::geometry::LesionBox;
use recist::image::CtSlice;

use crate::error::Error;
use crate::model::Model;

/// How the arguments call an engine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum EngineName {
    #[default]
    Int8,
    Int8Tract,
    Float32,
}

/// What runs the networks.
#[derive(Clone, Debug)]
pub(crate) enum Engine {
    /// The integer engine.
    Int8,
    /// The integer engine's plans as operators of tract's.
    #[cfg(feature = "onnx")]
    Int8Tract,
    /// tract, on the model's ONNX files in that folder.
    #[cfg(feature = "onnx")]
    Float32(std::path::PathBuf),
}

impl FromStr for EngineName {
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

impl EngineName {
    /// The engine, with the folder of the float32 networks for the one that needs it.
    ///
    /// # Errors
    /// A usage error if the folder is missing or not needed, or this program was built without the engine.
    pub(crate) fn with(self, onnx: Option<&Path>) -> Result<Engine, Error> {
        match (self, onnx) {
            (Self::Int8, None) => Ok(Engine::Int8),
            #[cfg(not(feature = "onnx"))]
            (Self::Int8Tract | Self::Float32, _) => Err(Error::Usage(
                "this program was built without the engines int8-tract and float32: build it with --features onnx"
                    .to_owned(),
            )),
            #[cfg(feature = "onnx")]
            (Self::Int8Tract, None) => Ok(Engine::Int8Tract),
            #[cfg(feature = "onnx")]
            (Self::Float32, Some(folder)) => Ok(Engine::Float32(folder.to_owned())),
            #[cfg(feature = "onnx")]
            (Self::Float32, None) => Err(Error::Usage("the engine float32 needs --onnx FOLDER".to_owned())),
            (_, Some(folder)) => {
                let folder = folder.display();
                Err(Error::Usage(format!("--onnx {folder} is for the engine float32 only")))
            }
        }
    }
}

impl Engine {
    /// Measures with the model on this engine, and gives the engine's name for the report.
    pub(crate) fn measure(
        self,
        model: &Model,
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
            Self::Int8Tract | Self::Float32(_) => {
                let (mut cascade, name) = self.on_tract(model)?;
                let measured = measure(slice, area, &mut cascade, workspace, |_| ());
                (measured.map_err(|error| error.to_string()), name)
            }
        };
        Ok((measured?, name))
    }

    /// The cascade as one model of tract's, and the engine's name.
    #[cfg(feature = "onnx")]
    fn on_tract(self, model: &Model) -> Result<(recist::onnx::TractCascade, String), String> {
        use recist::onnx::TractModels;
        let (models, name) = if let Self::Float32(folder) = self {
            let [localization, hourglass] =
                ["localization.onnx", "hourglass.onnx"].map(|name| read_onnx(model, &folder.join(name)));
            (TractModels::float32(&localization?, &hourglass?), "float32 tract".to_owned())
        } else {
            let bundle = model.bundle();
            let models = TractModels::plans(bundle.localization(), bundle.hourglass(), model.kernel());
            (models, format!("{} in tract", model.engine()))
        };
        let cascade = models.and_then(|models| models.cascade(model.plans().low_confidence()));
        Ok((cascade.map_err(|error| error.to_string())?, name))
    }
}

/// A network's file, if it was exported together with the bundle: the report names the bundle's model.
#[cfg(feature = "onnx")]
fn read_onnx(model: &Model, path: &Path) -> Result<Vec<u8>, String> {
    let failed = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    let bytes = std::fs::read(path).map_err(|e| failed(&e))?;
    let entries = recist::onnx::metadata(&bytes).map_err(|e| failed(&e))?;
    let manifest = model.bundle().manifest();
    for (key, expected) in [("name", manifest.name()), ("version", manifest.version())] {
        let found = entries.iter().find(|entry| entry.0 == key).map_or("", |entry| &entry.1);
        if found != expected {
            return Err(failed(&format!("its {key} is \"{found}\", the model's is \"{expected}\"")));
        }
    }
    Ok(bytes)
}
