//! DICOM Part 10: from a CT image object to Hounsfield units. The only place that names the dicom crates.

mod attribute;
mod data_set;
mod error;
mod huffman;
mod jpeg;
mod kind;
mod pixel_data;
mod stored;
mod transfer_syntax;

use dicom_object::InMemDicomObject;
use dicom_pixeldata::PixelDecoder;

use super::{CtFile, CtSlice};
use crate::geometry::PixelSpacing;
use attribute::{integer, items, numbers};
use data_set::damaged;
pub use error::DicomError;
use pixel_data::Layout;
use stored::{Padding, Stored};
use transfer_syntax::Pictures;

/// Of two ratios that are the same: PixelAspectRatio is of whole numbers, often small ones.
const SAME_RATIO: f64 = 0.01;

mod tags {
    use dicom_object::Tag;

    pub(super) const IMAGE_TYPE: Tag = Tag(0x0008, 0x0008);
    pub(super) const SOP_CLASS_UID: Tag = Tag(0x0008, 0x0016);
    pub(super) const MODALITY: Tag = Tag(0x0008, 0x0060);
    pub(super) const FRAME_TYPE: Tag = Tag(0x0008, 0x9007);
    pub(super) const VOLUMETRIC_PROPERTIES: Tag = Tag(0x0008, 0x9206);
    pub(super) const VOLUME_BASED_CALCULATION_TECHNIQUE: Tag = Tag(0x0008, 0x9207);
    pub(super) const CT_IMAGE_FRAME_TYPE_SEQUENCE: Tag = Tag(0x0018, 0x9329);
    pub(super) const SAMPLES_PER_PIXEL: Tag = Tag(0x0028, 0x0002);
    pub(super) const PHOTOMETRIC_INTERPRETATION: Tag = Tag(0x0028, 0x0004);
    pub(super) const NUMBER_OF_FRAMES: Tag = Tag(0x0028, 0x0008);
    pub(super) const ROWS: Tag = Tag(0x0028, 0x0010);
    pub(super) const COLUMNS: Tag = Tag(0x0028, 0x0011);
    pub(super) const PIXEL_SPACING: Tag = Tag(0x0028, 0x0030);
    pub(super) const PIXEL_ASPECT_RATIO: Tag = Tag(0x0028, 0x0034);
    pub(super) const BITS_ALLOCATED: Tag = Tag(0x0028, 0x0100);
    pub(super) const BITS_STORED: Tag = Tag(0x0028, 0x0101);
    pub(super) const HIGH_BIT: Tag = Tag(0x0028, 0x0102);
    pub(super) const PIXEL_REPRESENTATION: Tag = Tag(0x0028, 0x0103);
    pub(super) const PIXEL_PADDING_VALUE: Tag = Tag(0x0028, 0x0120);
    pub(super) const PIXEL_PADDING_RANGE_LIMIT: Tag = Tag(0x0028, 0x0121);
    pub(super) const RESCALE_INTERCEPT: Tag = Tag(0x0028, 0x1052);
    pub(super) const RESCALE_SLOPE: Tag = Tag(0x0028, 0x1053);
    pub(super) const RESCALE_TYPE: Tag = Tag(0x0028, 0x1054);
    pub(super) const MODALITY_LUT_SEQUENCE: Tag = Tag(0x0028, 0x3000);
    pub(super) const PIXEL_MEASURES_SEQUENCE: Tag = Tag(0x0028, 0x9110);
    pub(super) const PIXEL_VALUE_TRANSFORMATION_SEQUENCE: Tag = Tag(0x0028, 0x9145);
    pub(super) const SHARED_FUNCTIONAL_GROUPS_SEQUENCE: Tag = Tag(0x5200, 0x9229);
    pub(super) const PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE: Tag = Tag(0x5200, 0x9230);
    pub(super) const PIXEL_DATA: Tag = Tag(0x7FE0, 0x0010);
}

