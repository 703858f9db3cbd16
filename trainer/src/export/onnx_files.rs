use std::path::{Path, PathBuf};

use super::{Metadata, QuantisedNetwork, float32, int8};
use crate::network::NETWORKS;

/// The four ONNX files of an export, those of the localization network first.
#[derive(Clone, Debug)]
pub struct OnnxFiles {
    /// In floating point: `localization.onnx` and `hourglass.onnx`.
    pub float32: [PathBuf; 2],
    /// Quantised: `localization.int8.onnx` and `hourglass.int8.onnx`.
    pub int8: [PathBuf; 2],
}

impl OnnxFiles {
    /// The files in `folder`, which need not be there.
    #[must_use]
    pub fn of(folder: &Path) -> Self {
        let files = |ending: &str| NETWORKS.map(|name| folder.join(format!("{name}.{ending}")));
        Self { float32: files("onnx"), int8: files("int8.onnx") }
    }

    /// All four.
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        self.float32.iter().chain(&self.int8).map(PathBuf::as_path)
    }

    /// Writes both networks, as they are in floating point and in integers.
    ///
    /// # Errors
    /// If a file cannot be written.
    pub fn write(&self, quantised: &[QuantisedNetwork; 2], metadata: Metadata<'_>) -> Result<(), String> {
        let write = |path: &Path, bytes: &[u8]| {
            crate::replace(path, bytes).map_err(|error| format!("{}: {error}", path.display()))
        };
        for (i, (name, QuantisedNetwork { folded, lowered, .. })) in
            NETWORKS.iter().zip(quantised).enumerate()
        {
            write(&self.float32[i], &float32(name, folded, metadata))?;
            write(&self.int8[i], &int8(name, &folded.graph, lowered, metadata))?;
        }
        Ok(())
    }
}
