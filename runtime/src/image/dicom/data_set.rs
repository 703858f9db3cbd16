//! Opening a DICOM Part 10 file within the memory that its size allows.
//!
//! The parser reserves and fills as many bytes as an element states before it reads one, and calls itself for each
//! sequence in a sequence. So the elements are walked first, as the parser walks them (dicom-parser 0.10,
//! `dataset/read.rs`): no length may exceed the bytes that follow it, and what the parser would guess at is refused.

use std::collections::BTreeMap;
use std::io::Read;

use dicom_object::{DefaultDicomObject, FileMetaTable, OpenFileOptions, Tag};
use flate2::read::DeflateDecoder;

use super::error::DicomError;
use super::tags;
use super::transfer_syntax::{Elements, Pictures, TransferSyntax};

/// Where the file meta information starts: behind the preamble and "DICM" (PS3.10, 7.1).
const META_AT: usize = 132;

/// FileMetaInformationGroupLength.
const META_LENGTH: Tag = Tag(0x0002, 0x0000);

/// A thousand slices of 512 x 512: no deflated object is larger, and few bytes can claim any size.
const LARGEST_INFLATED: u64 = 512 << 20;

/// Deeper sequences than any CT object has.
const DEEPEST: usize = 32;

const ITEM: u16 = 0xE000;
const ITEM_END: u16 = 0xE00D;
const SEQUENCE_END: u16 = 0xE0DD;

/// The group of [`ITEM`], [`ITEM_END`] and [`SEQUENCE_END`].
const DELIMITERS: u16 = 0xFFFE;

/// Value representations whose explicit length has 16 bits (PS3.5, 7.1.2).
const SHORT: [Representation; 21] = [
    *b"AE", *b"AS", *b"AT", *b"CS", *b"DA", *b"DS", *b"DT", *b"FD", *b"FL", *b"IS", *b"LO", *b"LT", *b"PN",
    *b"SH", *b"SL", *b"SS", *b"ST", *b"TM", *b"UI", *b"UL", *b"US",
];

/// Two letters for the type of a value.
type Representation = [u8; 2];

/// Up to the data set, a file whose elements state no value representation.
const IMPLICIT: &[u8] = b"DICM\x02\0\0\0UL\x04\0\x1A\0\0\0\x02\0\x10\0UI\x12\x001.2.840.10008.1.2\0";

/// The object in a file, and how its elements and its pictures are written.
pub(super) fn open(bytes: &[u8]) -> Result<(DefaultDicomObject, (Elements, Pictures)), DicomError> {
    let meta_end = meta_end(bytes)?;
    let meta = FileMetaTable::from_reader(&bytes[META_AT - 4..meta_end]).map_err(damaged)?;
    let uid = meta.transfer_syntax();
    let syntax = TransferSyntax::find(uid).and_then(|syntax| Some((syntax.elements, syntax.pictures?)));
    let Some((elements, pictures)) = syntax else {
        return Err(DicomError::TransferSyntax { uid: uid.to_owned() });
    };
    let inflated;
    let data_set = if elements == Elements::Deflated {
        inflated = inflate(&bytes[meta_end..])?;
        &inflated
    } else {
        &bytes[meta_end..]
    };
    Walk::over(data_set, 0, elements).data_set(None, 0)?;
    let object = OpenFileOptions::new().from_reader(bytes).map_err(damaged)?;
    Ok((object, (elements, pictures)))
}

/// Where the file meta information ends; it is always explicit and little endian, and begins with its length.
fn meta_end(bytes: &[u8]) -> Result<usize, DicomError> {
    let mut walk = Walk::over(bytes, META_AT, Elements::ExplicitLittleEndian);
    let length = walk.header().filter(|header| header.tag == META_LENGTH && header.length == Some(4));
    let Some(stated) = length.and_then(|_| walk.take()).map(u32::from_le_bytes) else {
        let reason = "its meta information does not begin with its length".to_owned();
        return Err(DicomError::Damaged { reason });
    };
    let start = walk.at;
    let mut previous = Some(META_LENGTH);
    while walk.at - start < stated as usize {
        let Some(header) = walk.header() else {
            let reason = format!("its meta information states {stated} bytes, {} are there", walk.at - start);
            return Err(DicomError::Damaged { reason });
        };
        check_order(&mut previous, &header)?;
        walk.at = walk.value_end(&header)?.ok_or_else(|| out_of_place(&header))?;
    }
    Ok(walk.at)
}

