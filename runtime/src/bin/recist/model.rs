use std::path::Path;

use recist::bundle::{AlignedBytes, Bundle};
use recist::cascade::{EngineNetworks, Plans};
use recist::engine::Kernel;
use recist::report::ModelName;

use crate::error::Error;

/// Names a kernel to run instead of the fastest.
const KERNEL_VARIABLE: &str = "RECIST_KERNEL";

/// The model that the program carries.
#[cfg(feature = "edge")]
const BUILT_IN: Option<&[u8]> = Some(include_bytes!("../../../../models/edge.recist"));
#[cfg(not(feature = "edge"))]
const BUILT_IN: Option<&[u8]> = None;

/// A model bundle in memory, checked.
pub(crate) struct Model {
    bytes: AlignedBytes,
    kernel: Kernel,
}

impl Model {
    /// Opens the bundle at `path`, the built-in model where there is no path.
    pub(crate) fn open(path: Option<&Path>) -> Result<Self, Error> {
        let Some(path) = path else {
            return match BUILT_IN {
                Some(bytes) => Ok(Self { bytes: AlignedBytes::copy_of(bytes), kernel: kernel()? }),
                None => Err(Error::Failed("no model is built in: give one with --model FILE".to_owned())),
            };
        };
        let bytes = std::fs::read(path).map_err(|e| Error::file(path, e))?;
        let bytes = AlignedBytes::copy_of(&bytes);
        let bundle = Bundle::open(bytes.as_slice()).map_err(|e| Error::file(path, e))?;
        Plans::open(&bundle).map_err(|e| Error::file(path, e))?;
        Ok(Self { bytes, kernel: kernel()? })
    }

    pub(crate) fn bundle(&self) -> Bundle<'_> {
        Bundle::open(self.bytes.as_slice()).expect("the bundle was checked when it was opened")
    }

    /// The bundle's size.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes.as_slice().len()
    }

    pub(crate) fn plans(&self) -> Plans<'_> {
        Plans::open(&self.bundle()).expect("the plans were checked when the bundle was opened")
    }

    pub(crate) fn name(&self) -> ModelName<'_> {
        let bundle = self.bundle();
        let manifest = bundle.manifest();
        ModelName { name: manifest.name(), version: manifest.version(), sha256: bundle.sha256() }
    }

    /// The engine's kernel.
    #[cfg(feature = "onnx")]
    pub(crate) fn kernel(&self) -> Kernel {
        self.kernel
    }

    /// What runs the model, as reports state it.
    pub(crate) fn engine(&self) -> String {
        format!("int8 {}", self.kernel)
    }

    /// The networks, in a workspace of their own.
    pub(crate) fn networks(&self) -> EngineNetworks<'_, Vec<u8>> {
        let plans = self.plans();
        EngineNetworks::new(plans, vec![0; plans.workspace_bytes()], self.kernel)
    }
}

fn kernel() -> Result<Kernel, Error> {
    let Some(name) = std::env::var_os(KERNEL_VARIABLE) else { return Ok(Kernel::best()) };
    let name = name.to_string_lossy();
    let kernel: Kernel = name.parse().map_err(|e| Error::Usage(format!("{KERNEL_VARIABLE}={name}: {e}")))?;
    if kernel.runs_here() {
        Ok(kernel)
    } else {
        Err(Error::Failed(format!("{KERNEL_VARIABLE}={name}: this processor does not run it")))
    }
}

#[cfg(all(test, feature = "edge"))]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_model_opens_and_knows_its_own_answers() {
        let model = Model::open(None).unwrap();
        assert_eq!(model.name().name, "edge");
        assert!(Plans::open(&model.bundle()).is_ok());
    }
}
