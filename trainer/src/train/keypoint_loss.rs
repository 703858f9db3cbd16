use recist::cascade::{Neighbourhood, REACH, decode};
use recist::geometry::Point;

use super::losses::narrow;
use super::{LossWeights, Losses};
use crate::network::HEATMAPS;

/// What is wrong with the endpoints that the runtime would decode from heatmaps of `size` x `size`, pixel after pixel
/// with the four keypoints together: cosine, ends and lengths, each times its weight. Adds the gradient.
///
/// The right angle between keypoints, not heatmaps, is what the paper asks for (section 2.2). The heatmaps' squared
/// error knows nothing of angles and millimetres. Distances and lengths, in widths of the canonical patch, are what a
/// reader judges by, and their absolute values tend to the middle of several readers' opinions where squares tend to
/// the mean.
///
/// # Panics
/// If the lengths differ or are no whole number of samples.
pub(super) fn keypoint_loss(
    found: &[f32],
    expected: &[f32],
    size: usize,
    weights: &LossWeights,
    gradient: &mut [f32],
) -> Losses {
    let sample = HEATMAPS * size * size;
    assert_eq!((found.len(), gradient.len()), (expected.len(), expected.len()), "one target a number");
    assert_eq!(found.len() % sample, 0, "whole samples");
    let samples = (found.len() / sample) as f64;
    let unit = 1.0 / (size as f64 * samples);
    let mut loss = Losses::default();
    let maps = found.chunks_exact(sample).zip(expected.chunks_exact(sample));
    for ((found, expected), gradient) in maps.zip(gradient.chunks_exact_mut(sample)) {
        let found: [Decoded; HEATMAPS] = std::array::from_fn(|i| Decoded::of(found, i, size));
        let expected: [Point; HEATMAPS] = std::array::from_fn(|i| Decoded::of(expected, i, size).position);
        let (cosine, way) = squared_cosine(found.each_ref().map(|found| found.position));
        loss.cosine += cosine;
        let mut moved = way.map(|way| way * (weights.cosine * size as f64));
        for ((found, expected), moved) in found.iter().zip(expected).zip(&mut moved) {
            let way = found.position - expected;
            let distance = way.length();
            loss.ends += distance.min(REACH as f64) / HEATMAPS as f64;
            if distance > 0.0 && distance < REACH as f64 {
                *moved = *moved + way * (weights.ends / HEATMAPS as f64 / distance);
            }
        }
        for [start, end] in [[0, 1], [2, 3]] {
            let axis = found[end].position - found[start].position;
            let difference = axis.length() - (expected[end] - expected[start]).length();
            loss.lengths += difference.abs() / 2.0;
            if axis.length() > 0.0 && difference != 0.0 {
                let step = axis * (weights.lengths / 2.0 * difference.signum() / axis.length());
                moved[end] = moved[end] + step;
                moved[start] = moved[start] - step;
            }
        }
        for (i, (found, moved)) in found.iter().zip(moved).enumerate() {
            found.add_gradient(moved * unit, &mut gradient[i..], size);
        }
    }
    Losses {
        cosine: weights.cosine * loss.cosine / samples,
        ends: weights.ends * loss.ends * unit,
        lengths: weights.lengths * loss.lengths * unit,
        ..loss
    }
}

/// cos² of the angle between the axes of four keypoints in heatmap pixels, and how it grows with each of them.
fn squared_cosine(points: [Point; HEATMAPS]) -> (f64, [Point; HEATMAPS]) {
    let [a, b] = [points[1] - points[0], points[3] - points[2]];
    let [aa, bb, ab] = [a.dot(a), b.dot(b), a.dot(b)];
    if aa < 1.0 || bb < 1.0 {
        return (0.0, [Point::default(); HEATMAPS]);
    }
    let scale = 2.0 * ab / (aa * bb);
    let (by_a, by_b) = ((b - a * (ab / aa)) * scale, (a - b * (ab / bb)) * scale);
    (ab * ab / (aa * bb), [by_a * -1.0, by_a, by_b * -1.0, by_b])
}

/// One decoded heatmap and what is needed to go back to its pixels.
struct Decoded {
    map: Vec<f32>,
    position: Point,
}

impl Decoded {
    fn of(maps: &[f32], keypoint: usize, size: usize) -> Self {
        let map: Vec<f32> = maps.iter().skip(keypoint).step_by(HEATMAPS).copied().collect();
        let position = decode(&map, size).position;
        Self { map, position }
    }

