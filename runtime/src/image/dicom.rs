//! DICOM Part 10: from a CT image object to Hounsfield units. The only place that names the dicom crates.

use std::fmt;

use dicom_object::{DefaultDicomObject, InMemDicomObject, OpenFileOptions, Tag};
use dicom_pixeldata::{PixelDecoder, PixelRepresentation};

use super::CtFile;
use crate::geometry::{PixelSpacing, SpacingError};

/// What masked padding samples become: the lowest value of the Hounsfield scale as most scanners store it.
///
/// Padding lies outside the field of view, where there is nothing; as a finite low value it stays out of the
/// lesion and cannot stretch the range of grey values as its stored value (often -2000) would.
const PADDING_HU: f64 = -1024.0;

const TRANSFER_SYNTAXES: [(&str, &str); 12] = [
    ("1.2.840.10008.1.2", "Implicit VR Little Endian"),
    ("1.2.840.10008.1.2.1", "Explicit VR Little Endian"),
    ("1.2.840.10008.1.2.1.99", "Deflated Explicit VR Little Endian"),
    ("1.2.840.10008.1.2.2", "Explicit VR Big Endian"),
    ("1.2.840.10008.1.2.5", "RLE Lossless"),
    ("1.2.840.10008.1.2.4.50", "JPEG Baseline"),
    ("1.2.840.10008.1.2.4.51", "JPEG Extended"),
    ("1.2.840.10008.1.2.4.57", "JPEG Lossless"),
    ("1.2.840.10008.1.2.4.70", "JPEG Lossless, first-order prediction"),
    ("1.2.840.10008.1.2.4.80", "JPEG-LS Lossless"),
    ("1.2.840.10008.1.2.4.90", "JPEG 2000 Lossless"),
    ("1.2.840.10008.1.2.4.91", "JPEG 2000"),
];

/// Read with 8 bits, not with 12: no decoder in Rust takes them.
const JPEG_EXTENDED: &str = "1.2.840.10008.1.2.4.51";

/// How many of [`TRANSFER_SYNTAXES`] can be read; the others are only known by name.
const READABLE: usize = 9;

/// More rows or columns than any scanner makes: a damaged header must not claim gigabytes.
const LONGEST_SIDE: usize = 8192;

mod tags {
    use dicom_object::Tag;

    pub(super) const MODALITY: Tag = Tag(0x0008, 0x0060);
    pub(super) const SAMPLES_PER_PIXEL: Tag = Tag(0x0028, 0x0002);
    pub(super) const PHOTOMETRIC_INTERPRETATION: Tag = Tag(0x0028, 0x0004);
    pub(super) const NUMBER_OF_FRAMES: Tag = Tag(0x0028, 0x0008);
    pub(super) const ROWS: Tag = Tag(0x0028, 0x0010);
    pub(super) const COLUMNS: Tag = Tag(0x0028, 0x0011);
    pub(super) const PIXEL_SPACING: Tag = Tag(0x0028, 0x0030);
    pub(super) const BITS_ALLOCATED: Tag = Tag(0x0028, 0x0100);
    pub(super) const BITS_STORED: Tag = Tag(0x0028, 0x0101);
    pub(super) const PIXEL_PADDING_VALUE: Tag = Tag(0x0028, 0x0120);
    pub(super) const PIXEL_PADDING_RANGE_LIMIT: Tag = Tag(0x0028, 0x0121);
    pub(super) const RESCALE_INTERCEPT: Tag = Tag(0x0028, 0x1052);
    pub(super) const RESCALE_SLOPE: Tag = Tag(0x0028, 0x1053);
    pub(super) const MODALITY_LUT_SEQUENCE: Tag = Tag(0x0028, 0x3000);
    pub(super) const PIXEL_MEASURES_SEQUENCE: Tag = Tag(0x0028, 0x9110);
    pub(super) const PIXEL_VALUE_TRANSFORMATION_SEQUENCE: Tag = Tag(0x0028, 0x9145);
    pub(super) const SHARED_FUNCTIONAL_GROUPS_SEQUENCE: Tag = Tag(0x5200, 0x9229);
    pub(super) const PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE: Tag = Tag(0x5200, 0x9230);
    pub(super) const PIXEL_DATA: Tag = Tag(0x7FE0, 0x0010);
}

