use crate::data::{Lesion, Split};

/// Which lesions count.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Selection {
    /// The split.
    pub split: Split,
    /// The least mean long axis, in mm. RECIST 1.1 measures lesions from 10 mm.
    pub minimum_mm: f64,
    /// The least number of readers.
    pub readers: usize,
    /// The box's side in longer sides of the endpoints' rectangle, lowest and highest.
    pub box_scale: [f64; 2],
}

impl Selection {
    /// The whole split, in boxes by the paper's law.
    #[must_use]
    pub const fn whole(split: Split) -> Self {
        Self { split, minimum_mm: 0.0, readers: 1, box_scale: [2.0, 2.5] }
    }

    /// Whether a lesion's slice counts: only that which a radiologist would measure.
    pub(super) fn selects(&self, lesion: &Lesion) -> bool {
        lesion.split == self.split
            && lesion.largest
            && lesion.readers.len() >= self.readers
            && lesion.mean_long_mm() >= self.minimum_mm
    }
}
