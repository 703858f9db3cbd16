use recist::geometry::{Keypoints, PixelSpacing};

use super::{Four, errors};

/// Relative differences of long axes that two readers of one lesion have in 95 of 100 cases, in per cent (Yoon
/// et al. 2016).
pub const LIMITS_OF_AGREEMENT: [f64; 2] = [-22.1, 25.4];

/// One measurement of a lesion beside a reader's.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Difference {
    /// How far it is from the reader's, in millimetres.
    pub mm: Four<f64>,
    /// The same in pixels of the slice.
    pub px: Four<f64>,
    /// The long axes in mm: the measured one and the reader's.
    pub long_mm: [f64; 2],
}

impl Difference {
    /// The difference of `measured` and `reader`, both in pixels of one image.
    #[must_use]
    pub fn of(measured: &Keypoints, reader: &Keypoints, spacing: PixelSpacing) -> Self {
        let long = |k: &Keypoints| k.long().length_mm(spacing);
        Self {
            mm: errors(measured, reader, spacing),
            px: errors(measured, reader, PixelSpacing::UNIT),
            long_mm: [long(measured), long(reader)],
        }
    }

    /// How much longer than the reader's long axis the measured one is, in per cent of the reader's.
    #[must_use]
    pub fn long_percent(&self) -> f64 {
        let [measured, reader] = self.long_mm;
        100.0 * (measured / reader - 1.0)
    }

    /// The mean distance of the endpoints, in per cent of the reader's long axis.
    #[must_use]
    pub fn ends_percent(&self) -> f64 {
        100.0 * (self.mm.long_ends + self.mm.short_ends) / 2.0 / self.long_mm[1]
    }

    /// Whether the long axes differ by no more than those of two readers do ([`LIMITS_OF_AGREEMENT`]).
    #[must_use]
    pub fn agrees(&self) -> bool {
        (LIMITS_OF_AGREEMENT[0]..=LIMITS_OF_AGREEMENT[1]).contains(&self.long_percent())
    }
}

#[cfg(test)]
mod tests {
    use recist::geometry::Point;

    use super::*;

    #[test]
    fn pixels_are_not_millimetres_and_shorter_is_negative() {
        let keypoints = |points: [[f64; 2]; 4]| Keypoints::from_array(points.map(|[x, y]| Point::new(x, y)));
        let reader = keypoints([[0., 0.], [20., 0.], [10., -5.], [10., 5.]]);
        let measured = |long: f64| keypoints([[0., 0.], [long, 0.], [10., -5.], [10., 6.]]);
        let spacing = PixelSpacing::new(2.0, 0.5).unwrap();
        let difference = Difference::of(&measured(16.0), &reader, spacing);
        assert_eq!((difference.px.long, difference.mm.long), (-4.0, -2.0));
        assert_eq!((difference.px.short, difference.mm.short), (1.0, 2.0));
        assert!((difference.long_percent() + 20.0).abs() < 1e-12 && difference.agrees());
        // One of four ends is 2 mm away, the short axis' lower one too.
        assert!((difference.ends_percent() - 100.0 * (1.0 + 1.0) / 2.0 / 10.0).abs() < 1e-12);
        assert!(!Difference::of(&measured(15.0), &reader, spacing).agrees(), "a quarter shorter");
        assert!(Difference::of(&measured(25.0), &reader, spacing).agrees(), "a quarter longer");
    }
}
