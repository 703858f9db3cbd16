use core::fmt;

use super::{CtSlice, PATCH_SIZE, Patch};
use crate::geometry::{LesionBox, PixelSpacing};

/// The least, in pixels, that the longer side of a box that can be measured has: on fewer samples there is nothing to
/// see.
pub const MINIMUM_SIDE: f64 = 4.0;

/// The side of the patch's square, in sides of the box grown to a square: what lies just outside the box is
/// seen too.
///
/// A careless box of 1.3 times the lesion, moved by the quarter that the law of boxes allows
/// ([`LesionBox::drawn_round`]), cuts the lesion off; a patch of 1.25 times that box still holds all of it
/// (1.3 * 1.25 / 2 = 0.81 > 0.5 + 0.25).
pub const MARGIN: f64 = 1.25;

/// What the patch of a box covers, in slice pixels: the box grown to a square in millimetres and by [`MARGIN`]. A
/// network so sees a lesion in its true shape, whatever the shape of the pixels.
#[must_use]
pub fn patch_square(area: LesionBox, spacing: PixelSpacing) -> LesionBox {
    area.grown_to_square(spacing).scaled(MARGIN)
}

/// Rows of the slice that are averaged at once: a weight is computed once for all of them.
const BLOCK: usize = 8;

/// Why a box cannot be cut out of a slice.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum CropError {
    /// The box's centre does not lie on the slice.
    Outside {
        /// The box.
        area: LesionBox,
        /// Columns and rows of the slice.
        slice: [usize; 2],
    },
    /// The box is wider or higher than the slice.
    TooLarge {
        /// The box.
        area: LesionBox,
        /// Columns and rows of the slice.
        slice: [usize; 2],
    },
    /// The box's longer side has fewer than [`MINIMUM_SIDE`] pixels.
    TooSmall {
        /// The box.
        area: LesionBox,
    },
}

/// The square, in slice pixels, that [`crop`] cuts out for `area` ([`patch_square`]), if it can.
///
/// # Errors
/// If the box's centre lies outside the slice, or the box is larger than the slice or too small to measure.
pub fn crop_square(slice: &CtSlice<'_>, area: LesionBox) -> Result<LesionBox, CropError> {
    let size = [slice.width(), slice.height()];
    if !slice.contains(area.center()) {
        return Err(CropError::Outside { area, slice: size });
    }
    if area.width() > slice.area().width() || area.height() > slice.area().height() {
        return Err(CropError::TooLarge { area, slice: size });
    }
    if area.width().max(area.height()) < MINIMUM_SIDE {
        return Err(CropError::TooSmall { area });
    }
    Ok(patch_square(area, slice.spacing().unwrap_or(PixelSpacing::UNIT)))
}

