use std::fmt;
use std::str::FromStr;

use recist::geometry::{Keypoints, LesionBox, PixelSpacing, Point, RecistAxes};
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
    /// What no other lesion of its source is called: the image it is on and, where that has several, its number
    /// there, which a table's first lesion on an image goes without.
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
    /// The pixel spacing.
    #[serde(rename = "spacing_mm", with = "super::spacing_mm")]
    pub spacing: PixelSpacing,
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
}

impl FromStr for Split {
    type Err = String;

    /// The split of this name.
    fn from_str(name: &str) -> Result<Self, String> {
        let named = Self::ALL.into_iter().find(|split| split.to_string() == name);
        named.ok_or_else(|| format!("split is {name:?}: not train, val or test"))
    }
}

impl Lesion {
    /// Every reader's endpoints in pixels of the patch.
    pub fn keypoints(&self) -> impl ExactSizeIterator<Item = Keypoints> + '_ {
        self.readers.iter().map(|points| Keypoints::from_array(points.map(|[x, y]| Point::new(x, y))))
    }

    /// Whether a pack may hold the lesion on a square patch of `side` pixels, and if not, why.
    ///
    /// # Errors
    /// If no pack's patch has this size, no reader measured the lesion, an endpoint lies outside the patch, or
    /// endpoints are no measurement ([`check_keypoints`]).
    pub(super) fn check(&self, side: usize) -> Result<(), String> {
        if !(4..=8192).contains(&side) {
            return Err(format!("a patch of {side} pixels a side"));
        }
        if self.readers.is_empty() {
            return Err("no reader".into());
        }
        let end = side as f64 - 0.5;
        let patch = LesionBox::new(-0.5, -0.5, end, end).map_err(|error| error.to_string())?;
        for (reader, keypoints) in self.keypoints().enumerate() {
            check_keypoints(&keypoints, self.spacing)?;
            if let Some(point) = keypoints.to_array().into_iter().find(|&point| !patch.contains(point)) {
                let (Point { x, y }, number, readers) = (point, reader + 1, self.readers.len());
                return Err(format!(
                    "the endpoint ({x}, {y}) of reader {number} of {readers} lies outside the patch of {side} x {side} \
                     pixels round all"
                ));
            }
        }
        Ok(())
    }

    /// The readers' mean long axis in mm.
    #[must_use]
    pub fn mean_long_mm(&self) -> f64 {
        self.keypoints().map(|k| k.long().length_mm(self.spacing)).sum::<f64>() / self.readers.len() as f64
    }
}

/// Whether endpoints can be a RECIST measurement, and if not, why: by what the runtime accepts
/// ([`RecistAxes::from_keypoints`]), and then some.
///
/// # Errors
/// If a point is not finite, an axis has no length, the axes are less than 45° apart, the short axis is longer than
/// the long one by more than a tenth, or they do not cross near each other.
pub(super) fn check_keypoints(keypoints: &Keypoints, spacing: PixelSpacing) -> Result<(), String> {
    RecistAxes::from_keypoints(keypoints, Some(spacing)).map_err(|error| error.to_string())?;
    let [long, short] = [keypoints.long(), keypoints.short()].map(|axis| axis.length_mm(spacing));
    if short > 1.1 * long {
        return Err(format!("the short axis ({short:.2} mm) is longer than the long ({long:.2} mm)"));
    }
    let apart = spacing.distance_mm(keypoints.long().midpoint(), keypoints.short().midpoint());
    if apart > long {
        return Err(format!("the axes lie {apart:.1} mm apart"));
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
        let of = |points: [[f64; 2]; 4], [row, column]: [f64; 2]| {
            let keypoints = Keypoints::from_array(points.map(|[x, y]| Point::new(x, y)));
            check_keypoints(&keypoints, PixelSpacing::new(row, column).unwrap())
        };
        let even = [0.7, 0.7];
        assert_eq!(of([[0., 0.], [10., 0.], [5., -3.], [5., 3.]], even), Ok(()));
        for (points, spacing, word) in [
            ([[0., 0.], [f64::NAN, 0.], [5., -3.], [5., 3.]], even, "not finite"),
            ([[0., 0.], [0., 0.], [5., -3.], [5., 3.]], even, "no length"),
            ([[0., 0.], [10., 0.], [5., -6.], [5., 6.]], even, "longer than the long"),
            ([[0., 0.], [10., 0.], [3., -1.], [6., 1.]], even, "45 degrees apart"),
            ([[0., 0.], [10., 0.], [50., -3.], [50., 3.]], even, "mm apart"),
            // Pixels are not what a reader sees: these axes are perpendicular in pixels only.
            ([[0., 0.], [10., 10.], [8., 2.], [2., 8.]], [3., 1.], "45 degrees apart"),
            ([[0., 0.], [10., 0.], [5., -3.], [5., 3.]], [2., 1.], "longer than the long"),
        ] {
            assert!(of(points, spacing).unwrap_err().contains(word), "{points:?}");
        }
    }

    #[test]
    fn patients_without_a_split_are_divided_eight_to_one_to_one() {
        let count = |split| (0..1000).filter(|i| Split::of_patient(&format!("patient {i}")) == split).count();
        assert!((750..850).contains(&count(Split::Train)), "{}", count(Split::Train));
        assert!((60..140).contains(&count(Split::Val)), "{}", count(Split::Val));
    }
}