/// Why a DICOM object gives no CT slice.
#[derive(Debug)]
#[non_exhaustive]
pub enum DicomError {
    /// The file is damaged or cut short.
    Damaged {
        /// What the parser says.
        reason: String,
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
    /// The pixel data are shorter than the image.
    Short {
        /// Bytes or samples that are there.
        found: usize,
        /// Bytes or samples that are needed.
        needed: usize,
    },
}

pub(super) fn decode(bytes: &[u8], frame: Option<u32>) -> Result<CtFile, DicomError> {
    let object = OpenFileOptions::new().from_reader(bytes).map_err(damaged)?;
    check_kind(&object)?;
    let frame = choose_frame(&object, frame)?;
    let groups = functional_groups(&object, frame);
    check_length(&object, frame)?;

    // Some codecs index beyond damaged data instead of refusing them.
    let decoded = std::panic::catch_unwind(|| object.decode_pixel_data_frame(frame))
        .map_err(|_| DicomError::Damaged { reason: "its decoder failed".to_owned() })?
        .map_err(damaged)?;
    let (width, height) = (decoded.columns() as usize, decoded.rows() as usize);
    let stored = Stored {
        allocated: decoded.bits_allocated(),
        bits: decoded.bits_stored(),
        signed: matches!(decoded.pixel_representation(), PixelRepresentation::Signed),
    };
    if decoded.high_bit() + 1 != decoded.bits_stored() {
        return Err(DicomError::Value { attribute: "HighBit", found: decoded.high_bit().to_string() });
    }
    let words: Vec<u16> = match stored.allocated {
        8 => decoded.data().iter().copied().map(u16::from).collect(),
        16 => decoded.data_ow(),
        other => {
            return Err(DicomError::Value { attribute: "BitsAllocated", found: other.to_string() });
        }
    };
    let needed = width * height;
    let words = words.get(..needed).ok_or(DicomError::Short { found: words.len(), needed })?;
    if needed == 0 || stored.bits == 0 || stored.bits > stored.allocated {
        return Err(DicomError::Value { attribute: "BitsStored", found: stored.bits.to_string() });
    }

    let number = |tag: Tag, name, default| {
        groups.iter().find_map(|g| floats(g, tag)).map_or(Ok(default), |values| match values[..] {
            [value] if value.is_finite() => Ok(value),
            _ => Err(DicomError::Value { attribute: name, found: format!("{values:?}") }),
        })
    };
    let slope = number(tags::RESCALE_SLOPE, "RescaleSlope", 1.0)?;
    let intercept = number(tags::RESCALE_INTERCEPT, "RescaleIntercept", 0.0)?;
    if slope == 0.0 {
        return Err(DicomError::Value { attribute: "RescaleSlope", found: "0".to_owned() });
    }
    let padding = Padding::of(&object, &stored);
    let inverted = photometric(&object)? == "MONOCHROME1";
    let samples = words.iter().map(|word| {
        let value = stored.value(i64::from(*word));
        let seen = if inverted { stored.inverted(value) } else { value };
        let hu = if padding.contains(value) { PADDING_HU } else { seen as f64 * slope + intercept };
        #[allow(clippy::cast_possible_truncation, reason = "Hounsfield units are exact in float32")]
        let hu = hu as f32;
        hu
    });
    Ok(CtFile { samples: samples.collect(), width, height, spacing: spacing(&groups)? })
}

/// What the parser says, with all its causes.
fn damaged(error: impl std::error::Error) -> DicomError {
    let mut reason = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        reason = format!("{reason}: {error}");
        cause = error.source();
    }
    DicomError::Damaged { reason }
}