/// The bytes of a deflated data set.
fn inflate(deflated: &[u8]) -> Result<Vec<u8>, DicomError> {
    let mut inflated = Vec::new();
    let mut decoder = DeflateDecoder::new(deflated).take(LARGEST_INFLATED + 1);
    decoder.read_to_end(&mut inflated).map_err(damaged)?;
    if inflated.len() as u64 > LARGEST_INFLATED {
        let reason = format!("its deflated data set is longer than {LARGEST_INFLATED} bytes");
        return Err(DicomError::Damaged { reason });
    }
    Ok(inflated)
}

/// What the parser says, with all its causes.
pub(super) fn damaged(error: impl std::error::Error) -> DicomError {
    let mut reason = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        reason = format!("{reason}: {error}");
        cause = error.source();
    }
    DicomError::Damaged { reason }
}

/// The value representation that the parser assumes where none is stated. Its dictionary is private, but an object of
/// one empty element shows the answer.
fn implied(tag: Tag) -> Representation {
    let element = [tag.0.to_le_bytes(), tag.1.to_le_bytes(), [0; 2], [0; 2]];
    let object = OpenFileOptions::new().from_reader(&[IMPLICIT, element.as_flattened()].concat()[..]);
    let representation = object.ok().and_then(|object| Some(object.get(tag)?.vr().to_string()));
    representation.and_then(|letters| letters.as_bytes().try_into().ok()).unwrap_or(*b"UN")
}

/// The bytes of the words that the parser reads a value in. What is left of a last word it takes for the next element.
fn word_bytes(representation: Representation) -> u32 {
    match &representation {
        b"OW" | b"SS" | b"US" => 2,
        b"AT" | b"FL" | b"OF" | b"OL" | b"SL" | b"UL" => 4,
        b"FD" | b"OD" | b"OV" | b"SV" | b"UV" => 8,
        _ => 1,
    }
}

/// The header of an element, an item or a delimiter.
struct Header {
    tag: Tag,
    representation: Representation,
    /// None if it is not defined: a delimiter ends the value.
    length: Option<u32>,
    /// Where it starts.
    at: usize,
}

fn out_of_place(Header { tag: Tag(group, number), at, .. }: &Header) -> DicomError {
    DicomError::Damaged { reason: format!("({group:04X},{number:04X}) at byte {at} is out of place") }
}

/// Refuses an element that is there twice, of which the parser takes the last, or that is not in its place (PS3.5,
/// 7.1).
fn check_order(previous: &mut Option<Tag>, header: &Header) -> Result<(), DicomError> {
    let Tag(group, number) = header.tag;
    let reason = match previous.replace(header.tag) {
        Some(previous) if previous == header.tag => "is there twice".to_owned(),
        Some(Tag(g, n)) if Tag(g, n) > header.tag => format!("is behind ({g:04X},{n:04X})"),
        _ => return Ok(()),
    };
    Err(DicomError::Damaged { reason: format!("({group:04X},{number:04X}) at byte {} {reason}", header.at) })
}

/// A place in a data set that moves from header to header.
struct Walk<'b> {
    bytes: &'b [u8],
    at: usize,
    elements: Elements,
    implied: BTreeMap<Tag, Representation>,
}

impl<'b> Walk<'b> {
    fn over(bytes: &'b [u8], at: usize, elements: Elements) -> Self {
        Self { bytes, at, elements, implied: BTreeMap::new() }
    }

    /// Over the elements of the data set, or of an item that ends at `end` or with a delimiter.
    fn data_set(&mut self, end: Option<usize>, depth: usize) -> Result<(), DicomError> {
        let mut previous = None;
        while !self.is_past(end)? {
            let Some(header) = self.header() else { return Ok(()) };
            let value_end = self.value_end(&header)?;
            if header.tag.0 != DELIMITERS {
                check_order(&mut previous, &header)?;
            }
            match (header.tag, value_end) {
                (Tag(DELIMITERS, ITEM_END), _) if depth > 0 => return Ok(()),
                // The parser ignores them where they end nothing.
                (Tag(DELIMITERS, ITEM_END), _) => (),
                (Tag(DELIMITERS, _), Some(end)) if end == self.at => (),
                (Tag(DELIMITERS, _), _) => return Err(out_of_place(&header)),
                (tags::PIXEL_DATA, None) if header.representation != *b"SQ" => self.fragments()?,
                (_, None) => self.sequence(None, depth + 1)?,
                (_, Some(end)) => {
                    if header.representation == *b"SQ" {
                        self.sequence(Some(end), depth + 1)?;
                        if self.at != end {
                            return Err(out_of_place(&header));
                        }
                    }
                    self.at = end;
                }
            }
        }
        Ok(())
    }

