//! The packed file: every lesion's patch at its native resolution, and what is known of it, in one file.
//!
//! Little endian. `RECISTPK`, the version (u32) and four zero bytes; the patches one after the other, each a
//! square PNG of one grey channel, 8 bits, or 16 bits that hold Hounsfield units + 32768, and behind it, where
//! readers outlined the lesion, another of 8 bits whose bit i is set inside the outline of reader i; the index as
//! JSON; then a footer of 40 bytes: the index's offset (u64) and the SHA-256 of every byte before the hash.

mod lock;
mod picture;
mod read;
mod write;

pub use read::{Pack, Pixels};
pub use write::PackWriter;

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{Lesion, Split};

const MAGIC: &[u8; 8] = b"RECISTPK";
const VERSION: u32 = 2;
const HEADER_BYTES: usize = 16;
const HASH_BYTES: usize = 32;
const FOOTER_BYTES: usize = 8 + HASH_BYTES;

/// How a patch's samples are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Depth {
    /// Grey values from 0 to 255, one byte each.
    U8,
    /// Hounsfield units, two bytes each.
    I16,
}

/// What the index says of one patch.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Entry {
    #[serde(flatten)]
    lesion: Lesion,
    side: usize,
    depth: Depth,
    offset: usize,
    /// Bytes of the patch and of the outlines behind it; 0 where there are none.
    bytes: [usize; 2],
}

impl Entry {
    fn end(&self) -> Option<usize> {
        self.bytes.iter().try_fold(self.offset, |end, &bytes| end.checked_add(bytes))
    }

    /// Whether a pack whose patches end at byte `end` may list this, and if not, why.
    fn check(&self, end: usize) -> Result<(), String> {
        if self.offset < HEADER_BYTES || self.end().is_none_or(|last| last > end) {
            return Err(format!("its patch at byte {} lies outside the file", self.offset));
        }
        self.lesion.check(self.side)
    }
}

/// Why a pack cannot be read or written.
#[derive(Debug)]
#[non_exhaustive]
pub enum PackError {
    /// The file cannot be read or written.
    File(PathBuf, io::Error),
    /// It does not begin as a pack does.
    NotAPack(PathBuf),
    /// It is a pack of another version.
    Version(PathBuf, u32),
    /// It ends before its footer, or its index lies outside it.
    CutShort(PathBuf, usize),
    /// Its bytes are not those that were written.
    Damaged(PathBuf),
    /// Its index is intact and says what cannot be.
    Index(PathBuf, String),
    /// The lesion of this name is none that a pack may hold.
    Lesion(String, String),
    /// A finished pack of other bytes has the name that the new one, which waits under the second, should have.
    Replaces(PathBuf, PathBuf),
    /// Another process is writing this partial file.
    Busy(PathBuf),
    /// Two packs hold a lesion of this name, patient and origin.
    Twice(PathBuf, PathBuf, String),
    /// A patient, by name, is in two splits, each with a pack that says so.
    Splits(String, [(PathBuf, Split); 2]),
    /// The patch of the lesion of this name is no picture.
    Patch(String, String),
}

impl Depth {
    const fn bytes(self) -> usize {
        match self {
            Self::U8 => 1,
            Self::I16 => 2,
        }
    }
}

fn header() -> [u8; HEADER_BYTES] {
    let mut header = [0; HEADER_BYTES];
    header[..8].copy_from_slice(MAGIC);
    header[8..12].copy_from_slice(&VERSION.to_le_bytes());
    header
}

fn at(path: &Path) -> impl Fn(io::Error) -> PackError + '_ {
    move |error| PackError::File(path.to_owned(), error)
}

impl fmt::Display for PackError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path, error) => write!(f, "{}: {error}", path.display()),
            Self::NotAPack(path) => write!(f, "{} is not a pack of lesions", path.display()),
            Self::Version(path, version) => {
                write!(f, "{} is a pack of version {version}; this program reads {VERSION}", path.display())
            }
            Self::CutShort(path, bytes) => {
                write!(f, "{} is cut short: a pack does not end at byte {bytes}", path.display())
            }
            Self::Damaged(path) => write!(f, "{} is damaged: its checksum does not hold", path.display()),
            Self::Index(path, reason) => write!(f, "{}: its index is wrong: {reason}", path.display()),
            Self::Lesion(name, reason) => write!(f, "{name} cannot be packed: {reason}"),
            Self::Replaces(path, partial) => {
                let (path, partial) = (path.display(), partial.display());
                write!(
                    f,
                    "{path} is a finished pack of something else: delete it or choose another name; the new pack is \
                     {partial}"
                )
            }
            Self::Busy(partial) => {
                write!(
                    f,
                    "{}: another process is packing into it: wait for that one or choose another name",
                    partial.display()
                )
            }
            Self::Twice(one, other, name) => {
                let (one, other) = (one.display(), other.display());
                write!(
                    f,
                    "{one} and {other} both hold the lesion {name}, which would count twice: leave one of them out or, \
                     where they are two lesions, give their patients or images two names in the tables"
                )
            }
            Self::Splits(patient, [(one, first), (other, second)]) => {
                let (one, other) = (one.display(), other.display());
                write!(
                    f,
                    "the patient {patient} is in the split {first} in {one} and in {second} in {other}: state one \
                     split for both in the tables or, where they are two patients, give them two names"
                )
            }
            Self::Patch(name, reason) => write!(f, "the packed patch of {name} is damaged: {reason}"),
        }
    }
}

impl std::error::Error for PackError {}

#[cfg(test)]
mod tests;
