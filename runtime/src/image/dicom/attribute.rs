//! Reading attributes: what has another form than it should have is refused, never taken for an attribute that is
//! not given.

use std::borrow::Cow;

use dicom_object::mem::InMemElement;
use dicom_object::{InMemDicomObject, Tag};

use super::error::DicomError;
use super::transfer_syntax::Elements;

/// The text of an attribute, its values separated by backslashes; none if it is empty. UN is read as text, and what no
/// text has is replaced.
pub(super) fn text(
    object: &InMemDicomObject,
    tag: Tag,
    attribute: &'static str,
) -> Result<Option<String>, DicomError> {
    let Some(element) = object.get(tag) else { return Ok(None) };
    let text = match (bytes(element), element.value().primitive()) {
        (Some(bytes), _) => String::from_utf8_lossy(&bytes).into_owned(),
        (None, Some(primitive)) => primitive.to_str().into_owned(),
        (None, None) => return Err(DicomError::Value { attribute, found: "a sequence".to_owned() }),
    };
    let text = text.trim_matches(['\0', ' ']).replace(char::is_control, "\u{FFFD}");
    Ok((!text.is_empty()).then_some(text))
}

/// The one integer of an attribute.
pub(super) fn integer(
    object: &InMemDicomObject,
    tag: Tag,
    attribute: &'static str,
) -> Result<Option<i64>, DicomError> {
    let Some(found) = text(object, tag, attribute)? else { return Ok(None) };
    found.parse().map(Some).map_err(|_| DicomError::Value { attribute, found })
}

/// The finite numbers of an attribute in the first group where it is not empty; anything but `N` of them is refused.
pub(super) fn numbers<const N: usize>(
    groups: &[&InMemDicomObject],
    tag: Tag,
    attribute: &'static str,
) -> Result<Option<[f64; N]>, DicomError> {
    for group in groups {
        let Some(found) = text(group, tag, attribute)? else { continue };
        let values: Result<Vec<f64>, _> = found.split('\\').map(|value| value.trim().parse()).collect();
        let values = values.ok().and_then(|values| <[f64; N]>::try_from(values).ok());
        return match values.filter(|values| values.iter().all(|value| value.is_finite())) {
            Some(values) => Ok(Some(values)),
            None => Err(DicomError::Value { attribute, found }),
        };
    }
    Ok(None)
}

/// The one word of an attribute that has the type of the samples, US or SS: only its bits count. UN is two bytes.
pub(super) fn word(
    object: &InMemDicomObject,
    tag: Tag,
    attribute: &'static str,
    elements: Elements,
) -> Result<Option<u16>, DicomError> {
    let bytes = object.get(tag).and_then(bytes);
    if let Some(bytes) = bytes.and_then(|bytes| <[u8; 2]>::try_from(&*bytes).ok()) {
        let big = elements == Elements::ExplicitBigEndian;
        return Ok(Some(if big { u16::from_be_bytes(bytes) } else { u16::from_le_bytes(bytes) }));
    }
    let Some(value) = integer(object, tag, attribute)? else { return Ok(None) };
    let word = u16::try_from(value).or_else(|_| i16::try_from(value).map(i16::cast_unsigned));
    word.map(Some).map_err(|_| DicomError::Value { attribute, found: value.to_string() })
}

/// The items of a sequence; none if it is not there.
pub(super) fn items<'o>(
    object: &'o InMemDicomObject,
    tag: Tag,
    attribute: &'static str,
) -> Result<Option<&'o [InMemDicomObject]>, DicomError> {
    let Some(element) = object.get(tag) else { return Ok(None) };
    let found = || DicomError::Value { attribute, found: "not a sequence".to_owned() };
    element.items().map(Some).ok_or_else(found)
}

/// The bytes of an element that states nothing else about its value.
fn bytes(element: &InMemElement) -> Option<Cow<'_, [u8]>> {
    let untyped = ["OB", "UN"].contains(&element.vr().to_string());
    element.value().primitive().filter(|_| untyped).map(|value| value.to_bytes())
}