/// Refuses what is not a grey CT image in a readable transfer syntax.
fn check_kind(object: &DefaultDicomObject) -> Result<(), DicomError> {
    let uid = object.meta().transfer_syntax().trim_end_matches('\0').to_owned();
    if !TRANSFER_SYNTAXES[..READABLE].iter().any(|(known, _)| *known == uid) {
        return Err(DicomError::TransferSyntax { uid });
    }
    if let Some(bits) = integer(object, tags::BITS_STORED).filter(|n| uid == JPEG_EXTENDED && *n > 8) {
        return Err(DicomError::ExtendedDepth { bits });
    }
    if let Some(found) = text(object, tags::MODALITY).filter(|m| m != "CT") {
        return Err(DicomError::Modality { found });
    }
    let found = photometric(object)?;
    let grey = found == "MONOCHROME1" || found == "MONOCHROME2";
    if !grey || integer(object, tags::SAMPLES_PER_PIXEL).is_some_and(|n| n != 1) {
        return Err(DicomError::Photometric { found });
    }
    if object.get(tags::MODALITY_LUT_SEQUENCE).is_some() {
        return Err(DicomError::ModalityLut);
    }
    Ok(())
}

fn photometric(object: &InMemDicomObject) -> Result<String, DicomError> {
    text(object, tags::PHOTOMETRIC_INTERPRETATION)
        .ok_or(DicomError::Missing { attribute: "PhotometricInterpretation" })
}

/// The chosen frame, counted from 0.
fn choose_frame(object: &InMemDicomObject, frame: Option<u32>) -> Result<u32, DicomError> {
    let frames = match integer(object, tags::NUMBER_OF_FRAMES) {
        None => 1,
        Some(n) => u32::try_from(n)
            .ok()
            .filter(|n| *n > 0)
            .ok_or(DicomError::Value { attribute: "NumberOfFrames", found: n.to_string() })?,
    };
    match frame {
        None if frames > 1 => Err(DicomError::ChooseFrame { frames }),
        None => Ok(0),
        Some(frame) if (1..=frames).contains(&frame) => Ok(frame - 1),
        Some(frame) => Err(DicomError::NoFrame { frame, frames }),
    }
}

/// Pixel data that are not compressed must hold the frame: the decoder trusts the stated size.
fn check_length(object: &InMemDicomObject, frame: u32) -> Result<(), DicomError> {
    let missing = |attribute| DicomError::Missing { attribute };
    let side = |tag, attribute| {
        let value = integer(object, tag).ok_or(missing(attribute))?;
        usize::try_from(value)
            .ok()
            .filter(|v| (1..=LONGEST_SIDE).contains(v))
            .ok_or(DicomError::Value { attribute, found: value.to_string() })
    };
    let bytes = side(tags::BITS_ALLOCATED, "BitsAllocated")?.div_ceil(8);
    let needed = side(tags::ROWS, "Rows")? * side(tags::COLUMNS, "Columns")? * bytes;
    let needed = needed.saturating_mul(frame as usize + 1);
    let data = object.get(tags::PIXEL_DATA).ok_or(missing("PixelData"))?;
    if data.value().fragments().is_none() {
        let found = data.to_bytes().map_or(0, |b| b.len());
        if found < needed {
            return Err(DicomError::Short { found, needed });
        }
    }
    Ok(())
}

/// Where attributes of the frame may stand, the most specific first: the frame's functional groups, the
/// shared ones, the object itself.
fn functional_groups(object: &InMemDicomObject, frame: u32) -> Vec<&InMemDicomObject> {
    let per_frame = item(object, tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE, frame as usize);
    let shared = item(object, tags::SHARED_FUNCTIONAL_GROUPS_SEQUENCE, 0);
    let macros = [tags::PIXEL_VALUE_TRANSFORMATION_SEQUENCE, tags::PIXEL_MEASURES_SEQUENCE];
    let groups = per_frame.into_iter().chain(shared);
    groups.flat_map(|g| macros.into_iter().filter_map(|m| item(g, m, 0))).chain([object]).collect()
}

