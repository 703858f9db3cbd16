//! What an object shows: only a slice of the patient has millimetres and Hounsfield units.

use dicom_object::{DefaultDicomObject, InMemDicomObject, Tag};

use super::attribute::{integer, text};
use super::error::DicomError;
use super::tags;
use super::transfer_syntax::JPEG_EXTENDED;

const CT_IMAGE: &str = "1.2.840.10008.5.1.4.1.1.2";

/// Enhanced CT and Legacy Converted Enhanced CT, whose frames have functional groups.
const ENHANCED: [&str; 2] = ["1.2.840.10008.5.1.4.1.1.2.1", "1.2.840.10008.5.1.4.1.1.2.2"];

/// What says for certain that a picture is no slice: attributes, from which of their values on, and the whole words in
/// one value. ImageType has them of the vendors, and what PS3.3 defined before (C.8.2.1.1.1 and C.8.16.1 to C.8.16.3).
const NO_SLICE: [(Tag, &str, usize, &[&str]); 6] = [
    (tags::IMAGE_TYPE, "ImageType", 2, &["LOCALIZER"]),
    (tags::FRAME_TYPE, "FrameType", 2, &["LOCALIZER"]),
    (tags::IMAGE_TYPE, "ImageType", 0, &COMPUTED),
    (tags::FRAME_TYPE, "FrameType", 0, &COMPUTED),
    (tags::VOLUMETRIC_PROPERTIES, "VolumetricProperties", 0, &["DISTORTED"]),
    (
        tags::VOLUME_BASED_CALCULATION_TECHNIQUE,
        "VolumeBasedCalculationTechnique",
        0,
        &["MAX_IP", "MIN_IP", "VOLUME_RENDER", "SURFACE_RENDER", "CURVED_MPR"],
    ),
];

const COMPUTED: [&str; 7] =
    ["PROJECTION IMAGE", "MIP", "MAX_IP", "MIN_IP", "SCREEN SAVE", "CURVED", "RENDERING"];

/// Refuses what is not a grey CT image.
pub(super) fn check_object(object: &DefaultDicomObject) -> Result<(), DicomError> {
    let extended = object.meta().transfer_syntax() == JPEG_EXTENDED;
    if let Some(bits) = integer(object, tags::BITS_STORED, "BitsStored")?.filter(|n| extended && *n > 8) {
        return Err(DicomError::ExtendedDepth { bits });
    }
    let modality = required(object, tags::MODALITY, "Modality")?;
    if modality != "CT" {
        return Err(DicomError::Modality { found: modality });
    }
    let uid = required(object, tags::SOP_CLASS_UID, "SOPClassUID")?;
    if uid != CT_IMAGE && !ENHANCED.contains(&uid.as_str()) {
        return Err(DicomError::Class { uid });
    }
    let found = photometric(object)?;
    let grey = found == "MONOCHROME1" || found == "MONOCHROME2";
    if !grey || integer(object, tags::SAMPLES_PER_PIXEL, "SamplesPerPixel")?.is_some_and(|n| n != 1) {
        return Err(DicomError::Photometric { found });
    }
    if object.get(tags::MODALITY_LUT_SEQUENCE).is_some() {
        return Err(DicomError::ModalityLut);
    }
    Ok(())
}

/// Refuses a frame that is no slice of the patient, where no pixel has a size or no sample is a Hounsfield unit.
pub(super) fn check_frame(groups: &[&InMemDicomObject]) -> Result<(), DicomError> {
    for group in groups {
        for (tag, attribute, first, words) in NO_SLICE {
            let Some(found) = text(group, tag, attribute)? else { continue };
            let mut values = found.split('\\').skip(first);
            if let Some(word) = values.find_map(|value| contained(value, words)) {
                return Err(DicomError::NoSlice { attribute, word, found });
            }
        }
        // US is unspecified, which most files mean by Hounsfield units.
        if let Some(found) = text(group, tags::RESCALE_TYPE, "RescaleType")?
            && !["HU", "US"].contains(&found.as_str())
        {
            return Err(DicomError::Value { attribute: "RescaleType", found });
        }
    }
    Ok(())
}

/// The first of `words` that `value` contains as a whole.
fn contained(value: &str, words: &[&'static str]) -> Option<&'static str> {
    let value = format!(" {} ", value.to_ascii_uppercase());
    words.iter().find(|word| value.contains(&format!(" {word} "))).copied()
}

/// Whether each frame of the object has functional groups of its own.
pub(super) fn is_enhanced(object: &InMemDicomObject) -> Result<bool, DicomError> {
    Ok(ENHANCED.contains(&required(object, tags::SOP_CLASS_UID, "SOPClassUID")?.as_str()))
}

pub(super) fn photometric(object: &InMemDicomObject) -> Result<String, DicomError> {
    required(object, tags::PHOTOMETRIC_INTERPRETATION, "PhotometricInterpretation")
}

fn required(object: &InMemDicomObject, tag: Tag, attribute: &'static str) -> Result<String, DicomError> {
    text(object, tag, attribute)?.ok_or(DicomError::Missing { attribute })
}
