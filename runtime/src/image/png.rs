//! PNG: reading grey pictures as slices, writing pictures. The only place that names the image crate.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, BufWriter, Cursor, Write};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use image::{ColorType, DynamicImage, ImageError, ImageFormat, ImageReader, Luma, Rgb};

use super::CtFile;
use super::ct_file::LONGEST_SIDE;

/// What DeepLesion adds to Hounsfield units to store them in 16 unsigned bits.
const DEEPLESION_OFFSET: f32 = 32768.0;

/// Where the samples of a slice lie in Hounsfield units; round metal an extended scale reaches higher in few of them.
const CREDIBLE_HU: RangeInclusive<f32> = -4096.0..=20_000.0;

/// The share of a slice's samples that may lie beyond [`CREDIBLE_HU`].
const MOST_BEYOND: f64 = 0.01;

/// The PNG specification's number for grey without transparency.
const GREY: u8 = 0;

/// What the number for a kind of colour contains where there is colour.
const COLOUR: u8 = 2;

/// What the number for a kind of colour contains where there is transparency.
const ALPHA: u8 = 4;

/// Why a PNG picture gives no slice, or cannot be written.
#[derive(Debug)]
#[non_exhaustive]
pub enum PngError {
    /// The picture is not 8-bit or 16-bit grey.
    Kind {
        /// Bits of each sample.
        depth: u8,
        /// The PNG specification's number for the kind of colour.
        colour: u8,
    },
    /// A side is longer than 8,192 pixels.
    Size {
        /// Columns.
        width: u32,
        /// Rows.
        height: u32,
    },
    /// The samples of a 16-bit picture are no Hounsfield units in DeepLesion's coding.
    Coding {
        /// The share of them that no slice has, of its lowest value apart: that can be padding.
        share: f64,
    },
    /// The file is damaged, cut short or cannot be written.
    Codec(ImageError),
}

pub(super) fn decode(bytes: &[u8]) -> Result<CtFile, PngError> {
    // The header chunk comes first and states size, bit depth and colour type (PNG specification, 11.2.1).
    if let Some(&[w0, w1, w2, w3, h0, h1, h2, h3, depth, colour]) = bytes.get(16..26) {
        if colour != GREY || !matches!(depth, 8 | 16) {
            return Err(PngError::Kind { depth, colour });
        }
        let [width, height] = [[w0, w1, w2, w3], [h0, h1, h2, h3]].map(u32::from_be_bytes);
        if width.max(height) as usize > LONGEST_SIDE {
            return Err(PngError::Size { width, height });
        }
    }
    let reader = ImageReader::with_format(Cursor::new(bytes), ImageFormat::Png);
    let picture = reader.decode().map_err(PngError::Codec)?;
    let (width, height) = (picture.width() as usize, picture.height() as usize);
    let (samples, is_picture) = match picture {
        DynamicImage::ImageLuma16(grey) => {
            let samples = grey.pixels().map(|p| f32::from(p.0[0]) - DEEPLESION_OFFSET).collect();
            (in_hounsfield_units(samples)?, false)
        }
        DynamicImage::ImageLuma8(grey) => (grey.pixels().map(|p| f32::from(p.0[0])).collect(), true),
        // Grey in the header is not grey alone where a tRNS chunk makes a grey value transparent.
        other => return Err(kind(other.color())),
    };
    Ok(CtFile { samples, width, height, spacing: None, is_picture })
}

/// The samples, if they are what DeepLesion's coding makes of a slice: those of signed samples, of stored values
/// without their intercept and of a picture's grey values are not.
fn in_hounsfield_units(samples: Vec<f32>) -> Result<Vec<f32>, PngError> {
    let padding = samples.iter().copied().fold(f32::INFINITY, f32::min);
    let beyond = samples.iter().filter(|&hu| *hu > padding && !CREDIBLE_HU.contains(hu)).count();
    let share = beyond as f64 / samples.len() as f64;
    if share > MOST_BEYOND { Err(PngError::Coding { share }) } else { Ok(samples) }
}

