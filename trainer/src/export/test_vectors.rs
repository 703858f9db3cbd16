use recist::bundle::TestVector;
use recist::cascade::{Networks, Workspace, measure};
use recist::image::{CtSlice, Samples};

use crate::data::{LesionPatch, phantom};
use crate::evaluate::drawn_box;

/// Seed of the phantoms in a bundle: no training run draws them by default.
const SEED: u64 = 0x7E57;

/// Three phantoms with what `networks` measure on them: by these numbers a device knows its own installation
/// right, bit for bit.
///
/// # Errors
/// If no three of the first hundred phantoms can be measured.
pub fn test_vectors<N: Networks>(networks: &mut N) -> Result<Vec<u8>, String> {
    let mut encoded = Vec::new();
    let mut workspace = Box::new(Workspace::new());
    let mut count = 0;
    for index in 0..100 {
        let LesionPatch { lesion, side, samples, .. } = phantom(SEED, index, None);
        let Some(area) = drawn_box(&lesion) else { continue };
        #[allow(clippy::cast_possible_truncation, reason = "phantoms are 16-bit Hounsfield units")]
        let samples: Vec<i16> = samples.iter().map(|&v| v as i16).collect();
        let Ok(slice) = CtSlice::new(Samples::I16(&samples), [side; 2], side, Some(lesion.spacing)) else {
            continue;
        };
        if let Ok(measurement) = measure(&slice, area, networks, &mut workspace, |_| {}) {
            let points = measurement.axes.keypoints().to_array();
            let mut expected = [f64::from(measurement.confidence()); 9];
            for (numbers, point) in expected.chunks_exact_mut(2).zip(points) {
                numbers.copy_from_slice(&[point.x, point.y]);
            }
            #[allow(clippy::cast_possible_truncation, reason = "a phantom's side is at most 350")]
            let size = [side as u32; 2];
            encoded.extend(TestVector::encode(size, lesion.spacing, area, expected, &samples));
            count += 1;
            if count == 3 {
                return Ok(encoded);
            }
        }
    }
    Err("the model measures fewer than three of a hundred phantoms".into())
}
