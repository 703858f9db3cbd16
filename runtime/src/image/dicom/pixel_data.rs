//! Whether PixelData hold what the attributes state, before a decoder sees them: decoders trust what is stated,
//! and a picture laid out in other columns is sheared, with other millimetres.

use dicom_object::InMemDicomObject;

use super::error::DicomError;
use super::transfer_syntax::Pictures;
use super::{integer, tags};

/// More rows or columns than any scanner makes: a damaged header must not claim gigabytes.
const LONGEST_SIDE: usize = 8192;

/// What every JPEG picture begins with.
const START_OF_IMAGE: [u8; 2] = [0xFF, 0xD8];

/// The layout of one frame, as the object states it.
pub(super) struct Layout {
    pub(super) columns: usize,
    pub(super) rows: usize,
    /// Of one sample: 1 or 2.
    bytes: usize,
}

impl Layout {
    pub(super) fn of(object: &InMemDicomObject) -> Result<Self, DicomError> {
        let value = |tag, attribute| integer(object, tag).ok_or(DicomError::Missing { attribute });
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

    pub(super) fn pixels(&self) -> usize {
        self.columns * self.rows
    }

    /// Refuses PixelData that are not `frames` pictures of this layout, of which `frame` is decoded next.
    pub(super) fn check(
        &self,
        object: &InMemDicomObject,
        pictures: Pictures,
        frame: u32,
        frames: u32,
    ) -> Result<(), DicomError> {
        let data = object.get(tags::PIXEL_DATA).ok_or(DicomError::Missing { attribute: "PixelData" })?;
        match (pictures, data.value().fragments()) {
            (Pictures::Native, None) => {
                let found = data.to_bytes().map_or(0, |bytes| bytes.len());
                let needed = (self.pixels() * self.bytes).saturating_mul(frames as usize);
                // An odd length is padded to an even one.
                compare(found, needed, needed % 2)
            }
            (Pictures::RunLength, Some(fragments)) => {
                check_count(fragments.len(), frames)?;
                self.check_run_length(&fragments[frame as usize])
            }
            (Pictures::Jpeg, Some(fragments)) => self.check_jpeg(fragments, frames),
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

    fn check_jpeg(&self, fragments: &[Vec<u8>], frames: u32) -> Result<(), DicomError> {
        let starts = |at: &usize| fragments[*at].starts_with(&START_OF_IMAGE);
        let starts: Vec<_> = (0..fragments.len()).filter(starts).collect();
        check_count(starts.len(), frames)?;
        for at in starts {
            let Some(found) = JpegHeader::read(fragments[at..].iter().flatten().copied()) else {
                return damaged("a JPEG picture has no frame header");
            };
            let stated = [self.columns, self.rows];
            if found.size != stated {
                return Err(DicomError::PictureSize { found: found.size, stated });
            }
            let JpegHeader { bits, components, .. } = found;
            let bytes = if bits > 8 { 2 } else { 1 };
            if bits < 2 || bytes != self.bytes || components != 1 {
                return Err(DicomError::PictureDepth { bits, components, allocated: self.bytes * 8 });
            }
        }
        Ok(())
    }
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

/// What the frame header of a JPEG picture states (ITU-T T.81, B.2.2).
struct JpegHeader {
    /// Columns and rows.
    size: [usize; 2],
    bits: u8,
    components: u8,
}

impl JpegHeader {
    /// Of the picture that starts with `bytes`; none if it has no frame header before its samples.
    fn read(mut bytes: impl Iterator<Item = u8>) -> Option<Self> {
        loop {
            // Bytes between segments are skipped, as decoders do.
            bytes.find(|byte| *byte == 0xFF)?;
            let marker = bytes.find(|byte| *byte != 0xFF)?;
            if matches!(marker, 0x00 | 0x01 | 0xD0..=0xD8) {
                continue;
            }
            match marker {
                0xD9 | 0xDA => return None,
                0xC0..=0xC3 | 0xC5..=0xC7 | 0xC9..=0xCB | 0xCD..=0xCF => {
                    let (_length, bits) = (short(&mut bytes)?, bytes.next()?);
                    let (rows, columns) = (short(&mut bytes)?, short(&mut bytes)?);
                    return Some(Self { size: [columns, rows], bits, components: bytes.next()? });
                }
                _ => {
                    let rest = short(&mut bytes)?.checked_sub(2)?;
                    if rest > 0 {
                        bytes.nth(rest - 1)?;
                    }
                }
            }
        }
    }
}

fn short(bytes: &mut impl Iterator<Item = u8>) -> Option<usize> {
    Some(usize::from(u16::from_be_bytes([bytes.next()?, bytes.next()?])))
}
