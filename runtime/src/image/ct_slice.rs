use core::fmt;

use crate::geometry::{LesionBox, PixelSpacing, Point};

/// The samples of a slice, row by row. Below [`CtSlice::LEAST_HU`] they count as that.
#[derive(Clone, Copy, Debug)]
pub enum Samples<'a> {
    /// Whole Hounsfield units, as scanner-side software keeps them.
    I16(&'a [i16]),
    /// Whole Hounsfield units, little endian, at any address.
    LittleEndian(&'a [[u8; 2]]),
    /// Hounsfield units.
    F32(&'a [f32]),
    /// Grey values from 0 to 255 of a picture, whose window may have clipped what lies beyond.
    Grey(&'a [f32]),
}

/// A CT slice, borrowed: at least one row and one column, at most [`CtSlice::LONGEST_SIDE`] of each, all of it inside
/// the samples.
///
/// x is the column, y the row, y grows downwards, and the centre of the first pixel is (0, 0).
#[derive(Clone, Copy, Debug)]
pub struct CtSlice<'a> {
    samples: Samples<'a>,
    width: usize,
    height: usize,
    row_stride: usize,
    spacing: Option<PixelSpacing>,
}

/// Why samples are not a slice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SliceError {
    /// The slice has no pixels.
    Empty {
        /// Columns.
        width: usize,
        /// Rows.
        height: usize,
    },
    /// A side is longer than [`CtSlice::LONGEST_SIDE`].
    Side {
        /// Columns.
        width: usize,
        /// Rows.
        height: usize,
    },
    /// A row is longer than the distance from one row to the next.
    Stride {
        /// Columns.
        width: usize,
        /// Samples from the start of one row to the start of the next.
        row_stride: usize,
    },
    /// There are fewer samples than the slice has pixels, or more pixels than can be counted.
    Samples {
        /// Columns.
        width: usize,
        /// Rows.
        height: usize,
        /// Samples from the start of one row to the start of the next.
        row_stride: usize,
        /// The samples that were given.
        found: usize,
    },
}

impl<'a> CtSlice<'a> {
    /// The most columns and the most rows: a box can be drawn round all of them ([`LesionBox::FARTHEST`]).
    pub const LONGEST_SIDE: usize = 100_000_000;

    /// The lowest value of the Hounsfield scale as most scanners store it. What is lower (often -2000 or -3024) is
    /// padding outside the field of view, where there is nothing: as it is, it would stretch the range of grey values
    /// and make the lesion paler than its surroundings.
    pub const LEAST_HU: i16 = -1024;

    /// The slice of `width` x `height` pixels whose rows begin `row_stride` samples apart.
    ///
    /// # Errors
    /// If there are no pixels, a side is too long, `row_stride` is less than `width`, or the last pixel lies beyond the
    /// samples.
    pub fn new(
        samples: Samples<'a>,
        [width, height]: [usize; 2],
        row_stride: usize,
        spacing: Option<PixelSpacing>,
    ) -> Result<Self, SliceError> {
        if width == 0 || height == 0 {
            return Err(SliceError::Empty { width, height });
        }
        if width > Self::LONGEST_SIDE || height > Self::LONGEST_SIDE {
            return Err(SliceError::Side { width, height });
        }
        if row_stride < width {
            return Err(SliceError::Stride { width, row_stride });
        }
        let found = samples.len();
        let needed = (height - 1).checked_mul(row_stride).and_then(|n| n.checked_add(width));
        if needed.is_none_or(|needed| needed > found) {
            return Err(SliceError::Samples { width, height, row_stride, found });
        }
        Ok(Self { samples, width, height, row_stride, spacing })
    }

    /// Columns.
    #[must_use]
    pub const fn width(&self) -> usize {
        self.width
    }

    /// Rows.
    #[must_use]
    pub const fn height(&self) -> usize {
        self.height
    }

    /// The pixel spacing, where it is known.
    #[must_use]
    pub const fn spacing(&self) -> Option<PixelSpacing> {
        self.spacing
    }

    /// Whether the samples are grey values of a picture ([`Samples::Grey`]).
    #[must_use]
    pub const fn is_picture(&self) -> bool {
        matches!(self.samples, Samples::Grey(_))
    }

    /// The same slice with another pixel spacing.
    #[must_use]
    pub const fn with_spacing(self, spacing: Option<PixelSpacing>) -> Self {
        Self { spacing, ..self }
    }

    /// The area that the pixels cover: half a pixel beyond the outermost centres.
    #[must_use]
    pub fn area(&self) -> LesionBox {
        let side = |n: usize| n as f64 - 0.5;
        LesionBox::new(-0.5, -0.5, side(self.width), side(self.height))
            .expect("a slice has at least one pixel, and no side longer than a box reaches")
    }

    /// Whether the point lies on a pixel of the slice.
    #[must_use]
    pub fn contains(&self, point: Point) -> bool {
        self.area().contains(point)
    }

    /// The sample in column `x` and row `y`, at least [`CtSlice::LEAST_HU`]; the nearest sample of the slice where that
    /// lies outside.
    #[must_use]
    pub(crate) fn clamped(&self, x: isize, y: isize) -> f32 {
        let clamp = |v: isize, n: usize| v.max(0).unsigned_abs().min(n - 1);
        let at = clamp(y, self.height) * self.row_stride + clamp(x, self.width);
        let least = f32::from(Self::LEAST_HU);
        match self.samples {
            Samples::I16(samples) => f32::from(samples[at].max(Self::LEAST_HU)),
            Samples::LittleEndian(samples) => f32::from(i16::from_le_bytes(samples[at]).max(Self::LEAST_HU)),
            // What is not finite stays, to be refused.
            Samples::F32(samples) if samples[at] < least && samples[at].is_finite() => least,
            Samples::F32(samples) | Samples::Grey(samples) => samples[at],
        }
    }
}

impl Samples<'_> {
    fn len(&self) -> usize {
        match self {
            Self::I16(samples) => samples.len(),
            Self::LittleEndian(samples) => samples.len(),
            Self::F32(samples) | Self::Grey(samples) => samples.len(),
        }
    }
}