    /// The position is Σ v p / Σ v over the positive values v at p, so a value moves it by (p - position) / Σ v.
    fn add_gradient(&self, moved: Point, gradient: &mut [f32], size: usize) {
        let pixels = || Neighbourhood::of(&self.map, size).pixels();
        let sum: f64 = pixels().map(|[x, y]| f64::from(self.map[y * size + x].max(0.0))).sum();
        if sum <= 0.0 {
            return;
        }
        for [x, y] in pixels() {
            let at = y * size + x;
            if self.map[at] > 0.0 {
                let arm = Point::new(x as f64, y as f64) - self.position;
                gradient[at * HEATMAPS] += narrow(moved.dot(arm) / sum);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::batch::interleave;

    const SIZE: usize = 16;

    fn maps(points: [[f64; 2]; 4]) -> Vec<f32> {
        let mut maps = Vec::new();
        for [x, y] in points {
            for i in 0..SIZE * SIZE {
                let square = ((i % SIZE) as f64 - x).powi(2) + ((i / SIZE) as f64 - y).powi(2);
                maps.push(narrow((-square / 2.0).exp()));
            }
        }
        let mut interleaved = Vec::new();
        interleave(&maps, SIZE, &mut interleaved);
        interleaved
    }

    const EXPECTED: [[f64; 2]; 4] = [[3.0, 8.0], [13.0, 8.0], [8.0, 5.0], [8.0, 11.0]];

    #[test]
    fn the_loss_has_the_value_computed_by_hand() {
        let found = maps([[4.0, 8.0], [13.0, 8.0], [8.0, 4.0], [8.0, 11.0]]);
        let weights = &LossWeights { ends: 8.0, lengths: 4.0, cosine: 1.0, ..LossWeights::default() };
        let loss = keypoint_loss(&found, &maps(EXPECTED), SIZE, weights, &mut vec![0.0; found.len()]);
        // Two of four ends are a pixel off, the long axis is a pixel short, the short axis a pixel long.
        assert!((loss.ends - 8.0 * 0.5 / 16.0).abs() < 1e-3, "{loss:?}");
        assert!((loss.lengths - 4.0 * 1.0 / 16.0).abs() < 2e-3, "{loss:?}");
        assert!(loss.cosine < 1e-6, "{loss:?}");
        let none = keypoint_loss(&found, &found, SIZE, weights, &mut vec![0.0; found.len()]);
        assert_eq!(Losses { cosine: 0.0, ..none }, Losses::default());
    }

    #[test]
    fn the_gradient_is_that_of_central_differences() {
        let mut found = maps([[4.2, 8.3], [12.6, 7.9], [8.4, 4.7], [7.7, 11.3]]);
        let expected = maps(EXPECTED);
        let weights = &LossWeights { cosine: 6.0, ends: 8.0, lengths: 4.0, ..LossWeights::default() };
        let mut gradient = vec![0.0; found.len()];
        let _ = keypoint_loss(&found, &expected, SIZE, weights, &mut gradient);
        let mut seen = 0;
        let places: Vec<usize> = (0..found.len()).filter(|i| found[*i] > 0.05 && found[*i] < 0.8).collect();
        for i in places {
            let mut at = |step: f32| {
                let kept = found[i];
                found[i] += step;
                let loss = keypoint_loss(&found, &expected, SIZE, weights, &mut vec![0.0; gradient.len()]);
                found[i] = kept;
                loss.sum()
            };
            let slope = (at(0.01) - at(-0.01)) / 0.02;
            assert!((slope - f64::from(gradient[i])).abs() < 1e-3, "{i}: {slope} {}", gradient[i]);
            seen += usize::from(slope.abs() > 0.01);
        }
        assert!(seen > 20, "the control: {seen} slopes are not zero");
    }

    #[test]
    fn an_endpoint_out_of_reach_is_left_to_the_heatmaps() {
        let found = maps([[3.0, 8.0], [13.0, 8.0], [8.0, 5.0], [8.0, 8.0]]);
        let far = maps([[3.0, 8.0], [13.0, 8.0], [8.0, 5.0], [8.0, 14.0]]);
        let mut gradient = vec![0.0; found.len()];
        let ends = &LossWeights { ends: 1.0, ..LossWeights::default() };
        let loss = keypoint_loss(&found, &far, SIZE, ends, &mut gradient);
        assert!(
            (loss.ends - 3.0 / 4.0 / 16.0).abs() < 1e-3 && gradient.iter().all(|g| *g == 0.0),
            "{loss:?}"
        );
    }

    /// The squared cosine of the axes in maps whose peaks have these values.
    fn cosine(points: [[f64; 2]; 4], peaks: [f32; 4]) -> f64 {
        let mut found = maps(points);
        found.iter_mut().enumerate().for_each(|(i, value)| *value *= peaks[i % 4]);
        let weights = &LossWeights { cosine: 1.0, ..LossWeights::default() };
        keypoint_loss(&found, &found, SIZE, weights, &mut vec![0.0; found.len()]).cosine
    }

    #[test]
    fn the_cosine_is_that_of_the_axes_however_low_the_peaks() {
        let diagonal = [[4.0, 8.0], [12.0, 8.0], [5.0, 4.0], [11.0, 10.0]];
        let off_centre = [[3.0, 5.0], [13.0, 5.0], [10.0, 3.0], [10.0, 12.0]];
        for peaks in [[1.0; 4], [0.6, 0.6, 0.6, 0.3], [0.4, 0.17, 0.67, 0.25]] {
            assert!(cosine(EXPECTED, peaks) < 1e-6, "{peaks:?}");
            assert!(cosine(off_centre, peaks) < 1e-6, "{peaks:?}");
            assert!((cosine(diagonal, peaks) - 0.5).abs() < 1e-3, "cos² 45° is a half: {peaks:?}");
        }
    }

    #[test]
    fn an_axis_of_less_than_a_pixel_has_no_direction() {
        let short = |length: f64| [[3.0, 8.0], [13.0, 8.0], [8.0, 8.0], [8.0 + length, 8.0]];
        assert_eq!(cosine(short(0.9), [1.0; 4]), 0.0);
        assert!((cosine(short(1.1), [1.0; 4]) - 1.0).abs() < 1e-3, "the control: parallel axes cost 1");
    }
}
