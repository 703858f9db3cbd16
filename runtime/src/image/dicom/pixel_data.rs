//! Whether PixelData hold what the attributes state, before a decoder sees them: decoders trust what is stated,
//! and a picture laid out in other columns is sheared, with other millimetres.

use dicom_object::InMemDicomObject;

use super::attribute::integer;
use super::error::DicomError;
use super::jpeg::{self, JpegHeader, START_OF_IMAGE};
use super::tags;
use super::transfer_syntax::{Elements, Pictures};
use crate::image::ct_file::LONGEST_SIDE;

/// The layout of one frame, as the object states it.
pub(super) struct Layout {
    pub(super) columns: usize,
    pub(super) rows: usize,
    /// Of one sample: 1 or 2.
    bytes: usize,
}

impl Layout {
    pub(super) fn of(object: &InMemDicomObject) -> Result<Self, DicomError> {
        let value =
            |tag, attribute| integer(object, tag, attribute)?.ok_or(DicomError::Missing { attribute });
        let side = |tag, attribute| {
            let value = value(tag, attribute)?;
            usize::try_from(value)
                .ok()
                .filter(|v| (1..=LONGEST_SIDE).contains(v))
                .ok_or(DicomError::Value { attribute, found: value.to_string() })
        };
        let bytes = match value(tags::BITS_ALLOCATED, "BitsAllocated")? {
            8 => 1,
            16 => 2,
            other => return Err(DicomError::Value { attribute: "BitsAllocated", found: other.to_string() }),
        };
        Ok(Self { columns: side(tags::COLUMNS, "Columns")?, rows: side(tags::ROWS, "Rows")?, bytes })
    }

    /// BitsAllocated.
    pub(super) fn allocated(&self) -> u16 {
        if self.bytes == 1 { 8 } else { 16 }
    }

    pub(super) fn pixels(&self) -> usize {
        self.columns * self.rows
    }

    /// Refuses PixelData that are not `frames` pictures of this layout, of which `frame` is decoded next.
    pub(super) fn check(
        &self,
        object: &InMemDicomObject,
        (elements, pictures): (Elements, Pictures),
        frame: u32,
        frames: u32,
    ) -> Result<(), DicomError> {
        let data = object.get(tags::PIXEL_DATA).ok_or(DicomError::Missing { attribute: "PixelData" })?;
        match (pictures, data.value().fragments()) {
            // Whose bytes have no order, and so are not turned round.
            (Pictures::Native, None)
                if elements == Elements::ExplicitBigEndian
                    && self.bytes == 2
                    && data.vr().to_string() != "OW" =>
            {
                damaged("PixelData has words of 16 bits, big endian, but its VR is not OW")
            }
            (Pictures::Native, None) => {
                let found = data.to_bytes().map_or(0, |bytes| bytes.len());
                let needed = (self.pixels() * self.bytes).saturating_mul(frames as usize);
                // An odd length is padded to an even one.
                compare(found, needed, needed % 2)
            }
            (Pictures::RunLength, Some(fragments)) => {
                check_count(fragments.len(), frames)?;
                check_offsets(data.value().offset_table(), fragments, 0..fragments.len())?;
                self.check_run_length(&fragments[frame as usize])
            }
            (Pictures::Jpeg, Some(fragments)) => {
                let starts = |at: &usize| fragments[*at].starts_with(&START_OF_IMAGE);
                let starts: Vec<_> = (0..fragments.len()).filter(starts).collect();
                check_count(starts.len(), frames)?;
                check_offsets(data.value().offset_table(), fragments, starts.iter().copied())?;
                let ends = starts.iter().skip(1).copied().chain([fragments.len()]);
                let pictures = starts.iter().zip(ends).map(|(start, end)| &fragments[*start..end]);
                self.check_jpeg(object, pictures, frame)
            }
            (Pictures::Native, Some(_)) => damaged("PixelData is encapsulated, its transfer syntax is not"),
            (Pictures::RunLength | Pictures::Jpeg, None) => {
                damaged("PixelData is not encapsulated, its transfer syntax is")
            }
        }
    }

