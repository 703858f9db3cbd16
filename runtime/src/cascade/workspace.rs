use crate::image::{PATCH_PIXELS, Patch};

/// Rows and columns of the lesion mask, which covers the patch.
pub const MASK_SIZE: usize = 32;

/// Pixels of the lesion mask.
pub const MASK_PIXELS: usize = MASK_SIZE * MASK_SIZE;

/// A mask pixel above this value is lesion.
pub const LESION_LEVEL: f32 = 0.5;

/// The largest heatmaps that a model may have.
pub const MAXIMUM_HEATMAP_SIZE: usize = 64;

/// A lesion mask, row by row; above 0.5 is lesion.
pub type Mask = [f32; MASK_PIXELS];

/// Room for four heatmaps of the largest size.
pub type Heatmaps = [f32; 4 * MAXIMUM_HEATMAP_SIZE * MAXIMUM_HEATMAP_SIZE];

/// What one measurement works in: plain numbers, any contents to begin with, so that it can lie in a
/// caller's block.
#[derive(Clone, Debug)]
#[repr(C)]
pub struct Workspace {
    /// The normalised patch round the lesion.
    pub patch: Patch,
    /// The canonical patch; before that, room for the normalisation to sort in.
    pub canonical: Patch,
    /// The lesion mask.
    pub mask: Mask,
    /// The heatmaps, four of the model's size at the front.
    pub heatmaps: Heatmaps,
}

impl Workspace {
    /// A workspace of zeros.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            patch: [0.0; PATCH_PIXELS],
            canonical: [0.0; PATCH_PIXELS],
            mask: [0.0; MASK_PIXELS],
            heatmaps: [0.0; 4 * MAXIMUM_HEATMAP_SIZE * MAXIMUM_HEATMAP_SIZE],
        }
    }
}

impl Default for Workspace {
    fn default() -> Self {
        Self::new()
    }
}
