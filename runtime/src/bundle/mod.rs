//! The one-file model `<name>.recist`: a manifest, the two plans of the integer engine and test vectors.
//!
//! A bundle is validated completely when it is opened and then used in place: nothing is copied, nothing is
//! allocated, and the bytes (flash, a memory map, a slice of the program) stay borrowed.
//!
//! ```text
//! offset  bytes  what (all numbers little endian)
//!      0      8  magic "RECIST\r\n"
//!      8      4  format version, 1
//!     12      4  length of the whole bundle in bytes
//!     16     32  four sections, each offset and length (u32, u32): manifest, localization plan,
//!                hourglass plan, test vectors
//!     48    ...  the sections, in that order, each at a multiple of 64, gaps filled with zero
//!   last     32  SHA-256 of everything before
//! ```
//!
//! The first byte of the bundle must lie at a multiple of [`ALIGNMENT`] in memory, so that the plans inside
//! are aligned too.

mod aligned_bytes;
mod manifest;
mod test_vector;
mod writer;

use core::fmt;

use sha2::{Digest, Sha256};

pub use aligned_bytes::AlignedBytes;
pub use manifest::{DESCRIPTION_LINES, Description, MAX_LINES, Manifest, ManifestError};
pub use test_vector::{TestVector, TestVectors, VectorError};
pub use writer::{Parts, write};

/// What the address of a bundle's first byte must be a multiple of.
pub const ALIGNMENT: usize = 64;

/// The format version that this runtime reads and writes.
pub const FORMAT_VERSION: u32 = 1;

const MAGIC: &[u8; 8] = b"RECIST\r\n";
const SECTIONS_AT: usize = 16;
const HEADER_BYTES: usize = 48;
const CHECKSUM_BYTES: usize = 32;
const SECTIONS: [&str; 4] = ["manifest", "localization plan", "hourglass plan", "test vectors"];

/// A validated bundle, borrowed from its bytes.
#[derive(Clone, Copy, Debug)]
pub struct Bundle<'a> {
    manifest: Manifest<'a>,
    localization: &'a [u8],
    hourglass: &'a [u8],
    test_vectors: TestVectors<'a>,
    sha256: [u8; 32],
}

/// Why bytes are not a bundle that this runtime can use.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum BundleError {
    /// The first byte does not lie at a multiple of [`ALIGNMENT`].
    Misaligned {
        /// The address modulo the alignment.
        remainder: usize,
    },
    /// The bytes do not begin with a bundle's magic.
    NotABundle,
    /// The format is another version than this runtime reads.
    Version {
        /// The version that the bundle states.
        found: u32,
    },
    /// The bundle is cut short, or longer than it says.
    Length {
        /// The bytes that were given.
        found: usize,
        /// The bytes that the header states, or the size of a header.
        expected: usize,
    },
    /// The contents are not those that were written.
    Checksum,
    /// A section does not lie where a section can lie.
    Section {
        /// The section's name.
        section: &'static str,
        /// Its offset in bytes.
        offset: u32,
        /// Its length in bytes.
        length: u32,
    },
    /// The manifest cannot be used.
    Manifest(ManifestError),
    /// The test vectors cannot be used.
    TestVectors(VectorError),
}

impl<'a> Bundle<'a> {
    /// Validates `bytes` and borrows them. Reads every byte once.
    ///
    /// The plans are checked for their place here and for their contents when an engine opens them.
    ///
    /// # Errors
    /// See [`BundleError`].
    pub fn open(bytes: &'a [u8]) -> Result<Self, BundleError> {
        let remainder = bytes.as_ptr().addr() % ALIGNMENT;
        if remainder != 0 {
            return Err(BundleError::Misaligned { remainder });
        }
        if !bytes.starts_with(MAGIC) {
            return Err(BundleError::NotABundle);
        }
        let length_error = |expected| BundleError::Length { found: bytes.len(), expected };
        let header: &[u8; HEADER_BYTES] = bytes.first_chunk().ok_or(length_error(HEADER_BYTES))?;
        let word =
            |at: usize| u32::from_le_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
        if word(8) != FORMAT_VERSION {
            return Err(BundleError::Version { found: word(8) });
        }
        if word(12) as usize != bytes.len() {
            return Err(length_error(word(12) as usize));
        }
        let (contents, checksum): (_, &[u8; CHECKSUM_BYTES]) =
            bytes.split_last_chunk().ok_or(length_error(HEADER_BYTES + CHECKSUM_BYTES))?;
        let hash = Sha256::new_with_prefix(contents);
        if hash.clone().finalize()[..] != checksum[..] {
            return Err(BundleError::Checksum);
        }
        let mut sections = [&bytes[..0]; SECTIONS.len()];
        let mut end = HEADER_BYTES;
        for (i, section) in SECTIONS.into_iter().enumerate() {
            let (offset, length) = (word(SECTIONS_AT + 8 * i), word(SECTIONS_AT + 8 * i + 4));
            let start = offset as usize;
            sections[i] = start
                .checked_add(length as usize)
                .filter(|_| start >= end && start.is_multiple_of(ALIGNMENT))
                .and_then(|stop| contents.get(start..stop))
                .ok_or(BundleError::Section { section, offset, length })?;
            end = start + length as usize;
        }
        let [manifest, localization, hourglass, test_vectors] = sections;
        Ok(Self {
            manifest: Manifest::parse(manifest).map_err(BundleError::Manifest)?,
            localization,
            hourglass,
            test_vectors: TestVectors::parse(test_vectors).map_err(BundleError::TestVectors)?,
            sha256: hash.chain_update(checksum).finalize().into(),
        })
    }