/// Cuts the square round `area` ([`patch_square`]) out of the slice and resamples it to a patch; returns the square
/// ([`crop_square`]) that the patch covers.
///
/// Along each axis a patch pixel is the mean of the slice, linear between the pixel centres, under a
/// triangle whose half width is the distance between patch pixels but at least one slice pixel: bilinear
/// interpolation where the patch enlarges the slice, an average that cannot alias where it shrinks it.
/// Outside the slice the nearest edge sample counts.
///
/// # Errors
/// As [`crop_square`].
pub fn crop(slice: &CtSlice<'_>, area: LesionBox, patch: &mut Patch) -> Result<LesionBox, CropError> {
    let square = crop_square(slice, area)?;
    let [x0, y0, ..] = square.corners();
    // As long as wide where pixels are square, to the last bit.
    let height = square.width() / slice.spacing().unwrap_or(PixelSpacing::UNIT).stretch();
    let (mut columns, mut rows) = ([Footprint::default(); PATCH_SIZE], [Footprint::default(); PATCH_SIZE]);
    for (i, (column, row)) in columns.iter_mut().zip(&mut rows).enumerate() {
        *column = Footprint::of_pixel(i, x0, square.width(), slice.width());
        *row = Footprint::of_pixel(i, y0, height, slice.height());
    }
    // Some rows of the slice at a time, each first averaged along x, then added to the patch rows that see it.
    patch.fill(0.0);
    let (first, last) = (rows[0].first, rows[PATCH_SIZE - 1].last);
    let mut lines = [[0.0; PATCH_SIZE]; BLOCK];
    let mut seen_from = 0;
    for y in (first..=last).step_by(BLOCK) {
        for (i, column) in columns.iter().enumerate() {
            let sums = column.averages(|x| core::array::from_fn(|line| slice.clamped(x, y + line as isize)));
            lines.iter_mut().zip(sums).for_each(|(line, sum)| line[i] = sum);
        }
        for (y, line) in (y..=last).zip(&lines) {
            seen_from += rows[seen_from..].iter().take_while(|row| row.last < y).count();
            let weights = rows[seen_from..].iter().take_while(|row| row.first <= y).map(|row| row.weight(y));
            let seen = weights.zip(&mut patch.as_chunks_mut::<PATCH_SIZE>().0[seen_from..]);
            for (weight, pixels) in seen.filter(|&(weight, _)| weight > 0.0) {
                for (pixel, sum) in pixels.iter_mut().zip(line) {
                    *pixel += weight * sum;
                }
            }
        }
    }
    Ok(square)
}

/// The slice samples along one axis that a patch pixel averages: a triangle round `center`. What of it lies outside the
/// slice weighs on the nearest edge sample, so that a patch costs no more than what it sees of the slice.
#[derive(Clone, Copy, Default)]
struct Footprint {
    center: f64,
    inverse_half_width: f64,
    first: isize,
    last: isize,
    before: f64,
    after: f64,
    inverse_sum: f64,
}

impl Footprint {
    fn of_pixel(index: usize, start: f64, side: f64, samples: usize) -> Self {
        let (index, size) = (index as f64, PATCH_SIZE as f64);
        let step = side / size;
        let center = start + (index + 0.5) * step;
        let half_width = step.max(1.0);
        #[allow(
            clippy::cast_possible_truncation,
            reason = "a box inside the slice's reach has small coordinates"
        )]
        let (first, last) = ((center - half_width).ceil() as isize, (center + half_width).floor() as isize);
        let edge = samples.cast_signed() - 1;
        let mut footprint = Self {
            center,
            inverse_half_width: 1.0 / half_width,
            first: first.clamp(0, edge),
            last: last.clamp(0, edge),
            ..Self::default()
        };
        let sum = |positions: core::ops::RangeInclusive<isize>| -> f64 {
            positions.map(|at| footprint.triangle(at)).sum()
        };
        let (before, after) = (sum(first..=last.min(-1)), sum(first.max(edge + 1)..=last));
        let inverse_sum = 1.0 / sum(first..=last);
        (footprint.before, footprint.after, footprint.inverse_sum) = (before, after, inverse_sum);
        footprint
    }

    fn triangle(&self, at: isize) -> f64 {
        (1.0 - (at as f64 - self.center).abs() * self.inverse_half_width).max(0.0)
    }

    /// The weight of the sample at `at`; the weights of a footprint add up to one.
    #[allow(clippy::cast_possible_truncation, reason = "weights lie in [0, 1]")]
    fn weight(&self, at: isize) -> f32 {
        let mut weight = self.triangle(at);
        if at == self.first {
            weight += self.before;
        }
        if at == self.last {
            weight += self.after;
        }
        (weight * self.inverse_sum) as f32
    }

    fn averages(&self, samples: impl Fn(isize) -> [f32; BLOCK]) -> [f32; BLOCK] {
        (self.first..=self.last).fold([0.0; BLOCK], |sums, at| {
            let (weight, samples) = (self.weight(at), samples(at));
            core::array::from_fn(|line| sums[line] + weight * samples[line])
        })
    }
}