/// The refusal of what was decoded, in the PNG specification's numbers.
fn kind(colour: ColorType) -> PngError {
    let depth = colour.bits_per_pixel() / u16::from(colour.channel_count());
    let depth = u8::try_from(depth).expect("a sample has at most 32 bits");
    PngError::Kind {
        depth,
        colour: u8::from(colour.has_color()) * COLOUR + u8::from(colour.has_alpha()) * ALPHA,
    }
}

/// Writes a colour picture of `size` = columns, rows: to a new file beside `path`, then renamed.
///
/// # Errors
/// If the file cannot be written.
///
/// # Panics
/// If there are not as many pixels as columns times rows.
pub fn write_rgb(path: &Path, [width, height]: [u32; 2], pixels: &[[u8; 3]]) -> Result<(), PngError> {
    let picture = image::ImageBuffer::<Rgb<u8>, _>::from_raw(width, height, pixels.as_flattened().to_vec());
    save(path, picture.expect("a picture has as many pixels as columns times rows").into())
}

/// Writes Hounsfield units as 16-bit grey in DeepLesion's coding: to a new file beside `path`, then renamed.
///
/// # Errors
/// If the file cannot be written.
///
/// # Panics
/// If there are not as many samples as columns times rows.
pub fn write_grey16(path: &Path, [width, height]: [u32; 2], hu: &[i16]) -> Result<(), PngError> {
    let coded = hu.iter().map(|v| v.cast_unsigned() ^ 0x8000).collect();
    let picture = image::ImageBuffer::<Luma<u16>, Vec<u16>>::from_raw(width, height, coded);
    save(path, picture.expect("a picture has as many samples as columns times rows").into())
}

fn save(path: &Path, picture: DynamicImage) -> Result<(), PngError> {
    let failed = |error| PngError::Codec(ImageError::IoError(error));
    let (partial, file) = new_beside(path).map_err(failed)?;
    let mut writer = BufWriter::new(file);
    let saved = picture
        .write_to(&mut writer, ImageFormat::Png)
        .map_err(PngError::Codec)
        .and_then(|()| writer.flush().and_then(|()| fs::rename(&partial, path)).map_err(failed));
    if saved.is_err() {
        // The picture is lost either way; what matters is the first error.
        let _ = fs::remove_file(&partial);
    }
    saved
}

/// A file that was not there before, beside `path`: neither somebody's file nor what another process is writing.
fn new_beside(path: &Path) -> io::Result<(PathBuf, File)> {
    let mut number = 0_u64;
    loop {
        let mut partial = path.as_os_str().to_owned();
        partial.push(format!(".{number}.partial"));
        match File::create_new(&partial) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => number += 1,
            made => return made.map(|file| (partial.into(), file)),
        }
    }
}

impl fmt::Display for PngError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kind { depth, colour } => {
                let name = match colour {
                    0 => "grey",
                    2 => "colour",
                    3 => "palette",
                    4 => "grey with transparency",
                    6 => "colour with transparency",
                    _ => "unknown",
                };
                write!(f, "PNG is {depth}-bit {name}: only 8-bit and 16-bit grey are CT slices")
            }
            Self::Size { width, height } => {
                write!(
                    f,
                    "PNG is of {width} x {height} px: no CT slice has more than {LONGEST_SIDE} rows or columns"
                )
            }
            Self::Coding { share } => {
                let (percent, low, high) = (share * 100.0, CREDIBLE_HU.start(), CREDIBLE_HU.end());
                write!(
                    f,
                    "PNG is 16-bit grey, and {percent:.0} % of it lies beyond {low} to {high} HU: a 16-bit PNG holds \
                     Hounsfield units + 32768"
                )
            }
            Self::Codec(error) => write!(f, "PNG: {error}"),
        }
    }
}

impl std::error::Error for PngError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Kind { .. } | Self::Size { .. } | Self::Coding { .. } => None,
            Self::Codec(error) => Some(error),
        }
    }
}
