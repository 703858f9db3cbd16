use core::fmt;

use super::Patch;

/// How many of the patch's 16,384 samples lie below the low and above the high percentile: 0.5 %.
const OUTLIERS: usize = super::PATCH_PIXELS / 200;

/// Why a patch has no normalised form.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum NormaliseError {
    /// A sample is NaN or infinite.
    NotFinite,
    /// The two percentiles are the same: there is nothing to see.
    Constant {
        /// The value of nearly all samples.
        value: f32,
    },
}

/// Maps the patch's 0.5th percentile to 0 and its 99.5th to 1, clamped.
///
/// The result is invariant under an affine change of grey values (`gain * v + offset`, positive gain), so
/// Hounsfield units, a windowed picture and an 8-bit crop of one lesion are the same input, up to their
/// quantisation. `scratch` is overwritten.
///
/// # Errors
/// If a sample is not finite or the percentiles coincide.
pub fn normalise(patch: &mut Patch, scratch: &mut Patch) -> Result<(), NormaliseError> {
    // Every sample is looked at, even after one that is not finite: that can be done in vectors.
    if !patch.iter().fold(true, |finite, v| finite & v.is_finite()) {
        return Err(NormaliseError::NotFinite);
    }
    for (key, value) in scratch.iter_mut().zip(patch.iter()) {
        *key = f32::from_bits(ordered(value.to_bits()));
    }
    let key = |value: &f32| value.to_bits().cast_signed();
    let (_, &mut low, above) = scratch.select_nth_unstable_by_key(OUTLIERS, key);
    let high_at = above.len() - 1 - OUTLIERS;
    let high = *above.select_nth_unstable_by_key(high_at, key).1;
    let [low, high] = [low, high].map(|key| f32::from_bits(ordered(key.to_bits())));
    let range = high - low;
    if !range.is_normal() {
        return Err(NormaliseError::Constant { value: low });
    }
    for value in patch {
        *value = ((*value - low) / range).clamp(0.0, 1.0);
    }
    Ok(())
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
                write!(f, "the lesion box shows nothing: nearly all its samples are {value}")
            }
        }
    }
}

impl core::error::Error for NormaliseError {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::PATCH_PIXELS;

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
    fn one_sample_in_two_hundred_is_clamped_at_each_end() {
        let patch = normalised(noise()).unwrap();
        let share =
            |test: fn(f32) -> bool| patch.iter().filter(|v| test(**v)).count() as f64 / PATCH_PIXELS as f64;
        assert!((share(|v| v == 0.0) - 0.005).abs() < 0.001);
        assert!((share(|v| v == 1.0) - 0.005).abs() < 0.001);
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
        one_bright[5] = 9.0;
        assert_eq!(normalised(one_bright), Err(NormaliseError::Constant { value: 7.0 }));
        let mut hole = noise();
        hole[9] = f32::NAN;
        assert_eq!(normalised(hole), Err(NormaliseError::NotFinite));
    }
}
