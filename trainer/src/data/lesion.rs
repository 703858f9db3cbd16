use std::fmt;

use recist::geometry::{Keypoints, PixelSpacing, Point, SpacingError};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Which part of the data a patient belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Split {
    /// Networks learn from it.
    Train,
    /// Choices are made by it.
    Val,
    /// The final figures come from it, and nothing else does.
    Test,
}

/// Where a lesion and the tissue round it come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// A patient.
    Real,
    /// A generated lesion in a patient's tissue.
    Blended,
    /// Generated throughout.
    Phantom,
}

/// One lesion on one slice, as its readers measured it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Lesion {
    /// The image it is on and, where an image has several, its number there.
    pub name: String,
    /// The patient.
    pub patient: String,
    /// The patient's lesion: one lesion can be on several slices.
    pub lesion: String,
    /// The patient's split.
    pub split: Split,
    /// Where it comes from.
    pub origin: Origin,
    /// The organ, where the data say.
    pub organ: Option<String>,
    /// Distance of rows and of columns, in mm.
    pub spacing_mm: [f64; 2],
    /// Whether a radiologist would measure the lesion on this slice: its largest.
    pub largest: bool,
    /// Each reader's endpoints `[x, y]` in pixels of the patch: long axis, short axis.
    pub readers: Vec<[[f64; 2]; 4]>,
    /// Column and row, in the image, of the patch's first pixel; negative where the patch, whose edge repeats
    /// the image's, reaches beyond it.
    pub patch_origin: [i64; 2],
}

impl Split {
    /// All splits.
    pub const ALL: [Self; 3] = [Self::Train, Self::Val, Self::Test];

    /// The split of a patient whose data name none: by the SHA-256 of the name, eight of ten patients train, one
    /// is for validation and one for the test.
    #[must_use]
    pub fn of_patient(patient: &str) -> Self {
        let hash = Sha256::digest(patient);
        match u32::from_be_bytes([hash[0], hash[1], hash[2], hash[3]]) % 10 {
            0 => Self::Val,
            1 => Self::Test,
            _ => Self::Train,
        }
    }

    /// The split of this name.
    #[must_use]
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|split| split.to_string() == name)
    }
}

impl Lesion {
    /// Every reader's endpoints in pixels of the patch.
    pub fn keypoints(&self) -> impl ExactSizeIterator<Item = Keypoints> + '_ {
        self.readers.iter().map(|points| Keypoints::from_array(points.map(|[x, y]| Point::new(x, y))))
    }

    /// The pixel spacing.
    ///
    /// # Errors
    /// If a distance is not a positive number.
    pub fn spacing(&self) -> Result<PixelSpacing, SpacingError> {
        PixelSpacing::new(self.spacing_mm[0], self.spacing_mm[1])
    }

    /// The readers' mean long axis in mm.
    #[must_use]
    pub fn mean_long_mm(&self) -> f64 {
        let [row, column] = self.spacing_mm;
        let length = |k: Keypoints| {
            let long = k.long_end - k.long_start;
            (long.x * column).hypot(long.y * row)
        };
        self.keypoints().map(length).sum::<f64>() / self.readers.len() as f64
    }
}

/// Whether endpoints can be a RECIST measurement, and if not, why.
///
/// # Errors
/// If a point is not finite, an axis has no length, the short axis is longer than the long one by more than
/// a tenth, the axes are further than 45° from perpendicular, or they do not cross near each other.
pub(super) fn check_keypoints(keypoints: &Keypoints) -> Result<(), String> {
    if !keypoints.to_array().into_iter().all(Point::is_finite) {
        return Err("an endpoint is not a number".into());
    }
    let (long, short) =
        (keypoints.long_end - keypoints.long_start, keypoints.short_end - keypoints.short_start);
    let (long_length, short_length) = (long.length(), short.length());
    if long_length == 0.0 || short_length == 0.0 {
        return Err("an axis has no length".into());
    }
    if short_length > 1.1 * long_length {
        return Err(format!(
            "the short axis ({short_length:.2} px) is longer than the long ({long_length:.2} px)"
        ));
    }
    let cosine = (long.dot(short) / long_length / short_length).abs();
    if cosine > std::f64::consts::FRAC_1_SQRT_2 {
        return Err(format!("the axes are not perpendicular: the cosine of their angle is {cosine:.2}"));
    }
    let apart = keypoints
        .long_start
        .midpoint(keypoints.long_end)
        .distance(keypoints.short_start.midpoint(keypoints.short_end));
    if apart > long_length {
        return Err(format!("the axes lie {apart:.1} px apart"));
    }
    Ok(())
}

impl fmt::Display for Split {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Train => "train",
            Self::Val => "val",
            Self::Test => "test",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn impossible_geometry_is_named() {
        let of = |points: [[f64; 2]; 4]| {
            check_keypoints(&Keypoints::from_array(points.map(|[x, y]| Point::new(x, y))))
        };
        assert_eq!(of([[0., 0.], [10., 0.], [5., -3.], [5., 3.]]), Ok(()));
        for (points, word) in [
            ([[0., 0.], [f64::NAN, 0.], [5., -3.], [5., 3.]], "not a number"),
            ([[0., 0.], [0., 0.], [5., -3.], [5., 3.]], "no length"),
            ([[0., 0.], [10., 0.], [5., -6.], [5., 6.]], "longer than the long"),
            ([[0., 0.], [10., 0.], [3., -1.], [6., 1.]], "not perpendicular"),
            ([[0., 0.], [10., 0.], [50., -3.], [50., 3.]], "px apart"),
        ] {
            assert!(of(points).unwrap_err().contains(word), "{points:?}");
        }
    }

    #[test]
    fn patients_without_a_split_are_divided_eight_to_one_to_one() {
        let count = |split| (0..1000).filter(|i| Split::of_patient(&format!("patient {i}")) == split).count();
        assert!((750..850).contains(&count(Split::Train)), "{}", count(Split::Train));
        assert!((60..140).contains(&count(Split::Val)), "{}", count(Split::Val));
    }
}
