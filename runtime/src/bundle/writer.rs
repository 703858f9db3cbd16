use sha2::{Digest, Sha256};

use super::{
    ALIGNMENT, AlignedBytes, Bundle, BundleError, CHECKSUM_BYTES, FORMAT_VERSION, HEADER_BYTES, MAGIC,
    SECTIONS_AT,
};

/// What goes into a bundle.
#[derive(Clone, Copy, Debug)]
pub struct Parts<'a> {
    /// Keys and values of the manifest.
    pub manifest: &'a [(&'a str, &'a str)],
    /// The localization network's plan.
    pub localization: &'a [u8],
    /// The hourglass network's plan.
    pub hourglass: &'a [u8],
    /// Test vectors, one after the other ([`super::TestVector::encode`]).
    pub test_vectors: &'a [u8],
}

/// The bytes of a bundle. The same parts give the same bytes.
///
/// # Errors
/// Whatever [`Bundle::open`] would say of the result, so that no bundle is written that cannot be opened;
/// [`BundleError::Length`] where it would exceed 4 GiB.
pub fn write(parts: &Parts<'_>) -> Result<Vec<u8>, BundleError> {
    let lines: String = parts.manifest.iter().map(|(key, value)| format!("{key}: {value}\n")).collect();
    let sections = [lines.as_bytes(), parts.localization, parts.hourglass, parts.test_vectors];
    let mut bytes = vec![0; HEADER_BYTES];
    for (i, section) in sections.into_iter().enumerate() {
        bytes.resize(bytes.len().next_multiple_of(ALIGNMENT), 0);
        for (j, number) in [bytes.len(), section.len()].into_iter().enumerate() {
            let at = SECTIONS_AT + 8 * i + 4 * j;
            bytes[at..at + 4].copy_from_slice(&word(number)?);
        }
        bytes.extend_from_slice(section);
    }
    bytes[..8].copy_from_slice(MAGIC);
    bytes[8..12].copy_from_slice(&FORMAT_VERSION.to_le_bytes());
    let length = word(bytes.len() + CHECKSUM_BYTES)?;
    bytes[12..16].copy_from_slice(&length);
    let checksum = Sha256::digest(&bytes);
    bytes.extend_from_slice(&checksum);
    let aligned = AlignedBytes::copy_of(&bytes);
    Bundle::open(aligned.as_slice())?;
    Ok(bytes)
}

fn word(number: usize) -> Result<[u8; 4], BundleError> {
    let too_long = |_| BundleError::Length { found: number, expected: u32::MAX as usize };
    u32::try_from(number).map(u32::to_le_bytes).map_err(too_long)
}
