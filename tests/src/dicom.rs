//! DICOM objects changed by hand: the small ones of `golden/dicom`, explicit and little endian.

use std::fs;

use recist::image::CtFile;

use crate::golden;

/// Group and number of an element as a file has them.
pub type Tag<'b> = &'b [u8];

/// ImageType.
pub const IMAGE_TYPE: Tag = b"\x08\0\x08\0";
/// SOPClassUID.
pub const SOP_CLASS_UID: Tag = b"\x08\0\x16\0";
/// Modality.
pub const MODALITY: Tag = b"\x08\0\x60\0";
/// NumberOfFrames.
pub const NUMBER_OF_FRAMES: Tag = b"\x28\0\x08\0";
/// Rows.
pub const ROWS: Tag = b"\x28\0\x10\0";
/// Columns.
pub const COLUMNS: Tag = b"\x28\0\x11\0";
/// PixelSpacing.
pub const PIXEL_SPACING: Tag = b"\x28\0\x30\0";
/// PixelAspectRatio.
pub const PIXEL_ASPECT_RATIO: Tag = b"\x28\0\x34\0";
/// BitsAllocated.
pub const BITS_ALLOCATED: Tag = b"\x28\0\x00\x01";
/// BitsStored.
pub const BITS_STORED: Tag = b"\x28\0\x01\x01";
/// HighBit.
pub const HIGH_BIT: Tag = b"\x28\0\x02\x01";
/// PixelRepresentation.
pub const PIXEL_REPRESENTATION: Tag = b"\x28\0\x03\x01";
/// PixelPaddingValue.
pub const PIXEL_PADDING_VALUE: Tag = b"\x28\0\x20\x01";
/// RescaleIntercept.
pub const RESCALE_INTERCEPT: Tag = b"\x28\0\x52\x10";
/// RescaleSlope.
pub const RESCALE_SLOPE: Tag = b"\x28\0\x53\x10";
/// RescaleType.
pub const RESCALE_TYPE: Tag = b"\x28\0\x54\x10";
/// SharedFunctionalGroupsSequence.
pub const SHARED_FUNCTIONAL_GROUPS: Tag = b"\x00\x52\x29\x92";
/// PerFrameFunctionalGroupsSequence.
pub const PER_FRAME_FUNCTIONAL_GROUPS: Tag = b"\x00\x52\x30\x92";

/// The object of this name.
///
/// # Panics
/// If there is none.
#[must_use]
pub fn object(name: &str) -> Vec<u8> {
    fs::read(golden(&format!("dicom/{name}.dcm"))).unwrap()
}

/// An element. A text is padded to an even length.
///
/// # Panics
/// If the value is longer than a short length states.
#[must_use]
pub fn element(tag: Tag<'_>, representation: &str, value: &[u8]) -> Vec<u8> {
    let padding = &b" "[..value.len() % 2];
    let length = value.len() + padding.len();
    let (short, long) =
        (u16::try_from(length).unwrap().to_le_bytes(), u32::try_from(length).unwrap().to_le_bytes());
    let length = if has_long_length(representation.as_bytes()) {
        [&[0; 2], &long[..]].concat()
    } else {
        short.to_vec()
    };
    [tag, representation.as_bytes(), &length, value, padding].concat()
}

/// An element of one number of two bytes.
#[must_use]
pub fn number(tag: Tag<'_>, value: u16) -> Vec<u8> {
    element(tag, "US", &value.to_le_bytes())
}

/// A sequence of items.
///
/// # Panics
/// If they are longer than a length states.
#[must_use]
pub fn sequence(tag: Tag<'_>, items: &[&[u8]]) -> Vec<u8> {
    let item = |content: &&[u8]| {
        [b"\xFE\xFF\x00\xE0", &u32::try_from(content.len()).unwrap().to_le_bytes()[..], content].concat()
    };
    element(tag, "SQ", &items.iter().flat_map(item).collect::<Vec<_>>())
}

fn has_long_length(representation: &[u8]) -> bool {
    [b"OB", b"OW", b"SQ", b"UN"].iter().any(|long| *long == representation)
}

/// The object with `elements` in place of the one that has the tag, or where it would be.
///
/// # Panics
/// If the object is none.
#[must_use]
pub fn with(object: &[u8], tag: Tag<'_>, elements: &[u8]) -> Vec<u8> {
    let key = |tag: &[u8]| [tag[1], tag[0], tag[3], tag[2]];
    // Behind the preamble and the file meta information.
    let mut at = 144 + usize::try_from(u32::from_le_bytes(object[140..144].try_into().unwrap())).unwrap();
    while key(&object[at..at + 4]) < key(tag) {
        at = end(object, at);
    }
    let rest = if &object[at..at + 4] == tag { end(object, at) } else { at };
    [&object[..at], elements, &object[rest..]].concat()
}

/// Where the element ends that starts at `at`.
fn end(object: &[u8], at: usize) -> usize {
    if has_long_length(&object[at + 4..at + 6]) {
        let length = u32::from_le_bytes(object[at + 8..at + 12].try_into().unwrap());
        at + 12 + usize::try_from(length).unwrap()
    } else {
        at + 8 + usize::from(u16::from_le_bytes([object[at + 6], object[at + 7]]))
    }
}

/// The object with other encapsulated pixel data: a table of offsets, and fragments.
///
/// # Panics
/// If the object has none that are encapsulated.
#[must_use]
pub fn with_fragments(object: &[u8], offsets: &[u32], fragments: &[&[u8]]) -> Vec<u8> {
    let at = object.windows(6).rposition(|w| w == b"\xE0\x7F\x10\0OB").unwrap();
    let offsets: Vec<u8> = offsets.iter().flat_map(|offset| offset.to_le_bytes()).collect();
    let mut changed = object[..at + 12].to_vec();
    for fragment in [&offsets[..]].iter().chain(fragments) {
        let even = fragment.len().next_multiple_of(2);
        changed.extend(b"\xFE\xFF\x00\xE0");
        changed.extend(u32::try_from(even).unwrap().to_le_bytes());
        changed.extend(*fragment);
        changed.resize(changed.len() + even - fragment.len(), 0);
    }
    changed.extend(b"\xFE\xFF\xDD\xE0\0\0\0\0");
    changed
}

/// The last fragment of the object's encapsulated pixel data.
///
/// # Panics
/// If the object has none.
#[must_use]
pub fn fragment(object: &[u8]) -> Vec<u8> {
    let at = object.windows(4).rposition(|w| w == b"\xFE\xFF\x00\xE0").unwrap();
    object[at + 8..object.len() - 8].to_vec()
}

/// Why the first frame of the object is refused, or "none".
#[must_use]
pub fn refusal(object: &[u8]) -> String {
    refusal_of(object, None)
}

/// Why a frame of the object is refused, or "none".
#[must_use]
pub fn refusal_of(object: &[u8], frame: Option<u32>) -> String {
    CtFile::decode(object, frame).map_or_else(|error| error.to_string(), |_| "none".to_owned())
}
