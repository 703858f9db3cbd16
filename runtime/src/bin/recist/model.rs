use std::path::Path;

use recist::bundle::{AlignedBytes, Bundle};
use recist::cascade::{EngineNetworks, Plans};
use recist::engine::Kernel;
use recist::report::ModelName;

use crate::error::Error;

/// Names a kernel to run instead of the fastest.
const KERNEL_VARIABLE: &str = "RECIST_KERNEL";

/// The model that the program carries, where a bundle can be opened in place.
#[cfg(feature = "edge")]
static BUILT_IN: Option<&Aligned<[u8]>> = Some(&Aligned(*include_bytes!("../../../../models/edge.recist")));
#[cfg(not(feature = "edge"))]
static BUILT_IN: Option<&Aligned<[u8]>> = None;

/// At a multiple of [`recist::bundle::ALIGNMENT`].
#[repr(C, align(64))]
struct Aligned<T: ?Sized>(T);

/// A model bundle in memory, checked.
pub(crate) struct Model {
    bytes: &'static [u8],
    bundle: Bundle<'static>,
    plans: Plans<'static>,
    kernel: Kernel,
}

impl Model {
    /// Opens the bundle at `path`, the built-in model where there is no path. It stays in memory until the
    /// program ends.
    ///
    /// # Errors
    /// If the bundle cannot be opened; a usage error if there is none, or [`KERNEL_VARIABLE`] names no kernel that runs
    /// here.
    pub(crate) fn open(path: Option<&Path>) -> Result<Self, Error> {
        let kernel = kernel()?;
        let (bytes, path) = match path {
            Some(path) => (AlignedBytes::read(path).map_err(|e| Error::file(path, e))?.leak(), path),
            None => (built_in()?, Path::new("the built-in model")),
        };
        let bundle = Bundle::open(bytes).map_err(|e| Error::file(path, e))?;
        let plans = Plans::open(&bundle).map_err(|e| Error::file(path, e))?;
        Ok(Self { bytes, bundle, plans, kernel })
    }

    pub(crate) fn bundle(&self) -> &Bundle<'static> {
        &self.bundle
    }

    /// The bundle's size.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes.len()
    }

    pub(crate) fn plans(&self) -> Plans<'static> {
        self.plans
    }

    pub(crate) fn name(&self) -> ModelName<'_> {
        let manifest = self.bundle.manifest();
        ModelName { name: manifest.name(), version: manifest.version(), sha256: self.bundle.sha256() }
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
    pub(crate) fn networks(&self) -> EngineNetworks<'static, Vec<u8>> {
        EngineNetworks::new(self.plans, vec![0; self.plans.workspace_bytes()], self.kernel)
    }
}

fn built_in() -> Result<&'static [u8], Error> {
    let none = || Error::Usage("no model is built in: give one with --model FILE".to_owned());
    BUILT_IN.map(|bundle| &bundle.0).ok_or_else(none)
}

fn kernel() -> Result<Kernel, Error> {
    let Some(name) = std::env::var_os(KERNEL_VARIABLE) else { return Ok(Kernel::best()) };
    let name = name.to_string_lossy();
    let kernel: Kernel = name.parse().map_err(|e| Error::Usage(format!("{KERNEL_VARIABLE}={name}: {e}")))?;
    if kernel.runs_here() {
        Ok(kernel)
    } else {
        Err(Error::Usage(format!("{KERNEL_VARIABLE}={name}: this processor does not run it")))
    }
}

#[cfg(all(test, feature = "edge"))]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_model_opens_in_place() {
        let model = Model::open(None).unwrap();
        assert_eq!(model.name().name, "edge");
        assert!(model.bytes.as_ptr_range().contains(&model.bundle().localization().as_ptr()));
    }
}
