//! A measurement for people, for programs and as a picture.

mod json;
mod overlay;
mod text;

pub use overlay::Overlay;

use crate::cascade::Measurement;
use crate::geometry::{Axis, Keypoints, LesionBox, PixelSpacing, Point, RecistAxes};

/// A measurement with what it was made from and by.
#[derive(Clone, Copy, Debug)]
pub struct Report<'a> {
    /// The image's name as the user gave it.
    pub image: &'a str,
    /// The rough box as the user gave it.
    pub area: LesionBox,
    /// What was measured.
    pub measurement: &'a Measurement,
    /// The model that measured.
    pub model: ModelName<'a>,
    /// The engine and kernel that ran it.
    pub engine: &'a str,
}

/// What identifies a model.
#[derive(Clone, Copy, Debug)]
pub struct ModelName<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its version.
    pub version: &'a str,
    /// SHA-256 of its bundle.
    pub sha256: [u8; 32],
}

impl ModelName<'_> {
    /// The digest in hexadecimal, as `sha256sum` prints it.
    #[must_use]
    pub fn sha256_hex(&self) -> String {
        self.sha256.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

impl Report<'_> {
    /// The length of an axis in millimetres, where the spacing is known.
    fn length_mm(&self, axis: Axis) -> Option<f64> {
        self.measurement.spacing.map(|s| axis.length_mm(s))
    }

    /// The direction of the long axis in millimetre space, in degrees from the x axis towards the y axis
    /// (clockwise on the screen), in (-90, 90], with three decimals.
    fn angle_deg(&self) -> f64 {
        let axis = self.measurement.axes.long();
        let mm = self.measurement.spacing.unwrap_or(PixelSpacing::UNIT).to_mm(axis.vector());
        direction_deg(mm.x, mm.y)
    }
}

/// The direction of a vector or of its opposite, in degrees with three decimals, in (-90, 90].
fn direction_deg(x: f64, y: f64) -> f64 {
    let degrees = rounded(libm::atan2(y, x).to_degrees());
    if degrees <= -90.0 { degrees + 180.0 } else { degrees }
}

/// The endpoints of `axes` with `decimals` decimals, in the order of endpoints that these decimals have: two ends that
/// differ by less are a tie to whoever reads them.
#[must_use]
pub fn printed_ends(axes: RecistAxes, decimals: i32) -> Keypoints {
    axes.keypoints().map(|p| Point::new(rounded_to(p.x, decimals), rounded_to(p.y, decimals))).ordered()
}

/// With three decimals.
fn rounded(value: f64) -> f64 {
    rounded_to(value, 3)
}

fn rounded_to(value: f64, decimals: i32) -> f64 {
    let scale = 10.0_f64.powi(decimals);
    // Adding zero turns -0 into 0.
    (value * scale).round() / scale + 0.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_direction_is_never_minus_90_degrees_not_even_rounded() {
        for (x, y, want) in [
            (1.0, 1.0, 45.0),
            (1.0, -1.0, -45.0),
            (0.0, 20.0, 90.0),
            (0.0, -20.0, 90.0),
            (1e-5, -20.0, 90.0),
            (1e-3, -20.0, -89.997),
            (20.0, -1e-5, 0.0),
        ] {
            assert_eq!(direction_deg(x, y), want, "{x}, {y}");
        }
    }

    #[test]
    fn ends_that_differ_by_less_than_is_printed_have_the_order_of_a_tie() {
        // An upright long axis whose lower end lies this far to the left: y of the end that is first, printed and not.
        for (left, printed, exact) in [(0.0, 9.0, 9.0), (0.0003, 9.0, 40.0), (0.002, 40.0, 40.0)] {
            let ends = [(20.0 - left, 40.0), (20.0, 9.0), (17.0, 25.0), (23.0, 25.0)];
            let keypoints = Keypoints::from_array(ends.map(|(x, y)| Point::new(x, y)));
            let axes = RecistAxes::from_keypoints(&keypoints, None).unwrap();
            assert_eq!(axes.long().start().y, exact, "{left}");
            assert_eq!(printed_ends(axes, 3).long_start.y, printed, "{left}");
        }
    }
}
