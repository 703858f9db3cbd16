//! The conventions of the whole product, stated once.
//!
//! - A slice is rows of samples; x is the column, y the row, y grows downwards, and the **centre** of the
//!   first pixel is (0, 0). Coordinates are pixels unless the name says otherwise.
//! - *Normalised* coordinates of a square patch run from -1 at its left (top) edge to 1 at its right (bottom)
//!   edge: the centre of pixel `i` of `n` lies at `(2 i + 1) / n - 1`. They are the coordinates of the
//!   paper's equations 1 to 3.
//! - A map is named by both ends, `patch_to_slice`, and maps compose in the order in which they happen:
//!   `canonical_to_patch.then(patch_to_slice)`.
//! - Lengths in millimetres use row and column spacing separately.
//!
//! Nothing here calls a platform's sine, exponential or fused multiply-add: additions, multiplications,
//! divisions and square roots are rounded the same way on every CPU.

mod affine_grid;
mod affine_map;
mod lesion_box;
mod pixel_spacing;
mod point;
mod recist_axes;
mod theta;

pub use affine_grid::AffineGrid;
pub use affine_map::AffineMap;
pub use lesion_box::{BoxError, LesionBox};
pub use pixel_spacing::{PixelSpacing, SpacingError};
pub use point::Point;
pub use recist_axes::{AxesError, Axis, Keypoints, RecistAxes};
pub use theta::{LONG_AXIS_FRACTION, Theta, ThetaError};
