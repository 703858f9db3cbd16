//! Whether a JPEG picture is one that its decoder decodes, and all of it there (ITU-T T.81).
//!
//! jpeg-decoder 0.3 passes over restart intervals and point transforms of lossless pictures, and reads zeros where the
//! samples of a picture end early.

use super::error::DicomError;
use super::huffman::{Bits, Table};

/// What every JPEG picture begins with.
pub(super) const START_OF_IMAGE: [u8; 2] = [0xFF, 0xD8];

/// What the frame header of a JPEG picture states (B.2.2).
pub(super) struct JpegHeader {
    /// Columns and rows.
    pub(super) size: [usize; 2],
    pub(super) bits: u8,
    pub(super) components: u8,
    process: Process,
}

#[derive(Clone, Copy, PartialEq)]
enum Process {
    /// Baseline or extended sequential: blocks of 8 x 8 samples.
    Sequential,
    Lossless,
    /// Of another frame marker.
    Other(u8),
}

/// The segment of a marker, without its length.
struct Segment<'b> {
    marker: u8,
    content: &'b [u8],
    end: usize,
}

/// The next segment from `at` on; none if it is not whole. Of an end of image the content is empty.
fn segment(picture: &[u8], mut at: usize) -> Option<Segment<'_>> {
    loop {
        // Bytes between segments are skipped, as decoders do.
        at += picture.get(at..)?.iter().position(|byte| *byte == 0xFF)?;
        at += picture[at..].iter().position(|byte| *byte != 0xFF)? + 1;
        let marker = picture[at - 1];
        match marker {
            0x00 | 0x01 | 0xD0..=0xD8 => (),
            0xD9 => return Some(Segment { marker, content: &[], end: at }),
            _ => {
                let (length, _) = picture.get(at..)?.split_first_chunk()?;
                let end = at + usize::from(u16::from_be_bytes(*length));
                return Some(Segment { marker, content: picture.get(at + 2..end)?, end });
            }
        }
    }
}

impl JpegHeader {
    /// Of a picture; none if it has no frame header before its samples.
    pub(super) fn read(picture: &[u8]) -> Option<Self> {
        let mut at = 0;
        loop {
            let Segment { marker, content, end } = segment(picture, at)?;
            match marker {
                0xD9 | 0xDA => return None,
                0xC0..=0xC3 | 0xC5..=0xC7 | 0xC9..=0xCB | 0xCD..=0xCF => return Self::of(marker, content),
                _ => at = end,
            }
        }
    }

    fn of(marker: u8, content: &[u8]) -> Option<Self> {
        let [bits, y1, y0, x1, x0, components, ..] = *content else { return None };
        let size = [[x1, x0], [y1, y0]].map(|side| usize::from(u16::from_be_bytes(side)));
        let process = match marker {
            0xC0 | 0xC1 => Process::Sequential,
            0xC3 => Process::Lossless,
            other => Process::Other(other),
        };
        Some(Self { size, bits, components, process })
    }
}