    /// What the model is, what it was trained on and how it may be used.
    #[must_use]
    pub const fn manifest(&self) -> Manifest<'a> {
        self.manifest
    }

    /// The localization network's plan.
    #[must_use]
    pub const fn localization(&self) -> &'a [u8] {
        self.localization
    }

    /// The hourglass network's plan.
    #[must_use]
    pub const fn hourglass(&self) -> &'a [u8] {
        self.hourglass
    }

    /// Slices with the measurement that the model must reproduce to the bit.
    #[must_use]
    pub const fn test_vectors(&self) -> TestVectors<'a> {
        self.test_vectors
    }

    /// SHA-256 of the whole bundle file: what `sha256sum` prints.
    #[must_use]
    pub const fn sha256(&self) -> [u8; 32] {
        self.sha256
    }
}

impl fmt::Display for BundleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Misaligned { remainder } => {
                write!(f, "bundle must lie at a multiple of {ALIGNMENT} bytes, it is {remainder} off")
            }
            Self::NotABundle => f.write_str("not a recist bundle: the magic is missing"),
            Self::Version { found } => {
                write!(f, "bundle has format version {found}, this runtime reads version {FORMAT_VERSION}")
            }
            Self::Length { found, expected } => {
                write!(f, "bundle has {found} bytes where {expected} are expected")
            }
            Self::Checksum => f.write_str("bundle is damaged: its checksum does not match its contents"),
            Self::Section { section, offset, length } => {
                write!(f, "bundle's {section} cannot lie at {offset} with {length} bytes")
            }
            Self::Manifest(error) => write!(f, "bundle's manifest: {error}"),
            Self::TestVectors(error) => write!(f, "bundle's test vectors: {error}"),
        }
    }
}

impl core::error::Error for BundleError {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::{LesionBox, PixelSpacing};

    const MANIFEST: [(&str, &str); DESCRIPTION_LINES] =
        Description { name: "edge", version: "1.0.0", ..Description::NONE }.lines();

    fn bundle() -> Vec<u8> {
        let spacing = PixelSpacing::new(0.5, 0.75).unwrap();
        let area = LesionBox::new(0.0, 0.0, 2.0, 2.0).unwrap();
        let vector = TestVector::encode([3, 1], spacing, area, [0.25; 9], &[-1000, 0, 40]);
        write(&Parts {
            manifest: &MANIFEST,
            localization: &[1; 100],
            hourglass: &[2; 65],
            test_vectors: &vector,
        })
        .unwrap()
    }

    fn open(bytes: &[u8]) -> Result<String, String> {
        let aligned = AlignedBytes::copy_of(bytes);
        Bundle::open(aligned.as_slice()).map(|b| b.manifest().name().to_owned()).map_err(|e| e.to_string())
    }

    /// The bundle with its checksum made right again, as an attacker or a faulty writer would.
    fn resealed(mut bytes: Vec<u8>) -> Vec<u8> {
        bytes.truncate(bytes.len() - CHECKSUM_BYTES);
        let checksum = Sha256::digest(&bytes);
        bytes.extend_from_slice(&checksum);
        bytes
    }

    #[test]
    fn a_bundle_gives_back_what_was_written() {
        let bytes = AlignedBytes::copy_of(&bundle());
        let bundle = Bundle::open(bytes.as_slice()).unwrap();
        assert_eq!((bundle.manifest().name(), bundle.manifest().version()), ("edge", "1.0.0"));
        assert!(bundle.manifest().entries().eq(MANIFEST));
        assert_eq!((bundle.localization(), bundle.hourglass()), (&[1; 100][..], &[2; 65][..]));
        assert!(
            [bundle.localization(), bundle.hourglass()].iter().all(|p| p.as_ptr().addr() % ALIGNMENT == 0)
        );
        let vector = bundle.test_vectors().iter().next().unwrap();
        assert_eq!((vector.width, vector.height, vector.expected), (3, 1, [0.25; 9]));
        assert_eq!(vector.samples(), [-1000_i16, 0, 40].map(i16::to_le_bytes));
        assert_eq!(bundle.sha256()[..], Sha256::digest(bytes.as_slice())[..]);
    }

