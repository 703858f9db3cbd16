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
    /// (clockwise on the screen), in (-90, 90].
    fn angle_deg(&self) -> f64 {
        let axis = self.measurement.axes.long();
        let pixels = axis.end() - axis.start();
        let mm = self.measurement.spacing.map_or(pixels, |s| s.to_mm(pixels));
        let degrees = libm::atan2(mm.y, mm.x).to_degrees();
        if degrees <= -90.0 { degrees + 180.0 } else { degrees }
    }
}
