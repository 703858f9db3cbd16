//! Every operator's gradient against central differences, in 64 bits.

use dfdx::tensor::{Cpu, PutTape, SplitTape, TensorFromVec};
use recist::geometry::{AffineGrid, AffineMap};

use super::*;

type Map = FeatureMap<f64, Cpu>;

/// An operator on leaves: its result, and the gradient of the projected result by each leaf.
type Operator = fn(&[Vec<f64>]) -> (Vec<f64>, Vec<Vec<f64>>);

/// Numbers without a pattern, from -1 to 1, no two close together.
fn numbers(count: usize, seed: usize) -> Vec<f64> {
    (0..count).map(|i| ((i * 7919 + seed * 104_729 + 31) % 1009) as f64 / 504.5 - 1.0).collect()
}

/// What a result is multiplied by before it is summed.
fn projection(count: usize) -> Vec<f32> {
    (0..count).map(|i| ((i * 37 % 11) as f32 - 5.0) / 4.0).collect()
}

fn map(values: &[f64], shape: (usize, usize, usize, usize)) -> Map {
    cpu().tensor_from_vec(values.to_vec(), shape)
}

fn matrix(values: &[f64], shape: (usize, usize)) -> Matrix<f64, Cpu> {
    cpu().tensor_from_vec(values.to_vec(), shape)
}

fn vector(values: &[f64]) -> Vector<f64, Cpu> {
    cpu().tensor_from_vec(values.to_vec(), (values.len(),))
}

fn recorded<S: dfdx::shapes::Shape>(
    tensor: &dfdx::tensor::Tensor<S, f64, Cpu>,
) -> dfdx::tensor::Tensor<S, f64, Cpu, Recording<f64, Cpu>> {
    tensor.clone().put_tape(Recording::default())
}

macro_rules! outcome {
    ($output:expr, $($leaf:expr),+) => {{
        let (output, mut recording) = $output.unwrap().split_tape();
        let values = output.as_vec();
        seed(&mut recording, &output, &projection(values.len()));
        let mut gradients = backward(output.device(), recording).unwrap();
        (values, vec![$(gradients.take(&$leaf.ghost()).unwrap().to_vec()),+])
    }};
}

const CONVOLUTION: Convolution = Convolution { output_channels: 3, kernel: 3, stride: 2, padding: 1 };

/// Name, sizes of the leaves, the operator.
const OPERATORS: [(&str, &[usize], Operator); 10] = [
    ("convolution", &[2 * 5 * 5 * 2, 3 * 2 * 9, 3], |leaves| {
        let (x, w, b) = (map(&leaves[0], (2, 5, 5, 2)), vector(&leaves[1]), vector(&leaves[2]));
        outcome!(convolution(recorded(&x), &w, Some(&b), CONVOLUTION), x, w, b)
    }),
    ("linear", &[6, 12, 4], |leaves| {
        let (x, w, b) = (matrix(&leaves[0], (2, 3)), vector(&leaves[1]), vector(&leaves[2]));
        outcome!(linear(recorded(&x), &w, &b), x, w, b)
    }),
    ("batch norm", &[2 * 3 * 3 * 2, 2, 2], |leaves| {
        let (x, scale, shift) = (map(&leaves[0], (2, 3, 3, 2)), vector(&leaves[1]), vector(&leaves[2]));
        let (mut mean, mut variance) = (vector(&[0.0; 2]), vector(&[1.0; 2]));
        let running = RunningStatistics { mean: &mut mean, variance: &mut variance };
        outcome!(batch_norm(recorded(&x), &scale, &shift, running, Activation::Relu), x, scale, shift)
    }),
    ("relu", &[24], |leaves| {
        let x = map(&leaves[0], (1, 3, 4, 2));
        outcome!(relu(recorded(&x)), x)
    }),
    ("add and rectify", &[24, 24], |leaves| {
        let (x, y) = (map(&leaves[0], (1, 3, 4, 2)), map(&leaves[1], (1, 3, 4, 2)));
        outcome!(add(recorded(&x), y.clone(), Activation::Relu), x, y)
    }),
    ("maximum pool", &[2 * 6 * 6 * 2], |leaves| {
        let x = map(&leaves[0], (2, 6, 6, 2));
        outcome!(max_pool(recorded(&x), MaxPool { kernel: 3, stride: 2, padding: 1 }), x)
    }),
    ("upsample", &[2 * 3 * 2 * 2], |leaves| {
        let x = map(&leaves[0], (2, 3, 2, 2));
        outcome!(upsample(recorded(&x)), x)
    }),
    ("flatten", &[2 * 3 * 2 * 2], |leaves| {
        let x = map(&leaves[0], (2, 3, 2, 2));
        outcome!(flatten(recorded(&x)), x)
    }),
    ("affine matrix", &[2 * 5], |leaves| {
        let x = matrix(&leaves[0], (2, 5));
        outcome!(affine_matrix(recorded(&x)), x)
    }),
    ("sampler", &[2 * 6 * 6, 12], |leaves| {
        let (x, m) = (map(&leaves[0], (2, 6, 6, 1)), matrix(&leaves[1], (2, 6)));
        outcome!(sample(recorded(&x), m.clone(), 4), x, m)
    }),
];

#[test]
fn gradients_of_every_operator_are_central_differences() {
    const STEP: f64 = 1e-6;
    for (name, sizes, operator) in OPERATORS {
        let leaves: Vec<Vec<f64>> = sizes.iter().enumerate().map(|(i, &size)| numbers(size, i)).collect();
        let (values, gradients) = operator(&leaves);
        assert!(values.iter().any(|v| *v != 0.0), "{name}");
        for (leaf, gradient) in gradients.iter().enumerate() {
            let largest = gradient.iter().fold(0.0_f64, |m, g| m.max(g.abs()));
            assert!(largest > 0.0, "{name}: no gradient reaches leaf {leaf}");
            for i in 0..gradient.len() {
                let at = |step: f64| -> f64 {
                    let mut moved = leaves.clone();
                    moved[leaf][i] += step;
                    let (values, _) = operator(&moved);
                    let projected = values.iter().zip(projection(values.len()));
                    projected.map(|(v, p)| v * f64::from(p)).sum()
                };
                let slope = (at(STEP) - at(-STEP)) / (2.0 * STEP);
                let apart = (slope - gradient[i]).abs();
                assert!(apart < 1e-6 * largest.max(1.0), "{name}, leaf {leaf}, {i}: {slope} {}", gradient[i]);
            }
        }
    }
}

#[test]
fn the_sampler_computes_what_the_runtimes_sampler_computes() {
    let image: Vec<f64> = numbers(16 * 16, 5);
    let rows = [[0.7, -0.3, 0.15], [0.25, 0.8, -0.4]];
    let values: Vec<f64> = rows.concat();
    let found = sample(map(&image, (1, 16, 16, 1)), matrix(&values, (1, 6)), 12).unwrap().as_vec();
    #[allow(clippy::cast_possible_truncation, reason = "the runtime samples f32")]
    let narrow: Vec<f32> = image.iter().map(|&v| v as f32).collect();
    let mut expected = vec![0.0; 12 * 12];
    let grid = AffineGrid::from_normalised(AffineMap::from_rows(rows), 12, 16);
    recist::image::sample(&narrow, 16, &grid, &mut expected);
    for (found, expected) in found.iter().zip(expected) {
        assert!((found - f64::from(expected)).abs() < 1e-5, "{found} {expected}");
    }
}