    #[test]
    fn no_flipped_bit_and_no_cut_goes_unnoticed() {
        let whole = bundle();
        assert_eq!(open(&whole).as_deref(), Ok("edge"));
        for bit in 0..whole.len() * 8 {
            let mut flipped = whole.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(open(&flipped).is_err(), "bit {bit}");
        }
        for length in 0..whole.len() {
            assert!(open(&whole[..length]).is_err(), "{length} bytes");
        }
    }

    #[test]
    fn each_kind_of_bad_bundle_has_its_message() {
        let changed = |at: usize, value: &[u8]| {
            let mut bytes = bundle();
            bytes[at..at + value.len()].copy_from_slice(value);
            bytes
        };
        let mut long = bundle();
        long.push(0);
        let length = bundle().len();
        let cases = [
            (b"RIFF....WAVE".to_vec(), "not a recist bundle: the magic is missing".to_owned()),
            (b"RECIST\r\n".to_vec(), "bundle has 8 bytes where 48 are expected".to_owned()),
            (changed(8, &[2]), "bundle has format version 2, this runtime reads version 1".to_owned()),
            (long, format!("bundle has {} bytes where {length} are expected", length + 1)),
            (changed(300, b"x"), "bundle is damaged: its checksum does not match its contents".to_owned()),
            (resealed(changed(16, &[63])), "bundle's manifest cannot lie at 63 with ".to_owned()),
            (resealed(changed(28, &[255; 4])), "bundle's localization plan cannot lie at ".to_owned()),
            (resealed(changed(64, b"Name")), "bundle's manifest: name is missing".to_owned()),
            (resealed(changed(64, b"name;")), "bundle's manifest: line 1 is not \"key: value\"".to_owned()),
            (resealed(changed(64, &[0xFF])), "bundle's manifest: byte 0 is not UTF-8".to_owned()),
        ];
        for (bytes, message) in cases {
            let got = open(&bytes).unwrap_err();
            assert!(got.starts_with(&message), "{got:?} is not {message:?}");
        }
        let aligned = AlignedBytes::copy_of(&[&[0], &bundle()[..]].concat());
        assert_eq!(
            Bundle::open(&aligned.as_slice()[1..]).unwrap_err(),
            BundleError::Misaligned { remainder: 1 }
        );
    }

    #[test]
    fn a_mutated_bundle_with_a_right_checksum_ends_in_an_error_or_a_sound_bundle() {
        let whole = bundle();
        let mut state = 7_u64;
        let mut random = move |below: usize| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            usize::try_from(state >> 33).unwrap() % below
        };
        let mut opened = 0;
        for _ in 0..20_000 {
            let mut bytes = whole.clone();
            for _ in 0..=random(4) {
                let at = 8 + random(whole.len() - 8);
                bytes[at] = [0, 1, 63, 64, 128, 255][random(6)];
            }
            let aligned = AlignedBytes::copy_of(&resealed(bytes));
            if let Ok(bundle) = Bundle::open(aligned.as_slice()) {
                opened += 1;
                assert!(bundle.manifest().entries().count() >= DESCRIPTION_LINES);
                assert!(bundle.test_vectors().iter().all(|v| v.samples().len() == v.width * v.height));
            }
        }
        assert!(opened > 0, "the mutations never reach past the checks");
    }

    #[test]
    fn a_model_for_another_cascade_is_refused() {
        for (i, value, message) in [
            (
                2,
                "patch 96",
                "preprocessing differs from this runtime's, which is \"patch 128 of 1.25 box sides; ",
            ),
            (3, "long axis upright", "canonical_layout differs"),
            (4, "6", "heatmaps differs"),
            (5, "large", "heatmap_size is not a number of pixels"),
            (6, "high", "low_confidence is not a number from 0 to 1"),
            (6, "NaN", "low_confidence is not a number from 0 to 1"),
            (6, "1.01", "low_confidence is not a number from 0 to 1"),
            (6, "-0.1", "low_confidence is not a number from 0 to 1"),
        ] {
            let mut manifest = MANIFEST;
            manifest[i].1 = value;
            let error =
                write(&Parts { manifest: &manifest, localization: &[], hourglass: &[], test_vectors: &[] });
            let error = error.unwrap_err().to_string();
            assert!(error.contains(message), "{error:?} is not {message:?}");
        }
    }
}
