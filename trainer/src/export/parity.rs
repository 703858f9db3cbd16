use std::fmt;

use recist::cascade::decode;
use recist::geometry::Point;
use recist::image::PATCH_SIZE;

use super::{Answers, QuantisedNetwork};

/// How far two engines' answers on the same patches are apart.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Parity {
    /// Patches compared.
    pub(super) patches: usize,
    /// The greatest difference of a mask or heatmap value, relative to the greatest value of its kind.
    pub(super) values: f32,
    /// The greatest difference of one of θ's five numbers.
    pub(super) theta: f32,
    /// The mean and the greatest distance of a decoded keypoint, in pixels of the canonical patch.
    pub(super) keypoints: [f64; 2],
    /// Whether all numbers are the same bits.
    pub(super) identical: bool,
    /// The share of all numbers that are at most one quantum apart, where the numbers have quanta.
    pub(super) within_one_quantum: Option<f64>,
}

/// The distance of neighbouring numbers in the outputs of quantised networks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Quanta {
    mask: f32,
    theta: f32,
    heatmaps: f32,
}

impl Quanta {
    /// Those of the cascade's networks, localization and hourglass.
    ///
    /// # Panics
    /// If they are not the cascade's.
    #[must_use]
    pub(super) fn of([localization, hourglass]: &[QuantisedNetwork; 2]) -> Self {
        let scale = |network: &QuantisedNetwork, output: usize| {
            let network = &network.lowered.network;
            network.tensors[network.outputs[output].0].scale
        };
        Self { mask: scale(localization, 0), theta: scale(localization, 1), heatmaps: scale(hourglass, 0) }
    }
}

impl Parity {
    /// Compares the answers of two engines, in quanta too where there are some.
    ///
    /// # Panics
    /// If they are not answers to the same patches.
    #[must_use]
    pub(super) fn between(first: &Answers, second: &Answers, quanta: Option<Quanta>) -> Self {
        let kinds = [
            (&first.masks, &second.masks),
            (&first.theta, &second.theta),
            (&first.heatmaps, &second.heatmaps),
        ];
        for (a, b) in kinds {
            assert_eq!(a.len(), b.len(), "answers to the same patches");
        }
        let [masks, theta, heatmaps] = kinds.map(|(a, b)| greatest_difference(a, b));
        let size = first.heatmap_size;
        let pixels = (PATCH_SIZE / size) as f64;
        let maps = first.heatmaps.chunks_exact(size * size).zip(second.heatmaps.chunks_exact(size * size));
        let distances: Vec<f64> = maps
            .map(|(a, b)| {
                let [a, b]: [Point; 2] = [a, b].map(|map| decode(map, size).position);
                pixels * a.distance(b)
            })
            .collect();
        let within_one_quantum = quanta.map(|Quanta { mask, theta, heatmaps }| {
            let all: usize = kinds.iter().map(|(a, _)| a.len()).sum();
            let within: usize = kinds
                .iter()
                .zip([mask, theta, heatmaps])
                .flat_map(|((a, b), quantum)| a.iter().zip(*b).map(move |(a, b)| (a - b).abs() / quantum))
                .filter(|&apart| apart < 1.5)
                .count();
            within as f64 / all as f64
        });
        Self {
            patches: first.theta.len() / 5,
            values: (masks / greatest(&first.masks)).max(heatmaps / greatest(&first.heatmaps)),
            theta,
            keypoints: [
                distances.iter().sum::<f64>() / distances.len() as f64,
                distances.iter().copied().fold(0.0, f64::max),
            ],
            identical: first == second,
            within_one_quantum,
        }
    }
}

fn greatest_difference(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).fold(0.0, |m, (a, b)| m.max((a - b).abs()))
}

fn greatest(values: &[f32]) -> f32 {
    values.iter().fold(f32::MIN_POSITIVE, |m, v| m.max(v.abs()))
}

impl fmt::Display for Parity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { values, theta, keypoints: [mean, most], identical, within_one_quantum, .. } = self;
        if *identical {
            return f.write_str("the same bits");
        }
        write!(
            f,
            "at most {values:.1e} of the greatest value and {theta:.1e} in θ apart, keypoints {mean:.1e} patch \
             pixels, at most {most:.1e}"
        )?;
        if let Some(share) = within_one_quantum {
            write!(f, "; {:.3} % within one quantum", 100.0 * share)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_are_counted_in_quanta_and_patch_pixels() {
        let mut heatmaps = vec![0.0; 4 * 64];
        for (map, at) in [(0, 18), (1, 20), (2, 36), (3, 45)] {
            heatmaps[64 * map + at] = 1.0;
        }
        let first = Answers { heatmap_size: 8, masks: vec![0.5; 1024], theta: vec![0.25; 5], heatmaps };
        let quanta = Some(Quanta { mask: 0.1, theta: 0.1, heatmaps: 0.1 });
        let same = Parity::between(&first, &first, quanta);
        assert!(same.identical && same.keypoints == [0.0; 2] && same.within_one_quantum == Some(1.0));

        let mut second = first.clone();
        second.heatmaps.swap(18, 19);
        second.theta[3] += 0.1;
        second.masks[7] = 0.2;
        let apart = Parity::between(&first, &second, quanta);
        assert_eq!(apart.keypoints, [4.0, 16.0], "one of four keypoints moved by one of eight pixels");
        assert!((apart.theta - 0.1).abs() < 1e-6 && !apart.identical);
        let numbers = 1024.0 + 5.0 + 256.0;
        assert_eq!(apart.within_one_quantum, Some((numbers - 3.0) / numbers));
    }
}
