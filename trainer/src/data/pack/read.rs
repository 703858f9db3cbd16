#![allow(
    unsafe_code,
    reason = "a memory map is a slice of a file, which the system cannot keep from changing"
)]

use std::collections::HashMap;
use std::fs::File;
use std::path::{Path, PathBuf};

use memmap2::Mmap;
use recist::image::{CtSlice, Samples};
use sha2::{Digest, Sha256};

use super::{Depth, Entry, FOOTER_BYTES, HASH_BYTES, HEADER_BYTES, MAGIC, PackError, VERSION, at, picture};
use crate::data::{Lesion, Origin, Split};

/// A pack, mapped into memory and checked.
#[derive(Debug)]
pub struct Pack {
    path: PathBuf,
    map: Mmap,
    entries: Vec<Entry>,
    digest: String,
}

/// One lesion's patch.
#[derive(Clone, Copy, Debug)]
pub struct Pixels<'a> {
    lesion: &'a Lesion,
    patch: &'a [u8],
    outlines: &'a [u8],
    /// Rows and columns.
    pub side: usize,
    /// How a sample is stored.
    pub depth: Depth,
}

impl Pack {
    /// Maps the pack at `path` and checks it from the first byte to the last.
    ///
    /// # Errors
    /// If the file cannot be read, is no pack, is of another version, cut short or damaged.
    pub fn open(path: &Path) -> Result<Self, PackError> {
        let file = File::open(path).map_err(at(path))?;
        // SAFETY: the bytes are read as plain integers, for which every value is valid; every offset is checked
        // against the map's length, which cannot change. A program that writes to the pack while it is mapped
        // changes grey values; one that shortens it ends this process. Packs are renamed into place when
        // they are whole and never written again.
        let map = unsafe { Mmap::map(&file) }.map_err(at(path))?;
        let named = |error: fn(PathBuf) -> PackError| error(path.to_owned());
        if !map.starts_with(MAGIC) {
            return Err(named(PackError::NotAPack));
        }
        if map.len() < HEADER_BYTES + FOOTER_BYTES {
            return Err(PackError::CutShort(path.to_owned(), map.len()));
        }
        let version = u32::from_le_bytes([map[8], map[9], map[10], map[11]]);
        if version != VERSION {
            return Err(PackError::Version(path.to_owned(), version));
        }
        let (content, hash) = map.split_at(map.len() - HASH_BYTES);
        let (content, footer) = content.split_at(content.len() - 8);
        let offset = footer.iter().rev().fold(0_u64, |value, &byte| value << 8 | u64::from(byte));
        let Some(offset) =
            usize::try_from(offset).ok().filter(|o| (HEADER_BYTES..=content.len()).contains(o))
        else {
            return Err(PackError::CutShort(path.to_owned(), map.len()));
        };
        if Sha256::digest(&map[..map.len() - HASH_BYTES]).as_slice() != hash {
            return Err(named(PackError::Damaged));
        }
        let digest = crate::hexadecimal(hash);
        let entries: Vec<Entry> = serde_json::from_slice(&content[offset..])
            .map_err(|error| PackError::Index(path.to_owned(), error.to_string()))?;
        for entry in &entries {
            entry.check(offset).map_err(|reason| {
                PackError::Index(path.to_owned(), format!("{}: {reason}", entry.lesion.name))
            })?;
        }
        Ok(Self { path: path.to_owned(), map, entries, digest })
    }

