use std::fmt;

use super::transfer_syntax::{JPEG_EXTENDED, TransferSyntax};
use crate::geometry::{PixelSpacing, SpacingError};

/// Why a DICOM object gives no CT slice.
#[derive(Debug)]
#[non_exhaustive]
pub enum DicomError {
    /// The file is damaged or cut short.
    Damaged {
        /// What the parser says.
        reason: String,
    },
    /// An element states more bytes than the file has after it.
    Overlong {
        /// Group and number of the element.
        element: (u16, u16),
        /// Bytes that it states.
        stated: u32,
        /// Bytes that follow.
        remaining: usize,
    },
    /// The transfer syntax is not one that is read.
    TransferSyntax {
        /// Its unique identifier.
        uid: String,
    },
    /// JPEG Extended with more than 8 bits.
    ExtendedDepth {
        /// The bits stored.
        bits: i64,
    },
    /// The object is not a CT image.
    Modality {
        /// The modality that it states.
        found: String,
    },
    /// The object is of another class than CT images are.
    Class {
        /// SOPClassUID.
        uid: String,
    },
    /// The image is no slice but, say, a localizer (scout, topogram), a projection or a rendering.
    NoSlice {
        /// The attribute that says so.
        attribute: &'static str,
        /// The word of it that does.
        word: &'static str,
        /// Its values.
        found: String,
    },
    /// The photometric interpretation is not MONOCHROME1 or MONOCHROME2.
    Photometric {
        /// What the object states.
        found: String,
    },
    /// A required attribute is missing.
    Missing {
        /// The attribute's name.
        attribute: &'static str,
    },
    /// An attribute has a value that is not allowed.
    Value {
        /// The attribute's name.
        attribute: &'static str,
        /// Its value.
        found: String,
    },
    /// The pixel spacing is not one.
    Spacing(SpacingError),
    /// Hounsfield units are given by a table, which is not supported.
    ModalityLut,
    /// There are several frames and none was chosen.
    ChooseFrame {
        /// How many there are.
        frames: u32,
    },
    /// The chosen frame does not exist.
    NoFrame {
        /// The frame, from 1.
        frame: u32,
        /// How many there are.
        frames: u32,
    },
    /// The pixel data are shorter than Rows x Columns of every frame.
    Short {
        /// Bytes that are there.
        found: usize,
        /// Bytes that are needed.
        needed: usize,
    },
    /// The pixel data are longer than Rows x Columns of every frame.
    Long {
        /// Bytes that are there.
        found: usize,
        /// Bytes that are needed.
        needed: usize,
    },
    /// The pixel data hold more or fewer pictures than the object has frames.
    Pictures {
        /// How many pictures there are.
        found: usize,
        /// How many frames there are.
        frames: u32,
    },
    /// Functional groups are not those of as many frames as the object has.
    FrameGroups {
        /// How many items PerFrameFunctionalGroupsSequence has.
        found: usize,
        /// How many frames there are.
        frames: u32,
    },
    /// A compressed picture has another size than the object states.
    PictureSize {
        /// Columns and rows of the picture.
        found: [usize; 2],
        /// Columns and rows that the object states.
        stated: [usize; 2],
    },
    /// The samples of a compressed picture do not fit the bits that the object allocates to one.
    PictureDepth {
        /// Bits of a sample of the picture.
        bits: u8,
        /// Samples of a pixel of the picture.
        components: u8,
        /// BitsAllocated.
        allocated: usize,
    },
    /// The samples of a compressed picture have no bit for the sign that the object states.
    SignDepth {
        /// Bits of a sample of the picture.
        bits: u8,
        /// BitsStored.
        stored: i64,
    },
    /// A JPEG picture is of a kind that is not decoded.
    Jpeg {
        /// What is special about it.
        property: &'static str,
        /// The value of that.
        found: u16,
    },
    /// A sample has bits above the stored ones that are neither its sign nor a declared overlay.
    Sample {
        /// The word that holds it.
        word: u16,
        /// BitsStored.
        stored: u16,
    },
    /// The pixels are not as PixelAspectRatio says.
    AspectRatio {
        /// Height and width of a pixel as it states them.
        found: [f64; 2],
        /// The pixel spacing, if there is one.
        spacing: Option<PixelSpacing>,
    },
}