    /// A picture is one segment for each byte of a sample (PS3.5, annex G); none states its rows and columns.
    fn check_run_length(&self, fragment: &[u8]) -> Result<(), DicomError> {
        let long = |at: usize| {
            let bytes = fragment.get(at * 4..at * 4 + 4)?.try_into().ok()?;
            usize::try_from(u32::from_le_bytes(bytes)).ok()
        };
        if long(0) != Some(self.bytes) {
            return damaged("its RLE segments are not one for each byte of a sample");
        }
        for segment in 1..=self.bytes {
            let end = if segment == self.bytes { Some(fragment.len()) } else { long(segment + 1) };
            let bytes = long(segment).zip(end).and_then(|(start, end)| fragment.get(start..end));
            let Some(bytes) = bytes else { return damaged("an RLE segment lies outside its fragment") };
            // The byte that pads a segment to an even length can look like one more sample.
            compare(unpacked_length(bytes), self.pixels(), 1)?;
        }
        Ok(())
    }

    fn check_jpeg<'p>(
        &self,
        object: &InMemDicomObject,
        pictures: impl Iterator<Item = &'p [Vec<u8>]>,
        frame: u32,
    ) -> Result<(), DicomError> {
        let signed = integer(object, tags::PIXEL_REPRESENTATION, "PixelRepresentation")? == Some(1);
        let stored = integer(object, tags::BITS_STORED, "BitsStored")?.unwrap_or(0);
        for (number, fragments) in (0..).zip(pictures) {
            let picture = fragments.concat();
            let Some(JpegHeader { size, bits, components, .. }) = JpegHeader::read(&picture) else {
                return damaged("a JPEG picture has no frame header");
            };
            let stated = [self.columns, self.rows];
            if size != stated {
                return Err(DicomError::PictureSize { found: size, stated });
            }
            let bytes = if bits > 8 { 2 } else { 1 };
            if bits < 2 || bytes != self.bytes || components != 1 {
                return Err(DicomError::PictureDepth { bits, components, allocated: self.bytes * 8 });
            }
            if signed && i64::from(bits) < stored {
                return Err(DicomError::SignDepth { bits, stored });
            }
            if number == frame {
                jpeg::check(&picture)?;
            }
        }
        Ok(())
    }
}

/// Refuses a Basic Offset Table, if there is one, that does not name the fragments in which pictures start.
fn check_offsets(
    table: Option<&[u32]>,
    fragments: &[Vec<u8>],
    starts: impl IntoIterator<Item = usize>,
) -> Result<(), DicomError> {
    let table = table.unwrap_or_default();
    // Each fragment has a tag and a length before it (PS3.5, A.4).
    let ends = fragments.iter().scan(0, |end, bytes| {
        *end += bytes.len() + 8;
        Some(*end)
    });
    let all: Vec<usize> = [0].into_iter().chain(ends).collect();
    let offsets: Vec<_> = starts.into_iter().map(|fragment| all[fragment]).collect();
    if !table.is_empty() && !table.iter().map(|offset| *offset as usize).eq(offsets.iter().copied()) {
        let reason = format!("its Basic Offset Table is {table:?}, but its pictures start at {offsets:?}");
        return Err(DicomError::Damaged { reason });
    }
    Ok(())
}

fn damaged<T>(reason: &str) -> Result<T, DicomError> {
    Err(DicomError::Damaged { reason: reason.to_owned() })
}

fn check_count(found: usize, frames: u32) -> Result<(), DicomError> {
    if found == frames as usize { Ok(()) } else { Err(DicomError::Pictures { found, frames }) }
}

/// Refuses a length that is not `needed`, or up to `padding` more.
fn compare(found: usize, needed: usize, padding: usize) -> Result<(), DicomError> {
    if found < needed {
        Err(DicomError::Short { found, needed })
    } else if found - needed > padding {
        Err(DicomError::Long { found, needed })
    } else {
        Ok(())
    }
}

/// How many bytes a segment of run lengths unpacks to.
fn unpacked_length(mut segment: &[u8]) -> usize {
    let mut length = 0;
    while let [control, rest @ ..] = segment {
        let control = usize::from(*control);
        let (unpacked, taken) = match control {
            0..=127 => ((control + 1).min(rest.len()), control + 1),
            128 => (0, 0),
            _ => (257 - control, 1),
        };
        length += unpacked;
        segment = rest.get(taken..).unwrap_or_default();
    }
    length
}
