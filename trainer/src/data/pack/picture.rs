//! A square picture of one grey channel as the bytes of a PNG: CT patches shrink to about 0.6 of their size.

use std::io::Cursor;

use png::{BitDepth, ColorType, Compression, Decoder, Encoder};
use recist::image::CtSlice;

use super::Depth;

/// What Hounsfield units are stored less of: DeepLesion's coding.
const OFFSET: f32 = 32768.0;

/// Codes `side` x `side` samples, row by row.
///
/// # Errors
/// If the coder fails.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturating")]
pub(super) fn encode(side: usize, depth: Depth, samples: &[f32]) -> Result<Vec<u8>, png::EncodingError> {
    let (bit_depth, bytes): (_, Vec<u8>) = match depth {
        Depth::U8 => (BitDepth::Eight, samples.iter().map(|&v| v as u8).collect()),
        Depth::I16 => {
            let coded = samples.iter().flat_map(|&v| ((v + OFFSET).round() as u16).to_be_bytes());
            (BitDepth::Sixteen, coded.collect())
        }
    };
    let mut file = Vec::new();
    let mut encoder = Encoder::new(&mut file, side as u32, side as u32);
    encoder.set_color(ColorType::Grayscale);
    encoder.set_depth(bit_depth);
    encoder.set_compression(Compression::Fast);
    encoder.write_header()?.write_image_data(&bytes)?;
    Ok(file)
}

/// Puts the samples into `target`; Hounsfield units below [`CtSlice::LEAST_HU`] as that.
///
/// # Errors
/// If the bytes are no such picture.
pub(super) fn decode(file: &[u8], side: usize, depth: Depth, target: &mut Vec<f32>) -> Result<(), String> {
    let mut reader = Decoder::new(Cursor::new(file)).read_info().map_err(|error| error.to_string())?;
    let expected = match depth {
        Depth::U8 => BitDepth::Eight,
        Depth::I16 => BitDepth::Sixteen,
    };
    let info = reader.info();
    if (info.color_type, info.bit_depth) != (ColorType::Grayscale, expected)
        || [info.width as usize, info.height as usize] != [side; 2]
    {
        return Err(format!(
            "{} x {} {:?} pixels where the index says otherwise",
            info.width, info.height, info.color_type
        ));
    }
    let mut bytes = vec![0; side * side * depth.bytes()];
    reader.next_frame(&mut bytes).map_err(|error| error.to_string())?;
    target.clear();
    match depth {
        Depth::U8 => target.extend(bytes.iter().map(|&v| f32::from(v))),
        Depth::I16 => {
            let samples = bytes.as_chunks::<2>().0.iter();
            let least = f32::from(CtSlice::LEAST_HU);
            target.extend(samples.map(|&v| (f32::from(u16::from_be_bytes(v)) - OFFSET).max(least)));
        }
    }
    Ok(())
}
