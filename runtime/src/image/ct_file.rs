use std::fs;
use std::path::{Path, PathBuf};
use std::{fmt, io};

use super::dicom::{self, DicomError};
use super::png::{self, PngError};
use super::{CtSlice, Samples};
use crate::geometry::PixelSpacing;

/// More rows or columns than any scanner makes: a damaged header must not claim gigabytes.
pub(super) const LONGEST_SIDE: usize = 8192;

/// A CT slice read from a file; lends itself as a [`CtSlice`].
#[derive(Clone, Debug)]
pub struct CtFile {
    pub(super) samples: Vec<f32>,
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) spacing: Option<PixelSpacing>,
    /// Whether the samples are grey values in place of Hounsfield units.
    pub(super) is_picture: bool,
}

/// Why a file gives no CT slice.
#[derive(Debug)]
#[non_exhaustive]
pub enum FileError {
    /// The file cannot be read.
    Read(io::Error),
    /// The path is a folder.
    Folder,
    /// The path leads to a pipe, a device or the like, which may never end.
    NotRegular {
        /// What is there, all links followed.
        path: PathBuf,
    },
    /// The file has no bytes.
    Empty,
    /// The file is neither DICOM Part 10 nor PNG.
    Unknown,
    /// A frame was asked for in a file that has none.
    NoFrames {
        /// The frame, from 1.
        frame: u32,
    },
    /// The file states another pixel spacing than the one that was given for it.
    Spacing {
        /// The file's.
        stated: PixelSpacing,
        /// The other.
        given: PixelSpacing,
    },
    /// The DICOM object cannot be used.
    Dicom(DicomError),
    /// The PNG picture cannot be used.
    Png(PngError),
}

impl CtFile {
    /// Reads DICOM Part 10 (CT), 16-bit grey PNG in DeepLesion's coding (Hounsfield units + 32768) or 8-bit
    /// grey PNG (grey values as they are), by the file's contents and not its name. Links are followed, to a regular
    /// file only.
    ///
    /// `frame` counts from 1 and chooses a frame of a multi-frame DICOM object. Pixel spacing comes from
    /// DICOM's PixelSpacing alone, never from ImagerPixelSpacing, which is measured at the detector.
    ///
    /// # Errors
    /// See [`FileError`]; what is not supported is named.
    pub fn read(path: &Path, frame: Option<u32>) -> Result<Self, FileError> {
        let metadata = fs::metadata(path).map_err(FileError::Read)?;
        if metadata.is_dir() {
            return Err(FileError::Folder);
        }
        if !metadata.is_file() {
            return Err(FileError::NotRegular { path: fs::canonicalize(path).map_err(FileError::Read)? });
        }
        let bytes = fs::read(path).map_err(FileError::Read)?;
        Self::decode(&bytes, frame)
    }

    /// As [`CtFile::read`], from the file's bytes.
    ///
    /// # Errors
    /// See [`FileError`].
    pub fn decode(bytes: &[u8], frame: Option<u32>) -> Result<Self, FileError> {
        if bytes.is_empty() {
            return Err(FileError::Empty);
        }
        if bytes.get(128..132) == Some(b"DICM") {
            return dicom::decode(bytes, frame).map_err(FileError::Dicom);
        }
        if !bytes.starts_with(b"\x89PNG") {
            return Err(FileError::Unknown);
        }
        match frame {
            Some(frame) => Err(FileError::NoFrames { frame }),
            None => png::decode(bytes).map_err(FileError::Png),
        }
    }

    /// The slice.
    #[must_use]
    pub fn slice(&self) -> CtSlice<'_> {
        let size = [self.width, self.height];
        let samples =
            if self.is_picture { Samples::Grey(&self.samples) } else { Samples::F32(&self.samples) };
        CtSlice::new(samples, size, self.width, self.spacing)
            .expect("a file's samples fill its rows and columns: checked when it was read")
    }

    /// The slice, with the `given` pixel spacing where the file states none.
    ///
    /// # Errors
    /// If the file states a spacing that does not agree with the given one ([`PixelSpacing::agrees_with`]).
    pub fn slice_spaced(&self, given: Option<PixelSpacing>) -> Result<CtSlice<'_>, FileError> {
        match (self.spacing, given) {
            (Some(stated), Some(given)) if !stated.agrees_with(given) => {
                Err(FileError::Spacing { stated, given })
            }
            (stated, given) => Ok(self.slice().with_spacing(stated.or(given))),
        }
    }

    /// The samples in Hounsfield units (grey values for 8-bit PNG), row by row.
    #[must_use]
    pub fn samples(&self) -> &[f32] {
        &self.samples
    }
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read(error) => write!(f, "cannot be read: {error}"),
            Self::Folder => f.write_str("is a folder, not a file"),
            Self::NotRegular { path } => write!(f, "{} is not a regular file", path.display()),
            Self::Empty => f.write_str("is empty"),
            Self::Unknown => f.write_str("is neither DICOM Part 10 nor PNG"),
            Self::NoFrames { frame } => {
                write!(f, "frame {frame} was asked for, but a PNG file has no frames")
            }
            Self::Spacing { stated, given } => write!(
                f,
                "the file states a pixel spacing of {},{} mm, but {},{} mm is given",
                stated.row_mm(),
                stated.column_mm(),
                given.row_mm(),
                given.column_mm()
            ),
            Self::Dicom(error) => error.fmt(f),
            Self::Png(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for FileError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Read(error) => Some(error),
            Self::Dicom(error) => Some(error),
            Self::Png(error) => Some(error),
            Self::Folder
            | Self::NotRegular { .. }
            | Self::Empty
            | Self::Unknown
            | Self::NoFrames { .. }
            | Self::Spacing { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_given_spacing_may_round_that_of_the_file_which_counts_and_not_change_it() {
        for (stated, given, want) in [
            (Some([0.703125, 0.703125]), Some([0.703125, 0.703125]), Some([0.703125, 0.703125])),
            (Some([0.703125, 0.703125]), Some([0.703, 0.7]), Some([0.703125, 0.703125])),
            (Some([0.703125, 0.703125]), Some([0.7, 0.8]), None),
            (Some([0.5, 0.9]), Some([0.9, 0.5]), None),
            (Some([0.5, 0.9]), None, Some([0.5, 0.9])),
            (None, Some([0.5, 0.9]), Some([0.5, 0.9])),
        ] {
            let [spacing, given, want] = [stated, given, want]
                .map(|spacing| spacing.map(|[row, column]| PixelSpacing::new(row, column).unwrap()));
            let file = CtFile { samples: vec![0.0; 4], width: 2, height: 2, spacing, is_picture: false };
            let found = file.slice_spaced(given).ok().map(|slice| slice.spacing().unwrap());
            assert_eq!(found, want, "{spacing:?} {given:?}");
        }
        let file = CtFile { samples: vec![0.0; 4], width: 2, height: 2, spacing: None, is_picture: false };
        assert_eq!(file.slice_spaced(None).unwrap().spacing(), None);
    }
}