/// Refuses a picture of one component that is not decoded as it is meant, or of which samples are missing.
pub(super) fn check(picture: &[u8]) -> Result<(), DicomError> {
    let damaged = |reason: &str| DicomError::Damaged { reason: format!("a JPEG picture {reason}") };
    let unsupported = |property, found| Err(DicomError::Jpeg { property, found });
    let mut tables = Tables::default();
    let (mut header, mut restart_interval, mut scans, mut at) = (None, 0, 0, 0);
    loop {
        let segment = segment(picture, at).ok_or_else(|| damaged("has no end"))?;
        let Segment { marker, content, end } = segment;
        at = end;
        match marker {
            0xD9 if scans == 1 => return Ok(()),
            0xD9 => return Err(damaged("has no samples")),
            0xC4 => {
                read_tables(content, &mut tables).ok_or_else(|| damaged("has a damaged Huffman table"))?
            }
            0xDD => restart_interval = content.first_chunk().map_or(0, |bytes| u16::from_be_bytes(*bytes)),
            0xC0..=0xCF if header.is_none() => header = JpegHeader::of(marker, content),
            0xDA => {
                let header = header.as_ref().ok_or_else(|| damaged("has no frame header"))?;
                let &[_, _, chosen, predictor, _, transform] = content else {
                    return Err(damaged("has a damaged scan header"));
                };
                if scans > 0 {
                    return Err(damaged("has more than one scan"));
                }
                scans += 1;
                match header.process {
                    Process::Other(marker) => return unsupported("frame marker", u16::from(marker)),
                    Process::Lossless if restart_interval != 0 => {
                        return unsupported("restart interval", restart_interval);
                    }
                    Process::Lossless if transform != 0 => {
                        return unsupported("point transform", u16::from(transform));
                    }
                    Process::Lossless if predictor == 0 => return unsupported("predictor", 0),
                    Process::Lossless | Process::Sequential => (),
                }
                let table = |class: usize, index: u8| {
                    let stated = tables[class].get(usize::from(index)).copied().flatten();
                    stated.and_then(Table::new).ok_or_else(|| damaged("has no Huffman table for its samples"))
                };
                let difference = table(0, chosen >> 4)?;
                let others;
                let unit = match header.process {
                    Process::Sequential => {
                        others = table(1, chosen & 15)?;
                        Unit::Block { first: &difference, others: &others }
                    }
                    _ => Unit::Sample(&difference),
                };
                at = unit.walk(picture, at, header.size, restart_interval)?;
            }
            _ => (),
        }
    }
}

/// The Huffman tables as they are stated, of sums of values (DC) and of single ones (AC).
type Tables<'b> = [[Option<&'b [u8]>; 4]; 2];

/// Puts the tables of a segment in their places (B.2.4.2).
fn read_tables<'b>(mut content: &'b [u8], tables: &mut Tables<'b>) -> Option<()> {
    while let [place, rest @ ..] = content {
        let symbols: usize = rest.first_chunk::<16>()?.iter().map(|count| usize::from(*count)).sum();
        let (table, next) = rest.split_at_checked(16 + symbols)?;
        *tables.get_mut(usize::from(place >> 4))?.get_mut(usize::from(place & 15))? = Some(table);
        content = next;
    }
    Some(())
}

/// What the samples of a picture are coded in.
enum Unit<'t> {
    Sample(&'t Table),
    Block { first: &'t Table, others: &'t Table },
}

impl Unit<'_> {
    /// Over all of a picture's units, from `at` to the marker behind them.
    fn walk(
        &self,
        picture: &[u8],
        at: usize,
        size: [usize; 2],
        restart_interval: u16,
    ) -> Result<usize, DicomError> {
        let side = if matches!(self, Self::Sample(_)) { 1 } else { 8 };
        let [columns, rows] = size.map(|pixels| pixels.div_ceil(side));
        let mut bits = Bits::new(picture, at);
        for unit in 0..columns * rows {
            if restart_interval > 0 && unit > 0 && unit % usize::from(restart_interval) == 0 {
                let at = bits.marker_at();
                let filling = picture[at..].iter().take_while(|byte| **byte == 0xFF).count();
                bits = Bits::new(picture, at + filling + 1);
            }
            self.skip(&mut bits).ok_or_else(|| DicomError::Damaged {
                reason: format!(
                    "the samples of a JPEG picture end in row {} of {}",
                    unit / columns * side + 1,
                    size[1]
                ),
            })?;
        }
        Ok(bits.marker_at())
    }

    /// Over one unit; none if it is not whole, or not one.
    fn skip(&self, bits: &mut Bits<'_>) -> Option<()> {
        match self {
            Self::Sample(table) => match bits.symbol(table)? {
                // A difference of 32768 has no bits (H.1.2.2).
                16 => Some(()),
                magnitude => bits.skip(magnitude),
            },
            Self::Block { first, others } => {
                let magnitude = bits.symbol(first)?;
                bits.skip(magnitude)?;
                let mut index = 1;
                while index < 64 {
                    let symbol = bits.symbol(others)?;
                    let (run, magnitude) = (symbol >> 4, symbol & 15);
                    // Without a magnitude only a run of 16 is no end of the block (F.1.2.2.1).
                    if magnitude == 0 && run != 15 {
                        break;
                    }
                    bits.skip(magnitude)?;
                    index += run + 1;
                }
                Some(())
            }
        }
    }
}
