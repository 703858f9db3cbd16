use super::Lesion;

/// A lesion on a square picture: cut out of its image, or generated.
#[derive(Clone, Debug)]
pub struct LesionPatch {
    /// What the pack says of it.
    pub lesion: Lesion,
    /// Rows and columns.
    pub side: usize,
    /// Samples row by row: grey values from 0 to 255, or Hounsfield units.
    pub samples: Vec<f32>,
    /// Where readers outlined the lesion: bit i of a value is set inside the outline of reader i.
    pub outlines: Option<Vec<f32>>,
}
