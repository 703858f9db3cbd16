//! A test's own folder.

use std::path::{Path, PathBuf};

use crate::toy;

/// A folder of one test's own, gone when it is dropped.
#[derive(Debug)]
pub struct Folder(pub PathBuf);

impl Folder {
    /// An empty folder whose name has `name` in it.
    ///
    /// # Panics
    /// If it cannot be made.
    #[must_use]
    pub fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("recist-c-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder for temporary files");
        Self(folder)
    }

    /// With the toy's bundle and slice in it.
    ///
    /// # Panics
    /// If they cannot be written.
    #[must_use]
    pub fn with_toy(name: &str) -> Self {
        let folder = Self::new(name);
        std::fs::write(folder.0.join("toy.recist"), toy::bundle()).expect("the folder is new");
        write_raw(&folder.0.join("slice.raw"), &toy::slice_samples());
        folder
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Writes samples as C programs read them.
///
/// # Panics
/// If the file cannot be written.
pub fn write_raw(path: &Path, samples: &[i16]) {
    let bytes: Vec<u8> = samples.iter().flat_map(|v| v.to_ne_bytes()).collect();
    std::fs::write(path, bytes).expect("a file that can be written");
}
