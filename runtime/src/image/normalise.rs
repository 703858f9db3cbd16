use core::fmt;
use core::ops::Range;

use super::{PATCH_SIZE, Patch};

/// The rows and the columns of the patch's middle.
const MIDDLE: Range<usize> = PATCH_SIZE / 4..PATCH_SIZE * 3 / 4;

/// How many of the middle's 4,096 samples lie below the low and above the high percentile: 0.5 %.
const OUTLIERS: usize = MIDDLE_PIXELS / 200;

const MIDDLE_PIXELS: usize = (MIDDLE.end - MIDDLE.start) * (MIDDLE.end - MIDDLE.start);

/// The least range, as a share of the values: averaging a constant leaves some 1e-6 of rounding, which is nothing to
/// see.
const LEAST_CONTRAST: f32 = 1e-4;

/// The share of a picture's middle that its window may clip. A lung window clips 8 % at most round the nodules of nine
/// slices (bone), a soft-tissue or bone window at least 46 % (the lung).
const MOST_CLIPPED: f64 = 0.25;

/// Why a patch has no normalised form.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum NormaliseError {
    /// A sample is NaN or infinite.
    NotFinite,
    /// The two percentiles of the middle are the same but for rounding: there is nothing to see.
    Constant {
        /// The value of nearly all its samples.
        value: f32,
    },
    /// The window of the picture that the patch was cut out of has clipped more than a quarter of its middle.
    Clipped {
        /// The share.
        share: f64,
    },
}

/// Checks that the window of a picture (grey values from 0 to 255) has left what the patch's middle shows.
///
/// # Errors
/// If more than a quarter of the middle is black or white.
pub fn check_window(patch: &Patch) -> Result<(), NormaliseError> {
    let clipped = middle(patch).filter(|value| !(0.5..254.5).contains(*value)).count();
    let share = clipped as f64 / MIDDLE_PIXELS as f64;
    if share > MOST_CLIPPED { Err(NormaliseError::Clipped { share }) } else { Ok(()) }
}

/// Maps the 0.5th percentile of the patch's middle to 0 and its 99.5th to 1, and clamps the whole patch to that range.
///
/// The middle is a square of half the patch's width, 0.625 of the box's: in a box of more than 1.6 times the lesion it
/// holds the lesion and what touches it, in a narrower one most of the lesion. A mass between organs so has the
/// contrast to its neighbours that air and bone farther away would take from it.
///
/// The result is invariant under an affine change of grey values (`gain * v + offset`, positive gain), so
/// Hounsfield units and an 8-bit picture of one lesion are the same input, up to their quantisation, as long as the
/// picture's window clips nothing in the middle. `scratch` is overwritten.
///
/// # Errors
/// If a sample is not finite, or the percentiles are no further apart than the rounding of averages can bring them.
pub fn normalise(patch: &mut Patch, scratch: &mut Patch) -> Result<(), NormaliseError> {
    // Every sample is looked at, even after one that is not finite: that can be done in vectors.
    if !patch.iter().fold(true, |finite, v| finite & v.is_finite()) {
        return Err(NormaliseError::NotFinite);
    }
    let scratch = &mut scratch[..MIDDLE_PIXELS];
    for (key, value) in scratch.iter_mut().zip(middle(patch)) {
        *key = f32::from_bits(ordered(value.to_bits()));
    }
    let key = |value: &f32| value.to_bits().cast_signed();
    let (_, &mut low, above) = scratch.select_nth_unstable_by_key(OUTLIERS, key);
    let high_at = above.len() - 1 - OUTLIERS;
    let high = *above.select_nth_unstable_by_key(high_at, key).1;
    let [low, high] = [low, high].map(|key| f32::from_bits(ordered(key.to_bits())));
    let range = high - low;
    if !range.is_normal() || range < LEAST_CONTRAST * low.abs().max(high.abs()) {
        return Err(NormaliseError::Constant { value: low });
    }
    for value in patch {
        *value = ((*value - low) / range).clamp(0.0, 1.0);
    }
    Ok(())
}

fn middle(patch: &Patch) -> impl Iterator<Item = &f32> {
    patch.as_chunks::<PATCH_SIZE>().0[MIDDLE].iter().flat_map(|row| &row[MIDDLE])
}

/// Bits of a float as bits of an integer of the same order (and back): those of negative numbers are turned round.
const fn ordered(bits: u32) -> u32 {
    if bits >> 31 == 1 { bits ^ (u32::MAX >> 1) } else { bits }
}

impl fmt::Display for NormaliseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFinite => f.write_str("the lesion box holds samples that are not finite"),
            Self::Constant { value } => {
                write!(f, "the middle of the lesion box shows nothing: nearly all its samples are {value}")
            }
            Self::Clipped { share } => write!(
                f,
                "{:.0} % of the middle of the lesion box is black or white: the picture's window clips what it is to show",
                share * 100.0
            ),
        }
    }
}

impl core::error::Error for NormaliseError {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::LesionBox;
    use crate::image::{CtSlice, PATCH_PIXELS, Samples, crop};