pub(super) fn decode(bytes: &[u8], frame: Option<u32>) -> Result<CtFile, DicomError> {
    let (object, (elements, pictures)) = data_set::open(bytes)?;
    kind::check_object(&object)?;
    let frames = frames(&object)?;
    let frame = choose_frame(frame, frames)?;
    let groups = functional_groups(&object, frame, frames)?;
    kind::check_frame(&groups)?;
    let layout = Layout::of(&object)?;
    layout.check(&object, (elements, pictures), frame, frames)?;
    let stored = Stored::of(&object, layout.allocated(), pictures != Pictures::Jpeg)?;
    let padding = Padding::of(&object, &stored, elements)?;

    // Some codecs index beyond damaged data instead of refusing them.
    let decoded = std::panic::catch_unwind(|| object.decode_pixel_data_frame(frame))
        .map_err(|_| DicomError::Damaged { reason: "its decoder failed".to_owned() })?
        .map_err(damaged)?;
    let words: Vec<u16> = if decoded.bits_allocated() == 8 {
        decoded.data().iter().copied().map(u16::from).collect()
    } else {
        decoded.data_ow()
    };
    if words.len() != layout.pixels() {
        let reason = format!("its decoder gives {} of {} samples", words.len(), layout.pixels());
        return Err(DicomError::Damaged { reason });
    }

    // CT images must have both (PS3.3, C.8.2.1): without them the samples' zero is unknown.
    let number = |tag, attribute| {
        numbers(&groups, tag, attribute)?.map(|[value]| value).ok_or(DicomError::Missing { attribute })
    };
    let slope = number(tags::RESCALE_SLOPE, "RescaleSlope")?;
    let intercept = number(tags::RESCALE_INTERCEPT, "RescaleIntercept")?;
    if slope == 0.0 {
        return Err(DicomError::Value { attribute: "RescaleSlope", found: "0".to_owned() });
    }
    let inverted = kind::photometric(&object)? == "MONOCHROME1";
    let samples = words.iter().map(|word| {
        let hu = stored.sample(*word, &padding)?.map_or(f64::from(CtSlice::LEAST_HU), |value| {
            let seen = if inverted { stored.inverted(value) } else { value };
            seen as f64 * slope + intercept
        });
        #[allow(clippy::cast_possible_truncation, reason = "Hounsfield units are exact in float32")]
        let hu = hu as f32;
        Ok(hu)
    });
    let samples = samples.collect::<Result<_, DicomError>>()?;
    let spacing = spacing(&groups)?;
    Ok(CtFile { samples, width: layout.columns, height: layout.rows, spacing, is_picture: false })
}

/// How many frames the object states; one if it states none.
fn frames(object: &InMemDicomObject) -> Result<u32, DicomError> {
    let Some(frames) = integer(object, tags::NUMBER_OF_FRAMES, "NumberOfFrames")? else { return Ok(1) };
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
fn functional_groups(
    object: &InMemDicomObject,
    frame: u32,
    frames: u32,
) -> Result<Vec<&InMemDicomObject>, DicomError> {
    let per_frame =
        items(object, tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE, "PerFrameFunctionalGroupsSequence")?;
    let found = per_frame.map_or(0, <[_]>::len);
    if (per_frame.is_some() || kind::is_enhanced(object)?) && found != frames as usize {
        return Err(DicomError::FrameGroups { found, frames });
    }
    let shared = items(object, tags::SHARED_FUNCTIONAL_GROUPS_SEQUENCE, "SharedFunctionalGroupsSequence")?;
    let macros = [
        (tags::CT_IMAGE_FRAME_TYPE_SEQUENCE, "CTImageFrameTypeSequence"),
        (tags::PIXEL_VALUE_TRANSFORMATION_SEQUENCE, "PixelValueTransformationSequence"),
        (tags::PIXEL_MEASURES_SEQUENCE, "PixelMeasuresSequence"),
    ];
    let mut groups = vec![];
    for group in [per_frame.map(|items| &items[frame as usize]), shared.and_then(<[_]>::first)] {
        for (sequence, attribute) in macros {
            let items = group.map(|group| items(group, sequence, attribute)).transpose()?.flatten();
            groups.extend(items.and_then(<[_]>::first));
        }
    }
    groups.push(object);
    Ok(groups)
}

/// The distances of rows and of columns, which PixelAspectRatio must not contradict.
fn spacing(groups: &[&InMemDicomObject]) -> Result<Option<PixelSpacing>, DicomError> {
    let spacing = numbers(groups, tags::PIXEL_SPACING, "PixelSpacing")?
        .map(|[row_mm, column_mm]| PixelSpacing::new(row_mm, column_mm).map_err(DicomError::Spacing))
        .transpose()?;
    if let Some([height, width]) = numbers(groups, tags::PIXEL_ASPECT_RATIO, "PixelAspectRatio")? {
        let of_spacing = spacing.map_or(1.0, |spacing| spacing.row_mm() / spacing.column_mm());
        // 1:1 stands in files as the value of who has none.
        if height != width && ((height / width) / of_spacing - 1.0).abs() > SAME_RATIO {
            return Err(DicomError::AspectRatio { found: [height, width], spacing });
        }
    }
    Ok(spacing)
}
