//! DICOM Part 10: from a CT image object to Hounsfield units. The only place that names the dicom crates.

mod data_set;
mod error;
mod pixel_data;
mod transfer_syntax;

use dicom_object::{DefaultDicomObject, InMemDicomObject, Tag};
use dicom_pixeldata::{PixelDecoder, PixelRepresentation};

use super::CtFile;
use crate::geometry::PixelSpacing;
use data_set::damaged;
pub use error::DicomError;
use pixel_data::Layout;
use transfer_syntax::JPEG_EXTENDED;

/// What masked padding samples become: the lowest value of the Hounsfield scale as most scanners store it.
///
/// Padding lies outside the field of view, where there is nothing; as a finite low value it stays out of the
/// lesion and cannot stretch the range of grey values as its stored value (often -2000) would.
const PADDING_HU: f64 = -1024.0;

mod tags {
    use dicom_object::Tag;

    pub(super) const IMAGE_TYPE: Tag = Tag(0x0008, 0x0008);
    pub(super) const MODALITY: Tag = Tag(0x0008, 0x0060);
    pub(super) const FRAME_TYPE: Tag = Tag(0x0008, 0x9007);
    pub(super) const CT_IMAGE_FRAME_TYPE_SEQUENCE: Tag = Tag(0x0018, 0x9329);
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

pub(super) fn decode(bytes: &[u8], frame: Option<u32>) -> Result<CtFile, DicomError> {
    let (object, pictures) = data_set::open(bytes)?;
    check_kind(&object)?;
    let frames = frames(&object)?;
    let frame = choose_frame(frame, frames)?;
    let groups = functional_groups(&object, frame);
    check_flavour(&groups)?;
    let layout = Layout::of(&object)?;
    layout.check(&object, pictures, frame, frames)?;

    // Some codecs index beyond damaged data instead of refusing them.
    let decoded = std::panic::catch_unwind(|| object.decode_pixel_data_frame(frame))
        .map_err(|_| DicomError::Damaged { reason: "its decoder failed".to_owned() })?
        .map_err(damaged)?;
    let stored = Stored {
        bits: decoded.bits_stored(),
        signed: matches!(decoded.pixel_representation(), PixelRepresentation::Signed),
    };
    if stored.bits == 0 || stored.bits > decoded.bits_allocated() {
        return Err(DicomError::Value { attribute: "BitsStored", found: stored.bits.to_string() });
    }
    if decoded.high_bit() != stored.bits - 1 {
        return Err(DicomError::Value { attribute: "HighBit", found: decoded.high_bit().to_string() });
    }
    let words: Vec<u16> = if decoded.bits_allocated() == 8 {
        decoded.data().iter().copied().map(u16::from).collect()
    } else {
        decoded.data_ow()
    };
    if words.len() != layout.pixels() {
        let reason = format!("its decoder gives {} of {} samples", words.len(), layout.pixels());
        return Err(DicomError::Damaged { reason });
    }

    let number = |tag, attribute| Ok(numbers(&groups, tag, attribute)?.map(|[value]| value));
    let slope = number(tags::RESCALE_SLOPE, "RescaleSlope")?.unwrap_or(1.0);
    let intercept = number(tags::RESCALE_INTERCEPT, "RescaleIntercept")?.unwrap_or(0.0);
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
    let (width, height) = (layout.columns, layout.rows);
    Ok(CtFile { samples: samples.collect(), width, height, spacing: spacing(&groups)? })
}

/// Refuses what is not a grey CT image.
fn check_kind(object: &DefaultDicomObject) -> Result<(), DicomError> {
    let extended = object.meta().transfer_syntax() == JPEG_EXTENDED;
    if let Some(bits) = integer(object, tags::BITS_STORED).filter(|n| extended && *n > 8) {
        return Err(DicomError::ExtendedDepth { bits });
    }
    let modality = text(object, tags::MODALITY).ok_or(DicomError::Missing { attribute: "Modality" })?;
    if modality != "CT" {
        return Err(DicomError::Modality { found: modality });
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

/// Refuses a localizer: a projection, in which no pixel has a size in the patient. ImageType says it, and of the frames
/// of an enhanced object FrameType (PS3.3, C.8.2.1.1.1 and C.8.16.1).
fn check_flavour(groups: &[&InMemDicomObject]) -> Result<(), DicomError> {
    for (tag, attribute) in [(tags::FRAME_TYPE, "FrameType"), (tags::IMAGE_TYPE, "ImageType")] {
        if let Some(found) = groups.iter().find_map(|group| text(group, tag))
            && found.split('\\').nth(2).is_some_and(|flavour| flavour.trim() == "LOCALIZER")
        {
            return Err(DicomError::Localizer { attribute, found });
        }
    }
    Ok(())
}

fn photometric(object: &InMemDicomObject) -> Result<String, DicomError> {
    text(object, tags::PHOTOMETRIC_INTERPRETATION)
        .ok_or(DicomError::Missing { attribute: "PhotometricInterpretation" })
}

/// How many frames the object states; one if it states none.
fn frames(object: &InMemDicomObject) -> Result<u32, DicomError> {
    let Some(frames) = integer(object, tags::NUMBER_OF_FRAMES) else { return Ok(1) };
    u32::try_from(frames)
        .ok()
        .filter(|n| *n > 0)
        .ok_or(DicomError::Value { attribute: "NumberOfFrames", found: frames.to_string() })
}

/// The chosen frame, counted from 0.
fn choose_frame(frame: Option<u32>, frames: u32) -> Result<u32, DicomError> {
    match frame {
        None if frames > 1 => Err(DicomError::ChooseFrame { frames }),
        None => Ok(0),
        Some(frame) if (1..=frames).contains(&frame) => Ok(frame - 1),
        Some(frame) => Err(DicomError::NoFrame { frame, frames }),
    }
}

/// Where attributes of the frame may stand, the most specific first: the frame's functional groups, the
/// shared ones, the object itself.
fn functional_groups(object: &InMemDicomObject, frame: u32) -> Vec<&InMemDicomObject> {
    let per_frame = item(object, tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE, frame as usize);
    let shared = item(object, tags::SHARED_FUNCTIONAL_GROUPS_SEQUENCE, 0);
    let macros = [
        tags::CT_IMAGE_FRAME_TYPE_SEQUENCE,
        tags::PIXEL_VALUE_TRANSFORMATION_SEQUENCE,
        tags::PIXEL_MEASURES_SEQUENCE,
    ];
    let groups = per_frame.into_iter().chain(shared);
    groups.flat_map(|g| macros.into_iter().filter_map(|m| item(g, m, 0))).chain([object]).collect()
}

fn spacing(groups: &[&InMemDicomObject]) -> Result<Option<PixelSpacing>, DicomError> {
    numbers(groups, tags::PIXEL_SPACING, "PixelSpacing")?
        .map(|[row_mm, column_mm]| PixelSpacing::new(row_mm, column_mm).map_err(DicomError::Spacing))
        .transpose()
}

/// How samples are stored.
struct Stored {
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

/// The finite numbers of an attribute in the first group where it is not empty; anything but `N` of them is refused.
fn numbers<const N: usize>(
    groups: &[&InMemDicomObject],
    tag: Tag,
    attribute: &'static str,
) -> Result<Option<[f64; N]>, DicomError> {
    let Some((group, found)) = groups.iter().find_map(|group| Some((group, text(group, tag)?))) else {
        return Ok(None);
    };
    let values = group.get(tag).and_then(|element| element.to_multi_float64().ok());
    let values = values.and_then(|values| <[f64; N]>::try_from(values).ok());
    match values.filter(|values| values.iter().all(|value| value.is_finite())) {
        Some(values) => Ok(Some(values)),
        None => Err(DicomError::Value { attribute, found }),
    }
}
