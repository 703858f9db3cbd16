use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use super::ALIGNMENT;

/// Bytes on the heap whose first lies at a multiple of [`ALIGNMENT`], as a bundle's must.
#[derive(Debug)]
pub struct AlignedBytes {
    storage: Vec<u8>,
    start: usize,
    length: usize,
}

impl AlignedBytes {
    /// A copy of `bytes`, aligned.
    #[must_use]
    pub fn copy_of(bytes: &[u8]) -> Self {
        let mut aligned = Self::zeros(Vec::new(), bytes.len());
        aligned.as_mut_slice().copy_from_slice(bytes);
        aligned
    }

    /// The contents of a file, read once and to where they stay.
    ///
    /// # Errors
    /// If the file cannot be read, or does not fit in memory.
    pub fn read(path: &Path) -> io::Result<Self> {
        let mut file = File::open(path)?;
        let length = usize::try_from(file.metadata()?.len()).map_err(io::Error::other)?;
        let mut storage = Vec::new();
        storage.try_reserve_exact(length.saturating_add(ALIGNMENT)).map_err(io::Error::other)?;
        let mut aligned = Self::zeros(storage, length);
        file.read_exact(aligned.as_mut_slice())?;
        Ok(aligned)
    }

    /// Gives the bytes to the program for as long as it runs.
    #[must_use]
    pub fn leak(self) -> &'static [u8] {
        &self.storage.leak()[self.start..self.start + self.length]
    }

    fn zeros(mut storage: Vec<u8>, length: usize) -> Self {
        storage.resize(length + ALIGNMENT, 0);
        let start = storage.as_ptr().addr().next_multiple_of(ALIGNMENT) - storage.as_ptr().addr();
        Self { storage, start, length }
    }

    fn as_mut_slice(&mut self) -> &mut [u8] {
        &mut self.storage[self.start..self.start + self.length]
    }

    /// The bytes.
    #[must_use]
    pub fn as_slice(&self) -> &[u8] {
        &self.storage[self.start..self.start + self.length]
    }
}
