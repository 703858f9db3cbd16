use std::convert::Infallible;
use std::path::Path;

use recist::bundle::{AlignedBytes, Bundle};
use recist::cascade::{Mask, Networks, ThetaOutputs};
use recist::image::Patch;
use recist::report::ModelName;

use crate::error::Error;

/// A model bundle in memory.
pub(crate) struct Model {
    bytes: AlignedBytes,
}

impl Model {
    /// Opens the bundle at `path`, the built-in model where there is no path.
    pub(crate) fn open(path: Option<&Path>) -> Result<Self, Error> {
        let Some(path) = path else {
            return Err(Error::Failed("no model is built in: give one with --model FILE".to_owned()));
        };
        let bytes = std::fs::read(path).map_err(|e| Error::file(path, e))?;
        let bytes = AlignedBytes::copy_of(&bytes);
        Bundle::open(bytes.as_slice()).map_err(|e| Error::file(path, e))?;
        Ok(Self { bytes })
    }

    pub(crate) fn bundle(&self) -> Bundle<'_> {
        Bundle::open(self.bytes.as_slice()).expect("the bundle was checked when it was opened")
    }

    pub(crate) fn name(&self) -> ModelName<'_> {
        let bundle = self.bundle();
        let manifest = bundle.manifest();
        ModelName { name: manifest.name(), version: manifest.version(), sha256: bundle.sha256() }
    }

    /// The networks, ready to run.
    pub(crate) fn networks(&self) -> Result<ModelNetworks, Error> {
        Err(Error::Failed("this version has no engine to run a model with".to_owned()))
    }
}

/// The networks of a model on the engine: there is no engine yet, so there are none.
pub(crate) enum ModelNetworks {}

impl ModelNetworks {
    /// The engine and kernel that run them.
    pub(crate) fn engine(&self) -> &str {
        match *self {}
    }
}

impl Networks for ModelNetworks {
    type Error = Infallible;

    fn heatmap_size(&self) -> usize {
        match *self {}
    }

    fn localize(&mut self, _: &Patch, _: &mut Mask) -> Result<ThetaOutputs, Infallible> {
        match *self {}
    }

    fn find_keypoints(&mut self, _: &Patch, _: &mut [f32]) -> Result<(), Infallible> {
        match *self {}
    }
}
