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
        let mut storage = vec![0; bytes.len() + ALIGNMENT];
        let start = storage.as_ptr().addr().next_multiple_of(ALIGNMENT) - storage.as_ptr().addr();
        storage[start..start + bytes.len()].copy_from_slice(bytes);
        Self { storage, start, length: bytes.len() }
    }

    /// The bytes.
    #[must_use]
    pub fn as_slice(&self) -> &[u8] {
        &self.storage[self.start..self.start + self.length]
    }
}