impl fmt::Display for CropError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Outside { area, slice: [width, height] } => {
                write!(f, "lesion box {area} has its centre outside the slice of {width} x {height} px")
            }
            Self::TooLarge { area, slice: [width, height] } => {
                write!(f, "lesion box {area} is larger than the slice of {width} x {height} px")
            }
            Self::TooSmall { area } => {
                write!(
                    f,
                    "the longer side of lesion box {area} is below {MINIMUM_SIDE} px: too few pixels to measure"
                )
            }
        }
    }
}

impl core::error::Error for CropError {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::{AffineMap, Point};
    use crate::image::{PATCH_PIXELS, Samples};

    /// Rounding of a few float32 additions on values of a few hundred.
    const ROUNDING: f32 = 1e-3;

    fn cropped(samples: &[f32], width: usize, area: LesionBox) -> Result<Box<Patch>, CropError> {
        let slice = CtSlice::new(Samples::F32(samples), [width, samples.len() / width], width, None).unwrap();
        let mut patch = Box::new([0.0; PATCH_PIXELS]);
        crop(&slice, area, &mut patch).map(|_| patch)
    }

    /// The box whose patch covers the square with these corners.
    fn box_of([x0, y0, x1, y1]: [f64; 4]) -> LesionBox {
        LesionBox::new(x0, y0, x1, y1).unwrap().scaled(1.0 / MARGIN)
    }

    fn ramp(width: usize, height: usize) -> Vec<f32> {
        (0..width * height).map(|i| (i % width) as f32 + 3.0 * (i / width) as f32).collect()
    }

    #[test]
    fn a_ramp_stays_a_ramp_at_every_scale() {
        let samples = ramp(512, 512);
        for side in [20.0, 64.0, 100.3, 128.0, 200.0, 384.0] {
            let square = LesionBox::square(Point::new(255.2, 250.7), side).unwrap();
            let patch = cropped(&samples, 512, box_of(square.corners())).unwrap();
            let patch_to_slice =
                AffineMap::pixels_to_normalised(PATCH_SIZE).then(AffineMap::normalised_to_box(square));
            for (i, &got) in patch.iter().enumerate() {
                let p = patch_to_slice.apply(Point::new((i % PATCH_SIZE) as f64, (i / PATCH_SIZE) as f64));
                // A footprint that does not lie evenly on the samples shifts the mean by part of a pixel.
                let tolerance = if side <= 128.0 { f64::from(ROUNDING) } else { 0.5 };
                assert!(
                    (f64::from(got) - (p.x + 3.0 * p.y)).abs() < tolerance,
                    "side {side}, {got} at {p:?}"
                );
            }
        }
    }

    #[test]
    fn the_patch_shows_what_lies_in_a_square_of_millimetres() {
        let samples = ramp(200, 100);
        let spacing = PixelSpacing::new(1.4, 0.7).unwrap();
        let slice = CtSlice::new(Samples::F32(&samples), [200, 100], 200, Some(spacing)).unwrap();
        let mut patch = Box::new([0.0; PATCH_PIXELS]);
        let covered = crop(&slice, box_of([59.5, 45.5, 123.5, 47.5]), &mut patch).unwrap();
        let apart = covered.corners().into_iter().zip([59.5, 30.5, 123.5, 62.5]).map(|(a, b)| (a - b).abs());
        assert!(apart.fold(0.0, f64::max) < 1e-9, "{covered}");
        for (x, y, want) in [(1, 2, [60.25, 31.125]), (127, 126, [123.25, 62.125])] {
            let got = patch[y * PATCH_SIZE + x];
            assert!((got - (want[0] + 3.0 * want[1])).abs() < ROUNDING, "{got} at {x}, {y}");
        }
    }

