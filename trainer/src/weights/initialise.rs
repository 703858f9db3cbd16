use super::{Tensor, Weights};
use crate::graph::{Graph, Parameter, Role};

impl Weights {
    /// Weights to start training from, the same bits for the same seed on every machine.
    ///
    /// - Weights of layers: uniform with He et al.'s variance of 2 / fan-in (2015), so that rectified signals
    ///   keep their size. Uniform rather than normal: only a square root is taken, which every platform
    ///   rounds alike.
    /// - Weights of a layer that gives an output of the network: zero. Untrained, it answers its bias.
    /// - Biases, shifts, running means: 0. Scales, running variances: 1.
    ///
    /// Every tensor has a stream of random numbers of its own, by its name: to add a layer changes no other.
    #[must_use]
    pub fn initialise(graph: &Graph, seed: u64) -> Self {
        let mut weights = Self::default();
        for (value, node) in graph.nodes() {
            let is_output = graph.outputs().contains(&value);
            for parameter in graph.parameters_of(node) {
                let values = match parameter.role {
                    Role::Weight { .. } if is_output => vec![0.0; parameter.elements()],
                    Role::Weight { fan_in } => uniform(&parameter, fan_in, seed),
                    Role::Bias | Role::Shift | Role::RunningMean => vec![0.0; parameter.elements()],
                    Role::Scale | Role::RunningVariance => vec![1.0; parameter.elements()],
                };
                let tensor = Tensor { shape: parameter.shape, values };
                weights.insert(parameter.name, tensor);
            }
        }
        weights
    }
}

/// Numbers uniform in ±√(6 / fan-in): a variance of 2 / fan-in.
fn uniform(parameter: &Parameter, fan_in: usize, seed: u64) -> Vec<f32> {
    let bound = (6.0 / fan_in as f64).sqrt();
    let stream = mix(seed ^ hash(&parameter.name));
    (0..parameter.elements() as u64)
        .map(|i| {
            // 53 bits, the digits of an f64.
            let unit = (mix(stream.wrapping_add(i)) >> 11) as f64 / (1_u64 << 53) as f64;
            #[allow(clippy::cast_possible_truncation, reason = "rounding to f32 is the point")]
            let value = ((2.0 * unit - 1.0) * bound) as f32;
            value
        })
        .collect()
}

/// FNV-1a.
fn hash(name: &str) -> u64 {
    name.bytes()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// One step of SplitMix64 (Steele, Lea, Flood 2014): the random number at place `counter` of its sequence.
fn mix(counter: u64) -> u64 {
    let z = counter.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::super::tests::small_graph;
    use super::*;
    use crate::graph::{GraphError, Shape, Window};

    #[test]
    fn the_generator_is_splitmix64() {
        // The first numbers of the reference implementation from state 0.
        let want = [0xe220_a839_7b1d_cdaf, 0x6e78_9e6a_a1b9_65f4, 0x06c4_5d18_8009_454f];
        assert_eq!([0, 1, 2].map(mix), want);
    }

    #[test]
    fn weights_have_the_variance_of_he() {
        let graph = Graph::build::<GraphError>(|root| {
            let x = root.input("patch", Shape::new(32, 8, 8))?;
            let x = root.convolution("conv", x, 64, Window::same(3, 1))?;
            Ok(vec![root.relu("relu", x)?])
        })
        .unwrap();
        let weights = Weights::initialise(&graph, 1);
        let values = weights.get("conv.weight").unwrap().values();
        let n = values.len() as f64;
        let mean = values.iter().map(|&v| f64::from(v)).sum::<f64>() / n;
        let variance = values.iter().map(|&v| f64::from(v).powi(2)).sum::<f64>() / n;
        let want = 2.0 / (32.0 * 9.0);
        // 18,432 draws: the mean is within four standard errors, the variance within 4 %.
        assert!(mean.abs() < 4.0 * (want / n).sqrt(), "{mean}");
        assert!((variance / want - 1.0).abs() < 0.04, "{variance}");
        assert!(weights.get("conv.bias").unwrap().values().iter().all(|&v| v == 0.0));
    }

    #[test]
    fn seeds_and_names_decide_and_nothing_else_does() {
        let graph = small_graph();
        assert_eq!(Weights::initialise(&graph, 3), Weights::initialise(&graph, 3));
        assert_ne!(Weights::initialise(&graph, 3), Weights::initialise(&graph, 4));

        let longer = Graph::build::<GraphError>(|root| {
            let x = root.input("patch", Shape::new(1, 8, 8))?;
            let y = root.convolution("first", x, 1, Window::same(3, 1))?;
            let y = root.normalised_convolution(["conv", "bn"], y, 4, Window::same(3, 2))?;
            Ok(vec![root.relu("relu", y)?])
        })
        .unwrap();
        let (a, b) = (Weights::initialise(&graph, 3), Weights::initialise(&longer, 3));
        assert_eq!(a.get("conv.weight"), b.get("conv.weight"));
    }

    #[test]
    fn an_untrained_network_answers_its_bias() {
        let weights = Weights::initialise(&small_graph(), 3);
        assert!(weights.get("theta.weight").unwrap().values().iter().all(|&v| v == 0.0));
        assert!(weights.get("hidden.weight").unwrap().values().iter().any(|&v| v != 0.0));
    }
}
