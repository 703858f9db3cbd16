use core::fmt;

use super::{AffineMap, Keypoints, Point};

/// How much of the canonical patch's width the long axis fills.
///
/// The canonical layout (paper, section 2.1): the mean of the four endpoints lies in the patch's centre, the
/// long axis is horizontal, and it fills this fraction of the width. At 0.6 the lesion's own surroundings
/// stay visible, and an endpoint still falls inside the patch when the scale is estimated a quarter too
/// small (0.6 / 0.75 = 0.8 of the width) and the centre is off by a quarter of half the axis as well
/// (0.8 + 0.8 / 4 = 1); a turned estimate turns the axis about the centre and keeps it inside.
pub const LONG_AXIS_FRACTION: f64 = 0.6;

/// The transformation parameters θ = (tx, ty, α, s) of the paper's equations 1 to 3, which take the
/// normalised coordinates of the canonical patch to those of the lesion's patch.
///
/// tx and ty are in half patch widths, s is positive and the angle is kept as its cosine and sine. θ at α
/// and at α + 180° are two canonical patches of one lesion, both valid; [`Theta::from_double_angle`] and
/// [`Theta::of_keypoints`] choose the one with a cosine of at least zero.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Theta {
    shift: Point,
    cos: f64,
    sin: f64,
    scale: f64,
}

/// Why numbers are not transformation parameters.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ThetaError {
    /// A number is NaN or infinite, or the scale is not positive.
    Invalid {
        /// tx and ty.
        shift: Point,
        /// s.
        scale: f64,
    },
    /// Cosine and sine of the double angle are both zero, or not finite: there is no direction.
    NoDirection {
        /// The cosine that was given.
        cos2: f64,
        /// The sine that was given.
        sin2: f64,
    },
}

impl Theta {
    /// θ from the double angle: `cos2` and `sin2` are cos 2α and sin 2α up to a common positive factor.
    ///
    /// An axis has no head and no tail, so its direction repeats every 180°; twice the angle is the
    /// circular quantity that a network can learn without a jump. The half angle comes from square roots
    /// alone: cos α = √((1 + cos 2α) / 2) ≥ 0.
    ///
    /// # Errors
    /// If a number is not finite, `scale` is not positive, or the direction is (0, 0).
    pub fn from_double_angle(shift: Point, cos2: f64, sin2: f64, scale: f64) -> Result<Self, ThetaError> {
        let length = Point::new(cos2, sin2).length();
        if !length.is_normal() {
            return Err(ThetaError::NoDirection { cos2, sin2 });
        }
        if !shift.is_finite() || !scale.is_normal() || scale < 0.0 {
            return Err(ThetaError::Invalid { shift, scale });
        }
        let cos2 = (cos2 / length).clamp(-1.0, 1.0);
        let (cos, sin) = (((1.0 + cos2) / 2.0).sqrt(), ((1.0 - cos2) / 2.0).sqrt());
        Ok(Self { shift, cos, sin: if sin2 < 0.0 { -sin } else { sin }, scale })
    }

    /// The θ that brings a lesion into the canonical layout, from its endpoints in normalised patch
    /// coordinates: the "true θ" of section 2.1.
    ///
    /// # Errors
    /// If the ends of the long axis coincide or a coordinate is not finite.
    pub fn of_keypoints(keypoints: &Keypoints) -> Result<Self, ThetaError> {
        let long = keypoints.long().vector();
        let (cos2, sin2) = (long.x * long.x - long.y * long.y, 2.0 * long.x * long.y);
        Self::from_double_angle(keypoints.center(), cos2, sin2, long.length() / 2.0 / LONG_AXIS_FRACTION)
    }

    /// tx and ty: the canonical patch's centre in normalised patch coordinates.
    #[must_use]
    pub const fn shift(self) -> Point {
        self.shift
    }

    /// s: half the canonical patch's width, in half patch widths.
    #[must_use]
    pub const fn scale(self) -> f64 {
        self.scale
    }

    /// cos 2α and sin 2α.
    #[must_use]
    pub fn double_angle(self) -> (f64, f64) {
        (self.cos * self.cos - self.sin * self.sin, 2.0 * self.sin * self.cos)
    }

    /// The 2 x 3 matrix Θ of equation 2: normalised canonical coordinates to normalised patch coordinates.
    #[must_use]
    pub fn canonical_to_patch(self) -> AffineMap {
        let (c, s) = (self.scale * self.cos, self.scale * self.sin);
        AffineMap::from_rows([[c, -s, self.shift.x], [s, c, self.shift.y]])
    }
}

impl fmt::Display for ThetaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid { shift, scale } => write!(
                f,
                "transformation parameters are invalid: shift {} {}, scale {scale}",
                shift.x, shift.y
            ),
            Self::NoDirection { cos2, sin2 } => {
                write!(f, "long axis has no direction: cosine {cos2}, sine {sin2}")
            }
        }
    }
}

impl core::error::Error for ThetaError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn lesion(angle_deg: f64) -> Keypoints {
        let (s, c) = angle_deg.to_radians().sin_cos();
        let at =
            |along: f64, across: f64| Point::new(0.1 + along * c - across * s, -0.2 + along * s + across * c);
        Keypoints {
            long_start: at(-0.4, 0.0),
            long_end: at(0.4, 0.0),
            short_start: at(0.0, -0.2),
            short_end: at(0.0, 0.2),
        }
    }

    #[test]
    fn the_true_theta_brings_every_lesion_into_the_canonical_layout() {
        for degrees in -360..=360 {
            let keypoints = lesion(f64::from(degrees));
            let theta = Theta::of_keypoints(&keypoints).unwrap();
            let to_canonical = theta.canonical_to_patch().inverse().unwrap();
            let canonical = keypoints.map(|p| to_canonical.apply(p));
            let [left, right] = [canonical.long_start.x, canonical.long_end.x];
            assert!(
                (left.abs() - LONG_AXIS_FRACTION).abs() < 1e-9 && (left + right).abs() < 1e-9,
                "{degrees}"
            );
            // Near a double angle of 180° the sine of the half angle keeps half the digits of its cosine.
            assert!(canonical.long_start.y.abs() < 1e-7 && canonical.center().length() < 1e-7, "{degrees}");
        }
    }

    #[test]
    fn an_axis_has_no_head_and_no_tail() {
        for degrees in [-179.0, -90.0, -1.0, 0.0, 30.0, 89.0, 90.0, 91.0, 179.0] {
            let (a, b) = (lesion(degrees), lesion(degrees + 180.0));
            let (a, b) = (Theta::of_keypoints(&a).unwrap(), Theta::of_keypoints(&b).unwrap());
            let (x, y) = (a.double_angle(), b.double_angle());
            assert!((x.0 - y.0).abs() < 1e-7 && (x.1 - y.1).abs() < 1e-7, "{degrees}");
        }
    }

    #[test]
    fn no_invalid_theta_exists() {
        let zero = Point::default();
        assert!(Theta::from_double_angle(zero, 0.0, 0.0, 1.0).is_err());
        assert!(Theta::from_double_angle(zero, f64::NAN, 1.0, 1.0).is_err());
        assert!(Theta::from_double_angle(zero, 1.0, 0.0, 0.0).is_err());
        assert!(Theta::from_double_angle(zero, 1.0, 0.0, -1.0).is_err());
        assert!(Theta::from_double_angle(Point::new(f64::INFINITY, 0.0), 1.0, 0.0, 1.0).is_err());
    }
}
