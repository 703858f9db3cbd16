//! How samples lie in their words, and which of them are padding.

use std::ops::RangeInclusive;

use dicom_object::{InMemDicomObject, Tag};

use super::attribute::{integer, word};
use super::error::DicomError;
use super::tags;
use super::transfer_syntax::Elements;

/// How samples are stored.
pub(super) struct Stored {
    /// BitsStored.
    pub(super) bits: u16,
    pub(super) signed: bool,
    /// The bits of a word above the stored ones that are no overlay's.
    above: u16,
}

impl Stored {
    /// Of an object whose samples have words of `allocated` bits. Where they are not compressed as pictures, bits above
    /// the stored ones may be overlays (PS3.3 of 2004, C.9.2).
    pub(super) fn of(object: &InMemDicomObject, allocated: u16, overlays: bool) -> Result<Self, DicomError> {
        let value = |tag, attribute| {
            let value = integer(object, tag, attribute)?.ok_or(DicomError::Missing { attribute })?;
            let refused = DicomError::Value { attribute, found: value.to_string() };
            u16::try_from(value).map_err(|_| refused)
        };
        let refused = |attribute, found: u16| Err(DicomError::Value { attribute, found: found.to_string() });
        let bits = value(tags::BITS_STORED, "BitsStored")?;
        if !(1..=allocated).contains(&bits) {
            return refused("BitsStored", bits);
        }
        let high_bit = value(tags::HIGH_BIT, "HighBit")?;
        if high_bit != bits - 1 {
            return refused("HighBit", high_bit);
        }
        let signed = match value(tags::PIXEL_REPRESENTATION, "PixelRepresentation")? {
            0 => false,
            1 => true,
            other => return refused("PixelRepresentation", other),
        };
        let overlaid = if overlays { overlaid(object)? } else { 0 };
        Ok(Self { bits, signed, above: ones(allocated) & !ones(bits) & !overlaid })
    }

    /// The value of a stored word: bits above the stored ones are not part of it.
    fn value(&self, word: u16) -> i64 {
        let unsigned = i64::from(word & ones(self.bits));
        if self.signed && unsigned >> (self.bits - 1) == 1 { unsigned - (1 << self.bits) } else { unsigned }
    }

    /// Whether the bits of `word` in `above` are 0 or extend the sign.
    fn is_whole(&self, word: u16, above: u16) -> bool {
        word & above == 0 || self.value(word) < 0 && word & above == above
    }

    /// The value that is as bright in MONOCHROME2 as `value` is in MONOCHROME1.
    pub(super) fn inverted(&self, value: i64) -> i64 {
        if self.signed { -1 - value } else { (1 << self.bits) - 1 - value }
    }

    /// The value of a sample; none if it is padding. Bits above the stored ones that mean nothing are refused: the
    /// sample may have them.
    pub(super) fn sample(&self, word: u16, padding: &Padding) -> Result<Option<i64>, DicomError> {
        let value = self.value(word);
        if padding.word == Some(word) {
            Ok(None)
        } else if self.is_whole(word, self.above) {
            Ok(Some(value)
                .filter(|value| !padding.values.as_ref().is_some_and(|range| range.contains(value))))
        } else {
            Err(DicomError::Sample { word, stored: self.bits })
        }
    }
}

/// The stored values that mark pixels outside the image (PixelPaddingValue, PixelPaddingRangeLimit).
pub(super) struct Padding {
    /// The whole word.
    word: Option<u16>,
    /// None if the stored bits do not hold them.
    values: Option<RangeInclusive<i64>>,
}

impl Padding {
    pub(super) fn of(
        object: &InMemDicomObject,
        stored: &Stored,
        elements: Elements,
    ) -> Result<Self, DicomError> {
        let [first, last] = [
            word(object, tags::PIXEL_PADDING_VALUE, "PixelPaddingValue", elements)?,
            word(object, tags::PIXEL_PADDING_RANGE_LIMIT, "PixelPaddingRangeLimit", elements)?,
        ];
        // Written as unsigned by some scanners where the samples are signed: only the bits count.
        let value = |word: u16| stored.is_whole(word, !ones(stored.bits)).then(|| stored.value(word));
        let ends = first.zip(last.or(first)).map(|(first, last)| (value(first), value(last)));
        let values = match (ends, last) {
            (Some((Some(first), Some(last))), _) => Some(first.min(last)..=first.max(last)),
            (Some(_), Some(last)) => {
                let found = format!("{last}, or PixelPaddingValue is not within BitsStored");
                return Err(DicomError::Value { attribute: "PixelPaddingRangeLimit", found });
            }
            _ => None,
        };
        Ok(Self { word: first, values })
    }
}

/// As many ones as a word has `bits`.
fn ones(bits: u16) -> u16 {
    u16::MAX.checked_shr(16 - u32::from(bits)).unwrap_or(0)
}

/// The bits of a word that the object declares as overlays: OverlayBitPosition of the groups 6000 to 601E.
fn overlaid(object: &InMemDicomObject) -> Result<u16, DicomError> {
    (0x6000..=0x601E).step_by(2).try_fold(0, |overlaid, group| {
        let position = integer(object, Tag(group, 0x0102), "OverlayBitPosition")?.unwrap_or(0);
        let bit = u32::try_from(position).ok().filter(|n| *n > 0).and_then(|n| 1_u16.checked_shl(n));
        Ok(overlaid | bit.unwrap_or(0))
    })
}