fn spacing(groups: &[&InMemDicomObject]) -> Result<Option<PixelSpacing>, DicomError> {
    groups
        .iter()
        .find_map(|g| floats(g, tags::PIXEL_SPACING))
        .map(|values| match values[..] {
            [row_mm, column_mm] => PixelSpacing::new(row_mm, column_mm).map_err(DicomError::Spacing),
            _ => Err(DicomError::Value { attribute: "PixelSpacing", found: format!("{values:?}") }),
        })
        .transpose()
}

/// How samples are stored.
struct Stored {
    allocated: u16,
    bits: u16,
    signed: bool,
}

impl Stored {
    /// The value of a stored word: bits above the stored ones are not part of it.
    fn value(&self, word: i64) -> i64 {
        let unsigned = word & ((1 << self.bits) - 1);
        if self.signed && unsigned >> (self.bits - 1) == 1 { unsigned - (1 << self.bits) } else { unsigned }
    }

    /// The value that is as bright in MONOCHROME2 as `value` is in MONOCHROME1.
    fn inverted(&self, value: i64) -> i64 {
        if self.signed { -1 - value } else { (1 << self.bits) - 1 - value }
    }
}

/// The stored values that mark pixels outside the image (PixelPaddingValue, PixelPaddingRangeLimit).
struct Padding(Option<std::ops::RangeInclusive<i64>>);

impl Padding {
    fn of(object: &InMemDicomObject, stored: &Stored) -> Self {
        // Written as unsigned by some scanners where the samples are signed: only the bits count.
        let value = |tag| integer(object, tag).map(|v| stored.value(v & 0xFFFF));
        Self(value(tags::PIXEL_PADDING_VALUE).map(|value_1| {
            let value_2 = value(tags::PIXEL_PADDING_RANGE_LIMIT).unwrap_or(value_1);
            value_1.min(value_2)..=value_1.max(value_2)
        }))
    }

    fn contains(&self, value: i64) -> bool {
        self.0.as_ref().is_some_and(|range| range.contains(&value))
    }
}

fn item(object: &InMemDicomObject, sequence: Tag, index: usize) -> Option<&InMemDicomObject> {
    object.get(sequence)?.items()?.get(index)
}

fn text(object: &InMemDicomObject, tag: Tag) -> Option<String> {
    let text = object.get(tag)?.to_str().ok()?.trim_matches(['\0', ' ']).to_owned();
    (!text.is_empty()).then_some(text)
}

fn integer(object: &InMemDicomObject, tag: Tag) -> Option<i64> {
    object.get(tag)?.to_int().ok()
}

/// The numbers of an attribute that is not empty; an empty list if they are not numbers.
fn floats(object: &InMemDicomObject, tag: Tag) -> Option<Vec<f64>> {
    text(object, tag)?;
    Some(object.get(tag)?.to_multi_float64().unwrap_or_default())
}

impl fmt::Display for DicomError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Damaged { reason } => write!(f, "DICOM file is damaged or cut short: {reason}"),
            Self::TransferSyntax { uid } => {
                let name =
                    TRANSFER_SYNTAXES.iter().find(|(known, _)| known == uid).map_or("unknown", |(_, n)| n);
                write!(f, "DICOM transfer syntax {uid} ({name}) is not supported")
            }
            Self::ExtendedDepth { bits } => {
                write!(
                    f,
                    "DICOM transfer syntax {JPEG_EXTENDED} (JPEG Extended) with {bits} bits is not supported"
                )
            }
            Self::Modality { found } => write!(f, "DICOM modality is {found}, not CT"),
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
                write!(f, "DICOM object has {frames} frames: choose one with --frame")
            }
            Self::NoFrame { frame, frames } => {
                write!(f, "frame {frame} does not exist: the DICOM object has {frames}")
            }
            Self::Short { found, needed } => write!(f, "DICOM PixelData is cut short: {found} of {needed}"),
        }
    }
}

impl std::error::Error for DicomError {}