impl fmt::Display for SliceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty { width, height } => write!(f, "slice is empty: {width} x {height} px"),
            Self::Side { width, height } => {
                let most = CtSlice::LONGEST_SIDE;
                write!(f, "slice of {width} x {height} px has a side longer than {most} px")
            }
            Self::Stride { width, row_stride } => {
                write!(f, "slice rows of {width} samples cannot begin {row_stride} samples apart")
            }
            Self::Samples { width, height, row_stride, found } => write!(
                f,
                "slice of {width} x {height} px with rows {row_stride} samples apart does not fit {found} samples"
            ),
        }
    }
}

impl core::error::Error for SliceError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slice_lies_inside_its_samples() {
        let samples = [0_i16; 20];
        let slice = |size, stride| CtSlice::new(Samples::I16(&samples), size, stride, None).map(|_| ());
        assert_eq!(slice([4, 5], 4), Ok(()));
        assert_eq!(slice([4, 4], 5), Ok(()));
        assert_eq!(slice([2, 3], 9), Ok(()));
        let cases = [
            ([0, 5], 4, "slice is empty: 0 x 5 px"),
            ([4, 5], 3, "slice rows of 4 samples cannot begin 3 samples apart"),
            ([4, 6], 4, "slice of 4 x 6 px with rows 4 samples apart does not fit 20 samples"),
            ([1, 100_000_000], usize::MAX, "slice of 1 x 100000000 px with rows"),
            ([1, 100_000_001], 1, "slice of 1 x 100000001 px has a side longer than 100000000 px"),
            ([100_000_001, 1], 100_000_001, "slice of 100000001 x 1 px has a side longer than"),
        ];
        for (size, stride, message) in cases {
            let got = slice(size, stride).unwrap_err().to_string();
            assert!(got.starts_with(message), "{got}");
        }
    }

    #[test]
    fn the_longest_slice_has_an_area() {
        let longest = [[1, CtSlice::LONGEST_SIDE], [CtSlice::LONGEST_SIDE, 1]];
        for [width, height] in longest {
            let slice =
                CtSlice { samples: Samples::I16(&[]), width, height, row_stride: width, spacing: None };
            assert_eq!(slice.area().corners()[2..], [width as f64 - 0.5, height as f64 - 0.5]);
        }
    }

    #[test]
    fn samples_below_the_hounsfield_scale_count_as_its_lowest_value_and_what_is_no_number_stays() {
        let bytes = [-3024_i16, -1025, -1024, -1023].map(i16::to_le_bytes);
        let slice = CtSlice::new(Samples::LittleEndian(&bytes), [4, 1], 4, None).unwrap();
        assert_eq!([0, 1, 2, 3].map(|x| slice.clamped(x, 0)), [-1024.0, -1024.0, -1024.0, -1023.0]);
        let floats = [-2000.5, f32::NEG_INFINITY, f32::NAN, 40.0];
        let slice = CtSlice::new(Samples::F32(&floats), [4, 1], 4, None).unwrap();
        let seen = [0, 1, 2, 3].map(|x| slice.clamped(x, 0));
        assert!(seen[0] == -1024.0 && seen[1] == f32::NEG_INFINITY && seen[2].is_nan() && seen[3] == 40.0);
    }

    #[test]
    fn beyond_the_edge_the_nearest_sample_counts() {
        let samples = [0.0, 1.0, 9.0, 2.0, 3.0, 9.0_f32];
        let slice = CtSlice::new(Samples::F32(&samples), [2, 2], 3, None).unwrap();
        let cases =
            [((0, 0), 0.0), ((1, 0), 1.0), ((7, -3), 1.0), ((-1, 9), 2.0), ((isize::MAX, isize::MAX), 3.0)];
        for ((x, y), want) in cases {
            assert_eq!(slice.clamped(x, y), want, "{x} {y}");
        }
    }
}
