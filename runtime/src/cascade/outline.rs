use super::{LESION_LEVEL, MASK_PIXELS, MASK_SIZE, Mask};
use crate::geometry::{AffineMap, Point};

/// The most points that an outline can have: two for every mask pixel and a few for the corners.
pub const OUTLINE_POINTS: usize = 2 * MASK_PIXELS + 4;

const SIDES: [(isize, isize); 4] = [(1, 0), (0, 1), (-1, 0), (0, -1)];

/// Writes the outline of the mask's largest connected part into `points`, mapped from normalised patch
/// coordinates by `patch_to_slice`, and returns how many points it has: a closed polygon, clockwise as seen
/// on the screen, without its first point repeated; 0 for an empty mask.
///
/// The points lie where the mask, linear between the centres of neighbouring pixels, crosses 0.5. `None`
/// if `points` is too short; [`OUTLINE_POINTS`] always suffice.
pub fn outline(mask: &Mask, patch_to_slice: AffineMap, points: &mut [Point]) -> Option<usize> {
    let part = LargestPart::of(mask);
    let Some(first) = part.members.iter().position(|m| *m) else {
        return Some(0);
    };
    let pixels_to_slice = AffineMap::pixels_to_normalised(MASK_SIZE).then(patch_to_slice);
    #[allow(clippy::cast_possible_wrap, reason = "a mask has 32 columns")]
    let start = ((first % MASK_SIZE) as isize, (first / MASK_SIZE) as isize, 3);
    let (mut x, mut y, mut side) = start;
    let mut count = 0;
    loop {
        *points.get_mut(count)? = pixels_to_slice.apply(part.crossing(mask, x, y, side));
        count += 1;
        // Clockwise along the cracks between members and others; diagonal neighbours do not connect.
        let ((dx, dy), (ox, oy)) = (SIDES[(side + 1) % 4], SIDES[side]);
        if !part.contains(x + dx, y + dy) {
            side = (side + 1) % 4;
        } else if part.contains(x + dx + ox, y + dy + oy) {
            (x, y, side) = (x + dx + ox, y + dy + oy, (side + 3) % 4);
        } else {
            (x, y) = (x + dx, y + dy);
        }
        if (x, y, side) == start {
            return Some(count);
        }
    }
}

/// The largest set of lesion pixels that connect by their sides.
struct LargestPart {
    members: [bool; MASK_PIXELS],
}

impl LargestPart {
    fn of(mask: &Mask) -> Self {
        let mut label = [0_u16; MASK_PIXELS];
        let mut stack = [0_u16; MASK_PIXELS];
        let (mut parts, mut largest, mut largest_size) = (0, 0, 0);
        for seed in 0..MASK_PIXELS {
            if mask[seed] <= LESION_LEVEL || mask[seed].is_nan() || label[seed] != 0 {
                continue;
            }
            parts += 1;
            label[seed] = parts;
            #[allow(clippy::cast_possible_truncation, reason = "a mask has 1,024 pixels")]
            let narrow = |at: usize| at as u16;
            stack[0] = narrow(seed);
            let (mut depth, mut size) = (1, 0);
            while depth > 0 {
                depth -= 1;
                size += 1;
                let at = usize::from(stack[depth]);
                let (x, y) = (at % MASK_SIZE, at / MASK_SIZE);
                let neighbours = [
                    (x > 0).then(|| at - 1),
                    (x + 1 < MASK_SIZE).then_some(at + 1),
                    (y > 0).then(|| at - MASK_SIZE),
                    (y + 1 < MASK_SIZE).then_some(at + MASK_SIZE),
                ];
                for next in neighbours.into_iter().flatten() {
                    if mask[next] > LESION_LEVEL && label[next] == 0 {
                        label[next] = parts;
                        stack[depth] = narrow(next);
                        depth += 1;
                    }
                }
            }
            if size > largest_size {
                (largest, largest_size) = (parts, size);
            }
        }
        Self { members: label.map(|l| l != 0 && l == largest) }
    }

