use core::fmt;

use crate::geometry::{BoxError, LesionBox, PixelSpacing, SpacingError};

/// Numbers at the head of every vector: width, height (u32), then spacing, box and expectation (f64).
const HEAD_BYTES: usize = 8 + 8 * (2 + 4 + EXPECTED);
const EXPECTED: usize = 9;

/// A slice with a rough box, and what the model measures on it to the bit.
///
/// ```text
/// u32 width, u32 height, f64 row mm, f64 column mm, f64 x0, y0, x1, y1,
/// f64 x, y of long start, long end, short start, short end, f64 confidence,
/// i16 Hounsfield units, width * height, row by row; zero bytes up to a multiple of 8
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TestVector<'a> {
    /// Columns of the slice.
    pub width: usize,
    /// Rows of the slice.
    pub height: usize,
    /// The slice's pixel spacing.
    pub spacing: PixelSpacing,
    /// The rough box.
    pub area: LesionBox,
    /// x and y of long start, long end, short start, short end on the slice, then the confidence.
    pub expected: [f64; EXPECTED],
    samples: &'a [u8],
}

/// All test vectors of a bundle; there may be none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TestVectors<'a> {
    bytes: &'a [u8],
}

/// Why test vectors cannot be used.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum VectorError {
    /// A vector is cut short.
    Short {
        /// Where it begins in the section.
        at: usize,
    },
    /// A vector's spacing is not one.
    Spacing(SpacingError),
    /// A vector's box is not one.
    Area(BoxError),
}

impl<'a> TestVectors<'a> {
    /// Checks that `bytes` are whole vectors.
    ///
    /// # Errors
    /// See [`VectorError`].
    pub fn parse(bytes: &'a [u8]) -> Result<Self, VectorError> {
        let mut rest = bytes;
        while !rest.is_empty() {
            let at = bytes.len() - rest.len();
            rest = TestVector::parse(rest, at)?.1;
        }
        Ok(Self { bytes })
    }

    /// The vectors in the order of the file.
    pub fn iter(self) -> impl Iterator<Item = TestVector<'a>> {
        let mut rest = self.bytes;
        core::iter::from_fn(move || {
            let (vector, next) = TestVector::parse(rest, 0).ok()?;
            rest = next;
            Some(vector)
        })
    }
}

impl<'a> TestVector<'a> {
    fn parse(bytes: &'a [u8], at: usize) -> Result<(Self, &'a [u8]), VectorError> {
        let short = VectorError::Short { at };
        let (head, rest) = bytes.split_first_chunk::<HEAD_BYTES>().ok_or(short)?;
        let word = |i: usize| u32::from_le_bytes([head[i], head[i + 1], head[i + 2], head[i + 3]]) as usize;
        let (width, height) = (word(0), word(4));
        let mut numbers = [0.0; 2 + 4 + EXPECTED];
        for (number, bytes) in numbers.iter_mut().zip(head[8..].as_chunks().0) {
            *number = f64::from_le_bytes(*bytes);
        }
        let [row_mm, column_mm, x0, y0, x1, y1, expected @ ..] = numbers;
        let length = width.checked_mul(height).and_then(|n| n.checked_mul(2)).ok_or(short)?;
        let padded = length.checked_next_multiple_of(8).ok_or(short)?;
        let (samples, rest) = rest.split_at_checked(padded).ok_or(short)?;
        let vector = Self {
            width,
            height,
            spacing: PixelSpacing::new(row_mm, column_mm).map_err(VectorError::Spacing)?,
            area: LesionBox::new(x0, y0, x1, y1).map_err(VectorError::Area)?,
            expected,
            samples: &samples[..length],
        };
        Ok((vector, rest))
    }

    /// The slice's samples in Hounsfield units, little endian, row by row.
    #[must_use]
    pub fn samples(&self) -> &'a [[u8; 2]] {
        self.samples.as_chunks().0
    }

    /// The bytes of a vector, for [`super::write`].
    ///
    /// # Panics
    /// If `samples` are not `width * height`: the caller made the slice.
    #[must_use]
    pub fn encode(
        [width, height]: [u32; 2],
        spacing: PixelSpacing,
        area: LesionBox,
        expected: [f64; EXPECTED],
        samples: &[i16],
    ) -> Vec<u8> {
        assert_eq!(
            samples.len() as u64,
            u64::from(width) * u64::from(height),
            "a test vector's samples fill its slice"
        );
        let mut bytes = [width.to_le_bytes(), height.to_le_bytes()].concat();
        let numbers =
            [spacing.row_mm(), spacing.column_mm()].into_iter().chain(area.corners()).chain(expected);
        bytes.extend(numbers.flat_map(f64::to_le_bytes));
        bytes.extend(samples.iter().flat_map(|sample| sample.to_le_bytes()));
        bytes.resize(bytes.len().next_multiple_of(8), 0);
        bytes
    }
}

impl fmt::Display for VectorError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Short { at } => write!(f, "the vector at byte {at} is cut short"),
            Self::Spacing(error) => error.fmt(f),
            Self::Area(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for VectorError {}