    /// Opens packs whose lesions are to count together, each once.
    ///
    /// # Errors
    /// If one of them cannot be opened, two hold a lesion of the same name, patient and origin, as a pack does that is
    /// given twice, or a patient is in two splits: one learnt from would be tested on.
    pub fn open_all(paths: &[impl AsRef<Path>]) -> Result<Vec<Self>, PackError> {
        let packs: Vec<Self> =
            paths.iter().map(|path| Self::open(path.as_ref())).collect::<Result<_, _>>()?;
        let mut holders: HashMap<(&str, &str, Origin), &Self> = HashMap::new();
        let mut splits: HashMap<&str, (&Self, Split)> = HashMap::new();
        for pack in &packs {
            for (lesion, _) in pack.iter() {
                let &mut (other, split) = splits.entry(&lesion.patient).or_insert((pack, lesion.split));
                if split != lesion.split {
                    let places = [(other.path.clone(), split), (pack.path.clone(), lesion.split)];
                    return Err(PackError::Splits(lesion.patient.clone(), places));
                }
                if let Some(other) = holders.get(&identity(lesion)) {
                    return Err(PackError::Twice(other.path.clone(), pack.path.clone(), lesion.name.clone()));
                }
            }
            holders.extend(pack.iter().map(|(lesion, _)| (identity(lesion), pack)));
        }
        Ok(packs)
    }

    /// How many lesions are in it.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Where it lies.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The SHA-256 that its footer holds, in hexadecimal digits.
    #[must_use]
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// All lesions with their patches, in the order in which they were packed.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&Lesion, Pixels<'_>)> + '_ {
        self.entries.iter().map(|entry| (&entry.lesion, self.pixels(entry)))
    }

    /// The lesion at `index` and its patch.
    ///
    /// # Panics
    /// If `index` is not below [`Pack::len`].
    #[must_use]
    pub fn get(&self, index: usize) -> (&Lesion, Pixels<'_>) {
        let entry = &self.entries[index];
        (&entry.lesion, self.pixels(entry))
    }

    fn pixels<'a>(&'a self, entry: &'a Entry) -> Pixels<'a> {
        let (patch, outlines) = self.map[entry.offset..].split_at(entry.bytes[0]);
        let outlines = &outlines[..entry.bytes[1]];
        Pixels { lesion: &entry.lesion, patch, outlines, side: entry.side, depth: entry.depth }
    }
}

/// What tells a lesion from those of other packs: two hospitals can have images of one name.
fn identity(lesion: &Lesion) -> (&str, &str, Origin) {
    (&lesion.patient, &lesion.name, lesion.origin)
}

impl Pixels<'_> {
    /// Puts the samples, row by row, into `target`: grey values, or Hounsfield units, of which those below
    /// [`CtSlice::LEAST_HU`] are that, as in the runtime.
    ///
    /// # Errors
    /// If the packed bytes are no such picture.
    pub fn read(self, target: &mut Vec<f32>) -> Result<(), PackError> {
        self.decode(self.patch, self.depth, target)
    }

    /// As [`Pixels::read`], and lends the patch as the runtime takes a slice.
    ///
    /// # Errors
    /// If the packed bytes are no such picture.
    pub fn read_slice(self, samples: &mut Vec<f32>) -> Result<CtSlice<'_>, PackError> {
        self.read(samples)?;
        CtSlice::new(Samples::F32(samples), [self.side; 2], self.side, Some(self.lesion.spacing))
            .map_err(|error| self.failed(error.to_string()))
    }

    /// Whether readers outlined the lesion.
    #[must_use]
    pub fn has_outlines(self) -> bool {
        !self.outlines.is_empty()
    }

    /// Puts the readers' outlines into `target`, row by row: bit i of a value is set inside the outline of the
    /// lesion's reader i.
    ///
    /// # Errors
    /// If there are none, or the packed bytes are no such picture.
    pub fn read_outlines(self, target: &mut Vec<f32>) -> Result<(), PackError> {
        self.decode(self.outlines, Depth::U8, target)
    }

    fn decode(self, bytes: &[u8], depth: Depth, target: &mut Vec<f32>) -> Result<(), PackError> {
        picture::decode(bytes, self.side, depth, target).map_err(|reason| self.failed(reason))
    }

    fn failed(self, reason: String) -> PackError {
        PackError::Patch(self.lesion.name.clone(), reason)
    }
}
