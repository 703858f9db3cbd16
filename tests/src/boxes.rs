//! Boxes as they may be drawn, the same in every run.

use recist::geometry::{Keypoints, LesionBox, Point};

/// Uniform numbers in [0, 1), the same for the same seed.
#[derive(Clone, Debug)]
pub struct Uniform(u64);

impl Uniform {
    /// The numbers of this seed.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    pub fn draw(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// The next number in [low, high).
    pub fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.draw()
    }
}

/// The rough box by the law of boxes: 2 to 2.5 times the lesion, its centre off by up to a quarter.
///
/// # Panics
/// If the keypoints are not finite or have no extent.
#[must_use]
pub fn rough_box(keypoints: &Keypoints, uniform: &mut Uniform) -> LesionBox {
    let scale = uniform.between(2.0, 2.5);
    let offset = Point::new(uniform.draw() - 0.5, uniform.draw() - 0.5) * 0.5;
    LesionBox::drawn_round(&keypoints.to_array(), scale, offset).expect("a lesion has an extent")
}

/// A square box inside a slice of `width` x `height` pixels where none of `marks` is: its side is uniform from 12 to
/// 100 pixels and its centre uniform where it fits; grown by an eighth of its side it keeps 10 pixels away from the
/// rectangle round the marks.
///
/// # Panics
/// If the slice has no place for a box of 100 pixels.
#[must_use]
pub fn box_beside(marks: &[Point], [width, height]: [usize; 2], uniform: &mut Uniform) -> LesionBox {
    let [right, bottom] = [width, height].map(|pixels| pixels as f64 - 1.0);
    assert!(right > 100.0 && bottom > 100.0, "{width} x {height} pixels have no place for a box");
    loop {
        let half = uniform.between(6.0, 50.0);
        let x = uniform.between(half, right - half);
        let y = uniform.between(half, bottom - half);
        let away = half * 1.25 + 10.0;
        let lies_beside = |of: fn(&Point) -> f64, centre: f64| {
            marks.iter().all(|mark| of(mark) < centre - away)
                || marks.iter().all(|mark| of(mark) > centre + away)
        };
        if lies_beside(|mark| mark.x, x) || lies_beside(|mark| mark.y, y) {
            return LesionBox::new(x - half, y - half, x + half, y + half)
                .expect("the centre lies in the slice");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_box_beside_lies_in_the_slice_and_touches_no_mark() {
        let marks = [Point::new(60.0, 60.0), Point::new(90.0, 80.0)];
        let mut uniform = Uniform::new(3);
        let mut sides = [f64::INFINITY, 0.0];
        for _ in 0..1000 {
            let area = box_beside(&marks, [256, 200], &mut uniform);
            let [x0, y0, x1, y1] = area.corners();
            assert!(x0 >= 0.0 && y0 >= 0.0 && x1 <= 255.0 && y1 <= 199.0, "{area:?}");
            assert!(!marks.iter().any(|mark| area.scaled(1.25).contains(*mark)), "{area:?}");
            sides = [sides[0].min(area.width()), sides[1].max(area.width())];
        }
        assert!(sides[0] < 13.0 && sides[1] > 95.0, "{sides:?}");
    }
}
