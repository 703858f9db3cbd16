use std::fmt;

use recist::cascade::{Decoding, MASK_PIXELS, Networks, decode};
use recist::image::{PATCH_PIXELS, PATCH_SIZE};

use super::CalibrationPatches;

/// How far two implementations of the same networks are apart on the same patches.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Parity {
    /// Patches compared.
    pub patches: usize,
    /// The greatest difference of a mask or heatmap value, relative to the greatest value of its kind.
    pub values: f32,
    /// The greatest difference of one of θ's five numbers.
    pub theta: f32,
    /// The greatest distance of a decoded keypoint, in pixels of the canonical patch.
    pub keypoints: f64,
    /// Whether all numbers are the same bits.
    pub identical: bool,
}

impl Parity {
    /// Runs both on every pair of patches.
    ///
    /// # Errors
    /// If a network cannot be run, or their heatmaps have different sizes.
    pub fn of<A: Networks, B: Networks>(
        first: &mut A,
        second: &mut B,
        patches: &CalibrationPatches,
    ) -> Result<Self, String> {
        let size = first.heatmap_size();
        if second.heatmap_size() != size {
            return Err(format!("heatmaps of {size} and {} pixels", second.heatmap_size()));
        }
        let mut parity = Self { identical: true, ..Self::default() };
        let pairs = patches.patches.as_chunks::<PATCH_PIXELS>().0.iter();
        for (patch, canonical) in pairs.zip(patches.canonical.as_chunks::<PATCH_PIXELS>().0) {
            let mut masks = [[0.0; MASK_PIXELS]; 2];
            let a = first.localize(patch, &mut masks[0]).map_err(|error| error.to_string())?;
            let b = second.localize(patch, &mut masks[1]).map_err(|error| error.to_string())?;
            let numbers = [a, b].map(|t| [t.shift_x, t.shift_y, t.cos2, t.sin2, t.ln_scale]);
            let apart = numbers[0].iter().zip(numbers[1]).map(|(a, b)| (a - b).abs());
            parity.theta = apart.fold(parity.theta, f32::max);

            let mut maps = [vec![0.0; 4 * size * size], vec![0.0; 4 * size * size]];
            first.find_keypoints(canonical, &mut maps[0]).map_err(|error| error.to_string())?;
            second.find_keypoints(canonical, &mut maps[1]).map_err(|error| error.to_string())?;
            let apart = relative(&masks[0], &masks[1]).max(relative(&maps[0], &maps[1]));
            parity.values = parity.values.max(apart);
            let pixels = (PATCH_SIZE / size) as f64;
            for (a, b) in maps[0].chunks_exact(size * size).zip(maps[1].chunks_exact(size * size)) {
                let [a, b] = [a, b].map(|map| decode(map, size, Decoding::default()).position);
                parity.keypoints = parity.keypoints.max(pixels * a.distance(b));
            }
            parity.identical &= numbers[0] == numbers[1] && masks[0] == masks[1] && maps[0] == maps[1];
            parity.patches += 1;
        }
        Ok(parity)
    }
}

/// The greatest difference over the greatest value.
fn relative(a: &[f32], b: &[f32]) -> f32 {
    let greatest = a.iter().fold(0.0_f32, |m, v| m.max(v.abs()));
    a.iter().zip(b).fold(0.0_f32, |m, (a, b)| m.max((a - b).abs())) / greatest.max(f32::MIN_POSITIVE)
}

impl fmt::Display for Parity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { patches, values, theta, keypoints, identical } = self;
        if *identical {
            write!(f, "the same bits on {patches} patches")
        } else {
            write!(
                f,
                "on {patches} patches at most {values:.1e} of the greatest value, {theta:.1e} in θ, {keypoints:.1e} \
                 patch pixels between keypoints"
            )
        }
    }
}