    #[test]
    fn a_box_of_the_patchs_size_copies_the_samples() {
        let samples = ramp(200, 160);
        let patch = cropped(&samples, 200, box_of([9.5, 4.5, 137.5, 132.5])).unwrap();
        assert!(patch.iter().enumerate().all(|(i, &v)| v == samples[(5 + i / 128) * 200 + 10 + i % 128]));
    }

    #[test]
    fn a_large_box_does_not_alias() {
        let checkers: Vec<f32> = (0..400 * 400).map(|i| ((i % 400 + i / 400) % 2 * 100) as f32).collect();
        let patch = cropped(&checkers, 400, box_of([49.5, 49.5, 349.5, 349.5])).unwrap();
        let worst = patch.iter().map(|v| (v - 50.0).abs()).fold(0.0, f32::max);
        assert!(worst < 5.0, "a fine checkerboard averages to grey, this one keeps {worst} of 50");
        let nearest = checkers.iter().map(|v| (v - 50.0).abs()).fold(0.0, f32::max);
        assert!(nearest == 50.0, "control: picking samples would keep all of it");
    }

    #[test]
    fn outside_the_slice_the_edge_goes_on() {
        let samples = ramp(64, 64);
        let patch = cropped(&samples, 64, box_of([-20.5, -20.5, 20.5, 20.5])).unwrap();
        assert!(patch[0].abs() < ROUNDING && patch[PATCH_SIZE - 1] > 19.0);
        assert_eq!(patch[0], patch[30 * PATCH_SIZE + 30]);
    }

    #[test]
    fn what_lies_outside_a_flat_slice_costs_nothing() {
        let samples = ramp(1_000_000, 1);
        let patch = cropped(&samples, 1_000_000, box_of([-0.5, -0.5, 999_999.5, 0.5])).unwrap();
        let (rows, _) = patch.as_chunks::<PATCH_SIZE>();
        assert!(
            rows.iter().flatten().zip(rows[0].iter().cycle()).all(|(a, b)| (a - b).abs() <= 1e-6 * b.abs())
        );
        assert!(rows[0].is_sorted() && rows[0][0] > 1000.0, "{:?}", rows[0]);
    }

    #[test]
    fn boxes_that_cannot_be_measured_are_refused_with_their_numbers() {
        let samples = ramp(64, 48);
        let cases = [
            ([70.0, 0.0, 90.0, 20.0], "lesion box 70,0,90,20 has its centre outside the slice of 64 x 48 px"),
            ([0.0, 10.0, 65.0, 30.0], "lesion box 0,10,65,30 is larger than the slice of 64 x 48 px"),
            ([0.0, -1.0, 40.0, 48.0], "lesion box 0,-1,40,48 is larger than the slice of 64 x 48 px"),
            (
                [3.0, 3.0, 5.0, 5.0],
                "the longer side of lesion box 3,3,5,5 is below 4 px: too few pixels to measure",
            ),
            (
                [3.0, 3.0, 5.0, 6.9],
                "the longer side of lesion box 3,3,5,6.9 is below 4 px: too few pixels to measure",
            ),
        ];
        let drawn = |[x0, y0, x1, y1]: [f64; 4]| LesionBox::new(x0, y0, x1, y1).unwrap();
        for (corners, message) in cases {
            assert_eq!(cropped(&samples, 64, drawn(corners)).unwrap_err().to_string(), message);
        }
        let beyond = drawn([-10.0, 0.0, 30.0, 20.0]);
        assert!(cropped(&samples, 64, beyond).is_ok(), "reaching beyond the slice is allowed");
        for narrow in [[3.0, 3.0, 6.0, 13.0], [3.0, 3.0, 13.0, 6.0], [3.0, 3.0, 4.0, 7.0]] {
            assert!(cropped(&samples, 64, drawn(narrow)).is_ok(), "the longer side counts: {narrow:?}");
        }
        assert!(cropped(&samples, 64, drawn([0.0, 0.0, 64.0, 48.0])).is_ok(), "as large as the slice");
    }
}