impl fmt::Display for DicomError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Damaged { reason } => write!(f, "DICOM file is damaged or cut short: {reason}"),
            Self::Overlong { element: (group, number), stated, remaining } => write!(
                f,
                "DICOM file is damaged or cut short: \
                 element ({group:04X},{number:04X}) states {stated} bytes, {remaining} remain"
            ),
            Self::TransferSyntax { uid } => {
                let name = TransferSyntax::find(uid).map_or("unknown", |syntax| syntax.name);
                write!(f, "DICOM transfer syntax {uid} ({name}) is not supported")
            }
            Self::ExtendedDepth { bits } => {
                write!(
                    f,
                    "DICOM transfer syntax {JPEG_EXTENDED} (JPEG Extended) with {bits} bits is not supported"
                )
            }
            Self::Modality { found } => write!(f, "DICOM modality is {found}, not CT"),
            Self::Class { uid } => write!(f, "DICOM SOPClassUID is {uid}, which is not a CT image"),
            Self::NoSlice { attribute, word, found } => {
                write!(f, "DICOM {attribute} is {found}: what is marked {word} is not a CT slice")
            }
            Self::Photometric { found } => {
                write!(
                    f,
                    "DICOM photometric interpretation {found} is not supported: only grey is a CT slice"
                )
            }
            Self::Missing { attribute } => write!(f, "DICOM {attribute} is missing"),
            Self::Value { attribute, found } => {
                write!(f, "DICOM {attribute} is {found}, which is not supported")
            }
            Self::Spacing(error) => write!(f, "DICOM PixelSpacing: {error}"),
            Self::ModalityLut => {
                f.write_str("DICOM ModalityLUTSequence is not supported: only slope and intercept")
            }
            Self::ChooseFrame { frames } => {
                write!(f, "the DICOM object has {frames} frames, and none is chosen")
            }
            Self::NoFrame { frame, frames } => {
                write!(f, "frame {frame} does not exist: the DICOM object has {frames}")
            }
            Self::Short { found, needed } => {
                write!(f, "DICOM PixelData is cut short: {found} of {needed} bytes")
            }
            Self::Long { found, needed } => {
                write!(f, "DICOM PixelData has {found} bytes, but Rows x Columns of all frames have {needed}")
            }
            Self::Pictures { found, frames } => {
                write!(f, "DICOM NumberOfFrames is {frames}, but PixelData holds {found}")
            }
            Self::FrameGroups { found, frames } => write!(
                f,
                "DICOM NumberOfFrames is {frames}, but PerFrameFunctionalGroupsSequence holds {found}"
            ),
            Self::PictureSize { found: [columns, rows], stated } => write!(
                f,
                "DICOM PixelData holds a picture of {columns} columns and {rows} rows, \
                 but Columns is {} and Rows is {}",
                stated[0], stated[1]
            ),
            Self::PictureDepth { bits, components, allocated } => write!(
                f,
                "DICOM PixelData holds a picture of {bits} bits x {components}, but BitsAllocated is {allocated}"
            ),
            Self::SignDepth { bits, stored } => write!(
                f,
                "DICOM PixelData holds a picture of {bits} bits, but samples have a sign and BitsStored is {stored}"
            ),
            Self::Jpeg { property, found } => {
                write!(
                    f,
                    "DICOM PixelData holds a JPEG picture whose {property} is {found}, which is not supported"
                )
            }
            Self::Sample { word, stored } => {
                write!(
                    f,
                    "DICOM PixelData has the sample {word:04X} (hexadecimal), but BitsStored is {stored}"
                )
            }
            Self::AspectRatio { found: [height, width], spacing } => {
                write!(f, "DICOM PixelAspectRatio is {height}\\{width}, but PixelSpacing is ")?;
                match spacing {
                    Some(spacing) => write!(f, "{}\\{}", spacing.row_mm(), spacing.column_mm()),
                    None => f.write_str("missing"),
                }
            }
        }
    }
}

impl std::error::Error for DicomError {}