    fn index(x: isize, y: isize) -> Option<usize> {
        let (x, y) = (usize::try_from(x).ok()?, usize::try_from(y).ok()?);
        (x < MASK_SIZE && y < MASK_SIZE).then_some(y * MASK_SIZE + x)
    }

    fn contains(&self, x: isize, y: isize) -> bool {
        Self::index(x, y).is_some_and(|at| self.members[at])
    }

    /// Where the mask crosses the threshold between a member and its neighbour on `side`; the edge of the
    /// mask where there is no neighbour.
    fn crossing(&self, mask: &Mask, x: isize, y: isize, side: usize) -> Point {
        let (dx, dy) = SIDES[side];
        let value = |x, y| Self::index(x, y).map(|at| mask[at]);
        let share = match (value(x, y), value(x + dx, y + dy)) {
            (Some(inside), Some(outside)) if outside <= LESION_LEVEL => {
                (inside - LESION_LEVEL) / (inside - outside)
            }
            _ => 0.5,
        };
        let share = f64::from(share);
        let share = if share.is_finite() { share } else { 0.5 };
        Point::new(x as f64, y as f64) + Point::new(dx as f64, dy as f64) * share
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn traced(mask: &Mask) -> Vec<Point> {
        let mut points = vec![Point::default(); OUTLINE_POINTS];
        let count = outline(mask, AffineMap::normalised_to_pixels(MASK_SIZE), &mut points).unwrap();
        points.truncate(count);
        points
    }

    fn area(polygon: &[Point]) -> f64 {
        let next = polygon.iter().cycle().skip(1);
        polygon.iter().zip(next).map(|(a, b)| a.x * b.y - b.x * a.y).sum::<f64>() / 2.0
    }

    #[test]
    fn a_discs_outline_has_the_discs_area() {
        let (center, radius) = (Point::new(15.2, 14.7), 8.0);
        let mut mask = [0.0; MASK_PIXELS];
        for (i, value) in mask.iter_mut().enumerate() {
            let at = Point::new((i % MASK_SIZE) as f64, (i / MASK_SIZE) as f64);
            #[allow(clippy::cast_possible_truncation, reason = "a mask is float32")]
            let soft = (radius - at.distance(center) + 0.5).clamp(0.0, 1.0) as f32;
            *value = soft;
        }
        let polygon = traced(&mask);
        let want = core::f64::consts::PI * radius * radius;
        assert!((area(&polygon) / want - 1.0).abs() < 0.02, "{} {want}", area(&polygon));
        assert!(polygon.iter().all(|p| (p.distance(center) - radius).abs() < 0.2));
    }

    #[test]
    fn only_the_largest_part_is_outlined() {
        let mut mask = [0.0; MASK_PIXELS];
        for at in [0, 1, 100, 101, 132, 133, 500] {
            mask[at] = 1.0;
        }
        let polygon = traced(&mask);
        assert_eq!(polygon.len(), 8);
        assert!(
            polygon.iter().all(|p| (3.0..=6.0).contains(&p.x) && (2.0..=5.0).contains(&p.y)),
            "{polygon:?}"
        );
        assert_eq!(traced(&[0.0; MASK_PIXELS]), []);
        assert_eq!(traced(&[f32::NAN; MASK_PIXELS]), []);
    }

    #[test]
    fn no_mask_has_more_points_than_stated() {
        let mut state = 1_u32;
        for _ in 0..300 {
            let mut mask = [0.0; MASK_PIXELS];
            for value in &mut mask {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                *value = (state >> 8) as f32 / 2_f32.powi(24) + 0.15;
            }
            assert!(traced(&mask).len() <= OUTLINE_POINTS);
        }
        let mut short = [Point::default(); 5];
        assert_eq!(outline(&[1.0; MASK_PIXELS], AffineMap::IDENTITY, &mut short), None);
        let comb: Vec<f32> = (0..MASK_PIXELS).map(|i| f32::from(i < 32 || i % 2 == 0)).collect();
        assert!(traced(comb.as_slice().try_into().unwrap()).len() > 900);
    }
}