    fn noise() -> Box<Patch> {
        let mut state = 3_u32;
        let mut patch = Box::new([0.0; PATCH_PIXELS]);
        for value in patch.iter_mut() {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            *value = (state >> 20) as f32 - 1024.0;
        }
        patch
    }

    fn normalised(mut patch: Box<Patch>) -> Result<Box<Patch>, NormaliseError> {
        let mut scratch = Box::new([0.0; PATCH_PIXELS]);
        normalise(&mut patch, &mut scratch).map(|()| patch)
    }

    #[test]
    fn one_sample_of_the_middle_in_two_hundred_is_clamped_at_each_end() {
        let patch = normalised(noise()).unwrap();
        let share = |test: fn(f32) -> bool| middle(&patch).filter(|&&v| test(v)).count() as f64 / 4096.0;
        assert!((share(|v| v == 0.0) - 0.005).abs() < 0.001);
        assert!((share(|v| v == 1.0) - 0.005).abs() < 0.001);
    }

    #[test]
    fn what_lies_round_the_middle_does_not_change_it() {
        let want = normalised(noise()).unwrap();
        for bright in [-1024.0, 3071.0, 1e6] {
            let mut patch = noise();
            for (i, value) in patch.iter_mut().enumerate() {
                if !MIDDLE.contains(&(i / PATCH_SIZE)) || !MIDDLE.contains(&(i % PATCH_SIZE)) {
                    *value = bright;
                }
            }
            let got = normalised(patch).unwrap();
            assert!(middle(&got).eq(middle(&want)), "{bright}");
            assert!(got.iter().all(|v| (0.0..=1.0).contains(v)), "{bright}");
        }
        let mut bright_inside = noise();
        bright_inside[MIDDLE.start * PATCH_SIZE..][MIDDLE].fill(1e6);
        assert!(!middle(&normalised(bright_inside).unwrap()).eq(middle(&want)), "control: inside it does");
    }

    #[test]
    fn every_affine_coding_of_a_picture_is_the_same_input() {
        let want = normalised(noise()).unwrap();
        for (gain, offset) in [(1.0, 1024.0), (0.125, 0.0), (16.0, -7.0)] {
            let mut coded = noise();
            coded.iter_mut().for_each(|v| *v = *v * gain + offset);
            let got = normalised(coded).unwrap();
            let worst = got.iter().zip(want.iter()).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(worst < 1e-6, "gain {gain}, offset {offset}: {worst}");
        }
        let mut squared = noise();
        squared.iter_mut().for_each(|v| *v *= v.abs());
        let got = normalised(squared).unwrap();
        assert!(
            got.iter().zip(want.iter()).any(|(a, b)| (a - b).abs() > 0.1),
            "control: not an affine change"
        );
    }

    #[test]
    fn a_patch_without_contrast_is_refused() {
        assert_eq!(normalised(Box::new([7.0; PATCH_PIXELS])), Err(NormaliseError::Constant { value: 7.0 }));
        let mut one_bright = Box::new([7.0; PATCH_PIXELS]);
        one_bright[MIDDLE.start * PATCH_SIZE + MIDDLE.start] = 9.0;
        assert_eq!(normalised(one_bright), Err(NormaliseError::Constant { value: 7.0 }));
        let mut around = noise();
        for row in &mut around.as_chunks_mut::<PATCH_SIZE>().0[MIDDLE] {
            row[MIDDLE].fill(7.0);
        }
        assert_eq!(normalised(around), Err(NormaliseError::Constant { value: 7.0 }));
        let mut hole = noise();
        hole[9] = f32::NAN;
        assert_eq!(normalised(hole), Err(NormaliseError::NotFinite));
    }

    /// Found on pictures of one grey value: the rounding of the averages was stretched to a picture, and measured.
    #[test]
    fn a_slice_of_one_value_is_refused_in_every_box() {
        let area = |i: usize| {
            let (at, side) = (20.0 + 1.37 * i as f64, 8.0 + 2.3 * i as f64);
            LesionBox::new(at - side / 2.0, at - side / 2.0, at + side / 2.0, at + side / 2.0).unwrap()
        };
        let (mut patch, mut scratch) = (Box::new([0.0; PATCH_PIXELS]), Box::new([0.0; PATCH_PIXELS]));
        let mut normalised = |samples: &[f32], area: LesionBox| {
            let slice = CtSlice::new(Samples::F32(samples), [96, 96], 96, None).unwrap();
            crop(&slice, area, &mut patch).unwrap();
            normalise(&mut patch, &mut scratch)
        };
        for value in [40.0, -1000.0, 0.1, 1e4, 255.0] {
            for i in 0..30 {
                let constant = normalised(&[value; 96 * 96], area(i));
                assert!(matches!(constant, Err(NormaliseError::Constant { .. })), "{value}, box {i}");
            }
        }
        let faint: Vec<f32> = (0..96 * 96).map(|i| 40.0 + (i % 2) as f32).collect();
        assert_eq!(normalised(&faint, area(0)), Ok(()), "the control: one unit is something to see");
    }
}