    /// Over the items of a sequence that ends at `end` or with a delimiter.
    fn sequence(&mut self, end: Option<usize>, depth: usize) -> Result<(), DicomError> {
        if depth > DEEPEST {
            return Err(DicomError::Damaged { reason: format!("sequences nest deeper than {DEEPEST}") });
        }
        while !self.is_past(end)? {
            let Some(header) = self.header() else { return Ok(()) };
            let value_end = self.value_end(&header)?;
            match header.tag {
                Tag(DELIMITERS, ITEM) => self.data_set(value_end, depth)?,
                Tag(DELIMITERS, SEQUENCE_END) => return Ok(()),
                _ => return Err(out_of_place(&header)),
            }
        }
        Ok(())
    }

    /// Over the table of offsets and the fragments of encapsulated pixel data.
    fn fragments(&mut self) -> Result<(), DicomError> {
        while let Some(header) = self.header() {
            match (header.tag, self.value_end(&header)?) {
                (Tag(DELIMITERS, ITEM), Some(end)) => self.at = end,
                (Tag(DELIMITERS, SEQUENCE_END), _) => return Ok(()),
                _ => return Err(out_of_place(&header)),
            }
        }
        Ok(())
    }

    /// Whether the walk has come to `end`.
    fn is_past(&self, end: Option<usize>) -> Result<bool, DicomError> {
        match end {
            Some(end) if self.at > end => {
                Err(DicomError::Damaged { reason: format!("a sequence or item does not end at byte {end}") })
            }
            end => Ok(end == Some(self.at)),
        }
    }

    /// Where the value after `header` ends; none if it ends with a delimiter.
    fn value_end(&mut self, header: &Header) -> Result<Option<usize>, DicomError> {
        let Some(stated) = header.length else { return Ok(None) };
        let remaining = self.bytes.len() - self.at;
        if stated as usize > remaining {
            let element = (header.tag.0, header.tag.1);
            return Err(DicomError::Overlong { element, stated, remaining });
        }
        let whole = stated.is_multiple_of(word_bytes(header.representation));
        // Some attributes are read in words of two bytes whatever they state, if the samples are signed.
        if !whole || stated % 2 == 1 && matches!(&self.implied(header.tag), b"SS" | b"US") {
            return Err(out_of_place(header));
        }
        Ok(Some(self.at + stated as usize))
    }

    /// The next header; none, and the walk is at its end, if not all of it is there.
    fn header(&mut self) -> Option<Header> {
        let at = self.at;
        let header = self.whole_header(at);
        if header.is_none() {
            self.at = self.bytes.len();
        }
        header
    }

    fn whole_header(&mut self, at: usize) -> Option<Header> {
        let tag = Tag(self.short()?, self.short()?);
        if tag.0 == DELIMITERS || self.elements == Elements::ImplicitLittleEndian {
            let length = self.defined_length()?;
            let representation = if tag.0 == DELIMITERS { *b"UN" } else { self.implied(tag) };
            return Some(Header { tag, representation, length, at });
        }
        let representation = self.take()?;
        let length = if SHORT.contains(&representation) {
            Some(u32::from(self.short()?))
        } else {
            self.short()?;
            self.defined_length()?
        };
        Some(Header { tag, representation, length, at })
    }

    fn implied(&mut self, tag: Tag) -> Representation {
        *self.implied.entry(tag).or_insert_with(|| implied(tag))
    }

    fn defined_length(&mut self) -> Option<Option<u32>> {
        let bytes = self.take()?;
        let big = self.elements == Elements::ExplicitBigEndian;
        let length = if big { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) };
        Some((length != u32::MAX).then_some(length))
    }

    fn short(&mut self) -> Option<u16> {
        let bytes = self.take()?;
        let big = self.elements == Elements::ExplicitBigEndian;
        Some(if big { u16::from_be_bytes(bytes) } else { u16::from_le_bytes(bytes) })
    }

    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let bytes = self.bytes.get(self.at..)?.first_chunk()?;
        self.at += N;
        Some(*bytes)
    }
}
