//! A measurement for people, for programs and as a picture.

mod json;
mod overlay;
mod text;

pub use overlay::Overlay;

use crate::cascade::Measurement;
use crate::geometry::{Axis, LesionBox};

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
        let pixels = axis.end() - axis.start();
        let mm = self.measurement.spacing.map_or(pixels, |s| s.to_mm(pixels));
        direction_deg(mm.x, mm.y)
    }
}

/// The direction of a vector or of its opposite, in degrees with three decimals, in (-90, 90].
fn direction_deg(x: f64, y: f64) -> f64 {
    let degrees = rounded(libm::atan2(y, x).to_degrees());
    if degrees <= -90.0 { degrees + 180.0 } else { degrees }
}

/// With three decimals.
fn rounded(value: f64) -> f64 {
    // Adding zero turns -0 into 0.
    (value * 1000.0).round() / 1000.0 + 0.0
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
}
