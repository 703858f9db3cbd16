use std::f64::consts::TAU;

use rand::RngExt;
use rand_distr::StandardNormal;
use recist::geometry::{Keypoints, Point};

use crate::data::Random;

const CORNERS: usize = 180;

/// A lesion's outline.
#[derive(Clone, Debug)]
pub(super) struct Outline {
    /// Its middle.
    pub(super) center: Point,
    /// What a radiologist measures.
    measured: Vec<Point>,
    /// What is seen: `measured`, or the same with spicules, which no radiologist measures.
    pub(super) painted: Vec<Point>,
}

impl Outline {
    /// An outline, from smooth to lobulated and spiculated, of about this long axis.
    pub(super) fn random(random: &mut Random, center: Point, long: f64) -> Self {
        let eccentricity = random.random_range(0.45..1.0);
        let roughness = [0.03, 0.08, 0.14][random.random_range(0..3)];
        let mut waves = Vec::new();
        for k in 2..9 {
            let strength: f64 = random.sample(StandardNormal);
            waves.push((
                f64::from(k),
                roughness * strength / f64::from(k).powf(1.2),
                random.random_range(0.0..TAU),
            ));
        }
        let spicules: Vec<(f64, f64, f64)> = if random.random_bool(0.15) {
            (0..random.random_range(3..9))
                .map(|_| {
                    (
                        random.random_range(0.0..TAU),
                        random.random_range(0.15..0.6),
                        random.random_range(0.04..0.1),
                    )
                })
                .collect()
        } else {
            Vec::new()
        };
        let (sin, cos) = random.random_range(0.0..TAU).sin_cos();
        let place = |angle: f64, radius: f64| {
            let (x, y) = (radius * angle.cos(), radius * eccentricity * angle.sin());
            Point::new(x * cos - y * sin, x * sin + y * cos)
        };
        let angles = (0..CORNERS).map(|i| i as f64 / CORNERS as f64 * TAU);
        let (mut measured, mut painted) = (Vec::new(), Vec::new());
        for angle in angles {
            let rough: f64 =
                waves.iter().map(|(k, strength, phase)| strength * (k * angle + phase).cos()).sum();
            let radius = (1.0 + rough).clamp(0.35, 2.0);
            let spicule: f64 = spicules
                .iter()
                .map(|(at, height, width)| {
                    let turn = (angle - at + TAU / 2.0).rem_euclid(TAU) - TAU / 2.0;
                    height * (-(turn / width).powi(2) / 2.0).exp()
                })
                .sum();
            measured.push(place(angle, radius));
            painted.push(place(angle, radius + spicule));
        }
        let (a, b) = farthest(&measured);
        let scale = long / measured[a].distance(measured[b]);
        let moved = |points: Vec<Point>| points.into_iter().map(|p| center + p * scale).collect();
        Self { center, measured: moved(measured), painted: moved(painted) }
    }

    /// The longest diameter and the longest extent perpendicular to it; none where the outline is too odd.
    pub(super) fn axes(&self) -> Option<Keypoints> {
        let points = &self.measured;
        let (a, b) = farthest(points);
        let (start, end) = (points[a], points[b]);
        let length = start.distance(end);
        let along = (end - start) * (1.0 / length);
        let across = Point::new(-along.y, along.x);
        let local: Vec<(f64, f64)> =
            points.iter().map(|&p| ((p - start).dot(along), (p - start).dot(across))).collect();
        let mut best: Option<(f64, f64, f64)> = None;
        let steps = 200;
        for step in 1..steps {
            let at = length * f64::from(step) / f64::from(steps);
            let edges = local.iter().zip(local.iter().cycle().skip(1));
            let crossings = edges
                .filter(|((t, _), (t2, _))| (*t <= at) != (*t2 <= at))
                .map(|((t, s), (t2, s2))| s + (at - t) / (t2 - t) * (s2 - s));
            let (low, high) = crossings
                .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), s| (low.min(s), high.max(s)));
            if high - low > best.map_or(0.0, |(_, low, high)| high - low) {
                best = Some((at, low, high));
            }
        }
        let (at, low, high) = best?;
        let on = |s: f64| start + along * at + across * s;
        let axes = Keypoints { long_start: start, long_end: end, short_start: on(low), short_end: on(high) };
        (high - low > 0.3 * length && high - low <= length).then_some(axes)
    }

    /// Another outline, half as long to twice as long, that touches this one from any side, laps over it a little
    /// or leaves a little room.
    pub(super) fn neighbour(&self, random: &mut Random, long: f64) -> Self {
        let (sin, cos) = random.random_range(0.0..TAU).sin_cos();
        let along = Point::new(cos, sin);
        let gap = long * random.random_range(-0.1..0.06);
        let long = long * random.random_range(0.5..2.0);
        let mut neighbour = Self::random(random, self.center, long);
        let reach = |points: &[Point], way: Point| {
            points.iter().map(|&p| (p - self.center).dot(way)).fold(0.0, f64::max)
        };
        let way = along * (reach(&self.painted, along) + reach(&neighbour.painted, along * -1.0) + gap);
        neighbour.center = neighbour.center + way;
        for point in neighbour.measured.iter_mut().chain(&mut neighbour.painted) {
            *point = *point + way;
        }
        neighbour
    }

    /// A band from the lesion's middle to beyond the edge of the picture.
    pub(super) fn strand(&self, random: &mut Random, side: usize) -> Vec<Point> {
        let (sin, cos) = random.random_range(0.0..TAU).sin_cos();
        let along = Point::new(cos, sin);
        let across = Point::new(-sin, cos) * random.random_range(0.8..2.5);
        let far = self.center + along * (2.0 * side as f64);
        vec![self.center + across, far + across, far - across, self.center - across]
    }
}

fn farthest(points: &[Point]) -> (usize, usize) {
    let pairs = (0..points.len()).flat_map(|a| (0..a).map(move |b| (a, b)));
    pairs
        .max_by(|&(a, b), &(c, d)| points[a].distance(points[b]).total_cmp(&points[c].distance(points[d])))
        .unwrap_or((0, 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_axes_of_an_ellipse_are_its_own() {
        let (sin, cos) = 0.7_f64.sin_cos();
        let points: Vec<Point> = (0..720)
            .map(|i| {
                let (y, x) = (f64::from(i) / 720.0 * TAU).sin_cos();
                let (x, y) = (20.0 * x, 9.0 * y);
                Point::new(30.0 + x * cos - y * sin, 40.0 + x * sin + y * cos)
            })
            .collect();
        let outline = Outline { center: Point::new(30.0, 40.0), measured: points.clone(), painted: points };
        let axes = outline.axes().unwrap();
        assert!((axes.long().length() - 40.0).abs() < 0.01);
        assert!((axes.short().length() - 18.0).abs() < 0.02);
        assert!(axes.center().distance(outline.center) < 0.2);
    }
}
